"""A learner that a name stands for, as a configuration has it: found, checked, and behind its preprocessing.

Code of scikit-learn, torch and expunge runs here anyway; another package is imported, and so its code run, only for
those who trust where the name comes from.

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

from expunge.errors import ExpungeError, MissingExtraError, ParameterError, SecretError
from expunge.learners import own_code
from expunge.learners.tabular import Tabular

OURS = ("sklearn", "expunge", "torch")  # packages whose code runs here anyway
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
    """The class of an estimator, or of a learner, that a name stands for; raises like `estimator`."""
    kind = found(name, "a learner is written module.Class, such as sklearn.linear_model.Ridge", trusted=trusted)
    if not inspect.isclass(kind) or not (issubclass(kind, BaseEstimator) or is_learner(kind)):
        msg = f"{name} is not the class of a scikit-learn estimator, nor of a learner such as expunge.TorchLearner"
        raise ParameterError(msg)
    return kind


def is_learner(kind: type) -> bool:
    """Whether a class is a learner itself (`expunge.protocol.Learner`), rather than an estimator of scikit-learn."""
    verbs = (getattr(kind, verb, None) for verb in ("learn", "predict"))
    return not issubclass(kind, BaseEstimator) and all(map(callable, verbs))


def found(name: str, form: str, *, trusted: bool) -> Any:
    """What a name stands for; the module is imported, and so its code run.

    Parameters
    ----------
    name : str
    form : str
        How such a name is written, for a sentence.
    trusted : bool
        Whether code of other packages than `OURS` may be run.

    Raises
    ------
    ParameterError
        When there is no such thing, with the nearest that there is.
    SecretError
        When it is of another package and not trusted.
    MissingExtraError
        When a package is not installed that an extra of expunge brings.
    """
    path, _, title = name.rpartition(".")
    if not path or not all(part.isidentifier() for part in name.split(".")):
        msg = f"{form}; got {name!r}"
        raise ParameterError(msg)
    _refuse_foreign(name, path, trusted=trusted)
    try:
        module = import_module(path)
        held = getattr(module, title, None)
    except MissingExtraError:
        raise
    except Exception as failure:  # whatever a module raises while it is imported
        where = own_code.looked_in() if path.partition(".")[0] not in OURS else ""
        msg = f"{name} does not import: {type(failure).__name__}: {failure}{where}"
        raise ParameterError(msg) from failure
    if held is None:
        msg = f"{path} has no {title!r}{near(title, [known for known in dir(module) if known[0] != '_'])}"
        raise ParameterError(msg)
    _refuse_foreign(name, getattr(held, "__module__", None) or path, trusted=trusted)
    return held


def prepared(learner: Any, columns: Iterable[tuple[str, str]], options: Mapping[str, Any] | None = None) -> Pipeline:
    """The estimator behind `Tabular`: dense where it takes nothing else, and then with fewer columns for a text."""
    before = preprocessing(columns, options, dense=not get_tags(learner).input_tags.sparse)
    return Pipeline([(type(step).__name__.lower(), step) for step in (before, learner)])


def preprocessing(columns: Iterable[tuple[str, str]], options: Mapping[str, Any] | None, *, dense: bool) -> Tabular:
    """`Tabular` for these columns, with options that it has; ``dense``: as what takes nothing else needs it."""
    preset: dict[str, Any] = {"dense": True, "text_features": FEWER} if dense else {}
    made: Tabular = called(Tabular, {**preset, **(options or {})}, "the preprocessing", columns=tuple(columns))
    made._validate_params()  # noqa: SLF001  (as above)
    return made


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
