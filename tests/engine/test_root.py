"""The root: nothing is lost on the way to bytes, and it reaches all that must stay."""

from __future__ import annotations

from expunge.data.schema import Schema
from expunge.data.snapshot import Snapshot
from expunge.engine.project import Project
from expunge.engine.root import Root, Standing

SCHEMA = Schema("row", "found", "person", (("age", "number"), ("note", "text")))
SNAPSHOT = Snapshot(SCHEMA, (("a1", "a2"), (), ("a3",)), 7)
STANDING = Standing("m1", "f" * 64, {"name": "main", "options": {"shards": 2}}, 0.25, ("link 1", "link 2"),
                    {"numpy": "2"}, 0.5, (("age", "number"),))  # fmt: skip
OTHER = Standing("m2", "e" * 64, {"name": "other"}, 0.0, (), {})


def test_it_comes_back_as_it_was() -> None:
    for root in (Root(SNAPSHOT), Root(SNAPSHOT, {"main": STANDING, "ä": OTHER}, "fence")):
        assert Root.read(root.written()) == root
        assert Root.read(root.written()).written() == root.written()


def test_it_reaches_blocks_models_fence_and_checkpoints() -> None:
    root = Root(SNAPSHOT, {"main": STANDING}, "fence")
    assert root.addresses == {"a1", "a2", "a3", "m1", "fence"}
    assert root.links == {"link 1", "link 2"}
    assert Root(SNAPSHOT).addresses == {"a1", "a2", "a3"}


def test_a_model_in_its_place_leaves_the_root_and_the_others_alone() -> None:
    before = Root(SNAPSHOT, {"main": STANDING})
    after = before.with_model("other", OTHER)
    assert (list(before.models), list(after.models)) == (["main"], ["main", "other"])
    assert after.snapshot is before.snapshot


def test_what_is_at_rest_is_what_the_root_reaches(project: Project) -> None:
    root = project.published()
    assert set(project.store.names()) == {
        *root.addresses, *project.store.names_of(root.links), str(project.book.root)
    }  # fmt: skip
