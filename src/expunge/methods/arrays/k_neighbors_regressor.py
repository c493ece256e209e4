"""K nearest neighbours for numbers: the model is the records that stay, and a tie goes to the smaller id.

Claim: Exact, as of `KNeighborsClassifier`.

References
----------
Altman (1992), "An introduction to kernel and nearest-neighbor nonparametric regression", The American Statistician.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [3.0]]), np.array([1.0, 2.0, 4.0]))
>>> method, run = KNeighborsRegressor(n_neighbors=2), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([1]), table, run)
>>> method.predict(done.model, table)
array([2.5, 2.5, 2.5])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from expunge.methods.arrays._neighbors import Known, Neighbors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KNeighborsRegressor(Neighbors):
    """The mean of the nearest records.

    Parameters
    ----------
    n_neighbors : int
        How many are asked, by Euclidean distance; all, where there are fewer. Of two as near, the smaller id.
    weights : {"uniform", "distance"}
        Whether each counts alike, or by one over its distance.

    Raises
    ------
    DataError
        For columns that are no finite numbers, and labels that are no numbers.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    responding: ClassVar[bool] = True

    def scores(self, solved: Known, X: Any) -> Floats:
        """(m,) means of the neighbours, or (m, targets)."""
        places, weights = self.asked(solved, X)
        made: Floats = (solved.rows.y[places] * weights[:, :, None]).sum(axis=1)
        return made[:, 0] if made.shape[1] == 1 else made
