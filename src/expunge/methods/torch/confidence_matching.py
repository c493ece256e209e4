"""Confidence matching: each forgotten record ends where the network would be about it, had it never seen it.

Methods that push forgotten records away stop too early or too late, and most records need another dose than their
neighbour. Here each gets an aim of its own: the margin (log-odds of its class) that held-out records of its rank in
hardness have, and, where a shadow was trained, the probabilities of the other classes that a network gives that never
met it. The retained records are kept by their labels and by what the network said of them, which pulls forgotten ones
up again; so the aim is shifted in a closed loop, until what is reached is what was aimed at. When it is not reached,
that is an error, and the answer is to retrain.

Claim: Empirical.

Of this project: docs/confidence-matching.md has the derivation, what was measured, and the doubts. All defaults come
from there, and are not meant to be tuned for a request.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> X = np.random.default_rng(0).normal(size=(240, 2)).astype(np.float32)
>>> table = Table.from_arrays(X, np.where(X[:, 0] > 0, "right", "left"))
>>> learner = TorchLearner(partial(torch.nn.Linear, 2, 2), validation=0.2, shadow=0.2)
>>> method, run = ConfidenceMatching(learner), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3, 4]), table, run)
>>> done.claim, 3 in done.model.log.ids, 3 in done.model.shadow.ids
(Empirical(), False, False)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from expunge.data.table import Table
from expunge.errors import LearnError, ParameterError
from expunge.learners.torch.course import names_of
from expunge.learners.torch.early import held_out
from expunge.learners.torch.network import Shadow
from expunge.methods.torch._never_seen import (
    FEWEST,
    Aims,
    Answers,
    answers,
    by_log,
    by_shadow,
    joined,
    matched,
    telling,
)
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_positive, check_share
from expunge.methods.torch._unlearning import evaluated
from expunge.values import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.learners.torch import Net, TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Batch, Records, Sides, Unlearning
    from expunge.protocol import Change, Run
    from expunge.values import Target

MOST = 0.1  # forgotten records by retained ones: with more, no setting kept accuracy
WARM, LAST = 0.2, 0.1  # share of the steps in which the rate rises; share of it that is left at the end
DECAY = 1e-4  # of weights, in AdamW
ADAM = (torch.optim.Adam, torch.optim.Adamax, torch.optim.NAdam, torch.optim.RAdam)  # AdamW is one of the first
HOTTER, PLAIN = 3.0, 1e-3  # learning rate: by the learner's own; where that says nothing of Adam's
FARTHEST, FASTEST = 4.0, 1.0  # that an aim is shifted; of what is missing, that counts for one shift: it would wind up
GAP = 0.1  # that may be left between aims and what was reached, in standard deviations of held-out margins
ALONE = 0.6  # the same for one record: so far apart are, in 19 of 20 cases, networks that never saw it
NEAR, STUCK = 0.25, 0.98  # logits from an aim that are no way to go; share that may be left of a longer one
FALL = 0.02  # of accuracy on held-out records


@dataclass(frozen=True)
class ConfidenceMatching(PostHoc):
    """Move each forgotten record to the confidence of records that were never seen, in a closed loop.

    Parameters
    ----------
    learner : TorchLearner
        With ``shadow=0.2`` records are ranked better than by the training log alone, and other classes are matched too.
    held_out : Table, optional
        Labelled records that the network never saw. Unless given: the units that the learner's ``validation`` held out.
    epochs : float
        Passes over the retained records, in batches of half the learner's size.
    lr : float, optional
        Highest learning rate of AdamW: it rises over a fifth of the steps, and falls along a cosine to a tenth. Unless
        given: thrice the learner's own, where its optimizer is of Adam's kind; else 0.001.
    weight : float
        Of one forgotten record against one retained record.
    apart : float
        Of the other classes' probabilities against the margin, in what a forgotten record weighs.
    distil : float
        Share of the retained records' loss that is the divergence from what the network said; the rest is its own loss.
    gain : float
        By how much of what is missing the aim is shifted after each step.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten", "classification"})
    learner: TorchLearner
    held_out: Table | None = field(default=None, repr=False)
    epochs: float = 2.2
    lr: float | None = None
    weight: float = 1.4
    apart: float = 1.0
    distil: float = 0.5
    gain: float = 0.2

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_positive(self, "epochs", "weight", *([] if self.lr is None else ["lr"]))
        check_share(self, "distil", "gain")
        if self.apart:
            check_positive(self, "apart")
        if self.held_out is not None and (not isinstance(self.held_out, Table) or self.held_out.label is None):
            msg = f"ConfidenceMatching needs held_out to be a Table with labels, got {self.held_out!r}"
            raise ParameterError(msg)

    @property
    def _size(self) -> int:
        """Retained records to a step."""
        return max(2, self.learner.batch_size // 2)

    def _steps(self, retained: int) -> int:
        return max(1, round(self.epochs * math.ceil(retained / self._size)))

    def most(self, retained: int, forgotten: int) -> int:
        """All steps, with half as many forgotten records to each, and four looks without training."""
        held = retained if self.held_out is None else len(self.held_out)
        steps = self._steps(retained) * (self._size + 1 + min(forgotten, self._size // 2 + 1))
        return steps + math.ceil((2 * retained + 2 * forgotten + 2 * held) / 3)

    def sides(self, data: Table, target: Target, change: Change[Table], run: Run) -> Sides:
        """As for all; records that were held out while the network was trained need no unlearning."""
        met = ~held_out(data, run, self.learner.validation)[change.out]
        return replace(super().sides(data, target, change, run), forgotten=data.take(change.out[met]))

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        """What it lacks to find the aims, or that too much is to be forgotten."""
        gone, held = names_of(gone_of(sides)), sides.held_out if self.held_out is None else self.held_out
        instead = f"Retrain({type(self.learner).__name__}(...))"
        if not len(gone):
            return None
        if len(gone) > MOST * len(sides.retained):
            return Refusal(
                f"{len(gone)} records are more than {MOST:.0%} of the {len(sides.retained)} that stay: the network"
                " would lose accuracy before it has forgotten", "instead", instead,
            )  # fmt: skip
        if len(held) < FEWEST or set(held.present) - set(model.classes or ()):
            return Refusal(
                f"it reads off records that the network never saw how sure it is of such, and needs {FEWEST} at least,"
                f" of its classes, got {len(held)}: give held_out=Table, or validation=0.1 to the learner before it"
                " learns", "misconfigured",
            )  # fmt: skip
        told = telling(model, names_of(sides.forgotten))
        if told is None:
            return Refusal(
                "it needs the training log or a shadow, and this network has none: give log=True or shadow=0.2 to the"
                " learner before it learns (a network that was adopted has neither)", "misconfigured",
            )  # fmt: skip
        missing = int((~np.isin(gone, told.ids)).sum())
        if missing:
            return Refusal(
                f"{missing} of the records came or were corrected after the network was trained, so that its training"
                " log says nothing of them", "instead", instead,
            )  # fmt: skip
        return None

    def unlearn(self, work: Unlearning) -> None:
        """Find the aims, move there in a closed loop, and see whether they were reached."""
        before = work.teacher()
        held = work.held_out if self.held_out is None else work.records(self.held_out, "given")
        gone = work.records(gone_of(work.sides), "forgotten")
        stays, goes = answers(work, before, work.retained), answers(work, before, gone)
        unseen = answers(work, before, held if len(goes.names) else work.records(held.data.take(slice(0, 0)), "none"))
        aims = aims_of(work.model, stays, goes, unseen, names_of(work.sides.forgotten))
        self._moved(work, gone, stays, aims)
        work.renew_statistics()
        if len(goes.names):
            after = answers(work, work.student, gone)
            gaps = [float(np.mean(each.margins - aims.margins)) for each in (goes, after)]
            self._judge(aims, gaps, answers(work, work.student, held), unseen)

    def _moved(self, work: Unlearning, gone: Records, stays: Answers, aims: Aims) -> None:
        """Train the student: retained records as they were, corrected ones as they are now, forgotten to their aims."""
        steps, size = self._steps(len(work.retained)), self._size
        rate = own_rate(work.optimizer(self.learner.optimizer)) if self.lr is None else self.lr
        optimizer = work.optimizer(torch.optim.AdamW, lr=rate, weight_decay=DECAY)
        pace = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: paced(step, steps))
        kept, new = _tensor(work, np.exp(stays.scores)), np.isin(stays.names, names_of(work.sides.forgotten))
        distil = _tensor(
            work, np.where(new, 0.0, self.distil)
        )  # what was said of a corrected record was of the old one
        loop = Loop(work, aims, self.gain)
        retained, forgotten = work.retained.cycle(size), gone.cycle(max(1, size // 2))
        weight = self.weight * len(gone) / max(1, len(work.retained))
        for _ in range(steps):
            loss = keeping(work, next(retained), kept, distil)
            batch = next(forgotten, None)
            if batch is not None:
                margin, other = loop.losses(batch)
                loss = loss + weight * (margin + self.apart * other)
            work.step(loss, optimizer)
            pace.step()

    def _judge(self, aims: Aims, gaps: Sequence[float], after: Answers, before: Answers) -> None:
        """Raise when the aims were missed, hardly approached, or held-out records told apart less well than before."""
        begun, gap = gaps
        right = [each.scores.argmax(axis=1) == each.places for each in (before, after)]
        fell, differ = float(np.mean(right[0]) - np.mean(right[1])), float(np.mean(right[0] != right[1]))
        noise = 2 * math.sqrt(differ / len(before.names))  # two standard errors of a difference of pairs
        spread = float(np.std(before.margins))
        most = max(GAP, ALONE / math.sqrt(len(aims.margins))) * spread
        if abs(begun) > max(GAP * spread, NEAR) and begun * gap > 0:
            most = min(most, STUCK * abs(begun))  # where there was a way to go, it was begun
        if not abs(gap) <= most:
            msg = f"the forgotten records did not end where they should: {gap:+.2f} logits from it, at most {most:.2f}"
            raise LearnError(f"{msg} are taken for forgotten. Retrain without them")
        if fell > FALL + noise:
            msg = f"forgetting cost {fell:.1%} of the accuracy on held-out records, more than {FALL:.0%} and the noise"
            raise LearnError(f"{msg} of {len(before.names)} records. Retrain without the forgotten ones")


class Loop:
    """Aims, and by how much they are shifted so that they are reached."""

    def __init__(self, work: Unlearning, aims: Aims, gain: float) -> None:
        self.work, self.gain, self.shift = work, gain, 0.0
        self.margins = _tensor(work, aims.margins)
        self.others = None if aims.others is None else _tensor(work, aims.others)

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """How far records are from their shifted aims, by margin and by the other classes; then the shift moves."""
        with evaluated(self.work.student):  # as whoever asks the network sees them
            scores = functional.log_softmax(self.work.outputs(batch, count=False).float(), 1)
        own = functional.one_hot(batch.target, scores.shape[1]).bool()
        rest = torch.where(own, -torch.inf, scores)
        margin = scores[own] - rest.logsumexp(1)
        rows = torch.tensor(batch.rows, device=scores.device)
        aim = self.margins[rows]
        missing = float((aim - margin.detach()).mean())
        self.shift += self.gain * max(-FASTEST, min(FASTEST, missing))
        self.shift = max(-FARTHEST, min(FARTHEST, self.shift))
        missed = functional.smooth_l1_loss(margin, aim + self.shift)
        if self.others is None:
            return missed, torch.zeros_like(missed)
        among = torch.where(own, 0.0, rest - rest.logsumexp(1, keepdim=True))
        wanted = self.others[rows]
        apart = (wanted.exp() * torch.where(own, 0.0, wanted - among)).sum(1)
        return missed, apart.mean()


def aims_of(model: Net, stays: Answers, goes: Answers, unseen: Answers, out: NDArray[Any]) -> Aims:
    """Where the forgotten records are to end.

    Parameters
    ----------
    model : Net
        With its shadow or its log.
    stays, goes, unseen : Answers
        What the network says of the retained, the forgotten and the held-out records.
    out : (n,) ids
        Of all records that go, corrected ones too: what was written down of them tells of the old row.
    """
    if not len(goes.names):
        return Aims(np.zeros(0), None)
    last = ~np.isin(stays.names, out)
    known = joined(goes, Answers(stays.names[last], stays.places[last], stays.scores[last]))
    asked, among = np.arange(len(known.names)) < len(goes.names), None
    told, hardness = telling(model, out), np.full(len(known.names), np.nan)
    if isinstance(told, Shadow):
        hardness, rest = by_shadow(told, known, out)
        among = rest[asked]
    elif told is not None:
        hardness = by_log(told, known)
    there = ~np.isnan(hardness)
    return Aims(matched(hardness[there], asked[there], unseen.margins), among)


def gone_of(sides: Sides) -> Table:
    """The forgotten records that do not stay in another form: a corrected one is to be as sure as it is right."""
    there = np.isin(names_of(sides.forgotten), names_of(sides.retained))
    return sides.forgotten.take(np.flatnonzero(~there))


def keeping(work: Unlearning, batch: Batch, kept: Tensor, distil: Tensor) -> Tensor:
    """Mean loss of retained records: their own, and by its share the divergence from what the network said of them."""
    made = work.outputs(batch)
    rows = torch.tensor(batch.rows, device=kept.device)
    divergence = functional.kl_div(functional.log_softmax(made.float(), 1), kept[rows], reduction="none").sum(1)
    share = distil[rows]
    return ((1 - share) * work.losses(made, batch.target) + share * divergence).mean()


def own_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate that goes with what the network was trained by.

    Examples
    --------
    >>> weight = [torch.zeros(1, requires_grad=True)]
    >>> own_rate(torch.optim.Adam(weight, lr=0.002)), own_rate(torch.optim.SGD(weight, lr=0.1))
    (0.006, 0.001)
    """
    return HOTTER * float(optimizer.defaults["lr"]) if isinstance(optimizer, ADAM) else PLAIN


def paced(step: int, steps: int) -> float:
    """Share of the highest learning rate: a rise, then a cosine.

    Examples
    --------
    >>> [round(paced(step, 10), 2) for step in (0, 1, 5, 9)]
    [0.5, 0.98, 0.55, 0.12]
    """
    rise = min(1.0, (step + 1) / max(1.0, WARM * steps))
    return rise * (LAST + (1 - LAST) * (1 + math.cos(math.pi * step / steps)) / 2)


def _tensor(work: Unlearning, numbers: Any) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32, device=work.device)
