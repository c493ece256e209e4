"""The ten laws that every method keeps, and `contract`, which checks them all: here, and in a plugin.

Each law is a plain function of a `Case`; it raises an AssertionError when the method breaks it. `contract` turns cases
into a parametrized test, one id for each law and case::

    from expunge.testing import Case, contract

    @contract(Case(MyMethod()), Case(MyMethod(steps=3)))
    def test_my_method(case, law):
        law(case)

A faithful published method that breaks a law says so: ``Case(method, broken={"law_name": "the reason"})`` expects that
failure, strictly. Needs ``pip install 'expunge[testing]'``.

Examples
--------
>>> from sklearn.naive_bayes import GaussianNB
>>> from expunge import Retrain
>>> forgetting_nothing_changes_nothing(Case(Retrain(GaussianNB())))
"""

from __future__ import annotations

from typing import Any

import pytest

from expunge.errors import ParameterError
from expunge.testing.cases import Case, patients
from expunge.testing.laws import (
    LAWS,
    Law,
    forgetting_ends_near_the_oracle,
    forgetting_nothing_changes_nothing,
)

__all__ = ["LAWS", "Case", "Law", "contract", "forgetting_nothing_changes_nothing", "patients"]


def contract(*cases: Case) -> pytest.MarkDecorator:
    """Parametrize a test ``(case, law)`` over every law and case; the test's body is ``law(case)``.

    Raises
    ------
    ParameterError
        When a method is known to break the law of the oracle, and a plan might pick it all the same.
    """
    for case in cases:
        if forgetting_ends_near_the_oracle.__name__ in case.broken and not getattr(case.method, "doubt", None):
            msg = f"{type(case.method).__name__} is known not to end near the oracle: give it a doubt, or plans pick it"
            raise ParameterError(msg)

    def row(number: int, case: Case, law: Law) -> Any:
        name = law.__name__
        marks = [pytest.mark.xfail(reason=case.broken[name], strict=True)] if name in case.broken else []
        return pytest.param(case, law, id=f"{number}-{type(case.method).__name__}-{name}", marks=marks)

    rows = [row(number, case, law) for number, case in enumerate(cases) for law in LAWS]
    return pytest.mark.parametrize(("case", "law"), rows)
