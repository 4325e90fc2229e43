"""What processes that run one script (`jax.distributed`) tell each other: bytes, numbers, arrays of chains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np

T = TypeVar("T")


def several() -> bool:
    """Whether other processes take part."""
    return jax.process_count() > 1


def everyone(own: np.ndarray) -> list[bytes]:
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


def from_first(value: int) -> int:
    """The number that the first process has."""
    return int(np.frombuffer(everyone(np.array([value], np.int64))[0], np.int64)[0])


def all_chains(values: np.ndarray) -> np.ndarray:
    """The chains (chain, ...) of all processes, one after the other."""
    parts = [np.frombuffer(raw, values.dtype).reshape(-1, *values.shape[1:]) for raw in everyone(values)]
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
