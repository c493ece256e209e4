"""What all methods that change a trained network share: they wrap a learner, and say what they need and what it costs.

A method is a class of settings with one verb of its own, `unlearn`. Here are the four verbs of the protocol around it,
the same for all: the quote refuses what the method cannot do, and `forget` hands `unlearn` a copy of the network.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from expunge import keyed
from expunge.data.table import expect
from expunge.errors import MismatchError, ParameterError, RefusedError
from expunge.learners.torch import TorchLearner
from expunge.learners.torch.early import held_out
from expunge.learners.torch.network import Net
from expunge.methods.torch._narrowed import columns_of, narrowed
from expunge.methods.torch._neighbours import remark
from expunge.methods.torch._unlearning import Sides, Unlearning
from expunge.params import Params
from expunge.values import Empirical, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Change, Run
    from expunge.values import Claim, Target

Need = Literal["retained", "forgotten", "log", "classification"]
"""What a method works from: records of either side, the training log, scores of classes."""


class PostHoc(Params):
    """A method over a trained network. A subclass is a frozen dataclass with a field ``learner``."""

    needs: ClassVar[frozenset[Need]]
    claim: ClassVar[Claim] = Empirical()
    learns: ClassVar[bool] = True  # whether it trains on what a correction or addition brings
    alone: ClassVar[bool] = False  # whether it starts elsewhere than at the network, so that it is no part of another
    doubted: ClassVar[str | None] = None  # what it is known to do instead of forgetting, as published
    learner: Any

    def __post_init__(self) -> None:
        if not isinstance(self.learner, TorchLearner):
            msg = f"{type(self).__name__} wraps the TorchLearner that made the network, got {self.learner!r}"
            raise ParameterError(msg)
        self.check()

    # -- what a method says of its own ---------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise a ParameterError for settings that are not possible."""

    def unlearn(self, work: Unlearning) -> None:
        """Change ``work.student``."""
        raise NotImplementedError

    def most(self, retained: int, forgotten: int) -> int:
        """Record visits at most: a forward and backward pass is one, a forward pass alone a third."""
        raise NotImplementedError

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        """Why it cannot do this to these records; None where it can."""
        return None

    @property
    def doubt(self) -> str | None:
        """``doubted``, with the settings as published; of others nothing is known."""
        own = [held for held in fields(self) if held.name not in ("learner", "held_out")]  # type: ignore[arg-type]
        return self.doubted if all(getattr(self, held.name) == held.default for held in own) else None

    # -- A -------------------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """The learner's own: that is the algorithm which it undoes."""
        recipe: str = self.learner.recipe()
        return recipe

    def learn(self, data: Table, run: Run) -> Net:
        """What the learner learns."""
        net: Net = self.learner.learn(data, run)
        return net

    def predict(self, model: Net, data: Table) -> NDArray[Any]:
        """What the learner predicts."""
        scores: NDArray[Any] = self.learner.predict(model, data)
        return scores

    def visits(self, data: Table, run: Run) -> int:
        """What learning costs."""
        visits: int = self.learner.visits(data, run)
        return visits

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: Net, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """`Empirical`, with what it costs at most; or why not."""
        expect(data, run)
        if not isinstance(model, Net):
            msg = f"the model must be the Net that this learner learned, got a {type(model).__name__}"
            raise MismatchError(msg)
        change = data.change(target)
        refusal = next(self._refusals(model, target, data, change), None)
        out, into = (0, 0) if change is None else (len(change.out), len(change.into))
        if refusal is None and change is not None and out + into:
            refusal = self.refusal(model, self.sides(data, target, change, run))
        if refusal is not None:
            return refusal
        examples = self.most(len(data) - out + into, out) if out + into else 0
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        beside = () if self.learns or not into else (_NOT_LEARNED,)
        beside = (*beside, _CUT) if columns_of(target, data) else beside
        said = (*_ASSUMPTIONS, *beside, *data.remarks(target), *remark(self.learner, model, data, target, run))
        return Quote(self.claim, said, examples, seconds)

    def forget(self, model: Net, target: Target, data: Table, run: Run) -> Forgotten[Net]:
        """A changed copy of the network; the one given is left alone."""
        quote = self.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        change = data.change(target)
        if change is None or not len(change.out) + len(change.into):
            return Forgotten(model, quote.claim, 0)
        begun = self._cut(model, target, data)
        if isinstance(begun, Refusal):  # never: the quote was
            raise RefusedError(begun)
        with self.working(begun, self.sides(data, target, change, run), run) as work:
            self.unlearn(work)
            return Forgotten(work.net(), quote.claim, work.visits)

    @contextmanager
    def working(self, net: Net, sides: Sides, run: Run) -> Iterator[Unlearning]:
        """A copy of the network to work on, everything around it held still."""
        own = replace(run, key=keyed.subkey(run.key, "forget", type(self).__name__))
        with self.learner.training(own, "forgetting failed") as device:
            yield Unlearning(self.learner, net, sides, own, device)

    def sides(self, data: Table, target: Target, change: Change[Table], run: Run) -> Sides:
        """Who stays, who goes, and who stays but was held out while the network was trained."""
        after = data.after(target)
        out = held_out(after, run, self.learner.validation)
        return Sides(after.take(~out), data.take(change.out), after.take(out))

    def _cut(self, model: Net, target: Target, data: Table) -> Net | Refusal:
        """The network without the weights of forgotten columns, or why there is none; itself where no column goes."""
        columns = columns_of(target, data)
        if not columns or model.weights is None:
            return model
        if self.learns and self.needs == {"retained"}:
            return narrowed(self.learner, model, columns)
        return Refusal(
            "without a column every record is another one: only methods that look at nothing but what stays"
            " (Finetune, L1Sparse, ResetLayers) can go on from this network", "instead",
            f"Retrain({type(self.learner).__name__}(...))",
        )  # fmt: skip

    def _refusals(self, model: Net, target: Target, data: Table, change: Change[Table] | None) -> Iterator[Refusal]:
        instead = f"Retrain({type(self.learner).__name__}(...))"
        if change is None:
            yield Refusal("no record carries this target, so there is nothing to train away from", "never")
            return
        out, into, cut = len(change.out), len(change.into), self._cut(model, target, data)
        if isinstance(cut, Refusal):
            yield cut
        if out == len(data) and not into:
            yield Refusal("no record would be left to keep the network useful with", "instead", instead)
        if model.weights is None and out + into:
            yield Refusal("the model holds no network: it learned from no record or one class", "instead", instead)
        yield from _strangers(model, change.into)
        if into and not out and not self.learns:
            yield Refusal("new records have to be learned, and this method only takes away", "instead", instead)
        if "log" in self.needs and model.log is None:
            yield Refusal(
                "it needs the training log, and this network has none: log=False, or adopted", "misconfigured"
            )
        if "classification" in self.needs and model.task != "classification":
            yield Refusal(f"it works on scores of classes, and this network is for {model.task}", "never")


def _strangers(model: Net, into: Table) -> Iterator[Refusal]:
    """Records of a class that the network has no output for."""
    known = set(model.classes or ())
    new = sorted(set(into.present) - known, key=str) if model.task == "classification" and len(into) else []
    if new:
        yield Refusal(
            f"the network has no output for class {new[0]!r}: it was not among its classes", "instead", "Retrain"
        )


_NOT_LEARNED = "this method only takes away: the corrected rows are not learned"
_CUT = (
    "the network reads the column no more, for its weights are gone; what the other weights learned beside it is only"
    " trained over"
)
_ASSUMPTIONS = (
    "nothing is proven: only an audit beside the oracle, a second oracle and the original can speak",
    "whoever holds the network from before can compare the two",
)
