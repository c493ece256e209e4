"""Objectives that hurt, and optima to more digits than float64 has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from expunge.linear.families import Apart, Gamma, Logistic, Multinomial, Poisson, Squared, SquaredHinge
from expunge.linear.objective import Objective

Floats = NDArray[np.float64]
FAMILIES: dict[str, Any] = {
    "logistic": Logistic(),
    "multinomial": Multinomial(3),
    "poisson": Poisson(),
    "gamma": Gamma(),
    "ridge": Squared(),
    "hinge": SquaredHinge(),
    "hinges": Apart(SquaredHinge(), 3),
    "ridges": Apart(Squared(signs=True), 3),
}


@pytest.fixture(scope="session")
def hard() -> Callable[..., Objective]:
    """A function from a seed and a family's name to an objective with something wrong with it."""
    return _hard


@pytest.fixture(scope="session")
def refined() -> Callable[[Objective, Floats], Any]:
    """A function from an objective and a point near its optimum to the optimum in extended precision."""
    return _refined


@pytest.fixture(scope="session")
def slope() -> Callable[[Objective, Any], Any]:
    """A function from an objective and a point to the gradient in extended precision."""
    return _gradient


def _hard(seed: int, name: str, *, mild: bool = False) -> Objective:
    random = np.random.default_rng(seed)
    n, d = int(random.integers(3, 60)), int(random.integers(1, 6))
    X = random.normal(size=(n, d))
    trouble = "none" if mild else str(random.choice(["none", "collinear", "huge", "scales", "twins", "sparse", "one"]))
    if trouble == "collinear" and d > 1:
        X[:, -1] = X[:, 0] * (1 + 1e-9 * random.normal(size=n))
    elif trouble == "huge":
        X[random.integers(0, n)] *= 1e3
    elif trouble == "scales":
        X *= 10.0 ** random.uniform(-3, 2, d)
    elif trouble == "twins":
        X[:] = X[0]
    elif trouble == "sparse":
        X[random.random(X.shape) < 0.7] = 0.0
    y = _responses(random, name, X, trouble)
    penalty = 10.0 ** random.uniform(-1, 1) if mild else 10.0 ** random.uniform(-6, 2)
    hinge = name.startswith("hinge")
    intercept = str(random.choice(["penalised", "none"] if hinge else ["free", "penalised", "none"]))
    weights = random.choice([0.0, 0.5, 1.0, 3.0], n) if random.random() < 0.3 else None
    made: Any = sparse.csr_array(X) if random.random() < 0.3 else X
    return Objective(FAMILIES[name], made, y, penalty, intercept, weights)  # type: ignore[arg-type]


def _responses(random: np.random.Generator, name: str, X: Floats, trouble: str) -> Any:
    n, scale = len(X), np.maximum(np.abs(X).max(axis=0), 1e-9)
    score = (X / scale) @ random.normal(size=X.shape[1])
    if name == "poisson":
        return random.poisson(np.exp(np.clip(score, -3, 3))).astype(float)
    if name == "gamma":
        return random.gamma(2.0, np.exp(np.clip(score, -3, 3)) / 2) + 1e-3
    if name == "ridge":
        return np.asarray(score + random.normal(size=n))
    if trouble == "one":  # a class with a single record
        return (np.arange(n) == 0).astype(float)
    noise = 0.0 if random.random() < 0.3 else 1.0  # without noise the classes can be told apart
    noisy = score + noise * random.normal(size=n)
    cuts = np.quantile(noisy, [0.4, 0.8] if name in {"multinomial", "hinges", "ridges"} else [0.5])
    return np.searchsorted(cuts, noisy).astype(float)


def _extended(objective: Objective) -> tuple[Any, Any, Any]:
    held: Any = objective.X
    X = np.asarray(held if isinstance(held, np.ndarray) else held.toarray(), np.longdouble)
    if objective.bias:
        X = np.hstack([X, np.ones((len(X), 1), np.longdouble)])
    weights = np.ones(len(X)) if objective.weights is None else objective.weights
    return X, objective.y.astype(np.longdouble), weights.astype(np.longdouble)


def _slopes(family: Any, eta: Any, y: Any) -> Any:
    """First derivatives, written down again, in extended precision."""
    name = type(family).__name__
    t = 2 * y - 1
    if name == "Apart":
        return np.hstack(
            [_slopes(family.one, eta[:, [k]], (y == k).astype(np.longdouble)) for k in range(eta.shape[1])]
        )
    if name == "Multinomial":
        e = np.exp(eta - eta.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) - (y[:, None] == np.arange(eta.shape[1]))
    flat = eta[:, 0]
    made = {
        "Logistic": lambda: -t / (1 + np.exp(t * flat)),
        "SquaredHinge": lambda: -2 * t * np.maximum(0, 1 - t * flat),
        "Poisson": lambda: np.exp(flat) - y,
        "Gamma": lambda: 1 - y * np.exp(-flat),
        "Squared": lambda: flat - (t if getattr(family, "signs", False) else y),
    }
    return made[name]()[:, None]


@np.errstate(over="ignore")
def _gradient(objective: Objective, w: Any) -> Any:
    X, y, s = _extended(objective)
    W = np.asarray(w, np.longdouble).reshape(objective.outputs, objective.width)
    slopes = _slopes(objective.family, X @ W.T, y) * s[:, None]
    slopes[s == 0] = 0
    pinned = np.longdouble(objective.pin) * W.sum(axis=0, keepdims=True)
    return (slopes.T @ X + pinned).ravel() + objective.diagonal.astype(np.longdouble) * W.ravel()


def _refined(objective: Objective, w: Floats) -> Any:
    H = objective.hessian(w)
    best = point = np.asarray(w, np.longdouble)
    least = np.inf
    for _ in range(60):
        g = _gradient(objective, point)
        length = float(np.linalg.norm(g.astype(float)))
        if not length < least:
            break
        best, least = point, length
        point = point - np.linalg.solve(H, g.astype(float))
    return best
