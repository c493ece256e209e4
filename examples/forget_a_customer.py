"""A customer leaves a LogisticRegression that was fitted long ago: five lines, and a fitted estimator to go on with.

Run it: python examples/forget_a_customer.py
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from expunge import Newton, Owners, Run, Table


def main() -> None:
    """Fit as ever, delete one customer, compare with fitting without them."""
    random = np.random.default_rng(0)
    X = random.normal(size=(5000, 8))
    y = (X @ random.normal(size=8) + random.normal(size=5000) > 0).astype(int)
    customers = np.array([f"customer {number % 900}" for number in range(5000)])
    fitted = LogisticRegression(C=1.0).fit(X, y)

    # The five lines.
    data, run = Table.from_arrays(X, y, owners=customers), Run(key=b"a secret of 32 bytes in real life")
    method = Newton(fitted)
    adopted = method.adopt(fitted, data, run)
    done = method.forget(adopted.state, Owners(["customer 7"]), data, run)
    without = method.written(done.model, fitted)

    print(f"scikit-learn had stopped {adopted.moved:.1e} from the optimum")
    print(f"{done.claim}: {done.passes} passes over the records, and at most {done.bound:.1e} from the optimum")
    stays = customers != "customer 7"
    exact = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12).fit(X[stays], y[stays])
    apart = [np.linalg.norm(model.coef_ - exact.coef_) for model in (fitted, without)]
    print(f"from a refit without the customer: {apart[0]:.1e} before, {apart[1]:.1e} after")
    assert apart[1] < 1e-6


if __name__ == "__main__":
    main()
