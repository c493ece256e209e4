"""The shape of the project, held by tests: sizes, names, mirrors, docstrings, imports, nothing of one machine.

Each rule is a small function from files (or modules) to a list of offenders. The project must have none, and a planted
offender must be found: a rule that cannot fail holds nothing.
"""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import grimp
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "expunge"
TESTS = ROOT / "tests"

LONGEST_FUNCTION = 60
USUAL_FUNCTION = 25
LONGEST_FILE = 400
DRAWERS = {"utils", "util", "common", "core", "base", "helpers", "helper", "misc"}
DRAWERS |= {"manager", "handler", "service", "models", "schemas", "constants"}
HEAVY = ("numpy", "scipy", "sklearn", "pyarrow", "torch", "pandas", "cryptography", "sqlalchemy")
LIGHT = ("expunge", "expunge.errors", "expunge.values")


def modules_of(package: Path) -> list[Path]:
    """Return every Python file under a folder, in order."""
    return sorted(package.rglob("*.py"))


def plant(folder: Path, **files: str) -> Path:
    """Write files into a folder, each named by its path with ``__`` for ``/``, and return the folder."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


# Sizes


def function_lengths(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the length in lines, docstring aside, and the place of every function of a file, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            lines = (node.end_lineno or node.lineno) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            yield lines, f"{path.name}:{node.lineno} {node.name}"


def long_functions(files: Iterable[Path], longest: int = LONGEST_FUNCTION) -> list[str]:
    """Return the functions with more lines than the longest allowed."""
    return [f"{place}: {lines} lines" for path in files for lines, place in function_lengths(path) if lines > longest]


def ninetieth(files: Iterable[Path]) -> int:
    """Return the length that nine functions of ten do not exceed; 0 where there is no function."""
    lengths = sorted(lines for path in files for lines, _ in function_lengths(path))
    return lengths[(9 * len(lengths) + 9) // 10 - 1] if lengths else 0


def long_files(files: Iterable[Path], longest: int = LONGEST_FILE) -> list[str]:
    """Return the files with more lines than the longest allowed."""
    counts = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in files)
    return [f"{path.name}: {lines} lines" for path, lines in counts if lines > longest]


def test_functions_and_files_stay_short() -> None:
    files = modules_of(PACKAGE)
    assert long_functions(files) == []
    assert ninetieth(files) <= USUAL_FUNCTION
    assert long_files(files) == []


def test_long_functions_are_found_and_their_docstrings_are_not_counted(tmp_path: Path) -> None:
    body = "    x = 1\n" * LONGEST_FUNCTION
    doc = '    """Say.\n' + "\n" * LONGEST_FUNCTION + '    """\n'
    plant(tmp_path, long=f"def f():\n{body}", inner=f"def g():\n    def h():\n{body.replace('    ', '        ')}")
    plant(tmp_path, documented=f"def f():\n{doc}    return 1\n", fits=f"async def f():\n{body[10:]}")
    found = long_functions(modules_of(tmp_path))
    assert found == ["inner.py:1 g: 62 lines", "inner.py:2 h: 61 lines", "long.py:1 f: 61 lines"]


def test_the_usual_length_is_the_ninetieth_percentile(tmp_path: Path) -> None:
    short, long = "def f():\n    return 1\n", "def f():\n" + "    x = 1\n" * 29
    assert ninetieth([]) == 0
    assert ninetieth(modules_of(plant(tmp_path / "a", few=short * 9 + long))) == 2
    assert ninetieth(modules_of(plant(tmp_path / "b", many=short * 8 + long * 2))) == 30


def test_long_files_are_found(tmp_path: Path) -> None:
    plant(tmp_path, long="x = 1\n" * (LONGEST_FILE + 1), fits="x = 1\n" * LONGEST_FILE)
    assert long_files(modules_of(tmp_path)) == [f"long.py: {LONGEST_FILE + 1} lines"]


# Names


def drawers(folder: Path) -> list[str]:
    """Return the files and folders that are named like drawers for leftovers."""
    paths = [path.relative_to(folder) for path in modules_of(folder)]
    places = {place for path in paths for place in (path, *path.parents)}
    return sorted(str(place) for place in places if place.stem.removeprefix("test_").strip("_") in DRAWERS)


def test_nothing_is_named_like_a_drawer_for_leftovers() -> None:
    assert drawers(PACKAGE) == []
    assert drawers(TESTS) == []


def test_drawers_are_found(tmp_path: Path) -> None:
    plant(tmp_path, values="", helpers="", data__core__table="", data__test_utils="", data__database="")
    assert drawers(tmp_path) == ["data/core", "data/test_utils.py", "helpers.py"]


# Tests mirror src


def untested(package: Path, tests: Path) -> list[str]:
    """Return the modules of a package that have no test file in the same place under tests, dunder files aside."""
    modules = [path.relative_to(package) for path in modules_of(package) if not path.name.startswith("__")]
    return [str(path) for path in modules if not (tests / path.parent / f"test_{path.name.lstrip('_')}").is_file()]


def test_every_module_has_its_tests() -> None:
    assert untested(PACKAGE, TESTS) == []


def test_modules_without_tests_are_found(tmp_path: Path) -> None:
    package = plant(tmp_path / "src", values="", methods__init="", methods__sisa="", methods__ridge="")
    (package / "methods" / "init.py").rename(package / "methods" / "__init__.py")
    tests = plant(tmp_path / "tests", test_values="", methods__test_sisa="", test_ridge="")
    assert untested(package, tests) == ["methods/ridge.py"]


# Docstrings


def undocumented(package: Path) -> list[str]:
    """Return the modules without a docstring, and the folders of modules that are no package."""
    files = modules_of(package)
    silent = [path for path in files if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    bare = {path.parent for path in files if not (path.parent / "__init__.py").exists()}
    return sorted(str(path.relative_to(package)) for path in (*silent, *bare))


def test_every_module_says_what_it_is() -> None:
    assert undocumented(PACKAGE) == []


def test_silent_modules_are_found(tmp_path: Path) -> None:
    plant(tmp_path, values='"""The nouns."""\n', silent="x = 1\n", data__table='"""Tables."""\n')
    (tmp_path / "__init__.py").write_text('"""A package."""\n', encoding="utf-8")
    assert undocumented(tmp_path) == ["data", "silent.py"]


# Light imports


def loaded_by(module: str, packages: Sequence[str], path: Path | None = None) -> list[str]:
    """Return which of some packages a fresh interpreter has loaded after importing a module (found in ``path``)."""
    code = (
        f"import sys; sys.path[:0] = {[str(path)] if path else []}; import {module}; "
        f"print(*[name for name in {tuple(packages)} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("module", LIGHT)
def test_importing_the_spine_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(module, HEAVY) == []


def test_heavy_imports_are_found(tmp_path: Path) -> None:
    plant(tmp_path, planted="import colorsys, wave\n")
    assert loaded_by("planted", ("colorsys", "numpy", "wave"), tmp_path) == ["colorsys", "wave"]


# Nothing of one machine

# Written so that no expression finds itself.
FOLDERS = "work|home|root|opt"
HOSTS = r"pypi\.org|pythonhosted\.org|anaconda\.org|download\.pytorch\.org"
MACHINE = re.compile(rf"(?<![\w.-])/(?:{FOLDERS})/|\b(?:{HOSTS})\b|\bindex[-_]url\b")
PROJECT_PAGE = re.compile(r"https://pypi\.org/project/[\w./-]*")
LOCKS = re.compile(r"(?:^|/)(?:[\w.-]+\.lock|[\w.-]*lock\.(?:json|yaml|yml|toml))$")


def listed(folder: Path) -> list[str] | None:
    """Return the files of a git checkout that are tracked or about to be, or None outside one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") is None or not (folder / ".git").exists():
        return None
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return sorted({name for name in done.stdout.split("\0") if name and (folder / name).is_file()})


def of_one_machine(folder: Path, names: Iterable[str]) -> list[str]:
    """Return lock files, and the lines of text files that hold an absolute folder of a machine or an index's host."""
    found = []
    for name in names:
        content = (folder / name).read_bytes()
        if LOCKS.search(name):
            found.append(f"{name}: a lock file")
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            text = PROJECT_PAGE.sub("", line) if name.endswith(".md") else line
            found += [f"{name}:{number}: {hit[0]}" for hit in MACHINE.finditer(text)]
    return found


def test_nothing_names_a_machine_or_an_index() -> None:
    names = listed(ROOT)
    if names is None:
        pytest.skip("not a git checkout: no list of the files that belong to the project")
    assert of_one_machine(ROOT, names) == []


def test_machine_paths_locks_and_indexes_are_found(tmp_path: Path) -> None:
    bad, host = f"/{FOLDERS.rpartition('|')[2]}/wheels", HOSTS.partition("|")[0].replace("\\", "")
    files = {
        "a.py": f"x = 1\nWHEELS = '{bad}'\n",
        "b.toml": f"find-links = 'file://{bad}'\nurl = 'https://{host}/simple'\n",
        "c.md": f"[expunge](https://{host}/project/expunge/)\nhttps://example.org{bad}, ../shared{bad}\n",
        "d.md": f"https://{host}/simple\n",
        "e.png": f"\0{bad}",
        "uv.lock": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = of_one_machine(tmp_path, sorted(files))
    assert [line.rpartition(":")[0] for line in found] == ["a.py:2", "b.toml:1", "b.toml:2", "d.md:1", "uv.lock"]


def test_outside_a_checkout_there_is_no_list_of_files(tmp_path: Path) -> None:
    assert listed(tmp_path) is None


def test_the_list_has_new_files_and_leaves_out_ignored_ones(tmp_path: Path) -> None:
    plant(tmp_path, old="", new="", scratch="")
    (tmp_path / ".gitignore").write_text("scratch.py\n", encoding="utf-8")
    for command in (["git", "init", "--quiet"], ["git", "add", "old.py"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    assert listed(tmp_path) == [".gitignore", "new.py", "old.py"]


# Public names


def visible(module: ModuleType) -> list[str]:
    """Return the public names that a module shows once its lazy ones are loaded, sorted; submodules aside."""
    exported = {name: getattr(module, name) for name in module.__all__}
    foreign = {"TYPE_CHECKING", "annotations"}
    names = {**vars(module), **exported}
    shown = {name for name, value in names.items() if not name.startswith("_") and not isinstance(value, ModuleType)}
    return sorted((shown - foreign) | {name for name in exported if name.startswith("__")})


def test_public_names_are_sorted_and_nothing_else_shows() -> None:
    module = importlib.import_module("expunge")
    assert list(module.__all__) == visible(module)


@pytest.mark.parametrize("names", [["a"], ["b", "a"], ["a", "b", "b"]], ids=["missing", "unsorted", "twice"])
def test_wrong_lists_of_names_are_found(names: list[str]) -> None:
    module = ModuleType("planted")
    vars(module).update({"__all__": names, "a": 1, "b": 2, "ast": ast, "_private": 3})
    assert visible(module) == ["a", "b"]
    assert names != visible(module)


def test_a_listed_name_has_to_exist() -> None:
    module = ModuleType("planted")
    vars(module).update({"__all__": ["a"]})
    with pytest.raises(AttributeError, match="planted"):
        visible(module)


# Imports


def cycle(package: str) -> list[str]:
    """Return the modules of one import cycle of a package, or nothing.

    Imports inside functions count; those that only a type checker runs do not.
    """
    graph = grimp.build_graph(package, cache_dir=None, exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return [str(module) for module in error.args[1]]
    return []


def test_no_module_imports_itself_by_a_detour() -> None:
    assert cycle("expunge") == []


def test_cycles_are_found_inside_functions_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, ring__a="import ring.b\n", ring__b="def f():\n    from ring import c\n", ring__c="import ring.a\n")
    plant(tmp_path, line__a="import line.b\n", line__b="def f():\n    from line import c\n", line__c="")
    for name in ("ring", "line"):
        (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert sorted(set(cycle("ring"))) == ["ring.a", "ring.b", "ring.c"]
    assert cycle("line") == []


def contracts(folder: Path) -> tuple[int, str]:
    """Check the import contracts of pyproject.toml on the package that lies in a folder; return status and report."""
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stdout.split()) + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("values.py", "import expunge.catalog", "expunge.values is not allowed to import expunge.catalog"),
        ("values.py", "def f():\n    import expunge.data", "expunge.values is not allowed to import expunge.data"),
        ("codec.py", "import sklearn.base", "expunge is not allowed to import sklearn"),
        ("planner.py", "import rich", "expunge is not allowed to import rich"),
        ("drawer.py", "", "- expunge.drawer"),
    ],
    ids=["upward", "upward in a function", "scikit-learn in the codec", "a terminal in the planner", "an unknown room"],
)
def test_a_planted_import_breaks_a_contract(tmp_path: Path, module: str, line: str, broken: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "expunge", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "expunge" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    status, report = contracts(tmp_path)
    assert broken in report
    assert status != 0
