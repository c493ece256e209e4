"""What a learner lets its method promise: `Exact` where learning twice gives the same bits, else `Empirical`.

Examples
--------
>>> from sklearn.linear_model import Ridge
>>> promised(Ridge())
(Exact(), ())
"""

from __future__ import annotations

from typing import Any

from expunge.protocol import Wavering
from expunge.values import Claim, Empirical, Exact


def promised(learner: Any) -> tuple[Claim, tuple[str, ...]]:
    """The claim of relearning with this learner, and the sentence that says why it is not `Exact`, if it is not."""
    reason = learner.wavers() if isinstance(learner, Wavering) else None
    return (Exact(), ()) if reason is None else (Empirical(), (reason,))
