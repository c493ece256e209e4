"""The page that people read: everything on it is read back, and every choice has its sentence above it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.project.page import MEANT, written
from expunge.project.settings import (
    KINDS,
    AuditSettings,
    ModelSettings,
    Settings,
    SourceSettings,
    WorkSettings,
    parse,
)

PROMISES: list[Any] = ["exact", "empirical", "suppressed", {"distance": 1e-6}, {"epsilon": 2, "delta": 0.1}]
HOSTILE = [
    "a.b",
    'a"b',
    "a\\b",
    "a\nb",
    "\r\n",
    "\0",
    "\x7f",
    "\u2028",
    "= 1",
    "# no",
    "[x]",
    "'''",
    "é",
    "😀",
    "x = 1\ny",
]
texts = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
titles = texts.filter(lambda text: text.isprintable() and bool(text.strip()) and len(text) <= 100)
scalars = texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = st.recursive(scalars, lambda part: st.lists(part, max_size=3) | st.dictionaries(texts, part, max_size=2))
options = st.dictionaries(texts, values, max_size=2)
counts = st.integers(1, 2**31 - 1)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    names = draw(st.lists(texts, min_size=4, max_size=7, unique=True))
    place: dict[str, Any] = draw(
        st.fixed_dictionaries({"path": texts})
        | st.fixed_dictionaries({"url": texts, "table": texts})
        | st.fixed_dictionaries({"url": texts, "query": texts})
    )
    kinds: st.SearchStrategy[Any] = st.sampled_from(("integer", "text"))
    source = SourceSettings(
        id=names[0],
        label=names[1],
        owner=draw(st.sampled_from([None, names[2]])),
        id_type=draw(kinds),
        owner_type=draw(kinds),
        label_type=draw(st.sampled_from(("integer", "number", "text", "boolean"))),
        **place,
    )
    columns: dict[str, Any] = {name: draw(st.sampled_from(KINDS)) for name in names[3:]} | {names[3]: "number"}
    models = {
        name: ModelSettings(
            name,
            draw(st.sampled_from(("classification", "regression"))),
            draw(st.none() | texts),
            draw(texts),
            draw(st.sampled_from(PROMISES)),
            draw(st.booleans()),
            draw(counts),
            *(draw(options) for _ in range(3)),
        )
        for name in draw(st.lists(titles, min_size=1, max_size=2, unique=True))
    }
    audit = AuditSettings(draw(st.sampled_from(("none", "sample", "full"))), draw(st.floats(0, 0.9)))
    if audit.replay == "full":
        audit = replace(audit, tier=draw(st.sampled_from(("replay", "standard"))))
    work = WorkSettings(draw(counts), draw(counts), draw(counts))
    return Settings(draw(titles), draw(st.uuids()).hex, source, columns, models, audit, work)


@settings(max_examples=100, deadline=None)
@given(any_settings(), st.data())
def test_what_is_written_is_read_back_with_any_reason_above_it(held: Settings, data: st.DataObject) -> None:
    places = ["source.id", "source.label", "models.main.options", *(f"columns.{name}" for name in held.columns)]
    reasons = data.draw(st.dictionaries(st.sampled_from(places), st.text()))
    found = parse(written(held, reasons))
    assert found == held
    assert list(found.columns) == list(held.columns), "their order is the order in which a learner sees them"


def example() -> Settings:
    model = ModelSettings("main", "regression", "sklearn.linear_model.Ridge", options={"shards": 4})
    source = SourceSettings("row_id", "price", path="houses.csv")
    return Settings("houses", "0" * 32, source, {"size": "number", "town": "category"}, {"main": model})


def test_every_field_is_explained_and_every_reason_stands_above_its_choice() -> None:
    explained = {place.rpartition(".")[2] for place in MEANT}
    for kind in (SourceSettings, ModelSettings, AuditSettings, WorkSettings):
        assert {field.name for field in fields(kind) if not field.name.endswith("_type")} - {"name"} <= explained
    reasons = {
        "source.id": "Because of ids.",
        "columns.town": "because of towns",
        "models.main.learner": "Because of learning.",
        "models.main.options.shards": "Because of shards.",
        "models.main.options": "Because of options.",
    }
    lines = written(example(), reasons).splitlines()
    assert lines[lines.index('id = "row_id"') - 1] == "# Because of ids."
    assert 'town = "category"  # because of towns' in lines
    assert lines[lines.index('learner = "sklearn.linear_model.Ridge"') - 1] == "# Because of learning."
    assert lines[lines.index("shards = 4") - 1] == "# Because of shards."
    assert lines[lines.index("[models.main.options]") + 1] == "# Because of options."


def test_the_page_is_narrow_and_its_comments_line_up() -> None:
    lines = written(example(), {"columns.size": "numbers", "columns.town": "2 different values"}).splitlines()
    assert max(map(len, lines)) <= 112
    assert len({line.index("#") for line in lines if line.startswith(("size", "town"))}) == 1


def test_an_absent_owner_is_offered_as_a_comment() -> None:
    assert '# owner = "customer"' in written(example()).splitlines()
    offered = written(example()).replace('# owner = "customer"', 'owner = "customer"')
    assert parse(offered).source.owner == "customer"


def test_of_a_method_with_a_model_of_its_own_nothing_of_a_learner_is_written() -> None:
    held = replace(
        example(), models={"main": ModelSettings("main", "regression", method="forest", options={"trees": 9})}
    )
    page = written(held)
    assert parse(page) == held
    section = page[page.index("[models.main]") : page.index("[audit]")]
    assert [line.split(" = ")[0] for line in section.splitlines() if " = " in line and line[0] != "#"] == [
        *("task", "method", "promise"),
        "trees",
    ]
