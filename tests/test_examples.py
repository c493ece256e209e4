"""Each example runs, and says what its reader is to see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))
SAYS = {
    "correct_labels.py": ["after: says the wrong label 0%", "claim: Empirical()"],
    "find_and_forget.py": ["first 60 records, 48 were mixed up", "Bounded(distance=1e-06)"],
    "forget_a_customer.py": [
        "scikit-learn had stopped",
        "Bounded(distance=1e-06)",
        "from a refit without the customer",
    ],
    "forget_a_person.py": ["quoted: Exact()", "The same model, bit for bit", "checkpoints of the old model destroyed"],
    "forget_a_word.py": ["bluebird' is not one of them", "never saw the message: True"],
    "forget_in_a_forest.py": ["quoted: Quote(claim=Exact()", "never met person 7: True", "a value of person 7: 0"],
    "forget_a_writer.py": ["quoted: Exact()", "the network that never met the writer: True"],
    "queue_requests.py": ["the same model: True", "the planner takes sisa"],
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_and_says_what_it_shows(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(example)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    for sentence in SAYS[example.name]:
        assert sentence in said.stdout
