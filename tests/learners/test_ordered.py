"""What is made of a table's rows once serves every view of it, bit for bit as if each had been gathered alone."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from expunge import Records, Run, Table
from expunge.learners import ordered
from expunge.learners.linear import LinearLearner
from expunge.learners.ordered import arranged

if TYPE_CHECKING:
    import pytest

RUN = Run(key=b"k")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 3)) * (RANDOM.random((300, 3)) < 0.4)


def table(**how: Any) -> Table:
    """Records whose ids say nothing of where they lie."""
    return Table.from_arrays(X, np.arange(300) % 2, (np.arange(300) * 389) % 100_003, **how)


def numbers(found: Any) -> Any:
    """The matrix, gathered."""
    assert found is not None
    return np.asarray(found.X.gathered())


@given(seed=st.integers(0, 2**32 - 1), lasting=st.booleans(), text=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_view_is_what_it_would_be_alone(seed: int, lasting: Any, text: Any) -> None:
    random = np.random.default_rng(seed)
    rows = random.permutation(300)[: random.integers(0, 301)]
    whole = table()
    if text:
        whole = Table.from_arrays(X, np.arange(300) % 2, [f"n{k * 7919 % 997}" for k in range(300)])
    arranged(whole, RUN, bias=True, lasting=lasting)
    view = whole.take(rows)
    mine, alone = (arranged(each, RUN, bias=True) for each in (view, view.gathered()))
    assert mine is not None
    assert alone is not None
    assert np.array_equal(numbers(mine), numbers(alone))
    assert np.array_equal(mine.norms, alone.norms)
    assert mine.fullest == alone.fullest == (X[rows] != 0).sum(axis=1).max(initial=0)
    assert np.asarray(mine.table.ids).tolist() == np.asarray(alone.table.ids).tolist()
    assert np.array_equal(view.features[LinearLearner(LogisticRegression()).order(view, RUN)], numbers(mine))


def test_the_objective_of_a_view_has_the_bits_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expunge.linear.design.ROWS", 64)
    learner, whole = LinearLearner(LogisticRegression()), table()
    w = RANDOM.normal(size=4)
    learner.objective(whole, RUN, lasting=True)
    view = whole.after(Records([389, 778, 0]))
    mine, alone = (learner.objective(each, RUN)[0] for each in (view, view.gathered()))
    assert mine.at(w).gradient.tobytes() == alone.at(w).gradient.tobytes()
    assert mine.at(w).allowance == alone.at(w).allowance
    assert mine.hessian(w).tobytes() == alone.hessian(w).tobytes()
    assert (mine.y == alone.y).all()


def test_a_copy_is_kept_for_who_passes_often_or_asks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for lasting in (True, False):
        whole = table()
        first = arranged(whole, RUN, bias=True, lasting=lasting)
        second = arranged(whole.take(slice(0, 200)), RUN, bias=True)
        assert first is not None
        assert second is not None
        assert np.shares_memory(first.X.X, X) is not lasting
        assert not np.shares_memory(second.X.X, X)
    monkeypatch.setattr(ordered, "HELD", 10)
    large = arranged(table(), RUN, bias=True, lasting=True)
    assert large is not None
    assert np.shares_memory(large.X.X, X)


def test_another_key_has_another_order_and_takes_the_place_of_the_first() -> None:
    whole = table()
    first, other = (arranged(whole, run, bias=False) for run in (RUN, Run(key=b"other")))
    assert not np.array_equal(numbers(first), numbers(other))
    assert len(whole.columns.made) == 1


def test_what_is_remembered_does_not_travel() -> None:
    whole = table()
    arranged(whole, RUN, bias=True)
    assert not pickle.loads(pickle.dumps(whole)).columns.made  # noqa: S301
    assert not whole.drop("x1").columns.made


def test_what_is_no_matrix_or_asks_for_a_row_twice_is_gathered_as_ever() -> None:
    strange = X.copy()
    strange[3, 1] = np.nan
    frame = table().columns
    assert arranged(Table.from_arrays(strange, np.arange(300) % 2), RUN, bias=True) is None
    assert arranged(table().take(np.array([1, 1])), RUN, bias=True) is None
    assert arranged(Table.from_arrays(X.reshape(300, 3, 1), np.arange(300) % 2), RUN, bias=True) is None
    assert arranged(Table(frame, None, None), RUN, bias=True) is not None


def test_a_hidden_row_that_is_no_number_does_not_matter() -> None:
    strange = X.copy()
    strange[3, 1] = np.inf
    learner = LinearLearner(LogisticRegression())
    view = Table.from_arrays(strange, np.arange(300) % 2).after(Records([3]))
    model = learner.learn(view, RUN)
    assert model.weights is not None
    assert np.isfinite(model.weights).all()


def test_sparse_rows_are_picked_too() -> None:
    standing = ordered.Standing(sparse.csr_array(X), np.arange(300)[::-1].copy())
    places = standing.places(np.array([5, 7, 2]))
    assert places is not None
    assert (standing.picked(places).gathered().toarray() == X[[7, 5, 2]]).all()
    assert standing.fullest(places) == (X[[7, 5, 2]] != 0).sum(axis=1).max()
