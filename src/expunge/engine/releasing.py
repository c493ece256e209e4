"""What anybody sees of a model whose state is secret, and how often that was released: counted in the ledger alone.

A release is a publication that changed the model; asked again, it is the same, noise included. Its number is how many
such publications the ledger has since the model was last learned from nothing. A model that was learned from nothing is
a function of the records that were left, so for all who were forgotten before it gives nothing away: it begins a new
lineage, with a budget of its own. After a restore nobody knows what was published since the backup was made, so the
budget counts as spent until the model is learned again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expunge.errors import RefusedError
from expunge.protocol import Releasing
from expunge.values import Refusal

if TYPE_CHECKING:
    from expunge.engine.project import Project
    from expunge.engine.root import Standing
    from expunge.ledger.book import Book
    from expunge.protocol import Method, Run
    from expunge.values import Target


def releases(book: Book, name: str, standing: Standing) -> int | None:
    """How many publications changed a model since it was learned from nothing; None when a restore hides some."""
    count = 0
    for number in reversed(list(book.publications)):
        if number <= standing.lineage:
            break
        publication = book.publications[number]
        if publication.cause == "restore":
            return None
        held = publication.models.get(name, {})
        count += held.get("before") != held.get("after")
    return count


def released(project: Project, name: str, standing: Standing, method: Method[Any, Any, Any]) -> Any:
    """The model as it may be seen: itself, or its release.

    Raises
    ------
    RefusedError
        When the ledger cannot say which release this is.
    """
    state = project.model(standing)
    if not isinstance(method, Releasing) or method.spent(UNKNOWN) is None:  # a method that adds no noise has no budget
        return state
    made = releases(project.book, name, standing)
    if made is None:
        raise RefusedError(_UNTOLD)
    lineage = f"{project.settings.id}/{name}/{standing.lineage}"
    return method.release(state, project.run(standing), lineage=lineage, number=max(made, 1))


def unless_spent(book: Book, method: Method[Any, Any, Any], name: str, standing: Standing) -> Any:
    """The method, or what answers with a refusal in its place when no further release may be made."""
    if not isinstance(method, Releasing) or method.spent(UNKNOWN) is None:
        return method
    made = releases(book, name, standing)
    refusal = _UNTOLD if made is None else method.spent(made)
    return method if refusal is None else Spent(refusal)


@dataclass(frozen=True)
class Spent:
    """Stands for a method that may publish nothing more."""

    refusal: Refusal

    def quote(self, model: Any, target: Target, data: Any, run: Run) -> Refusal:
        """The refusal."""
        return self.refusal


UNKNOWN = 2**63  # more releases than any budget has
_UNTOLD = Refusal(
    "a backup was restored since this model was learned, and the ledger cannot say how often it was released since",
    "instead",
    "learn it again, which begins a new lineage: `expunge learn --again`",
)
