"""A learner that a name stands for, as a configuration has it: found, checked, and behind its preprocessing.

Code of scikit-learn and of expunge runs here anyway; another package is imported, and so its code run, only for those
who trust where the name comes from.

Examples
--------
>>> estimator("sklearn.linear_model.Ridge", {"alpha": 2.0}, "regression", trusted=False)
Ridge(alpha=2.0)
>>> estimator("sklearn.linear_model.Rigde", {}, "regression", trusted=False)
Traceback (most recent call last):
...
expunge.errors.ParameterError: sklearn.linear_model has no 'Rigde'; did you mean 'Ridge'?
>>> [name for name, _ in prepared(estimator("sklearn.svm.SVC", {}, "classification", trusted=False), ()).steps]
['tabular', 'svc']
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Literal

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from expunge.errors import ExpungeError, ParameterError, SecretError
from expunge.learners.tabular import Tabular

OURS = ("sklearn", "expunge")  # packages whose code runs here anyway
FEWER = 256  # columns for a text where they must be dense


def estimator(
    name: str, options: Mapping[str, Any], task: Literal["classification", "regression"], *, trusted: bool
) -> Any:
    """An estimator, not fitted.

    Parameters
    ----------
    name : str
        ``module.Class``.
    options : mapping
        Parameters of the class.
    task : {"classification", "regression"}
        What it must be made for.
    trusted : bool
        Whether code of another package than scikit-learn may be run.

    Raises
    ------
    ParameterError
        When it does not import or is no estimator for the task, or an option is not known or not possible.
    SecretError
        When it is of another package and not trusted.
    """
    made = called(class_named(name, trusted=trusted), options, name)
    if not (is_classifier(made) if task == "classification" else is_regressor(made)):
        msg = f"{name} is not made for {task}"
        raise ParameterError(msg)
    try:
        made._validate_params()  # noqa: SLF001  (scikit-learn asks when it fits, which is late)
    except ValueError as wrong:
        msg = f"{name}: {wrong}"
        raise ParameterError(msg) from wrong
    return made


def class_named(name: str, *, trusted: bool) -> type:
    """The estimator's class that a name stands for; raises like `estimator`."""
    path, _, title = name.rpartition(".")
    if not path or not all(part.isidentifier() for part in name.split(".")):
        msg = f"a learner is written module.Class, such as sklearn.linear_model.Ridge; got {name!r}"
        raise ParameterError(msg)
    _refuse_foreign(name, path, trusted=trusted)
    try:
        module = import_module(path)
    except Exception as failure:  # whatever a module raises while it is imported
        msg = f"{name} does not import: {type(failure).__name__}: {failure}"
        raise ParameterError(msg) from failure
    found = getattr(module, title, None)
    if found is None:
        msg = f"{path} has no {title!r}{near(title, [held for held in dir(module) if held[0] != '_'])}"
        raise ParameterError(msg)
    if not (inspect.isclass(found) and issubclass(found, BaseEstimator)):
        msg = f"{name} is not the class of a scikit-learn estimator"
        raise ParameterError(msg)
    _refuse_foreign(name, found.__module__, trusted=trusted)
    return found


def prepared(learner: Any, columns: Iterable[tuple[str, str]], options: Mapping[str, Any] | None = None) -> Pipeline:
    """The estimator behind `Tabular`: dense where it takes nothing else, and then with fewer columns for a text."""
    needs_dense = not get_tags(learner).input_tags.sparse
    preset: dict[str, Any] = {"dense": True, "text_features": FEWER} if needs_dense else {}
    before = called(Tabular, {**preset, **(options or {})}, "the preprocessing", columns=tuple(columns))
    before._validate_params()  # noqa: SLF001  (as above)
    return Pipeline([(type(step).__name__.lower(), step) for step in (before, learner)])


def called(kind: type, options: Mapping[str, Any], said: str, **preset: Any) -> Any:
    """An instance with options that it has.

    Raises
    ------
    ParameterError
        Naming an option that it has not, with the nearest that it has; or in its own words.
    """
    known = [name for name in parameters_of(kind) if name not in preset]
    for name in options:
        if name not in known:
            msg = f"{said} has no option {name!r}{near(name, known)}; it has {', '.join(known) or 'none'}"
            raise ParameterError(msg)
    try:
        return kind(**preset, **options)
    except (ExpungeError, TypeError, ValueError) as wrong:
        msg = f"{said}: {wrong}"
        raise ParameterError(msg) from wrong


def parameters_of(kind: type) -> dict[str, Any]:
    """Names of what a class is made with, each with its default (``inspect.Parameter.empty`` where it has none)."""
    held = inspect.signature(kind).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name: parameter.default for parameter in held if parameter.kind in named}


def near(got: str, known: Iterable[str]) -> str:
    """A question after the nearest name, for a sentence; nothing where none is near."""
    found = difflib.get_close_matches(got, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _refuse_foreign(name: str, module: str, *, trusted: bool) -> None:
    if not trusted and module.partition(".")[0] not in OURS:
        msg = (
            f"{name} is of another package, whose code would run: if you know where this project comes from, run"
            " `expunge trust` once"
        )
        raise SecretError(msg)
