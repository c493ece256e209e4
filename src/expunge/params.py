"""Parameters of methods and learners, read and set the way scikit-learn does it (``clone``, ``GridSearchCV``)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from typing import Self


class Params:
    """``get_params`` and ``set_params`` over the fields of a frozen dataclass.

    ``set_params`` is the one place where such a value changes, because scikit-learn's searches require it; the new
    parameters are validated first, all together, and a refused change leaves the old ones. A parameter that has
    parameters itself is replaced by a changed copy: who else holds it keeps what they had.
    """

    __slots__ = ()

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  (scikit-learn's signature)
        """Name to value; with ``deep``, also ``name__parameter`` of values that have parameters themselves."""
        found: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]  # each subclass is a dataclass
            value = getattr(self, field.name)
            found[field.name] = value
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found |= {f"{field.name}__{name}": inner for name, inner in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; ``name__parameter`` reaches into a parameter that has parameters itself."""
        mine = self.get_params(deep=False)
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            head, _, rest = name.partition("__")
            if head not in mine:
                msg = f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(sorted(mine))}"
                raise ParameterError(msg)
            if rest:
                nested.setdefault(head, {})[rest] = value
            else:
                mine[head] = value
        for head, inner in nested.items():
            if not hasattr(mine[head], "set_params"):
                msg = f"{head} of {type(self).__name__} is {mine[head]!r}, which has no parameters of its own"
                raise ParameterError(msg)
            mine[head] = deepcopy(mine[head]).set_params(**inner)
        valid = type(self)(**mine)  # validates, or raises before anything has changed
        for head in mine:
            object.__setattr__(self, head, getattr(valid, head))
        return self
