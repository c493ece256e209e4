"""Checkpoints at rest. A store is any mutable mapping from derivation to canonical bytes: a dict is one."""
