"""Everything that expunge raises, in one tree. Each message is a sentence.

It says what, of whom, what is possible and what was got.

::

    ExpungeError
    ├── DataError          (ValueError)   a table, column, id or label that cannot be taken as given
    ├── ParameterError     (ValueError)   a method, learner or run that was set up wrongly
    ├── MismatchError      (ValueError)   data, key or parameters other than those the model was learned with
    ├── RefusedError       (ValueError)   forgetting what `quote` refuses; carries the `Refusal`
    ├── EmptyModelError    (ValueError)   a prediction asked of a model that has forgotten everything
    ├── CodecError         (TypeError)    a value that cannot be written down, or bytes that cannot be read
    ├── LearnError         (RuntimeError) an estimator that failed on the records it was given
    ├── WorkerError        (RuntimeError) a worker process that died
    ├── UnknownMethodError (LookupError)  a method name that no shelf holds
    └── MissingExtraError  (ImportError)  an optional package that a method needs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from expunge.values import Refusal


class ExpungeError(Exception):
    """The root: catch this to catch all that expunge raises on purpose."""


class DataError(ExpungeError, ValueError):
    """A table, column, id or label that cannot be taken as given."""


class ParameterError(ExpungeError, ValueError):
    """A method, learner or run that was set up wrongly."""


class MismatchError(ExpungeError, ValueError):
    """Data, key or parameters other than those the model was learned with."""


class RefusedError(ExpungeError, ValueError):
    """Forgetting what `quote` refuses.

    Parameters
    ----------
    refusal : Refusal
        The very value that `quote` returns for the same question.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal

    def __reduce__(self) -> tuple[type[RefusedError], tuple[Refusal]]:
        return type(self), (self.refusal,)


class EmptyModelError(ExpungeError, ValueError):
    """A prediction asked of a model that has forgotten everything."""


class CodecError(ExpungeError, TypeError):
    """A value that cannot be written down, or bytes that cannot be read."""


class LearnError(ExpungeError, RuntimeError):
    """An estimator that failed on the records it was given."""


class WorkerError(ExpungeError, RuntimeError):
    """A worker process that died."""


class UnknownMethodError(ExpungeError, LookupError):
    """A method name that no shelf holds."""


class MissingExtraError(ExpungeError, ImportError):
    """An optional package that a method needs."""
