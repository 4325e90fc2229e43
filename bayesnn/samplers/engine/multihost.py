"""Several processes, on one machine or many, that run one script and make one fit (`jax.distributed`).

Each process runs chains of its own; what they draw is put together at the end, so that every process returns the whole
fit. With `chain_method="rows"` all processes run all chains, each on its part of the rows.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from bayesnn._internal import checks
from bayesnn.samplers.engine.checkpoint import Checkpoint, InMemoryStore
from bayesnn.samplers.engine.plan import Plan

T = TypeVar("T")

LOST_AFTER = 30


def join_hosts(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    *,
    lost_after: int = LOST_AFTER,
) -> None:
    """Make this process one of several that fit together; the first thing a script does, before JAX is used.

    Under SLURM, Open MPI, Kubernetes and on a TPU pod no argument is needed: JAX finds out. `bnn.fit` then spreads its
    chains over all processes, and each returns the whole fit. See HOSTS.md.

    Parameters
    ----------
    coordinator : str, optional
        Address and port of process 0, such as "10.0.0.1:1234".
    processes, process : int, optional
        How many there are, and which this one is, from 0.
    lost_after : int
        Seconds without a sign of life after which a process counts as lost, and all others end with an error.

    Raises
    ------
    ValueError
        If only some of the first three are given.
    RuntimeError
        If JAX was used before, or the others do not come within five minutes.

    Examples
    --------
    Two processes on one machine, started as `python script.py 0` and `python script.py 1`::

        bnn.join_hosts("localhost:1234", processes=2, process=int(sys.argv[1]))
        fit = bnn.fit(model, x, y, chains=8)
    """
    given = [argument is not None for argument in (coordinator, processes, process)]
    if any(given) and not all(given):
        raise ValueError(
            "coordinator, processes and process belong together: give all three, or none where SLURM, Open MPI, "
            f"Kubernetes or a TPU pod says them, got {coordinator!r}, {processes!r}, {process!r}"
        )
    checks.positive_integer("lost_after", lost_after)
    jax.distributed.initialize(coordinator, processes, process, heartbeat_timeout_seconds=lost_after)
    sys.excepthook = _end_at_once


def _end_at_once(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """An error ends a process now: JAX would have it wait for the others at its end, and these wait for it."""
    traceback.print_exception(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def local_part(plan: Plan) -> Plan:
    """What this process does of the plan: some of the chains; all of them where rows are what is spread.

    Only the first process shows progress.
    """
    if not is_multiprocess():
        return plan
    count, mine = jax.process_count(), jax.process_index()
    plan = replace(plan, progress=plan.progress and mine == 0)
    if plan.method == "rows":
        return plan
    if plan.chains < count:
        raise ValueError(
            f"chains must be at least the {count} processes that share them, got {plan.chains}: "
            'ask for more chains, or use chain_method="rows"'
        )
    numbers = np.array_split(np.arange(plan.chains), count)[mine]
    part = slice(numbers[0], numbers[-1] + 1)
    keeper = plan.keeper
    if isinstance(keeper, InMemoryStore) and keeper.checkpoint is not None:
        leaves = tuple(leaf[part] for leaf in keeper.checkpoint.leaves)
        keeper = InMemoryStore(replace(keeper.checkpoint, leaves=leaves), keeper.artifacts)
    return replace(plan, chains=len(numbers), first=int(numbers[0]), of=plan.chains, keeper=keeper)


def gather_plan(plan: Plan, checkpoint: Checkpoint) -> tuple[Plan, Checkpoint]:
    """The plan of the run and where all its chains stand, given those of this process."""
    if plan.of is None:
        return plan, checkpoint
    leaves = tuple(gather_chains(leaf) for leaf in checkpoint.leaves)
    return replace(plan, chains=plan.of, of=None, first=0), replace(checkpoint, leaves=leaves)


def process_folder(path: Any) -> Any:
    """The folder of this process: the path itself if there is only one process."""
    if not path or not is_multiprocess():
        return path
    return Path(path) / f"process-{jax.process_index()}-of-{jax.process_count()}"


def check_same_fit(text: str) -> None:
    """Refuse to go on unless every process is about to make the same fit, as this description of it says."""
    if is_multiprocess() and len(set(gather_bytes(np.frombuffer(text.encode(), np.uint8)))) > 1:
        raise ValueError(
            f"all {jax.process_count()} processes must fit the same model to the same data with the same key and "
            "settings, and they differ: start the same script with the same data everywhere"
        )


def is_multiprocess() -> bool:
    """Whether other processes take part."""
    return jax.process_count() > 1


def gather_bytes(own: np.ndarray) -> list[bytes]:
    """The bytes of every process' array, of any length, in order.

    Raises
    ------
    RuntimeError
        If a process is gone.
    """
    from jax.experimental.multihost_utils import process_allgather

    raw = np.ascontiguousarray(own).reshape(-1).view(np.uint8)
    sizes = _or_lost(lambda: process_allgather(np.array([raw.size], np.int32)))[:, 0]
    padded = np.zeros(max(sizes.max(), 1), np.uint8)
    padded[: raw.size] = raw
    rows = _or_lost(lambda: process_allgather(padded))
    return [row[:size].tobytes() for row, size in zip(rows, sizes)]


def broadcast_from_first(value: int) -> int:
    """The number that the first process has."""
    return int(np.frombuffer(gather_bytes(np.array([value], np.int64))[0], np.int64)[0])


def gather_chains(values: np.ndarray) -> np.ndarray:
    """The chains (chain, ...) of all processes, one after the other."""
    parts = [np.frombuffer(raw, values.dtype).reshape(-1, *values.shape[1:]) for raw in gather_bytes(values)]
    return np.concatenate(parts)


def _or_lost(exchange: Callable[[], T]) -> T:
    """What the processes exchange, or an error that says that one is gone."""
    try:
        return exchange()
    except Exception as error:
        raise RuntimeError(
            f"process {jax.process_index()} of {jax.process_count()} lost touch with another one, which was killed or "
            "ended with an error of its own: see its output. With fit(..., path=) the draws are on the disk, and the "
            f"same script goes on from there. ({type(error).__name__}: {str(error)[:200]})"
        ) from error
