"""Back to an early epoch and to aims from there; what was kept of it goes with the request; what it needs it says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from expunge import Addition, Owners, Quote, Records, Refusal, Run, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch.confidence_matching import ConfidenceMatching
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.memorisation_tiers import MemorisationTiers
from expunge.methods.torch.rewind import Rewind
from expunge.testing import Case, Law, contract
from expunge.testing.laws import a_quote_keeps_its_word
from expunge.testing.networks import dropping, mislabelled, wide
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = Run(key=b"a key for tests")
LEARNER = TorchLearner(wide, partial(torch.optim.Adam, lr=0.03), epochs=40, batch_size=32, shadow=0.3, rewind=20)
SHORT = replace(LEARNER, epochs=4, rewind=2)
DATA, UNSEEN = mislabelled(200, 0, 1), mislabelled(150, 5000, 2)
METHOD = Rewind(LEARNER, held_out=UNSEEN, lr=6e-3)
FEW = replace(METHOD, weight=5.0)  # of 200 records a single one weighs too little to be moved in time
TARGET = Owners([1])


@contract(Case(FEW, DATA, examples=2, portable=False, shrink=False))
def test_rewind(case: Case, law: Law) -> None:
    law(case)


def test_with_batch_norm_dropout_and_the_log_alone() -> None:
    learner = TorchLearner(dropping, partial(torch.optim.Adam, lr=0.03), epochs=4, batch_size=8, rewind=2)
    method = Rewind(learner, held_out=UNSEEN, lr=6e-3)
    a_quote_keeps_its_word(Case(method, DATA, examples=2, portable=False, shrink=False))


def assert_starts_early(method: Rewind, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first records that are asked to train are asked of the network of the early epoch."""
    begun: list[dict[str, torch.Tensor]] = []

    def began(_: ConfidenceMatching, work: Any) -> None:
        begun.append({name: held.clone() for name, held in work.student.state_dict().items()})

    monkeypatch.setattr(ConfidenceMatching, "unlearn", began)
    with at_work(method, DATA, TARGET) as work:
        method.unlearn(work)
    plain = replace(method.learner, epochs=2, rewind=None)
    early = plain.learn(DATA, RUN).weights or {}
    assert all(np.array_equal(held.numpy(), early[name]) for name, held in begun[0].items())


def test_it_starts_from_the_network_of_the_early_epoch(
    at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_starts_early(replace(METHOD, learner=SHORT), at_work, monkeypatch)


def test_a_start_from_the_end_would_be_found(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expunge.methods.torch.rewind.fill", lambda module, _: module)
    with pytest.raises(AssertionError):
        assert_starts_early(replace(METHOD, learner=SHORT), at_work, monkeypatch)


def test_what_was_kept_of_the_early_epoch_goes_and_a_second_request_says_so() -> None:
    net = METHOD.learn(DATA, RUN)
    assert net.early is not None
    quote = FEW.quote(net, TARGET, DATA, RUN)
    assert isinstance(quote, Quote)
    assert "it starts from epoch 20, whose network has seen the forgotten records too" in quote.assumptions[-1]
    left = FEW.forget(net, TARGET, DATA, RUN).model
    assert left.early is None
    after, more = DATA.after(TARGET), Records(DATA.ids[-2:].tolist())
    refused = FEW.quote(left, more, after, RUN)
    assert isinstance(refused, Refusal)
    assert (refused.kind, refused.what) == ("instead", "ConfidenceMatching(learner)")
    assert "went with the request before" in refused.reason
    assert isinstance(ConfidenceMatching(LEARNER, held_out=UNSEEN).quote(left, more, after, RUN), Quote)


def test_other_methods_leave_nothing_of_the_early_epoch_either() -> None:
    net, method = SHORT.learn(DATA, RUN), Finetune(SHORT, epochs=1)
    assert method.forget(net, TARGET, DATA, RUN).model.early is None
    added = method.forget(net, Addition(rows_like(DATA, [9000], 0)), DATA, RUN).model
    assert fingerprint(added.early) == fingerprint(net.early)  # it has learned from nobody who went


def test_a_network_that_kept_nothing_is_refused_before_any_work() -> None:
    method = Rewind(replace(SHORT, rewind=None), held_out=UNSEEN)
    refused = method.quote(method.learn(DATA, RUN), TARGET, DATA, RUN)
    assert isinstance(refused, Refusal)
    assert refused.kind == "misconfigured"
    assert "give rewind=20, say, of 40 epochs to the learner" in refused.reason


def test_where_nobody_is_forgotten_it_does_not_go_back() -> None:
    new = Addition(rows_like(DATA, [9000], 0))
    net = SHORT.learn(DATA, RUN)
    ends = [
        fingerprint(method.forget(each, new, DATA, RUN).model.weights)
        for method, each in (
            (Rewind(SHORT, held_out=UNSEEN), net),
            (Rewind(SHORT, held_out=UNSEEN), replace(net, early=None)),
        )
    ]
    assert ends[0] == ends[1]


def test_it_is_no_tier_for_it_would_undo_the_tiers_before() -> None:
    with pytest.raises(ParameterError, match="MemorisationTiers needs high to be"):
        MemorisationTiers(SHORT, high=Rewind(SHORT, held_out=UNSEEN))
