"""Several processes, on one machine or many, that run one script and make one fit (`jax.distributed`).

Each process runs chains of its own; the draws are gathered at the end, so that every process returns the whole fit.
With `chain_method="rows"` all processes run all chains, each on its part of the rows.
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
    """Make this process one of several that fit together; call it first in a script, before JAX is used.

    Under SLURM, Open MPI, Kubernetes and on a TPU pod no argument is needed: JAX finds the other processes. `bnn.fit`
    then divides its chains among all processes, and each returns the whole fit. See HOSTS.md.

    Parameters
    ----------
    coordinator : str, optional
        Address and port of process 0, such as "10.0.0.1:1234".
    processes, process : int, optional
        The number of processes, and the number of this one, from 0.
    lost_after : int
        Seconds without a heartbeat after which a process counts as lost, and all others end with an error.

    Raises
    ------
    ValueError
        If only some of the first three are given.
    RuntimeError
        If JAX was used before, or the other processes do not join within five minutes.

    See Also
    --------
    fit : draw from the posterior

    Examples
    --------
    Two processes on one machine, started as `python script.py 0` and `python script.py 1`::

        bnn.join_hosts("localhost:1234", processes=2, process=int(sys.argv[1]))
        fit = bnn.fit(model, x, y, chains=8)

    What does not name all three is refused before anything starts:

    >>> join_hosts("localhost:1234", processes=2)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ValueError: coordinator, processes and process belong together
    """
    given = [argument is not None for argument in (coordinator, processes, process)]
    if any(given) and not all(given):
        raise ValueError(
            "coordinator, processes and process belong together: give all three, or none under SLURM, Open MPI, "
            f"Kubernetes or on a TPU pod, got {coordinator!r}, {processes!r}, {process!r}"
        )
    checks.positive_integer("lost_after", lost_after)
    jax.distributed.initialize(coordinator, processes, process, heartbeat_timeout_seconds=lost_after)
    sys.excepthook = _end_at_once


def _end_at_once(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """End this process at once after an error: at exit, JAX would wait for the other processes, which wait for it."""
    traceback.print_exception(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def local_part(plan: Plan) -> Plan:
    """The part of the plan this process runs: some of the chains, or all of them if the rows are sharded.

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
    """The plan of the whole run and the checkpoint of all its chains, from those of this process."""
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
    """Raise a ValueError unless the description of the fit is the same in every process."""
    if is_multiprocess() and len(set(gather_bytes(np.frombuffer(text.encode(), np.uint8)))) > 1:
        raise ValueError(
            f"all {jax.process_count()} processes must fit the same model to the same data with the same key and "
            "settings, and they differ: start the same script with the same data in every process"
        )


def is_multiprocess() -> bool:
    """Whether there are other processes."""
    return jax.process_count() > 1


def gather_bytes(own: np.ndarray) -> list[bytes]:
    """The bytes of the array of every process, in order; arrays may differ in length.

    Raises
    ------
    RuntimeError
        If contact with a process is lost.
    """
    from jax.experimental.multihost_utils import process_allgather

    raw = np.ascontiguousarray(own).reshape(-1).view(np.uint8)
    sizes = _or_lost(lambda: process_allgather(np.array([raw.size], np.int32)))[:, 0]
    padded = np.zeros(max(sizes.max(), 1), np.uint8)
    padded[: raw.size] = raw
    rows = _or_lost(lambda: process_allgather(padded))
    return [row[:size].tobytes() for row, size in zip(rows, sizes)]


def broadcast_from_first(value: int) -> int:
    """The value that the first process has."""
    return int(np.frombuffer(gather_bytes(np.array([value], np.int64))[0], np.int64)[0])


def gather_chains(values: np.ndarray) -> np.ndarray:
    """The chains (chain, ...) of all processes, in the order of the processes."""
    parts = [np.frombuffer(raw, values.dtype).reshape(-1, *values.shape[1:]) for raw in gather_bytes(values)]
    return np.concatenate(parts)


def _or_lost(exchange: Callable[[], T]) -> T:
    """The result of an exchange between processes, or an error that says that one of them is lost."""
    try:
        return exchange()
    except Exception as error:
        raise RuntimeError(
            f"process {jax.process_index()} of {jax.process_count()} lost contact with another process, which was "
            "killed or ended with an error of its own: see its output. With fit(..., path=) the draws are on the disk, "
            f"and the same script continues from there. ({type(error).__name__}: {str(error)[:200]})"
        ) from error
