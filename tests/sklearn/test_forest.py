"""The forest faces: estimators of scikit-learn, with what people use forests for, that forget to the bit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from expunge import (
    Addition,
    Batch,
    Column,
    Correction,
    Exact,
    ExpungeForestClassifier,
    ExpungeForestRegressor,
    Forest,
    Label,
    Owners,
    Records,
    Refusal,
    Table,
    fingerprint,
)
from expunge.errors import DataError, ParameterError, RefusedError
from expunge.trees.text import tree_text

KEY = b"a most secret secret"
N = 120
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, 4))
X[RNG.random(X.shape) < 0.1] = np.nan
Y = np.where(np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) > 0.3, "ill", "well")
HEIGHT = np.nan_to_num(X[:, 0]) * 2 + RNG.normal(0, 0.1, N)
OWNERS = np.array([f"p{k % 30}" for k in range(N)])
FRAME = pd.DataFrame(
    {
        "mass": X[:, 0],
        "town": np.array(["Bonn", "Köln", None], dtype=object)[RNG.integers(0, 3, N)],
        "sex": pd.Categorical(RNG.choice(["f", "m"], N)),
        "smokes": RNG.random(N) < 0.3,
    }
)
AtLeast = ExpungeForestClassifier | ExpungeForestRegressor
FACES: list[AtLeast] = [
    ExpungeForestClassifier(8, share=0.5, key=KEY),
    ExpungeForestRegressor(8, share=0.5, key=KEY),
]


def labels(face: AtLeast) -> Any:
    return Y if isinstance(face, ExpungeForestClassifier) else HEIGHT


def fitted(face: AtLeast, rows: Any = slice(None), given: Any = X, **more: Any) -> AtLeast:
    """Return a clone, fitted to some of the records under the names that they have among all."""
    fresh: AtLeast = clone(face)
    taken = given.iloc[rows] if isinstance(given, pd.DataFrame) else given[rows]
    return fresh.fit(taken, labels(face)[rows], ids=np.arange(N)[rows], owners=OWNERS[rows], **more)


def same(face: AtLeast, other: AtLeast) -> bool:
    return fingerprint(face.model_) == fingerprint(other.model_)


# -- an estimator of scikit-learn


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [ExpungeForestClassifier(), ExpungeForestRegressor(), ExpungeForestClassifier(10, n_jobs=2, max_depth=5)]
)
def test_it_is_an_estimator_of_scikit_learn(estimator: AtLeast, check: Callable[[AtLeast], None]) -> None:
    check(estimator)


def test_parameters_reach_the_method() -> None:
    face = ExpungeForestRegressor(
        3,
        share=0.4,
        max_features=2,
        cuts=5,
        max_depth=4,
        min_samples_split=6,
        min_samples_leaf=2,
        resolution=0.5,
        random_state=0,
    ).fit(X, HEIGHT)
    wanted = Forest(3, 0.4, 2, 5, 4, 6, 2, task="regression", resolution=0.5)
    assert face.method_.get_params() == wanted.get_params()
    assert get_tags(face).input_tags.allow_nan


def test_a_resolution_that_makes_all_targets_equal_is_refused() -> None:
    X = np.arange(40.0)[:, None]
    with pytest.raises(ParameterError, match=r"resolution of 2\*\*-20 makes all targets equal: choose"):
        ExpungeForestRegressor(3, random_state=0).fit(X, X[:, 0] * 1e-9)
    finer = ExpungeForestRegressor(3, random_state=0, resolution=2.0**-60).fit(X, X[:, 0] * 1e-9)
    assert np.corrcoef(finer.predict(X), X[:, 0])[0, 1] > 0.9
    constant = ExpungeForestRegressor(3, random_state=0).fit(X, np.full(40, 1e-9))
    assert constant.predict(X[:1]).tolist() == [0.0]


@pytest.mark.parametrize("face", FACES, ids=["classes", "numbers"])
def test_scikit_learns_own_tools_work(face: AtLeast) -> None:
    full = np.nan_to_num(X)
    model = clone(face).fit(full, labels(face))
    curve = partial_dependence(model, full, [0], grid_resolution=5)["average"][0]
    assert curve[-1] != curve[0]
    importance = permutation_importance(model, full, labels(face), n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() == 0
    search = GridSearchCV(face, {"max_depth": [1, 6]}, cv=GroupKFold(3))
    search.fit(X, labels(face), groups=OWNERS, owners=OWNERS)
    assert search.best_params_ == {"max_depth": 6}
    assert search.best_estimator_.forget(Owners(["p7"])).claim == Exact()
    pipeline = make_pipeline(StandardScaler(), clone(face))
    assert cross_val_score(pipeline, full, labels(face), cv=3).mean() > 0.5


def test_threads_change_no_bit() -> None:
    assert same(fitted(FACES[0]), fitted(clone(FACES[0]).set_params(n_jobs=2)))
    assert fitted(ExpungeForestClassifier(2, n_jobs=-1, key=KEY)).run_.threads >= 1


@pytest.mark.parametrize("face", FACES, ids=["classes", "numbers"])
def test_a_pickled_face_forgets_the_same(face: AtLeast) -> None:
    model = fitted(face)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  (our own bytes)
    for each in (model, again):
        each.forget(Records([4, 17]))
    assert same(model, again)
    assert np.array_equal(model.predict(X), again.predict(X))


# -- it forgets


ids = st.lists(st.integers(0, N - 1), min_size=1, max_size=5, unique=True)
requests = st.lists(ids.map(Records) | st.integers(0, 29).map(lambda k: Owners([f"p{k}"])), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(stream=requests, weighted=st.booleans(), place=st.integers(0, 1))
def test_forgetting_is_fitting_without(stream: list[Any], weighted: bool, place: int) -> None:  # noqa: FBT001
    weights = np.arange(N) % 3
    model = fitted(FACES[place], sample_weight=weights if weighted else None)
    stays = np.ones(N, bool)
    for target in stream:
        if isinstance(target, Records):
            stays[sorted(target.ids)] = False
        else:
            stays &= ~np.isin(OWNERS, sorted(target.names))
        model.forget(target)
    again = fitted(FACES[place], stays, sample_weight=weights[stays] if weighted else None)
    assert same(model, again)
    assert np.array_equal(model.predict(X), again.predict(X))


def test_corrections_additions_classes_and_columns() -> None:
    model = fitted(FACES[0])
    right, wrong = X.copy(), Y.copy()
    right[5], wrong[5] = 0.0, "ill"
    new = Table.from_arrays(X[:1] + 1, ["well"], ids=[900], owners=["new"])
    corrected = Correction(Table.from_arrays(right[5:6], wrong[5:6], ids=[5], owners=OWNERS[5:6]))
    model.forget(Batch([corrected, Addition(new), Records([3])]))
    rows = np.arange(N) != 3
    again = clone(FACES[0]).fit(
        np.vstack([right[rows], X[:1] + 1]),
        np.append(wrong[rows], "well"),
        ids=np.append(np.arange(N)[rows], 900),
        owners=np.append(OWNERS[rows], "new"),
    )
    assert same(model, again)
    model.forget(Label("ill"))
    assert model.classes_.tolist() == ["well"]  # type: ignore[union-attr]
    model.forget(Column("x1"))
    assert model.n_features_in_ == 3
    assert set(model.predict(X[:, [0, 2, 3]])) == {"well"}


# -- data as people have them


@pytest.mark.parametrize("convert", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
@pytest.mark.parametrize("face", FACES, ids=["classes", "numbers"])
def test_frames_with_categories_and_holes_need_no_preprocessing(face: AtLeast, convert: Callable[[Any], Any]) -> None:
    frame = convert(FRAME)
    model = clone(face).fit(frame, labels(face), owners=OWNERS)
    assert model.feature_names_in_.tolist() == list(FRAME)
    assert model.predict(frame).shape == (N,)
    assert model.feature_importances_.shape == (4,)
    assert model.feature_importances_.sum() == pytest.approx(1)
    model.forget(Owners(["p3"]))
    rows = OWNERS != "p3"
    again = clone(face).fit(convert(FRAME[rows]), labels(face)[rows], ids=np.arange(N)[rows], owners=OWNERS[rows])
    assert same(model, again)
    unknown = convert(FRAME.assign(town="Atlantis"))
    assert model.predict(unknown).shape == (N,)


def test_a_tree_is_read_with_the_words_of_the_data() -> None:
    model = ExpungeForestClassifier(4, key=KEY).fit(FRAME[["town", "sex"]], np.where(FRAME["sex"] == "f", "a", "b"))
    texts = [tree_text(model.tree(number)) for number in range(4)]
    assert any("sex is f:" in text or "sex is m:" in text for text in texts)
    assert any("(a " in text for text in texts)


def test_a_forgotten_value_stays_in_no_tree() -> None:
    odd = X.copy()
    odd[11, 0] = 1234.5678
    model = fitted(FACES[0], given=odd).forget(Records([11])).model
    for number in range(8):
        cuts = FACES[0]._method().tree(model, number).threshold
        assert np.abs(cuts[np.isfinite(cuts)]).max() < 100


def test_classes_may_be_whole_floats_and_stay_floats() -> None:
    model = clone(FACES[0]).fit(X, (Y == "ill") * 2.0)
    model.forget(Records([3]))
    assert model.classes_.tolist() == [0.0, 2.0]
    assert model.predict(X).dtype == np.float64
    assert model.oob_score_ > 0.5
    model.forget(Label(2.0))
    assert model.classes_.tolist() == [0.0]


# -- out of bag


def test_the_out_of_bag_score_is_free_where_records_are_not_in_every_tree() -> None:
    for face in FACES:
        model = fitted(face)
        assert 0.3 < model.oob_score_ < 1
        before = model.oob_score_
        model.forget(Records([1, 2, 3]))
        assert model.oob_score_ != before
    scores = fitted(FACES[0]).oob_decision_function_  # type: ignore[union-attr]
    assert scores.shape == (N, 2)
    assert np.allclose(scores.sum(axis=1), 1)
    assert fitted(FACES[1]).oob_prediction_.shape == (N,)  # type: ignore[union-attr]
    whole = fitted(ExpungeForestClassifier(2, key=KEY))
    assert not hasattr(whole, "oob_score_")
    with pytest.raises(AttributeError, match="none is out of bag"):
        _ = whole.oob_score_


# -- weights


def test_weights_stay_with_their_records_and_new_ones_count_once() -> None:
    weights = np.arange(N) % 4 + 1
    model = fitted(FACES[0], sample_weight=weights)
    assert model.n_features_in_ == 4
    assert model.predict(X).shape == (N,)
    right = X.copy()
    right[6] = 0.5
    new = Table.from_arrays(X[:1], ["ill"], ids=[900], owners=["new"])
    put = Correction(Table.from_arrays(right[6:7], Y[6:7], ids=[6], owners=OWNERS[6:7]))
    model.forget(Batch([put, Addition(new)]))
    again = clone(FACES[0]).fit(
        np.vstack([right, X[:1]]),
        np.append(Y, "ill"),
        ids=np.append(np.arange(N), 900),
        owners=np.append(OWNERS, "new"),
        sample_weight=np.append(weights, 1),
    )
    assert same(model, again)


def test_a_weight_is_as_many_records() -> None:
    weights = np.arange(N) % 3
    whole = ExpungeForestClassifier(5, key=KEY)
    weighted = clone(whole).fit(X, Y, sample_weight=weights)
    repeated = clone(whole).fit(np.repeat(X, weights, axis=0), np.repeat(Y, weights))
    assert np.array_equal(weighted.predict_proba(X), repeated.predict_proba(X))


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("face", FACES, ids=["classes", "numbers"])
def test_weights_are_what_they_are_beside_numbers_of_any_type(face: AtLeast, dtype: str) -> None:
    """Weights that the type of the matrix does not hold, and rows of that type that come."""
    Z = (np.nan_to_num(X) > 0).astype(dtype)
    weights = np.array([1, 300, 70_000, 2**24 + 1])[np.arange(N) % 4]
    model = clone(face).set_params(share=1.0, n_estimators=2).fit(Z, labels(face), sample_weight=weights)
    assert model.tree(0).nodes.weight[0] == weights.sum()
    other = (Z[3:4] == 0).astype(dtype)
    model.forget(Batch([Records([1]), Correction(Table.from_arrays(other, labels(face)[:1], [3]))]))
    model.forget(Addition(Table.from_arrays(Z[:1], labels(face)[:1], [900])))
    rows = np.arange(N) != 1
    right, known = Z.copy(), labels(face).copy()
    right[3], known[3] = other[0], known[0]
    again = clone(face).set_params(share=1.0, n_estimators=2)
    again.fit(
        np.vstack([right[rows], Z[:1]]),
        np.append(known[rows], known[0]),
        ids=np.append(np.arange(N)[rows], 900),
        sample_weight=np.append(weights[rows], 1),
    )
    assert same(model, again)
    assert model.tree(1).nodes.weight[0] == weights[rows].sum() + 1


def test_weights_change_no_number_and_are_not_forgotten() -> None:
    huge = np.full((N, 2), 2**63 + 2**11, dtype=np.uint64)
    model = ExpungeForestClassifier(2, key=KEY).fit(huge, Y, sample_weight=np.full(N, 3))
    assert (np.asarray(model.table_.features)[:, :2] == huge).all()
    quote = model.quote(Column("sample_weight"))
    assert isinstance(quote, Refusal)
    with pytest.raises(RefusedError, match="says how often each record counts"):
        model.forget(Column("sample_weight"))


def test_parameters_that_change_after_fit_reach_the_next_fit() -> None:
    model = fitted(FACES[0])
    before, importances = model.predict(X), model.feature_importances_
    model.set_params(n_estimators=3, max_depth=1, spread=["x0"])  # type: ignore[no-untyped-call]
    assert np.array_equal(model.predict(X), before)
    assert np.array_equal(model.feature_importances_, importances)
    assert 0 < model.oob_score_ <= 1
    model.forget(Records([5]))
    assert same(model, fitted(FACES[0], np.arange(N) != 5))
    assert len(model.tree(7)) > 1
    again = model.fit(X, Y)
    assert len(again.model_.trees.starts) == 4


def test_a_column_with_a_role_may_be_erased() -> None:
    model = clone(FACES[0]).set_params(categorical_features=pd.Index(["smokes"]), spread=("mass",)).fit(FRAME, Y)
    assert "if smokes is true" in "".join(tree_text(model.tree(number)) for number in range(8))
    model.forget(Column("smokes"))
    model.forget(Batch([Column("mass"), Records([3])]))
    assert model.feature_names_in_.tolist() == ["town", "sex"]
    assert model.predict(FRAME[["town", "sex"]]).shape == (N,)


def test_a_date_that_is_a_category_has_words() -> None:
    dated = FRAME.assign(born=pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N) % 2, "D"))
    model = ExpungeForestClassifier(4, categorical_features=["born"], key=KEY).fit(dated[["born"]], np.arange(N) % 2)
    assert "born is 2020-01-0" in tree_text(model.tree(0))


# -- sentences


WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: ExpungeForestClassifier(share=0).fit(X, Y), ParameterError, "share"),
    (lambda: ExpungeForestClassifier(0).fit(X, Y), ParameterError, "trees"),
    (lambda: fitted(FACES[0], sample_weight=np.full(N, 0.5)), DataError, "whole numbers; .* in row 0 is none"),
    (lambda: fitted(FACES[0], sample_weight=np.full(N, -1)), ValueError, "Negative values"),
    (lambda: FACES[0].fit(FRAME.assign(sample_weight=1), Y), DataError, "give that feature another name"),
    (lambda: ExpungeForestClassifier().fit(np.where(np.isnan(X), np.inf, X), Y), ValueError, "infinity"),
    (lambda: ExpungeForestRegressor().fit(X, Y), DataError, "needs numbers for y"),
    (lambda: ExpungeForestClassifier().fit(X, HEIGHT), ValueError, "continuous"),
    (lambda: ExpungeForestClassifier(categorical_features="x0").fit(X, Y), ParameterError, "a sequence of names"),
    (lambda: ExpungeForestClassifier(categorical_features=[0]).fit(X, Y), ParameterError, r"got \(0,\)"),  # type: ignore[list-item]
    (lambda: ExpungeForestClassifier(spread=None).fit(X, Y), ParameterError, "spread to be a"),  # type: ignore[arg-type]
    (lambda: ExpungeForestClassifier(spread=["y"]).fit(X, Y), DataError, "spread names the column 'y'; there are 'x0'"),
    (
        lambda: ExpungeForestClassifier(categorical_features=["towm"]).fit(FRAME, Y),
        DataError,
        "categorical_features names the column 'towm'; there are 'mass', 'town'",
    ),
]


@pytest.mark.parametrize(("call", "error", "sentence"), WRONG, ids=[said for *_, said in WRONG])
def test_mistakes_get_a_sentence(call: Callable[[], object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()
