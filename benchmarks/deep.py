"""Approximate forgetting in networks: what it costs, and what an attacker still sees, beside retraining.

Part 1: mnist1d, 1,500 records, a network 40-128-128-10, 40 epochs. Each arm is 32 networks that differ in their key.
Every method forgets the same records, drawn by a fixed seed from those that no setting was ever tuned on; where
settings of this project were tuned is said in docs/confidence-matching.md.

    python benchmarks/deep.py [--write] [--quick] [--only METHOD ...] [--requests NAME ...] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
from _deep import Arm, Bench, Request, Row, as_json, mnist1d
from sisa import head, machine, row, told

MODELS = 32
TUNED = range(100, 400)  # records that settings were tuned on: never in a request

ARMS = (
    Arm("finetune", "finetune", {}),
    Arm("neggrad", "neggrad", {}, held_out=True),
    Arm("random_label", "random_label", {}),
    Arm("bad_teacher", "bad_teacher", {}),
    Arm("scrub", "scrub", {}, held_out=True),
    Arm("ssd", "ssd", {}),
    Arm("salun", "salun", {}),
    Arm("l1_sparse", "l1_sparse", {}),
    Arm("masked_small_gradients", "masked_small_gradients", {}),
    Arm("reset_layers", "reset_layers", {}),
    Arm("delete", "delete", {}),
    Arm("memorisation_tiers", "memorisation_tiers", {}),
    Arm("confidence_matching, log alone", "confidence_matching", {}, shadowless=True, held_out=True),
    Arm("confidence_matching, shadow", "confidence_matching", {}, held_out=True),
    Arm("rewind, shadow", "rewind", {}, held_out=True),
)
"""Methods with their settings: those of the paper, unless the title says otherwise."""

SIZES = {"a": 100, "b": 100, "c": 100, "d": 50, "e": 50, "f": 50, "g": 20, "h": 300}
NOTES = """
*Cost* is in record visits of retraining: a forward and backward pass is one, a forward pass a third. *Extra*: what was
paid once, while the original was trained, in trainings. *Retained*, *forgotten*, *test*: accuracy less the oracle's.
*Tug* is tug-of-war, the product of one less each of these. *AUC*: of the loss, forgotten against test records of one
model. *Margin* is U-LiRA's balanced accuracy on the log-odds of the record's class, with 95 % over models; *90 %*: that
of the record that a tenth of the records exceed; *vector*: on all ten log-probabilities. *After*: forgotten accuracy
less the oracle's, both after three more epochs on retained records alone, and U-LiRA then.
"""


def drawn(name: str, ids: Sequence[int]) -> list[int]:
    """The records of a request: by a seed of its name, none of them tuned on."""
    free = np.array([k for k in ids if k not in TUNED])
    return sorted(int(k) for k in np.random.default_rng([ord(name), 5]).permutation(free)[: SIZES[name]])


def table(rows: Iterator[Row], kept: list[Row]) -> Iterator[str]:
    """The table of one request."""
    yield head(
        "arm", "cost", "extra", "retained", "forgotten", "test", "tug", "AUC", "margin", "90 %", "vector", "after",
        "margin after",
    )  # fmt: skip
    for one in rows:
        kept.append(one)
        if one.margin is None or one.vector is None:
            yield row([one.arm, one.said, *[""] * 11])
            continue
        yield row(
            [
                one.arm + (f" ({one.said})" if one.said else ""), f"{one.cost:.3f}", f"{one.extra:.2f}",
                f"{one.retained:+.3f}", f"{one.forgotten:+.3f}", f"{one.test:+.3f}", f"{one.tug:.3f}", f"{one.auc:.3f}",
                f"{one.margin.accuracy:.3f} [{one.margin.low:.3f}, {one.margin.high:.3f}]",
                f"{one.margin.quantile():.2f}", f"{one.vector.accuracy:.3f}", f"{one.after:+.3f}",
                f"{one.after_margin:.3f}",
            ]
        )  # fmt: skip


def report(models: int, names: Sequence[str], only: Sequence[str], keep: Path, lines: list[str]) -> Iterator[str]:
    """All requests, one after the other."""
    task = mnist1d()
    yield "# Approximate forgetting in networks\n\n"
    yield f"`python benchmarks/deep.py`: {models} networks an arm, {machine('torch', 'numpy', 'mnist1d')}.\n"
    bench = Bench(task, models, keep)
    arms = [arm for arm in ARMS if not only or arm.method in only]
    for name in names:
        request = Request(bench, name, drawn(name, task.data.ids.tolist()))
        yield f"\n## {SIZES[name]} of {len(task.data):,} records ({name})\n"
        rows: list[Row] = []
        yield from table(request.rows(arms), rows)
        lines += as_json(name, rows)
    yield NOTES


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/deep.md and deep.jsonl")
    parser.add_argument("--quick", action="store_true", help="8 networks, two requests: to try it, not for figures")
    parser.add_argument("--only", nargs="*", default=[], metavar="METHOD", help="these methods, beside the controls")
    parser.add_argument("--requests", nargs="*", default=None, metavar="NAME", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--keep", type=Path, help="a folder where networks are kept for the next time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = given.requests or (["a", "d"] if given.quick else list(SIZES))
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="expunge-deep-") as folder:
        keep = given.keep or Path(folder)
        told(report(8 if given.quick else MODELS, names, given.only, keep, lines), "deep.md" if given.write else None)
    if given.write:
        (Path(__file__).parent / "results" / "deep.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
