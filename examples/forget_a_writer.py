"""A trained CNN forgets one writer, and is the network that never saw this person's digits, bit for bit.

MNIST by writer where the environment variable EXPUNGE_DATA names a folder with mnist.npz; else the digits that come
with scikit-learn, to which writers are given at random.

Run it: python examples/forget_a_writer.py
"""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from expunge import Owners, Quote, Run, Sisa, Table, TorchLearner, fingerprint
from expunge.learners.torch import cosine


def digits() -> Table:
    """3,000 images, each with its digit and its writer."""
    file = Path(os.environ.get("EXPUNGE_DATA", "")) / "mnist.npz"
    if file.is_file():
        with np.load(file, allow_pickle=False) as held:
            images, labels, writers = (held[f"{name}_train"][:3000] for name in ("x", "y", "writer"))
            return Table.from_arrays(images, labels, owners=writers, classes=range(10))
    found = load_digits()
    writers = np.random.default_rng(0).integers(0, 60, len(found.target))
    return Table.from_arrays(found.images.astype(np.float32) / 16, found.target, owners=writers, classes=range(10))


def cnn(shape: tuple[int, ...]) -> nn.Module:
    """One convolution, for images of any size."""
    layers = nn.Unflatten(1, (1, shape[0])), nn.Conv2d(1, 16, 3, stride=2), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(16 * ((shape[0] - 1) // 2) ** 2, 10))


def main() -> None:
    """Learn in shards and slices, ask the price, forget, and compare with learning without."""
    everything = digits()
    data, test = everything.take(slice(0, -400)), everything.take(slice(-400, None))
    sgd = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
    method = Sisa(TorchLearner(cnn, sgd, cosine, epochs=9, batch_size=16), shards=4, slices=3)
    run, writer = Run(key=b"a secret of 32 bytes in real life"), Owners([np.asarray(data.units)[0]])
    model = method.learn(data, run)

    quote = method.quote(model, writer, data, run)
    assert isinstance(quote, Quote)
    print(f"quoted: {quote.claim}, {quote.examples} of {method.visits(data, run.afresh())} record visits")
    begun = time.perf_counter()
    done = method.forget(model, writer, data, run)
    print(f"forgotten in {time.perf_counter() - begun:.2f} s")
    for name, network in {"before": model, "after": done.model}.items():
        said = np.array(network.classes)[method.predict(network, test).argmax(axis=1)]
        print(f"right {name}: {100 * np.mean(said == test.label):.1f} %")

    never = method.learn(data.after(writer), run.afresh())
    print("the network that never met the writer:", fingerprint(done.model) == fingerprint(never))


if __name__ == "__main__":
    main()
