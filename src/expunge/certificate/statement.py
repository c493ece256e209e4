"""What a certificate shows and what it does not, in plain language, from the evidence that it holds.

It is read by people who have to answer for it. So a sentence under "proves" says no more than what was recorded or
checked, who recorded it, and in whose data; whatever the evidence leaves open has a sentence under "does not prove".
The words follow ``docs/guarantees.md``.

Examples
--------
>>> scan = {"verdict": "none", "parts": [], "needles": 0, "undistinguishable": 0, "source": "not read"}
>>> print(*scanned(scan)[1][:1])
That nothing of it is left in the project's files: no scan was made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

DATA = {
    "erase": "the data without what the request named",
    "correct": "the data with the corrected rows in place of the wrong ones",
    "update": "the data with the new rows",
    "readmit": "the data with what was readmitted",
}
"""What the model should have been learned from, for each kind of request."""

OUTSIDE = (
    (
        "Copies of earlier models and of the data that left the project: exports, backups, snapshots of disks,"
        " handed-out files."
    ),
    "The source from which the records were read, and whatever else was read from it.",
    "Logs, notebooks, caches, experiment trackers and feature stores outside the project folder.",
    "Predictions that were made before, and decisions based on them.",
    "Models made elsewhere from these: distilled, fine-tuned, or trained on their predictions.",
    "Pre-trained parts that came from others, with what they had learned.",
)

RESUMED = (
    "record visits and seconds are of the run that finished: it went on from what interrupted runs had learned, which"
    " is not counted"
)
"""Said beside the cost of a model where it is so."""
"""What forgetting in a model never reaches: the least that stands under "not covered"."""

Said = tuple[list[str], list[str]]  # what it proves, what it does not


def statement(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """The two lists of sentences for a certificate's other fields."""
    parts = [_issued(body), _subjects(body["subjects"]), *(_model(model, body) for model in body["models"])]
    parts += [_destroyed(body["destroyed"]), scanned(body["scan"]), _always(body["request"]["kind"])]
    return {
        "proves": [sentence for proven, _ in parts for sentence in proven],
        "does_not_prove": [sentence for _, unproven in parts for sentence in unproven],
    }


def _issued(body: Mapping[str, Any]) -> Said:
    ledger, issuer = body["ledger"], body["issuer"]
    return [
        (
            f"Whoever holds the private part of the signing key {issuer['signer']} issued this, and no byte of it was"
            " changed since: if it verifies, and if you have that key from the issuer by another way than this file."
        ),
        (
            f"It was issued when the issuer's ledger had {ledger['number']} events. Whoever holds the ledger and its"
            " key can check that none of them was changed, removed or put in since."
        ),
    ], [
        (
            "That what is stated here is true. A signature shows who states it. Nobody can tell from a model's weights"
            " alone whether a record was used; somebody who is trusted with key, data and environment can repeat the"
            " training and compare (`expunge verify --replay`)."
        )
    ]


_OUTCOMES = {
    "erased": "taken out of the data",
    "already erased": "taken out by an earlier request, which has a certificate of its own",
    "unknown": "not held: the project's data had nothing under exactly this name",
    "corrected": "corrected in the data",
}


def _subjects(subjects: list[Mapping[str, str]]) -> Said:
    counts = Counter(held["outcome"] for held in subjects)
    proven = [f"The issuer recorded for {_many(n, 'name')}: {_OUTCOMES[outcome]}." for outcome, n in counts.items()]
    unproven = [
        (
            "Whom it is about: names stand here as commitments. Who holds the salt, which the requester was given, can"
            " show which names are meant; nobody else can."
        )
    ]
    if counts["unknown"]:
        unproven.append(
            "That an unknown person is nowhere in the data: the same person may be there under another name."
        )
    return proven, unproven


def _model(model: Mapping[str, Any], body: Mapping[str, Any]) -> Said:
    name, claim, print_ = model["name"], model["claim"], model["fingerprint"]
    data = DATA[body["request"]["kind"]]
    if print_["after"] is None:
        return [f"Model {name}: the issuer recorded that no model is published under this name any more."], [
            f"That copies of the earlier model {name} are gone."
        ]
    proven, unproven = _CLAIMS[claim["name"]](model, data)
    same = " The fingerprint was the same before." if print_["before"] == print_["after"] else ""
    which = f"Model {name}, published with the fingerprint {print_['after']}.{same}"
    return [f"{which} {sentence}" if at == 0 else sentence for at, sentence in enumerate(proven)], unproven


def _exact(model: Mapping[str, Any], data: str) -> Said:
    name, audit = model["name"], model["audit"]
    proven = [
        (
            f"The issuer claims Exact: it is, bit for bit, the model that the training procedure ({model['method']},"
            f" with the parameters and the environment listed here) produces from {data}, under the assumptions listed."
        )
    ]
    unproven = [
        (
            f"That model {name} answers otherwise than before. It answers as it would had it never met what was"
            " forgotten, and that may be the same answer: models predict for people whom they have never seen."
        ),
        f"That the assumptions listed for model {name} hold. A claim without its assumptions is another claim.",
    ]
    if audit["replay"] == "full":
        proven.append(
            f"The issuer checked this for model {name}: all of it was learned again from {data}, nothing was reused,"
            " and the fingerprints were equal."
        )
    elif audit["replay"] == "sample":
        part = audit["part"] or "one part of the model that the request touched"
        proven.append(
            f"The issuer checked this for model {name} in a sample: {part} was learned again from {data}, nothing was"
            " reused, and it came out equal."
        )
        unproven.append(
            f"That the parts of model {name} that were not drawn for the sample are exact: for them the claim rests on"
            " how the method works, and was not checked for this request."
        )
    else:
        unproven.append(
            f"That the claim for model {name} was checked: it was not learned again for this request. The claim rests"
            " on how the method works."
        )
    return proven, unproven


def _certified(model: Mapping[str, Any], data: str) -> Said:
    name, epsilon, delta = model["name"], model["claim"]["epsilon"], model["claim"]["delta"]
    factor = math.exp(min(epsilon, 700))
    return [
        (
            f"The issuer claims Certified with epsilon = {epsilon!r} and delta = {delta!r}: what is published cannot"
            f" be told from a model learned from {data} better than these two numbers allow, under the assumptions"
            f" listed. Between the two, the chance of any observation differs by a factor of at most {factor:.4g}, and"
            f" by at most {delta!r} on top of that."
        )
    ], [
        (
            f"That the records were removed from model {name}. A trace within the two numbers may remain; the larger"
            " they are, the larger the trace."
        ),
        (
            f"That the assumptions listed for model {name} hold, its class of models among them. The two numbers rest"
            " on a proof from these assumptions; they were not measured."
        ),
    ]


def _bounded(model: Mapping[str, Any], data: str) -> Said:
    name, distance = model["name"], model["claim"]["distance"]
    return [
        (
            f"The issuer claims Bounded: it is no farther than {distance!r} from the model learned from {data}, in the"
            f" distance that the method ({model['method']}) names, under the assumptions listed."
        )
    ], [
        (
            f"That nobody can tell that model {name} once met what was forgotten: a distance of parameters says"
            " nothing by itself about what can be seen."
        ),
        f"That the records were removed from model {name}, or that the assumptions listed for it hold.",
    ]


def _empirical(model: Mapping[str, Any], data: str) -> Said:
    name = model["name"]
    return [
        (
            "The issuer claims Empirical and no more: the model was changed, and the figures listed were measured,"
            " beside the controls listed."
        )
    ], [
        (
            f"That anything was forgotten in model {name}. Nothing is proven about what remains: not detected is not"
            " the same as not there, and a stronger test may find it."
        ),
        f"That model {name} is close to the one learned from {data}.",
    ]


def _suppressed(model: Mapping[str, Any], _data: str) -> Said:
    name = model["name"]
    return ["The issuer claims Suppressed and no more: the system is said not to show it any longer."], [
        (
            f"That it is gone from model {name}. It is hidden, not removed: it has to be taken as still there, and"
            " nothing says that the next attempt will not make it show."
        )
    ]


_CLAIMS = {
    "Exact": _exact,
    "Certified": _certified,
    "Bounded": _bounded,
    "Empirical": _empirical,
    "Suppressed": _suppressed,
}


def _destroyed(destroyed: Mapping[str, Any]) -> Said:
    if not destroyed["blobs"]:
        return ["The issuer recorded that nothing stored was superseded, so nothing was destroyed."], []
    return [
        (
            f"The issuer recorded that {_many(destroyed['blobs'], 'stored file')} of the project, needed by nothing"
            " that is published now, had the key and then the content destroyed."
        )
    ], [
        (
            "That destroyed keys and files cannot be brought back from backups, snapshots of disks or the spare cells"
            " of a solid-state disk. A copy without its key does not open; a copy of the key opens it."
        )
    ]


def scanned(scan: Mapping[str, Any]) -> Said:
    """The sentences about a residue scan."""
    proven, unproven = _verdict(scan)
    if scan["undistinguishable"] and scan["verdict"] != "not distinguishable":
        unproven.append(
            f"Anything about {_many(scan['undistinguishable'], 'value')} that records which stay have as well, or that"
            " chance may write: the scan cannot tell whose they are, and searched for them in some places only, or not"
            " at all."
        )
    if scan["source"] == "no longer":
        proven.append("When this was issued, the source of the data no longer held the names of the request.")
    elif scan["source"] == "holds":
        unproven.append("That the source of the data is free of it: THE SOURCE STILL HOLDS what the request named.")
    else:
        unproven.append("That the source of the data is free of it: the source was not read for this certificate.")
    return proven, unproven


def _verdict(scan: Mapping[str, Any]) -> Said:
    verdict, parts = scan["verdict"], scan["parts"]
    nothing_left = "That nothing of it is left in the project's files:"
    if verdict == "clean":
        return [
            (
                f"After the destruction the issuer searched {_many(len(parts), 'part')} of the project ({_much(parts)})"
                f" for {_many(scan['needles'], 'trace')} of the request that no remaining record shares, and"
                " found none. In every part the same search found a control that was known to be there."
            )
        ], [
            (
                "That no other trace is left in the project's files: the scan searched for exact values in the"
                " encodings it knows. What a model learned from a value is not the value; that is what the claim"
                " speaks of."
            )
        ]
    if verdict == "found":
        where = ", ".join(f"{part['name']} ({part['found']})" for part in parts if part["found"])
        return [], [f"{nothing_left} THE SCAN FOUND TRACES OF IT in {where or 'parts that it does not name'}."]
    if verdict == "blind":
        where = ", ".join(part["name"] for part in parts if part["control"] == "blind")
        return [], [
            (
                f"{nothing_left} the scan could not see in {where or 'some parts'}, for its own control was not found"
                " there. That it found nothing says nothing."
            )
        ]
    if verdict == "not distinguishable":
        return _untold(parts, nothing_left)
    return [], [f"{nothing_left} no scan was made."]


def _untold(parts: Sequence[Mapping[str, Any]], nothing_left: str) -> Said:
    """Where nothing told the forgotten from the rest, and where something did and was not found."""
    told = [part for part in parts if part["needles"] and not part["found"] and part["control"] == "found"]
    where = ", ".join(part["name"] for part in parts if not part["needles"])
    proven = [
        (
            f"After the destruction the issuer searched {', '.join(part['name'] for part in told)} ({_much(told)}) for"
            " traces of the request, and found none there. The same search found a control that was known to be there."
        )
    ]
    return proven if told else [], [
        (
            f"{nothing_left} in {where or 'what was searched'} there was nothing to search for that would have been a"
            " trace of it, and of nothing else. What it says there is also in records that stay, or so short that"
            " chance may write it."
        )
    ]


def _always(kind: str) -> Said:
    gone = "what was forgotten" if kind == "erase" else "what was changed"
    return [], [
        (
            "That other records do not tell of the same person: copies under other names, or what others said. Only"
            " what the request named is covered."
        ),
        f"That {gone} cannot be found by comparing: whoever kept an earlier model can compare it with this one.",
        (
            "That the people who stay are protected: what a trained model gives away about them is another"
            " question, which nothing here looks at."
        ),
        "That nothing is left elsewhere: see what is listed as not covered.",
        "That a legal obligation is met. That is for your lawyers and your regulator to say.",
    ]


def _much(parts: Sequence[Mapping[str, Any]]) -> str:
    """How much was searched, by what it was counted in."""
    counts = Counter[str]()
    for part in parts:
        counts[part["unit"]] += part["searched"]
    return ", ".join(f"{count:,} {unit}" for unit, count in counts.items())


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
