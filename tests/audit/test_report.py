"""The whole audit: exact forgetting passes, what only says so is vetoed, nothing is changed, any target is survived."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from expunge import keyed
from expunge.audit.arms import Missing
from expunge.audit.membership import Membership
from expunge.audit.replay import Replay
from expunge.audit.report import Report, audit
from expunge.audit.utility import Utility
from expunge.codec import fingerprint
from expunge.data.table import Table
from expunge.errors import DataError, EmptyModelError, ParameterError
from expunge.methods.arrays.retrain import Retrain
from expunge.methods.arrays.sisa import Sisa
from expunge.protocol import Run
from expunge.values import (
    Addition,
    Batch,
    Bounded,
    Certified,
    Column,
    Correction,
    Empirical,
    Exact,
    Forgotten,
    Label,
    Owners,
    Records,
    Suppressed,
    promises,
)

if TYPE_CHECKING:
    from expunge.values import Claim, Target

KEY = b"a key for tests"


def tables(rows: int = 120, held: int = 80, *, seed: int = 0) -> tuple[Table, Table]:
    """Data and test of one law: three classes with much noise, so that only a memory is right about all of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows + held, 3)).round(3)
    label = np.where(rng.random(rows + held) < 0.6, rng.integers(0, 3, rows + held), (X[:, 0] > 0).astype(int) + 1)
    names, ids = np.array(["ant", "bee", "cow"])[label], [f"record {k}" for k in range(rows + held)]
    owners = [f"owner {k // 2}" for k in range(rows + held)]
    first, second = slice(rows), slice(rows, None)
    return tuple(Table.from_arrays(X[at], names[at], ids[at], owners[at]) for at in (first, second))  # type: ignore[return-value]


DATA, TEST = tables()
GONE = Owners([f"owner {k}" for k in range(20)])


def forgotten_by(method: Any, target: Target, data: Table = DATA) -> tuple[Any, Forgotten[Any], Run]:
    run = Run(key=KEY)
    model = method.learn(data, run)
    return model, method.forget(model, target, data, run), run


def audited(method: Any, target: Target, claim: Claim | None = None, *, nothing: bool = False) -> Report:
    """The audit of a method that forgets, or does ``nothing``, and claims what it does or something else."""
    model, done, run = forgotten_by(method, target)
    made = Forgotten(model if nothing else done.model, claim or done.claim, done.examples)
    return audit(method, model, made, target, DATA, run, test=TEST)


def figure(found: Membership | Missing) -> Membership:
    assert isinstance(found, Membership)
    return found


def measured(found: Utility | Missing) -> Utility:
    assert isinstance(found, Utility)
    return found


# What passes, and what does not


@pytest.mark.parametrize("learner", [Retrain(DecisionTreeClassifier()), Sisa(GaussianNB(), shards=3)])
@settings(max_examples=6, deadline=None)
@given(gone=st.sets(st.integers(0, 59), max_size=20))
def test_exact_forgetting_passes_whoever_goes(learner: Any, gone: set[int]) -> None:
    report = audited(learner, Owners([f"owner {k}" for k in gone]))
    assert (report.claim, report.vetoes) == (Exact(), ())
    assert isinstance(report.replay, Replay)
    assert report.replay.equal
    assert all(isinstance(one, Missing) or one.distance == 0 for _, one in report.agreement.forgotten.each())


def test_a_method_that_does_nothing_and_says_exact_is_vetoed() -> None:
    report = audited(Retrain(DecisionTreeClassifier()), GONE, nothing=True)
    assert report.claimed == Exact()
    assert report.claim == Empirical()
    assert len(report.vetoes) == 2
    assert "claimed Exact, yet learning again gives another model: fingerprint" in report.vetoes[0]
    assert "still recognised" in report.vetoes[1]
    assert "VETO: claimed Exact" in str(report)


def test_a_memory_is_seen_before_and_not_after() -> None:
    report = audited(Retrain(DecisionTreeClassifier()), GONE)
    before, after = figure(report.membership.original), figure(report.membership.forgotten)
    assert before.low > 0.6
    assert after.low < 0.5 < after.high
    assert figure(report.membership.oracle) == after
    assert measured(report.utility.original.forgotten).accuracy == 1.0
    assert measured(report.utility.forgotten.forgotten) == measured(report.utility.oracle.forgotten)
    assert (after.members, after.others) == (20, 40)  # owners, not records


@pytest.mark.parametrize("claim", [Exact(), Certified(1.0, 1e-5), Bounded(0.1), Empirical(), Suppressed()])
@pytest.mark.parametrize("nothing", [False, True])
def test_no_claim_is_ever_raised(claim: Claim, nothing: bool) -> None:  # noqa: FBT001  (a parameter)
    report = audited(Retrain(DecisionTreeClassifier()), GONE, claim, nothing=nothing)
    assert promises(claim, at_least=report.claim)
    assert report.claimed == claim
    # A bound allows some difference, which a screening figure cannot contradict.
    assert bool(report.vetoes) == (nothing and not isinstance(claim, Certified | Bounded))
    assert report.vetoes or report.claim == claim


@dataclass(frozen=True)
class Turned(Retrain):
    """Forgets well, then hands the columns of the scores under each other's names."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        done = super().forget(model, target, data, run)
        return replace(done, model=replace(done.model, classes=tuple(reversed(done.model.classes))))

    def predict(self, model: Any, data: Table) -> Any:
        return super().predict(replace(model, classes=tuple(sorted(model.classes))), data)


def test_scores_under_the_wrong_names_are_caught() -> None:
    report = audited(Turned(DecisionTreeClassifier()), GONE, Empirical())
    right, wrong = (measured(arm.retained).accuracy for arm in (report.utility.oracle, report.utility.forgotten))
    assert right == 1.0
    assert wrong is not None
    assert wrong < 0.7


@dataclass(frozen=True)
class Unwritten(Retrain):
    """Its models hold a function without a name, so that they have no fingerprint."""

    def learn(self, data: Table, run: Run) -> Any:
        model = super().learn(data, run)
        model.estimator.answer = lambda: 42
        return model


def test_a_model_without_a_fingerprint_cannot_be_exact() -> None:
    report = audited(Unwritten(DecisionTreeClassifier()), GONE)
    assert isinstance(report.replay, Missing)
    assert report.claim == Empirical()
    assert "cannot be compared" in report.vetoes[0]


# Every kind of target


def table_of(rows: list[int], label: str, data: Table = DATA) -> Table:
    some = data.take(np.array(rows))
    return Table.from_arrays(some.features + 0.5, [label] * len(rows), some.ids, some.owners)


@pytest.mark.parametrize(
    ("target", "gone", "stay"),
    [
        (Records([]), 0, 120),
        (Records(["record 1"]), 1, 119),
        (Label("cow"), None, None),
        (Column("x2"), 0, 120),
        (Batch([Column("x0"), Owners(["owner 3"])]), 2, 118),
        (Correction(table_of([4, 5], "ant")), 2, 120),
        (
            Addition(
                table_of([0, 1], "bee", Table.from_arrays(np.ones((2, 3)), ["ant"] * 2, ["n1", "n2"], ["o1", "o2"]))
            ),
            0,
            122,
        ),
        (Batch([Column("x1"), Correction(table_of([4, 5], "ant"))]), 0, 120),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize(
    "method", [Retrain(GaussianNB()), Sisa(LogisticRegression(), shards=2)], ids=["retrain", "sisa"]
)
def test_every_target_is_audited(method: Any, target: Target, gone: int | None, stay: int | None) -> None:
    report = audited(method, target)
    assert (report.claim, report.vetoes) == (Exact(), ())
    if gone is not None:
        assert (report.records.forgotten, report.records.retained, report.records.test) == (gone, stay, 80)
        assert isinstance(report.membership.forgotten, Missing) == (gone == 0)
    assert measured(report.utility.forgotten.retained) == measured(report.utility.oracle.retained)


def test_a_class_that_is_gone_cannot_be_told_from_one_never_met() -> None:
    report = audited(Retrain(DecisionTreeClassifier()), Label("cow"))
    assert figure(report.membership.forgotten).auc == 0.5  # neither side is known: all losses are equal
    assert measured(report.utility.forgotten.forgotten).accuracy == 0.0


@pytest.mark.parametrize("method", [Retrain(GaussianNB()), Sisa(GaussianNB(), shards=2), Retrain(Ridge())])
def test_forgetting_everything_is_said_and_does_not_crash(method: Any) -> None:
    data = DATA if not isinstance(getattr(method, "learner", None), Ridge) else numbers()[0]
    target = Records(np.asarray(data.ids).tolist())
    model, done, run = forgotten_by(method, target, data)
    report = audit(method, model, done, target, data, run)
    assert (report.claim, report.vetoes, report.records.retained) == (Exact(), (), 0)
    assert isinstance(report.utility.forgotten.forgotten, Missing)
    assert "forgotten everything" in str(report)


def numbers() -> tuple[Table, Table]:
    X = np.random.default_rng(3).normal(size=(90, 4))
    y = X @ [1.0, -2.0, 0.5, 0.0] + np.random.default_rng(4).normal(size=90)
    return Table.from_arrays(X[:60], y[:60]), Table.from_arrays(X[60:], y[60:], range(60, 90))


def test_regression_is_audited_in_its_own_figures() -> None:
    data, test = numbers()
    method, target = Retrain(Ridge()), Records(range(10))
    model, done, run = forgotten_by(method, target, data)
    report = audit(method, model, done, target, data, run, test=test)
    found = measured(report.utility.forgotten.test)
    assert found.accuracy is None
    assert found.rmse == pytest.approx(found.loss**0.5)
    assert found.r2 is not None
    assert found.r2 > 0.5
    assert "rmse" in str(report)
    assert figure(report.membership.forgotten).members == 10


@dataclass(frozen=True)
class Near:
    """Records that a memory kept."""

    X: Any
    label: Any
    classes: Any


@dataclass(frozen=True)
class Memory:
    """Says of a record what the nearest of those says that it kept, nine in ten by its key; several labels and all."""

    def learn(self, data: Table, run: Run) -> Near:
        kept = data.take(keyed.order(run.key, data.ids))
        kept = kept.take(keyed.draw(run.key, kept.ids, "kept") % 10 > 0)
        return Near(np.array(kept.features), np.array(kept.label, np.float64, order="C"), data.classes)

    def predict(self, model: Near, data: Table) -> Any:
        if not len(model.X):
            msg = "nothing was kept"
            raise EmptyModelError(msg)
        apart = ((data.features[:, None] - model.X[None]) ** 2).sum(axis=2)
        said = model.label[apart.argmin(axis=1)]
        return said if model.classes is None else 0.125 + 0.75 * said


def flagged(*, turned: bool = False) -> tuple[Table, Table]:
    """Data and test with three labels that are noise for the most part; the test may name them in another order."""
    rng, names = np.random.default_rng(8), ["ant", "bee", "cow"]
    X, label = rng.normal(size=(200, 3)), rng.random((200, 3)) < [0.5, 0.3, 0.1]
    step = -1 if turned else 1
    test = Table.from_arrays(X[120:], label[120:, ::step], range(120, 200), classes=names[::step])
    return Table.from_arrays(X[:120], label[:120], classes=names), test


@pytest.mark.parametrize("turned", [False, True])
def test_several_labels_are_audited_in_figures_of_their_own(*, turned: bool) -> None:
    (data, test), method, target = flagged(turned=turned), Retrain(Memory()), Records(range(40))
    model, done, run = forgotten_by(method, target, data)
    report = audit(method, model, done, target, data, run, test=test)
    assert (report.claim, report.vetoes) == (Exact(), ())
    gone, kept = np.asarray(data.label)[:40], data.after(target)
    scores = method.predict(done.model, data.take(slice(0, 40)))
    found = measured(report.utility.forgotten.forgotten)
    assert found.accuracy == np.mean(
        [(row >= 0.5).tolist() == own.tolist() for row, own in zip(scores, gone, strict=True)]
    )
    assert found.loss == pytest.approx(-np.log(np.where(gone, scores, 1 - scores)).mean())
    before = measured(report.utility.original.retained)
    assert before.accuracy is not None
    assert before.accuracy > 0.8
    assert before.records == len(kept)
    assert figure(report.membership.original).low > 0.6
    assert figure(report.membership.forgotten).low < 0.5 < figure(report.membership.forgotten).high
    assert "accuracy" in str(report)
    nothing = audit(method, model, Forgotten(model, Exact(), 0), target, data, run, test=test)
    assert "still recognised" in nothing.vetoes[-1]


def test_the_order_in_which_a_test_names_its_labels_means_nothing() -> None:
    method, target, reports = Retrain(Memory()), Label("cow"), []
    for turned in (False, True):
        data, test = flagged(turned=turned)
        model, done, run = forgotten_by(method, target, data)
        reports.append(audit(method, model, done, target, data, run, test=test))
    assert reports[0] == reports[1]
    assert "Not measured" not in str(reports[0])
    assert reports[0].records.forgotten == np.asarray(flagged()[0].label)[:, 2].sum()


def test_several_targets_are_audited_in_the_figures_of_regression() -> None:
    (data, test), method, target = flagged(), Retrain(Memory()), Records(range(40))
    data, test = (Table.from_arrays(one.features, one.features @ np.eye(3, 2), one.ids) for one in (data, test))
    model, done, run = forgotten_by(method, target, data)
    report = audit(method, model, done, target, data, run, test=test)
    found = measured(report.utility.forgotten.test)
    near = method.predict(done.model, test)
    assert found.accuracy is None
    assert found.loss == pytest.approx(np.mean((near - test.features[:, :2]) ** 2))
    assert "rmse" in str(report)
    assert figure(report.membership.original).auc > 0.9


@pytest.mark.parametrize("target", [Records(range(120)), Records([]), Label("dog")])
def test_a_report_of_several_labels_says_what_is_missing(target: Target) -> None:
    (data, test), method = flagged(), Retrain(Memory())
    model, done, run = forgotten_by(method, target, data)
    for held in (test, None):
        report = audit(method, model, done, target, data, run, test=held)
        assert report.vetoes == ()
        assert "Not measured" in str(report)


def test_twins_that_stay_are_counted() -> None:
    X = np.repeat(np.arange(20.0)[:, None], 2, axis=1)
    data = Table.from_arrays(np.vstack([X, X[:3]]), [k % 2 for k in range(20)] + [0, 1, 0], range(23))
    target, method = Records([0, 1, 7]), Retrain(GaussianNB())
    model, done, run = forgotten_by(method, target, data)
    report = audit(method, model, done, target, data, run)
    assert report.twins == 2
    assert "2 exact copies of forgotten records stay" in str(report)
    assert report.membership.original == Missing("no answers about held-out records: no test records were given")


# What it leaves alone, and what it refuses


@pytest.mark.parametrize("method", [Retrain(DecisionTreeClassifier()), Sisa(LogisticRegression(), shards=2)])
def test_nothing_that_it_is_given_changes(method: Any) -> None:
    model, done, run = forgotten_by(method, GONE)
    state = (fingerprint(model), fingerprint(done.model), dict(run.store), DATA.digests(b"k").tolist())
    audit(method, model, done, GONE, DATA, run, test=TEST)
    assert state == (fingerprint(model), fingerprint(done.model), run.store, DATA.digests(b"k").tolist())


def test_two_audits_find_the_same() -> None:
    assert audited(Retrain(DecisionTreeClassifier()), GONE) == audited(Retrain(DecisionTreeClassifier()), GONE)


def test_the_report_names_nobody() -> None:
    for target in (GONE, Records(["record 1"])):
        text = str(audited(Retrain(DecisionTreeClassifier()), target)) + repr(audited(Retrain(GaussianNB()), target))
        assert "record 1" not in text
        assert "owner 1" not in text


def test_every_figure_stands_beside_three_others_and_says_its_limits() -> None:
    text = str(audited(Retrain(DecisionTreeClassifier()), GONE))
    for title in ("original (do nothing)", "forgotten", "second oracle"):
        assert text.count(f"\n  {title}  ") == 3
    for limit in ("It says nothing of", "do not show forgetting", "the yardstick", "screening only", "proves nothing"):
        assert limit in " ".join(text.split())
    assert "verified deleted" not in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"second_key": KEY}, ParameterError, "a key of its own"),
        ({"test": DATA.take(slice(0, 3))}, DataError, "3 test records are records of the data too"),
        ({"test": Table.from_arrays(np.ones((2, 3)), None, ["t1", "t2"])}, DataError, "test records need labels"),
        ({"test": Table.from_arrays(np.ones((2, 2)), ["ant", "bee"], ["t1", "t2"])}, DataError, "lack 'x2'"),
        ({"test": Table.from_arrays(np.ones((2, 3)), [0, 1], ["t1", "t2"])}, DataError, r"\(text\), got int"),
    ],
)
def test_what_is_no_audit_is_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    method = Retrain(GaussianNB())
    model, done, run = forgotten_by(method, GONE)
    with pytest.raises(error, match=words):
        audit(method, model, done, GONE, DATA, run, **options)


def test_columns_of_the_test_may_come_in_any_order() -> None:
    method = Retrain(DecisionTreeClassifier())
    model, done, run = forgotten_by(method, GONE)
    turned = Table.from_arrays(
        TEST.features[:, [2, 0, 1]], TEST.label, TEST.ids, TEST.owners, columns=["x2", "x0", "x1"]
    )
    reports = [audit(method, model, done, GONE, DATA, run, test=test) for test in (TEST, turned)]
    assert reports[0] == reports[1]


@pytest.mark.parametrize("key", [b"one", b"another"])
def test_the_second_oracle_is_under_the_key_that_is_asked_for(key: bytes) -> None:
    method = Retrain(DecisionTreeClassifier())
    model, done, run = forgotten_by(method, GONE)
    report = audit(method, model, done, GONE, DATA, run, test=TEST, second_key=key)
    second = method.learn(DATA.after(GONE), Run(key=key))
    decided = np.array(second.classes)[method.predict(second, TEST).argmax(axis=1)]
    assert measured(report.utility.second.test).accuracy == pytest.approx((decided == TEST.label).mean())
