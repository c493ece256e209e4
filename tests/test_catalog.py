"""The folder is the registry: a file is a method, nothing is registered, nothing is imported to list it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from expunge import Retrain, Sisa, catalog, methods
from expunge.errors import MissingExtraError, UnknownMethodError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METHOD = '''"""Forgets by {name}. More follows.

And more.
"""

class {title}:
    """The method."""
'''


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of methods beside ours."""
    folder = tmp_path / "garden"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_private.py").write_text('"""Not a method."""')
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    yield folder
    for name in [name for name in sys.modules if name.startswith("expunge.methods.garden")]:
        del sys.modules[name]


def test_each_file_of_a_shelf_is_a_method_with_its_first_sentence() -> None:
    found = {entry.name: entry for entry in catalog.entries()}
    assert {"retrain", "sisa"} <= set(found)
    assert found["sisa"].summary.startswith("SISA: Sharded, Isolated, Sliced, Aggregated")
    assert (found["sisa"].shelf, found["sisa"].extra) == ("arrays", None)


def test_adding_a_method_takes_one_file(shelf: Path) -> None:
    (shelf / "weed_out.py").write_text(METHOD.format(name="weeding", title="WeedOut"))
    found = {entry.name: entry for entry in catalog.entries()}
    assert found["weed_out"].summary == "Forgets by weeding. More follows."
    assert found["weed_out"].extra == "garden"
    assert catalog.load("weed_out").__name__ == "WeedOut"
    assert "_private" not in found


def test_a_missing_package_names_its_extra(shelf: Path) -> None:
    (shelf / "dig.py").write_text("import no_such_package_anywhere\n")
    with pytest.raises(MissingExtraError, match=r"'no_such_package_anywhere'.*pip install 'expunge\[garden\]'"):
        catalog.load("dig")


def test_a_file_without_its_class_is_a_sentence(shelf: Path) -> None:
    (shelf / "hollow.py").write_text('"""Nothing here."""\n')
    with pytest.raises(UnknownMethodError, match="defines no class named as its file"):
        catalog.load("hollow")


def test_classes_are_found_by_their_files_name() -> None:
    assert catalog.load("sisa") is Sisa
    assert catalog.load("retrain") is Retrain


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownMethodError, match=r"no method named 'siza'; did you mean 'sisa'\?"):
        catalog.load("siza")
    with pytest.raises(UnknownMethodError, match=r"there are: .*retrain"):
        catalog.load("quux")


def test_a_plugin_enters_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("borrowed", "expunge.methods.arrays.retrain:Retrain", catalog.GROUP)

    def points(**asked: Any) -> list[EntryPoint]:
        assert asked == {"group": "expunge.methods"}
        return [point]

    monkeypatch.setattr(catalog, "entry_points", points)
    entry = catalog.entries()[-1]
    assert (entry.name, entry.shelf, entry.extra) == ("borrowed", "plugin", None)
    assert catalog.load("borrowed") is Retrain


def test_listing_imports_no_method() -> None:
    code = "import sys; from expunge import catalog; catalog.entries(); print([m for m in sys.modules if 'sisa' in m])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
