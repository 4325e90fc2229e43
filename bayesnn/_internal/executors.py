"""Jobs by an executor, in their order: what a lost worker had is done in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from bayesnn._internal.turns import between_turns

R = TypeVar("R")


def by_executor(executor: Any, function: Callable[..., R], jobs: Sequence[tuple[Any, ...]]) -> Iterator[R]:
    """The results of `function(*job)` for all jobs, in the order of the jobs.

    `executor` has the interface of `concurrent.futures.Executor`. Pools have errors of their own for lost workers, so a
    job that failed is tried again in this process, where an error of the job itself is raised. Workers may be threads
    of this process, which need their turn while this one waits. Jobs whose results are no longer needed are cancelled.
    """
    futures: list[Any] = []
    try:
        with between_turns():
            futures += [_submitted(executor, function, job) for job in jobs]
        for job, future in zip(jobs, futures, strict=True):
            with between_turns():
                done, found = _result(future)
            yield found if done else function(*job)
    finally:
        for future in futures:
            if future is not None:
                future.cancel()


def _submitted(executor: Any, function: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    try:
        return executor.submit(function, *job)
    except Exception:
        return None  # a pool that has lost a worker takes no more


def _result(future: Any) -> tuple[bool, Any]:
    """Whether a job was done, and what it gave."""
    try:
        return (False, None) if future is None else (True, future.result())
    except Exception:
        return False, None
