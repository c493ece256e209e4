"""From a source to answers: what `init` writes and leaves alone, what `learn` and `predict` print."""

from __future__ import annotations

import csv
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expunge.cli.setup import Answers
from expunge.store import keyring

MINE = ["--id", "row", "--label", "late"]


def files(folder: Path) -> list[str]:
    """Every file and folder, the given one's parent's too: nothing half may be left anywhere."""
    return sorted(str(path.relative_to(folder.parent)) for path in folder.parent.rglob("*"))


# init


def test_init_writes_the_settings_and_says_why(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    said = expunge("init", "--source", "orders.csv", *MINE, "--owner", "who", "--name", "Ada's shop")
    assert said.code == 0, said.err
    settings = tomllib.loads((empty / "expunge.toml").read_text())
    assert settings["source"]["path"] == "orders.csv"
    assert settings["project"]["name"] == "Ada's shop"
    for word in ("late: classification", "LogisticRegression", "number", "secrets", "Next: expunge learn"):
        assert word in said.out
    assert (empty.parent / "secrets" / settings["project"]["id"] / "run").exists()


def test_init_of_a_method_with_a_model_of_its_own_names_no_learner(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    said = expunge("init", "--source", "orders.csv", *MINE, "--method", "forest", "--set", "trees=5")
    assert said.code == 0, said.err
    assert "learner" not in said.out
    assert "method: forest, trees = 5" in said.out
    assert expunge("learn").code == 0


def test_init_of_a_pipeline_names_a_closed_form(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    said = expunge("init", "--source", "orders.csv", *MINE, "--method", "pipeline")
    assert said.code == 0, said.err
    assert tomllib.loads((empty / "expunge.toml").read_text())["models"]["main"]["learner"] == "expunge.GaussianNB"
    assert expunge("learn").code == 0
    assert "Exact" in expunge("quote", "--records", "3").out


def test_init_as_json_has_settings_and_reasons(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    document = expunge("init", "--source", "orders.csv", *MINE, "--set", "shards=2", "--json").document
    assert document["settings"]["models"]["main"]["options"] == {"shards": 2}
    assert document["settings"]["name"] == "shop"
    assert document["reasons"]["models.main.options.shards"] == "As --set asked."
    assert Path(document["secrets"]).is_dir()


def test_a_relative_source_stays_the_same_file_seen_from_the_project(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    assert expunge("init", "--source", "orders.csv", *MINE, "--project", "deep/er").code == 0
    settings = tomllib.loads((empty / "deep" / "er" / "expunge.toml").read_text())
    assert settings["source"]["path"] == os.path.join("..", "..", "orders.csv")  # noqa: PTH118
    assert expunge("learn", "--project", "deep/er").code == 0


def test_so_does_a_database(empty: Path, sqlite_of: Callable[..., Path], expunge: Callable[..., Any]) -> None:
    sqlite_of(empty / "shop.db")
    of = ["--source", "sqlite:///shop.db", "--table", "orders", *MINE]
    assert expunge("init", *of, "--project", "inner").code == 0
    settings = tomllib.loads((empty / "inner" / "expunge.toml").read_text())
    assert settings["source"]["url"] == "sqlite:///../shop.db"
    assert expunge("learn", "--project", "inner").code == 0


def test_a_whole_path_stays_whole(empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]) -> None:
    path = csv_of(empty.parent / "orders.csv")
    assert expunge("init", "--source", path, *MINE).code == 0
    assert tomllib.loads((empty / "expunge.toml").read_text())["source"]["path"] == str(path)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--source", "none.csv", *MINE], 15),
        (["--source", "orders.xls", *MINE], 15),
        (["--source", "void.csv", *MINE], 15),
        (["--source", "sqlite:///none.db", "--table", "x", *MINE], 15),
        (["--source", "sqlite:///none.db", *MINE], 2),
        (["--source", "sqlite:///none.db", "--table", "x", "--query", "y", *MINE], 2),
        (["--source", "nosuch://x", "--table", "x", *MINE], 15),
        (["--source", "orders.csv", "--table", "x", *MINE], 15),
        (["--source", "orders.csv", "--id", "rov", "--label", "late"], 14),
        (["--source", "orders.csv", "--id", "who", "--label", "late"], 14),
        (["--source", "orders.csv", "--id", "row", "--label", "row"], 14),
        (["--source", "orders.csv", *MINE, "--owner", "whom"], 14),
        (["--source", "orders.csv", *MINE, "--method", "sissa"], 1),
        (["--source", "orders.csv", *MINE, "--learner", "sklearn.linear_model.Logistic"], 14),
        (["--source", "orders.csv", *MINE, "--learner", "os.system"], 14),
        (["--source", "orders.csv", *MINE, "--set", "shard=2"], 14),
        (["--source", "orders.csv", *MINE, "--set", "shards=-2"], 14),
        (["--source", "orders.csv", *MINE, "--set", "shards"], 2),
        (["--source", "orders.csv", *MINE, "--project", "orders.csv"], 8),
        (["--source", "\udce9.csv", *MINE], 2),
        (["--source", "", *MINE], 15),
    ],
    ids=lambda held: "" if isinstance(held, int) else ascii(" ".join(held[1:])),
)
def test_what_cannot_be_changes_nothing(
    arguments: list[str], code: int, empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    (empty / "void.csv").touch()
    before = files(empty)
    said = expunge("init", *arguments)
    assert said.code == code, said.err
    assert said.err.startswith("error: ")
    assert said.out == ""
    assert files(empty) == before


def test_init_never_writes_over_a_project(shop: Any) -> None:
    before = shop.state()
    said = shop("init", "--source", "orders.csv", *MINE)
    assert said.code == 14
    (shop.folder / "expunge.toml").rename(shop.folder.parent / "kept.toml")
    assert shop("init", "--source", "orders.csv", *MINE).code == 14
    (shop.folder.parent / "kept.toml").rename(shop.folder / "expunge.toml")
    assert shop.state() == before


def test_secrets_that_cannot_be_made_leave_no_project(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_of(empty / "orders.csv")
    (empty.parent / "taken").write_text("", encoding="utf-8")
    monkeypatch.setenv("EXPUNGE_SECRETS", str(empty.parent / "taken"))
    before = files(empty)
    assert expunge("init", "--source", "orders.csv", *MINE).code == 8
    assert files(empty) == before


def test_an_init_that_was_killed_is_gone_on_with_by_learn(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    csv_of(empty / "orders.csv")
    with monkeypatch.context() as patched:
        patched.setattr(keyring.Keyring, "create", killed)
        assert expunge("init", "--source", "orders.csv", *MINE).code == 130
    assert [path.name for path in empty.iterdir() if path.name != "orders.csv"] == ["expunge.toml"]
    assert expunge("learn").code == 0


# learn


def test_learning_says_what_was_learned_and_nothing_twice(shop: Any) -> None:
    assert "nothing to learn" in shop("learn").out
    said = shop("learn", "--again")
    assert said.code == 0
    assert "learned 60 rows" in said.out
    document = shop.done("learn", "--again")
    assert (document["cause"], document["rows"]) == ("learn", 60)
    assert document["models"][0].keys() == {"name", "fingerprint", "visits", "seconds"}
    assert document["models"][0]["fingerprint"] == shop.done("status")["models"]["main"]


def test_new_rows_are_learned_when_asked(shop: Any, csv_of: Callable[..., Path]) -> None:
    csv_of(shop.folder / "orders.csv", rows=64)
    assert shop.done("learn")["cause"] == "nothing"
    document = shop.done("learn", "--update")
    assert (document["cause"], document["added"], document["rows"]) == ("update", 4, 64)
    assert "nothing to learn" in shop("learn", "--update").out


def test_what_was_forgotten_is_said_to_be_left_out(shop: Any) -> None:
    shop.done("forget", "--records", "3,4")
    assert "2 rows of the source were left out" in shop("learn", "--again").out


def test_a_source_that_is_gone_is_a_sentence_and_changes_nothing(shop: Any) -> None:
    (shop.folder / "orders.csv").unlink()
    before = shop.state()
    assert shop("learn", "--update").code == 15
    assert shop("learn", "--again").code == 15
    assert shop.state() == before


# predict


def test_predictions_are_csv_with_a_column_for_each_class(shop: Any) -> None:
    said = shop("predict", "orders.csv")
    rows = list(csv.DictReader(said.out.splitlines()))
    assert [row["row"] for row in rows] == [str(n) for n in range(1, 61)]
    for row in rows:
        chances = {kind: float(row[f"p({kind})"]) for kind in ("yes", "no")}
        assert sum(chances.values()) == pytest.approx(1)
        assert row["prediction"] == max(chances, key=lambda kind: chances[kind])


def test_predictions_go_to_a_file_and_are_the_same_there_and_as_json(shop: Any) -> None:
    printed = shop("predict", "orders.csv", "--model", "main")
    said = shop("predict", "orders.csv", "--out", "answers.csv")
    assert said.out == "60 predictions of model main: answers.csv\n"
    assert (shop.folder / "answers.csv").read_text() == printed.out
    document = shop.done("predict", "orders.csv")
    assert [[row["id"], row["prediction"]] for row in document["rows"]] == [
        [int(row["row"]), row["prediction"]] for row in csv.DictReader(printed.out.splitlines())
    ]
    assert shop.done("predict", "orders.csv", "--out", "answers.csv")["rows"] == 60


def test_rows_need_neither_label_nor_owner_nor_id(shop: Any) -> None:
    (shop.folder / "new.csv").write_text("size,colour\n3,red\n,blue\n")
    rows = list(csv.DictReader(shop("predict", "new.csv").out.splitlines()))
    assert [row["row"] for row in rows] == ["0", "1"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.csv"], 15, "none.csv"),
        (["."], 15, "can be read"),
        (["few.csv"], 1, "'colour'"),
        (["odd.csv"], 1, "'size'"),
        (["orders.csv", "--model", "mane"], 14, "'main'"),
        (["orders.csv", "--out", "no/such/answers.csv"], 8, "no such file"),
    ],
)
def test_what_cannot_be_predicted_is_a_sentence(arguments: list[str], code: int, said: str, shop: Any) -> None:
    (shop.folder / "few.csv").write_text("size\n3\n")
    (shop.folder / "odd.csv").write_text("size,colour\nlarge,red\n")
    found = shop("predict", *arguments)
    assert (found.code, found.out) == (code, "")
    assert said in found.err


def test_many_answers_come_in_parts_and_of_numbers_there_is_no_class() -> None:
    answers = Answers("id", list(range(25_000)), [0.5] * 25_000, None)
    parts = list(answers.csv())
    assert len(parts) == 3
    assert "".join(parts).splitlines() == ["id,prediction", *(f"{n},0.5" for n in range(25_000))]
    assert next(answers.each()) == {"id": 0, "prediction": 0.5}


def test_regression_is_predicted_without_classes(
    empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    csv_of(empty / "orders.csv")
    assert expunge("init", "--source", "orders.csv", "--id", "row", "--label", "size").code == 0
    assert expunge("learn").code == 0
    assert expunge("predict", "orders.csv").out.startswith("row,prediction\n1,")
