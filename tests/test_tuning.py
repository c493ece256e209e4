"""The choice is made on records that stay, within a budget, and neither too little nor too much is taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import (
    Addition,
    Batch,
    Correction,
    Empirical,
    Forgotten,
    Label,
    Owners,
    Plan,
    Quote,
    Records,
    Refusal,
    Run,
    Table,
    Tuned,
    fingerprint,
    plan,
    tune,
)
from expunge import tuning as tuning_module
from expunge.errors import LearnError, ParameterError
from expunge.testing import patients
from expunge.testing.requests import rows_like
from expunge.tuning import rejected, understudies

if TYPE_CHECKING:
    from expunge.values import Target

RUN = Run(key=b"a key for tests")
DATA = patients(120)
GONE = Records(DATA.ids[:9].tolist())


@dataclass(frozen=True)
class Scores:
    """A model that remembers each record it learned, and by how much; all else it guesses."""

    known: dict[int, float]
    wrong: frozenset[int] = frozenset()
    classes: tuple[str, ...] = ("ham", "spam", "unsure")


@dataclass(frozen=True)
class Fading:
    """Learns by heart; what it remembers of the forgotten ends at ``left``, of the others it loses ``harm``."""

    left: float = 0.0
    harm: float = 0.0
    wrong: frozenset[int] = frozenset()
    cost: int = 10
    fails: bool = False
    refuses: bool = False
    seen: list[Any] = field(default_factory=list, compare=False)

    def recipe(self) -> str:
        return "by heart"

    def get_params(self, *, deep: bool) -> dict[str, Any]:
        return {"left": self.left, "learner": None}

    def visits(self, data: Table, run: Run) -> int:
        return 10 * len(data)

    def learn(self, data: Table, run: Run) -> Scores:
        self.seen.append(set(data.ids.tolist()))
        return Scores(dict.fromkeys(data.ids.tolist(), 1.0))

    def predict(self, model: Scores, data: Table) -> np.ndarray:
        """The own class has 0.4, and 0.6 more of what is remembered."""
        own = np.array(model.classes) == np.asarray(data.label)[:, None]
        known = [0.0 if name in model.wrong else 0.4 + 0.6 * model.known.get(name, 0.0) for name in data.ids.tolist()]
        mine = np.maximum(known, 0.0)
        return np.where(own, mine[:, None], ((1 - mine) / 2)[:, None])

    def quote(self, model: Scores, target: Target, data: Table, run: Run) -> Quote | Refusal:
        return Refusal("not here", "never") if self.refuses else Quote(Empirical(), ("a",), self.cost)

    def forget(self, model: Scores, target: Target, data: Table, run: Run) -> Forgotten[Scores]:
        run.store["trial"] = b"left behind"
        if self.fails:
            raise LearnError("it diverged")
        change = data.change(target)
        assert change is not None
        gone = set(data.ids[change.out].tolist())
        self.seen.append(gone)
        known = {name: (self.left if name in gone else 1 - self.harm) for name in model.known}
        return Forgotten(Scores(known, self.wrong), Empirical(), self.cost)


def asked(*candidates: Fading, target: Target = GONE, **given: Any) -> Tuned | Refusal:
    model = Scores(dict.fromkeys(DATA.ids.tolist(), 1.0))
    return tune(dict(zip("abcdef", candidates, strict=False)), model, target, DATA, RUN, **given)


def assert_chosen(wanted: str, *lefts: float) -> Tuned:
    found = asked(*map(Fading, lefts))
    assert isinstance(found, Tuned)
    assert found.name == wanted, [(trial.name, trial.rejected) for trial in found.trials]
    return found


def test_the_nearest_to_the_reference_is_chosen_and_neither_nothing_nor_too_much() -> None:
    found = assert_chosen("c", 1.0, 0.4, 0.1, -0.5)
    said = [trial.rejected for trial in found.trials]
    assert said[0] == "the forgotten end 0.60 from the reference, and with doing nothing 0.60"
    assert said[1] is None
    assert said[2] is None
    assert said[3] == "it overshoots: the forgotten end 0.30 below the reference"
    assert [round(trial.gap, 2) for trial in found.trials] == [0.6, 0.24, 0.06, -0.3]


def test_stop_rules_left_out_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_chosen("a", 0.4, -0.3)
    monkeypatch.setattr(tuning_module, "rejected", lambda *_: None)
    with pytest.raises(AssertionError):
        assert_chosen("a", 0.4, -0.3)


@pytest.mark.parametrize("which", ["retained", "held-out"])
def test_who_harms_the_others_is_rejected(which: str) -> None:
    """Harm makes the model forget the retained below what decides rightly, or the held-out."""
    unseen = patients(200).take(np.arange(150, 200))
    harmful = Fading(harm=2.0) if which == "retained" else Fading(wrong=frozenset(unseen.ids.tolist()))
    found = asked(harmful, Fading(left=0.3), held_out=unseen)
    assert isinstance(found, Tuned)
    assert found.name == "b"
    assert f"accuracy on {which} records is -100.0% from the reference" in str(found.trials[0].rejected)
    assert np.isnan(asked(Fading()).trials[0].held_out)  # type: ignore[union-attr]


@given(
    st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 0.2), st.floats(-0.1, 0.1), st.floats(0.001, 0.1),
)  # fmt: skip
def test_rules_reject_overshoot_harm_and_half_measures(
    gap: float, was: float, error: float, retained: float, tolerance: float
) -> None:
    why = rejected(gap, was, error, {"retained": retained, "held-out": float("nan")}, tolerance)
    if abs(retained) > tolerance:
        assert "accuracy on retained" in (why or "")
    elif gap * (1 if was >= 0 else -1) < -(tolerance + error):
        assert "overshoots" in (why or "")
    elif why is not None:
        assert "with doing nothing" in why
        assert abs(gap) > abs(was) / 2
        assert abs(gap) > tolerance + error
    else:
        assert abs(gap) <= max(tolerance + error, abs(was) / 2)


# -- who plays ---------------------------------------------------------------------------------------------------------


def test_nobody_who_is_to_be_forgotten_plays_and_the_reference_never_met_who_does() -> None:
    candidate = Fading()
    assert isinstance(asked(candidate), Tuned)
    learned, forgotten = candidate.seen
    assert forgotten & GONE.ids == set()
    assert learned == set(DATA.ids.tolist()) - forgotten
    assert len(forgotten) == 9


def test_records_play_records_of_the_same_classes() -> None:
    found = understudies(DATA, GONE, RUN)
    assert isinstance(found, Records)
    labels = [sorted(np.asarray(DATA.label)[np.isin(DATA.ids, list(each.ids))]) for each in (GONE, found)]
    assert labels[0] == labels[1]


def test_owners_play_owners_and_a_class_a_class() -> None:
    owners = Owners(np.unique(np.asarray(DATA.owners))[:3].tolist())
    found = understudies(DATA, owners, RUN)
    assert isinstance(found, Owners)
    assert len(found.names) == 3
    assert not found.names & owners.names
    assert understudies(DATA, Label("ham"), RUN) == Label("unsure")
    two = DATA.take(np.asarray(DATA.label) != "unsure")
    assert isinstance(understudies(two, Label("ham"), RUN), Refusal)


@pytest.mark.parametrize(
    "target", [Correction(rows_like(DATA, DATA.ids[:4].tolist(), 1)), Batch([Records(DATA.ids[:2].tolist()), GONE])]
)
def test_what_else_takes_records_away_is_played_by_records(target: Target) -> None:
    found = understudies(DATA, target, RUN)
    change = DATA.change(target)
    assert isinstance(found, Records)
    assert change is not None
    assert not found.ids & set(DATA.ids[change.out].tolist())
    assert len(found.ids) == len(change.out)


def test_where_nobody_can_play_the_answer_is_a_refusal() -> None:
    for target in (Addition(rows_like(DATA, [7001], 1)), Records([]), Records(DATA.ids[:90].tolist())):
        assert isinstance(understudies(DATA, target, RUN), Refusal)
        assert isinstance(asked(Fading(), target=target), Refusal)


@given(st.permutations(range(120)))
def test_who_plays_does_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    moved = DATA.take(np.array(order))
    for target in (GONE, Owners(np.unique(np.asarray(DATA.owners))[:2].tolist()), Label("ham")):
        assert understudies(moved, target, RUN) == understudies(DATA, target, RUN)


# -- what it costs and says --------------------------------------------------------------------------------------------


def test_the_budget_is_kept_and_counted() -> None:
    whole, look = 10 * 111, (9 + 111 + 2) // 3
    for budget in (1.2, 1.5, 3.0):
        candidates = [Fading(left=left, cost=200) for left in (0.3, 0.2, 0.1, 0.0)]
        found = asked(*candidates, budget=budget)
        tried = sum(bool(candidate.seen) for candidate in candidates[1:])
        possible = int((budget * whole - whole - 2 * look) // (200 + look))
        assert tried == max(0, min(3, possible - 1))
        if possible < 1:
            assert isinstance(found, Refusal)
            assert "the budget was spent" in found.reason
            continue
        assert isinstance(found, Tuned)
        assert found.spent == pytest.approx((whole + 2 * look + (tried + 1) * (200 + look)) / whole)
        assert found.spent <= budget


def test_refusals_and_failures_are_trials_too() -> None:
    found = asked(Fading(refuses=True), Fading(fails=True), Fading())
    assert isinstance(found, Tuned)
    assert [trial.rejected for trial in found.trials] == ["not here", "it diverged", None]
    nobody = asked(Fading(refuses=True), Fading(left=0.9))
    assert isinstance(nobody, Refusal)
    assert (nobody.kind, nobody.what) == ("instead", "Retrain")
    assert "a: not here; b: the forgotten end 0.54 from" in nobody.reason


def test_trials_leave_nothing_behind() -> None:
    before = dict(RUN.store)
    asked(Fading(), Fading(left=0.2))
    assert dict(RUN.store) == before


def test_the_winner_is_a_method_whose_quotes_say_how_it_was_chosen() -> None:
    found = asked(Fading(left=0.3), Fading(left=0.1))
    assert isinstance(found, Tuned)
    model = found.learn(DATA, RUN)
    quote = found.quote(model, GONE, DATA, RUN)
    assert isinstance(quote, Quote)
    assert quote.assumptions == ("a", found.said)
    assert "b (left=0.1), of 2 tried, on 9 records that stay" in found.said
    done = found.forget(model, GONE, DATA, RUN)
    assert fingerprint(done.model) == fingerprint(found.method.forget(model, GONE, DATA, RUN).model)
    assert np.array_equal(found.predict(model, DATA), found.method.predict(model, DATA))
    assert found.visits(DATA, RUN) == 1200
    others: dict[str, Any] = {"tuned": found, "other": Fading(cost=99)}
    chosen = plan(others, model, GONE, DATA, RUN, at_least=Empirical())
    assert isinstance(chosen, Plan)
    assert chosen.name == "tuned"


def test_what_cannot_be_tuned_is_said() -> None:
    with pytest.raises(ParameterError, match="budget above 1"):
        asked(Fading(), budget=1)
    with pytest.raises(ParameterError, match="at least one method"):
        asked()
    with pytest.raises(ParameterError, match="exclude each other"):
        tune([Fading()], Scores({}), GONE, patients(numbers=True), RUN)
