"""What may be said of a figure, and of an audit: four verdicts, and no other.

- *detected*: the forgotten model is not one of the oracles by this figure. Beyond them, on the other side from doing
  nothing, is detected too, and called overshoot.
- *not detected*: it passes for one of them, and an effect smaller than that of doing nothing would have been seen, with
  the chance that is said. It is never "proved", and never "deleted".
- *inconclusive*: it passes for one of them, but so might a model that forgot nothing. Where the original itself passes,
  the figure is *rejected*: it cannot tell doing nothing from the oracle on these data.
- *no evidence (screening)*: there were no oracles to be compared with, or too few.

Several figures are several chances of a false alarm, so p-values are put right by Holm's method before any verdict:
with nothing to be found, an audit says *detected* in at most 5 of 100 cases, all its figures together.

Examples
--------
>>> from expunge.measures.prediction import placed
>>> oracles = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.53]
>>> original, forgotten = placed(0.9, oracles), placed(0.51, oracles)
>>> print(judged(forgotten, original, forgotten.p).said)
not detected: an effect 16 % as large as that of doing nothing would have been seen with a chance of 80 %
>>> judged(placed(0.51, oracles), placed(0.52, oracles), 1.0).rejected
True
>>> judged(placed(0.1, oracles), original, 0.0001).overshoot
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.measures.prediction import Placed

Kind = Literal["detected", "not detected", "inconclusive", "no evidence"]
ALPHA = 0.05
POWER = 0.8
"""Chance with which "would have been seen" is meant."""
SAME = "the same as every oracle's"


@dataclass(frozen=True)
class Verdict:
    """What may be said.

    Attributes
    ----------
    kind : {"detected", "not detected", "inconclusive", "no evidence"}
    said : str
        A sentence for people, which begins with the kind.
    p : float or None
        After Holm; None where nothing was tested.
    share : float or None
        The smallest effect that would have been seen, by that of doing nothing.
    overshoot : bool
        Detected on the other side from doing nothing.
    rejected : bool
        The figure cannot tell doing nothing from the oracle.
    """

    kind: Kind
    said: str
    p: float | None = None
    share: float | None = None
    overshoot: bool = False
    rejected: bool = False


def judged(forgotten: Placed, original: Placed, p: float, *, alpha: float = ALPHA) -> Verdict:
    """The verdict on one figure.

    Parameters
    ----------
    forgotten, original : Placed
        Each among the same oracles; ``smallest`` at the level that Holm leaves the first of all figures.
    p : float
        Of the forgotten model, after Holm.
    alpha : float
    """
    idle = abs(original.apart)
    if p <= alpha:
        beyond = forgotten.apart * original.apart < 0 and original.p <= alpha
        side = ", beyond the oracles (overshoot)" if beyond else ""
        part = (
            f", {_percent(abs(forgotten.apart) / idle)} of what doing nothing leaves" if _tells(original, alpha) else ""
        )
        return Verdict("detected", f"detected{side}: p = {p:.2g}{part}", p, overshoot=beyond)
    if not _tells(original, alpha):
        said = "inconclusive: rejected, since by this figure even the original passes for an oracle"
        return Verdict("inconclusive", said, p, rejected=True)
    if not forgotten.smallest:
        return Verdict("not detected", f"not detected: {SAME}", p, 0.0)
    share = forgotten.smallest / idle
    if share >= 1:
        said = "inconclusive: a model that forgot nothing would have passed too often"
        return Verdict("inconclusive", said, p, share)
    said = (
        f"not detected: an effect {_percent(share)} as large as that of doing nothing would have been seen"
        f" with a chance of {_percent(POWER)}"
    )
    return Verdict("not detected", said, p, share)


def harm(forgotten: Placed, p: float, *, alpha: float = ALPHA) -> Verdict:
    """The verdict on a figure of damage: what doing nothing shows is no yardstick there.

    Parameters are those of `judged`.
    """
    if p <= alpha:
        return Verdict("detected", f"detected: {forgotten.apart:+.3g} from the oracles' mean, p = {p:.2g}", p)
    if not forgotten.smallest:
        return Verdict("not detected", f"not detected: {SAME}", p)
    size = f"a difference of {forgotten.smallest:.2g}"
    said = f"not detected: {size} would have been seen with a chance of {_percent(POWER)}"
    return Verdict("not detected", said, p)


def overall(leaks: Sequence[Verdict]) -> Verdict:
    """One verdict from those on all figures of what is left of the forgotten."""
    found = [one for one in leaks if one.kind == "detected"]
    if found:
        over = sum(one.overshoot for one in found)
        what = "stand out the other way than before" if over == len(found) else "can be told from an oracle's"
        far = f" (overshoot by {over} of these)" if over else ""
        said = f"detected: by {len(found)} of {len(leaks)} figures, the forgotten records {what}{far}"
        return Verdict("detected", said, min(one.p or 0.0 for one in found), overshoot=bool(over))
    silent = [one for one in leaks if one.kind == "not detected" and one.share is not None]
    if silent:
        best = min(silent, key=lambda one: one.share or 1.0)  # that all oracles agree is no measure of what was seen
        return Verdict("not detected", best.said, best.p, best.share)
    if leaks:
        return Verdict("inconclusive", "inconclusive: no figure could have told doing nothing from an oracle here")
    return screening()


def screening() -> Verdict:
    """The verdict where nothing was learned to be compared with."""
    return Verdict("no evidence", "no evidence (screening): too little was learned again for a stronger word")


def _tells(original: Placed, alpha: float) -> bool:
    """Whether the figure tells doing nothing from the oracle."""
    return original.p <= alpha and original.apart != 0


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
