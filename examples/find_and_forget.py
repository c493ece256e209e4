"""Somebody mixed labels up: find the records that wrong predictions come from, and forget them with a bound.

Run it: python examples/find_and_forget.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from expunge import Newton, Run, Table
from expunge.finding.influential import influential
from expunge.measures.loss import log_loss


def main() -> None:
    """Plant 60 wrong labels among 1,200 digits, rank by influence, forget the first, and see what it was worth."""
    images, digits = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    order = random.permutation(len(images))
    X, y = images[order] / 16, digits[order]
    noted = y[:1200].copy()
    noted[:60] = (noted[:60] + random.integers(1, 10, 60)) % 10  # somebody typed another digit
    data, asked = Table.from_arrays(X[:1200], noted), Table.from_arrays(X[1200:1500], y[1200:1500])
    unseen = Table.from_arrays(X[1500:], y[1500:])  # others than those asked about: these are no test any more

    method, run = Newton(LogisticRegression()), Run(key=b"a secret of 32 bytes in real life")
    model = method.learn(data, run)
    found = influential(method, model, data, run, asked)
    print(f"of the first 60 records, {np.sum(np.array(found.names(60)) < 60)} were mixed up")
    for share in found.shares(60)[:3]:
        print(f"  they are {share.taken} of the {share.records} records of class {share.name}")

    done = method.forget(model, found.target(60), data, run)
    for name, each in {"before": model, "after": done.model}.items():
        scores = method.predict(each, unseen)
        loss = log_loss(scores, each.classes or (), y[1500:]).mean()
        print(f"{name}: right on unseen digits {np.mean(scores.argmax(1) == y[1500:]):.1%}, log loss {loss:.3f}")
    print(f"claim: {done.claim}")


if __name__ == "__main__":
    main()
