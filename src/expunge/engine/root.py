"""What is published: one sealed value that names the snapshot, the models and the fence, and all that they rest on.

The ledger's last ``published`` event holds its address: writing that event is the publication. What neither the root
nor an unfinished request reaches is swept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from expunge.codec import decode, encode
from expunge.data.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expunge.data.kinds import Kind


@dataclass(frozen=True)
class Standing:
    """One published model.

    Attributes
    ----------
    address : str
        Of the model's bytes.
    fingerprint : str
    settings : mapping
        As ``expunge.toml`` had them when it was learned: forgetting goes by these, whatever the file says today.
    holdout : float
        Share of the units that it was not shown.
    checkpoints : tuple of str
        What the store must keep for it.
    environment : mapping of str to str
    pace : float or None
        Seconds a record visit, measured when it was learned.
    columns : tuple of (name, kind)
        As they were declared when it was learned: its preprocessing is told of those forgotten since, too, or it would
        be another algorithm.
    recipe : str
        Digest of the algorithm with the user's own code in it; empty where the method cannot say.
    lineage : int
        Number of the last event when it was learned from nothing: releases since then share a budget.
    """

    address: str
    fingerprint: str
    settings: Mapping[str, Any]
    holdout: float
    checkpoints: tuple[str, ...]
    environment: Mapping[str, str]
    pace: float | None = None
    columns: tuple[tuple[str, Kind], ...] = ()
    recipe: str = ""
    lineage: int = 0


@dataclass(frozen=True)
class Root:
    """Everything that is published, by address."""

    snapshot: Snapshot
    models: Mapping[str, Standing] = field(default_factory=dict)
    fence: str | None = None

    @property
    def addresses(self) -> frozenset[str]:
        """Blobs that it reaches, itself aside."""
        parts = {address for block in self.snapshot.blocks for address in block}
        fence = set() if self.fence is None else {self.fence}
        return frozenset(parts | fence | {model.address for model in self.models.values()})

    @property
    def links(self) -> frozenset[str]:
        """Checkpoints that it reaches."""
        return frozenset(link for model in self.models.values() for link in model.checkpoints)

    def with_model(self, name: str, model: Standing) -> Root:
        """The root with one model put in its place."""
        return replace(self, models={**self.models, name: model})

    def written(self) -> bytes:
        """Canonical bytes."""
        models = {name: vars(model) for name, model in self.models.items()}
        return encode({"snapshot": self.snapshot.written(), "models": models, "fence": self.fence})

    @classmethod
    def read(cls, content: bytes) -> Root:
        """What `written` wrote."""
        held = decode(content)
        models = {name: Standing(**model) for name, model in held["models"].items()}
        return cls(Snapshot.from_written(held["snapshot"]), models, held["fence"])
