"""Pipelines: one deletion, stages and all, against refitting scikit-learn's pipeline on what remains.

CPU seconds of the process, one thread (what the wall clock shows on a machine that has nothing else to do). A deletion
is everything that `forget` does: finding the record, comparing sums, reading it, and making all stages and the closed
form anew; each starts from a model and a table that remember their sums, as in a stream of requests. A refit is given
its rows. Texts: sms_spam from the folder that ``EXPUNGE_DATA`` names, made more by drawing words from it, generated
ones where it is absent. The last model of each stream is compared, bit for bit, with one learned without. Prints
Markdown, writes it to ``benchmarks/results/pipelines.md`` with ``--write``; ends with a sentence when a bound is
broken.

    python benchmarks/pipelines.py [--write] [--quick]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn import discriminant_analysis, linear_model, naive_bayes
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from expunge import LinearDiscriminantAnalysis, MultinomialNB, Pipeline, Records, Ridge, Run, Table, fingerprint

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("EXPUNGE_DATA", ROOT.parent / "shared" / "data"))
RUN = Run(key=b"the benchmark's key")
DELETIONS = 40
MOST = 5.0  # ms: what one deletion of tf-idf and naive Bayes may take at 20,000 texts


@dataclass(frozen=True)
class Row:
    """What was measured of one pipeline; seconds and milliseconds of CPU."""

    name: str
    records: str
    learn: float
    refit: float
    deletion: float
    longest: float


def main() -> None:
    """Measure, print, perhaps write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    texts, people = (2_000, 5_000) if asked.quick else (20_000, 200_000)
    words, (numbers, classes) = messages(texts), clients(people)
    rows = [
        measured("tf-idf, naive Bayes", words, [TfidfVectorizer()], (MultinomialNB(), naive_bayes.MultinomialNB())),
        measured("counts, naive Bayes", words, [CountVectorizer()], (MultinomialNB(), naive_bayes.MultinomialNB())),
        measured("means, scales, one-hot, ridge", numbers, [choice("mean")], (Ridge(), linear_model.Ridge())),
        measured("medians, scales, one-hot, ridge", numbers, [choice("median")], (Ridge(), linear_model.Ridge())),
        measured(
            "means, scales, one-hot, PCA, LDA",
            classes,
            [choice("mean"), PCA(10, svd_solver="covariance_eigh")],
            (LinearDiscriminantAnalysis(), discriminant_analysis.LinearDiscriminantAnalysis()),
        ),
    ]
    page = "\n".join(written(rows)) + "\n"
    print(page)
    if asked.write:
        (ROOT / "benchmarks" / "results" / "pipelines.md").write_text(page, encoding="utf-8")
    if not asked.quick and rows[0].deletion > MOST:
        sys.exit(f"one deletion of {rows[0].name} took {rows[0].deletion:.1f} ms, where {MOST} are allowed")


def measured(name: str, data: Table, stages: list[Any], last: tuple[Any, Any]) -> Row:
    """One pipeline, ours and scikit-learn's."""
    method, other = Pipeline([*stages, last[0]]), make_pipeline(*stages, last[1])
    seconds, model = timed(lambda: method.learn(data, RUN))
    features = data.column("text").tolist() if data.names == ("text",) else data.features.to_pandas()
    refit, _ = timed(lambda: other.fit(features, np.asarray(data.label)))
    spent, now, held = [], data, model
    for number in range(DELETIONS):
        target = Records([number * 37 + 1])
        each, done = timed(partial(method.forget, held, target, now, RUN))
        spent.append(1e3 * each)
        held, now = done.model, now.after(target)
    assert fingerprint(held) == fingerprint(method.learn(now, RUN)), "not the model learned without"
    return Row(name, f"{len(data):,} x {len(data.names)}", seconds, refit, median(spent), max(spent))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what came out."""
    begun = time.process_time()
    made = work()
    return time.process_time() - begun, made


def messages(count: int) -> Table:
    """Texts with a label each."""
    random, file = np.random.default_rng(0), DATA / "sms_spam.parquet"
    if file.exists():
        held = pq.read_table(file)
        texts, label = held["text"].to_pylist()[:count], held["label"].to_pylist()[:count]
        words = [word for text in texts for word in text.split()]
    else:
        texts, label, words = [], [], [f"word{number}" for number in (random.pareto(1.0, 60_000) * 10).astype(int)]
    drawn = random.integers(0, len(words), (count - len(texts), 16)).tolist()
    texts += [" ".join(words[place] for place in row) for row in drawn]
    label += np.where(random.random(count - len(label)) < 0.13, "spam", "ham").tolist()
    return Table.from_arrays(pa.table({"text": texts}), label)


def clients(count: int) -> tuple[Table, Table]:
    """Twenty numbers, some missing, and two columns of categories; once with a number to predict, once with a class."""
    random = np.random.default_rng(1)
    X = random.normal(size=(count, 20)).round(4)
    score = X[:, :5].sum(axis=1) + random.normal(size=count).round(4)
    X[random.random(X.shape) < 0.02] = np.nan
    columns: dict[str, Any] = {f"x{place}": pa.array(X[:, place], from_pandas=True) for place in range(20)}
    columns["town"] = random.choice([f"town {number}" for number in range(30)], count)
    columns["plan"] = random.choice(["a", "b", "c"], count)
    table = pa.table(columns)
    return Table.from_arrays(table, score), Table.from_arrays(table, (score > 0).astype(int))


def choice(strategy: str) -> ColumnTransformer:
    """Numbers filled and scaled, categories a place each."""
    filled = make_pipeline(SimpleImputer(strategy=strategy), StandardScaler())
    places = OneHotEncoder(drop="first", sparse_output=False)
    return ColumnTransformer([("n", filled, [f"x{place}" for place in range(20)]), ("w", places, ["town", "plan"])])


def written(rows: list[Row]) -> list[str]:
    """The page."""
    versions = f"scikit-learn {version('scikit-learn')}, numpy {version('numpy')}"
    load = f"Load of the machine meanwhile: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; figures waver with it."
    what = f"A deletion: median and longest of {DELETIONS} in a stream, the last model compared with learning without."
    made = [
        "# Pipelines",
        "",
        f"Made by `benchmarks/pipelines.py`; {versions}, one thread, CPU time. {load} {what}",
        "",
        "| pipeline | records x columns | learn | refit, scikit-learn | one deletion | longest | refit / deletion |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = f"{row.learn:.2f} s | {row.refit:.2f} s | {row.deletion:.2f} ms | {row.longest:.2f} ms"
        made.append(f"| {row.name} | {row.records} | {times} | {1e3 * row.refit / row.deletion:,.0f} |")
    return made


if __name__ == "__main__":
    main()
