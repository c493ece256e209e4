"""Requests one by one, as a batch, and by retraining: what each costs, and that all end in the same model.

Run it: python examples/queue_requests.py
"""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from expunge import Batch, Plan, Records, Retrain, Run, Sisa, Table, expected_cost, fingerprint, plan


def main() -> None:
    """Forget twelve records of a thousand three ways, and let the planner say which is cheapest."""
    X = np.random.default_rng(0).normal(size=(1000, 5))
    data, run = Table.from_arrays(X, X[:, 0] > 0), Run(key=b"a secret of 32 bytes in real life")
    method = Sisa(DecisionTreeClassifier(), shards=20)
    model = method.learn(data, run)
    requests = [Records([number]) for number in range(0, 600, 50)]

    one_by_one, current, spent = model, data, 0
    for request in requests:
        done = method.forget(one_by_one, request, current, run)
        one_by_one, current, spent = done.model, current.after(request), spent + done.examples
    at_once = method.forget(model, Batch(requests), data, run.afresh())

    count = len(requests)
    print(f"one by one: {spent} record visits; expected {expected_cost(1000, 20, 1, count):.0f}")
    print(f"as a batch: {at_once.examples}; expected {expected_cost(1000, 20, 1, count, batch=True):.0f}")
    print("the same model:", fingerprint(one_by_one) == fingerprint(at_once.model))

    chosen = plan([method, Retrain(method)], model, Batch(requests), data, run.afresh())
    assert isinstance(chosen, Plan)
    answers = {name: answer.examples for name, answer in chosen.answers.items() if not hasattr(answer, "reason")}
    print(f"the planner takes {chosen.name}: {answers}")


if __name__ == "__main__":
    main()
