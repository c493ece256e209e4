"""Naive retraining keeps every law, over learners of every kind, with and without owners."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from expunge import Quote, Records, Retrain, Run, Sisa, fingerprint
from expunge.errors import ParameterError
from expunge.protocol import Pace
from expunge.testing import Case, Law, contract, patients

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # short training, on purpose


EVERY_KIND = [
    LogisticRegression(),
    SGDClassifier(max_iter=5, tol=None),
    MLPClassifier((3,), max_iter=5),
    DecisionTreeClassifier(),
    HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@contract(
    *(Case(Retrain(estimator), examples=4) for estimator in EVERY_KIND),
    *(Case(Retrain(estimator), patients(owned=False), examples=2, portable=False) for estimator in EVERY_KIND),
    Case(Retrain(Ridge()), patients(numbers=True)),
    Case(Retrain(Ridge()), patients(numbers=True, owned=False)),
    Case(Retrain(Sisa(GaussianNB(), shards=3)), examples=5),
)
def test_retraining_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def test_the_price_is_a_visit_of_each_record_that_stays() -> None:
    data, run, method = patients(), Run(key=b"k"), Retrain(LogisticRegression())
    quote = method.quote(method.learn(data, run), Records(data.ids[:3]), data, run)
    assert isinstance(quote, Quote)
    assert (quote.examples, quote.seconds) == (37, None)


def test_a_measured_pace_gives_seconds() -> None:
    data, run, method = patients(), Run(key=b"k", pace=Pace(0.5)), Retrain(LogisticRegression())
    quote = method.quote(method.learn(data, run), Records(data.ids[:3]), data, run)
    assert isinstance(quote, Quote)
    assert quote.seconds == 37 * 0.5


def test_retraining_finds_nothing_learned_before_in_the_store() -> None:
    data, run = patients(), Run(key=b"k")
    sisa = Sisa(LogisticRegression(), shards=3)
    model = sisa.learn(data, run)
    run.store.update(dict.fromkeys(run.store, b"a stale checkpoint that cannot be read"))
    done = Retrain(sisa).forget(model, Records(data.ids[:1]), data, run)
    assert fingerprint(done.model) == fingerprint(sisa.learn(data.after(Records(data.ids[:1])), Run(key=b"k")))


def test_what_retraining_learned_rests_for_the_next_request() -> None:
    data, run = patients(), Run(key=b"k")
    sisa = Sisa(LogisticRegression(), shards=3)
    done = Retrain(sisa).forget(sisa.learn(data, run), Records(data.ids[:1]), data, run)
    assert all(any(name.startswith(link) for name in run.store) for link in done.model.checkpoints)


def test_it_asks_for_a_learner() -> None:
    with pytest.raises(ParameterError, match="a method takes a learner"):
        Retrain(np.zeros(3))


def test_asked_again_after_a_crash_it_learns_from_the_data_that_it_is_given() -> None:
    data, run, method = patients(), Run(key=b"k"), Retrain(LogisticRegression())
    target = Records(data.ids[:3])
    old, rest = method.learn(data, run), data.after(target)
    done = method.forget(old, target, rest, run)
    assert done.examples == len(rest)
    assert fingerprint(done.model) == fingerprint(method.learn(rest, run)) != fingerprint(old)
