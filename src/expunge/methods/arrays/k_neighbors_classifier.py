"""K nearest neighbours for classes: the model is the records that stay, and a tie goes to the smaller id.

Claim: Exact, since forgetting takes the record away. An index of the others is made anew when the model is first asked;
which records are nearest does not depend on how it is laid out.

References
----------
Cover, Hart (1967), "Nearest neighbor pattern classification", IEEE Transactions on Information Theory 13(1).

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [3.0]]), ["a", "b", "b"])
>>> method, run = KNeighborsClassifier(n_neighbors=1), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([1]), table, run)
>>> method.predict(done.model, table).argmax(axis=1)
array([0, 0, 1])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.methods.arrays._neighbors import Known, Neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KNeighborsClassifier(Neighbors):
    """The class of most of the nearest records.

    Parameters
    ----------
    n_neighbors : int
        How many are asked, by Euclidean distance; all, where there are fewer. Of two as near, the smaller id.
    weights : {"uniform", "distance"}
        Whether each counts alike, or by one over its distance.

    Raises
    ------
    DataError
        For columns that are no finite numbers, and labels that are no classes.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    def scores(self, solved: Known, X: Any) -> Floats:
        """(m, classes) shares of the neighbours."""
        places, weights = self.asked(solved, X)
        made = np.zeros((len(X), len(solved.rows.classes or ())))
        np.add.at(made, (np.arange(len(X))[:, None], solved.rows.y[places]), weights)
        return made
