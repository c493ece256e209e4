"""What stands around a method: the key stays secret, the data are a copy, and what is no method gets a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from expunge import ExpungeClassifier, ExpungeRegressor, Key, Records, Retrain
from expunge.errors import ParameterError
from expunge.sklearn.face import Face

KEY = b"a most secret secret"
RNG = np.random.default_rng(7)
X = RNG.normal(size=(60, 4))
Y = np.where(X[:, 0] + X[:, 1] > 0.5, "ill", "well")


def test_the_key_never_prints() -> None:
    keyed: list[Face] = [ExpungeClassifier(key=KEY), ExpungeClassifier(key=KEY).fit(X, Y)]
    keyed.append(clone(ExpungeRegressor(Retrain(Ridge()), key=KEY)))
    keyed.append(ExpungeRegressor().set_params(key=KEY))  # type: ignore[no-untyped-call]
    keyed.append(ExpungeClassifier(key=bytearray(KEY)))  # type: ignore[arg-type]  # a mistake that must not print
    for face in keyed:
        search = GridSearchCV(make_pipeline(StandardScaler(), face), {})
        shown = [face, search, search.estimator, vars(face)]
        shown += [face.get_params(), search.get_params()]  # type: ignore[no-untyped-call]
        texts = [*map(repr, shown), *map(str, shown), face._repr_html_(), search._repr_html_()]
        assert isinstance(face.key, Key)
        assert face.key == KEY
        assert any("Key(***)" in text for text in texts)
        assert not any(KEY.decode() in text for text in texts)


def test_the_key_decides_and_the_random_state_only_makes_one() -> None:
    def key_of(**given: Any) -> bytes:
        return bytes(ExpungeRegressor(**given).fit(X, X[:, 0]).run_.key)

    assert key_of(key=KEY, random_state=1) == KEY
    assert key_of(random_state=1) == key_of(random_state=np.int64(1)) == key_of(random_state=np.random.RandomState(1))
    assert key_of(random_state=1) != key_of(random_state=2)
    assert key_of() != key_of()
    assert len(key_of()) == 32


@pytest.mark.parametrize("key", ["text", 7, b""])
def test_a_key_that_is_none_is_refused_without_being_shown(key: Any) -> None:
    with pytest.raises(ParameterError, match="a key is a non-empty bytes object") as raised:
        ExpungeClassifier(key=key).fit(X, Y)
    assert "text" not in str(raised.value)


def test_the_face_keeps_a_copy_of_a_file_that_is_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    there = np.load(tmp_path / "x.npy", mmap_mode="r+")
    face = ExpungeClassifier(random_state=0).fit(there, Y)
    there[:] = 0
    assert face.table_.features.tolist() == X.tolist()
    assert np.array_equal(face.predict(X), ExpungeClassifier(random_state=0).fit(X, Y).predict(X))


@pytest.mark.parametrize("asked", [[3], 3, Records, "person 3"], ids=str)
def test_what_is_no_target_is_refused_and_nothing_changes(asked: Any) -> None:
    face = ExpungeClassifier(random_state=0).fit(X, Y)
    for verb in (face.quote, face.forget):
        with pytest.raises(ParameterError, match=r"forgets a target \(Records, Owners.*, e.g. Records\(\[417\]\)"):
            verb(asked)
    assert len(face.table_) == 60
