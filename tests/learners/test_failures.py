"""Failures of foreign estimators: their own words, and nothing that a record says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from expunge import Arcane, Retrain, Run, Table
from expunge.errors import LearnError
from expunge.learners.failures import reason
from expunge.learners.torch.inputs import fitted

RUN = Run(key=b"failures")
PEOPLE = Table.from_frame(
    pa.table({"name": ["Eve", "Adam", "Kain", "Abel"], "late": ["no", "yes", "no", "yes"]}), label="late"
)


@pytest.mark.parametrize("method", [Retrain(LogisticRegression()), Arcane(KernelDensity(), held_out=0)])
def test_no_error_tells_what_a_record_says(method: Retrain | Arcane) -> None:
    with pytest.raises(LearnError) as refused:
        method.learn(PEOPLE, RUN)
    assert not any(name in str(refused.value) for name in ("Eve", "Adam", "Kain", "Abel"))
    assert "could not convert string to float: '...'" in str(refused.value)
    cause = refused.value.__cause__
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    assert any(name in str(cause) for name in ("Eve", "Adam", "Kain", "Abel"))


def test_preparing_a_network_tells_nothing_either() -> None:
    with pytest.raises(LearnError) as refused:
        fitted(StandardScaler(), PEOPLE, RUN)
    assert not any(name in str(refused.value) for name in ("Eve", "Adam", "Kain", "Abel"))


def test_columns_are_named() -> None:
    told = reason(ValueError("{'sex'} is no column, and 'Eve' no number"), LogisticRegression(), ("sex", "age"))
    assert told == "ValueError: {'sex'} is no column, and '...' no number"


def test_parameters_and_their_settings_are_named() -> None:
    failure = ValueError("'C' of 'LogisticRegression' with 'lbfgs' must not be \"Eve\"; it doesn't fit what can't be")
    said = "ValueError: 'C' of 'LogisticRegression' with 'lbfgs' must not be \"...\"; it doesn't fit what can't be"
    assert reason(failure, LogisticRegression(solver="lbfgs")) == said


@given(st.text(st.characters(exclude_characters="'\"", exclude_categories=["Cs"]), min_size=3))
def test_whatever_is_quoted_goes(text: str) -> None:
    told = reason(ValueError(f"row {text!r} is bad"), np.zeros(1))
    assert told == "ValueError: row '...' is bad"


def test_cells_that_are_listed_or_escaped_are_not_told() -> None:
    told = reason(ValueError("Found unknown categories [np.float64(2.0), 86421.125] in column 0, sizes [3, 4]"), None)
    assert told == "ValueError: Found unknown categories [...] in column 0, sizes [3, 4]"
    assert (
        reason(ValueError(f"no number: {chr(97) + chr(39) + ' secret ' + chr(34) + 'b'!r}."), None)
        == "ValueError: no number: '...'."
    )
