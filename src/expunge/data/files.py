"""Rows in files: CSV and Parquet, streamed.

A CSV file has no types: all of it is read as text, and the schema says what the text means. That costs little, and what
a value becomes never depends on the values above it. An empty cell is missing; ``""`` in quotes is an empty text.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from expunge.data.kinds import MISSING, UnfitError, converted, one_array
from expunge.data.schema import refuse_absent
from expunge.data.streams import ROWS, Source, refuse_twins
from expunge.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

BLOCK = 4 << 20  # bytes that are read at a time, where no row is longer
LONGEST = 64 << 20  # bytes of a row
SAMPLE = 1 << 20  # bytes that rows are counted in
DELIMITERS = ",;\t|"
GUESSES = ("integer", "number", "date")
PLAIN = r"^\s*[+-]?(0|[1-9][0-9]*|[0-9]*\.[0-9]+|[0-9]+\.[0-9]*)([eE][+-]?[0-9]+)?\s*$"  # of a number: no 007, no 0x1f


class CsvSource(Source):
    """A CSV file, plain or compressed (``.gz``, ``.bz2``): UTF-8, with a header, quotes doubled inside quotes.

    Parameters
    ----------
    path : Path
    delimiter : str, optional
        By default whichever of comma, semicolon, tab and bar the header has most of.

    Raises
    ------
    SourceError
        If there is no such file, it is empty, not UTF-8, or its header names a column twice.
    """

    def __init__(self, path: Path, *, delimiter: str | None = None) -> None:
        self.path, self.said = path, f"the file {path.name}"
        _refuse_missing(path, self.said)
        head = self._head()
        self.delimiter = delimiter or _delimiter(head)
        self._names = self._header()
        refuse_twins(self._names, self.said)

    def columns(self) -> dict[str, pa.DataType]:
        """Names of the columns; all of them are text."""
        return dict.fromkeys(self._names, pa.large_string())

    def rows(self) -> int | None:
        """About how many, from the length of the lines of the first megabyte."""
        if self.path.suffix in (".gz", ".bz2", ".zst", ".lz4"):
            return None
        size, sample = self.path.stat().st_size, self._head(SAMPLE)
        lines = sample.count(b"\n") or sample.count(b"\r")
        if size <= len(sample):
            lines += not sample.endswith((b"\n", b"\r"))
            return max(lines - 1, 0)
        return max(round(size * lines / len(sample)) - 1, 1)

    def peek(self, rows: int = 10_000) -> pa.Table:
        """The first rows; a column of which all rows are whole numbers, numbers or dates is given as such."""
        held, parts = 0, []
        for batch in self.raw(self._names, rows):
            parts.append(batch.slice(0, rows - held))
            held += parts[-1].num_rows
            if held >= rows:
                break
        text = pa.schema([(name, pa.large_string()) for name in self._names])
        table = pa.Table.from_batches(parts, text).combine_chunks()
        return pa.table([_guessed(column) for column in table.columns], names=list(self._names))

    def raw(self, names: Sequence[str], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """These columns as text."""
        refuse_absent(names, self._names, self.said)
        block, done = BLOCK, 0
        while True:
            try:
                for batch in self._read(names, block):
                    if done < batch[0]:
                        yield batch[1].slice(max(done - batch[0] + batch[1].num_rows, 0))
                        done = batch[0]
            except _RowTooLongError:
                block *= 4
                if block > LONGEST:
                    msg = f"{self.said}: a row is longer than {LONGEST >> 20} MB; is a quote left open?"
                    raise SourceError(msg) from None
            else:
                self._refuse_open_quote()
                return

    def _refuse_open_quote(self) -> None:
        """A quote that nothing closes swallows all rows to the end of the file, which the reader does not mind."""
        with self._open() as file:
            quotes = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(BLOCK), b""))
        if quotes % 2 == 0:
            return
        with self._open() as file, io.TextIOWrapper(file, "utf-8", newline="") as lines:
            try:
                deque(csv.reader(lines, delimiter=self.delimiter, strict=True), maxlen=0)
            except csv.Error as refusal:
                if "end of data" in str(refusal) or "field limit" in str(refusal):
                    msg = f"{self.said}: a quote is left open; all rows after it are one cell"
                    raise SourceError(msg) from None

    def _read(self, names: Sequence[str], block: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, each with the number of rows up to its end."""
        from pyarrow import csv as arrow

        parse = arrow.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        convert = arrow.ConvertOptions(
            column_types=dict.fromkeys(self._names, pa.large_string()),
            include_columns=list(names),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )
        done = 0
        try:
            with self._open() as file:
                # One thread: with more, a bad row has no number.
                read = arrow.ReadOptions(block_size=block, use_threads=False)
                for batch in arrow.open_csv(file, read, parse, convert):
                    done += batch.num_rows
                    yield done, batch
        except (pa.ArrowInvalid, OSError) as refusal:
            if done or "cannot infer number of columns" not in str(refusal):  # a header and no line break: no rows
                raise self._sentence(refusal) from None

    def _sentence(self, refusal: Exception) -> Exception:
        """What is wrong with the file, without the row itself."""
        text = str(refusal)
        ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
        if ragged:
            number, expected, has = map(int, ragged.groups())
            what = f"row {number - 1} has {has} cells, the header has {expected}"
            return SourceError(f"{self.said}: {what}; is a quote left open?")
        if "straddling" in text:
            return _RowTooLongError()
        if "UTF8" in text:
            place = re.search(r"CSV column #(\d+)(?:: Row #(\d+))?", text)
            column = f", column {self._names[int(place[1])]!r}" if place and int(place[1]) < len(self._names) else ""
            row = f"row {int(place[2]) - 1}" if place and place[2] else "a row"
            return SourceError(f"{self.said}: {row}{column} is not UTF-8; save the file as UTF-8")
        return SourceError(f"{self.said} cannot be read: {text.splitlines()[0] if text else type(refusal).__name__}")

    def _open(self) -> AbstractContextManager[Any]:
        return pa.input_stream(str(self.path), compression="detect")  # type: ignore[no-any-return]

    def _head(self, size: int = 1 << 16) -> bytes:
        """The first bytes."""
        try:
            with self._open() as file:
                head: bytes = file.read(size)
        except (OSError, pa.ArrowInvalid) as refusal:
            msg = f"{self.said} cannot be read: {refusal}"
            raise SourceError(msg) from None
        if not head.strip():
            msg = f"{self.said} is empty; its first line should name the columns"
            raise SourceError(msg)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            msg = f"{self.said} is written in UTF-16; save it as UTF-8"
            raise SourceError(msg)
        return head

    def _header(self) -> list[str]:
        """Names of the columns, as the reader sees them."""
        from pyarrow import csv as arrow

        try:
            with self._open() as file:
                first = b"".join(_first_line(file))
            parse = arrow.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
            return list(arrow.read_csv(pa.BufferReader(first), parse_options=parse).column_names)
        except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as refusal:
            what = "is not UTF-8; save the file as UTF-8" if isinstance(refusal, UnicodeDecodeError) else refusal
            msg = f"{self.said}: the header cannot be read: {what}"
            raise SourceError(msg) from None


class ParquetSource(Source):
    """A Parquet file.

    Raises
    ------
    SourceError
        If there is no such file, it is damaged, or it names a column twice.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.said = path, f"the file {path.name}"
        _refuse_missing(path, self.said)
        with self._open() as file:
            self._types = file.schema_arrow
            self._count: int = file.metadata.num_rows
        refuse_twins(self._types.names, self.said)

    def columns(self) -> dict[str, pa.DataType]:
        """Names and types of the columns."""
        return dict(zip(self._types.names, self._types.types, strict=True))

    def rows(self) -> int | None:
        """How many, as the file says."""
        return self._count

    def peek(self, rows: int = 10_000) -> pa.Table:
        """The first rows."""
        parts = next(self.raw(self._types.names, rows), None)
        return self._types.empty_table() if parts is None else pa.Table.from_batches([parts])

    def raw(self, names: Sequence[str], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """These columns; a row group is read piece by piece."""
        refuse_absent(names, self._types.names, self.said)
        try:
            with self._open() as file:
                yield from file.iter_batches(batch_size=rows, columns=list(names))
        except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as refusal:
            raise _damaged(self.said, refusal) from None

    def _open(self) -> Any:
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self.path, pre_buffer=False, memory_map=False)
        except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as refusal:
            raise _damaged(self.said, refusal) from None


class _RowTooLongError(Exception):
    """A row does not fit into the block that is read at a time."""


def _damaged(said: str, refusal: Exception) -> SourceError:
    text = str(refusal).partition("\n")[0]
    return SourceError(f"{said} cannot be read as Parquet: {text}")


def _refuse_missing(path: Path, said: str) -> None:
    try:
        there, folder = path.exists(), path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or has a NUL in it
        there, folder = False, False
    if folder:
        msg = f"{said} is a folder ({path}); a source is one CSV or Parquet file, or a table of a database"
        raise SourceError(msg)
    if not there:
        msg = f"{said} does not exist: there is nothing at {path}"
        raise SourceError(msg)


def _first_line(file: Any) -> Iterator[bytes]:
    """Bytes up to the first line break outside quotes, blank lines before it aside."""
    quoted, begun = False, False
    while chunk := file.read(1 << 12):
        for place, byte in enumerate(chunk):
            quoted ^= byte == ord('"')
            if byte in b"\r\n" and not quoted and begun:
                yield chunk[:place] + b"\n"
                return
            begun |= byte not in b"\r\n"
        yield chunk
    yield b"\n"


def _delimiter(head: bytes) -> str:
    """The delimiter that the header has most of, outside quotes."""
    line = head.lstrip(b"\xef\xbb\xbf\r\n")
    plain = re.sub(rb'"[^"]*"', b"", line).splitlines() or [b""]
    return max(DELIMITERS, key=lambda delimiter: plain[0].count(delimiter.encode()))


def _guessed(column: pa.ChunkedArray) -> pa.Array:
    """A column of text in the first type that all its rows fit, for a proposal; never for learning."""
    text = one_array(column)
    if text.null_count == len(text):
        return text
    missing = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(text)), value_set=pa.array(MISSING, pa.large_string()))
    if pc.all(missing).as_py():
        return text
    plain = pc.all(pc.or_(missing, pc.match_substring_regex(text, PLAIN))).as_py()
    for kind in GUESSES:
        if plain or kind == "date":
            try:
                return converted(text, kind)  # type: ignore[arg-type]
            except UnfitError:
                continue
    return text
