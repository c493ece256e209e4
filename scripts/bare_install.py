"""Install the wheel as a user does, alone in a new environment, and see it work there.

No extra and no development tool comes along. Then run ``expunge --help``, ``expunge methods`` and the README's first
example, whose output has to be what the README says. The first thing that goes wrong ends the script, with the command
and its output.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
ABSENT = ("cleanlab", "hypothesis", "matplotlib", "mypy", "numba", "pandas", "polars", "pytest", "torch")
EXAMPLE = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\s*^```text\n(?P<output>.*?)^```$)?", re.MULTILINE | re.DOTALL)


class BareInstallError(Exception):
    """Something that works here does not work on its own; the text is what was run and what it said."""


def first_example(readme: str) -> tuple[str, str | None]:
    r"""Return the first ``python`` block of a README, and the ``text`` block directly after it if there is one.

    >>> first_example("Hi\n```python\nprint(1)\n```\n\n```text\n1\n```\n")
    ('print(1)\n', '1\n')
    >>> first_example("```python\nprint(1)\n```\nThis prints nothing:\n```text\n1\n```\n")
    ('print(1)\n', None)
    """
    found = EXAMPLE.search(readme)
    if found is None:
        message = "README.md has no ```python block"
        raise BareInstallError(message)
    return found["code"], found["output"]


def same_output(promised: str, printed: str) -> bool:
    r"""Say whether a program printed what was promised, by the rules of our doctests: ``...`` stands for anything.

    >>> same_output("forgot 1 of 10 in ... s\n", "forgot 1 of 10 in 0.2 s\n")
    True
    >>> same_output("forgot 1 of 10\n", "forgot 2 of 10\n")
    False
    """
    return doctest.OutputChecker().check_output(promised, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def clean_environment() -> dict[str, str]:
    """Return this environment without what would let our own packages in, and with pip's folder of wheels for uv."""
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    if "PIP_FIND_LINKS" in env:
        env.setdefault("UV_FIND_LINKS", ",".join(env["PIP_FIND_LINKS"].split()))
    if "PIP_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    return env


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command in a clean environment and return what it printed, or raise with all that it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"$ {' '.join(words)}\n{done.stdout}{done.stderr}\nended with {done.returncode}"
        raise BareInstallError(message)
    return done.stdout


def find_uv() -> str | None:
    """Return the uv beside this interpreter, else the one on the path, else nothing."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def build_wheel(folder: Path, uv: str | None) -> Path:
    """Build the wheel into a folder and return its path."""
    if uv:
        options = ("--quiet", "--wheel", "--out-dir", folder, "--build-constraints", CONSTRAINTS)
        run(uv, "build", *options, ROOT, cwd=folder)
    else:
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """Raise unless the wheel holds the package, its type marker and its license, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    strangers = [name for name in names if not name.startswith("expunge") or name.endswith(".pyc")]
    if strangers or "expunge/py.typed" not in names or not any(name.endswith("/LICENSE") for name in names):
        message = f"{wheel.name} should hold expunge/ with py.typed and the license, and holds: {', '.join(names)}"
        raise BareInstallError(message)


def install(wheel: Path, venv: Path, uv: str | None) -> Path:
    """Make a new environment, install the wheel into it without extras, and return its folder of programs."""
    programs = venv / ("Scripts" if os.name == "nt" else "bin")
    if uv:
        run(uv, "venv", "--quiet", "--python", sys.executable, venv, cwd=venv.parent)
        run(uv, "pip", "install", "--quiet", "--python", venv, "-c", CONSTRAINTS, wheel, cwd=venv.parent)
    else:
        run(sys.executable, "-m", "venv", venv, cwd=venv.parent)
        run(programs / "python", "-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, wheel, cwd=venv.parent)
    return programs


def check_absent(programs: Path, folder: Path) -> None:
    """Raise if an extra or a development tool came along with the wheel."""
    code = f"import importlib.util as u; print(*[m for m in {ABSENT} if u.find_spec(m)])"
    if present := run(programs / "python", "-c", code, cwd=folder).split():
        message = f"the bare install brought {', '.join(present)}, which only an extra may bring"
        raise BareInstallError(message)


def check_example(programs: Path, folder: Path) -> None:
    """Run the README's first example in an empty folder and compare what it prints with what the README says."""
    code, promised = first_example((ROOT / "README.md").read_text(encoding="utf-8"))
    script = folder / "readme_example.py"
    script.write_text(code, encoding="utf-8")
    printed = run(programs / "python", script, cwd=folder)
    if promised is not None and not same_output(promised, printed):
        message = f"the README's first example printed\n\n{printed}\nand the README says\n\n{promised}"
        raise BareInstallError(message)


def main() -> None:
    """Build, install, look and run, each in a temporary folder that goes away again."""
    uv = find_uv()
    with tempfile.TemporaryDirectory(prefix="expunge-bare-") as name:
        folder = Path(name)
        (folder / "dist").mkdir()
        (folder / "work").mkdir()
        wheel = build_wheel(folder / "dist", uv)
        check_contents(wheel)
        programs = install(wheel, folder / "venv", uv)
        check_absent(programs, folder / "work")
        for arguments in (("--help",), ("methods",)):
            run(programs / "expunge", *arguments, cwd=folder / "work")
        check_example(programs, folder / "work")
    print(f"{wheel.name} works alone: expunge --help, expunge methods, the README's first example")


if __name__ == "__main__":
    try:
        main()
    except BareInstallError as error:
        sys.exit(f"bare install: {error}")
