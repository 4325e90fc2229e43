"""A run in a folder: draws are written while they are made, and a run that was killed continues from its checkpoint.

    manifest.json                    model, data (as a hash), sampler, settings and versions of the software
    data.npz                         the training rows
    draws-0000000000-0000000123.npz  recorded values (chain, draw, ...) of these draws, by the names of the sites
                                     or, in long runs of their own length, of every second, fourth, ... of them
    checkpoint.npz                   the state of all chains, keys and adaptation included
    climb.npz, fixed.npz, result.npz what is computed once: starting points; fixed weights; an approximation
    handed.npz                       states of other chains, from which those of this run start

Every file is replaced as a whole. Draws are written before the checkpoint that counts them. If the process is killed in
between, draws that no checkpoint counts are removed and made again, bit for bit the same.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bayesnn.fitting.store import files
from bayesnn.fitting.store.format import (
    CHECKPOINT,
    chunk_name,
    chunks,
    damaged,
    is_temporary,
    read_checkpoint,
    read_draws,
    read_part,
    span_of,
    stop_of,
)
from bayesnn.samplers.engine.checkpoint import Artifact, Checkpoint, Progress, Values, joined, pack

WRITE_SECONDS = 2.0  # sampling between two writes: the most that is lost if the process is killed
WRITE_BYTES = 2**26  # draws in memory before they are written


class RunStore:
    """Stores a run in its folder; constructed by `open_or_create_run`, which checks that the folder holds this run."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self.identity = folder, identity
        self.artifacts: dict[str, Artifact] = {}
        self.progress: Progress | None = None
        self.pending: list[Values] = []
        self.written = time.monotonic()
        self.checkpoint = self._recovered()

    def add(self, values: Values | None, progress: Progress) -> None:
        """Store draws before the state: after an interrupt in between, surplus draws are trimmed in `values`."""
        if self.pending and self.progress is not None and progress.every != self.progress.every:
            self.flush()  # a file holds draws of one spacing
        if values is not None:
            self.pending.append(values)
        self.progress = progress
        size = sum(v.nbytes for chunk in self.pending for v in chunk.values())
        if time.monotonic() - self.written > WRITE_SECONDS or size > WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the draws and the state of the chains to the disk."""
        if self.progress is None:
            return
        checkpoint = pack(self.progress)
        before = 0 if self.checkpoint is None else self.checkpoint.draws
        every = checkpoint.every
        count = (checkpoint.draws - before) // every
        if count:
            values = {name: v[:, :count] for name, v in joined(self.pending).items()}
            self.write(chunk_name(before, checkpoint.draws), values, None if every == 1 else {"every": every})
        names = {f"leaf {i:03d}": leaf for i, leaf in enumerate(checkpoint.leaves)}
        document = {"warmup": checkpoint.warmup, "draws": checkpoint.draws, "keys": checkpoint.keys}
        document |= {"seconds": checkpoint.seconds, "every": every, "ended": checkpoint.ended}
        document |= {"dropped": checkpoint.dropped} if checkpoint.dropped else {}
        self.write(CHECKPOINT, names, document)
        self.checkpoint, self.progress, self.pending = checkpoint, None, []
        self.written = time.monotonic()

    def values(self) -> Values:
        """All draws of the checkpoint, read back chunk by chunk into arrays of their final size."""
        if self.checkpoint is None:
            return {}
        return read_draws(self.folder, self.identity, *span_of(self.checkpoint))

    def load_artifact(self, name: str) -> Artifact | None:
        """The artifact of this name, saved by this process or an earlier one; None if there is none."""
        if name not in self.artifacts and (self.folder / f"{name}.npz").exists():
            self.artifacts[name] = read_part(self.folder / f"{name}.npz", self.identity)
        return self.artifacts.get(name)

    def save_artifact(self, name: str, content: Artifact) -> None:
        """Write the artifact to a file of its own."""
        self.write(f"{name}.npz", *content)
        self.artifacts[name] = content

    def write(self, name: str, arrays: Values, document: Any) -> None:
        """Write a file of this run; if that fails, the error says what is still intact."""
        try:
            files.write_arrays(self.folder / name, arrays, {"identity": self.identity, "content": document})
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot write {name} of the run in {self.folder}: {error.strerror}. What was written before is "
                "intact: make room, and call fit again with the same arguments to continue from there",
            ) from error

    def _recovered(self) -> Checkpoint | None:
        """The last checkpoint, every chunk of its draws checked; draws that no checkpoint counts are removed."""
        checkpoint = read_checkpoint(self.folder, self.identity)
        done = 0 if checkpoint is None else checkpoint.draws
        beyond = [path for path in chunks(self.folder) if stop_of(path) > done]
        if len(beyond) > 1 or (beyond and beyond[0].name != chunk_name(done, stop_of(beyond[0]))):
            raise damaged(self.folder, f"there are draws beyond {CHECKPOINT}, which is missing or older")
        read_draws(self.folder, self.identity, done, keep=False)
        for path in [*beyond, *filter(is_temporary, self.folder.iterdir())]:
            path.unlink()
        return checkpoint
