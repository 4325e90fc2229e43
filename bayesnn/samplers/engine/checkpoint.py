"""Where chains stand, as plain arrays: enough to go on from there as if nothing had happened.

A keeper takes what a run produces: its draws, and the place of its chains after each chunk. `Memory` is the one for
runs without a folder; the one on disk is `store.keeper.RunStore`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from bayesnn.samplers.engine.sharding import placed

Values = dict[str, np.ndarray]
Kept = tuple[Values, Any]  # arrays, and a JSON document


class Place(NamedTuple):
    """Where a run is: warm-up steps and draws done, the carries of its batches of chains, seconds by phase."""

    warmup: int
    draws: int
    carries: tuple[Any, ...]
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A place as arrays (chain, ...), the leaves of the carry of all chains; `keys` names those that are JAX keys.

    `keys` has one entry a leaf: the implementation of the keys, or "" for an ordinary array.
    """

    warmup: int
    draws: int
    leaves: tuple[np.ndarray, ...]
    keys: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)


class Keeper(Protocol):
    """What `run_chains` hands its draws to."""

    checkpoint: Checkpoint | None
    kept: dict[str, Kept]

    def add(self, values: Values | None, place: Place) -> None:
        """Draws (chain, draw, ...) that lead to this place; None while warming up."""

    def flush(self) -> None:
        """Make `checkpoint` the last place added."""

    def values(self) -> Values:
        """All draws up to the checkpoint."""

    def find(self, name: str) -> Kept | None:
        """What was kept under this name."""

    def keep(self, name: str, content: Kept) -> None:
        """Keep what is computed once, such as the starts of the chains."""


class Memory:
    """Draws in memory. Given a checkpoint, a run goes on from there, and only its new draws are kept."""

    def __init__(self, checkpoint: Checkpoint | None = None, kept: dict[str, Kept] | None = None) -> None:
        self.checkpoint, self.kept = checkpoint, dict(kept or {})
        self.begin = 0 if checkpoint is None else checkpoint.draws
        self.chunks: list[Values] = []
        self.place: Place | None = None

    def add(self, values: Values | None, place: Place) -> None:
        """Draws first: an interrupt between the two lines leaves some too many, which are cut off."""
        if values is not None:
            self.chunks.append(values)
        self.place = place

    def flush(self) -> None:
        """The last place becomes arrays."""
        if self.place is not None:
            self.checkpoint = pack(self.place)

    def values(self) -> Values:
        """All draws of this run."""
        count = 0 if self.checkpoint is None else self.checkpoint.draws - self.begin
        return {name: v[:, :count] for name, v in joined(self.chunks).items()}

    def find(self, name: str) -> Kept | None:
        """What was kept under this name."""
        return self.kept.get(name)

    def keep(self, name: str, content: Kept) -> None:
        """For as long as the run lasts, and in the fit's state."""
        self.kept[name] = content


def joined(chunks: list[Values]) -> Values:
    """Chunks one after the other along the draws, in double precision."""
    values = {name: np.concatenate([chunk[name] for chunk in chunks], axis=1) for name in chunks[0]}
    return {name: as_double(v) for name, v in values.items()}


def as_double(values: np.ndarray) -> np.ndarray:
    """What was computed in single precision is kept as doubles."""
    return values.astype(np.float64) if values.dtype == np.float32 else values


def pack(place: Place) -> Checkpoint:
    """The carries of all batches as arrays, chains one after the other."""
    batches = [jax.tree.leaves(carry) for carry in place.carries]
    keys = tuple(str(jax.random.key_impl(leaf)) if _is_key(leaf) else "" for leaf in batches[0])
    leaves = tuple(np.concatenate([_as_array(leaf) for leaf in same]) for same in zip(*batches, strict=True))
    return Checkpoint(place.warmup, place.draws, leaves, keys, dict(place.seconds))


def unpack(checkpoint: Checkpoint, like: Any, chains: np.ndarray) -> Any:
    """The carry of some chains; `like` is a carry of as many, whose structure, shapes and places it takes.

    Raises
    ------
    ValueError
        Where the arrays do not fit.
    """
    template, structure = jax.tree.flatten(like)
    if len(template) != len(checkpoint.leaves):
        raise ValueError(f"the state of the chains must have {len(template)} arrays, got {len(checkpoint.leaves)}")
    leaves = []
    for wanted, kept, impl in zip(template, checkpoint.leaves, checkpoint.keys, strict=True):
        found = str(jax.random.key_impl(wanted)) if _is_key(wanted) else ""
        part, expected = kept[chains], _as_array(wanted)
        if impl != found or part.shape != expected.shape or part.dtype != expected.dtype:
            raise ValueError(
                f"the state of the chains must have an array {expected.dtype}{expected.shape} {found}, "
                f"got {part.dtype}{part.shape} {impl}"
            )
        value = jax.random.wrap_key_data(part, impl=impl) if impl else part
        leaves.append(placed(value, wanted.sharding))
    return jax.tree.unflatten(structure, leaves)


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_array(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
