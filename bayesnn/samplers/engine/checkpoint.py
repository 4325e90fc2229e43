"""The state of all chains as plain arrays: enough to continue a run as if it had never stopped.

A draw store takes what a run produces: its draws, and after each chunk the progress of its chains. `InMemoryStore` is
the one for runs without a folder; the one on disk is `fitting.store.run_store.RunStore`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from bayesnn.samplers.engine.sharding import put_on

Values = dict[str, np.ndarray]
Artifact = tuple[Values, Any]  # arrays, and a JSON document
HANDED = "handed"  # artifact: the last states of other chains, from which those of this run start


class Progress(NamedTuple):
    """How far a run has come: warm-up steps and draws done, the carry of each batch of chains, seconds per phase.

    Of the `draws` every `every`-th one is kept, but none of the first `dropped`, in which the chains had not arrived.
    `ended` says why no more are to be made, "" while nothing says so.
    """

    warmup: int
    draws: int
    carries: tuple[Any, ...]
    seconds: dict[str, float]
    every: int = 1
    ended: str = ""
    dropped: int = 0


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The progress of a run as arrays: `leaves` (chain, ...) are the leaves of the carry of all chains.

    `keys` has one entry per leaf: the implementation of its JAX keys, or "" for an ordinary array. `every`, `ended` and
    `dropped` are those of `Progress`: `kept` draws are values of the run, of the `draws` that were made.
    """

    warmup: int
    draws: int
    leaves: tuple[np.ndarray, ...]
    keys: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    every: int = 1
    ended: str = ""
    dropped: int = field(default=0, metadata={"later": True})  # runs made before it do not name it

    @property
    def kept(self) -> int:
        """Draws of each chain that are values of the run."""
        return self.draws // self.every - self.dropped // self.every


class DrawStore(Protocol):
    """Where `run_chains` puts its draws.

    `artifacts` holds by name what is computed once in a run, such as the starting points of the chains.
    """

    checkpoint: Checkpoint | None
    artifacts: dict[str, Artifact]

    def add(self, values: Values | None, progress: Progress) -> None:
        """Take draws (chain, draw, ...), None where there are no new ones, and the progress after them.

        They are every `progress.every`-th draw up to `progress.draws`. Where that is more than before, draws that
        were stored and are not among them are no longer `values`; nor are those up to number `progress.dropped`.
        """

    def flush(self) -> None:
        """Turn the latest progress into `checkpoint`."""

    def values(self) -> Values:
        """All draws up to the checkpoint that are kept."""

    def load_artifact(self, name: str) -> Artifact | None:
        """The artifact of this name, None if there is none."""

    def save_artifact(self, name: str, content: Artifact) -> None:
        """Keep what is computed once."""


class Chunk(NamedTuple):
    """Draws (chain, draw, ...) that were made one after the other: of those after number `after`, every `every`-th."""

    values: Values
    after: int
    every: int

    def thinned(self, every: int, until: int | None = None, dropped: int = 0) -> Chunk:
        """Every `every`-th draw of the run, counted from its start, of those after `dropped`, and up to `until`."""
        count = next(iter(self.values.values())).shape[1]
        numbers = self.after + self.every * np.arange(1, count + 1)  # the first draw of a run has number 1
        chosen = (numbers % every == 0) & (numbers > dropped) & (until is None or numbers <= until)
        if chosen.all():
            return self
        after = max(self.after, dropped) // every * every  # the draw before the first one, among every `every`-th
        return Chunk({name: v[:, chosen] for name, v in self.values.items()}, after, every)


class InMemoryStore:
    """Draws in memory. Given a checkpoint, the run continues from there, and only its new draws are kept."""

    def __init__(self, checkpoint: Checkpoint | None = None, artifacts: dict[str, Artifact] | None = None) -> None:
        self.checkpoint, self.artifacts = checkpoint, dict(artifacts or {})
        self.chunks: list[Chunk] = []
        self.progress: Progress | None = None
        self.made, self.every = (0, 1) if checkpoint is None else (checkpoint.draws, checkpoint.every)
        self.dropped = 0 if checkpoint is None else checkpoint.dropped

    def add(self, values: Values | None, progress: Progress) -> None:
        """Draws come first: after an interrupt between the two, `values` cuts off the surplus draws."""
        if values is not None:
            self.chunks.append(Chunk(values, self.made, progress.every))
            self.made = progress.draws
        self.progress = progress
        if progress.every > self.every or progress.dropped > self.dropped:
            self.chunks = [chunk.thinned(progress.every, dropped=progress.dropped) for chunk in self.chunks]
            self.every, self.dropped = progress.every, progress.dropped

    def flush(self) -> None:
        if self.progress is not None:
            self.checkpoint = pack(self.progress)

    def values(self) -> Values:
        until, every = (0, 1) if self.checkpoint is None else (self.checkpoint.draws, self.checkpoint.every)
        return joined([chunk.thinned(every, until).values for chunk in self.chunks])

    def load_artifact(self, name: str) -> Artifact | None:
        return self.artifacts.get(name)

    def save_artifact(self, name: str, content: Artifact) -> None:
        self.artifacts[name] = content


def joined(chunks: list[Values]) -> Values:
    """Chunks joined along the draws, in double precision; nothing where there are no chunks."""
    if not chunks:
        return {}
    values = {name: np.concatenate([chunk[name] for chunk in chunks], axis=1) for name in chunks[0]}
    return {name: as_double(v) for name, v in values.items()}


def as_double(values: np.ndarray) -> np.ndarray:
    """Single-precision values as doubles; other types unchanged."""
    return values.astype(np.float64) if values.dtype == np.float32 else values


def pack(progress: Progress) -> Checkpoint:
    """The carries of all batches as arrays, joined along the chains."""
    batches = [jax.tree.leaves(carry) for carry in progress.carries]
    keys = tuple(str(jax.random.key_impl(leaf)) if _is_key(leaf) else "" for leaf in batches[0])
    leaves = tuple(np.concatenate([_as_array(leaf) for leaf in same]) for same in zip(*batches, strict=True))
    ends = progress.ended, progress.dropped
    return Checkpoint(progress.warmup, progress.draws, leaves, keys, dict(progress.seconds), progress.every, *ends)


def unpack(checkpoint: Checkpoint, like: Any, chains: np.ndarray) -> Any:
    """The carry of some chains. `like` is a carry of as many chains and gives structure, shapes and shardings.

    Raises
    ------
    ValueError
        If the number, shapes or types of the arrays differ from those of `like`.
    """
    template, structure = jax.tree.flatten(like)
    if len(template) != len(checkpoint.leaves):
        raise ValueError(f"the state of the chains must have {len(template)} arrays, got {len(checkpoint.leaves)}")
    leaves = []
    for wanted, stored, impl in zip(template, checkpoint.leaves, checkpoint.keys, strict=True):
        found = str(jax.random.key_impl(wanted)) if _is_key(wanted) else ""
        part, expected = stored[chains], _as_array(wanted)
        if impl != found or part.shape != expected.shape or part.dtype != expected.dtype:
            raise ValueError(
                f"the state of the chains must have an array {expected.dtype}{expected.shape} {found}, "
                f"got {part.dtype}{part.shape} {impl}"
            )
        value = jax.random.wrap_key_data(part, impl=impl) if impl else part
        leaves.append(put_on(value, wanted.sharding))
    return jax.tree.unflatten(structure, leaves)


def as_artifact(checkpoint: Checkpoint) -> Artifact:
    """The states of all chains as an artifact, from which other chains may start."""
    arrays = {f"leaf {i:03d}": leaf for i, leaf in enumerate(checkpoint.leaves)}
    return arrays, {"keys": list(checkpoint.keys)}


def from_artifact(artifact: Artifact) -> Checkpoint:
    """What `as_artifact` was given, before any step: `unpack` gives the carry of some of the chains."""
    arrays, document = artifact
    return Checkpoint(0, 0, tuple(arrays[f"leaf {i:03d}"] for i in range(len(arrays))), tuple(document["keys"]))


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_array(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
