"""CategoricalNB behind an encoder keeps every law, answers as scikit-learn's own pipeline, and forgets a category."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import naive_bayes
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge import Addition, CategoricalNB, Pipeline, Records, Refusal, Run, Table, fingerprint
from expunge.codec import encode
from expunge.errors import DataError
from expunge.stages import expanded
from expunge.testing import Case, Law, contract

RUN = Run(key=b"a key for tests")
OPEN = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
FILLED = make_pipeline(SimpleImputer(strategy="most_frequent"), OPEN)
LATER = make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="constant", fill_value=9))


def people(rows: int = 40) -> Table:
    """Categories with gaps, more than ten of one, one of a single record; owners with several."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "town": random.choice([*"abcdefghijkl"], rows).astype(object),
            "plan": random.choice(["new", "old"], rows).astype(object),
            "age": random.normal(size=rows),
        }
    )
    frame.loc[rows - 1, "town"] = "Uri"
    frame.loc[[1, 2], "town"] = None
    label = random.choice(["ham", "spam", "unsure"], rows, p=[0.5, 0.4, 0.1])
    return Table.from_arrays(frame, label, (np.arange(rows) * 389 + 5) % 1009, np.arange(rows) * 3 % (rows // 3))


def words(front: Any) -> ColumnTransformer:
    return ColumnTransformer([("words", front, ["town", "plan"])])


@contract(
    Case(Pipeline([words(FILLED), CategoricalNB()]), people(), examples=4),
    Case(Pipeline([words(LATER), CategoricalNB(0.5, fit_prior=False)]), people(), examples=2, portable=False),
)
def test_categories_behind_an_encoder_keep_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("front", [FILLED, LATER, OneHotEncoder(sparse_output=False)], ids=["filled", "later", "hot"])
def test_answers_after_a_deletion_are_those_of_scikit_learns_pipeline(front: Any) -> None:
    data = people(200)
    method, target = Pipeline([words(front), CategoricalNB(0.3)]), Records(data.ids[::7])
    model = method.forget(method.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    other = make_pipeline(words(front), naive_bayes.CategoricalNB(alpha=0.3)).fit(rest.features, np.asarray(rest.label))
    np.testing.assert_allclose(method.predict(model, rest), other.predict_proba(rest.features), rtol=0, atol=1e-9)


def test_a_category_that_only_the_forgotten_had_leaves_and_can_be_asked() -> None:
    data, method = people(), Pipeline([words(FILLED), CategoricalNB()])
    model, only = method.learn(data, RUN), Records(data.ids[-1:])
    left = method.forget(model, only, data, RUN)
    assert b"Uri" in encode(model)
    assert b"Uri" not in encode(left.model)
    assert left.examples == 1
    assert fingerprint(left.model) == fingerprint(method.learn(data.after(only), RUN))
    assert np.isfinite(method.predict(left.model, data)).all()
    strict = Pipeline(
        [words(make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder())), CategoricalNB()]
    )
    with pytest.raises(DataError, match="of a category that was not learned"):
        strict.predict(strict.learn(data.after(only), RUN), data)


def test_an_encoder_that_keeps_the_category_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expanded, "_worn", lambda held: held)
    data, method = people(), Pipeline([words(FILLED), CategoricalNB()])
    done = method.forget(method.learn(data, RUN), Records(data.ids[-1:]), data, RUN).model
    monkeypatch.undo()
    assert fingerprint(done) != fingerprint(method.learn(data.after(Records(data.ids[-1:])), RUN))


def test_what_would_be_no_category_is_refused_and_not_promised() -> None:
    data = people()
    with pytest.raises(DataError, match="column 'age' comes out of the stages as a number"):
        Pipeline([ColumnTransformer([("n", StandardScaler(), ["age"])]), CategoricalNB()]).learn(data, RUN)
    means = Pipeline([words(make_pipeline(OrdinalEncoder(), SimpleImputer())), CategoricalNB()])
    whole = data.take(slice(3, 13))
    frame = pd.DataFrame({"town": [None, "j"], "plan": ["new", "old"], "age": [0.0, 1.0]})
    gap = Addition(Table.from_arrays(frame, ["ham", "spam"], [5000, 5001], [70, 71]))
    quote = means.quote(means.learn(whole, RUN), gap, whole, RUN)
    assert isinstance(quote, Refusal)
    assert "column 'town' comes out of the stages as a number" in quote.reason
