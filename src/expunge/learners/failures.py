"""What a foreign estimator says when it fails, less what it quotes: that may be a value of somebody's record.

An error message ends in logs and tickets, which nobody sweeps. So texts in quotes are left out, unless they are names
of columns, or names or settings of the estimator itself. The whole failure is the message's cause, for whoever looks at
it on the spot.

Examples
--------
>>> from sklearn.linear_model import LogisticRegression
>>> failure = ValueError("could not convert string to float: 'Eve'; check the parameter 'C'")
>>> reason(failure, LogisticRegression())
"ValueError: could not convert string to float: '...'; check the parameter 'C'"
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

QUOTED = re.compile(r"(?<!\w)(['\"])((?:\\.|(?!\1(?!\w)).)*)\1(?!\w)", re.DOTALL)  # what is escaped ends no quote
LISTED = re.compile(r"\[[^\[\]]*\d\.\d*[^\[\]]*\]")  # numbers with a point: cells; sizes have none


def reason(failure: BaseException, estimator: Any, columns: Iterable[str] = ()) -> str:
    """Kind and words of a failure, without what it quotes of the data.

    Parameters
    ----------
    failure : exception
    estimator : estimator
        Whose parameters, and their settings, may be named.
    columns : iterable of str
        Names that are public.
    """
    known = {*_names(estimator), *columns}

    def kept(quoted: re.Match[str]) -> str:
        mark, text = quoted[1], quoted[2]
        return quoted[0] if text in known else f"{mark}...{mark}"

    return f"{type(failure).__name__}: {LISTED.sub('[...]', QUOTED.sub(kept, str(failure)))}"


def _names(estimator: Any) -> set[str]:
    """Of its class and its parameters, and settings that are texts."""
    parameters = estimator.get_params() if hasattr(estimator, "get_params") else {}
    settings = {value for value in parameters.values() if isinstance(value, str)}
    return {type(estimator).__name__, *parameters, *settings}
