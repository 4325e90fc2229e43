"""One thread at a time where NumPyro models are traced: their stack of handlers belongs to the whole process.

Two threads that trace models at once put their handlers on the same stack, so that sites of one model end up in the
trace of the other. So threads take turns; compiled programs of sampling run between turns, where others may trace.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

_LOCK = threading.RLock()
_HELD = threading.local()  # how often this thread holds the lock


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Wait until no other thread has its turn, then take it; a thread that has it already may take it again."""
    with _LOCK:
        _HELD.count = getattr(_HELD, "count", 0) + 1
        try:
            yield
        finally:
            _HELD.count -= 1


@contextlib.contextmanager
def between_turns() -> Iterator[None]:
    """Let other threads have their turn meanwhile."""
    count = getattr(_HELD, "count", 0)
    _HELD.count = 0
    for _ in range(count):
        _LOCK.release()
    try:
        yield
    finally:
        for _ in range(count):
            _LOCK.acquire()
        _HELD.count = count
