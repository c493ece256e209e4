"""A person leaves a model with all their records: quote first, then forgetting, then the audit with its controls.

Run it: python examples/forget_a_person.py
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from expunge import Owners, Quote, Run, Sisa, Table
from expunge.audit.report import audit
from expunge.store.sweep import sweep


def main() -> None:
    """Learn 600 visits of 120 people, forget one person, audit, destroy what the old model went on from."""
    random = np.random.default_rng(0)
    visits = random.normal(size=(700, 6))
    ill = np.where(visits[:, 0] + visits[:, 1] + random.normal(size=700) > 0, "ill", "well")
    people = [f"person {number % 120}" for number in range(700)]
    everything = Table.from_arrays(visits, ill, np.arange(700), people)
    data, held_out = everything.take(slice(0, 600)), everything.take(slice(600, None))

    method, run = Sisa(LogisticRegression(), shards=6, slices=3), Run(key=b"a secret of 32 bytes in real life")
    model = method.learn(data, run)

    target = Owners(["person 7"])
    quote = method.quote(model, target, data, run)
    assert isinstance(quote, Quote)
    print(f"quoted: {quote.claim}, {quote.examples} record visits of {method.visits(data, run)}")
    for assumption in quote.assumptions:
        print(f"  if {assumption}")

    done = method.forget(model, target, data, run)
    print(audit(method, model, done, target, data, run, test=held_out))
    print(f"{sweep(run.store, [done.model])} checkpoints of the old model destroyed")


if __name__ == "__main__":
    main()
