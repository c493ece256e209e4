"""RUM: forgotten records go to three methods, by how far they were learned by heart; least first, most last.

What a network would say of a record anyway needs little forgetting, what it knows by heart needs much, and one method
at one strength does too much to the first or too little to the last. The score is read off the training log: how sure
the network was of the record's own class, in the mean over all epochs. Who was sure early, and stayed so, would be sure
without the record too. Records in the lower, middle and upper third of all that were learned are low, middle and high.

The low ones may be left alone (``low="alone"``). That is a choice of whoever asks, never a default: the quote counts
them. Whoever has to erase has to show, for these records by themselves, that nothing was left to do.

Claim: Empirical.

References
----------
Zhao, Kurmanji, Bărbulescu, Triantafillou, Triantafillou (2024), "What makes unlearning hard and what to do about it",
NeurIPS, arXiv:2406.01257, their RUM: low ones left alone, middle ones by fine-tuning (learning rate 0.1, ten epochs),
high ones by SalUn (0.1, five epochs), in this order, a thousand each: the authors' script. The score is their C-proxy,
the mean confidence (`expunge.measures.memorisation`); it ranks records as leaving them out does with a rank correlation
of 0.69 (docs/papers.md).

Where we differ: thirds of all learned records, where theirs are the forgotten set by construction; so one record has a
tier too, and no other record of a request moves it. Each method retains the records that stay in the end. Low ones go
to the middle method unless something else is asked.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> learner, run = TorchLearner(partial(torch.nn.Linear, 8, 2)), Run(key=b"example")
>>> method = MemorisationTiers(learner, low="alone", middle=Finetune(learner, epochs=2))
>>> model = method.learn(table, run)
>>> tiers(model.log).tolist()
[0, 1, 0, 1, 1, 2, 0, 2]
>>> method.quote(model, Records([2, 6]), table, run).assumptions[-1]
'2 of the 2 records were least learned by heart and are left as they are: that is a choice, to be shown harmless'
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch  # noqa: F401  (the example's)

from expunge.errors import ParameterError
from expunge.learners.torch.course import names_of
from expunge.learners.torch.early import held_out
from expunge.measures.memorisation import confidence, ranks
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.salun import SalUn
from expunge.values import Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch import Net, TorchLearner
    from expunge.learners.torch.network import Log
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Sides, Unlearning
    from expunge.protocol import Change, Run
    from expunge.values import Target

TIERS = ("low", "middle", "high")
ALONE = "alone"


@dataclass(frozen=True)
class MemorisationTiers(PostHoc):
    """Send forgotten records to three methods, by how far they were learned by heart.

    Parameters
    ----------
    learner : TorchLearner
        With ``log=True``, as it is unless said otherwise.
    low : method or "alone", optional
        For the records least learned by heart. Unless given: the middle ones' method. ``"alone"``: nothing is done to
        them, and the quote says so.
    middle : method, optional
        Unless given: `Finetune`, with the paper's settings.
    high : method, optional
        Unless given: `SalUn`, with the paper's settings. Records of which the log knows nothing go here too.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten", "log"})
    doubted: ClassVar[str | None] = (
        "the settings of its two methods are those of another network: give methods of your own"
    )
    learner: TorchLearner
    low: PostHoc | Literal["alone"] | None = None
    middle: PostHoc | None = None
    high: PostHoc | None = None

    def check(self) -> None:
        """Raise a sentence for what is no method over the same learner."""
        for name in TIERS:
            given = getattr(self, name)
            if given is None or (name == "low" and given == ALONE):
                continue
            if not isinstance(given, PostHoc) or given.alone or given.recipe() != self.recipe():
                what = "a method that changes a network of the same learner" + (' or "alone"' * (name == "low"))
                msg = f"MemorisationTiers needs {name} to be {what}, e.g. Finetune(learner), got {given!r}"
                raise ParameterError(msg)

    @property
    def methods(self) -> tuple[PostHoc | None, PostHoc, PostHoc]:
        """For low, middle and high records; None: left alone."""
        middle = Finetune(self.learner, epochs=10, lr=0.1) if self.middle is None else self.middle
        high = SalUn(self.learner, epochs=5, lr=0.1) if self.high is None else self.high
        low = middle if self.low is None else self.low
        return (low if isinstance(low, PostHoc) else None), middle, high

    @property
    def learns(self) -> bool:  # type: ignore[override]  # as its methods do
        """Whether what a correction or addition brings is trained on, whichever method it falls to."""
        return all(method.learns for method in self.methods if method is not None)

    def most(self, retained: int, forgotten: int) -> int:
        """All of them for everybody."""
        return sum(method.most(retained, forgotten) for method in self.methods if method is not None)

    def sides(self, data: Table, target: Target, change: Change[Table], run: Run) -> Sides:
        """As for all; records that were held out while the network was trained need no unlearning."""
        met = ~held_out(data, run, self.learner.validation)[change.out]
        return replace(super().sides(data, target, change, run), forgotten=data.take(change.out[met]))

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        """What keeps one of its methods from the records that are its own."""
        for name, method, records in self._stages(model, sides):
            if "classification" in method.needs and model.task != "classification":
                return Refusal(
                    f"{name} records go to {type(method).__name__}, which works on scores of classes, and this network"
                    f" is for {model.task}", "misconfigured",
                )  # fmt: skip
            refused = method.refusal(model, replace(sides, forgotten=records))
            if refused is not None:
                return replace(refused, reason=f"{name} records go to {type(method).__name__}: {refused.reason}")
        return None

    def quote(self, model: Net, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """As for all; records that are left alone are counted."""
        quote, change = super().quote(model, target, data, run), data.change(target)
        if isinstance(quote, Refusal) or self.low != ALONE or change is None:
            return quote
        gone = self.sides(data, target, change, run).forgotten
        left = int((tiers_of(model, gone) == 0).sum())
        said = (
            f"{left} of the {len(gone)} records were least learned by heart and are left as they are: that is a choice,"
            " to be shown harmless"
        )
        return replace(quote, assumptions=(*quote.assumptions, *([said] if left else [])))

    def unlearn(self, work: Unlearning) -> None:
        """One method after the other, each where the last one ended."""
        for name, method, records in self._stages(work.model, work.sides):
            with work.part(records, name) as own:
                method.unlearn(own)

    def _stages(self, model: Net, sides: Sides) -> Iterator[tuple[str, PostHoc, Table]]:
        """Methods that have something to do, each with its records; for new records alone the middle one."""
        gone = sides.forgotten
        of, busy = tiers_of(model, gone), False
        for tier, method in enumerate(self.methods):
            if method is not None and (of == tier).any():
                busy = True
                yield TIERS[tier], method, gone.take(of == tier)
        if not busy and _brings(model, sides):
            yield TIERS[1], self.methods[1], gone.take(slice(0, 0))


def memorised(log: Log) -> NDArray[np.float64]:
    """(n,) one less the mean score of the own class over the epochs: 1 for what was never learned but by heart.

    Examples
    --------
    >>> from expunge.learners.torch.network import Log
    >>> memorised(Log(np.arange(2), np.log([[0.5, 0.1], [1.0, 0.3], [np.nan, 0.2]]))).round(2)
    array([0.25, 0.8 ])
    """
    return 1 - confidence(np.exp(log.fit.T.astype(np.float64)))


def tiers(log: Log) -> NDArray[np.intp]:
    """(n,) 0, 1 or 2 for each record of a log: its third in `memorised`; of equals the first by id is lower."""
    return ranks(memorised(log)) * len(TIERS) // max(1, len(log.ids))


def tiers_of(model: Net, records: Table) -> NDArray[np.intp]:
    """(n,) 0, 1 or 2 for some records; those of which the log knows nothing are high."""
    log, names = model.log, names_of(records)
    if log is None or not len(log.ids):
        return np.full(len(names), 2, dtype=np.intp)
    at = np.minimum(np.searchsorted(log.ids, names), len(log.ids) - 1)
    return np.where(log.ids[at] == names, tiers(log)[at], 2)


def _brings(model: Net, sides: Sides) -> bool:
    """Whether records stay that the network has not learned as they are."""
    names, gone = names_of(sides.retained), names_of(sides.forgotten)
    known: NDArray[Any] = np.zeros(0, dtype=names.dtype) if model.log is None else model.log.ids
    return bool((~np.isin(names, known) | np.isin(names, gone)).any())
