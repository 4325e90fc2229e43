"""From series in any form to buckets, and back to names: what forecasts, fits and backtests of many series share."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from bayesnn._internal import checks, memory
from bayesnn._internal.runtime import as_key
from bayesnn.forecasting.many.bucket import Bucket, fill
from bayesnn.forecasting.many.learn import with_learnt_priors
from bayesnn.forecasting.many.prior import StructuralPrior
from bayesnn.forecasting.many.reading import NOTHING, Failure, Task, fallback_paths
from bayesnn.forecasting.many.run import Function, Result, run_buckets
from bayesnn.forecasting.path_array import path_array

POOLS = ("hierarchical",)


def make_buckets(
    tasks: Sequence[Task], horizon: int, draws: int, entropy: tuple[int, ...], pool: str | None
) -> tuple[list[list[Task]], list[Bucket]]:
    """Tasks that are to be fitted, by bucket, and the buckets."""
    fitted = [task for task in tasks if task.fallback is None]
    groups = fill([len(task.values) for task in fitted], [task.periods for task in fitted])
    parts = [[fitted[i] for i in group] for group in groups]
    buckets = [
        Bucket(
            tuple(task.values for task in part),
            part[0].periods,
            horizon,
            draws,
            tuple(seed_of(entropy, task.name) for task in part),
            StructuralPrior(),
            exogenous=tuple(
                task.exogenous[: len(task.values) + horizon] for task in part if task.exogenous is not None
            ),
        )
        for part in parts
    ]
    return parts, buckets if pool is None else with_learnt_priors(buckets)


def results_by_name(
    function: Function,
    kind: str,
    parts: Sequence[Sequence[Task]],
    buckets: Sequence[Bucket],
    path: Any,
    executor: Any,
    progress: bool,
) -> tuple[dict[Any, Result], list[Failure]]:
    """What a function makes of the buckets, by name, and the series that it failed on."""
    found: dict[Any, Result] = {}
    failures = []
    results = run_buckets(function, kind, buckets, path, executor, progress)
    for part, result in zip(parts, results, strict=True):
        for task, one in zip(part, result, strict=True):
            if isinstance(one, Exception):
                failures.append(Failure(task.name, f"{type(one).__name__}: {one}", NOTHING))
            else:
                found[task.name] = one
    return found, failures


def labelled_paths(
    tasks: Sequence[Task],
    found: Mapping[Any, np.ndarray],
    failures: Sequence[Failure],
    panel: bool,
    sizes: tuple[int, int],
    entropy: tuple[int, ...],
) -> Any:
    """Paths (draws, horizon) by name, with the fall-backs, as an array with dates in the order of the input."""
    draws, horizon = sizes
    known = {task.name: task for task in tasks if task.name in found or task.fallback is not None}
    if not known:
        raise ValueError(f"no series could be forecast; the first, {failures[0].unique_id!r}: {failures[0].reason}")
    values = np.empty((1, draws, len(known), horizon))
    for place, (name, task) in enumerate(known.items()):
        one = found.get(name)
        values[0, :, place] = fallback_paths(task, horizon, draws, seed_of(entropy, name)) if one is None else one
    paths = path_array(values, {name: task.after(horizon) for name, task in known.items()}, panel)
    paths.attrs["failures"] = failure_table(failures)
    return paths


def failure_table(failures: Sequence[Failure]) -> Any:
    """The series that were not fitted: unique_id, reason, fallback."""
    import pandas as pd

    return pd.DataFrame(failures, columns=list(Failure._fields))


def entropy_of(key: Any) -> tuple[int, ...]:
    """The whole numbers that a JAX key consists of."""
    return tuple(int(word) for word in np.ravel(jax.random.key_data(as_key(key))))


def seed_of(entropy: tuple[int, ...], name: Any) -> tuple[int, ...]:
    """The seed of a series, which does not depend on the others."""
    return (*entropy, zlib.crc32(str(name).encode()))


def check_pool(pool: str | None) -> None:
    """Refuse an unknown way of learning from all series together."""
    if pool == "shared":
        raise ValueError(
            'pool must be None or "hierarchical", got "shared": one network for all series is a fit of the panel, '
            'bnn.fit(model, bnn.lagged(series, "auto", transform="auto")), and bnn.forecast of that'
        )
    if pool is not None:
        checks.known("pool", pool, POOLS)


def check_memory(count: int, draws: int, horizon: int) -> None:
    """Refuse paths that do not fit into the memory of this machine."""
    memory.check_memory(
        f"{draws} paths of {count} series over {horizon} steps take",
        8 * count * draws * horizon,
        "ask for fewer draws or a shorter horizon, or for some series at a time",
    )
