"""A model whose state is secret: what is seen is its release, which the ledger counts, through crashes and restores."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from expunge.engine import inquiry, learning, line
from expunge.engine.change import planned
from expunge.engine.project import Project
from expunge.engine.releasing import UNKNOWN, released, releases
from expunge.errors import RefusedError
from expunge.ledger.chain import Entry
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.values import Certified, Owners, Refusal

NEWTON = ModelSettings(
    "main",
    "classification",
    "sklearn.linear_model.LogisticRegression",
    method="newton",
    promise="empirical",
    options={"epsilon": 1.0, "delta": 1e-5, "releases": 3, "distance": 1e-3},
)


@pytest.fixture
def secret(built: Callable[..., Project]) -> Project:
    """A project whose model is released with noise, three times."""
    return built(NEWTON, audit=AuditSettings(replay="none"))


def seen(project: Project) -> Any:
    """What anybody sees of the model: its answers."""
    project = Project.open(project.folder)  # as another process
    return inquiry.predict(project, "main", project.table(project.published()))[0]


def count(project: Project) -> int | None:
    """Releases of the lineage."""
    return releases(project.book, "main", project.published().models["main"])


def test_what_is_seen_is_a_release_and_the_same_until_the_next(secret: Project) -> None:
    root = secret.published()
    standing, data = root.models["main"], secret.table(root)
    method = secret.method(standing, root)
    bare = method.predict(secret.model(standing), data)
    first = seen(secret)
    assert np.array_equal(first, seen(secret))
    assert not np.array_equal(first, bare)
    assert first == pytest.approx(bare, abs=0.05)
    assert count(secret) == 1


def test_each_publication_is_one_release_and_the_plan_then_learns_again(secret: Project) -> None:
    answers = [seen(secret)]
    for number in range(4):
        line.forget(secret, Owners([f"person-{number:03d}"]))
        answers.append(seen(secret))
    assert not any(np.array_equal(one, other) for one, other in pairwise(answers))
    assert count(secret) == 2  # learned again by the third request, and released once more since
    assert secret.published().models["main"].lineage > 0


def test_a_spent_budget_is_a_refusal_in_the_plan(secret: Project) -> None:
    for number in range(2):
        line.forget(secret, Owners([f"person-{number:03d}"]))
    root = secret.published()
    assert count(secret) == 3
    plan = planned(secret, root, "main", Owners(["person-020"]), secret.table(root))
    assert not isinstance(plan, Refusal)
    assert plan.name == "retrain"
    spent = plan.answers["newton"]
    assert isinstance(spent, Refusal)
    assert "the budget of 3 releases" in spent.reason


def test_before_it_is_spent_the_plan_is_newton_and_its_claim_certified(secret: Project) -> None:
    root = secret.published()
    plan = planned(secret, root, "main", Owners(["person-020"]), secret.table(root))
    assert not isinstance(plan, Refusal)
    assert plan.name == "newton"
    assert plan.quote.claim == Certified(1.0, 1e-5)


def test_learning_again_begins_a_lineage(secret: Project) -> None:
    line.forget(secret, Owners(["person-000"]))
    first = seen(secret)
    assert count(secret) == 2
    learning.learn(secret, again=True)
    assert count(secret) in {0, 1}
    assert not np.array_equal(first, seen(secret))


def test_a_replay_does_not_ask_for_bits_that_were_not_promised(secret: Project) -> None:
    fresh = inquiry.replay(secret, "main")
    assert (fresh.equal, fresh.exact) == (True, True)
    line.forget(secret, Owners(["person-000"]))
    after = inquiry.replay(Project.open(secret.folder), "main")
    assert (after.equal, after.exact) == (False, False)


def test_what_a_restore_hides_counts_as_spent(secret: Project) -> None:
    body: dict[str, Any] = {"root": secret.book.root, "cause": "restore", "requests": [], "outcome": None, "models": {}}
    secret.ledger.append(lambda _: [Entry("published", body)])
    secret = Project.open(secret.folder)
    root = secret.published()
    assert count(secret) is None
    with pytest.raises(RefusedError, match="cannot say how often it was released"):
        seen(secret)
    plan = planned(secret, root, "main", Owners(["person-020"]), secret.table(root))
    assert not isinstance(plan, Refusal)
    assert plan.name == "retrain"
    line.forget(secret, Owners(["person-020"]))
    assert count(secret) == 1
    seen(secret)


def test_a_model_without_noise_is_seen_as_it_is(project: Project) -> None:
    root = project.published()
    standing = root.models["main"]
    method = project.method(standing, root)
    assert type(released(project, "main", standing, method)) is type(project.model(standing))
    assert UNKNOWN > 10**18
