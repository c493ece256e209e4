"""What one process of sisa_deep.py does: read the records, open the store, learn or forget, and say how long that took.

The network stands here too, under a name by which every process finds it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch._dynamo  # which the first step of any optimizer imports: a part of the start
from torch import nn

from expunge import Records, Retrain, Run, Sisa, Table, TorchLearner, fingerprint
from expunge.codec import decode
from expunge.learners.torch import cosine
from expunge.store.directory import Directory
from expunge.store.keyring import Keyring

T = TypeVar("T")
KEY = b"the benchmark's key"
EPOCHS = 9  # with 5 slices 3 each, with 17 slices 1 each: no slice is rounded up


def cnn() -> nn.Module:
    """Two convolutions with stride, two linear layers: 54,314 weights, for images of 28 x 28."""
    return nn.Sequential(
        *(nn.Unflatten(1, (1, 28)), nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU()),
        *(nn.Conv2d(8, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(16 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


@dataclass(frozen=True)
class Setting:
    """How many shards, slices and epochs; ``shards=0`` is the single model that keeps no checkpoint."""

    shards: int
    slices: int = 1
    epochs: int = EPOCHS

    @property
    def method(self) -> Any:
        """The method: the same network, optimizer and schedule in every setting."""
        learner = TorchLearner(
            "_request.cnn",  # by name: the same in the process that imports this file and in the one that runs it
            optimizer=partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True),
            schedule=cosine,
            epochs=self.epochs,
            batch_size=32,
            device="cpu",
            log=False,
        )
        return Sisa(learner, shards=self.shards, slices=self.slices) if self.shards else Retrain(learner)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its wall-clock seconds."""
    begun = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begun


def kept(data: Table, file: Path) -> None:
    """Write records where another process reads them."""
    x, y, name, who = (np.asarray(each) for each in (data.features, data.label, data.ids, data.units))
    np.savez(file, x=x, y=y, id=name, who=who)


def read(file: Path) -> Table:
    """Records as they were written."""
    with np.load(file, allow_pickle=False) as held:
        return Table.from_arrays(held["x"], held["y"], held["id"], held["who"], classes=range(10))


def opened(place: Path) -> MutableMapping[str, bytes]:
    """The store of a folder, each blob under a key of its own; made where there is none."""
    secrets = place / "secrets"
    keyring = Keyring.load(secrets) if Keyring.exists(secrets) else Keyring.create(secrets)
    return Directory(place / "store", keyring)


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Forget, or learn without: the fingerprint of what came out, the record visits, and the seconds of that alone."""
    method, place, target = Setting(**asked["setting"]).method, Path(asked["place"]), Records(asked["records"])
    data, run = read(Path(asked["data"])), Run(key=KEY, store=opened(place))
    if asked["do"] == "forget":
        model = decode((place / "model").read_bytes(), trusted=True)
        done, seconds = timed(lambda: method.forget(model, target, data, run))
        return {"made": fingerprint(done.model), "visits": done.examples, "work": seconds}
    rest = data.after(target)
    visits = method.visits(rest, run)
    learned, seconds = timed(lambda: method.learn(rest, run))
    return {"made": fingerprint(learned), "visits": visits, "work": seconds}


if __name__ == "__main__":
    print(json.dumps(answer(json.loads(sys.argv[1]))))
