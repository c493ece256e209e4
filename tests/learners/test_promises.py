"""A method promises `Exact` unless its learner says why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

from expunge import Empirical, Exact, Quote, Records, Retrain, Run, Sisa, SklearnLearner, fingerprint
from expunge.learners.promises import promised
from expunge.testing import patients

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.learners.sklearn import Fitted


@dataclass(frozen=True)
class Unsure:
    """A learner that says that it may waver, or that it does not."""

    reason: str | None

    def wavers(self) -> str | None:
        return self.reason

    def learn(self, data: Table, run: Run) -> Fitted:
        return SklearnLearner(GaussianNB()).learn(data, run)

    def predict(self, model: Fitted, data: Table) -> object:
        return SklearnLearner(GaussianNB()).predict(model, data)


def test_only_a_learner_that_says_why_is_not_exact() -> None:
    assert promised(Ridge()) == promised(Unsure(None)) == (Exact(), ())
    assert promised(Unsure("the moon")) == (Empirical(), ("the moon",))


@pytest.mark.parametrize("kind", [Retrain, Sisa])
def test_the_quote_says_why_and_the_claim_delivered_is_that_of_the_quote(kind: type) -> None:
    data = patients(24)
    for reason, claim in ((None, Exact()), ("sums in any order", Empirical())):
        method, run = kind(Unsure(reason)), Run(key=b"k")
        model = method.learn(data, run)
        quote = method.quote(model, Records([5]), data, run)
        assert isinstance(quote, Quote)
        assert quote.claim == claim
        assert (quote.assumptions[0] == reason) == (reason is not None)
        done = method.forget(model, Records([5]), data, run)
        assert done.claim == claim
        assert fingerprint(done.model) == fingerprint(method.learn(data.after(Records([5])), run.afresh()))
