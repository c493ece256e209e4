"""The estimator face: it is an estimator of scikit-learn, and what it forgot is gone from all of it."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from expunge import (
    Addition,
    Band,
    Batch,
    Column,
    Correction,
    Exact,
    ExpungeClassifier,
    ExpungeRegressor,
    Label,
    Owners,
    Quote,
    Records,
    Refusal,
    Retrain,
    Sisa,
    SklearnLearner,
    Table,
    fingerprint,
)
from expunge.errors import DataError, EmptyModelError, LearnError, ParameterError, RefusedError, WorkerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Target

KEY = b"a most secret secret"
N = 60
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, 4))
TOWNS = RNG.choice(["Bonn", "Köln", "Ulm"], N)
Y = np.where(X[:, 0] + X[:, 1] > 0.5, "ill", np.where(X[:, 2] > 0, "well", "so so"))
OWNERS = np.array([f"p{k % 20}" for k in range(N)])
FRAME = pd.DataFrame({"body mass": X[:, 0], "home town": TOWNS, "sex": pd.Categorical(RNG.choice(["f", "m"], N))})
BY_NAME = make_pipeline(
    make_column_transformer(
        (StandardScaler(), ["body mass"]), (OneHotEncoder(handle_unknown="ignore"), ["home town", "sex"])
    ),
    LogisticRegression(),
)
Face = ExpungeClassifier | ExpungeRegressor
FACES: list[Face] = [
    ExpungeClassifier(Sisa(LogisticRegression(), shards=3), key=KEY),
    ExpungeClassifier(Retrain(GaussianNB()), key=KEY),
    ExpungeRegressor(Sisa(Ridge(), shards=3), key=KEY),
    ExpungeRegressor(Retrain(Sisa(DecisionTreeRegressor(), shards=2)), key=KEY),
]


def labels(face: Face) -> NDArray[Any]:
    """Return what a face learns: classes or numbers."""
    return Y if isinstance(face, ExpungeClassifier) else X[:, 0] - X[:, 3]


def fitted(face: Face, rows: Any = slice(None), columns: Any = slice(None)) -> Face:
    """Return a clone of a face, fitted to some of the records under the names that they have among all."""
    fresh: Face = clone(face)
    return fresh.fit(X[rows][:, columns], labels(face)[rows], ids=np.arange(N)[rows], owners=OWNERS[rows])


def state(face: Face) -> tuple[Any, ...]:
    """Return all that a fitted face holds, as something that can be compared; its pace, a measurement, aside."""
    held, table = vars(face), face.table_
    plain = [name for name in held if name not in ("method", "method_", "model_", "run_", "table_")]
    return (
        fingerprint(face.model_),
        face.method_.recipe(),
        face.run_.key,
        face.run_.store,
        table.schema(),
        np.asarray(table.label).dtype,
        table.digests(KEY).tolist(),
        {name: pickle.dumps(held[name]) for name in plain},
    )


# -- an estimator of scikit-learn


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [ExpungeClassifier(), ExpungeRegressor(), ExpungeClassifier(Retrain(GaussianNB())), ExpungeRegressor(key=KEY)]
)
def test_it_is_an_estimator_of_scikit_learn(estimator: Face, check: Callable[[Face], None]) -> None:
    check(estimator)


def test_what_the_wrapped_estimator_takes_the_face_takes() -> None:
    holes = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    for inner in (HistGradientBoostingClassifier(max_iter=2), make_pipeline(SimpleImputer(), LogisticRegression())):
        assert ExpungeClassifier(Sisa(inner, shards=2)).fit(holes, Y).predict(holes).shape == (N,)
    counting = ExpungeClassifier(Retrain(MultinomialNB()))
    assert get_tags(counting).input_tags.positive_only
    with pytest.raises(ValueError, match="Negative values in data passed to ExpungeClassifier"):
        counting.fit(X, Y)
    assert not get_tags(ExpungeClassifier("nonsense")).input_tags.allow_nan


def test_a_search_sets_parameters_of_method_and_estimator_and_hands_on_the_owners() -> None:
    grid = {"method__shards": [2, 3], "method__learner__C": [0.1, 1.0]}
    search = GridSearchCV(FACES[0], grid, cv=GroupKFold(3)).fit(X, Y, groups=OWNERS, owners=OWNERS)
    best = search.best_estimator_
    assert best.method_.shards == search.best_params_["method__shards"]
    assert search.best_params_["method__learner__C"] == best.method_.learner.C
    assert best.forget(Owners(["p7"])).claim == Exact()
    assert len(best.table_) == N - 3
    assert search.predict(X).shape == (N,)


def test_owners_are_routed_as_metadata() -> None:
    with sklearn.config_context(enable_metadata_routing=True):  # type: ignore[attr-defined]
        face = clone(FACES[0]).set_fit_request(owners=True, ids=False)
        pipeline = make_pipeline(StandardScaler(), face).fit(X, Y, owners=OWNERS)
    assert len(pipeline[-1].table_.change(Owners(["p7"])).out) == 3


def test_parameters_changed_after_fitting_do_not_reach_the_model() -> None:
    face = fitted(FACES[0])
    face.set_params(method__shards=5, method__learner__C=9.0, key=b"another")  # type: ignore[no-untyped-call]
    assert face.forget(Records([1])).claim == Exact()
    assert fingerprint(face.model_) == fingerprint(fitted(FACES[0], np.delete(np.arange(N), 1)).model_)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_pickled_face_quotes_and_forgets_the_same(face: Face) -> None:
    first = fitted(face)
    second = pickle.loads(pickle.dumps(first))  # noqa: S301  (our own bytes)
    target = Owners(["p3", "p4"])
    assert first.quote(target) == second.quote(target)
    assert first.forget(target).examples == second.forget(target).examples
    assert state(first) == state(second)


# -- forgetting


@settings(max_examples=30, deadline=None)
@given(
    face=st.sampled_from(FACES),
    stream=st.lists(
        st.one_of(
            st.builds(Records, st.sets(st.integers(0, N + 3), max_size=25)),
            st.builds(Owners, st.sets(st.sampled_from(sorted(set(OWNERS))), max_size=6)),
            st.sampled_from([Label("ill"), Label("so so")]),
        ),
        max_size=3,
    ),
)
def test_forgetting_is_fitting_without(face: Face, stream: list[Target]) -> None:
    forgetful, stays = fitted(face), np.ones(N, bool)
    for target in stream:
        match target:
            case Records(ids):
                stays &= ~np.isin(np.arange(N), list(ids))
            case Owners(names):
                stays &= ~np.isin(OWNERS, list(names))
            case Label(value) if isinstance(face, ExpungeClassifier):
                stays &= value != Y
        quote = forgetful.quote(target)
        assert isinstance(quote, Quote)
        assert forgetful.forget(target).examples == quote.examples
    if stays.any():  # scikit-learn fits no empty array
        assert state(forgetful) == state(fitted(face, np.flatnonzero(stays)))
        assert forgetful.predict(X).shape == (N,)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_column_leaves_and_later_rows_come_without_it(face: Face) -> None:
    forgetful = fitted(face)
    assert forgetful.forget(Column("x1")).claim == Exact()
    assert forgetful.n_features_in_ == 3
    without = X[:, [0, 2, 3]]
    expected = fitted(face, columns=[0, 2, 3])
    assert forgetful.predict(without).tolist() == expected.predict(without).tolist()
    with pytest.raises(ValueError, match="expecting 3 features"):
        forgetful.predict(X)


def test_a_named_column_leaves_the_names() -> None:
    face = ExpungeClassifier(Sisa(LogisticRegression(), shards=2), key=KEY)
    whole = pd.DataFrame(X, columns=["a b", "c", "d", "e"])
    forgetful = clone(face).fit(whole, Y)
    forgetful.forget(Column("c"))
    expected = clone(face).fit(whole.drop(columns="c"), Y)
    assert forgetful.feature_names_in_.tolist() == ["a b", "d", "e"]
    assert state(forgetful) == state(expected)
    with pytest.raises(ValueError, match="unseen at fit time"):
        forgetful.predict(whole)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_corrections_additions_and_batches_end_as_fitting_the_right_rows(face: Face) -> None:
    y, right = labels(face), X.copy()
    right[4] = 0.25
    start = clone(face).fit(X[:50], y[:50], ids=np.arange(50), owners=OWNERS[:50])
    correction = Correction(Table.from_arrays(right[4:5], y[4:5], ids=[4]))
    addition = Addition(Table.from_arrays(X[50:], y[50:], ids=np.arange(50, N), owners=OWNERS[50:]))
    start.forget(Batch([correction, addition, Records([5])]))
    stays = np.delete(np.arange(N), 5)
    expected = clone(face).fit(right[stays], y[stays], ids=stays, owners=OWNERS[stays])
    assert fingerprint(start.model_) == fingerprint(expected.model_)
    assert start.run_.store == expected.run_.store


def test_whole_numbers_and_fractions_correct_each_other_in_a_regressor() -> None:
    face = ExpungeRegressor(key=KEY).fit(X, np.arange(N))
    for label in ([7], [7.5]):
        right = Table.from_arrays(X[:1], label)
        assert face.forget(Batch([Correction(right)])).examples > 0
        assert face.forget(Correction(right)).examples == 0  # it is right already
    face.forget(Addition(Table.from_arrays(X[:1], [3], ids=[N])))
    assert np.asarray(face.table_.label)[[-2, -1]].tolist() == [7.5, 3.0]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_after_forgetting_everything_there_is_nothing_to_predict_from_until_something_is_learned(face: Face) -> None:
    forgetful = fitted(face)
    forgetful.forget(Records(range(N)))
    assert len(forgetful.table_) == 0
    assert forgetful.run_.store == {}
    if isinstance(forgetful, ExpungeClassifier):
        assert forgetful.classes_.tolist() == []
    with pytest.raises(EmptyModelError, match="or has forgotten all"):
        forgetful.predict(X)
    forgetful.forget(Addition(Table.from_arrays(X, labels(face), np.arange(N), OWNERS)))
    assert state(forgetful) == state(fitted(face))


def test_nothing_of_the_forgotten_remains_in_a_pickle() -> None:
    frame = FRAME.assign(note="of no account")
    frame.loc[11, "note"] = "seen in Wanne-Eickel"
    frame.loc[11, "body mass"] = 123.456789
    y = Y.astype("<U30")
    y[11] = "a long and rare illness"
    ids, owners = [f"record-{k}" for k in range(N)], [*OWNERS[:11], "Erika Mustermann", *OWNERS[12:]]
    needles = [text.encode() for text in ("Wanne", "a long and rare", "rare".encode("utf-32-le").decode("latin1"))] + [
        struct.pack("<d", 123.456789),
        b"Erika",
        b"record-11",
        "rare".encode("utf-32-le"),
    ]
    inner = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["note"]), remainder="drop"),
        LogisticRegression(),
    )
    face = ExpungeClassifier(Sisa(inner, shards=2), key=KEY).fit(frame, y, ids=ids, owners=owners)
    before, _ = pickle.dumps(face), face.forget(Owners(["Erika Mustermann"]))
    after = pickle.dumps(face)
    found = [needle for needle in needles if needle in before]
    assert len(found) >= 5  # the search does find what is there
    assert [needle for needle in needles if needle in after] == []
    rest = np.delete(np.arange(N), 11)
    expected = ExpungeClassifier(Sisa(inner, shards=2), key=KEY).fit(
        frame.iloc[rest], Y[rest], ids=[ids[k] for k in rest], owners=[owners[k] for k in rest]
    )
    assert state(face) == state(expected)
    assert pickle.dumps(face.table_) == pickle.dumps(expected.table_)


def test_superseded_checkpoints_are_swept_and_those_in_use_stay() -> None:
    face = fitted(ExpungeClassifier(Sisa(GaussianNB(), shards=3, slices=4, schedule="incremental"), key=KEY))
    before = set(face.run_.store)
    face.forget(Records([2]))
    after = set(face.run_.store)
    assert before - after
    assert before & after
    assert {name.partition(".")[0] for name in after} <= face.model_.checkpoints


def test_a_quote_has_seconds_and_changes_nothing() -> None:
    for face in map(fitted, FACES):
        before, held = state(face), dict(vars(face))
        quote = face.quote(Records([3]))
        assert isinstance(quote, Quote)
        assert quote.seconds is not None
        assert quote.seconds > 0
        assert state(face) == before
        assert all(vars(face)[name] is value for name, value in held.items())


# -- what is refused or fails changes nothing


def halfway(fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Do the first item and die."""
    yield fn(next(iter(items)))
    msg = "the second worker died"
    raise WorkerError(msg)


def test_a_forget_that_fails_halfway_leaves_everything_as_it_was() -> None:
    face = fitted(FACES[0])
    before, held = state(face), dict(vars(face))
    face.run_ = broken = replace(face.run_, map=halfway)
    with pytest.raises(WorkerError, match="died"):
        face.forget(Records(range(20)))
    assert face.run_ is broken
    face.run_ = held["run_"]
    assert state(face) == before
    assert all(vars(face)[name] is value for name, value in held.items())
    assert face.forget(Records(range(20))).claim == Exact()


def test_a_refused_forget_leaves_everything_as_it_was() -> None:
    bands = (Band(0.0, shards=(0, 2)), Band(0.5, shards=(2, 3)))
    method = Sisa(LogisticRegression(), shards=3, likelihood="x4", bands=bands)
    likely = np.column_stack([X, np.arange(N) % 2])
    face = ExpungeClassifier(method, key=KEY).fit(likely, Y)
    before, refusal = state(face), face.quote(Column("x4"))
    assert isinstance(refusal, Refusal)
    with pytest.raises(RefusedError) as raised:
        face.forget(Column("x4"))
    assert raised.value.refusal == refusal
    assert state(face) == before
    assert face.predict(likely).shape == (N,)


def test_a_column_that_the_wrapped_pipeline_names_cannot_leave() -> None:
    face = ExpungeClassifier(Sisa(BY_NAME, shards=2), key=KEY).fit(FRAME, Y)
    before = state(face)
    with pytest.raises(LearnError, match="names are not columns"):
        face.forget(Column("sex"))
    assert state(face) == before


# -- data as people have them


def as_arrow(frame: pd.DataFrame) -> Any:
    """Return the columns of a frame as an Arrow table, without its index."""
    return pa.Table.from_pandas(frame, preserve_index=False)


@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas, as_arrow])
def test_frames_reach_the_wrapped_estimator_by_name(convert: Callable[[pd.DataFrame], Any]) -> None:
    face = ExpungeClassifier(Sisa(BY_NAME, shards=2), key=KEY)
    forgetful = clone(face).fit(convert(FRAME), Y, owners=OWNERS)
    assert forgetful.feature_names_in_.tolist() == ["body mass", "home town", "sex"]
    forgetful.forget(Owners(["p7"]))
    rest = OWNERS != "p7"
    expected = clone(face).fit(convert(FRAME[rest]), Y[rest], ids=np.flatnonzero(rest), owners=OWNERS[rest])
    assert state(forgetful) == state(expected)
    assert forgetful.predict(convert(FRAME)).tolist() == expected.predict(convert(FRAME)).tolist()
    with pytest.raises(ValueError, match="same order"):
        forgetful.predict(convert(FRAME[["sex", "home town", "body mass"]]))
    with pytest.raises(DataError, match="at least one row"):
        forgetful.predict(convert(FRAME.iloc[:0]))


def test_rows_to_predict_for_may_come_as_something_else() -> None:
    named = ExpungeClassifier(Sisa(BY_NAME, shards=2), key=KEY).fit(FRAME, Y)
    expected = named.predict(FRAME).tolist()
    assert named.predict(pl.from_pandas(FRAME)).tolist() == expected
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert named.predict(FRAME.to_numpy()).tolist() == expected
    plain = fitted(FACES[0])
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        assert plain.predict(pd.DataFrame(X, columns=list("abcd"))).tolist() == plain.predict(X).tolist()


def test_columns_without_names_are_an_array_and_text_in_arrays_is_kept() -> None:
    encoded = Sisa(make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()), shards=2)
    text = FRAME[["home town", "sex"]].to_numpy()
    expected = ExpungeClassifier(encoded, key=KEY).fit(text, Y).predict(text).tolist()
    for same in (text.tolist(), text.astype(np.str_), pd.DataFrame(text)):
        assert ExpungeClassifier(encoded, key=KEY).fit(same, Y).predict(same).tolist() == expected
    numbers = ExpungeRegressor(key=KEY).fit(pd.DataFrame(X), X[:, 0])
    assert numbers.predict(X).tolist() == ExpungeRegressor(key=KEY).fit(X, X[:, 0]).predict(X).tolist()


SICK = X[:, 0] > 0


@pytest.mark.parametrize(
    "y",
    [
        SICK,
        SICK.astype(np.int8),
        SICK.astype(np.float32),
        Y,
        Y.astype(object),
        Y.tolist(),
        pd.Series(SICK),
        pd.Series(Y, dtype="category"),
        pd.Series(Y, dtype="str"),
        pl.Series(Y),
        pa.array(Y.tolist()),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')}",
)
@pytest.mark.parametrize("frame", [False, True])
def test_predictions_are_labels_of_the_type_of_y(y: Any, *, frame: bool) -> None:
    values = np.asarray(y)
    given: Any = pd.DataFrame(X, columns=list("abcd")) if frame else X
    face = ExpungeClassifier(Sisa(LogisticRegression(), shards=2), key=KEY).fit(given, y)
    assert face.classes_.dtype == values.dtype
    assert face.classes_.tolist() == np.unique(values).tolist()
    predicted = face.predict(given)
    assert predicted.dtype == values.dtype
    assert (predicted == values).mean() > 0.6
    face.forget(Label(face.classes_[0]))
    assert face.classes_.tolist() == np.unique(values).tolist()[1:]
    assert face.predict_proba(given).shape == (N, len(face.classes_))
    assert face.predict(given).dtype.kind == values.dtype.kind


@pytest.mark.parametrize("frame", [False, True])
def test_the_face_keeps_a_copy_of_its_data(*, frame: bool) -> None:
    given: Any = pd.DataFrame(X, columns=list("abcd")) if frame else X.copy()
    y, ids = np.arange(N) % 2, np.arange(N)
    face = ExpungeClassifier(Sisa(LogisticRegression(), shards=2), key=KEY).fit(given, y, ids=ids, owners=ids)
    before = fingerprint(face.table_.gathered())
    if frame:
        given.iloc[0, 0] = 99.0
    else:
        given[0] = 99.0
    y[:], ids[:] = 0, 5
    assert fingerprint(face.table_.gathered()) == before
    assert face.forget(Records([3])).claim == Exact()


# -- sentences


SEVERAL = Table.from_arrays(X[:1], X[:1, :2] > 0, [700_001], ["p1"])
HOLES = np.where(X > 2, np.nan, X)
WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: ExpungeClassifier(LogisticRegression()).fit(X, Y), ParameterError, r"wrap it, Sisa\(LogisticRegression"),
    (lambda: ExpungeClassifier(LogisticRegression).fit(X, Y), ParameterError, r"wrap it, Sisa\(LogisticRegression\(\)"),
    (lambda: ExpungeRegressor(SklearnLearner(Ridge())).fit(X, X[:, 0]), ParameterError, r"wrap it, Sisa\(SklearnL"),
    (lambda: ExpungeClassifier(Sisa).fit(X, Y), ParameterError, "takes a method such as .*, got <class"),
    (lambda: ExpungeClassifier("sisa").fit(X, Y), ParameterError, "takes a method such as .*, got 'sisa'$"),
    (lambda: ExpungeClassifier(Sisa(Ridge())).fit(X, Y), ParameterError, "belongs in an ExpungeRegressor"),
    (lambda: ExpungeRegressor(Sisa(GaussianNB())).fit(X, Y), ParameterError, "belongs in an ExpungeClassifier"),
    (lambda: ExpungeClassifier().fit(X, X[:, 0]), ValueError, "continuous"),
    (lambda: ExpungeClassifier().fit(X, X[:, :2] > 0), ValueError, "y should be a 1d array"),
    (lambda: ExpungeRegressor().fit(X, X[:, :2]), ValueError, "y should be a 1d array"),
    (lambda: ExpungeRegressor().fit(pd.DataFrame(X, columns=list("abcd")), X[:, :2]), ValueError, "a 1d array"),
    (lambda: fitted(FACES[0]).forget(Addition(SEVERAL)), DataError, "like those of the table: .*, got bool x 2"),
    (lambda: ExpungeRegressor().fit(X, Y), DataError, "needs numbers for y"),
    (lambda: ExpungeClassifier().fit(X, [None] * N), DataError, "label: row 0 has none"),
    (lambda: ExpungeClassifier().fit(X, None), ValueError, "requires y"),
    (lambda: ExpungeClassifier().fit(FRAME, None), ValueError, "requires y"),
    (lambda: ExpungeClassifier().fit(FRAME, Y[:5]), ValueError, "inconsistent numbers of samples"),
    (lambda: ExpungeClassifier().fit(FRAME.iloc[:0], Y[:0]), DataError, "at least one row"),
    (lambda: ExpungeClassifier().fit(FRAME, Y), LearnError, "LogisticRegression failed on"),
    (lambda: ExpungeClassifier().fit(pl.from_pandas(FRAME).lazy(), Y), DataError, "got a LazyFrame: collect it"),
    (lambda: ExpungeClassifier().fit(sp.csr_array(X), Y), TypeError, "Sparse data was passed"),
    (lambda: ExpungeClassifier().fit([[1.0], [1.0, 2.0]], [0, 1]), ValueError, "inhomogeneous"),
    (lambda: ExpungeClassifier().fit(HOLES, Y), ValueError, "contains NaN"),
    (lambda: ExpungeClassifier().fit(X, Y, ids=[1] * N), DataError, "ids must be unique"),
    (lambda: ExpungeClassifier().fit(X, Y, owners=["p1"]), DataError, "owners: 60 rows need 60"),
    (lambda: fitted(FACES[0]).forget(5), ParameterError, r"forgets a target .*Records\(\[417\]\); got 5"),  # type: ignore[arg-type]
    (lambda: fitted(FACES[0]).quote([5]), ParameterError, r"forgets a target .*; got \[5\]"),  # type: ignore[arg-type]
    (lambda: fitted(FACES[0]).forget(Owners([5])), DataError, "owners of this table are strings"),
    (lambda: ExpungeClassifier().forget(Records([5])), NotFittedError, "not fitted yet"),
    (lambda: ExpungeClassifier().quote(Records([5])), NotFittedError, "not fitted yet"),
    (lambda: ExpungeClassifier().predict_proba(X), NotFittedError, "not fitted yet"),
]


@pytest.mark.parametrize(("call", "error", "sentence"), WRONG)
def test_mistakes_get_a_sentence(call: Callable[[], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()


def test_a_correction_may_bring_a_class_that_the_labels_type_does_not_hold() -> None:
    labels = np.array([1, 2] * 20, dtype=np.int8)
    face = ExpungeClassifier(Sisa(GaussianNB(), shards=1), key=KEY).fit(np.arange(40.0)[:, None], labels)
    face.forget(Correction(Table.from_arrays([[0.0], [1.0]], [300, 300], [0, 1])))
    assert face.classes_.tolist() == [1, 2, 300]
