"""What the documents say is what the code does: examples run, outputs are those printed, links lead to files."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import expunge
from expunge import catalog, cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SESSIONS = [page for page in PAGES if re.search("^>>> ", page.read_text(encoding="utf-8"), re.MULTILINE)]
SESSIONS.remove(ROOT / "CONTRIBUTING.md")  # its session stands inside a file that a test of its own writes and runs
BLOCK = re.compile(r"^```python\n(.*?)^```\s*(?:^```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)([^)#]+)[^)]*\)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[str, str]]:
    """Python blocks of a page, each with the text block that follows it at once."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def ran(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A block run as a script of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(("code", "printed"), blocks(ROOT / "README.md"))
def test_each_example_of_the_readme_prints_what_it_says(code: str, printed: str, tmp_path: Path) -> None:
    said = ran(code, tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout == printed


def test_the_first_example_is_short_enough_to_be_read() -> None:
    code, printed = blocks(ROOT / "README.md")[0]
    assert printed
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 15


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.name)
def test_each_session_of_the_docs_runs(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("```\n", "\n")  # a fence is no output
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert test.examples
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test).failed == 0


def test_adding_a_method_takes_one_file_and_one_test(tmp_path: Path) -> None:
    (method, _), (test, _) = blocks(ROOT / "CONTRIBUTING.md")
    package = tmp_path / "expunge"
    shutil.copytree(ROOT / "src" / "expunge", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "methods" / "arrays" / "shares.py").write_text(method, encoding="utf-8")
    (tmp_path / "test_shares.py").write_text(test, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    for command in (
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shares.py"],
        [sys.executable, "-m", "doctest", str(package / "methods" / "arrays" / "shares.py")],
        [sys.executable, "-c", "from expunge import catalog; print(catalog.load('shares').__name__)"],
    ):
        said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout == "Shares\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_to_a_file(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


@pytest.mark.parametrize("entry", catalog.entries(), ids=lambda entry: entry.name)
def test_each_method_stands_in_the_readme_and_its_paper_in_the_index(entry: catalog.Entry) -> None:
    title = catalog.load(entry.name).__name__
    assert f"`{title}(" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{entry.name}.py" in (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", catalog.entries(), ids=lambda entry: entry.name)
def test_the_readme_and_the_guarantees_say_the_claim_that_a_method_says_itself(entry: catalog.Entry) -> None:
    title = catalog.load(entry.name).__name__
    said = (ROOT / "src" / "expunge" / "methods" / entry.shelf / f"{entry.name}.py").read_text(encoding="utf-8")
    claim = re.findall(r"Claim: `?([A-Z][a-z]+)", said)[0]
    if entry.shelf != "torch":  # their table has measures; what they claim stands before it
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        (row,) = [line for line in readme.splitlines() if re.match(rf"\|.*`{title}\(.*\|", line)]
        assert f"`{claim}`" in row
    if claim not in ("Exact", "Empirical"):  # of these the page says in general who makes them
        guarantees = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
        (row,) = [line for line in guarantees.splitlines() if line.startswith(f"| `{claim}(")]
        assert f"`{title}` makes it" in row


def test_the_table_of_methods_is_what_the_committed_results_say() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "method_table.py"))
    results = (ROOT / "benchmarks" / "results" / "deep.jsonl").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script["placed"](readme, script["table"](results)) == readme, "run scripts/method_table.py --write"
    said = json.loads(next(line for line in results.splitlines() if '"finetune"' in line))
    other = json.dumps(said | {"margin": [said["margin"][0] + 0.3, *said["margin"][1:]]})
    assert script["placed"](readme, script["table"](f"{results}{other}\n")) != readme


def test_figures_of_the_table_are_means_over_requests_that_were_not_refused() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "method_table.py"))
    row: dict[str, object] = {"cost": 0.1, "extra": 0.0, "forgotten": -0.001, "after": 0.2, "retained": -0.1}
    row |= {"margin": [0.5, 0, 1], "vector": [0.6, 0, 1]}
    other = row | {"cost": 0.3, "margin": [0.7, 0, 1]}
    refused = dict.fromkeys(row, float("nan")) | {"margin": None, "vector": None}
    assert script["figures"]([row, other]) == ["0.20", "0.60", "0.60", "+0.00", "+0.20", "-0.10"]
    assert script["figures"]([row, other, refused])[0] == "0.20 (1 of 3 refused)"
    assert script["figures"]([refused]) == ["refused", "", "", "", "", ""]


def test_a_method_of_a_model_of_its_own_shows_what_other_requests_say_of_it() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "method_table.py"))
    first = {"request": "A", "arm": "oracle", "cost": 1.0, "retained": 0.9, "forgotten": 0.5, "failed": ""}
    lines = [first, first | {"request": "B", "forgotten": 0.1}, {"request": "A", "arm": "amnesiac", "failed": "no"}]
    lines += [first | {"request": "B", "arm": "amnesiac", "cost": 0.02, "retained": 0.5, "forgotten": 0.12}]
    targets = "\n".join(json.dumps(line) for line in lines)
    assert script["elsewhere"](targets, "amnesiac") == ["0.02 (1 of 2 refused)", "", "", "+0.02", "", "-0.40"]
    assert script["elsewhere"](targets, "logit_masking") is None
    rows = {row.split("`")[1]: row for row in script["table"]("", targets).splitlines() if "`" in row}
    assert "on [other requests]" in rows["Amnesiac(learner)"]
    assert "0.02 (1 of 2 refused)" in rows["Amnesiac(learner)"]
    assert "not measured yet" in rows["LogitMasking(learner)"]
    known = json.dumps({"request": "a", "arm": "amnesiac", "margin": None})
    assert "refused |" in script["table"](known, targets)  # the benchmark of all others goes first


@pytest.mark.parametrize("name", expunge.__all__)
def test_each_public_name_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(expunge, name))


def test_each_command_stands_in_the_documents_and_has_help() -> None:
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for command in cli.app.registered_commands:
        assert command.callback is not None
        name = command.callback.__name__
        assert f"expunge {name}" in told or f"make {name}" in told
        assert inspect.getdoc(command.callback)


@pytest.mark.parametrize(
    "line", ["[a page](no/such/page.md)", "[a place](docs/nowhere.md#there)"], ids=["a page", "a place in a page"]
)
def test_a_dead_link_would_be_found(line: str) -> None:
    assert not all((ROOT / link).exists() for link in LINK.findall(line))


CONSOLE = re.compile(r"^```console\n(\$ expunge init.*?)^```", re.DOTALL | re.MULTILINE)
SQLITE3 = """#!{python}
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as base:
    base.execute(sys.argv[2])
"""


def shop(folder: Path) -> None:
    """A database with a table of customers, a folder of commands that has ``expunge`` and ``sqlite3``."""
    base, rng = sqlite3.connect(folder / "shop.db"), np.random.default_rng(3)
    base.execute(
        "CREATE TABLE customers (customer INTEGER PRIMARY KEY, city TEXT, spent REAL, visits INTEGER, churned TEXT)"
    )
    for number in range(1, 601):
        spent, visits = float(rng.gamma(2, 40)), int(rng.poisson(6))
        churned = "yes" if visits + rng.normal() < 5 else "no"
        city = ("Bern", "Basel", "Chur")[int(rng.integers(3))]
        base.execute("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", (number, city, spent, visits, churned))
    base.commit()
    base.close()
    (folder / "bin").mkdir()
    for name, text in {
        "sqlite3": SQLITE3.format(python=sys.executable),
        "expunge": f"#!{sys.executable}\nfrom expunge.cli import main\nmain()\n",
    }.items():
        (folder / "bin" / name).write_text(text, encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)


def test_the_life_of_a_project_in_the_readme_runs_line_by_line(tmp_path: Path) -> None:
    (block,) = CONSOLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    commands = [line.removeprefix("$ ") for line in block.splitlines()]
    assert len(commands) < 15
    here = tmp_path / "shop"
    here.mkdir()
    shop(here)
    path = f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "EXPUNGE_SECRETS": str(tmp_path / "secrets"), "OMP_NUM_THREADS": "1"}
    said = {}
    for command in commands:
        done = subprocess.run(  # noqa: S602  (the README's own lines, as a reader types them)
            command, shell=True, cwd=here, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said[command] = done.stdout
    status = json.loads(
        subprocess.run(
            ["expunge", "status", "--json"], cwd=here, env=environment, capture_output=True, check=True
        ).stdout
    )
    assert status["requests"] == {"pending": 0, "unfinished": 0, "certified": 4, "ended": 0}
    assert len(list((here / "certificates").glob("*.json"))) == 4
