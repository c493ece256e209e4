"""Functions and classes that a configuration names, with arguments: what a network is made with.

``"nets.mlp"`` is the function itself; ``{call = "torch.optim.SGD", lr = 0.1}`` is it with arguments that are set, as
`functools.partial` has them. An argument may be such a table itself.

Where a project is not trusted, only what cannot run other code is found: layers, optimizers, schedules and losses of
torch, the schedules of expunge, and transformers of scikit-learn. ``torch.hub.load`` is of torch, and runs anything.

Examples
--------
>>> resolved("prepare", {"call": "sklearn.preprocessing.StandardScaler", "with_mean": False}, trusted=False)()
StandardScaler(with_mean=False)
>>> resolved("factory", "shutil.rmtree", trusted=False)
Traceback (most recent call last):
...
expunge.errors.SecretError: shutil.rmtree is of another package, whose code would run: ...
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from expunge.errors import ParameterError, SecretError
from expunge.learners.named import found

CALL = "call"
HARMLESS = (  # a package, and what its classes derive from or, without, its functions
    ("torch.nn", "torch.nn.modules.module.Module"),
    ("torch.optim", "torch.optim.optimizer.Optimizer"),
    ("torch.optim", "torch.optim.lr_scheduler.LRScheduler"),
    ("torch.nn.functional", ""),
    ("sklearn", "sklearn.base.TransformerMixin"),
    ("expunge.learners", "sklearn.base.TransformerMixin"),
    ("expunge.learners.torch.schedules", ""),
)


def resolved(said: str, given: Any, *, trusted: bool) -> Any:
    """What a name, or a table with ``call`` and arguments, stands for.

    Parameters
    ----------
    said : str
        Which option it is, for a sentence.
    given : str or dict
    trusted : bool
        Whether any code may be run.

    Raises
    ------
    ParameterError
        When it is neither, does not import, or is nothing that can be called.
    SecretError
        When it is not trusted.
    """
    if isinstance(given, str):
        return _called(said, given, trusted=trusted)
    if not isinstance(given, dict) or not isinstance(given.get(CALL), str):
        msg = f'{said} is a name such as "nets.mlp", or a table {{call = "nets.mlp", width = 64}}; got {given!r}'
        raise ParameterError(msg)
    arguments = {name: inner(held, trusted=trusted) for name, held in given.items() if name != CALL}
    called = _called(said, given[CALL], trusted=trusted)
    _refuse_unknown(said, given[CALL], called, arguments)
    return partial(called, **arguments) if arguments else called


def inner(given: Any, *, trusted: bool) -> Any:
    """An argument: a table with ``call`` is what it stands for, all else is itself."""
    if isinstance(given, dict) and CALL in given:
        return resolved(CALL, given, trusted=trusted)
    return given


def _called(said: str, name: str, *, trusted: bool) -> Any:
    made = found(name, "a function or class is written module.name, such as torch.optim.SGD", trusted=trusted)
    if not callable(made):
        msg = f"{said} is a function or class, and {name} is a {type(made).__name__}"
        raise ParameterError(msg)
    if not trusted and not any(_is_of(made, *known) for known in HARMLESS):
        msg = (
            f"{name} is none of torch's layers, optimizers, schedules and losses, and might run other code: if you know"
            " where this project comes from, run `expunge trust` once"
        )
        raise SecretError(msg)
    return made


def _is_of(made: Any, package: str, kind: str) -> bool:
    """Whether it is a class of a kind, or a function, of a package."""
    home = getattr(made, "__module__", None) or ""
    if home != package and not home.startswith(f"{package}."):
        return False
    if not kind:
        return inspect.isfunction(made)
    return inspect.isclass(made) and kind in {f"{base.__module__}.{base.__qualname__}" for base in made.__mro__}


def _refuse_unknown(said: str, name: str, called: Any, arguments: dict[str, Any]) -> None:
    """Raise now for an argument that it does not take: it is called much later, or in another process."""
    try:
        inspect.signature(called).bind_partial(**arguments)
    except TypeError as wrong:
        msg = f"{said}: {name} cannot be called so: {wrong}"
        raise ParameterError(msg) from wrong
    except ValueError:  # compiled code that does not say what it takes
        return
