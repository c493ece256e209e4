"""SISA keeps every law over learners of every kind; its cost, schedule, votes and refusals are what the paper says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
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
    expected_cost,
    fingerprint,
)
from expunge.backends.local import Processes
from expunge.codec import decode, encode
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.methods.arrays._placement import place
from expunge.methods.arrays.sisa import _share
from expunge.protocol import Pace
from expunge.testing import Case, Law, contract, patients

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@dataclass(frozen=True)
class Counting(SklearnLearner):
    """A learner that counts the record visits that it really makes."""

    seen: Counter[str] = field(default_factory=Counter)

    def recipe(self) -> str:
        return "counting" + SklearnLearner(self.estimator, self.epochs).recipe()

    def learn(self, data: Table, run: Run) -> Any:
        self.seen["visits"] += len(data)
        return super().learn(data, run)

    def go_on(self, state: Any, data: Table, epochs: int, run: Run) -> Any:
        self.seen["visits"] += len(data) * epochs
        return super().go_on(state, data, epochs, run)


@pytest.mark.parametrize("slices", [1, 2, 5])
@settings(max_examples=15, deadline=None)
@given(ids=st.sets(st.sampled_from(patients().ids.tolist())), data=st.data())
def test_the_quote_is_exactly_the_visits_that_are_made(slices: int, ids: set[int], data: st.DataObject) -> None:
    counting = Counting(SGDClassifier(), epochs=4)
    method, table, run = Sisa(counting, shards=3, slices=slices), patients(), Run(key=KEY)
    model = method.learn(table, run)
    assert counting.seen["visits"] == method.visits(table, run)
    targets: list[Target] = [Records(ids), Batch([Records(ids), Label("unsure")]), Column("x1")]
    target = data.draw(st.sampled_from(targets))
    counting.seen.clear()
    quote = method.quote(model, target, table, run)
    assert not counting.seen, "quoting trains nothing"
    done = method.forget(model, target, table, run)
    assert isinstance(quote, Quote)
    assert quote.examples == done.examples == counting.seen["visits"]


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


def simulated(n: int, shards: int, slices: int, requests: int, *, batch: bool, equal: bool) -> tuple[float, float]:
    """Mean cost per epoch of deletions, and four standard errors; ``equal``: shards of one size, hit alike."""
    random, spent = np.random.default_rng(1), []
    for _ in range(400):
        shard, piece = random.integers(0, shards, n), random.integers(0, slices, n)
        gone = random.choice(n, requests, replace=False)
        if equal:
            shard = random.permutation(n) % shards
            gone = np.array([random.choice(np.flatnonzero(shard == s)) for s in random.integers(0, shards, requests)])
        alive, cost = np.ones(n, bool), 0.0
        alive[gone] = not batch
        for hit in dict.fromkeys(shard[gone].tolist()) if batch else gone:
            mine = shard == (hit if batch else shard[hit])
            first = piece[gone][shard[gone] == hit].min() if batch else piece[hit]
            alive[hit if not batch else gone] = False
            cost += sum((alive & mine & (piece <= k)).sum() for k in range(first, slices)) * 2 / (slices + 1)
        spent.append(cost)
    return float(np.mean(spent)), float(4 * np.std(spent) / np.sqrt(len(spent)))


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(("shards", "slices", "requests"), [(20, 1, 8), (5, 1, 40), (4, 10, 1), (3, 6, 4)])
def test_expected_cost_agrees_with_a_simulation(shards: int, slices: int, requests: int, *, batch: bool) -> None:
    n = 600
    expected = expected_cost(n, shards, slices, requests, batch=batch)
    mean, error = simulated(n, shards, slices, requests, batch=batch, equal=True)
    assert abs(mean - expected) < error + requests  # two of the paper's requests may name one record
    hashed, error = simulated(n, shards, slices, requests, batch=batch, equal=False)
    assert -error < hashed - expected < error + requests, "hashed shards cost at most a visit a request more"


def test_expected_cost_is_the_published_arithmetic() -> None:
    assert expected_cost(10_000, 20, 1, 8) == pytest.approx(3991, abs=1)
    assert expected_cost(10_000, 20, 1, 100) == pytest.approx(49652, abs=1)
    assert [round(expected_cost(10_000, 20, 1, k, batch=True), -1) for k in (8, 100)] == [3360, 9840]
    assert [round(_share(1, slices), 3) for slices in (1, 2, 5, 10, 50)] == [1, 0.833, 0.733, 0.7, 0.673]
    assert [round(_share(hits, 10_000), 2) for hits in (1, 2, 5, 10)] == [0.67, 0.83, 0.95, 0.98]


def test_sharding_stops_paying_past_three_requests_a_shard() -> None:
    assert expected_cost(10_000, shards=20, requests=60, batch=True) > 0.95 * (10_000 - 60)
    assert expected_cost(10_000, shards=20, requests=20) > 0.95 * 10_000
    with pytest.raises(ParameterError, match="requests between 0 and n"):
        expected_cost(10, shards=2, requests=11)


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
    counting = Counting(SGDClassifier(), epochs=4)
    method = Sisa(counting, shards=2, slices=4)
    whole = method.learn(table, run)
    for name in list(run.store)[3:]:  # killed in the first shard, after its third slice
        del run.store[name]
    counting.seen.clear()
    assert fingerprint(method.learn(table, run)) == fingerprint(whole)
    assert counting.seen["visits"] < method.visits(table, run)


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
    assert any("1 records that stay are exact copies" in said for said in twin.assumptions)
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
