"""The hospital is as the story says, and nothing of it touches the user's own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.demo import hospital
from expunge.project.settings import parse
from expunge.store.keyring import secrets_folder


def test_nobody_is_both_in_the_database_and_held_out() -> None:
    admitted, held_out = hospital.patients()
    assert not set(admitted.ids.tolist()) & set(held_out.ids.tolist())
    assert (len(admitted), len(admitted) + len(held_out)) == (hospital.LEARNED, 569)


def test_the_first_of_them_and_nobody_else_stand_under_a_wrong_diagnosis() -> None:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    right = {tuple(row): str(data.target_names[kind]) for row, kind in zip(data.data, data.target, strict=True)}
    for table in hospital.patients():
        rows = [tuple(row.values()) for row in table.features.to_pylist()]
        wrong = [
            name
            for name, row, said in zip(table.ids.tolist(), rows, table.label.tolist(), strict=True)  # type: ignore[union-attr]
            if right[row] != said
        ]
        assert wrong == [name for name in table.ids.tolist() if name <= f"patient-{hospital.WRONG:03d}"]


def test_the_project_learns_from_the_table_what_was_written_there(stage: Any) -> None:
    on = stage.on
    learned = on.patients
    order = [learned.ids.tolist().index(name) for name in on.admitted.ids.tolist()]
    again = learned.take(np.array(order))
    assert again.features.to_pylist() == on.admitted.features.to_pylist()
    assert again.label.tolist() == on.admitted.label.tolist()


def test_what_was_proposed_is_what_stands_in_the_file(stage: Any) -> None:
    text = (stage.on.folder / "expunge.toml").read_text(encoding="utf-8")
    assert parse(text) == stage.on.proposal.settings
    assert stage.on.proposal.settings.models["main"].options["shards"] == 3


def test_who_is_dismissed_is_gone_from_the_table(stage: Any) -> None:
    database = stage.on.folder / hospital.DATABASE
    hospital.dismiss(database, "patient-221")
    with closing(sqlite3.connect(database)) as connection:
        names = {name for (name,) in connection.execute("SELECT patient FROM patients")}
    assert set(stage.on.admitted.ids.tolist()) - names == {"patient-221"}


def test_those_with_a_wrong_diagnosis_and_those_spoken_for_are_not_chosen() -> None:
    ids = hospital.patients()[0].ids
    left = hospital.others(ids, ["patient-417"])
    assert len(left) == hospital.LEARNED - hospital.WRONG - 1
    assert "patient-010" not in left
    assert "patient-011" in left


@pytest.mark.parametrize("before", [None, "~/mine"])
def test_secrets_are_elsewhere_while_it_lasts_and_then_where_they_were(
    quick: None, monkeypatch: pytest.MonkeyPatch, before: str | None, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv(hospital.SECRETS, raising=False)
    if before is not None:
        monkeypatch.setenv(hospital.SECRETS, before)
    own = secrets_folder("0" * 32)

    def interrupted() -> None:
        with hospital.hospital() as on:
            assert on.folder.parent in secrets_folder("0" * 32).parents
            assert on.project.keyring.folder.is_relative_to(on.folder.parent)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.environ.get(hospital.SECRETS) == before
    assert secrets_folder("0" * 32) == own
    assert not list(tmp_path.iterdir())
