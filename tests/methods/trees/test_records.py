"""A table is known by its columns, or matched by ids and content; other records are a mismatch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from expunge import Forest, Records, Run, Table, fingerprint
from expunge.errors import MismatchError
from expunge.testing import patients

RUN = Run(key=b"a key for tests")


def again(data: Table) -> Table:
    """The same records, of columns that nobody has seen."""
    held = data.gathered().columns
    return Table(replace(held, ids=np.array(held.ids)), None, data.classes)


def test_the_same_records_in_another_table_are_recognised() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    model, target = forest.learn(data, RUN), Records([data.ids[4]])
    expected = fingerprint(forest.forget(model, target, data, RUN).model)
    for other in (again(data), data.take(np.arange(len(data))[::-1]), again(data.take(np.arange(len(data))[::-1]))):
        assert fingerprint(forest.forget(model, target, other, RUN).model) == expected


def test_other_records_are_a_mismatch() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    model, target = forest.learn(data, RUN), Records([data.ids[4]])
    held = data.gathered().columns
    features = np.array(held.features)
    features[7, 0] += 1e-9
    for other in (
        Table(replace(held, features=features), None, None),
        Table(replace(held, owners=None), None, None),
        Table(replace(held, label=np.roll(np.asarray(held.label), 1)), None, None),
        data.take(slice(1, None)),
        data.drop("x1"),
        Table(held, None, ("ham", "spam", "unsure")),
    ):
        with pytest.raises(MismatchError, match="other than the model's"):
            forest.forget(model, target, other, RUN)
    with pytest.raises(MismatchError, match="a key other"):
        forest.forget(model, target, data, Run(key=b"another"))
    with pytest.raises(MismatchError, match="parameters other"):
        replace(forest, cuts=2).forget(model, target, data, RUN)
