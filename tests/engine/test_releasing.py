"""A model whose state is secret: what is seen is its release, which the ledger counts, through crashes and restores."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expunge.engine import inquiry, learning, line
from expunge.engine.change import planned
from expunge.engine.project import Project
from expunge.engine.releasing import UNKNOWN, released, releases
from expunge.engine.restoring import restore
from expunge.errors import LedgerError, RefusedError
from expunge.ledger.chain import Entry
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.store.keyring import Keyring
from expunge.values import Bounded, Certified, Owners, Refusal

# From Python 3.12 on, forking beside the threads of pytest-xdist is warned of; the child touches none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

NEWTON = ModelSettings(
    "main",
    "classification",
    "sklearn.linear_model.LogisticRegression",
    method="newton",
    promise={"epsilon": 1.0, "delta": 1e-5},
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


# -- a promise with numbers --------------------------------------------------------------------------------------------


def test_a_bounded_promise_is_quoted_kept_and_certified(built: Callable[..., Project]) -> None:
    plain = replace(NEWTON, promise={"distance": 1e-3}, options={"distance": 1e-3})
    project = built(plain, audit=AuditSettings(replay="none"))
    _, (offer,) = inquiry.quote(project, Owners(["person-020"]))
    assert not isinstance(offer.answer, Refusal)
    assert (offer.answer.name, offer.answer.quote.claim) == ("newton", Bounded(1e-3))
    _, (done,) = line.forget(project, Owners(["person-020"]))
    assert done.certificate.exists()
    assert "person-020" not in project.table(project.published()).units.tolist()


@pytest.mark.parametrize("promise", [{"distance": 1e-4}, {"epsilon": 1.0, "delta": 1e-5}, "exact"], ids=str)
def test_a_method_that_promises_less_than_is_asked_learns_again(built: Callable[..., Project], promise: Any) -> None:
    project = built(replace(NEWTON, promise=promise, options={"distance": 1e-3}), audit=AuditSettings(replay="none"))
    root = project.published()
    plan = planned(project, root, "main", Owners(["person-020"]), project.table(root))
    assert not isinstance(plan, Refusal)
    assert plan.name == "retrain"


# -- killed, and restored ----------------------------------------------------------------------------------------------


def killed(folder: Path, *, before: bool) -> None:
    """Forget in another process, which dies by SIGKILL just before or after the ledger says that it is published."""
    number = os.fork()
    if number:
        assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGKILL
        return
    try:
        project = Project.open(folder)
        publishing = [False]

        class Watched(sqlite3.Connection):
            def execute(self, *arguments: Any) -> sqlite3.Cursor:
                ended = publishing[0] and arguments[0].startswith("COMMIT")
                if ended and before:
                    os.kill(os.getpid(), signal.SIGKILL)
                done = super().execute(*arguments)
                if ended:
                    os.kill(os.getpid(), signal.SIGKILL)
                return done

        connect, append = sqlite3.connect, type(project.ledger).append
        sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Watched, **options)  # type: ignore[assignment]

        def watched(ledger: Any, make: Callable[[Any], Any]) -> Any:
            def noticed(book: Any) -> list[Entry]:
                entries = list(make(book))
                publishing[0] = any(entry.kind == "published" for entry in entries)
                return entries

            return append(ledger, noticed)

        type(project.ledger).append = watched  # type: ignore[method-assign, assignment]
        line.forget(project, Owners(["person-000"]))
    except BaseException:  # noqa: BLE001  (a child must never return into the test)
        traceback.print_exc()
    os._exit(1)


@pytest.mark.parametrize("before", [True, False])
def test_killed_between_state_and_ledger_no_release_is_lost_and_none_is_made_twice(
    secret: Project, before: Any
) -> None:
    """What is seen after the crash is the release that the ledger counts: the old one, or the new one for good."""
    first = seen(secret)
    killed(secret.folder, before=before)
    secret = Project.open(secret.folder)
    assert count(secret) == (1 if before else 2)
    between = np.asarray(seen(secret))
    assert np.array_equal(between, first) is bool(before)
    line.forget(secret, Owners(["person-000"]))
    secret = Project.open(secret.folder)
    assert count(secret) == 2
    after = seen(secret)
    assert np.array_equal(after, seen(secret))
    assert np.array_equal(after, between) is not bool(before)
    assert not np.array_equal(after, first)


def test_after_a_backup_came_back_nothing_is_released_until_it_is_learned_again(
    secret: Project, tmp_path: Path
) -> None:
    """The folder from before a release, and the keys: whoever saw that release must not see its noise again."""
    copy, keys = tmp_path / "copy", tmp_path / "keys.json"
    shutil.copytree(secret.folder, copy)
    secret.keyring.backup(keys, secret.store.names())
    place = secret.keyring.folder
    line.forget(secret, Owners(["person-000"]))
    second = seen(secret)
    shutil.rmtree(secret.folder)
    shutil.copytree(copy, secret.folder)
    Keyring.restore(place, keys)
    with pytest.raises(LedgerError, match="expunge restore"):
        Project.open(secret.folder)
    again = Project.open(secret.folder, shortened_ok=True)
    restore(again)
    again = Project.open(secret.folder)
    assert "person-000" not in again.table(again.published()).units.tolist()
    assert count(again) == 1  # what is forgotten again is learned from nothing
    assert again.published().models["main"].lineage > 0
    assert not np.array_equal(seen(again), second)
