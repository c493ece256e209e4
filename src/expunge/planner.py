"""The cheapest quote that promises enough.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import Ridge
>>> from expunge import Records, Retrain, Run, Sisa, Table
>>> table, run = Table.from_arrays(np.eye(8), np.arange(8.0)), Run(key=b"example")
>>> sisa = Sisa(Ridge(), shards=2)
>>> chosen = plan([sisa, Retrain(sisa)], sisa.learn(table, run), Records([3]), table, run)
>>> type(chosen.method).__name__
'Sisa'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from expunge.errors import ParameterError
from expunge.protocol import Doubted, Named
from expunge.values import Exact, Quote, Refusal, promises

if TYPE_CHECKING:
    from expunge.audit.hardness import Hardness
    from expunge.protocol import Dataset, Method, Run
    from expunge.values import Claim, Target

    AnyMethod: TypeAlias = Method[Any, Any, Any]


@dataclass(frozen=True)
class Plan:
    """What was chosen, and every answer that led to it.

    Attributes
    ----------
    name : str
        The method's name among those asked.
    method : Method
    quote : Quote
    answers : mapping of str to Quote or Refusal
    hardness : Hardness or None
        How much there is to forget, where it was asked for.
    """

    name: str
    method: AnyMethod
    quote: Quote
    answers: Mapping[str, Quote | Refusal]
    hardness: Hardness | None = None


def plan(  # noqa: PLR0913  (what `Method.quote` takes, and what is asked of the answer)
    methods: Mapping[str, AnyMethod] | Iterable[AnyMethod],
    model: Any,
    target: Target,
    data: Dataset,
    run: Run,
    *,
    at_least: Claim = Exact(),  # noqa: B008  (a frozen value)
    hardness: Callable[[AnyMethod], Hardness | None] | None = None,
) -> Plan | Refusal:
    """Ask every method for a quote; keep the one of fewest record visits among those that promise enough.

    A method that is known not to forget (`Doubted`) is asked, and never picked.

    Parameters
    ----------
    methods : methods, by name or in a sequence
        All must undo the algorithm that learned the model: whether to shard at all is decided before learning.
    at_least : Claim
        The weakest claim that will do.
    hardness : function of the chosen method, optional
        What finds out how much there is to forget (`expunge.audit.hardness`); asked for nothing that is exact, where
        it makes no difference.

    Returns
    -------
    Plan or Refusal
        The first of the cheapest; a refusal that gives every method's answer when none will do.

    Raises
    ------
    ParameterError
        When the methods undo different algorithms, or there is none.
    """
    asked = dict(methods) if isinstance(methods, Mapping) else named(methods)
    if isinstance(at_least, type):
        msg = f"at_least is a claim, e.g. Exact(); got the class {at_least.__name__}"
        raise ParameterError(msg)
    refuse_strangers(asked)
    answers = {name: method.quote(model, target, data, run) for name, method in asked.items()}
    quotes = {name: answer for name, answer in answers.items() if isinstance(answer, Quote)}
    doubts = {name: method.doubt for name, method in asked.items() if isinstance(method, Doubted) and method.doubt}
    enough = [name for name, quote in quotes.items() if promises(quote.claim, at_least=at_least) and name not in doubts]
    if not enough:
        return _refused(answers, doubts, at_least)
    name = min(enough, key=lambda name: quotes[name].examples)
    exact = isinstance(quotes[name].claim, Exact)
    found = None if hardness is None or exact else hardness(asked[name])
    return Plan(name, asked[name], quotes[name], answers, found)


def named(methods: Iterable[AnyMethod]) -> dict[str, AnyMethod]:
    """Methods by their class's name; a second one of a class is numbered."""
    if not isinstance(methods, Iterable):
        msg = f"methods come in a sequence or by name, e.g. [method, Retrain(method)]; got {methods!r}"
        raise ParameterError(msg)
    found: dict[str, AnyMethod] = {}
    for method in methods:
        kind = type(method).__name__.lower()
        same = sum(name.partition(" ")[0] == kind for name in found)
        found[f"{kind} {same + 1}" if same else kind] = method
    return found


def refuse_strangers(asked: Mapping[str, AnyMethod]) -> None:
    """Raise when there is no method, or some undo different algorithms."""
    if not asked:
        msg = "there must be at least one method to ask, got none"
        raise ParameterError(msg)
    recipes = {name: method.recipe() for name, method in asked.items() if isinstance(method, Named)}
    first = next(iter(recipes), "")
    for name, recipe in recipes.items():
        if recipe != recipes[first]:
            msg = f"{first} and {name} undo different algorithms, so only one of them can have learned this model"
            raise ParameterError(msg)


def _refused(answers: Mapping[str, Quote | Refusal], doubts: Mapping[str, str], at_least: Claim) -> Refusal:
    said = [f"{name}: {_why_not(answer, doubts.get(name), at_least)}" for name, answer in answers.items()]
    kinds = {answer.kind for answer in answers.values() if isinstance(answer, Refusal)}
    reason = f"no method promises {at_least} for this target; " + "; ".join(said)
    return Refusal(reason, "never" if kinds == {"never"} else "not_yet")


def _why_not(answer: Quote | Refusal, doubt: str | None, at_least: Claim) -> str:
    if isinstance(answer, Refusal):
        return answer.reason
    if promises(answer.claim, at_least=at_least) and doubt:
        return f"is not picked, for {doubt}"
    return f"promises only {answer.claim}"
