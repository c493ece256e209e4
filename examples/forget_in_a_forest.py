"""A person leaves a random forest: the price, the proof, and a tree before and after, as text and as a picture.

Run it: python examples/forget_in_a_forest.py [--picture forest.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np

from expunge import Forest, Owners, Run, Table, fingerprint
from expunge.trees.labelled import LabelledTree
from expunge.trees.text import tree_text


def main() -> None:
    """Learn 3,000 visits of 600 people, forget one of them, and look at what changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--picture", type=Path, help="draw a tree that changed into this file (needs matplotlib)")
    given = parser.parse_args()

    random = np.random.default_rng(0)
    age, size = random.normal(50, 15, 3000), random.normal(170, 9, 3000)
    age[::11] = np.nan  # not asked
    visits = np.column_stack([age, size, random.integers(0, 4, 3000)])
    ill = np.where(np.nan_to_num(age, nan=45.0) + random.normal(0, 8, 3000) > 55, "ill", "well")
    people = [f"person {number % 600}" for number in range(3000)]
    data = Table.from_arrays(visits, ill, owners=people, columns=["age", "size", "ward"])

    method, run = Forest(trees=50, share=0.3, categorical=("ward",)), Run(key=b"a secret of 32 bytes in real life")
    model = method.learn(data, run)
    target = Owners(["person 7"])
    print(f"quoted: {method.quote(model, target, data, run)}")

    begun = perf_counter()
    done = method.forget(model, target, data, run)
    print(f"forgotten in {1000 * (perf_counter() - begun):.1f} ms (the first time, numba may compile)")
    without = method.learn(data.after(target), run.afresh())
    print(f"the forest that never met person 7: {fingerprint(done.model) == fingerprint(without)}")

    before = [LabelledTree.of(method, model, data, run, number) for number in range(method.trees)]
    after = [LabelledTree.of(method, done.model, data, run, number) for number in range(method.trees)]
    changed = [number for number in range(method.trees) if tree_text(before[number]) != tree_text(after[number])]
    print(f"{len(changed)} of {method.trees} trees changed; the upper levels of one of them:")
    print(tree_text(after[changed[0]], depth=2))
    values = set(visits[np.array(people) == "person 7", :2].ravel().tolist())
    kept = {float(value) for tree in after for value in tree.nodes.threshold} & values
    print(f"thresholds that are a value of person 7: {len(kept)}")
    if given.picture:
        draw([(before[number], after[number]) for number in changed], given.picture)


def draw(trees: list[tuple[LabelledTree, LabelledTree]], path: Path) -> None:
    """The tree of which most was built again, with frames where it changed."""
    from expunge.trees.picture import TreeDisplay

    pictures = [TreeDisplay(after, before, depth=3) for before, after in trees]
    most = max(pictures, key=lambda each: sum(box.fate == "rebuilt" for box in each.boxes))
    most.plot().figure_.savefig(path, dpi=110)
    print(f"drawn into {path}")


if __name__ == "__main__":
    main()
