"""The planner takes the cheapest quote that promises enough, and says why when there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from expunge import Column, Exact, Plan, Quote, Records, Refusal, Retrain, Run, Sisa, plan
from expunge.audit.hardness import Hardness
from expunge.errors import ParameterError
from expunge.testing import patients
from expunge.values import Bounded, Certified, Claim, Empirical, Suppressed, promises

CLAIMS = [Exact(), Certified(1.0, 1e-5), Certified(2.0, 1e-5), Bounded(0.1), Empirical(), Suppressed()]


@dataclass(frozen=True)
class Answers:
    """A method that only answers."""

    answer: Quote | Refusal
    doubt: str | None = None

    def quote(self, model: Any, target: Any, data: Any, run: Any) -> Quote | Refusal:
        return self.answer

    learn = predict = forget = None


def asked(answers: dict[str, Quote | Refusal], at_least: Claim) -> Plan | Refusal:
    methods: dict[str, Any] = {name: Answers(answer) for name, answer in answers.items()}
    return plan(methods, None, Records([]), patients(), Run(key=b"k"), at_least=at_least)


quotes = st.builds(Quote, st.sampled_from(CLAIMS), st.just(()), st.integers(0, 9))
refusals = st.just(Refusal("no", "never"))


@given(st.dictionaries(st.sampled_from("abcdef"), st.one_of(quotes, refusals), min_size=1), st.sampled_from(CLAIMS))
def test_the_chosen_quote_is_enough_and_no_cheaper_one_is(answers: dict[str, Any], at_least: Claim) -> None:
    enough = {n: q for n, q in answers.items() if isinstance(q, Quote) and promises(q.claim, at_least=at_least)}
    chosen = asked(answers, at_least)
    if not enough:
        assert isinstance(chosen, Refusal)
        assert all(name in chosen.reason for name in answers)
        return
    assert isinstance(chosen, Plan)
    assert chosen.name in enough
    assert chosen.quote.examples == min(quote.examples for quote in enough.values())
    assert chosen.answers == answers


@given(st.dictionaries(st.sampled_from("abcdef"), quotes, min_size=1), st.sets(st.sampled_from("abcdef")))
def test_a_method_known_to_miss_is_asked_and_never_picked(answers: dict[str, Any], doubted: set[str]) -> None:
    methods: Any = {name: Answers(answer, "it misses" if name in doubted else None) for name, answer in answers.items()}
    chosen = plan(methods, None, Records([]), patients(), Run(key=b"k"), at_least=Suppressed())
    left = {name: answer for name, answer in answers.items() if name not in doubted}
    if not left:
        assert isinstance(chosen, Refusal)
        assert all(f"{name}: is not picked, for it misses" in chosen.reason for name in answers)
        return
    assert isinstance(chosen, Plan)
    assert chosen.quote.examples == min(quote.examples for quote in left.values())
    assert chosen.name in left
    assert chosen.answers == answers


def test_sisa_is_compared_with_learning_the_same_ensemble_again() -> None:
    data, run, sisa = patients(), Run(key=b"k"), Sisa(LogisticRegression(), shards=4)
    model = sisa.learn(data, run)
    chosen = plan([Retrain(sisa), sisa], model, Records(data.ids[:1]), data, run)
    assert isinstance(chosen, Plan)
    assert (chosen.name, chosen.method) == ("sisa", sisa)
    assert chosen.answers["retrain"].examples > chosen.quote.examples  # type: ignore[union-attr]
    everything = plan([Retrain(sisa), sisa], model, Column("x0"), data, run)
    assert isinstance(everything, Plan)
    assert everything.name == "retrain", "where every shard changes both cost the same, and the first is taken"


def test_methods_of_one_kind_are_told_apart() -> None:
    sisa = Sisa(GaussianNB(), shards=2)
    chosen = plan([sisa, replace(sisa), Retrain(sisa)], *_learned(sisa))
    assert isinstance(chosen, Plan)
    assert sorted(chosen.answers) == ["retrain", "sisa", "sisa 2"]


def test_methods_that_undo_different_algorithms_are_not_compared() -> None:
    sisa = Sisa(GaussianNB(), shards=2)
    with pytest.raises(ParameterError, match="sisa and retrain undo different algorithms"):
        plan([sisa, Retrain(GaussianNB())], *_learned(sisa))


def test_somebody_must_be_asked() -> None:
    with pytest.raises(ParameterError, match="at least one method"):
        plan([], *_learned(Sisa(GaussianNB(), shards=2)))


def test_a_claim_is_a_value_and_methods_are_several() -> None:
    sisa = Sisa(GaussianNB(), shards=2)
    with pytest.raises(ParameterError, match=r"at_least is a claim, e.g. Exact\(\)"):
        plan([sisa], *_learned(sisa), at_least=Exact)  # type: ignore[arg-type]  # the slip that is tried
    with pytest.raises(ParameterError, match="come in a sequence or by name"):
        plan(sisa, *_learned(sisa))  # type: ignore[arg-type]  # the slip that is tried


@pytest.mark.parametrize(("kinds", "kind"), [(["never", "never"], "never"), (["never", "misconfigured"], "not_yet")])
def test_a_refusal_is_final_only_when_all_are(kinds: list[Any], kind: str) -> None:
    answer = asked({name: Refusal("no", why) for name, why in zip("ab", kinds, strict=True)}, Exact())
    assert isinstance(answer, Refusal)
    assert answer.kind == kind


def _learned(sisa: Sisa) -> tuple[Any, Records, Any, Run]:
    data, run = patients(), Run(key=b"k")
    return sisa.learn(data, run), Records(data.ids[:1]), data, run


def test_how_much_there_is_to_forget_is_asked_of_the_chosen_one_unless_it_is_exact() -> None:
    weighed: list[Any] = []

    def weigh(method: Any) -> Hardness:
        weighed.append(method)
        return Hardness(3, 7, None)

    cheap, exact = Answers(Quote(Empirical(), (), 1)), Answers(Quote(Exact(), (), 9))
    methods: dict[str, Any] = {"cheap": cheap, "exact": exact}
    data, run = patients(), Run(key=b"k")
    found = plan(methods, None, Records([]), data, run, at_least=Empirical(), hardness=weigh)
    assert isinstance(found, Plan)
    assert (found.hardness, weighed) == (Hardness(3, 7, None), [cheap])
    found = plan(methods, None, Records([]), data, run, at_least=Exact(), hardness=weigh)
    assert isinstance(found, Plan)
    assert (found.hardness, weighed) == (None, [cheap])
