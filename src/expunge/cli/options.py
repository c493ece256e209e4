"""Options that several commands share, and what the words behind them name: from what was typed to a target.

``--records 417,418`` splits at commas, which is what people type; a file of names, one a line, takes each as it is.

Examples
--------
>>> asked = Asked.of(records=["417,418", "9"], labels=["bad"])
>>> asked.records, asked.labels
(('417', '418', '9'), ('bad',))
>>> Asked.of(records=["417,,418"])
Traceback (most recent call last):
expunge.cli.ending.UsageError: --records 417,,418 has an empty name in it; an id with a comma in it comes from a file
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from expunge.cli.ending import UsageError
from expunge.errors import SourceError
from expunge.values import Batch, Column, Label, Owners, Records

if TYPE_CHECKING:
    from expunge.data.schema import Schema
    from expunge.values import Target


def _patience(seconds: float) -> float:
    if math.isnan(seconds) or seconds < 0:
        msg = f"--wait takes a number of seconds, 0 or more; got {seconds}"
        raise UsageError(msg)
    return seconds


In: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project's folder. Without it: the nearest one with an expunge.toml, from here upwards.",
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Wait: TypeAlias = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", callback=_patience, help="How long to wait while another process works."),
]
RecordsWords: TypeAlias = Annotated[
    list[str] | None, typer.Option("--records", metavar="IDS", help="Ids of records, with commas between them.")
]
RecordsFile: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--records-file",
        metavar="FILE",
        help="Ids of records, one a line; - is standard input. Keep it outside the project's folder.",
    ),
]
OwnersWords: TypeAlias = Annotated[
    list[str] | None, typer.Option("--owners", metavar="NAMES", help="All records of these owners.")
]
OwnersFile: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--owners-file", metavar="FILE", help="Owners, one a line; - is standard input. Keep it outside, too."
    ),
]
Labels: TypeAlias = Annotated[
    list[str] | None, typer.Option("--label", metavar="CLASS", help="All records of this class.")
]
Columns: TypeAlias = Annotated[
    list[str] | None, typer.Option("--column", metavar="NAME", help="This column, in every record.")
]
Requester: TypeAlias = Annotated[
    str | None,
    typer.Option("--requester", metavar="WHO", help="Who asks. Two who ask the same are two requests."),
]
Reference: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--reference", metavar="THEIRS", help="The requester's own name for this request; sent twice, it is done once."
    ),
]
Queue: TypeAlias = Annotated[
    bool, typer.Option("--queue", help="Take the request in, and leave the work to `expunge work`: one batch is cheap.")
]
Model: TypeAlias = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Which model; needless where there is one.")
]


@dataclass(frozen=True)
class Asked:
    """The words of a request, as they were typed.

    Attributes
    ----------
    records, owners, labels, columns : tuple of str
    """

    records: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        records: Sequence[str] | None = None,
        records_file: Sequence[Path] | None = None,
        owners: Sequence[str] | None = None,
        owners_file: Sequence[Path] | None = None,
        labels: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Asked:
        """What options gave.

        Raises
        ------
        UsageError
            For an empty name, or one that is no text.
        SourceError
            For a file that cannot be read.
        """
        return cls(
            _names("--records", records, records_file),
            _names("--owners", owners, owners_file),
            _whole("--label", labels),
            _whole("--column", columns),
        )

    def __bool__(self) -> bool:
        return bool(self.records or self.owners or self.labels or self.columns)

    def needed(self, possible: str = "--records, --owners, --label or --column") -> Asked:
        """Itself, or the sentence that says that nothing was named."""
        if not self:
            msg = f"nothing was named: give {possible}"
            raise UsageError(msg)
        return self

    def steps(self, schema: Schema) -> list[Target]:
        """One target for each kind of word, in the types that the project declares.

        Raises
        ------
        DataError
            For a word that is not of its column's type.
        """
        found: list[Target] = []
        if self.records:
            found.append(Records(schema.named(self.records)))
        if self.owners:
            found.append(Owners(schema.named(self.owners, owners=True)))
        found += [Label(schema.labelled(word)) for word in self.labels]
        return found + [Column(word) for word in self.columns]

    def target(self, schema: Schema) -> Target:
        """All of it as one target."""
        steps = self.steps(schema)
        return steps[0] if len(steps) == 1 else Batch(steps)


def read_names(path: Path) -> tuple[str, ...]:
    """The names in a file, one a line, each as it is; ``-`` is standard input.

    Raises
    ------
    SourceError
        When it cannot be read, is no text, or a line of it is empty.
    """
    said = "standard input" if str(path) == "-" else f"the file {path}"
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except (OSError, ValueError) as refusal:
        msg = f"{said} cannot be read: {getattr(refusal, 'strerror', None) or refusal}"
        raise SourceError(msg) from refusal
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as wrong:
        msg = f"{said} is not UTF-8: line {content.count(bytes([10]), 0, wrong.start) + 1} holds other bytes"
        raise SourceError(msg) from None
    names = [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
    if "" in names:
        msg = f"{said}: line {names.index('') + 1} is empty; each line is one name"
        raise SourceError(msg)
    return tuple(names)


def settings_of(words: Iterable[str] | None) -> dict[str, str]:
    """What ``--set NAME=VALUE`` gave, by name."""
    found: dict[str, str] = {}
    for word in _whole("--set", words):
        name, equals, value = word.partition("=")
        if not (name and equals):
            msg = f"--set takes NAME=VALUE, such as shards=8; got {word}"
            raise UsageError(msg)
        if name in found:
            msg = f"--set {name} was given twice"
            raise UsageError(msg)
        found[name] = value
    return found


def text(option: str, word: str) -> str:
    """A word that is text: an argument may be any bytes."""
    try:
        word.encode()
    except UnicodeEncodeError:
        msg = f"{option} is not valid text in UTF-8"
        raise UsageError(msg) from None
    return word


def _names(option: str, words: Iterable[str] | None, files: Iterable[Path] | None) -> tuple[str, ...]:
    found: list[str] = []
    for word in words or ():
        parts = [part.strip() for part in text(option, word).split(",")]
        if "" in parts:
            msg = f"{option} {word} has an empty name in it; an id with a comma in it comes from a file"
            raise UsageError(msg)
        found += parts
    for path in files or ():
        held = read_names(path)
        if not held:
            msg = f"{option}-file {path} holds no name"
            raise UsageError(msg)
        found += held
    return tuple(found)


def _whole(option: str, words: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(text(option, word) for word in words or ())
