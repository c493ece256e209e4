"""What a forest cannot do is said by quote and forget alike, before anything is promised, and without a value."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from expunge import Addition, Batch, Column, Correction, Forest, Quote, Records, Run, Table, fingerprint
from expunge.errors import DataError, LearnError, MismatchError, RefusedError
from expunge.methods.trees._refusals import asked, refuse_unknown
from expunge.values import Refusal, Target

RUN = Run(key=b"a key for tests")
X = np.random.default_rng(0).normal(size=(30, 2))
COUNTED = Table.from_arrays(np.column_stack([X, np.full(30, 2.0)]), X[:, 0] > 0, columns=["a", "b", "w"])
NUMBERS = Table.from_arrays(X, X[:, 0], columns=["a", "b"])
FRAME = Table.from_arrays(pa.table({"age": X[:, 0], "town": ["Bern", "Chur"] * 15}), X[:, 0] > 0)


def both(forest: Forest, data: Table, target: Target, *, loaded: bool = False) -> list[Any]:
    """What quote and forget say: each an error, or what it returned."""
    model = forest.learn(data, RUN)
    if loaded:
        model = type(model)(*(model.__reduce__()[1]))
    said: list[Any] = []
    for verb in (forest.quote, forest.forget):
        try:
            said.append(verb(model, target, data, RUN))
        except (DataError, LearnError, MismatchError, RefusedError) as error:
            said.append(error)
    return said


@pytest.mark.parametrize("target", [Column("w"), Batch([Records([3]), Column("w")])], ids=["alone", "in a batch"])
def test_the_column_of_weights_is_not_forgotten(target: Target) -> None:
    quote, refused = both(Forest(trees=2, weight="w"), COUNTED, target)
    assert isinstance(quote, Refusal)
    assert quote.kind == "instead"
    assert isinstance(refused, RefusedError)
    assert refused.refusal == quote
    assert asked(COUNTED, target, None) is not None  # without weights it is a column like any other


def rows(*given: Any, y: Any, ids: Any = (900,), like: Table = COUNTED) -> Table:
    return Table.from_arrays(np.array([given], float), [y], list(ids), columns=like.names)


UNFIT: list[tuple[str, Forest, Table, Target, type[Exception], str]] = [
    (
        "a number that is infinite",
        Forest(trees=2, weight="w"),
        COUNTED,
        Addition(rows(np.inf, 0, 1, y=True)),
        DataError,
        "row 0 holds inf",
    ),
    (
        "a correction",
        Forest(trees=2),
        NUMBERS,
        Correction(rows(0, -np.inf, y=0.5, ids=[3], like=NUMBERS)),
        DataError,
        "'b'",
    ),
    (
        "a target too far",
        Forest(trees=2),
        NUMBERS,
        Addition(rows(0, 0, y=1e300, like=NUMBERS)),
        DataError,
        "stay below",
    ),
    (
        "no whole weight",
        Forest(trees=2, weight="w"),
        COUNTED,
        Addition(rows(0, 0, 0.5, y=True)),
        DataError,
        "no weight",
    ),
    (
        "too heavy",
        Forest(trees=2, weight="w"),
        COUNTED,
        Addition(rows(0, 0, 2.0**29 - 60, y=True)),
        LearnError,
        "counts up to",
    ),
    (
        "with a column that goes",
        Forest(trees=2, weight="w"),
        COUNTED,
        Batch([Column("a"), Addition(rows(0, np.inf, 1, y=True))]),
        DataError,
        "'b'",
    ),
]


@pytest.mark.parametrize("loaded", [False, True], ids=["in use", "loaded"])
@pytest.mark.parametrize(
    ("forest", "data", "target", "error", "sentence"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT]
)
def test_what_comes_and_cannot_be_learned_is_not_promised(
    forest: Forest,
    data: Table,
    target: Target,
    error: type[Exception],
    sentence: str,
    loaded: bool,  # noqa: FBT001
) -> None:
    quote, forgotten = both(forest, data, target, loaded=loaded)
    assert type(quote) is type(forgotten) is error
    assert str(quote) == str(forgotten)
    assert sentence in str(quote)


def test_what_still_fits_is_promised() -> None:
    heavy = Batch([Records([5]), Addition(rows(0, 0, 2.0**29 - 59, y=True))])  # 58 stay
    quote, done = both(Forest(trees=2, weight="w"), COUNTED, heavy)
    assert isinstance(quote, Quote)
    assert done.examples <= quote.examples


OTHERS: list[tuple[str, Callable[[Forest, Any], object]]] = [
    ("predict", lambda forest, model: forest.predict(model, FRAME)),
    ("importances", lambda forest, model: forest.importances(model)),
    ("tree", lambda forest, model: forest.tree(model, 0)),
    ("out_of_bag", lambda forest, model: forest.out_of_bag(model, FRAME, RUN)),
    ("quote", lambda forest, model: forest.quote(model, Records([1]), FRAME, RUN)),
]


@pytest.mark.parametrize("call", [call for _, call in OTHERS], ids=[name for name, _ in OTHERS])
def test_a_model_of_other_parameters_is_refused_by_all_that_read_it(call: Callable[[Forest, Any], object]) -> None:
    forest = Forest(trees=3, share=0.5)
    model = forest.learn(FRAME, RUN)
    call(forest, model)
    for other in (Forest(trees=4, share=0.5), Forest(trees=3, share=0.5, spread=("age",))):
        with pytest.raises(MismatchError, match="parameters other than the model's"):
            call(other, model)
    forest.set_params(max_depth=3)  # the same object, and no longer what learned it
    with pytest.raises(MismatchError, match="parameters other than the model's"):
        call(forest, model)
    forest.set_params(max_depth=20)
    call(forest, model)


def test_columns_of_other_names_are_other_columns() -> None:
    forest = Forest(trees=3)
    model = forest.learn(NUMBERS, RUN)
    renamed = Table.from_arrays(X, X[:, 0], columns=["a", "c"])
    assert fingerprint(forest.learn(renamed, RUN)) != fingerprint(model)
    with pytest.raises(MismatchError, match=r"columns other than the model's: .* a, b, this is a, c"):
        forest.forget(model, Records([1]), renamed, RUN)
    with pytest.raises(MismatchError, match=r"missing \['b'\], unknown \['c'\]"):
        forest.predict(model, renamed)


def test_classes_that_were_declared_mean_nothing_to_a_regression() -> None:
    data = Table.from_arrays(X, (X[:, 0] > 0).astype(int), classes=[0, 1])
    forest = Forest(trees=3, task="regression")
    model = forest.learn(data, RUN)
    done = forest.forget(model, Records([4]), data, RUN)
    assert fingerprint(done.model) == fingerprint(forest.learn(data.after(Records([4])), RUN))
    classes = Forest(trees=3)
    undeclared = Table.from_arrays(X, (X[:, 0] > 0).astype(int))
    with pytest.raises(MismatchError, match="declared classes"):
        classes.forget(classes.learn(data, RUN), Records([4]), undeclared, RUN)


def test_no_sentence_quotes_a_value() -> None:
    word = "a most private word"
    forest = Forest(trees=2)
    model = forest.learn(FRAME, RUN)
    said = pa.table({"age": [word], "town": ["Bern"]})
    weighty = Table.from_arrays(pa.table({"age": X[:, 0], "w": [word] * 30}), X[:, 0] > 0)
    far = Table.from_arrays(X[:1], [1.2345e300])
    calls: list[Callable[[], object]] = [
        lambda: forest.predict(model, Table.from_arrays(said)),
        lambda: forest.quote(model, Correction(Table.from_arrays(said, [True], [3])), FRAME, RUN),
        lambda: Forest(weight="w").learn(weighty, RUN),
        lambda: Forest().learn(far, RUN),
        lambda: Forest(weight="x0").learn(Table.from_arrays([[1.2345]], [0]), RUN),
    ]
    for call in calls:
        with pytest.raises(DataError) as caught:
            call()
        shown = "".join(traceback.format_exception(caught.value))  # with all that it came from
        assert word not in shown
        assert "1.2345" not in str(caught.value)


def test_a_name_that_is_no_column_is_said() -> None:
    refuse_unknown("spread", (), ["a"])
    with pytest.raises(DataError, match="weight names the column 'w'; there are 'a', 'b'"):
        Forest(weight="w").learn(NUMBERS, RUN)
    named = Forest(trees=3, share=1.0, categorical=("a",))  # which may be erased, and is learned again without
    done = named.forget(named.learn(NUMBERS, RUN), Column("a"), NUMBERS, RUN)
    assert fingerprint(done.model) == fingerprint(named.learn(NUMBERS.after(Column("a")), RUN))
