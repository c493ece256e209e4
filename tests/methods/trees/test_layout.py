"""Fields of a row do not overlap, and what leads to children stands side by side."""

from __future__ import annotations

from expunge.methods.trees import _layout as layout


def test_children_are_neighbours() -> None:
    assert layout.RIGHT == layout.LEFT + 1
    assert layout.HEAD == layout.CUTS + 1
    assert layout.SKIPPED + 1 == layout.NODE
    assert layout.COUNTERS == layout.FULL + 1
    assert layout.LEFT == 0, "the first field of a row given back says which one was given back before"
