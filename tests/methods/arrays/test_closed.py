"""What all closed forms share: streams of anything, data that are not the model's, bugs that the laws must catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from expunge import Addition, Batch, Column, Correction, Label, Quote, Records, Refusal, Run, Table, fingerprint
from expunge.codec import decode, encode
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, RefusedError
from expunge.methods.arrays import _closed
from expunge.methods.arrays.bernoulli_nb import BernoulliNB
from expunge.methods.arrays.categorical_nb import CategoricalNB
from expunge.methods.arrays.complement_nb import ComplementNB
from expunge.methods.arrays.gaussian_nb import GaussianNB
from expunge.methods.arrays.k_neighbors_classifier import KNeighborsClassifier
from expunge.methods.arrays.linear_discriminant_analysis import LinearDiscriminantAnalysis
from expunge.methods.arrays.multinomial_nb import MultinomialNB
from expunge.methods.arrays.nearest_centroid import NearestCentroid
from expunge.methods.arrays.pca import PCA
from expunge.methods.arrays.quadratic_discriminant_analysis import QuadraticDiscriminantAnalysis
from expunge.methods.arrays.ridge import Ridge
from expunge.protocol import Pace
from expunge.sums import wide
from expunge.sums.fixed import Fixed
from expunge.sums.groups import Groups
from expunge.sums.moments import Moments
from expunge.sums.rows import Rows
from expunge.sums.statistics import Kind
from expunge.testing import Case, patients
from expunge.testing.laws import (
    exact_forgetting_is_learning_without,
    learning_is_a_pure_function,
    what_is_forgotten_has_no_influence,
)

RUN = Run(key=b"k")
EDGE = float(np.nextafter(2.0**30, 0))
CLASSIFIERS: list[Any] = [
    GaussianNB(),
    NearestCentroid(),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis("lsqr", 0.2),
    QuadraticDiscriminantAnalysis(reg_param=0.1),
    MultinomialNB(),
    ComplementNB(),
    BernoulliNB(),
    CategoricalNB(),
    KNeighborsClassifier(3),
]
METHODS: list[Any] = [Ridge(), PCA(), *CLASSIFIERS]
each = pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{type(method).__name__}{method.needs}")


def hard(seed: int, n: int = 24) -> Table:
    """Ties, duplicates, a constant column, values at the edge of the range, tiny ones, a class of one record."""
    random = np.random.default_rng(seed)
    X = np.abs(random.integers(-3, 4, (n, 4)).astype(float))
    X[:, 1] = 7.0
    X[:, 2] = random.choice([0.0, EDGE, 2.0**-32, 0.3], n)
    X[n // 2 :][:3] = X[:3]
    y = random.integers(0, 2, n)
    y[n // 2 :][:3] = y[:3]
    y[-1] = 2
    return Table.from_arrays(X, y, (np.arange(n) * 389 + 5) % 1009)


def step(draw: st.DataObject, data: Table) -> Any:
    """One request of any kind."""
    ids, random = np.asarray(data.ids).tolist(), np.random.default_rng(draw.draw(st.integers(0, 99)))
    rows = hard(int(random.integers(100))).take(random.integers(0, 24, 2)).gathered().columns
    rows = replace(
        rows, features=np.asarray(rows.features)[:, [int(name[1:]) for name in data.names]], names=data.names
    )
    fresh = [number for number in (5001, 5002, 5003, 5004) if number not in ids][:2]
    kinds = ["add"] * (len(fresh) == 2) + ["label"] + ["records", "correct", "batch"] * (len(ids) > 2)
    match draw.draw(st.sampled_from(kinds)):
        case "add":
            return Addition(Table(replace(rows, ids=np.array(fresh))))
        case "label":
            return Label(int(random.integers(3)))
        case "records":
            return Records(draw.draw(st.sets(st.sampled_from(ids), min_size=1)))
        case "correct":
            return Correction(Table(replace(rows, ids=random.choice(ids, 2, replace=False))))
        case _:
            corrected = Table(replace(rows, ids=random.choice(ids, 2, replace=False)))
            return Batch([Records(ids[:2]), Correction(corrected), Records(ids[-1:])])


@each
@given(draw=st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_stream_ends_in_the_model_learned_from_what_is_there(method: Any, draw: st.DataObject) -> None:
    data = hard(draw.draw(st.integers(0, 20)))
    model = method.learn(data, RUN)
    for _ in range(4):
        target = step(draw, data)
        done = method.forget(model, target, data, RUN)
        model, data = done.model, data.after(target)
    again = method.learn(data.take(np.arange(len(data))[::-1]), Run(key=b"another"))
    assert fingerprint(model) == fingerprint(again)
    assert encode(model) == encode(again)
    fresh = Table.from_arrays(np.asarray(data.features), data.label, data.ids, columns=data.names)
    assert fingerprint(again) == fingerprint(method.learn(fresh, RUN))  # a table that remembers no sums


@each
def test_down_to_the_last_record_and_back(method: Any) -> None:
    data = hard(3)
    model = method.learn(data, RUN)
    while len(data):
        target = Records([int(np.asarray(data.ids)[0])])
        rest = data.after(target)
        model, data = method.forget(model, target, data, RUN).model, rest
        if len(data):
            scores = method.predict(model, hard(3))
            assert np.isfinite(scores).all()
            if model.classes is not None:
                assert scores.sum(axis=1) == pytest.approx(np.ones(24))
    assert fingerprint(model) == fingerprint(method.learn(data, RUN))
    with pytest.raises(EmptyModelError, match="no record to predict from"):
        method.predict(model, hard(3))
    added = method.forget(model, Addition(hard(3)), data, RUN).model
    assert fingerprint(added) == fingerprint(method.learn(data.after(Addition(hard(3))), RUN))


@each
def test_a_class_or_a_column_that_goes_is_gone(method: Any) -> None:
    data = hard(4)
    model = method.learn(data, RUN)
    for target, examples in ((Label(2), 1), (Column("x2"), 0)):
        done = method.forget(model, target, data, RUN)
        assert (done.examples, fingerprint(done.model)) == (
            examples,
            fingerprint(method.learn(data.after(target), RUN)),
        )
        quote = method.quote(model, target, data, Run(key=b"k", pace=Pace(2.0)))
        assert isinstance(quote, Quote)
        assert (quote.examples, quote.seconds) == (examples, 2.0 * examples)
    both = Batch([Column("x2"), Records([5])])
    done = method.forget(model, both, data, RUN)
    assert (done.examples, fingerprint(done.model)) == (23, fingerprint(method.learn(data.after(both), RUN)))


@each
def test_a_second_deletion_and_one_out_of_range_change_nothing(method: Any) -> None:
    data, target = hard(5), Records([5])
    once = method.forget(method.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    for nothing in (target, Records([-7, 10**12])):
        assert method.forget(once, nothing, rest, RUN).model is once
    with pytest.raises(MismatchError, match="data other than the model's"):
        method.forget(once, target, data, RUN)  # the double delete that takes a row out twice


@each
def test_data_or_parameters_other_than_the_models_are_refused(method: Any) -> None:
    data = hard(6)
    model = method.learn(data, RUN)
    values = np.array(data.features)
    values[3, 0] = 1.0 - values[3, 0]
    other = Table.from_arrays(values, data.label, data.ids)
    for ask in (method.quote, method.forget):
        with pytest.raises(MismatchError, match=r"the sums over them are others"):
            ask(model, Records([5]), other, RUN)
        with pytest.raises(MismatchError, match="it learned from x0, x1, x2, x3; got x0, x1, x3"):
            ask(model, Records([5]), data.drop("x2"), RUN)
        with pytest.raises(MismatchError, match="must be the one that"):
            ask("a model", Records([5]), data, RUN)
        with pytest.raises(MismatchError, match="parameters other than the model's"):
            ask(replace(model, recipe="another"), Records([5]), data, RUN)
    same = Table.from_arrays(np.array(data.features), data.label, data.ids)
    assert method.forget(decode(encode(model), trusted=True), Records([5]), same, RUN).claim is not None


@each
def test_what_cannot_be_added_is_said_in_the_quote(method: Any) -> None:
    if isinstance(method, CategoricalNB):
        return  # any name can
    data = hard(7)
    model = method.learn(data, RUN)
    wrong = Addition(Table.from_arrays(np.array([[0.0, 1.0, np.nan, 2.0]]), [1], [9001]))
    for ask in (method.quote, method.forget):
        with pytest.raises(DataError, match="column 'x2': row 0 is missing or infinite"):
            ask(model, wrong, data, RUN)


def test_a_stream_reads_only_the_rows_that_change(monkeypatch: pytest.MonkeyPatch) -> None:
    data, read = patients(numbers=True), []
    kind = Kind.of

    def counted(self: Kind, table: Table, *, loose: bool = False) -> Any:
        read.append(len(table))
        return kind(self, table, loose=loose)

    method = Ridge()
    model = method.learn(data, RUN)
    monkeypatch.setattr(Kind, "of", counted)
    for name in np.asarray(data.ids)[:3].tolist():
        target = Records([name])
        rest = data.after(target)  # before forgetting or after it: what is known of the rest is handed on
        model, data = method.forget(model, target, data, RUN).model, rest
    assert read == [1, 1, 1]
    learned = method.learn(data, RUN)
    assert read[-1] == len(data)  # learning believes no sums
    assert fingerprint(learned) == fingerprint(model)


def test_the_number_of_records_per_request_is_what_a_quote_says() -> None:
    data, method = patients(numbers=True), Ridge()
    quote = method.quote(method.learn(data, RUN), Records(np.asarray(data.ids)[:3]), data, RUN)
    assert isinstance(quote, Quote)
    assert quote.examples == 3
    assert "rounded to multiples of 2.32831e-10" in quote.assumptions[0]
    assert method.visits(data, RUN) == 40


def test_recipes_are_of_the_method_and_its_parameters() -> None:
    assert Ridge(1.0).recipe() == Ridge(np.float64(1)).recipe() == Ridge(1).recipe()
    found = {one.recipe() for one in (Ridge(), Ridge(2.0), Ridge(fit_intercept=False), Ridge(resolution=0.5), PCA())}
    assert len(found) == 5
    priors = [GaussianNB(priors={"a": a, "b": 1.0}).recipe() for a in (1.0, 2.0)]
    assert priors[0] != priors[1]


def test_labels_of_another_kind_are_refused() -> None:
    numbers, words = patients(numbers=True), patients()
    with pytest.raises(DataError, match="one class for each record"):
        GaussianNB().learn(numbers, RUN)
    with pytest.raises(DataError, match="learns numbers"):
        Ridge().learn(words, RUN)
    with pytest.raises(DataError, match="needs a label"):
        Ridge().learn(Table.from_arrays(np.eye(3)), RUN)
    with pytest.raises(DataError, match="needs a label"):
        GaussianNB().learn(Table.from_arrays(np.eye(3)), RUN)
    with pytest.raises(RefusedError):
        Ridge().forget(Ridge().learn(numbers, RUN), "a fact that nobody carries" and _Fact(), numbers, RUN)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Fact:
    """What no record carries."""


# -- bugs that are known from others, planted --------------------------------------------------------------------------


def float_downdate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The sums in float64: what everybody writes first."""

    def of(cls: Any, F: Any, second: Any = "products", *, shift: int = 0) -> Any:
        return _Floats(len(F), F.sum(axis=0), F.T @ F)

    monkeypatch.setattr(Kind, "of", lambda _, table, **_how: of(None, _columns(table)))
    monkeypatch.setattr(Ridge, "summary", lambda _, statistic, width: statistic.summary(width))
    return Ridge(), patients(numbers=True)


@dataclass(frozen=True, eq=False)
class _Floats:
    count: int
    sums: Any
    second: Any

    def plus(self, other: Any) -> Any:
        return _Floats(self.count + other.count, self.sums + other.sums, self.second + other.second)

    def minus(self, other: Any) -> Any:
        return _Floats(self.count - other.count, self.sums - other.sums, self.second - other.second)

    def at(self, places: Any) -> Any:
        return _Floats(self.count, self.sums[places], self.second[np.ix_(places, places)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Floats) and np.allclose(self.sums, other.sums)

    def __hash__(self) -> int:
        return 0

    def summary(self, width: int) -> Any:
        from expunge.sums.summaries import Joint

        inner = self.second - np.outer(self.sums, self.sums) / self.count
        mean = self.sums / self.count
        return Joint(self.count, mean[:width], mean[width:], inner[:width, :width], inner[:width, width:])


def _columns(table: Table) -> Any:
    return np.column_stack([np.asarray(table.features), np.asarray(table.label, float)])


def forgotten_count(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The sums go, the count stays."""
    own = Moments.minus
    monkeypatch.setattr(Moments, "minus", lambda self, other: replace(own(self, other), count=self.count))
    return Ridge(), patients(numbers=True)


def phantom_rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Records are set to zero and stay."""

    def minus(self: Rows, other: Rows) -> Rows:
        return replace(self, X=np.where(np.isin(self.ids, other.ids)[:, None], 0.0, self.X))

    monkeypatch.setattr(Rows, "minus", minus)
    return KNeighborsClassifier(), patients()


def remembered_maximum(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The smoothing keeps the largest variance that it ever saw, as partial_fit does."""
    own = GaussianNB.forget

    def forget(self: GaussianNB, model: Any, *asked: Any) -> Any:
        done = own(self, model, *asked)
        if done.model.solved is None:
            return done
        kept = np.maximum(done.model.solved.variances, model.solved.variances.min())
        return replace(done, model=replace(done.model, solved=replace(done.model.solved, variances=kept)))

    monkeypatch.setattr(GaussianNB, "forget", forget)
    return GaussianNB(var_smoothing=0.1), patients()


def scale_of_the_data(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The fixed point fits the largest number of the records at hand."""
    own = Kind.of

    def of(self: Kind, table: Table, *, loose: bool = False) -> Any:
        largest = float(np.abs(np.asarray(table.features)).max()) if len(table) else 1.0
        return own(replace(self, fixed=Fixed(2.0 ** (np.ceil(np.log2(largest)) - 12))), table, loose=loose)

    monkeypatch.setattr(Kind, "of", of)
    return NearestCentroid(), patients()


def class_that_stays(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class that nobody is left of keeps its place."""

    def minus(self: Groups, other: Groups) -> Groups:
        gone = dict(zip(other.classes, other.parts, strict=True))
        parts = [
            part.minus(gone[name]) if name in gone else part
            for name, part in zip(self.classes, self.parts, strict=True)
        ]
        return Groups(self.classes, tuple(part if part.count else replace(part, count=1) for part in parts))

    monkeypatch.setattr(Groups, "minus", minus)
    return NearestCentroid(), patients()


def order_of_rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Neighbours are kept in the order in which they came."""
    own = Rows.of

    def of(table: Table, *, responding: bool = False) -> Rows:
        made = own(table, responding=responding)
        back = np.argsort(np.argsort(np.asarray(table.ids), kind="stable"), kind="stable")
        return replace(made, ids=made.ids[back], X=made.X[back], y=made.y[back])

    monkeypatch.setattr(Rows, "of", of)
    return KNeighborsClassifier(), patients()


def no_carry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Planes are added and not brought to their one form."""
    monkeypatch.setattr(wide, "plus", lambda *numbers: sum(numbers[1:], numbers[0]))
    monkeypatch.setattr(wide, "minus", lambda a, b: np.asarray(a - b) if a.shape == b.shape else wide.carried([*a]))
    return NearestCentroid(), patients()


MUTANTS: list[Callable[..., Any]] = [
    float_downdate,
    forgotten_count,
    phantom_rows,
    remembered_maximum,
    scale_of_the_data,
    class_that_stays,
    order_of_rows,
    no_carry,
]


@pytest.mark.parametrize("plant", MUTANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_breaks_a_law(plant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    method, data = plant(monkeypatch)
    case, broken = Case(method, data, examples=3, portable=False, shrink=False), 0
    for law in (exact_forgetting_is_learning_without, what_is_forgotten_has_no_influence, learning_is_a_pure_function):
        try:
            law(case)
        except (AssertionError, MismatchError, LearnError, ValueError, IndexError):
            broken += 1
            break
    assert broken, f"no law sees {plant.__name__}"


def test_checked_says_what_is_possible() -> None:
    with pytest.raises(ValueError, match="Ridge needs alpha to be a finite number of at least 0, got -1"):
        Ridge(-1)
    with pytest.raises(ValueError, match="above 0, got 0"):
        _closed.checked("X", "alpha", 0, strict=True)


# -- what was promised and not kept ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", CLASSIFIERS, ids=lambda method: f"{type(method).__name__}{method.needs}")
def test_labels_of_another_type_are_other_data(method: Any) -> None:
    data = hard(8).take(np.arange(23))
    values, ids, said = np.array(data.features), np.asarray(data.ids), np.asarray(data.label)
    for other in (said.astype(bool), said.astype(float)):
        mine, theirs = (
            Table.from_arrays(values, label, ids, classes=np.unique(label).tolist()) for label in (said, other)
        )
        model = method.learn(mine, RUN)
        for ask in (method.quote, method.forget):
            with pytest.raises(MismatchError, match=r"it learned labels of type int; got (bool|float)"):
                ask(model, Records([int(ids[0])]), theirs, RUN)


@pytest.mark.parametrize(
    ("method", "target", "said"),
    [
        (QuadraticDiscriminantAnalysis(), Records([0, 2]), "does not vary in some direction"),
        (GaussianNB(priors={0: 0.5, 1: 0.5}), "new", "the records have 7, too"),
        (MultinomialNB(class_prior={0: 0.5, 1: 0.5}), "new", "the records have 7, too"),
    ],
    ids=["too few of a class", "no prior", "no share"],
)
def test_what_has_no_solution_is_refused_and_not_promised(method: Any, target: Any, said: str) -> None:
    random = np.random.default_rng(2)
    data = Table.from_arrays(random.random((9, 2)), np.array([0, 1, 0, 1, 0, 1, 1, 1, 1]))
    target = Addition(Table.from_arrays(np.ones((1, 2)), [7], [99])) if target == "new" else target
    model = method.learn(data, RUN)
    quote = method.quote(model, target, data, RUN)
    assert isinstance(quote, Refusal)
    assert said in quote.reason
    with pytest.raises(RefusedError) as refused:
        method.forget(model, target, data, RUN)
    assert refused.value.refusal == quote
    with pytest.raises(LearnError, match=said):
        method.learn(data.after(target), RUN)


@each
def test_columns_go_down_to_the_last_and_leave_an_answer(method: Any) -> None:
    data = hard(10)
    model = method.learn(data, RUN)
    for name in data.names:
        target = Column(name)
        model, data = method.forget(model, target, data, RUN).model, data.after(target)
        assert fingerprint(model) == fingerprint(method.learn(data, RUN))
    scores = method.predict(model, data)
    assert (len(scores), len(set(map(bytes, scores)))) == (len(data), 1)  # nothing tells one from another


def test_sums_that_a_quote_made_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data, read, kind = patients(numbers=True), [], Kind.of
    method, target = Ridge(), Records(np.asarray(data.ids)[:3])
    model = method.learn(data, RUN)

    def counted(self: Kind, table: Table, *, loose: bool = False) -> Any:
        read.append(len(table))
        return kind(self, table, loose=loose)

    monkeypatch.setattr(Kind, "of", counted)
    assert isinstance(method.quote(model, target, data, RUN), Quote)
    done = method.forget(model, target, data, RUN).model
    assert read == [3]
    assert fingerprint(done) == fingerprint(method.learn(data.after(target).gathered(), RUN))


@each
def test_rows_that_lack_a_number_are_not_predicted_for(method: Any) -> None:
    if isinstance(method, CategoricalNB):
        return  # a missing name is one of its own
    data = hard(9)
    model, asked = method.learn(data, RUN), np.array(data.features)
    for wrong in (np.nan, np.inf):
        asked[3, 2] = wrong
        packed = [sparse.csr_array(asked)] if getattr(method, "sparse", False) else []
        for rows in (asked, *packed):
            with pytest.raises(DataError, match="column 'x2': row 3 is missing or infinite, and only finite numbers"):
                method.predict(model, Table.from_arrays(rows))
