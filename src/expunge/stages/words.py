"""Words of texts as counts that forget: who wrote which words, and a vocabulary of those that somebody still writes.

Each record's counts are kept, in the order of a keyed number of its id, so that the whole is a function of the set of
records. A word that only the forgotten wrote leaves the vocabulary and every array with them. Tokens are those of
scikit-learn's own vectoriser.

Examples
--------
>>> from sklearn.feature_extraction.text import CountVectorizer
>>> import numpy as np
>>> names = np.array([[2, 0], [1, 0]], np.uint64)
>>> held = counted(CountVectorizer(), ["a cat sat", "the cat ran"], ["ham", "spam"], names)
>>> held.vocabulary, held.rows.toarray().tolist(), held.classes, held.codes
(('cat', 'ran', 'sat', 'the'), [[1, 1, 0, 1], [1, 0, 1, 0]], ('ham', 'spam'), array([1, 0]))
>>> left = without(held, names[1:])
>>> left.vocabulary, left.rows.toarray().tolist(), left.classes
(('cat', 'sat'), [[1, 1]], ('ham',))
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from expunge.errors import LearnError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from expunge.values import Scalar

    Names = NDArray[np.uint64]

# What decides which words a text has; which of them are rare is looked at later.
DECIDING = ("analyzer", "lowercase", "ngram_range", "stop_words", "strip_accents", "token_pattern")


@dataclass(frozen=True, eq=False)
class Words:
    """Counts of words and the class, record by record.

    Attributes
    ----------
    names : (n, 2)
        A keyed number of each record's id, in increasing order: the order of the rows.
    starts : (n + 1,)
        Where each record's words begin.
    places, counts : (m,)
        Which word of the vocabulary, in increasing order, and how often the record has it.
    vocabulary : tuple of str
        Words that some record has, sorted.
    writers : (words,)
        How many records have each.
    classes : tuple
        Those of which there are records, sorted.
    codes : (n,)
        Of which class each record is.
    """

    names: Names
    starts: NDArray[np.int64]
    places: NDArray[np.int32]
    counts: NDArray[np.int32]
    vocabulary: tuple[str, ...]
    writers: NDArray[np.int64]
    classes: tuple[Scalar, ...]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Words):
            return NotImplemented
        plain = self.vocabulary == other.vocabulary and self.classes == other.classes
        arrays = ("names", "starts", "places", "counts", "writers", "codes")
        return plain and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays)

    def __hash__(self) -> int:
        return hash((self.names.tobytes(), self.vocabulary))

    @property
    def rows(self) -> Any:
        """(n, words) compressed rows of counts."""
        starts = self.starts.astype(np.int32) if len(self.places) < 2**31 else self.starts
        return sparse.csr_array((self.counts, self.places, starts), shape=(len(self), len(self.vocabulary)))


def counted(vectorizer: Any, texts: Sequence[str], labels: Sequence[Scalar], names: Names) -> Words:
    """The words of some texts, of which ``names`` are the records."""
    order = in_order(names)
    vocabulary, rows = tokenised(vectorizer, [texts[place] for place in order])
    places = rows.indices.astype(np.int32)
    writers = np.bincount(places, minlength=len(vocabulary))
    classes = tuple(sorted(set(labels)))
    known = {name: code for code, name in enumerate(classes)}
    codes = np.array([known[labels[place]] for place in order], np.int64)
    starts, counts = rows.indptr.astype(np.int64), rows.data.astype(np.int32)
    return Words(names[order], starts, places, counts, vocabulary, writers, classes, codes)


def tokenised(vectorizer: Any, texts: Sequence[str]) -> tuple[tuple[str, ...], Any]:
    """The words of some texts, sorted, and (n, words) compressed rows of how often each has them.

    Raises
    ------
    LearnError
        When the vectoriser fails, with its own words.
    """
    analyse = analyser(_settings(vectorizer))
    met: dict[str, int] = {}
    starts, places = [0], list[int]()
    counts: list[int] = []
    try:
        for text in texts:
            held = Counter(analyse(text))
            places += [met.setdefault(word, len(met)) for word in held]
            counts += held.values()
            starts.append(len(places))
    except ValueError as failure:
        msg = f"{type(vectorizer).__name__} failed on a text: {failure}"
        raise LearnError(msg) from failure
    vocabulary = tuple(sorted(met))
    moved = np.empty(len(met), np.int32)
    moved[[met[word] for word in vocabulary]] = np.arange(len(met))
    data = np.ones(len(counts), np.int32) if vectorizer.binary else np.array(counts, np.int32)
    rows = sparse.csr_array((data, moved[np.array(places, np.intp)], np.array(starts)), shape=(len(texts), len(met)))
    rows.sort_indices()
    return vocabulary, rows


@lru_cache(maxsize=16)
def analyser(settings: tuple[tuple[str, Any], ...]) -> Callable[[str], list[str]]:
    """scikit-learn's own function from a text to its words, for a CountVectorizer with these parameters."""
    plain = {name: list(held) if name == "stop_words" and isinstance(held, tuple) else held for name, held in settings}
    made: Callable[[str], list[str]] = CountVectorizer(**plain).build_analyzer()
    return made


def _settings(vectorizer: Any) -> tuple[tuple[str, Any], ...]:
    """The parameters that decide what the words of a text are."""
    held = ((name, getattr(vectorizer, name)) for name in DECIDING)
    return tuple((name, tuple(given) if isinstance(given, list | set | frozenset) else given) for name, given in held)


def without(held: Words, names: Names) -> Words:
    """The words of the records that stay; a word that nobody else has goes.

    Raises
    ------
    MismatchError
        When a record that should go is not there.
    """
    if not len(names):
        return held
    rows = np.sort(found(held, names))
    gone = np.concatenate([held.places[held.starts[row] : held.starts[row + 1]] for row in rows.tolist()])
    ends = np.column_stack([held.starts[rows], held.starts[rows + 1]])
    sizes = np.delete(np.diff(held.starts), rows)
    left = replace(
        held,
        names=np.delete(held.names, rows, axis=0),
        starts=_starts(sizes),
        places=_between(held.places, ends),
        counts=_between(held.counts, ends),
        writers=held.writers - np.bincount(gone, minlength=len(held.writers)),
        codes=np.delete(held.codes, rows),
    )
    return _known(_worn(left))


def _between(values: NDArray[np.int32], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    """Values without those from each of some places to another, which ascend."""
    begin, made = 0, []
    for start, end in ends.tolist():
        made.append(values[begin:start])
        begin = end
    return np.concatenate([*made, values[begin:]])


def joined(held: Words, then: Words) -> Words:
    """The words of all these records."""
    if not len(then):
        return held
    vocabulary, mine, theirs = _merged(held.vocabulary, then.vocabulary)
    names = np.concatenate([held.names, then.names])
    order = in_order(names)
    sizes = np.concatenate([np.diff(held.starts), np.diff(then.starts)])
    starts = _starts(sizes[order])
    moved = np.repeat(_starts(sizes)[order] - starts[:-1], sizes[order]) + np.arange(starts[-1])
    writers = np.zeros(len(vocabulary), np.int64)
    writers[mine] += held.writers
    writers[theirs] += then.writers
    classes = tuple(sorted({*held.classes, *then.classes}))
    codes = [_recoded(each, classes) for each in (held, then)]
    return Words(
        names[order],
        starts,
        np.concatenate([mine[held.places], theirs[then.places]])[moved],
        np.concatenate([held.counts, then.counts])[moved],
        vocabulary,
        writers,
        classes,
        np.concatenate(codes)[order],
    )


def silent(held: Words) -> Words:
    """The same records without any word."""
    nothing = np.zeros(0, np.int32)
    starts, writers = np.zeros(len(held) + 1, np.int64), np.zeros(0, np.int64)
    return replace(held, starts=starts, places=nothing, counts=nothing.copy(), vocabulary=(), writers=writers)


def of_vocabulary(vectorizer: Any, texts: Sequence[str], vocabulary: tuple[str, ...]) -> Any:
    """(n, words) compressed rows of how often each text has the words of a vocabulary."""
    if not vocabulary:
        return sparse.csr_array((len(texts), 0), dtype=np.int64)
    own, rows = tokenised(vectorizer, texts)
    known = {word: place for place, word in enumerate(vocabulary)}
    to = np.array([known.get(word, -1) for word in own], np.intp)
    kept = np.flatnonzero(to >= 0)
    picked = sparse.csr_array((np.ones(len(kept), np.int64), (kept, to[kept])), shape=(len(own), len(vocabulary)))
    made = sparse.csr_array(rows @ picked)
    made.sort_indices()
    return made


def in_order(names: Names) -> NDArray[np.intp]:
    """Positions of records in the order of their keyed numbers."""
    return np.lexsort((names[:, 1], names[:, 0]))


def found(held: Words, names: Names) -> NDArray[np.intp]:
    """The rows of these records.

    Raises
    ------
    MismatchError
        When one of them is not there.
    """
    rows = np.searchsorted(held.names[:, 0], names[:, 0])
    at = np.minimum(rows, max(len(held) - 1, 0))
    for _ in range(2):  # two records share a first number once in 2**64 pairs
        if not len(held) or (held.names[at] == names).all():
            break
        at = np.minimum(at + (held.names[at] != names).any(axis=1), len(held) - 1)
    if not len(held) or (held.names[at] != names).any():
        msg = "data other than the model's: a record that should be forgotten is not among those that it learned"
        raise MismatchError(msg)
    return at


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)])


def _known(held: Words) -> Words:
    """The same without classes of which nobody is."""
    there = np.bincount(held.codes, minlength=len(held.classes)) > 0
    if there.all():
        return held
    classes = tuple(name for name, held_by in zip(held.classes, there, strict=True) if held_by)
    return replace(held, classes=classes, codes=(np.cumsum(there) - 1)[held.codes])


def _recoded(held: Words, classes: tuple[Scalar, ...]) -> NDArray[np.int64]:
    """(n,) the number of each record's class among these."""
    return np.array([classes.index(name) for name in held.classes], np.int64)[held.codes]


def _worn(held: Words) -> Words:
    """The same without words that nobody has."""
    lost = np.flatnonzero(held.writers == 0)
    if not len(lost):
        return held
    kept = held.writers > 0
    moved = (np.cumsum(kept) - 1).astype(np.int32)
    ends = [-1, *lost.tolist(), len(kept)]
    parts = [held.vocabulary[ends[k] + 1 : ends[k + 1]] for k in range(len(ends) - 1)]
    vocabulary = tuple(word for part in parts for word in part)
    return replace(held, places=moved[held.places], vocabulary=vocabulary, writers=held.writers[kept])


def _merged(
    first: tuple[str, ...], then: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int32]]:
    """Both vocabularies as one, and where the words of each are in it."""
    new = [word for word in then if not _holds(first, word)]
    if not new:
        theirs = [bisect_left(first, word) for word in then]
        return first, np.arange(len(first), dtype=np.int32), np.array(theirs, np.int32)
    before = np.array([bisect_left(first, word) for word in new])
    mine = np.arange(len(first)) + np.searchsorted(before, np.arange(len(first)), side="right")
    merged = tuple(sorted((*first, *new)))
    theirs = [bisect_left(merged, word) for word in then]
    return merged, mine.astype(np.int32), np.array(theirs, np.int32)


def _holds(vocabulary: tuple[str, ...], word: str) -> bool:
    place = bisect_left(vocabulary, word)
    return place < len(vocabulary) and vocabulary[place] == word
