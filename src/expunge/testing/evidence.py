"""What laws look at: fingerprints, bytes and scores after learning and forgetting, here and in a fresh process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.codec import encode, fingerprint
from expunge.data.table import Table
from expunge.errors import EmptyModelError, LearnError
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
        held, current = model, data
        model = or_failure(lambda t=target, m=held, d=current: case.method.forget(m, t, d, run).model)  # type: ignore[misc]
        data = data.after(target)
    return LearnError if model is LearnError else encode(model)


def is_exact(case: Case, target: Target, data: Table) -> bool:
    """Whether the method quotes Exact for this target."""
    run = case.run()
    model = or_failure(lambda: case.method.learn(data, run))
    if model is LearnError:
        return False
    quote = case.method.quote(model, target, data, run)
    return isinstance(quote, Quote) and isinstance(quote.claim, Exact)


def compare_with_learning(case: Case, stream: list[Target]) -> None:
    """Forget a stream step by step; while the claims are Exact, the model is the one learned without, bit for bit."""
    data, run = case.data, case.run()
    model = case.method.learn(data, run)
    for target in stream:
        quote = case.method.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            return
        held, before, data = model, data, data.after(target)
        done = or_failure(lambda m=held, d=before, t=target: case.method.forget(m, t, d, run))  # type: ignore[misc]
        if done is LearnError or not isinstance(done.claim, Exact):
            assert done is not LearnError or fingerprint_of(case, data) is LearnError, (
                "forget failed where learning does not"
            )
            return
        model = done.model
    assert fingerprint(model) == fingerprint_of(case, data), f"not the model learned without, after {stream}"


def confidence(case: Case, model: Any, records: Table) -> float:
    """Mean score of the true class; for regression, of the prediction itself."""
    try:
        scores: NDArray[Any] = np.asarray(case.method.predict(model, records))
    except EmptyModelError:
        return 0.0
    if scores.ndim == 1:
        return float(np.mean(scores))
    names = np.array(model.classes)
    hits = np.asarray(records.label)[:, None] == names[None, :]
    return float((scores * hits).sum(axis=1).mean())


def in_a_fresh_process(case: Case, target: Target) -> list[str]:
    """Fingerprints of learning, and of learning and forgetting, in a process with another hash seed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case"
        file.write_bytes(pickle.dumps((replace(case, groups=None), target)))
        environment = os.environ | {"PYTHONHASHSEED": "97"}
        command = [sys.executable, "-c", f"from expunge.testing.evidence import replay; replay({str(file)!r})"]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        assert said.returncode == 0, said.stderr
        return said.stdout.split()


def replay(file: str) -> None:
    """The other end of `in_a_fresh_process`."""
    case, target = pickle.loads(Path(file).read_bytes())  # noqa: S301  (written a moment ago by the test itself)
    run = case.run()
    model = case.method.learn(case.data, run)
    print(fingerprint(model), fingerprint(case.method.forget(model, target, case.data, run).model))  # noqa: T201
