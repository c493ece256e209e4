"""``expunge.toml``: what it says is what is read, and every mistake in it is a sentence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.kinds import Kind
from expunge.errors import ProjectError
from expunge.project.rules import FILE
from expunge.project.settings import KINDS, ModelSettings, find, model_of, parse, read
from expunge.values import Bounded, Certified, Exact

WHOLE = """
[project]
name = "shop"
id = "0123456789abcdef0123456789abcdef"
[source]
path = "credit.csv"
id = "row_id"
label = "class"
[columns]
age = "integer"
"a.b" = "text"
[models.main]
task = "classification"
learner = "sklearn.linear_model.LogisticRegression"
[models.main.options]
shards = 4
"""
HEAVY = ("numpy", "sklearn", "pyarrow", "scipy", "narwhals", "cryptography", "sqlalchemy", "pandas")


def test_a_short_file_is_read_with_defaults() -> None:
    settings = parse(WHOLE)
    assert settings.columns == {"age": "integer", "a.b": "text"}
    assert settings.models == {
        "main": ModelSettings(
            "main", "classification", "sklearn.linear_model.LogisticRegression", options={"shards": 4}
        )
    }
    assert (settings.models["main"].method, settings.models["main"].claim) == ("sisa", Exact())
    assert (settings.audit.replay, settings.audit.holdout) == ("sample", 0.0)
    assert (settings.work.threads, settings.work.workers, settings.work.blocks) == (1, 1, 64)
    assert settings.source.place() == {"path": "credit.csv"}
    assert (settings.source.id_type, settings.source.owner, settings.source.label_type) == ("integer", None, "text")


def test_a_model_survives_as_a_mapping() -> None:
    model = parse(WHOLE).models["main"]
    assert model_of(asdict(model)) == model
    with pytest.raises(ProjectError, match=r"task in \[models.main\]"):
        model_of({**asdict(model), "task": "guessing"})


MISTAKES = [
    ("", "no section [project]"),
    ("x = =", "is no valid TOML: Invalid value (at line 1"),
    ("x = " + "[" * 100_000, "is no valid TOML"),
    (WHOLE.replace("[models.main]", "[models]"), "a model is a section [models.NAME]; got task = 'classification'"),
    (WHOLE.split("[models.main]", maxsplit=1)[0], "no section [models]"),
    (WHOLE.split("[models.main]", maxsplit=1)[0] + "[models]", "names no model"),
    (WHOLE + "[modles.x]", "the file has no 'modles'; did you mean 'models'?"),
    (WHOLE + '[audit]\ntier = "standard"', 'learns everything again, replay = "full"; got replay = "sample"'),
    (WHOLE + "[work]\nthreds = 2", "[work] has no 'threds'; did you mean 'threads'?"),
    ("work = 3\n" + WHOLE, "work is a section, written [work]"),
    (WHOLE.replace('path = "credit.csv"', ""), "needs either path"),
    (WHOLE.replace("[columns]", 'url = "sqlite:///x"\n[columns]'), "needs either path"),
    (WHOLE.replace("[columns]", 'table = "x"\n[columns]'), "has table beside a path"),
    (WHOLE.replace("path =", "url ="), "needs either table"),
    (WHOLE.replace('path = "credit.csv"', 'url = "x"\ntable = "x"\nquery = "y"'), "needs either table"),
    (WHOLE.replace('label = "class"', ""), "[source] lacks label, a text"),
    (WHOLE.replace('label = "class"', 'label = "row_id"'), "one column two roles"),
    (WHOLE.replace('label = "class"', 'label = "age"'), "column 'age' is the label in [source]"),
    (WHOLE.replace("[columns]", 'owner = "age"\n[columns]'), "column 'age' is the owner in [source]"),
    (WHOLE.replace('"integer"\n', '"intger"\n'), "column 'age' must be one of number, integer"),
    (WHOLE.replace('"integer"\n', '"intger"\n'), "got 'intger'; did you mean 'integer'?"),
    (WHOLE.replace('"integer"\n', "[1]\n"), "column 'age' must be one of"),
    (WHOLE.replace('"a.b"', "a.b"), """a name with a dot stands in quotes: "a.b" = "number\""""),
    (WHOLE.replace('"integer"\n', '"ignore"\n').replace('= "text"', '= "ignore"'), "no column to learn from"),
    (WHOLE.replace("[models.main.options]", "name = 'x'\n[models.main.options]"), "has its name in its heading"),
    (WHOLE.replace("shards = 4", "shards = 2020-01-01"), "options in [models.main] must be a table of"),
    (WHOLE.replace("models.main", 'models."a\\nb"'), 'name in [models."a\\u000ab"] must be a text of one line'),
    (WHOLE.replace("[models.main.options]", ""), "[models.main] has no 'shards'; it has task, learner"),
    (WHOLE.replace("0123456789abcdef0123456789abcdef", "../../etc"), "id in [project] must be 32 digits"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_each_mistake_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        parse(text)
    assert said in str(refused.value)
    assert "expunge.toml" in str(refused.value)
    assert refused.value.exit_code == 14


lines = st.lists(st.sampled_from(WHOLE.splitlines()) | st.text(max_size=20), max_size=12).map("\n".join)


@given(
    lines
    | st.text()
    | st.integers(0, len(WHOLE)).flatmap(lambda n: st.text(max_size=3).map(lambda t: WHOLE[:n] + t + WHOLE[n + 1 :]))
)
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        parse(text)
    except ProjectError as refused:
        assert str(refused).startswith("expunge.toml")  # noqa: PT017  (either outcome is right)


def test_a_file_is_read_with_or_without_a_mark_of_utf8(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / FILE).write_text(WHOLE, encoding=encoding)
        assert read(tmp_path) == parse(WHOLE)
        assert read(str(tmp_path)) == parse(WHOLE)
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(ProjectError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(ProjectError, match="`expunge init` makes one"):
        read(tmp_path)
    (tmp_path / FILE).mkdir()
    with pytest.raises(ProjectError, match="cannot be read"):
        read(tmp_path)


def test_the_project_is_the_nearest_folder_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    with pytest.raises(ProjectError, match=r"no expunge.toml in .*b or above it"):
        find(deep)
    (tmp_path / FILE).write_text(WHOLE)
    assert find(deep) == find(str(tmp_path)) == tmp_path.resolve()
    (tmp_path / "a" / FILE).write_text(WHOLE)
    assert find(deep) == (tmp_path / "a").resolve()


def test_kinds_are_those_of_the_data() -> None:
    assert get_args(Kind) == KINDS


def test_reading_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(WHOLE)
    code = (
        "import sys; from expunge.project.settings import read; from expunge.project.page import written;"
        f" written(read({str(tmp_path)!r})); print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_secrets_in_a_url_are_not_repeated() -> None:
    text = WHOLE.replace('path = "credit.csv"', 'url = "postgresql://me:hunter2@host/shop"')
    with pytest.raises(ProjectError) as refused:
        parse(text)
    assert "hunter2" not in str(refused.value)


def test_a_promise_with_numbers_is_a_table() -> None:
    def claim(promise: str) -> object:
        return parse(WHOLE.replace('task = "class', f'promise = {promise}\ntask = "class')).models["main"].claim

    assert claim('"exact"') == Exact()
    assert claim("{distance = 1e-6}") == Bounded(1e-6)
    assert claim("{delta = 1e-5, epsilon = 1}") == Certified(1.0, 1e-5)
    for wrong in ("{}", "{epsilon = 1.0}", "{distance = 0}", "{distance = 1, delta = 0.1}", "{epsilon = 1, delta = 1}"):
        with pytest.raises(ProjectError, match=r"promise in \[models.main\] must be one of exact, .* a table"):
            claim(wrong)
    for wrong in ('"bounded"', "1e-6", "[1]", "{distance = true}", "{distance = inf}"):
        with pytest.raises(ProjectError, match="distance = 1e-6"):
            claim(wrong)
