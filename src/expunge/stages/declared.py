"""Stages as a configuration declares them: names of transformers with their parameters, and the columns they are for.

A stage is a name, or a table with ``call`` and parameters; with ``columns`` it is for these alone, and stages for the
same columns follow each other. Where none is declared, the kinds of the columns say which are usual.

Examples
--------
>>> given = ["sklearn.impute.SimpleImputer", {"call": "sklearn.preprocessing.MinMaxScaler", "feature_range": [-1, 1]}]
>>> declared(given)
[SimpleImputer(), MinMaxScaler(feature_range=(-1, 1))]
>>> usual((("body", "text"), ("note", "ignore")))[0].transformers
[('words', TfidfVectorizer(), 'body')]
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline as Steps
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from expunge.errors import ParameterError
from expunge.learners.named import called, found, near
from expunge.stages.specification import READERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KNOWN = {kind.__name__: kind for kind in (*READERS, TfidfTransformer) if kind is not ColumnTransformer}
FORM = "a stage is written module.Class, such as sklearn.preprocessing.StandardScaler"
NUMERIC = ("number", "integer", "boolean")
PAIRS = ("feature_range", "ngram_range")  # which a configuration has as lists


def declared(given: Sequence[Any]) -> list[Any]:
    """The transformers of declared stages, not fitted.

    Raises
    ------
    ParameterError
        For what is no stage, in words; and for stages for some columns after one for all.
    """
    if not isinstance(given, list | tuple):
        msg = f"stages are a list of names, or of tables with call, a name, and parameters; got {given!r}"
        raise ParameterError(msg)
    held = [_stage(each) for each in given]
    first = next((place for place, (columns, _) in enumerate(held) if columns is None), len(held))
    if any(columns is not None for columns, _ in held[first:]):
        msg = "stages for some columns come before all that are for every column"
        raise ParameterError(msg)
    return _chosen(held[:first]) + [transformer for _, transformer in held[first:]]


def usual(columns: Iterable[tuple[str, str]]) -> list[Any]:
    """What is usual for columns of these kinds.

    Numbers are filled with the median, flagged where they were missing, and scaled; categories become a place each;
    a text, where it is the one column, is weighed words.

    Raises
    ------
    ParameterError
        For a text beside other columns, and for dates.
    """
    held = [(name, kind) for name, kind in columns if kind != "ignore"]
    dated = [name for name, kind in held if kind == "date"]
    if dated:
        msg = (
            f"column {dated[0]!r} is declared as date, which no stage takes: declare it as number or integer, or ignore"
        )
        raise ParameterError(msg)
    texts = [name for name, kind in held if kind == "text"]
    if texts and len(held) > 1:
        msg = f"column {texts[0]!r} is declared as text, and words stand alone in a pipeline: ignore it, or all others"
        raise ParameterError(msg)
    if texts:
        return [ColumnTransformer([("words", TfidfVectorizer(), texts[0])])]
    filled = Steps([("fill", SimpleImputer(strategy="median", add_indicator=True)), ("scale", StandardScaler())])
    places = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    branches: list[tuple[str, Any, list[str]]] = [
        ("numbers", filled, [name for name, kind in held if kind in NUMERIC]),
        ("categories", places, [name for name, kind in held if kind == "category"]),
    ]
    return [ColumnTransformer([branch for branch in branches if branch[2]])]


def _stage(given: Any) -> tuple[tuple[str, ...] | None, Any]:
    """Which columns a stage is for, None: all; and its transformer."""
    table = {"call": given} if isinstance(given, str) else given
    if not isinstance(table, dict) or not isinstance(table.get("call"), str):
        msg = f'a stage is a name, or a table such as {{call = "{FORM.rpartition(" ")[2]}"}}; got {given!r}'
        raise ParameterError(msg)
    name, columns = table["call"], table.get("columns")
    if columns is not None and not (isinstance(columns, list | tuple) and all(isinstance(c, str) for c in columns)):
        msg = f"columns of the stage {name} are a list of names; got {columns!r}"
        raise ParameterError(msg)
    kind = found(name, FORM, trusted=False) if "." in name else None
    if kind is None or kind not in KNOWN.values():
        hint = near(name.rpartition(".")[2], KNOWN)
        msg = f"{name} is no stage of a pipeline{hint}; there are {', '.join(sorted(KNOWN))} of scikit-learn"
        raise ParameterError(msg)
    options = {key: tuple(held) if key in PAIRS and isinstance(held, list) else held for key, held in table.items()}
    for own in ("call", "columns"):
        options.pop(own, None)
    return None if columns is None else tuple(columns), called(kind, options, name)


def _chosen(held: Sequence[tuple[tuple[str, ...] | None, Any]]) -> list[Any]:
    """One choice of columns of all stages that are for some; a text's column stands by itself."""
    branches: list[tuple[str, Any, Any]] = []
    for number, (columns, run) in enumerate(groupby(held, key=lambda each: each[0])):
        steps = [transformer for _, transformer in run]
        words = any(hasattr(step, "build_analyzer") for step in steps)
        one = steps[0] if len(steps) == 1 else Steps([(f"step{place}", step) for place, step in enumerate(steps)])
        branches.append((f"branch{number}", one, columns[0] if words and columns else list(columns or ())))
    return [ColumnTransformer(branches)] if branches else []
