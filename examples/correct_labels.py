"""A trained CNN unlearns 60 wrong labels and learns the right ones, at a twelfth of the price of training again.

Run it: python examples/correct_labels.py
"""

from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from torch import nn, optim

from expunge import Correction, Run, Table, TorchLearner
from expunge.learners.torch import cosine
from expunge.methods.torch.finetune import Finetune


def cnn() -> nn.Module:
    """One convolution and a hidden layer, for pictures of 8 by 8."""
    seen = nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*seen, nn.Linear(1152, 128), nn.ReLU(), nn.Linear(128, 10))


images, digits = load_digits(return_X_y=True)
X, random = images.reshape(-1, 8, 8).astype(np.float32) / 16, np.random.default_rng(0)
order = random.permutation(len(X))
train, test, wrong = order[:1200], order[1200:], order[:60]
noted = digits.copy()
noted[wrong] = (digits[wrong] + random.integers(1, 10, len(wrong))) % 10  # somebody typed another digit

data, unseen = Table.from_arrays(X[train], noted[train], ids=train), Table.from_arrays(X[test], digits[test])
learner = TorchLearner(cnn, partial(optim.AdamW, lr=2e-3), cosine, epochs=60, batch_size=50)
method, run = Finetune(learner), Run(key=b"a secret of 32 bytes in real life")
before = method.learn(data, run)
corrected = Correction(Table.from_arrays(X[wrong], digits[wrong], ids=wrong))
done = method.forget(before, corrected, data, run)

for name, model in {"before": before, "after": done.model}.items():
    said = [np.array(model.classes)[method.predict(model, part).argmax(1)] for part in (data.take(slice(60)), unseen)]
    agree, right = np.mean(said[0] == noted[wrong]), np.mean(said[1] == unseen.label)
    print(f"{name}: says the wrong label {agree:.0%}, right on unseen digits {right:.1%}")
print(f"{done.examples} record visits, where training takes {method.visits(data, run)}; claim: {done.claim}")
