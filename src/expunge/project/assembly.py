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
from expunge.learners.callables import resolved
from expunge.learners.named import called, class_named, estimator, is_learner, parameters_of, prepared, preprocessing
from expunge.learners.promises import promised
from expunge.learners.sklearn import SklearnLearner
from expunge.methods.arrays._placement import Band
from expunge.project import toml
from expunge.project.settings import OF_LEARNER
from expunge.stages.declared import declared, usual
from expunge.values import promises

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expunge.project.settings import ModelSettings
    from expunge.protocol import Method

WORDS = ("category", "text", "date")  # kinds of columns that are no numbers


def method_of(model: ModelSettings, columns: Iterable[tuple[str, str]], *, trusted: bool) -> Method[Any, Any, Any]:
    """The method of a model, around its learner, which stands behind its preprocessing.

    Parameters
    ----------
    model : ModelSettings
    columns : pairs of name and kind
        The declared columns.
    trusted : bool
        Whether code of another package than scikit-learn, torch and expunge may be imported, and so be run.

    Raises
    ------
    ProjectError
        When the learner does not import or is none for the task, is missing or not taken; or an option is not known or
        not possible.
    UnknownMethodError
        When there is no such method; with the nearest name.
    SecretError
        When the learner, or what it is made with, is of another package and the project is not trusted here.
    MissingExtraError
        When the learner needs a package that is not installed.
    """
    method = catalog.load(model.method)
    try:
        made: Method[Any, Any, Any] = _assembled(model, method, columns, trusted=trusted)
    except ParameterError as wrong:
        msg = f"model {model.name!r}: {wrong}"
        raise ProjectError(msg) from wrong
    return made


def _assembled(model: ModelSettings, method: type, columns: Iterable[tuple[str, str]], *, trusted: bool) -> Any:
    known = parameters_of(method)
    if "learner" not in known and "stages" in known:
        return _pipeline(model, method, tuple(columns), trusted=trusted)
    if "learner" not in known:
        return _alone(model, method, tuple(columns))
    if model.learner is None:
        msg = f'method {model.method!r} needs a learner, such as learner = "sklearn.linear_model.LogisticRegression"'
        raise ParameterError(msg)
    if not model.preprocess and model.preprocess_options:
        msg = "preprocess is false, and its preprocess_options would be left out"
        raise ParameterError(msg)
    learner = _learner(model.learner, model, tuple(columns), trusted=trusted)
    options = {name: _bands(held) if name == "bands" else held for name, held in model.options.items()}
    made = called(method, options, f"method {model.method!r}", learner=learner)
    _refuse_slices(model, made)
    _refuse_promise(model, learner)
    return made


def _pipeline(model: ModelSettings, method: type, columns: tuple[tuple[str, str], ...], *, trusted: bool) -> Any:
    """Stages before a closed form: those that the options list or, with preprocess, those usual for the columns."""
    options = dict(model.options)
    given = options.pop("stages", [])
    if model.preprocess_options:
        msg = "a pipeline has no preprocess_options: options = {stages = [...]} lists its stages"
        raise ParameterError(msg)
    if model.learner is None:
        msg = f'method {model.method!r} needs a closed form as its learner, such as learner = "expunge.GaussianNB"'
        raise ParameterError(msg)
    last = called(class_named(model.learner, trusted=trusted), model.learner_options, model.learner)
    before = declared(given) if given or not model.preprocess else usual(columns)
    made = called(method, options, f"method {model.method!r}", stages=[*before, last])
    _refuse_task(last, model.learner, model.task)
    return made


def _refuse_task(closed: Any, name: str, task: str) -> None:
    """Raise for a closed form of classes where labels are numbers, and the other way round."""
    if closed.needs != "features" and (closed.needs == "moments") != (task == "regression"):  # neighbours are of either
        msg = f"{name} is not made for {task}"
        raise ParameterError(msg)


def _alone(model: ModelSettings, method: type, columns: tuple[tuple[str, str], ...]) -> Any:
    """A method with a model of its own, which takes the columns as they are: told of the task where it asks."""
    plain = type(model)(model.name, model.task)
    for part in OF_LEARNER:
        if getattr(model, part) != getattr(plain, part):
            msg = f"method {model.method!r} takes no learner, and {part} = {toml.value(getattr(model, part))}"
            closed = part == "learner" and hasattr(method, "needs") and str(model.learner).startswith("expunge.")
            hint = f': method = "pipeline" takes one that is a closed form, such as "{model.learner}"' if closed else ""
            raise ParameterError(f"{msg} would be left out{hint}")
    _refuse_free_text(model.method, columns)
    preset = {"task": model.task} if "task" in parameters_of(method) else {}
    made = called(method, model.options, f"method {model.method!r}", **preset)
    if hasattr(made, "needs"):
        _refuse_task(made, f"method {model.method!r}", model.task)
    return made


def _refuse_free_text(method: str, columns: tuple[tuple[str, str], ...]) -> None:
    """Raise for a column of which each record would be a category of its own."""
    for name, kind in columns:
        if kind == "text":
            msg = f"column {name!r} is declared as text, of which method {method!r} makes nothing"
            raise ParameterError(f"{msg}: kind 'category' compares it whole, kind 'ignore' leaves it out")


def _learner(name: str, model: ModelSettings, columns: tuple[tuple[str, str], ...], *, trusted: bool) -> Any:
    """The learner behind its preprocessing: an estimator of scikit-learn, or one that learns by itself."""
    kind = class_named(name, trusted=trusted)
    if is_learner(kind):
        return _own_learner(kind, model, columns, trusted=trusted)
    bare = estimator(name, model.learner_options, model.task, trusted=trusted)
    learner = prepared(bare, columns, model.preprocess_options) if model.preprocess else bare
    return SklearnLearner(learner, epochs=model.epochs)


def _own_learner(kind: type, model: ModelSettings, columns: tuple[tuple[str, str], ...], *, trusted: bool) -> Any:
    """A learner such as a network: told of task and epochs, handed the preprocessing, as far as it asks for them."""
    known = parameters_of(kind)
    preset: dict[str, Any] = {"task": model.task, "epochs": model.epochs}
    preset = {name: value for name, value in preset.items() if name in known}
    if model.preprocess:
        if "prepare" not in known:
            msg = f"{model.learner} takes no preprocessing: preprocess = false hands it the columns as they are"
            raise ParameterError(msg)
        preset["prepare"] = preprocessing(columns, model.preprocess_options, dense=True)
    elif "prepare" in known and "prepare" not in model.learner_options:
        _refuse_words(columns)
    for name, place in (("task", "task"), ("epochs", "epochs"), ("prepare", "preprocess")):
        if name in preset and name in model.learner_options:
            msg = f"learner_options sets {name}, which {place} beside it decides: leave one of them out"
            raise ParameterError(msg)
    options = {name: _option(kind, name, held, trusted=trusted) for name, held in model.learner_options.items()}
    return called(kind, options, f"{model.learner}", **preset)


def _option(kind: type, name: str, held: Any, *, trusted: bool) -> Any:
    """An option of a learner, as its class wants it: a function or class where the text is the name of one."""
    if name in getattr(kind, "CALLED", ()):
        return resolved(name, held, trusted=trusted)
    if name != "prepare":
        return held
    made = resolved(name, held, trusted=trusted)
    try:
        return made()
    except Exception as failure:  # whatever a transformer's constructor raises
        msg = f"prepare cannot be made: {type(failure).__name__}: {failure}"
        raise ParameterError(msg) from failure


def _refuse_words(columns: tuple[tuple[str, str], ...]) -> None:
    """Raise for columns that are no numbers, where nothing makes numbers of them."""
    for name, kind in columns:
        if kind in WORDS:
            msg = f"preprocess is false, and column {name!r} is declared as {kind}, of which a network makes nothing"
            raise ParameterError(f"{msg}: preprocess = true makes numbers of it, kind 'ignore' leaves it out")


def _refuse_slices(model: ModelSettings, made: Any) -> None:
    """Raise now what the method would refuse as late as when it learns."""
    if getattr(made, "slices", 1) > 1:
        goes_on = getattr(made.learner, "cannot_go_on", None)
        reason = "the learner cannot go on training" if goes_on is None else goes_on(made.schedule)
        if reason is not None:
            hint = " (or preprocess = false)" if model.preprocess else ""
            msg = f"method {model.method!r} with {made.slices} slices: {reason}{hint}"
            raise ParameterError(msg)


def _refuse_promise(model: ModelSettings, learner: Any) -> None:
    """Raise for a learner whose models cannot promise what they must: nothing could ever be forgotten in them."""
    claim, reasons = promised(learner)
    if not promises(claim, at_least=model.claim):
        weaker = type(claim).__name__.lower()
        msg = f'promise = {toml.value(model.promise)} cannot be kept: {"; ".join(reasons)}; promise = "{weaker}" can'
        raise ParameterError(msg)


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
