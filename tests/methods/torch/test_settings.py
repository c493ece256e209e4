"""Settings are checked when a method is made: what is possible passes, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import Table
from expunge.errors import ParameterError
from expunge.methods.torch._settings import check_count, check_held_out, check_number, check_positive, check_share
from expunge.testing import patients

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = st.one_of(
    st.integers(-5, 5), st.floats(), st.sampled_from([np.inf, np.nan]), st.booleans(), st.none(), st.text(max_size=2)
)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def passes(check: Callable[..., None], value: Any) -> bool:
    try:
        check(SimpleNamespace(pace=value), "pace")
    except ParameterError as refusal:
        assert "SimpleNamespace needs pace to be" in str(refusal)  # noqa: PT017  (either way is right)
        assert str(refusal).endswith(f"got {value!r}")  # noqa: PT017
        return False
    return True


@given(NUMBERS)
def test_each_check_lets_pass_what_it_says(value: Any) -> None:
    whole = is_number(value) and isinstance(value, int)
    assert passes(check_count, value) == (whole and value >= 1)
    assert passes(check_positive, value) == (is_number(value) and value > 0)
    assert passes(check_number, value) == (is_number(value) and value >= 0)
    assert passes(check_share, value) == (is_number(value) and 0 <= value <= 1)


def test_a_count_may_start_elsewhere_and_every_name_is_checked() -> None:
    held = SimpleNamespace(first=0, second=-1)
    check_count(held, "first", least=0)
    with pytest.raises(ParameterError, match="second to be a whole number of at least 0"):
        check_count(held, "first", "second", least=0)


def test_unseen_records_have_labels() -> None:
    for right in (None, patients()):
        check_held_out(SimpleNamespace(held_out=right))
    for wrong in (3, Table.from_arrays(np.zeros((2, 3)))):
        with pytest.raises(ParameterError, match="held_out to be a Table with labels"):
            check_held_out(SimpleNamespace(held_out=wrong))
