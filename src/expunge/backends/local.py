"""Work in processes of this machine: spawned, so that nothing is inherited, and handed only what they work on.

Examples
--------
>>> with Processes(workers=1) as spread:
...     list(spread(abs, [-1, 2, -3]))
[1, 2, 3]
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, TypeVar

from expunge.errors import ParameterError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

X = TypeVar("X")
Y = TypeVar("Y")


class Processes:
    """A `Map` over worker processes: ``Run(key=..., map=Processes(workers=2))``.

    Results come in the order of the items. At most two items for each worker are under way, so that shards are
    pickled when their turn comes and not all at once. Each worker keeps to ``run.threads``; the bits are the same as in
    this process. A script that uses it needs ``if __name__ == "__main__":``, as all spawned work does.

    Parameters
    ----------
    workers : int
        Processes that are started, once, and used until `close` or the end of a ``with``.

    Raises
    ------
    ParameterError
        When workers is not a whole number of at least 1.
    WorkerError
        When a worker dies (killed, out of memory); what was finished before stays finished.
    """

    def __init__(self, workers: int) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            msg = f"Processes needs workers to be a whole number of at least 1, got {workers!r}"
            raise ParameterError(msg)
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"Processes(workers={self.workers})"

    def __call__(self, fn: Callable[[X], Y], items: Iterable[X], /) -> Iterator[Y]:
        """Results in the order of ``items``."""
        under_way: deque[Future[Y]] = deque()
        try:
            for item in items:
                under_way.append(self._started().submit(fn, item))
                if len(under_way) >= 2 * self.workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as died:
            self.close()
            msg = (
                f"a worker of {self.workers} died before it had finished: it was killed, had too little memory (use"
                " fewer workers), or could not import what it was sent (its own words are on stderr)"
            )
            raise WorkerError(msg) from died
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        """End the workers; the next call starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"workers": self.workers, "_pool": None}

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context("spawn"))
        return self._pool
