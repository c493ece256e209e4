"""Where a record goes is a function of its unit's name and its class: no other record and no position moves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import Band, Records, Table
from expunge.errors import DataError
from expunge.methods.arrays._classes import Drawn, members, number_of, slices_of, title_of
from expunge.testing import patients

KEY = b"k"
DATA = patients(30)
HALF = Drawn(0.3, 0.5)


def roles(data: Table, drawn: Drawn = HALF, fewest: int = 1) -> dict[Any, tuple[Any, bool]]:
    """By id: of which class, and whether it is learned from; who takes no part is not there."""
    made: dict[Any, tuple[Any, bool]] = {}
    for group in members(data, KEY, drawn, fewest):
        for rows, learned in ((group.learned, True), (group.out, False)):
            made |= dict.fromkeys(data.take(rows).ids.tolist(), (group.name, learned))
    return made


@given(st.permutations(range(30)), st.sets(st.sampled_from(DATA.ids.tolist()), max_size=5))
def test_neither_order_nor_others_move_a_record(order: list[int], gone: set[int]) -> None:
    whole, rest = roles(DATA), roles(DATA.take(np.array(order)).after(Records(gone)))
    counted = {name for _, (name, learned) in whole.items() if learned}
    for name, (of, learned) in rest.items():
        assert of in counted
        if whole.get(name, (of, True))[1] is not learned:  # its class had none left to learn from, but for these
            assert not any(role == (of, True) for key, role in whole.items() if key not in gone)


def test_roles_are_shares_of_the_units() -> None:
    data = Table.from_arrays(np.zeros((20_000, 1)), np.arange(20_000) % 2)
    learned, out = HALF.among(data, KEY)
    assert not (learned & out).any()
    assert out.mean() == pytest.approx(0.3, abs=0.02)
    assert learned.mean() == pytest.approx(0.35, abs=0.02)
    pieces = slices_of(data, KEY, 4, None, ())
    assert [np.mean(pieces[learned] == piece) for piece in range(4)] == pytest.approx([0.25] * 4, abs=0.03)
    everybody, nobody = Drawn(0.0, 1.0).among(data, KEY)
    assert everybody.all()
    assert not nobody.any()
    assert Drawn(0.999999999999999, 0.999999999999999).among(data, KEY)[0].mean() < 0.01


def test_a_person_has_one_role_in_every_class() -> None:
    learned, out = HALF.among(DATA, KEY)
    pieces = slices_of(DATA, KEY, 3, None, ())
    for owner in set(np.asarray(DATA.owners).tolist()):
        mine = np.asarray(DATA.owners) == owner
        assert len(set(zip(learned[mine], out[mine], pieces[mine], strict=True))) == 1


def test_a_class_that_would_have_nobody_to_learn_from_learns_from_those_held_out() -> None:
    _, out = HALF.among(DATA, KEY)
    only = DATA.take(out)
    for group in members(only, KEY, HALF, 1):
        assert len(group.learned)
        assert not len(group.out)


def test_a_class_of_too_few_has_no_part() -> None:
    sizes = {name: int((np.asarray(DATA.label) == name).sum()) for name in DATA.present}
    made = {group.name: len(group.learned) for group in members(DATA, KEY, Drawn(0.0, 1.0), sizes["unsure"] + 1)}
    assert made == {**sizes, "unsure": 0}


def test_declared_classes_are_there_without_a_record() -> None:
    declared = replace(DATA, classes=("eel", "ham", "spam", "unsure"))
    assert [group.name for group in members(declared, KEY, HALF, 1)] == list(declared.classes or ())
    assert [group.name for group in members(DATA, KEY, HALF, 1)] == ["ham", "spam", "unsure"]


def test_bands_say_which_slices() -> None:
    table = Table.from_arrays(np.array([[0.0], [0.9]] * 40), ["a", "b"] * 40, columns=["risk"])
    pieces = slices_of(table, KEY, 4, "risk", (Band(0.0, slices=(0, 3)), Band(0.5, slices=(3, 4))))
    assert set(pieces[::2].tolist()) == {0, 1, 2}
    assert set(pieces[1::2].tolist()) == {3}


@pytest.mark.parametrize(("label", "said"), [(np.arange(30.0), "a regression"), (None, "this table has none")])
def test_labels_that_are_no_classes_are_a_sentence(label: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        members(Table.from_arrays(DATA.features, label), KEY, HALF, 1)


def test_a_class_is_known_by_its_name_and_type() -> None:
    names: list[Any] = [1, "1", 1.0, "b", 2, False, -1]
    assert len({title_of(name) for name in names}) == len({number_of(name) for name in names}) == len(names)
    assert number_of("spam") == number_of("spam") >= 0
