"""The README's table of methods over networks: what each needs, and what the committed benchmark shows of it.

    python scripts/method_table.py            # prints it
    python scripts/method_table.py --write    # puts it into README.md, between its two marks

Figures are means over the requests of benchmarks/results/deep.jsonl for 100 and 50 of 1,500 records. A method that is
not in there, for it owns its training or hides classes alone, has those of benchmarks/results/deep_targets.jsonl, where
no attack was run. One that is in neither says so, until somebody has measured it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from expunge.catalog import entries, load

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "deep.jsonl"
TARGETS = RESULTS.with_name("deep_targets.jsonl")
ELSEWHERE = ", on [other requests](benchmarks/results/deep_targets.md)"
BEGIN, END = "<!-- made by scripts/method_table.py -->\n", "<!-- end of what is made -->\n"
REQUESTS = ("a", "b", "c", "d", "e", "f")
CONTROLS = {"do nothing": "*do nothing*", "retrained again": "*retrain, again*"}
NEEDS = {
    "retained": "retained",
    "forgotten": "forgotten",
    "log": "log",
    "held_out": "held-out",
    "function": "a function",
}
HEAD = ("method", "works from", "price", "leakage", "all scores", "forgotten", "returns", "kept")


def measured(results: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of the benchmark by arm, in the order of the arms."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in results.splitlines():
        row = json.loads(line)
        if row["request"] in REQUESTS:
            found.setdefault(row["arm"], []).append(row)
    return found


def figures(rows: list[dict[str, Any]]) -> list[str]:
    """Means over requests; a request that a method refused is said."""
    told = [row for row in rows if row.get("margin")]
    if not told:
        return ["refused", *[""] * (len(HEAD) - 3)]

    def mean(name: str) -> float:
        values = [row[name][0] if isinstance(row[name], list) else row[name] for row in told]
        return round(math.fsum(values) / len(values), 2) + 0.0  # no minus before a nought

    price = f"{mean('cost'):.2f}" + (f" + {mean('extra'):.1f} once" if mean("extra") else "")
    price += f" ({len(rows) - len(told)} of {len(rows)} refused)" if len(told) < len(rows) else ""
    return [
        price,
        f"{mean('margin'):.2f}",
        f"{mean('vector'):.2f}",
        f"{mean('forgotten'):+.2f}",
        f"{mean('after'):+.2f}",
        f"{mean('retained'):+.2f}",
    ]


def elsewhere(targets: str, method: str) -> list[str] | None:
    """Means over the requests of the other benchmark, less the oracle's there; None where the method is not in it."""
    lines = [json.loads(line) for line in targets.splitlines()]
    oracle = {row["request"]: row for row in lines if row["arm"] == "oracle"}
    mine = [row for row in lines if row["arm"] == method]
    told = [row for row in mine if "cost" in row and row["request"] in oracle]
    if not told:
        return None

    def mean(name: str, *, less: bool = True) -> float:
        values = [row[name] - (oracle[row["request"]][name] if less else 0) for row in told]
        return round(math.fsum(values) / len(values), 2) + 0.0

    price = f"{mean('cost', less=False):.2f}"
    price += f" ({len(mine) - len(told)} of {len(mine)} refused)" if len(told) < len(mine) else ""
    return [price, "", "", f"{mean('forgotten'):+.2f}", "", f"{mean('retained'):+.2f}"]


def needs(kind: Any) -> str:
    """What a method works from, of the things that somebody may no longer have."""
    own = set(kind.needs) | (set(kind.__dataclass_fields__) & NEEDS.keys())
    return ", ".join(said for name, said in NEEDS.items() if name in own) or "nothing"


def rows_of(results: str, targets: str) -> Iterator[list[str]]:
    """One row a control and a method, or an arm of it."""
    found = measured(results)
    for arm, said in CONTROLS.items():
        if arm in found:
            yield [said, "", *figures(found[arm])]
    for entry in (entry for entry in entries() if entry.shelf == "torch"):
        kind: Any = load(entry.name)
        title = f"`{kind.__name__}({'learner, function' if 'function' in kind.__dataclass_fields__ else 'learner'})`"
        arms = [arm for arm in found if arm.partition(",")[0] == entry.name]
        for arm in arms:
            yield [title + arm.removeprefix(entry.name), needs(kind), *figures(found[arm])]
        if arms:
            continue
        found_there = elsewhere(targets, entry.name)
        if found_there is not None:
            yield [title + ELSEWHERE, needs(kind), *found_there]
        else:
            said = "yours" if entry.name == "callable" else "not measured yet"
            yield [title, needs(kind), said, *[""] * (len(HEAD) - 3)]


def table(results: str, targets: str | None = None) -> str:
    """All of it, as Markdown; ``targets`` unless given: what is committed."""
    if targets is None:
        targets = TARGETS.read_text(encoding="utf-8") if TARGETS.exists() else ""
    lines = [HEAD, ["---"] * len(HEAD), *rows_of(results, targets)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def placed(page: str, made: str) -> str:
    """The page with the table between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"README.md lacks the marks {BEGIN.strip()} and {END.strip()}"
        raise SystemExit(msg)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> None:
    """Print, or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put it into README.md")
    made, readme = table(RESULTS.read_text(encoding="utf-8")), ROOT / "README.md"
    if parser.parse_args().write:
        readme.write_text(placed(readme.read_text(encoding="utf-8"), made), encoding="utf-8")
    else:
        print(made, end="")


if __name__ == "__main__":
    main()
