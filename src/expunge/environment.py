"""What a model was learned with: library versions, threads, processor, BLAS. It is recorded beside a fingerprint.

Two environments may round differently, so a checkpoint is only gone on from in the environment that made it.

Examples
--------
>>> describe(threads=1)["threads"]
'1'
"""

from __future__ import annotations

import json
import platform
from functools import cache
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

from threadpoolctl import threadpool_info

PACKAGES = ("expunge", "numpy", "scipy", "scikit-learn", "pyarrow")


def describe(threads: int, packages: tuple[str, ...] = (), device: str = "") -> dict[str, str]:
    """Everything that is known to change the bits of a model, by name.

    ``packages`` are what else the learner uses, ``device`` says what it computes on, where that is not the processor
    through numpy alone.
    """
    versions = {**_installed(), **{name: _version(name) for name in packages}}
    return {**versions, **_numerics(), **({"device": device} if device else {}), "threads": str(threads)}


@cache
def tag(threads: int, packages: tuple[str, ...] = (), device: str = "") -> str:
    """A short digest of `describe`."""
    return blake2b(json.dumps(describe(threads, packages, device), sort_keys=True).encode(), digest_size=8).hexdigest()


def of_learner(learner: Any, threads: int) -> dict[str, str]:
    """The environment of whatever a learner uses: the distributions in its ``packages``, the device it names."""
    return describe(threads, *_used(learner))


def tag_of(learner: Any, threads: int) -> str:
    """A short digest of `of_learner`."""
    return tag(threads, *_used(learner))


def _used(learner: Any) -> tuple[tuple[str, ...], str]:
    return tuple(getattr(learner, "packages", ())), getattr(learner, "runs_on", "")


@cache
def _installed() -> dict[str, str]:
    return {"python": platform.python_version(), "machine": platform.machine()} | {
        name: _version(name) for name in PACKAGES
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def distributions_of(modules: tuple[str, ...]) -> tuple[str, ...]:
    """The distributions that brought these top-level modules, which need not have their names."""
    known = packages_distributions()
    return tuple(sorted({name for module in modules for name in known.get(module, ())}))


def packages_of(estimator: Any) -> tuple[str, ...]:
    """The distributions of a scikit-learn estimator and of all estimators in it, beside scikit-learn itself."""
    parts = (estimator, *estimator.get_params().values())
    modules = {type(part).__module__.partition(".")[0] for part in parts if hasattr(part, "get_params")}
    return distributions_of(tuple(sorted(modules - {"sklearn"})))  # which every environment names


@cache
def _numerics() -> dict[str, str]:
    """The BLAS that numpy and scipy loaded and the kernels they chose for this processor."""
    import_module("scipy.linalg")  # brings its own BLAS: whether somebody imported it before must not show
    pools: list[dict[str, Any]] = threadpool_info()
    blas = sorted(
        {
            f"{p['internal_api']} {p.get('version')} {p.get('architecture', '')}"
            for p in pools
            if p["user_api"] == "blas"
        }
    )
    return {"blas": "; ".join(blas)}
