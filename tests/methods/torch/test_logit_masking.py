"""Logit masking hides a class and claims no more: the network is the same, weight for weight."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from expunge import Batch, Label, Quote, Records, Refusal, Run, Suppressed, TorchLearner, fingerprint
from expunge.codec import decode, encode
from expunge.errors import MismatchError
from expunge.methods.torch.logit_masking import LogitMasking
from expunge.testing import Case, Law, contract, patients
from expunge.testing.networks import mlp

LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), epochs=2, batch_size=40)
RUN, METHOD = Run(key=b"a key for tests"), LogitMasking(LEARNER)
CLASSES_ONLY = "it hides classes, and the law asks for records, which it refuses"
BROKEN = dict.fromkeys(
    (
        "inputs_are_left_alone",
        "nothing_of_the_forgotten_remains",
        "forgetting_ends_near_the_oracle",
    ),
    CLASSES_ONLY,
)


@contract(Case(METHOD, examples=2, portable=False, shrink=False, broken=BROKEN))
def test_logit_masking(case: Case, law: Law) -> None:
    law(case)


def test_a_class_is_not_shown_and_the_others_keep_their_ratios() -> None:
    data = patients()
    model = METHOD.learn(data, RUN)
    before = METHOD.predict(model, data)
    done = METHOD.forget(model, Label("spam"), data, RUN)
    after = METHOD.predict(done.model, data)
    assert done.claim == Suppressed()
    assert (after[:, 1] == 0).all()
    np.testing.assert_allclose(after.sum(1), 1)
    np.testing.assert_allclose(after[:, 0] * before[:, 2], after[:, 2] * before[:, 0])
    assert fingerprint(done.model.net.weights) == fingerprint(model.net.weights)
    gone = set(data.ids[np.asarray(data.label) == "spam"].tolist())
    assert not gone & set(done.model.net.log.ids.tolist())
    assert fingerprint(decode(encode(done.model))) == fingerprint(done.model)


def test_a_network_that_is_sure_of_a_hidden_class_is_unsure_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    data = patients()
    done = METHOD.forget(METHOD.learn(data, RUN), Label("spam"), data, RUN)
    monkeypatch.setattr(TorchLearner, "predict", lambda *_: np.tile([0.0, 1.0, 0.0], (len(data), 1)))
    assert (METHOD.predict(done.model, data) == [0.5, 0, 0.5]).all()


def test_what_is_no_class_is_refused_and_so_is_the_last_one() -> None:
    data = patients()
    model = METHOD.learn(data, RUN)
    some, most = Records(data.ids[:2]), Batch([Label("ham"), Label("spam")])
    for target in (some, Batch([Label("ham"), some])):
        refused = METHOD.quote(model, target, data, RUN)
        assert isinstance(refused, Refusal)
        assert "output of a class" in refused.reason
    assert isinstance(METHOD.quote(model, most, data, RUN), Quote)
    first = METHOD.forget(model, most, data, RUN).model
    assert first.hidden == ("ham", "spam")
    second = METHOD.forget(METHOD.forget(model, Label("ham"), data, RUN).model, Label("spam"), data, RUN)
    assert second.model.hidden == ("ham", "spam")
    last = METHOD.quote(first, Label("unsure"), data, RUN)
    assert isinstance(last, Refusal)
    assert "no class would be left" in last.reason


def test_another_model_is_refused_and_the_recipe_is_its_own() -> None:
    data = patients()
    with pytest.raises(MismatchError, match="Masked"):
        METHOD.predict(LEARNER.learn(data, RUN), data)
    assert METHOD.recipe() != LEARNER.recipe()
