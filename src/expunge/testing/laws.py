"""The ten laws, each a plain function of a `Case` that raises an AssertionError when the method breaks it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import strategies as st

from expunge.codec import encode, fingerprint
from expunge.errors import LearnError, RefusedError
from expunge.protocol import Run
from expunge.store.sweep import sweep
from expunge.testing.canary import needles_of, text_of, with_canary
from expunge.testing.cases import Case
from expunge.testing.counting import counted
from expunge.testing.evidence import (
    assert_asked_again_of_what_is_left,
    bytes_after,
    compare_with_learning,
    confidence,
    fingerprint_of,
    in_both_processes,
    is_exact,
    kept_by,
    or_failure,
    said,
)
from expunge.testing.requests import any_target, hard_streams, in_text, names_of, planted, rows_like, some_erasures
from expunge.values import Batch, Correction, Exact, Name, Quote, Records, Refusal

Law: TypeAlias = Callable[[Case], None]


@dataclass(frozen=True)
class Unheard:
    """A target that no record carries and no method knows."""


def learning_is_a_pure_function(case: Case) -> None:
    """1. The same set of records, in any row order and in another process, gives the same fingerprint."""
    expected = fingerprint(case.method.learn(case.data, case.run()))

    def law(draw: st.DataObject) -> None:
        order = draw.draw(st.permutations(range(len(case.data))))
        np.random.seed(draw.draw(st.integers(0, 2**32 - 1)))  # noqa: NPY002  (for what draws from it unasked)
        assert fingerprint_of(case, case.data.take(np.array(order, dtype=np.intp))) == expected, (
            "row order changes the model"
        )

    case.tried(law)
    text = in_text(case.data)
    backwards = text.take(np.arange(len(text))[::-1])
    assert fingerprint_of(case, text) == fingerprint_of(case, backwards), (
        "with names of text, row order changes the model"
    )
    if case.portable:
        target = Records([names_of(case.data)[0]])
        here, there = in_both_processes(case, target)
        assert here == there, "another process learns, forgets or, from the model's bytes, predicts otherwise"


def exact_forgetting_is_learning_without(case: Case) -> None:
    """2. Whatever is forgotten, in whatever steps: an Exact claim means the fingerprint of learning without it."""
    for stream in hard_streams(case):
        compare_with_learning(case, stream)
    some = Records(names_of(case.data)[-4:])
    compare_with_learning(replace(case, data=in_text(case.data)), [Records(names_of(in_text(case.data))[-4:])])
    if is_exact(case, some, case.data):  # else there is no bit to compare
        compare_with_learning(case, [some], threads=2)
        compare_with_learning(case, [some], map=lambda fn, items: iter([fn(item) for item in items]))

    assert_asked_again_of_what_is_left(case, some)

    def law(draw: st.DataObject) -> None:
        data, stream = case.data, []
        for _ in range(draw.draw(st.integers(1, 3))):
            stream.append(any_target(draw, data, case))
            data = data.after(stream[-1])
        compare_with_learning(case, stream)

    case.tried(law)


def what_is_forgotten_has_no_influence(case: Case) -> None:
    """3. Change the content of records before learning, forget them: the bytes are the same. Needs no oracle."""

    def law(draw: st.DataObject) -> None:
        ids = draw.draw(st.sets(st.sampled_from(names_of(case.data)), min_size=1))
        target, others = Records(ids), rows_like(case.data, sorted(ids, key=str), draw.draw(st.integers(0, 2**32 - 1)))
        changed = case.data.after(Correction(others))
        if all(is_exact(case, target, data) for data in (case.data, changed)):
            models = [bytes_after(case, [target], data) for data in (case.data, changed)]
            assert models[0] == models[1], f"what {target} said still shows after it was forgotten"

    case.tried(law)


def order_and_grouping_do_not_matter(case: Case) -> None:
    """4. For erasures, ``a;b``, ``b;a`` and ``{a, b}`` end in the same model."""

    def law(draw: st.DataObject) -> None:
        first, second = draw.draw(some_erasures(case.data)), draw.draw(some_erasures(case.data))
        if not all(is_exact(case, target, case.data) for target in (first, second)):
            return
        ends = [bytes_after(case, stream) for stream in ([first, second], [second, first], [Batch([first, second])])]
        assert ends[0] == ends[1] == ends[2], f"the order or grouping of {first} and {second} shows"

    case.tried(law)


def a_quote_keeps_its_word(case: Case) -> None:
    """5. The claim delivered is the claim quoted, and no more records are visited than were quoted.

    Where the method works on a learner, the visits are counted there, and not believed.
    """

    def law(draw: st.DataObject) -> None:
        target, run, (method, seen) = any_target(draw, case.data, case), case.run(), counted(case.method)
        model = method.learn(case.data, run)
        quote = method.quote(model, target, case.data, run)
        seen.clear()
        if isinstance(quote, Quote):
            done = or_failure(lambda: method.forget(model, target, case.data, run))
            if done is not LearnError:
                assert done.claim == quote.claim, f"quoted {quote.claim}, delivered {done.claim}"
                assert done.examples <= quote.examples, f"quoted {quote.examples} visits, needed {done.examples}"
                assert sum(seen) <= done.examples, f"reported {done.examples} visits, made {sum(seen)}"

    case.tried(law)


def forgetting_nothing_changes_nothing(case: Case) -> None:
    """6. No ids, ids that nobody has, an empty batch, a correction that corrects nothing: the model stays."""
    run = case.run()
    model = case.method.learn(case.data, run)
    unknown: Name = -1 if isinstance(case.data.ids, np.ndarray) else "nobody"
    right = Correction(case.data.take(slice(0, 2)))
    for nothing in (Records([]), Records([unknown]), Batch([]), right):
        done = case.method.forget(model, nothing, case.data, run)
        assert fingerprint(done.model) == fingerprint(model), f"forgetting nothing ({nothing}) changed the model"


def inputs_are_left_alone(case: Case) -> None:
    """7. Model, data and checkpoints at rest are the same bytes after forgetting as before."""
    run = case.run()
    model = case.method.learn(case.data, run)
    before = encode(model), case.data.gathered().digests(b"inputs").tobytes(), dict(run.store)
    case.method.forget(model, Records(names_of(case.data)[:3]), case.data, run)
    assert encode(model) == before[0], "forgetting changed the model that it was given"
    assert replace(case.data.gathered().columns).digest(b"inputs", named=True).tobytes() == before[1], (
        "forgetting changed the data that it was given"
    )
    assert all(run.store.get(name) == blob for name, blob in before[2].items()), (
        "forgetting changed a checkpoint at rest"
    )


def nothing_of_the_forgotten_remains(case: Case) -> None:
    """8. After forgetting and sweeping, neither model, store, method nor what was printed holds the forgotten record.

    Nor the key. And the store holds what it would hold had the record never been there, no more.
    """
    run, data = case.run(), with_canary(case.data)
    target, needles = Records([names_of(data)[-1]]), needles_of(data)
    assert all(needle in pickle.dumps(data) or needle in text_of(data) for needle in needles[:1]), "the scan is blind"
    with said() as printed:
        done = case.method.forget(case.method.learn(data, run), target, data, run)
    sweep(run.store, [done.model])
    places = {"model": encode(done.model), "method": kept_by(case.method), "output": printed(), **run.store}
    for place, content in places.items():
        for needle in (*needles, case.key, case.key.hex().encode()):
            assert needle not in content, f"{needle!r} of the forgotten record, or the key, is still in {place}"
    if isinstance(done.claim, Exact):
        afresh = case.run()
        sweep(afresh.store, [case.method.learn(data.after(target), afresh)])
        assert dict(run.store) == dict(afresh.store), (
            "the store holds more, or other, than learning without leaves in it"
        )


def what_cannot_be_forgotten_is_refused(case: Case) -> None:
    """9. `quote` returns a Refusal with a reason for what no record carries, and `forget` raises that very refusal."""
    run = case.run()
    model = case.method.learn(case.data, run)
    answer = case.method.quote(model, Unheard(), case.data, run)
    assert isinstance(answer, Refusal), f"a target that no record carries was quoted: {answer}"
    assert answer.reason, "a refusal gives its reason"
    with pytest.raises(RefusedError) as refused:
        case.method.forget(model, Unheard(), case.data, run)
    assert refused.value.refusal == answer, "forget gives another reason than quote"


def forgetting_ends_near_the_oracle(case: Case) -> None:
    """10. No farther from the oracle than doing nothing, and not beyond it, give or take oracle against oracle.

    A claim that is not Exact has to move: where doing nothing would pass too, the case shows nothing and is refused.
    """
    target = planted(case.data)
    run = case.run()
    model = case.method.learn(case.data, run)
    done = case.method.forget(model, target, case.data, run)
    oracles = [case.method.learn(case.data.after(target), Run(key=key)) for key in (case.key, b"2", b"3", b"4", b"5")]
    gone = case.data.take(case.data.change(target).out)  # type: ignore[union-attr]  # records carry it
    before, after, *others = (confidence(case, each, gone) for each in (model, done.model, *oracles))
    goal, spread = others[0], 3 * float(np.std(others)) + 1e-9
    gap = before - goal
    moved = (after - goal) * (1 if gap >= 0 else -1)
    assert moved <= abs(gap) + spread, (
        f"farther from the oracle than doing nothing: {after} against {goal}, was {before}"
    )
    assert moved >= -spread - case.overshoot * abs(gap), f"beyond the oracle: {after} against {goal}, was {before}"
    if not isinstance(done.claim, Exact):
        assert abs(gap) > spread, "the planted records leave no mark on this model: give the Case data that do"
        assert moved <= 0.9 * abs(gap) + spread, f"it does next to nothing: {after} against {goal}, was {before}"


LAWS: tuple[Law, ...] = (
    learning_is_a_pure_function,
    exact_forgetting_is_learning_without,
    what_is_forgotten_has_no_influence,
    order_and_grouping_do_not_matter,
    a_quote_keeps_its_word,
    forgetting_nothing_changes_nothing,
    inputs_are_left_alone,
    nothing_of_the_forgotten_remains,
    what_cannot_be_forgotten_is_refused,
    forgetting_ends_near_the_oracle,
)
