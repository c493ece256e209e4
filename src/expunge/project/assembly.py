"""From the settings of a model to the method that learns it: names become classes, options become parameters.

Examples
--------
>>> from expunge.project.settings import ModelSettings
>>> model = ModelSettings("main", "regression", "sklearn.linear_model.Ridge", options={"shards": 4})
>>> method = method_of(model, (("age", "integer"),), trusted=False)
>>> type(method).__name__, method.shards, [name for name, _ in method.learner.estimator.steps]
('Sisa', 4, ['tabular', 'ridge'])
>>> method_of(ModelSettings("main", "regression", "sklearn.linear_model.Rigde"), (), trusted=False)
Traceback (most recent call last):
...
expunge.errors.ProjectError: model 'main': sklearn.linear_model has no 'Rigde'; did you mean 'Ridge'?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expunge import catalog
from expunge.errors import ParameterError, ProjectError
from expunge.learners.named import called, estimator, parameters_of, prepared
from expunge.learners.sklearn import SklearnLearner
from expunge.methods.arrays._placement import Band

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expunge.project.settings import ModelSettings
    from expunge.protocol import Method


def method_of(model: ModelSettings, columns: Iterable[tuple[str, str]], *, trusted: bool) -> Method[Any, Any, Any]:
    """The method of a model, around its learner, which stands behind its preprocessing.

    Parameters
    ----------
    model : ModelSettings
    columns : pairs of name and kind
        The declared columns.
    trusted : bool
        Whether a learner of another package than scikit-learn may be imported, which runs its code.

    Raises
    ------
    ProjectError
        When the learner does not import or is none for the task, or an option is not known or not possible.
    UnknownMethodError
        When there is no such method; with the nearest name.
    SecretError
        When the learner is of another package and the project is not trusted here.
    """
    method = catalog.load(model.method)
    try:
        made: Method[Any, Any, Any] = _assembled(model, method, columns, trusted=trusted)
    except ParameterError as wrong:
        msg = f"model {model.name!r}: {wrong}"
        raise ProjectError(msg) from wrong
    return made


def _assembled(model: ModelSettings, method: type, columns: Iterable[tuple[str, str]], *, trusted: bool) -> Any:
    if "learner" not in parameters_of(method):
        msg = f"method {model.method!r} takes no learner, and {model.learner} would be left out"
        raise ParameterError(msg)
    bare = estimator(model.learner, model.learner_options, model.task, trusted=trusted)
    if not model.preprocess and model.preprocess_options:
        msg = "preprocess is false, and its preprocess_options would be left out"
        raise ParameterError(msg)
    learner = prepared(bare, columns, model.preprocess_options) if model.preprocess else bare
    options = {name: _bands(held) if name == "bands" else held for name, held in model.options.items()}
    made = called(method, options, f"method {model.method!r}", learner=SklearnLearner(learner, epochs=model.epochs))
    if getattr(made, "slices", 1) > 1:  # which it would refuse as late as when it learns
        reason = made.learner.cannot_go_on(made.schedule)
        if reason is not None:
            msg = f"method {model.method!r} with {made.slices} slices: {reason}"
            raise ParameterError(msg)
    return made


def _bands(given: Any) -> tuple[Band, ...]:
    """Bands of Sisa, which TOML has as tables with lists."""
    bands = given if isinstance(given, list) else [given]
    for band in bands:
        if not isinstance(band, dict) or not {"at_least", "shards"} <= set(band) <= {"at_least", "shards", "slices"}:
            msg = f"bands are tables such as {{at_least = 0.3, shards = [6, 8], slices = [0, 1]}}; got {band!r}"
            raise ParameterError(msg)
    pairs: list[dict[str, Any]] = [
        {name: tuple(held) if isinstance(held, list) else held for name, held in band.items()} for band in bands
    ]
    return tuple(Band(**pair) for pair in pairs)
