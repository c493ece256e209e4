"""SISA keeps every law over learners of every kind; its cost, schedule, votes and refusals are what the paper says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from expunge import (
    Addition,
    Band,
    Batch,
    Column,
    Correction,
    Label,
    Owners,
    Quote,
    Records,
    Refusal,
    Run,
    Sisa,
    SklearnLearner,
    Table,
    fingerprint,
)
from expunge.backends.local import Processes
from expunge.codec import decode, encode
from expunge.data import targets
from expunge.data.columns import is_among
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.methods.arrays._placement import place
from expunge.protocol import Pace
from expunge.testing import Case, Law, contract, patients
from expunge.testing.counting import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from expunge.values import Name, Target

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # short training, on purpose

KEY = b"a key for tests"


def owners_of(table: Table) -> NDArray[np.int64]:
    assert isinstance(table.owners, np.ndarray)
    return table.owners


def labels_of(table: Table) -> NDArray[Any]:
    assert table.label is not None
    return table.label


def shards_of(method: Sisa) -> Any:
    """The ids of each shard: what a law forgets as a whole."""

    def groups(data: Table, key: bytes) -> Iterator[list[Name]]:
        placed = place(data, key, method.shards, method.slices, method.likelihood, method.bands)
        return (data.take(rows).ids.tolist() for rows in placed.members())

    return groups


def case(method: Sisa, **options: Any) -> Case:
    return Case(method, groups=shards_of(method), **options)


def learner(estimator: Any, epochs: int = 3) -> SklearnLearner:
    return SklearnLearner(estimator, epochs=epochs)


EVERY_KIND = [
    Sisa(LogisticRegression(), shards=3),
    Sisa(LogisticRegression(), shards=2, slices=3),
    Sisa(learner(SGDClassifier()), shards=2, slices=3),
    Sisa(learner(MLPClassifier((3,))), shards=2, slices=3),
    Sisa(DecisionTreeClassifier(), shards=3, aggregate="vote"),
    Sisa(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2), shards=3),
    Sisa(make_pipeline(StandardScaler(), LogisticRegression()), shards=3),
]


@contract(
    *(case(method, examples=4) for method in EVERY_KIND),
    *(case(method, examples=2, data=patients(owned=False), portable=False) for method in EVERY_KIND),
    case(Sisa(Ridge(), shards=3), data=patients(numbers=True)),
    case(Sisa(Ridge(), shards=3), data=patients(numbers=True, owned=False)),
    case(Sisa(learner(SGDClassifier()), shards=2, slices=3, schedule="incremental")),
    case(Sisa(learner(SGDRegressor()), shards=2, slices=3), data=patients(numbers=True)),
    case(Sisa(GaussianNB(), shards=2, slices=4, schedule="incremental")),
)
def test_sisa_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


# -- cost --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slices", [1, 2, 5])
@settings(max_examples=15, deadline=None)
@given(ids=st.sets(st.sampled_from(patients().ids.tolist())), data=st.data())
def test_the_quote_is_exactly_the_visits_that_are_made(slices: int, ids: set[int], data: st.DataObject) -> None:
    method, seen = counted(Sisa(learner(SGDClassifier(), epochs=4), shards=3, slices=slices))
    table, run = patients(), Run(key=KEY)
    model = method.learn(table, run)
    assert sum(seen) == method.visits(table, run)
    targets: list[Target] = [Records(ids), Batch([Records(ids), Label("unsure")]), Column("x1")]
    target = data.draw(st.sampled_from(targets))
    seen.clear()
    quote = method.quote(model, target, table, run)
    assert not seen, "quoting trains nothing"
    done = method.forget(model, target, table, run)
    assert isinstance(quote, Quote)
    assert quote.examples == done.examples == sum(seen)


def test_a_quote_counts_what_a_lost_checkpoint_costs() -> None:
    method, table, run = Sisa(learner(SGDClassifier()), shards=1, slices=4), patients(), Run(key=KEY)
    model = method.learn(table, run)
    last = place(table, KEY, 1, 4, None, ()).slices == 3
    target = Records(table.ids[last])
    whole, afresh = method.quote(model, target, table, run), method.quote(model, target, table, run.afresh())
    assert isinstance(whole, Quote)
    assert isinstance(afresh, Quote)
    assert whole.examples < afresh.examples
    done = method.forget(model, target, table, run.afresh())
    assert done.examples == afresh.examples
    assert fingerprint(done.model) == fingerprint(method.learn(table.after(target), Run(key=KEY)))


def test_one_owner_costs_one_shard() -> None:
    table, run = patients(), Run(key=KEY, pace=Pace(2.0))
    method = Sisa(LogisticRegression(), shards=4)
    model = method.learn(table, run)
    sizes = [len(rows) for rows in place(table, KEY, 4, 1, None, ()).members()]
    for owner in set(owners_of(table).tolist()):
        quote = method.quote(model, Owners([owner]), table, run)
        assert isinstance(quote, Quote)
        mine = int((owners_of(table) == owner).sum())
        assert quote.examples + mine in sizes
        assert quote.seconds == 2.0 * quote.examples


# -- votes -------------------------------------------------------------------------------------------------------------


def test_scores_are_matched_by_class_name_when_shards_know_different_classes() -> None:
    table = patients(owned=False)
    method, run = Sisa(DecisionTreeClassifier(), shards=6), Run(key=KEY)
    model = method.learn(table, run)
    known = {shard.state.classes for shard in model.shards if shard.state is not None}
    assert len(known) > 1, "the rare class is not in every shard"
    mean, names = np.zeros((len(table), 3)), list(model.classes or ())
    for shard in model.shards:
        scores = SklearnLearner(DecisionTreeClassifier()).predict(shard.state, table)
        for column, name in enumerate(shard.state.classes):
            mean[:, names.index(name)] += scores[:, column] / 6
    assert np.allclose(method.predict(model, table), mean)


def test_votes_are_counted_and_ties_go_to_the_first_class() -> None:
    table = Table.from_arrays(np.arange(8.0)[:, None], ["b", "a"] * 4)
    method, run = Sisa(DecisionTreeClassifier(max_depth=1), shards=3, aggregate="vote"), Run(key=KEY)
    model = method.learn(table, run)
    votes, voters = method.predict(model, table), sum(shard.state is not None for shard in model.shards)
    assert set(np.round(votes * voters, 9).ravel()) <= set(map(float, range(voters + 1)))
    assert np.allclose(votes.sum(axis=1), 1.0)


def test_regression_is_the_mean_of_the_shards() -> None:
    table, method, run = patients(numbers=True), Sisa(Ridge(), shards=3, aggregate="vote"), Run(key=KEY)
    model = method.learn(table, run)
    each = [shard.state.estimator.predict(table.features) for shard in model.shards]
    assert np.allclose(method.predict(model, table), np.mean(each, axis=0))


def test_empty_shards_abstain_and_an_empty_ensemble_says_so() -> None:
    table = Table.from_arrays(np.arange(4.0)[:, None], [0, 1, 0, 1])
    method, run = Sisa(DecisionTreeClassifier(), shards=50), Run(key=KEY)
    model = method.learn(table, run)
    assert sum(shard.state is not None for shard in model.shards) <= 4
    assert np.allclose(method.predict(model, table).sum(axis=1), 1.0)
    none = method.forget(model, Records(range(4)), table, run).model
    with pytest.raises(EmptyModelError, match="forgotten"):
        method.predict(none, table)


# -- placement ---------------------------------------------------------------------------------------------------------


def test_a_person_is_in_one_slice_of_one_shard() -> None:
    table = patients(rows=300)
    placed = place(table, KEY, 4, 5, None, ())
    for owner in set(owners_of(table).tolist()):
        mine = owners_of(table) == owner
        assert len(set(zip(placed.shards[mine].tolist(), placed.slices[mine].tolist(), strict=True))) == 1


def risky(rows: int = 120) -> Table:
    table = patients(rows)
    risk = np.where(owners_of(table) % 4 == 0, 0.5, 0.01)
    return Table.from_arrays(
        np.column_stack([table.features, risk]), table.label, table.ids, table.owners, columns=["a", "b", "c", "risk"]
    )


BANDS = (Band(0.0, shards=(0, 3), slices=(0, 3)), Band(0.2, shards=(3, 4), slices=(1, 3)))
LIKELY = Sisa(learner(SGDClassifier()), shards=4, slices=3, likelihood="risk", bands=BANDS)


def test_bands_over_all_shards_are_the_same_method_however_they_are_written() -> None:
    made = [replace(LIKELY, bands=(Band(0.0, shards=span, slices=(0, 3)),)).recipe() for span in (None, (0, 4))]
    assert made[0] == made[1] != LIKELY.recipe()


def test_likely_owners_have_shards_and_slices_of_their_own() -> None:
    table = risky()
    placed = place(table, KEY, 4, 3, "risk", BANDS)
    likely = table.column("risk") > 0.2
    assert set(placed.shards[likely].tolist()) == {3}
    assert set(placed.shards[~likely].tolist()) == {0, 1, 2}
    assert set(placed.slices[likely].tolist()) == {1, 2}


def test_the_likelihood_places_and_is_not_trained_on() -> None:
    table, run = risky(), Run(key=KEY)
    model = LIKELY.learn(table, run)
    assert all(shard.state.estimator.n_features_in_ == 3 for shard in model.shards)
    assert np.array_equal(LIKELY.predict(model, table), LIKELY.predict(model, table.drop("risk")))
    for target in (Owners([4]), Batch([Owners([5]), Records(table.ids[:2])])):
        done = LIKELY.forget(model, target, table, run)
        assert fingerprint(done.model) == fingerprint(LIKELY.learn(table.after(target), Run(key=KEY)))


def test_a_corrected_likelihood_moves_its_owner() -> None:
    table, run = risky(), Run(key=KEY)
    model, mine = LIKELY.learn(table, run), np.flatnonzero(owners_of(table) == 4)
    rows = table.take(mine)
    features = rows.features.copy()
    features[:, 3] = 0.0
    target = Correction(Table.from_arrays(features, rows.label, rows.ids, rows.owners, columns=table.names))
    done = LIKELY.forget(model, target, table, run)
    assert fingerprint(done.model) == fingerprint(LIKELY.learn(table.after(target), Run(key=KEY)))
    one = replace(target.table, rows=np.arange(1))
    with pytest.raises(DataError, match="constant for each owner"):
        LIKELY.quote(model, Correction(one), table, run)


def test_the_column_that_places_is_not_forgotten_but_left_out_when_learning_again() -> None:
    table, run = risky(), Run(key=KEY)
    answer = LIKELY.quote(LIKELY.learn(table, run), Column("risk"), table, run)
    assert isinstance(answer, Refusal)
    assert (answer.kind, answer.what) == ("instead", "learn again with likelihood=None")


@pytest.mark.parametrize(
    ("values", "said"), [([0.1, 1.5], "row 1 holds 1.5"), ([0.1, float("nan")], "row 1 holds nan")]
)
def test_likelihoods_that_are_no_probabilities_are_refused(values: list[float], said: str) -> None:
    table = Table.from_arrays(np.column_stack([[1.0, 2.0], values]), [0, 1], columns=["a", "risk"])
    with pytest.raises(DataError, match=said):
        LIKELY.learn(table, Run(key=KEY))


# -- isolation, checkpoints --------------------------------------------------------------------------------------------


def test_processes_make_the_same_bits() -> None:
    table, method, target = patients(), Sisa(learner(MLPClassifier((3,))), shards=3, slices=2), Owners([4])
    here = Run(key=KEY)
    with Processes(workers=2) as spread:
        there = Run(key=KEY, map=spread)
        models = [method.learn(table, run) for run in (here, there)]
        assert fingerprint(models[0]) == fingerprint(models[1])
        assert here.store == there.store, "checkpoints come back from the workers"
        done = [method.forget(models[0], target, table, run) for run in (here, there)]
    assert fingerprint(done[0].model) == fingerprint(done[1].model)


def test_learning_goes_on_from_the_checkpoints_that_a_killed_run_left() -> None:
    table, run = patients(), Run(key=KEY)
    method, seen = counted(Sisa(learner(SGDClassifier(), epochs=4), shards=2, slices=4))
    whole = method.learn(table, run)
    for name in list(run.store)[3:]:  # killed in the first shard, after its third slice
        del run.store[name]
    seen.clear()
    assert fingerprint(method.learn(table, run)) == fingerprint(whole)
    assert sum(seen) < method.visits(table, run)


def test_the_model_and_its_checkpoints_come_back_from_bytes() -> None:
    table, run, method = patients(), Run(key=KEY), EVERY_KIND[3]
    model = method.learn(table, run)
    rested = decode(encode(model), trusted=True)
    assert fingerprint(rested) == fingerprint(model)
    assert np.array_equal(method.predict(rested, table), method.predict(model, table))
    target = Owners([3])
    done = method.forget(rested, target, table, run)
    assert fingerprint(done.model) == fingerprint(method.learn(table.after(target), Run(key=KEY)))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Sisa(LogisticRegression(C=2.0), shards=3), "parameters other"),
        (Sisa(LogisticRegression(), shards=4), "parameters other"),
        (Sisa(LogisticRegression(), shards=3, slices=2), "parameters other"),
    ],
)
def test_a_model_of_other_parameters_is_refused(other: Sisa, said: str) -> None:
    table, run = patients(), Run(key=KEY)
    model = Sisa(LogisticRegression(), shards=3).learn(table, run)
    with pytest.raises(MismatchError, match=said):
        other.forget(model, Records(table.ids[:1]), table, run)


def test_other_data_and_another_key_are_refused() -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(LogisticRegression(), shards=3)
    model, target = method.learn(table, run), Records(table.ids[:1])
    with pytest.raises(MismatchError, match="a key other"):
        method.forget(model, target, table, Run(key=b"another"))
    for row in range(len(table)):  # any record, in whatever shard
        changed = table.after(Correction(table.take(slice(row, row + 1)).owned(np.array([999]))))
        with pytest.raises(MismatchError, match="data other"):
            method.quote(model, target, changed, run)


def test_a_model_that_moved_to_another_environment_is_learned_whole_with_the_first_request() -> None:
    table, method = patients(), Sisa(LogisticRegression(), shards=3)
    model, target = method.learn(table, Run(key=KEY)), Records(table.ids[:1])
    there = Run(key=KEY, threads=2)
    quote = method.quote(model, target, table, there)
    assert isinstance(quote, Quote)
    assert quote.examples == len(table) - 1
    assert any("3 shards were learned in another environment" in said for said in quote.assumptions)
    done = method.forget(model, target, table, there)
    assert done.examples == quote.examples
    assert {shard.environment for shard in done.model.shards} != {shard.environment for shard in model.shards}
    assert method.quote(done.model, Owners([4]), table.after(target), there) == method.quote(
        method.learn(table.after(target), there), Owners([4]), table.after(target), there
    )
    nothing = method.forget(model, Records([]), table, there)
    assert nothing.examples == 0


def test_the_environment_stands_beside_the_fingerprint_and_is_written_down() -> None:
    model = Sisa(LogisticRegression(), shards=2).learn(patients(), Run(key=KEY))
    moved = replace(model, shards=tuple(replace(shard, environment="elsewhere") for shard in model.shards))
    assert fingerprint(moved) == fingerprint(model)
    assert decode(encode(moved), trusted=True).shards[0].environment == "elsewhere"


def test_how_votes_are_put_together_may_change_after_learning() -> None:
    table, run = patients(), Run(key=KEY)
    model = Sisa(DecisionTreeClassifier(), shards=3).learn(table, run)
    Sisa(DecisionTreeClassifier(), shards=3, aggregate="vote").forget(model, Records(table.ids[:1]), table, run)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Sisa(DecisionTreeClassifier(), slices=2), "no partial_fit"),
        (Sisa(make_pipeline(StandardScaler(), SGDClassifier()), slices=2), "no partial_fit"),
        (Sisa(GaussianNB(), slices=2), "counts a record"),
        (Sisa(LogisticRegression(), slices=2, schedule="incremental"), "converges on the last slice"),
        (Sisa(LogisticRegression(solver="liblinear"), slices=2), "liblinear"),
        (Sisa(SGDClassifier(early_stopping=True), slices=2), "early_stopping"),
        (Sisa(SGDClassifier(class_weight="balanced"), slices=2), "class_weight='balanced'"),
        (Sisa(LogisticRegressionCV(cv=2), slices=2), "no partial_fit"),
    ],
)
def test_slices_need_a_learner_that_goes_on(method: Sisa, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        method.learn(patients(), Run(key=KEY))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shards": 0}, "shards to be a whole number of at least 1, got 0"),
        ({"shards": True}, "got True"),
        ({"slices": 1.5}, "slices to be a whole number"),
        ({"schedule": "exponential"}, "schedule to be one of"),
        ({"aggregate": "median"}, "aggregate to be one of"),
        ({"likelihood": "risk"}, "go together"),
        ({"bands": (Band(0.0, (0, 8)),)}, "go together"),
        ({"likelihood": "risk", "bands": (Band(0.1, (0, 8)),)}, "start at a likelihood of 0"),
        ({"likelihood": "risk", "bands": (Band(0.0, (0, 9)),)}, r"a range within \(0, 8\)"),
        ({"likelihood": "risk", "bands": (Band(0.0, (0, 8)), Band(0.0, (0, 8)))}, "rise"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Sisa(LogisticRegression(), **options)


def test_set_params_is_all_or_nothing() -> None:
    method = Sisa(LogisticRegression(), shards=4)
    with pytest.raises(ParameterError, match="slices"):
        method.set_params(shards=5, slices=0)
    assert method.shards == 4
    assert method.set_params(shards=5, learner__C=3.0).learner.C == 3.0


def test_a_shard_too_small_for_its_learner_is_a_sentence_and_the_model_stays() -> None:
    table, run = patients(), Run(key=KEY)
    method = Sisa(MLPClassifier((3,), early_stopping=True, max_iter=5), shards=1)
    model = method.learn(table.take(labels_of(table) != "unsure"), run)
    before = fingerprint(model)
    data = table.take(labels_of(table) != "unsure")
    with pytest.raises(LearnError, match="MLPClassifier failed on 3 records"):
        method.forget(model, Records(data.ids[3:]), data, run)
    assert fingerprint(model) == before


def test_sentences_of_the_quote_name_twins_and_what_nobody_carries() -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(LogisticRegression(), shards=3)
    features, label = table.features.copy(), labels_of(table).copy()
    features[7], label[7] = features[9], label[9]
    table = Table.from_arrays(features, label, table.ids, owners_of(table))
    model = method.learn(table, run)
    twin = method.quote(model, Records(table.ids[7:8]), table, run)
    nobody = method.quote(model, Records([99_999]), table, run)
    assert isinstance(twin, Quote)
    assert isinstance(nobody, Quote)
    assert any("1 record that stays is an exact copy" in said for said in twin.assumptions)
    assert any("no record of the data carries" in said for said in nobody.assumptions)


def test_an_addition_costs_one_shard_and_is_learned_exactly() -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(LogisticRegression(), shards=4)
    model = method.learn(table, run)
    target = Addition(Table.from_arrays([[0.0, 1.0, 2.0]], ["ham"], [5000], [77]))
    done = method.forget(model, target, table, run)
    assert done.examples < len(table)
    assert fingerprint(done.model) == fingerprint(method.learn(table.after(target), Run(key=KEY)))


def test_forget_raises_what_quote_refuses() -> None:
    table, run = risky(), Run(key=KEY)
    with pytest.raises(RefusedError, match="places the records"):
        LIKELY.forget(LIKELY.learn(table, run), Column("risk"), table, run)


def test_warnings_of_the_estimator_reach_the_user() -> None:
    method = Sisa(LogisticRegression(max_iter=1), shards=1)
    with pytest.warns(ConvergenceWarning):
        method.learn(patients(), Run(key=KEY))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Band(0.0, shards=4), "a pair of whole numbers"),  # type: ignore[arg-type]
        (lambda: Band(0.0, shards=(0.5, 3.2)), "a pair of whole numbers"),  # type: ignore[arg-type]
        (lambda: Band("low", shards=(0, 4)), r"begins at a number in \[0, 1\]"),  # type: ignore[arg-type]
        (lambda: Sisa(Ridge(), likelihood="p", bands=[(0.0, (0, 4))]), "bands are Band"),  # type: ignore[list-item]
        (lambda: Sisa(Ridge(), schedule=np.array(["cumulative", "x"])), "schedule to be one of"),  # type: ignore[arg-type]
        (lambda: Sisa(Ridge), r"write Ridge\(\)"),
    ],
)
def test_wrong_input_is_a_sentence(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        wrong()


def test_a_likelihood_in_words_is_refused() -> None:
    table = Table.from_arrays(np.array([["low"], ["high"]], dtype=object), [0, 1], columns=["risk"])
    with pytest.raises(DataError, match="must hold probabilities"):
        LIKELY.learn(table, Run(key=KEY))


def test_the_column_that_places_is_refused_in_a_batch_too() -> None:
    table, run = risky(), Run(key=KEY)
    answer = LIKELY.quote(LIKELY.learn(table, run), Batch([Owners([4]), Column("risk")]), table, run)
    assert isinstance(answer, Refusal)
    assert answer.kind == "instead"


@pytest.mark.parametrize("slip", [[1], "record 1", 1, None, {1}, np.array([1]), Records])
def test_a_slip_of_the_pen_is_no_refusal_for_ever(slip: Any) -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(LogisticRegression(), shards=3)
    with pytest.raises(ParameterError, match=r"a target is Records\(\[...\]\)"):
        method.quote(method.learn(table, run), slip, table, run)


def test_the_remark_of_a_twin_names_nobody() -> None:
    features, names = np.zeros((4, 2)), [f"somebody {k}" for k in range(4)]
    table, run = Table.from_arrays(features, [0, 0, 1, 1], names), Run(key=KEY)
    method = Sisa(DecisionTreeClassifier(), shards=2)
    quote = method.quote(method.learn(table, run), Records(["somebody 0"]), table, run)
    assert isinstance(quote, Quote)
    assert any("exact copy" in said for said in quote.assumptions)
    assert not any("somebody" in said for said in quote.assumptions)


def test_a_batch_is_one_look_at_the_data_whatever_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(GaussianNB(), shards=3)
    model, looked = method.learn(table, run), []

    def looking(*given: Any) -> Any:
        looked.append(1)
        return is_among(*given)

    monkeypatch.setattr(targets, "is_among", looking)
    method.quote(model, Batch([Owners([name]) for name in set(owners_of(table).tolist())]), table, run)
    assert len(looked) == 2, "once for whom it names, once for the names that nobody has"


@dataclass(frozen=True)
class Counts:
    """The smallest learner there is: its model names no classes."""

    def learn(self, data: Table, run: Run) -> float:
        return float(len(data))

    def predict(self, model: float, data: Table) -> NDArray[np.float64]:
        return np.full(len(data), model)


def test_a_learner_of_ones_own_needs_nothing_but_the_two_verbs() -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(Counts(), shards=4)
    model = method.learn(table, run)
    assert np.allclose(method.predict(model, table), len(table) / 4)
    done = method.forget(model, Owners([4]), table, run)
    assert fingerprint(done.model) == fingerprint(method.learn(table.after(Owners([4])), Run(key=KEY)))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Records([5, 99_999]), "1 of the 2 records named are not in the data"),
        (Owners([4, 77_777, 88_888]), "2 of the 3 owners named are not in the data"),
        (Batch([Owners([4]), Owners([77_777])]), "1 of the 2 owners named are not in the data"),
        (Correction(Table.from_arrays(np.ones((2, 3)), ["ham", "ham"], [5, 99_999])), "1 of the 2 corrected records"),
    ],
)
def test_a_quote_counts_the_names_that_nobody_has_and_names_none(target: Target, said: str) -> None:
    table, run, method = patients(), Run(key=KEY), Sisa(LogisticRegression(), shards=3)
    quote = method.quote(method.learn(table, run), target, table, run)
    assert isinstance(quote, Quote)
    assert any(said in sentence for sentence in quote.assumptions)
    assert not any("99999" in sentence or "77777" in sentence for sentence in quote.assumptions)
