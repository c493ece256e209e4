"""What surrounds a fit and would change its bits unasked: thread pools, global generators of numpy and Python."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from expunge import keyed

if TYPE_CHECKING:
    from expunge.keyed import Secret


@contextmanager
def global_randomness(key: Secret) -> Iterator[None]:
    """Numpy's and Python's global generators start from the key, for what draws from them unasked, and are put back."""
    numpys, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002  (it is the legacy one that is drawn from)
    np.random.seed(keyed.seed(key, "numpy"))  # noqa: NPY002
    random.seed(keyed.seed(key, "python"))
    try:
        yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)


def limited_pools(threads: int) -> AbstractContextManager[Any]:
    """Every thread pool of the libraries that are loaded, held at a number of threads; nothing where all are there."""
    pools = _pools(len(sys.modules))
    if all(pool.num_threads == threads for pool in pools.lib_controllers):
        return nullcontext()
    limited: AbstractContextManager[Any] = pools.limit(limits=threads)
    return limited


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:  # noqa: ARG001  (the cache's key)
    """The thread pools; looked for again when another module has been imported."""
    return ThreadpoolController()
