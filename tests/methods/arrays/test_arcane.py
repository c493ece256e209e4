"""ARCANE keeps every law; what it costs, what it says of classes that come and go, and bugs that the laws catch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from expunge import (
    Addition,
    Arcane,
    Band,
    Batch,
    Column,
    Correction,
    Exact,
    ExpungeClassifier,
    Forgotten,
    Label,
    Owners,
    Quote,
    Records,
    Refusal,
    Retrain,
    Run,
    Table,
    fingerprint,
    plan,
)
from expunge.audit.replay import sample
from expunge.backends.local import Processes
from expunge.codec import decode, encode
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.learners.one_class import OneClassLearner
from expunge.methods.arrays import arcane as arcane_file
from expunge.methods.arrays._class_models import ClassModels
from expunge.methods.arrays._classes import Drawn, number_of, slices_of
from expunge.store.sweep import sweep
from expunge.testing import LAWS, Case, Law, contract, patients
from expunge.testing.counting import counted
from expunge.testing.evidence import compare_with_learning
from expunge.testing.laws import learning_is_a_pure_function, nothing_of_the_forgotten_remains

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.methods.arrays._class_models import Work
    from expunge.values import Name, Target

KEY = b"a key for tests"
DATA = patients(24)


def learner(estimator: Any, epochs: int = 2) -> OneClassLearner:
    return OneClassLearner(estimator, epochs=epochs)


def risky(rows: int = 24) -> Table:
    """The patients, every fourth of whom is likely to leave."""
    table = patients(rows)
    risk = np.where(np.asarray(table.owners) % 4 == 0, 0.5, 0.01)
    features = np.column_stack([table.features, risk])
    return Table.from_arrays(features, table.label, table.ids, table.owners, columns=["a", "b", "c", "risk"])


def slices_together(method: Arcane) -> Any:
    """The ids of each slice, whatever their class: what a law forgets as a whole."""

    def groups(data: Table, key: bytes) -> Iterator[list[Name]]:
        pieces = slices_of(data, key, method.slices, method.likelihood, method.bands)
        return (data.take(pieces == piece).ids.tolist() for piece in range(method.slices))

    return groups


def case(method: Arcane, data: Table = DATA, **options: Any) -> Case:
    chosen = {"examples": 2, "portable": False, "shrink": False, **options}
    return Case(method, data, groups=slices_together(method), **chosen)


KDE = learner(KernelDensity(bandwidth=0.7))
SGD = learner(SGDOneClassSVM())
BANDS = (Band(0.0, slices=(0, 2)), Band(0.3, slices=(2, 3)))
LIKELY = Arcane(SGD, slices=3, likelihood="risk", bands=BANDS)


@contract(
    case(Arcane(KDE), examples=4),
    case(Arcane(KDE), patients(24, owned=False)),
    case(Arcane(KDE, calibration="none")),
    case(Arcane(learner(OneClassSVM()), calibration="standard", held_out=0.0)),
    case(Arcane(learner(IsolationForest(n_estimators=2)), held_out=0.4)),
    case(Arcane(SGD, slices=3), examples=4),
    case(Arcane(SGD, slices=2, schedule="incremental", calibration="standard", subset=0.7)),
    case(Arcane(make_pipeline(StandardScaler(), PCA(1)), calibration="none", fewest=3)),
)
def test_arcane_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [law for law in LAWS if law is not nothing_of_the_forgotten_remains])
def test_arcane_keeps_the_law_where_a_column_places(law: Law) -> None:
    """But for the one whose record has a likelihood that is none."""
    law(case(LIKELY, risky(), columns=False))


@pytest.mark.slow
def test_a_fresh_process_learns_and_forgets_to_the_same_bits() -> None:
    learning_is_a_pure_function(case(Arcane(SGD, slices=2), portable=True, examples=1))


# -- what it learns ----------------------------------------------------------------------------------------------------


def test_densities_without_calibration_are_the_classifier_of_bayes_with_equal_priors() -> None:
    random = np.random.default_rng(4)
    X = np.concatenate([random.normal(place, spread, (50, 2)) for place, spread in ((0, 1), (1, 2), (3, 0.5))])
    y, asked = np.repeat(["a", "b", "c"], 50), random.normal(1, 2, (30, 2))
    method, run = Arcane(GaussianMixture(reg_covar=0.0), calibration="none"), Run(key=KEY)
    scores = method.predict(method.learn(Table.from_arrays(X, y), run), Table.from_arrays(asked))
    own = [X[y == name] for name in "abc"]
    logs = [multivariate_normal(each.mean(0), np.cov(each.T, bias=True)).logpdf(asked) for each in own]
    assert np.allclose(scores, softmax(np.column_stack(logs), axis=1), atol=1e-9)


@pytest.mark.parametrize("calibration", ["ranks", "standard"])
def test_calibration_makes_scores_of_other_units_comparable(calibration: Any) -> None:
    """The scores of a one-class SVM grow with the records that it learned from, so that the large class takes all."""
    random = np.random.default_rng(5)
    X = np.concatenate([random.normal(0, 1, (400, 2)), random.normal(3, 1, (40, 2))])
    table = Table.from_arrays(X, np.repeat(["large", "small"], [400, 40]))
    asked = Table.from_arrays(random.normal(3, 1, (200, 2)))

    def right(kind: Any) -> float:
        method = Arcane(OneClassSVM(gamma=0.1, nu=0.5), calibration=kind)
        model = method.learn(table, Run(key=KEY))
        return float(np.mean(np.array(model.classes)[method.predict(model, asked).argmax(1)] == "small"))

    assert right(calibration) > 0.8
    assert right("none") < 0.5


def test_records_that_were_learned_from_are_bad_judges() -> None:
    """A narrow density is highest on its own records, so that new ones look like nobody: hence `held_out`."""
    random = np.random.default_rng(6)
    X, y = random.normal(size=(300, 8)) + np.repeat([[0.0], [1.5]], 150, axis=0), np.repeat([0, 1], 150)
    table, new = Table.from_arrays(X, y), random.normal(size=(400, 8)) + np.repeat([[0.0], [1.5]], 200, axis=0)

    def right(held_out: float) -> float:
        method = Arcane(KernelDensity(bandwidth=0.3), held_out=held_out)
        scores = method.predict(method.learn(table, Run(key=KEY)), Table.from_arrays(new))
        return float(np.mean(scores.argmax(1) == np.repeat([0, 1], 200)))

    assert right(0.2) > right(0.0)


def test_scores_sum_to_one_and_follow_the_names_of_the_classes() -> None:
    method, run = Arcane(KDE), Run(key=KEY)
    model = method.learn(DATA, run)
    scores = method.predict(model, DATA)
    assert model.classes == ("ham", "spam", "unsure")
    assert np.allclose(scores.sum(axis=1), 1.0)
    assert (scores >= 0).all()
    assert method.predict(model, DATA.take(slice(0, 0))).shape == (0, 3)


def test_the_face_of_scikit_learn_takes_it() -> None:
    X = np.array(DATA.features)
    face = ExpungeClassifier(Arcane(KernelDensity()), key=KEY).fit(X, DATA.label, owners=DATA.owners)
    assert set(face.predict(X)) <= {"ham", "spam", "unsure"}
    face.forget(Label("unsure"))
    assert face.classes_.tolist() == ["ham", "spam"]
    assert face.predict_proba(X).shape == (24, 2)


# -- what it costs -----------------------------------------------------------------------------------------------------


def visits_of(method: Arcane, target: Target, data: Table = DATA, **options: Any) -> int:
    run = Run(key=KEY, **options)
    quote = method.quote(method.learn(data, run), target, data, run)
    assert isinstance(quote, Quote)
    assert quote.claim == Exact()
    return quote.examples


def test_a_class_is_forgotten_for_nothing_from_any_store_and_in_any_environment() -> None:
    method, run = Arcane(SGD, slices=3), Run(key=KEY)
    model = method.learn(DATA, run)
    for own in (run, run.afresh(), Run(key=KEY, threads=2)):
        quote, done = method.quote(model, Label("ham"), DATA, own), method.forget(model, Label("ham"), DATA, own)
        assert isinstance(quote, Quote)
        assert (quote.examples, done.examples) == (0, 0)
        assert any("class 'ham' goes with its model" in said for said in quote.assumptions)
        assert done.model.classes == ("spam", "unsure")
        assert fingerprint(done.model) == fingerprint(method.learn(DATA.after(Label("ham")), Run(key=KEY)))


def test_one_record_costs_the_rest_of_its_class_as_the_formula_says() -> None:
    method, run = Arcane(KDE, calibration="none"), Run(key=KEY)
    model = method.learn(DATA, run)
    quotes = [method.quote(model, Records([name]), DATA, run) for name in DATA.ids.tolist()]
    sizes = np.unique(np.asarray(DATA.label), return_counts=True)[1].tolist()
    assert np.mean([quote.examples for quote in quotes if isinstance(quote, Quote)]) == pytest.approx(
        Arcane.expected_cost(sizes)
    )


def test_an_owner_costs_every_class_that_holds_a_record_of_theirs() -> None:
    method, label, owners = Arcane(KDE, calibration="none"), np.asarray(DATA.label), np.asarray(DATA.owners)
    met = set()
    for owner in set(owners.tolist()):
        mine = owners == owner
        of = np.isin(label, label[mine])
        met.add(len(set(label[mine])))
        assert visits_of(method, Owners([owner])) == (of & ~mine).sum()
    assert len(met) > 1, "owners of one class, and of several"


def test_what_was_not_learned_from_costs_less_or_nothing() -> None:
    method, data = Arcane(KDE, held_out=0.3, subset=0.6), patients(60)
    learned, out = Drawn(0.3, 0.6).among(data, KEY)
    ham = np.asarray(data.label) == "ham"

    def cost(of: NDArray[np.bool_]) -> int:
        return visits_of(method, Records(data.ids[of][:1]), data)

    assert cost(~learned & ~out) == 0
    assert cost(out & ham) == (out & ham).sum() - 1, "the others are scored again, and nothing is trained"
    assert cost(learned & ham) == (learned & ham).sum() - 1 + (out & ham).sum()


def test_likely_leavers_in_the_last_slice_cost_one_slice() -> None:
    table = risky(60)
    likely = np.unique(np.asarray(table.owners)[table.column("risk") > 0.2])
    plain = replace(LIKELY, likelihood=None, bands=())
    costs = [[visits_of(method, Owners([name]), table) for name in likely] for method in (LIKELY, plain)]
    assert np.mean(costs[0]) < np.mean(costs[1])


@dataclass(frozen=True)
class Scored(OneClassLearner):
    """Writes down how many records it is asked to score for a calibration."""

    seen: tuple[list[int], ...] = ()

    def scores(self, model: Any, data: Table, run: Run) -> NDArray[np.float64]:
        self.seen[0].append(len(data))
        return super().scores(model, data, run)

    def recipe(self) -> str:
        return "scored"


@settings(max_examples=15, deadline=None)
@given(ids=st.sets(st.sampled_from(DATA.ids.tolist())), slices=st.sampled_from([1, 3]), data=st.data())
def test_the_quote_is_exactly_the_visits_that_are_made(ids: set[int], slices: int, data: st.DataObject) -> None:
    scored: list[int] = []
    method, seen = counted(Arcane(Scored(SGDOneClassSVM(), 3, (scored,)), slices=slices))
    run = Run(key=KEY)
    model = method.learn(DATA, run)
    assert sum(seen) + sum(scored) == method.visits(DATA, run)
    targets: list[Target] = [Records(ids), Batch([Records(ids), Label("unsure")]), Column("x1"), Label("spam")]
    target = data.draw(st.sampled_from(targets))
    seen.clear()
    scored.clear()
    quote = method.quote(model, target, DATA, run)
    assert not seen, "quoting trains nothing"
    done = method.forget(model, target, DATA, run)
    assert quote.examples == done.examples == sum(seen) + sum(scored)


def test_the_planner_takes_it_before_learning_all_again() -> None:
    method, run = Arcane(KDE), Run(key=KEY)
    chosen = plan([Retrain(method), method], method.learn(DATA, run), Label("ham"), DATA, run)
    assert getattr(chosen, "name", None) == "arcane"


# -- classes that come and go ------------------------------------------------------------------------------------------


def after(method: Arcane, target: Target, data: Table = DATA) -> ClassModels:
    """The forgotten model, which is the one that learned without."""
    run = Run(key=KEY)
    done = method.forget(method.learn(data, run), target, data, run)
    assert fingerprint(done.model) == fingerprint(method.learn(data.after(target), run.afresh()))
    return done.model


def test_a_correction_of_a_label_moves_a_record_and_touches_both_classes() -> None:
    row = DATA.take(np.flatnonzero(np.asarray(DATA.label) == "ham")[:1])
    moved = Table.from_arrays(row.features, ["spam"], row.ids, row.owners, columns=DATA.names)
    method, run = Arcane(KDE, calibration="none"), Run(key=KEY)
    before, made = method.learn(DATA, run), after(method, Correction(moved))
    same = [old.chain == new.chain for old, new in zip(before.parts, made.parts, strict=True)]
    assert same == [False, False, True]
    counts = {name: int((np.asarray(DATA.label) == name).sum()) for name in DATA.present}
    assert visits_of(method, Correction(moved)) == counts["ham"] - 1 + counts["spam"] + 1


def test_a_new_class_arrives_with_a_model_of_its_own() -> None:
    news = Table.from_arrays(np.ones((3, 3)) * [[1.0], [2.0], [3.0]], ["eel"] * 3, [5001, 5002, 5003], [77, 78, 79])
    method, run = Arcane(KDE, calibration="none"), Run(key=KEY)
    model = method.learn(DATA, run)
    quote = method.quote(model, Addition(news), DATA, run)
    assert isinstance(quote, Quote)
    assert quote.examples == 3
    assert any("class 'eel' is new" in said for said in quote.assumptions)
    assert after(method, Addition(news)).classes == ("eel", "ham", "spam", "unsure")


def test_the_last_record_of_a_class_takes_the_class_along() -> None:
    rare = Records(DATA.ids[np.asarray(DATA.label) == "unsure"])
    assert after(Arcane(KDE), rare).classes == ("ham", "spam")
    assert visits_of(Arcane(KDE), rare) == 0


def test_a_declared_class_stays_a_class_and_is_not_predicted() -> None:
    declared = replace(DATA, classes=("eel", "ham", "spam", "unsure"))
    made = after(Arcane(KDE), Label("ham"), declared)
    assert made.classes == declared.classes
    assert (Arcane(KDE).predict(made, DATA)[:, :2] == 0).all()


def test_one_class_is_predicted_whatever_comes() -> None:
    made = after(Arcane(KDE), Batch([Label("ham"), Label("unsure")]))
    assert Arcane(KDE).predict(made, DATA).tolist() == [[1.0]] * len(DATA)


def test_without_a_record_there_is_nothing_to_predict_from() -> None:
    for data in (DATA, replace(DATA, classes=DATA.present)):
        nothing = after(Arcane(KDE), Records(DATA.ids), data)
        with pytest.raises(EmptyModelError, match="no class of this model holds a record"):
            Arcane(KDE).predict(nothing, DATA)
    assert after(Arcane(KDE), Records(DATA.ids[1:])).classes == DATA.take(slice(0, 1)).present


def test_too_few_records_of_a_class_are_a_sentence_or_a_class_without_a_model() -> None:
    two = np.flatnonzero(np.asarray(DATA.label) == "unsure")[:-1]
    method, run = Arcane(GaussianMixture(), calibration="none"), Run(key=KEY)
    model = method.learn(DATA, run)
    with pytest.raises(LearnError, match=r"failed on 1 records.*the smallest of 1 classes learns from 1; `fewest`"):
        method.forget(model, Records(DATA.ids[two]), DATA, run)
    small = replace(method, fewest=2)
    quote = small.quote(small.learn(DATA, run), Records(DATA.ids[two]), DATA, run)
    assert isinstance(quote, Quote)
    assert any("'unsure' keeps too few records for a model" in said for said in quote.assumptions)
    made = after(small, Records(DATA.ids[two]))
    assert [part.state is None for part in made.parts] == [False, False, True]
    assert (small.predict(made, DATA)[:, 2] == 0).all()


def test_a_column_goes_from_every_class() -> None:
    assert all(part.state.names == ("x0", "x2") for part in after(Arcane(KDE), Column("x1")).parts)


@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_streams_of_moves_between_classes_end_where_learning_does(data: st.DataObject) -> None:
    table, method, run = risky(), LIKELY, Run(key=KEY)
    model, now = method.learn(table, run), table
    for _ in range(3):
        rows = now.take(np.array(sorted(data.draw(st.sets(st.integers(0, len(now) - 1), min_size=1, max_size=3)))))
        label = data.draw(st.lists(st.sampled_from(["ham", "spam", "eel"]), min_size=len(rows), max_size=len(rows)))
        moved = Table.from_arrays(rows.features, label, rows.ids, rows.owners, columns=now.names)
        targets: list[Target] = [Correction(moved), Records(rows.ids), Label(label[0])]
        target = data.draw(st.sampled_from(targets))
        model, now = method.forget(model, target, now, run).model, now.after(target)
        assert fingerprint(model) == fingerprint(method.learn(now, run.afresh()))


# -- at rest, spread, replayed -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_processes_make_the_same_bits_and_leave_the_same_checkpoints() -> None:
    method, here = Arcane(SGD, slices=2), Run(key=KEY)
    with Processes(workers=1) as spread:
        there = Run(key=KEY, map=spread)
        models = [method.learn(DATA, run) for run in (here, there)]
        assert fingerprint(models[0]) == fingerprint(models[1])
        assert here.store == there.store


def test_the_model_comes_back_from_its_bytes_and_goes_on() -> None:
    method, run, target = Arcane(SGD, slices=2), Run(key=KEY), Owners([4])
    rested = decode(encode(method.learn(DATA, run)), trusted=True)
    done = method.forget(rested, target, DATA, run)
    assert fingerprint(done.model) == fingerprint(method.learn(DATA.after(target), Run(key=KEY)))


def test_a_sweep_keeps_the_checkpoints_of_the_model_and_no_others() -> None:
    method, run, target = Arcane(SGD, slices=2), Run(key=KEY), Label("ham")
    model = method.learn(DATA, run)
    assert sweep(run.store, [model]) == 0
    sweep(run.store, [method.forget(model, target, DATA, run).model])
    afresh = Run(key=KEY)
    method.learn(DATA.after(target), afresh)
    assert run.store == afresh.store


def test_a_class_is_replayed_on_its_own_though_others_come_and_go() -> None:
    method, run = Arcane(SGD), Run(key=KEY)
    model = method.learn(DATA, run)
    news = Table.from_arrays(np.ones((2, 3)), ["zebra"] * 2, [5001, 5002], [77, 78])
    requests: list[tuple[Target, int]] = [
        (Label("ham"), 0),
        (Batch([Label("ham"), Records(DATA.ids[np.asarray(DATA.label) == "spam"][:1])]), 1),
        (Addition(news), 1),
        (Column("x0"), 3),
    ]
    for target, count in requests:
        made, rest = method.forget(model, target, DATA, run).model, DATA.after(target)
        assert len(method.touched(model, rest, run)) == count
        for drawn in range(count):
            found = sample(method, model, made, rest, run, drawn)
            assert found is not None
            assert found.replay.equal
            assert found.original != found.replay.oracle, "the model of before would be noticed"
    assert method.part(model, number_of("nobody")) is None


def test_other_data_another_key_and_other_parameters_are_refused() -> None:
    method, run, target = Arcane(KDE), Run(key=KEY), Records(DATA.ids[:1])
    model = method.learn(DATA, run)
    with pytest.raises(MismatchError, match="a key other"):
        method.forget(model, target, DATA, Run(key=b"another"))
    with pytest.raises(MismatchError, match="parameters other"):
        replace(method, calibration="standard").forget(model, target, DATA, run)
    with pytest.raises(MismatchError, match="from 3 classes, these have 2"):
        method.quote(model, target, DATA.after(Label("ham")), run)
    with pytest.raises(MismatchError, match="must be the ClassModels"):
        method.quote(3, target, DATA, run)  # type: ignore[arg-type]  # the slip that is tried
    for row in range(len(DATA)):
        changed = DATA.after(Correction(DATA.take(slice(row, row + 1)).owned(np.array([999]))))
        with pytest.raises(MismatchError, match="data other than the model's: class"):
            method.quote(model, target, changed, run)


def test_a_model_that_moved_to_another_environment_is_learned_whole_when_a_class_is() -> None:
    method, target = Arcane(KDE, calibration="none"), Records(DATA.ids[:1])
    model = method.learn(DATA, Run(key=KEY))
    quote = method.quote(model, target, DATA, Run(key=KEY, threads=2))
    assert isinstance(quote, Quote)
    assert quote.examples == len(DATA) - 1
    assert any("3 classes were learned in another environment" in said for said in quote.assumptions)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (np.arange(24.0), "these labels are numbers, for a regression"),
        (np.eye(24, 3, dtype=bool), "these labels are several for each record"),
        (None, "this table has none"),
    ],
)
def test_labels_that_are_no_classes_are_refused(label: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Arcane(KDE).learn(Table.from_arrays(DATA.features, label), Run(key=KEY))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slices": 0}, "slices to be a whole number of at least 1"),
        ({"fewest": 0}, "fewest to be a whole number of at least 1"),
        ({"schedule": "other"}, "schedule to be one of"),
        ({"calibration": "mean"}, "calibration to be one of"),
        ({"held_out": 1.0}, r"held_out to be a share in \[0, 1\)"),
        ({"held_out": True}, "held_out to be a share"),
        ({"subset": 0.0}, r"subset to be a share in \(0, 1\]"),
        ({"subset": None}, "subset to be a share"),
        ({"calibration": "none", "held_out": 0.2}, "there is no calibration"),
        ({"likelihood": "risk"}, "go together"),
        ({"likelihood": "risk", "bands": (Band(0.0, slices=(0, 2)),)}, r"a range within \(0, 1\)"),
        ({"likelihood": "risk", "bands": (Band(0.0, shards=(0, 2)),)}, r"a range within \(0, 1\)"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Arcane(KDE, **options)


def test_slices_need_a_learner_that_goes_on() -> None:
    with pytest.raises(ParameterError, match="Arcane with 2 slices cannot be learned: KernelDensity cannot go on"):
        Arcane(KDE, slices=2).learn(DATA, Run(key=KEY))


def test_the_column_that_places_is_not_forgotten() -> None:
    table, run = risky(), Run(key=KEY)
    model = LIKELY.learn(table, run)
    answer = LIKELY.quote(model, Column("risk"), table, run)
    assert isinstance(answer, Refusal)
    assert answer.kind == "instead"
    with pytest.raises(RefusedError, match="places the records"):
        LIKELY.forget(model, Column("risk"), table, run)


# -- bugs that are planted ---------------------------------------------------------------------------------------------


class KeepsCalibration(Arcane):
    """Learns a class again and keeps the calibration of before."""

    def forget(self, model: ClassModels, target: Target, data: Table, run: Run) -> Forgotten[ClassModels]:
        done, old = super().forget(model, target, data, run), {part.name: part for part in model.parts}
        parts = [
            replace(part, calibration=old[part.name].calibration) if part.state and part.name in old else part
            for part in done.model.parts
        ]
        return replace(done, model=replace(done.model, parts=tuple(parts)))


class KeepsClasses(Arcane):
    """Keeps the model of a class that is gone."""

    def forget(self, model: ClassModels, target: Target, data: Table, run: Run) -> Forgotten[ClassModels]:
        done = super().forget(model, target, data, run)
        parts = {part.name: part for part in (*model.parts, *done.model.parts)}
        return replace(done, model=replace(done.model, parts=tuple(parts[name] for name in sorted(parts, key=str))))


class StartsASliceLate(Arcane):
    """Goes on from the checkpoint after the first slice that held the target."""

    def _changed(self, model: ClassModels, target: Target, data: Table, run: Run) -> tuple[list[Work], list[Work]]:
        works, touched = super()._changed(model, target, data, run)
        old, late = {part.name: part for part in model.parts}, []
        for work in touched:
            task = work.task
            if work.name in old and task.start < len(task.epochs) - 1:
                stale = replace(task, chain=old[work.name].chain[:-1], run=run)
                blob = run.store.get(stale.derivation(task.start))
                task = task.after(blob) if blob else task
            late.append(replace(work, task=task))
        return works, late


class NumbersClasses(Arcane):
    """Derives a class's key from its place among the classes that there are."""

    def _works(self, data: Table, run: Run, recipe: str) -> Iterator[Work]:
        for work in super()._works(data, run, recipe):
            yield replace(work, task=replace(work.task, names=("class", str(work.task.number))))


class JudgedByAll(Arcane):
    """Calibrates each class by the records of all of them."""

    def _works(self, data: Table, run: Run, recipe: str) -> Iterator[Work]:
        return (replace(work, judged=data) for work in super()._works(data, run, recipe))


class ForgetsItsJudges(Arcane):
    """Leaves the records that calibrate out of the digests by which it asks what has changed."""

    def _works(self, data: Table, run: Run, recipe: str) -> Iterator[Work]:
        return (replace(work, chain=(*work.chain[:-1], "")) for work in super()._works(data, run, recipe))


BUGS = {KeepsCalibration: KDE, KeepsClasses: KDE, StartsASliceLate: SGD, NumbersClasses: SGD}
BUGS |= {JudgedByAll: KDE, ForgetsItsJudges: KDE}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: str(bug.__name__))
def test_a_planted_bug_breaks_the_law_of_forgetting(bug: type[Arcane]) -> None:
    options: dict[str, Any] = {"slices": 3 if bug is StartsASliceLate else 1, "held_out": 0.3}

    def forgotten(kind: type[Arcane]) -> None:
        tried = case(kind(BUGS[bug], **options), examples=1)
        compare_with_learning(tried, [Label("ham")])
        for name in DATA.ids.tolist()[::2]:
            compare_with_learning(tried, [Records([name])])

    assert Drawn(0.3, 1.0).among(DATA, KEY)[1][::2].any(), "some of these calibrate"
    forgotten(Arcane)
    with pytest.raises(AssertionError, match="not the model learned without"):
        forgotten(bug)


def positional(self: Drawn, data: Table, key: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    out = np.arange(len(data)) % 4 == 3
    return ~out, out


def ranked(data: Table, key: Any, slices: int, likelihood: str, bands: Sequence[Band]) -> NDArray[np.int64]:
    """Slices by the rank of the likelihood: named as the counter-example to bands."""
    order = np.lexsort((np.asarray(data.ids), data.column(likelihood)))
    places = np.empty(len(data), np.int64)
    places[order] = np.arange(len(data)) * slices // max(len(data), 1)
    return places


def test_held_out_by_position_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawn, "among", positional)
    with pytest.raises(AssertionError, match="row order changes the model"):
        learning_is_a_pure_function(case(Arcane(KDE), examples=4))


def test_sorting_by_rank_moves_others_and_makes_a_deletion_dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper sorts: whoever goes then shifts all that come after, of every class."""
    method, table = LIKELY, risky(60)
    target = Records(table.ids[np.flatnonzero(table.column("risk") < 0.2)[:1]])
    (gone,) = set(np.asarray(table.label)[table.column("risk") < 0.2][:1])

    def touched() -> list[str]:
        before, made = method.learn(table, Run(key=KEY)), method.learn(table.after(target), Run(key=KEY))
        return [str(old.name) for old, new in zip(before.parts, made.parts, strict=True) if old.chain != new.chain]

    assert touched() == [gone]
    monkeypatch.setattr(arcane_file, "slices_of", ranked)
    assert len(touched()) > 1


def test_order_by_position_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from expunge.learners import sklearn as sklearn_file

    wrong = type("Wrong", (), {"order": staticmethod(lambda _, ids, *__: np.arange(len(ids))), "seed": lambda *_: 0})
    monkeypatch.setattr(sklearn_file, "keyed", wrong)
    with pytest.raises(AssertionError, match="row order changes the model"):
        learning_is_a_pure_function(case(Arcane(SGD, calibration="none"), examples=4))
