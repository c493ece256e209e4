"""A spam filter forgets a message, and with it a word that nobody else wrote.

Run it: python examples/forget_a_word.py
"""

import pyarrow as pa
from sklearn.feature_extraction.text import TfidfVectorizer

from expunge import MultinomialNB, Pipeline, Records, Run, Table, fingerprint

texts = {
    "are you home for tea": "ham",
    "call me when you are home": "ham",
    "tea at four then": "ham",
    "win a free prize now": "spam",
    "call now and claim your free prize": "spam",
    "anna bluebird says call now": "spam",
}
data = Table.from_arrays(pa.table({"text": list(texts)}), list(texts.values()))
method, run = Pipeline([TfidfVectorizer(), MultinomialNB()]), Run(key=b"a secret of 32 bytes in real life")
before = method.learn(data, run)
target = Records([5])
after = method.forget(before, target, data, run).model

for name, model in {"before": before, "after": after}.items():
    known = model.solved.front.vocabulary
    spam = method.predict(model, data.take(slice(4, 5)))[0, 1]
    print(f"{name}: {len(known)} words, 'bluebird' {'is' if 'bluebird' in known else 'is not'} one of them;", end=" ")
    print(f"the other call is spam with {spam:.0%}")

same = fingerprint(after) == fingerprint(method.learn(data.after(target), run))
print(f"the same bits as a filter that never saw the message: {same}")
