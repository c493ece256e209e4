"""What a model was learned with: said alike by every process of one machine."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from expunge import environment

if TYPE_CHECKING:
    import pytest


def said_after(imports: str) -> dict[str, str]:
    """What a fresh process says of its environment after these imports."""
    code = f"{imports}\nimport json\nfrom expunge import environment\nprint(json.dumps(environment.describe(2)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    made: dict[str, str] = json.loads(shown)
    return made


def test_versions_threads_machine_and_blas_are_named() -> None:
    described = environment.describe(3)
    assert described["numpy"] == np.__version__
    assert described["python"] == platform.python_version()
    assert described["threads"] == "3"
    assert described["machine"]
    assert set(described) == {"python", "machine", "blas", "threads", *environment.PACKAGES}
    assert all(isinstance(value, str) for value in described.values())


def test_what_was_imported_before_does_not_show() -> None:
    assert said_after("") == said_after("import sklearn.linear_model, scipy.linalg, pandas") == environment.describe(2)


def test_a_tag_is_short_stable_and_tells_environments_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(environment.tag(1)) == 16
    assert environment.tag(1) == environment.tag(1) != environment.tag(2)
    assert environment.tag(1, ("polars",)) != environment.tag(1)
    assert environment.describe(1, ("no-such-distribution",))["no-such-distribution"] == "not installed"
    monkeypatch.setattr(environment, "_installed", lambda: {"numpy": "99"})
    assert environment.describe(1)["numpy"] == "99"


def test_a_description_is_a_copy() -> None:
    environment.describe(1)["numpy"] = "changed"
    assert environment.describe(1)["numpy"] == np.__version__


def test_a_package_that_is_not_installed_says_so() -> None:
    assert environment._version("no-such-distribution") == "not installed"


def test_a_learner_s_environment_has_the_packages_and_the_device_that_it_names() -> None:
    plain, torch = SimpleNamespace(), SimpleNamespace(packages=("narwhals",), runs_on="a GPU")
    assert environment.of_learner(plain, 2) == environment.describe(2)
    said = environment.of_learner(torch, 2)
    assert said["narwhals"] == version("narwhals")
    assert said["device"] == "a GPU"
    assert set(said) - set(environment.describe(2)) == {"narwhals", "device"}
    tags = [environment.tag_of(learner, threads) for learner in (plain, torch) for threads in (1, 2)]
    assert len(set(tags)) == 4
    assert environment.tag_of(plain, 1) == environment.tag(1)
    moved = SimpleNamespace(packages=("narwhals",), runs_on="the processor")
    assert environment.tag_of(moved, 1) != environment.tag_of(torch, 1)


def test_an_estimator_s_packages_are_those_of_all_its_parts_but_scikit_learn() -> None:
    def part(module: str, **inner: Any) -> Any:
        return type("Part", (), {"__module__": module, "get_params": lambda _: inner})()

    assert environment.packages_of(PCA()) == ()
    assert environment.packages_of(part("sklearn.pipeline", one=PCA(), alpha=0.5)) == ()
    foreign = environment.packages_of(part("sklearn.pipeline", one=part("narwhals.anywhere")))
    assert foreign == environment.distributions_of(("narwhals",)) == ("narwhals",)
