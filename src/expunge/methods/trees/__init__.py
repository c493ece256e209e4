"""Methods for models of trees, compiled by numba: what a node keeps are integers, so taking a record out is exact."""

from __future__ import annotations

from expunge.errors import MissingExtraError

try:
    import numba as _numba  # noqa: F401  (asked for here, so that its absence is a sentence)
except ModuleNotFoundError as missing:
    _msg = "forests need the package 'numba', which is not installed: pip install 'expunge[trees]'"
    raise MissingExtraError(_msg) from missing
