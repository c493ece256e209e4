"""What laws look at: fingerprints, bytes and scores after learning and forgetting, here and in a fresh process."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.codec import decode, encode, fingerprint
from expunge.data.labels import arranged
from expunge.data.table import Table
from expunge.errors import EmptyModelError, LearnError, MismatchError, RefusedError
from expunge.protocol import Run
from expunge.testing.cases import Case
from expunge.values import Exact, Quote, Refusal, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fingerprint_of(case: Case, data: Table) -> object:
    """Fingerprint of learning these data with an empty store."""
    return or_failure(lambda: fingerprint(case.method.learn(data, case.run())))


def or_failure(work: Callable[[], Any]) -> Any:
    """What the work gives, or LearnError when the estimator cannot learn from so few records."""
    try:
        return work()
    except LearnError:
        return LearnError


def bytes_after(case: Case, stream: Iterable[Target], data: Table | None = None) -> object:
    """Bytes of the model after learning and forgetting in steps."""
    data, run = case.data if data is None else data, case.run()
    model = or_failure(lambda: case.method.learn(data, run))
    for target in stream:
        if model is LearnError:
            return LearnError
        try:
            done = or_failure(partial(case.method.forget, model, target, data, run))
        except RefusedError:  # its right, for a target that it quotes no claim for
            return RefusedError
        model, data = LearnError if done is LearnError else done.model, data.after(target)
    return LearnError if model is LearnError else encode(model)


def is_exact(case: Case, target: Target, data: Table) -> bool:
    """Whether the method quotes Exact for this target."""
    run = case.run()
    model = or_failure(lambda: case.method.learn(data, run))
    if model is LearnError:
        return False
    quote = case.method.quote(model, target, data, run)
    return isinstance(quote, Quote) and isinstance(quote.claim, Exact)


def compare_with_learning(case: Case, stream: list[Target], **options: Any) -> None:
    """Forget a stream step by step; while the claims are Exact, the model is the one learned without, bit for bit."""
    data, run = case.data, Run(key=case.key, **options)
    model = case.method.learn(data, run)
    for target in stream:
        quote = case.method.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            return
        done = or_failure(partial(case.method.forget, model, target, data, run))
        data = data.after(target)
        if done is LearnError or not isinstance(done.claim, Exact):
            if done is LearnError:
                too_few = or_failure(partial(case.method.learn, data, run.afresh())) is LearnError
                assert too_few, "forget failed where learning does not"
            return
        model = done.model
    oracle = or_failure(lambda: fingerprint(case.method.learn(data, run.afresh())))
    assert fingerprint(model) == oracle, f"not the model learned without, after {stream}"


def assert_asked_again_of_what_is_left(case: Case, target: Target) -> None:
    """The old model and data without the target, as after a crash: the right model, or a refusal of the mismatch."""
    run = case.run()
    model, rest = case.method.learn(case.data, run), case.data.after(target)
    try:
        done = case.method.forget(model, target, rest, run)
    except MismatchError:
        return
    if isinstance(done.claim, Exact):
        assert fingerprint(done.model) == fingerprint_of(case, rest), (
            "asked again, it hands the old model back as Exact"
        )


def confidence(case: Case, model: Any, records: Table) -> float:
    """Mean score of the true class, of multi-label data of what is true; for regression, of the prediction itself."""
    try:
        scores: NDArray[Any] = np.asarray(case.method.predict(model, records))
    except EmptyModelError:
        return 0.0
    if scores.ndim == 1 or getattr(model, "classes", None) is None:
        return float(np.mean(scores))
    if records.task == "multilabel":
        carried = arranged(np.asarray(records.label), records.classes or (), model.classes)
        return float(np.where(carried, scores, 1 - scores).mean())
    names = np.array(model.classes)
    hits = np.asarray(records.label)[:, None] == names[None, :]
    return float((scores * hits).sum(axis=1).mean())


@contextmanager
def said() -> Iterator[Callable[[], bytes]]:
    """Everything that is printed or logged meanwhile."""
    told = StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger().addHandler(handler)
    try:
        with redirect_stdout(told), redirect_stderr(told):
            yield lambda: told.getvalue().encode()
    finally:
        logging.getLogger().removeHandler(handler)


def kept_by(method: object) -> bytes:
    """What a method and its class hold, as text and as bytes."""
    held = [
        getattr(method, "__dict__", {}),
        {name: value for name, value in vars(type(method)).items() if name[:2] != "__"},
    ]
    try:
        return repr(held).encode() + pickle.dumps(held[0])
    except (pickle.PicklingError, AttributeError, TypeError):
        return repr(held).encode()


def in_both_processes(case: Case, target: Target) -> tuple[list[str], list[str]]:
    """Fingerprints of learning and forgetting, and predictions from the bytes of both, here and in a fresh process."""
    run = case.run()
    model = case.method.learn(case.data, run)
    oracle = case.method.learn(case.data.after(target), case.run())
    forgotten = case.method.forget(model, target, case.data, run).model  # which is the oracle only where it is exact
    blobs = [encode(forgotten), encode(oracle)]
    here = [fingerprint(model), fingerprint(forgotten), *(_predicted(case, each) for each in (forgotten, oracle))]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case"
        file.write_bytes(pickle.dumps((replace(case, groups=None), target, blobs)))
        environment = os.environ | {"PYTHONHASHSEED": "97"}
        command = [sys.executable, "-c", f"from expunge.testing.evidence import replay; replay({str(file)!r})"]
        there = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        assert there.returncode == 0, there.stderr
    return here, there.stdout.split()


def replay(file: str) -> None:
    """The other end of `in_both_processes`."""
    case, target, blobs = pickle.loads(Path(file).read_bytes())  # noqa: S301  (written a moment ago by the test itself)
    predicted = [_predicted(case, decode(blob, trusted=True)) for blob in blobs]  # before anything is learned here
    run = case.run()
    model = case.method.learn(case.data, run)
    forgotten = case.method.forget(model, target, case.data, run).model
    print(fingerprint(model), fingerprint(forgotten), *predicted)  # noqa: T201


def _predicted(case: Case, model: Any) -> str:
    return fingerprint(np.asarray(case.method.predict(model, case.data)))
