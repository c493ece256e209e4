"""Everything that expunge raises, in one tree. Each message is a sentence.

It says what, of whom, what is possible and what was got. On the command line each kind has an exit code of its own
(`exit_code`), and a page in ``docs/errors`` that says what to do.

::

    ExpungeError           1
    ├── DataError          1   (ValueError)   a table, column, id or label that cannot be taken as given
    ├── ParameterError     1   (ValueError)   a method, learner or run that was set up wrongly
    ├── MismatchError      1   (ValueError)   data, key or parameters other than those the model was learned with
    ├── EmptyModelError    1   (ValueError)   a prediction asked of a model that has forgotten everything
    ├── CodecError         1   (TypeError)    a value that cannot be written down, or bytes that cannot be read
    ├── LearnError         1   (RuntimeError) an estimator that failed on the records it was given
    ├── WorkerError        1   (RuntimeError) a worker process that died
    ├── UnknownMethodError 1   (LookupError)  a method name that no shelf holds
    ├── MissingExtraError  1   (ImportError)  an optional package that a method needs
    ├── UnknownSubjectError 3  (LookupError)  nothing that was named is in the data; nothing was changed
    ├── RefusedError       4   (ValueError)   forgetting what `quote` refuses; carries the `Refusal`
    ├── VetoError          5   (RuntimeError) an audit that contradicts the claim; the published model stays
    ├── BusyError          6   (RuntimeError) another process works on the project
    ├── LedgerError        7   (RuntimeError) a ledger that is missing, shortened or altered
    ├── StoreError         8   (RuntimeError) a store that cannot be read or written
    │   └── DamagedError   8   (KeyError)     a blob that is missing, altered or not ours
    ├── SecretError        9   (RuntimeError) secrets that are missing, open to others, or not trusted here
    ├── CertificateError   10  (ValueError)   a certificate that was altered or is none
    ├── UnknownSignerError 11  (LookupError)  a whole certificate, signed by nobody who is trusted
    ├── ResidueError       12  (RuntimeError) a scan that found what should be gone, or could not see
    ├── ConfirmationError  13  (RuntimeError) more would change than is done without being told ``--yes``
    ├── ProjectError       14  (ValueError)   a folder that is no project, or an ``expunge.toml`` that does not hold
    └── SourceError        15  (OSError)      a file, table or query that cannot be read
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from expunge.values import Refusal


class ExpungeError(Exception):
    """The root: catch this to catch all that expunge raises on purpose."""

    exit_code: ClassVar[int] = 1


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

    exit_code = 4

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


class UnknownSubjectError(ExpungeError, LookupError):
    """Nothing that was named is in the data; nothing was changed."""

    exit_code = 3


class VetoError(ExpungeError, RuntimeError):
    """An audit that contradicts the claim; the published model stays."""

    exit_code = 5


class BusyError(ExpungeError, RuntimeError):
    """Another process works on the project."""

    exit_code = 6


class LedgerError(ExpungeError, RuntimeError):
    """A ledger that is missing, shortened or altered."""

    exit_code = 7


class StoreError(ExpungeError, RuntimeError):
    """A store that cannot be read or written."""

    exit_code = 8


class DamagedError(StoreError, KeyError):
    """A blob that is missing, altered or not ours. A mapping's ``get`` takes it for absent, as it should."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # a KeyError would print its repr


class SecretError(ExpungeError, RuntimeError):
    """Secrets that are missing, open to others, or not trusted here."""

    exit_code = 9


class CertificateError(ExpungeError, ValueError):
    """A certificate that was altered or is none."""

    exit_code = 10


class UnknownSignerError(ExpungeError, LookupError):
    """A whole certificate, signed by nobody who is trusted."""

    exit_code = 11


class ResidueError(ExpungeError, RuntimeError):
    """A scan that found what should be gone, or could not see."""

    exit_code = 12


class ConfirmationError(ExpungeError, RuntimeError):
    """More would change than is done without being told ``--yes``."""

    exit_code = 13


class ProjectError(ExpungeError, ValueError):
    """A folder that is no project, or an ``expunge.toml`` that does not hold."""

    exit_code = 14


class SourceError(ExpungeError, OSError):
    """A file, table or query that cannot be read."""

    exit_code = 15
