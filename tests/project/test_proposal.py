"""A proposal that nobody changes: it holds, it learns, it predicts, and it tells no value of any record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge import Run
from expunge.data.schema import Schema
from expunge.data.sources import open_source, read_rows
from expunge.errors import ExpungeError, ProjectError, UnknownMethodError
from expunge.project.assembly import method_of
from expunge.project.proposal import Proposal, propose
from expunge.project.settings import Settings, parse

DATA = Path(os.environ.get("EXPUNGE_DATA", Path(__file__).parents[3] / "shared" / "data"))
AT = {"path": "shop.csv"}


class Rows:
    """A source that is a table in memory."""

    said = "the file shop.csv"

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def columns(self) -> dict[str, pa.DataType]:
        return dict(zip(self.table.column_names, self.table.schema.types, strict=True))

    def rows(self) -> int | None:
        return None

    def peek(self, rows: int = 10_000) -> pa.Table:
        return self.table.slice(0, rows)


def shop(rows: int = 5000) -> pa.Table:
    random = np.random.default_rng(1)
    spent = random.lognormal(3, 1, rows)
    return pa.table(
        {
            "row_id": random.permutation(rows) + 100,
            "customer": [f"c{n}" for n in random.integers(0, rows // 3, rows)],
            "spent": pa.array(spent, mask=random.random(rows) < 0.1),
            "town": random.choice(["Bern", "Zug", "Secretville"], rows),
            "late": np.where(spent + random.normal(0, 5, rows) > 20, "yes", "no"),
        }
    )


def proposed(table: pa.Table | None = None, **options: Any) -> Proposal:
    source: Any = Rows(shop() if table is None else table)
    return propose(source, AT, **{"id": "row_id", "label": "late", **options})


def test_a_proposal_is_whole_and_holds_when_it_is_read() -> None:
    proposal = proposed(owner="customer", name="shop")
    held = proposal.settings
    assert parse(proposal.text()) == held
    assert (held.name, held.source.path, held.source.owner) == ("shop", "shop.csv", "customer")
    assert (held.source.id_type, held.source.owner_type, held.source.label_type) == ("integer", "text", "text")
    assert held.columns == {"spent": "number", "town": "category"}
    main = held.models["main"]
    assert (main.task, main.method, main.options, main.promise) == ("classification", "sisa", {"shards": 2}, "exact")
    assert main.learner == "sklearn.ensemble.HistGradientBoostingClassifier"
    for place in ("source.label", "source.owner", "columns.town", "models.main.learner", "models.main.options.shards"):
        assert proposal.reasons[place].rstrip(".") in " ".join(proposal.text().replace("\n#", "").split())
    assert proposed().settings.id != held.id


def test_it_tells_no_value_of_any_record() -> None:
    for value in ("Secretville", "Bern", '"yes"', "c17"):
        assert value not in proposed(owner="customer").text()


def test_what_is_set_goes_where_it_belongs() -> None:
    wishes = {
        "shards": "8",
        "aggregate": "vote",
        "max_iter": "50",
        "learning_rate": "0.2",
        "rare": "3",
        "promise": "empirical",
    }
    main = proposed(options=wishes).settings.models["main"]
    assert main.options == {"shards": 8, "aggregate": "vote"}
    assert main.learner_options == {"early_stopping": False, "max_iter": 50, "learning_rate": 0.2}
    assert (main.preprocess_options, main.promise) == ({"rare": 3}, "empirical")
    assert proposed(options={"preprocess": "False"}).settings.models["main"].preprocess is False
    assert proposed(options={"early_stopping": "true"}).settings.models["main"].learner_options == {
        "early_stopping": True
    }


def test_a_learner_and_a_method_that_the_user_names() -> None:
    main = proposed(learner="sklearn.naive_bayes.GaussianNB", options={"var_smoothing": "1e-3"}).settings.models["main"]
    assert (main.learner, main.learner_options) == ("sklearn.naive_bayes.GaussianNB", {"var_smoothing": 1e-3})
    retrain = proposed(method="retrain").settings.models["main"]
    assert (retrain.method, retrain.options) == ("retrain", {})


def test_a_forest_needs_no_learner_and_takes_its_own_options() -> None:
    proposal = proposed(method="forest", options={"share": "0.5"})
    main = proposal.settings.models["main"]
    assert (main.learner, main.options, main.learner_options) == (None, {"share": 0.5}, {})
    assert parse(proposal.text()) == proposal.settings
    assert "learner = " not in proposal.text()
    assert "Also: trees = 100" in " ".join(proposal.text().replace("\n#", "").split())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "row"}, "has no column 'row'"),
        ({"id": "customer"}, "cannot be the id: rows"),
        ({"owner": "spent"}, "cannot be the owner"),
        ({"owner": "late"}, "columns of their own; got id 'row_id', label 'late', owner 'late'"),
        ({"options": {"shrads": "8"}}, "--set shrads: there is no such option; did you mean 'shards'?; there are task"),
        ({"options": {"shards": "many"}}, "shards to be a whole number of at least 1, got 'many'"),
        ({"options": {"shards": "8\nslices = 2"}}, "shards to be a whole number"),
        ({"options": {"slices": "3"}}, "Pipeline cannot go on training"),
        ({"options": {"task": "regression"}}, "the task is regression, and it holds no numbers"),
        ({"options": {"task": "guessing"}}, "task in [models.main] must be one of classification, regression"),
        ({"options": {"promise": "much"}}, "promise in [models.main] must be one of"),
        ({"options": {"max_iter": "-1"}}, "The 'max_iter' parameter"),
        ({"method": "forest", "learner": "sklearn.svm.SVC"}, "method 'forest' brings a model of its own"),
        ({"method": "forest", "options": {"epochs": "3"}}, "--set epochs: there is no such option"),
        ({"learner": "sklearn.svm.SVCC"}, "--learner: sklearn.svm has no 'SVCC'; did you mean 'SVC'?"),
        ({"learner": "sklearn.linear_model.Ridge"}, "is not made for classification"),
    ],
    ids=str,
)
def test_what_cannot_be_is_a_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        proposed(**changes)
    assert said in str(refused.value)


def test_an_unknown_method_gets_the_nearest() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'sisa'"):
        proposed(method="siza")


def test_a_table_without_features_is_refused() -> None:
    with pytest.raises(ProjectError, match="no column to learn from"):
        proposed(shop().select(["row_id", "late"]))


def test_a_source_that_is_named_wrongly_is_refused() -> None:
    source: Any = Rows(shop())
    with pytest.raises(ProjectError, match="needs either path"):
        propose(source, {}, id="row_id", label="late")


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
hostile = st.sampled_from(["a.b", 'q"', "n\nl", "é😀", "x = 1", "# no"]) | texts


@settings(max_examples=30, deadline=None)
@given(
    st.lists(hostile, min_size=3, max_size=5, unique=True),
    st.text(max_size=5),
    st.dictionaries(texts, texts, max_size=1),
)
def test_hostile_names_hold_or_are_sentences(names: list[str], name: str, wishes: dict[str, str]) -> None:
    parts = [list(range(40)), ["a", "b"] * 20, *([1.5, 2.5] * 20 for _ in names[2:])]
    try:
        proposal = proposed(pa.table(parts, names=names), id=names[0], label=names[1], name=name, options=wishes)
    except ExpungeError:
        assert wishes
        return
    assert parse(proposal.text()) == proposal.settings
    assert list(proposal.settings.columns) == names[2:]


# -- nobody changes anything -------------------------------------------------------------------------------------------


def schema_of(held: Settings) -> Schema:
    source, columns = held.source, tuple(held.columns.items())
    return Schema(source.id, source.label, source.owner, columns, source.id_type, source.owner_type, source.label_type)


def score(at: dict[str, str], folder: Path, **roles: str) -> float:
    """Accuracy (or R2) on a fifth of the records, of what is proposed for the other four."""
    source = open_source(at, folder)
    held = parse(propose(source, at, **roles).text())  # type: ignore[arg-type]  # roles are texts
    schema = schema_of(held)
    table = read_rows(source, schema)
    test = np.random.default_rng(0).random(len(table)) < 0.2
    method = method_of(held.models["main"], schema.columns, trusted=False)
    model = method.learn(table.take(np.flatnonzero(~test)), Run(key=b"a key for tests"))
    asked = table.take(np.flatnonzero(test))
    scores, label = method.predict(model, asked), np.asarray(asked.label)
    if model.classes is None:
        return float(1 - np.mean((label - scores) ** 2) / label.var())
    return float(np.mean(np.array(model.classes)[scores.argmax(axis=1)] == label))


def test_a_csv_file_of_a_shop_is_learned_as_proposed(tmp_path: Path) -> None:
    rows = shop(3000).to_pylist()
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    (tmp_path / "shop.csv").write_text("\n".join([",".join(rows[0]), *lines]))
    assert score(AT, tmp_path, id="row_id", label="late", owner="customer") > 0.85


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "key", "label", "least"),
    [
        ("adult", "row_id", "income", 0.865),
        ("credit_default", "ID", "default_next_month", 0.815),
        ("sms_spam", "row_id", "label", 0.97),
        ("california_housing", "row_id", "median_house_value", 0.80),
    ],
)
def test_real_tables_are_learned_well_as_proposed(name: str, key: str, label: str, least: float) -> None:
    path = DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{name}.parquet is not in the data folder; EXPUNGE_DATA names it")
    assert score({"path": str(path)}, DATA, id=key, label=label) > least
