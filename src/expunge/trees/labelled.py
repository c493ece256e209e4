"""One tree with the names that make it readable: columns, classes and categories.

A forest knows a category by a keyed hash and a class by its place. The names come from the data at hand.

Examples
--------
>>> import numpy as np
>>> from expunge import Forest, Run, Table
>>> ages = np.array([[20.0], [30.0], [50.0], [60.0]])
>>> table, run = Table.from_arrays(ages, ["no", "no", "yes", "yes"], columns=["age"]), Run(key=b"example")
>>> forest = Forest(trees=1, share=1.0)
>>> tree = LabelledTree.of(forest, forest.learn(table, run), table, run, 0)
>>> tree.answer(1), tree.answer(2)
('no', 'yes')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar


class Nodes(Protocol):
    """What a tree is made of, a node a place: the root first, a leaf where ``feature`` is -1."""

    feature: NDArray[np.int64]
    categorical: NDArray[np.bool_]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    missing_seen: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.int64]
    value: NDArray[Any]


@dataclass(frozen=True)
class LabelledTree:
    """Nodes, and the names to say them with.

    Attributes
    ----------
    nodes : Nodes
        What ``Forest.tree`` gives.
    names : tuple of str
        Of the columns.
    classes : tuple or None
        None: the value of a node is a mean.
    words : mapping of str to (mapping of float to str)
        Of each column of categories, the word of each code.
    """

    nodes: Nodes
    names: tuple[str, ...]
    classes: tuple[Scalar, ...] | None = None
    words: Mapping[str, Mapping[float, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, method: Any, model: Any, data: Table, run: Run, number: int) -> LabelledTree:
        """One tree of a forest, with the words that its categories have in these data.

        Parameters
        ----------
        method : Forest
        model : its model
        data : Table
            Whose words are used; a category that it does not hold stays a number.
        run : Run
        number : int
            From 0.
        """
        nodes: Nodes = method.tree(model, number)
        places = np.unique(np.asarray(nodes.feature)[np.asarray(nodes.categorical) & (np.asarray(nodes.feature) >= 0)])
        names = tuple(model.names)
        words = {names[place]: method.codes(data, run, names[place]) for place in places}
        return cls(nodes, names, model.classes, words)

    def __len__(self) -> int:
        return len(self.nodes.feature)

    def is_leaf(self, node: int) -> bool:
        """Whether nothing is asked at a node."""
        return int(self.nodes.feature[node]) < 0

    def sides(self, node: int) -> tuple[int, int]:
        """The nodes of those for whom the question is true, and of the others."""
        return int(self.nodes.left[node]), int(self.nodes.right[node])

    def question(self, node: int) -> str:
        """What sends a record to the left: ``age < 42.5 or missing``, ``town is Bern``.

        Missing numbers are spoken of where a record of the node lacks one.
        """
        name, threshold = self.names[int(self.nodes.feature[node])], float(self.nodes.threshold[node])
        missing = bool(self.nodes.missing_left[node] and self.nodes.missing_seen[node])
        if self.nodes.categorical[node]:
            return f"{name} is {self.words.get(name, {}).get(threshold, number(threshold))}"
        if np.isinf(threshold):  # every known number lies on one side
            known_left = threshold > 0
            return f"{name} is {'missing' if missing and not known_left else 'known'}"
        return f"{name} < {number(threshold)}{' or missing' if missing else ''}"

    def answer(self, node: int) -> str:
        """The class that most records of a node have, of equal ones the first; or their mean."""
        value = np.asarray(self.nodes.value[node])
        return number(float(value[0])) if self.classes is None else str(self.classes[int(value.argmax())])

    def counts(self, node: int) -> str:
        """How many records a node holds, and of which classes."""
        value, weight = np.asarray(self.nodes.value[node]), int(self.nodes.weight[node])
        if self.classes is None:
            return f"{weight:,}"
        held = [f"{name} {int(count):,}" for name, count in zip(self.classes, value, strict=True) if count]
        return ", ".join(held)

    def depth(self, node: int = 0) -> int:
        """Levels below a node."""
        below, deepest = [(node, 0)], 0
        while below:
            at, level = below.pop()
            deepest = max(deepest, level)
            if not self.is_leaf(at):
                below += [(side, level + 1) for side in self.sides(at)]
        return deepest

    def leaves(self, node: int = 0) -> int:
        """Leaves at and below a node."""
        below, found = [node], 0
        while below:
            at = below.pop()
            if self.is_leaf(at):
                found += 1
            else:
                below += self.sides(at)
        return found


def number(value: float) -> str:
    """The shortest digits that give the very same float: a threshold is shown as it is, never rounded."""
    return repr(value).removesuffix(".0")


def refuse_depth(depth: object, of: str) -> None:
    """Raise for what is no number of levels."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        msg = f"{of} needs depth to be a whole number of levels, or None for all; got {depth!r}"
        raise ParameterError(msg)
