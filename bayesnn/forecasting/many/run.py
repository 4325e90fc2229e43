"""Running buckets: in threads of this process or by an executor, with results kept in a folder as they come."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from bayesnn._internal.version import __version__
from bayesnn.fitting.store.files import folder_path, read_arrays, write_arrays
from bayesnn.forecasting.many.bucket import Bucket, rows_of

Result = dict[str, np.ndarray]  # arrays with an axis (series,) before all others
Function = Callable[[Bucket], Result]


def run_buckets(
    function: Function, kind: str, buckets: Sequence[Bucket], path: Any, executor: Any, progress: bool
) -> list[list[Result | Exception]]:
    """What a function makes of each series of each bucket, or the error that it ended with.

    `kind` says in the names of files what it makes.
    """
    found = _by_bucket(function, kind, buckets, path, executor, progress)
    return [_by_series(function, bucket, one) for bucket, one in zip(buckets, found, strict=True)]


def _by_series(function: Function, bucket: Bucket, result: Result | Exception) -> list[Result | Exception]:
    """Each series of a bucket. If the bucket failed, each is tried alone, so that it fails for no other."""
    places = range(len(bucket.values))
    if isinstance(result, Exception):
        alone = [_here(function, bucket.part(place)) for place in places]
        return [one if isinstance(one, Exception) else {name: a[0] for name, a in one.items()} for one in alone]
    return [{name: array[place] for name, array in result.items()} for place in places]


def _by_bucket(
    function: Function, kind: str, buckets: Sequence[Bucket], path: Any, executor: Any, progress: bool
) -> list[Result | Exception]:
    folder = None if path is None else _folder(path)
    results: list[Any] = [None if folder is None else _stored(folder, kind, bucket) for bucket in buckets]
    waiting = [i for i, result in enumerate(results) if result is None]
    done = sum(len(bucket.values) for bucket, result in zip(buckets, results, strict=True) if result is not None)
    total = sum(len(bucket.values) for bucket in buckets)
    with tqdm(total=total, initial=done, disable=not progress, unit="series") as bar:
        run = _by_threads if executor is None else _by_executor
        for i, result in run(function, [buckets[i] for i in waiting], executor):
            results[waiting[i]] = result
            if folder is not None and not isinstance(result, Exception):
                write_arrays(folder / _file_name(kind, buckets[waiting[i]]), result)
            bar.update(len(buckets[waiting[i]].values))
    return results


def _by_threads(
    function: Function, buckets: Sequence[Bucket], executor: Any
) -> Iterator[tuple[int, Result | Exception]]:
    """Results as they come, by a thread per core; the first bucket of each program compiles it for the others."""
    kinds: dict[Any, int] = {}
    for i, bucket in enumerate(buckets):
        kinds.setdefault((bucket.periods, rows_of(max(map(len, bucket.values))), len(bucket.values) == 1), i)
    first = list(kinds.values())
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for group in (first, sorted(set(range(len(buckets))) - set(first))):
                futures = {i: pool.submit(function, buckets[i]) for i in group}
                for i, future in futures.items():
                    yield i, _result(future)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _by_executor(
    function: Function, buckets: Sequence[Bucket], executor: Any
) -> Iterator[tuple[int, Result | Exception]]:
    """Results in order. A bucket whose worker is lost, or that cannot be sent any more, is done in this process."""
    futures: list[Any] = []
    for bucket in buckets:
        try:
            futures.append(executor.submit(function, bucket))
        except Exception:
            futures.append(None)  # a pool that has lost a worker takes no more
    for i, (bucket, future) in enumerate(zip(buckets, futures, strict=True)):
        result = None if future is None else _result(future)
        yield i, result if isinstance(result, dict) else _here(function, bucket)


def _result(future: Future[Result]) -> Result | Exception:
    try:
        return future.result()
    except Exception as error:
        return error


def _here(function: Function, bucket: Bucket) -> Result | Exception:
    try:
        return function(bucket)
    except Exception as error:
        return error


def _folder(path: Any) -> Path:
    folder = folder_path(path)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"path must name a folder, got the file {folder}: give another name, or delete it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _stored(folder: Path, kind: str, bucket: Bucket) -> Result | None:
    """The result of an earlier call for a bucket; None if there is none, or if its file is damaged."""
    try:
        arrays, _ = read_arrays(folder / _file_name(kind, bucket))
    except (FileNotFoundError, ValueError):
        return None
    whole = arrays and all(array.shape[:1] == (len(bucket.values),) for array in arrays.values())
    return arrays if whole else None


def _file_name(kind: str, bucket: Bucket) -> str:
    """A name that tells all that the result depends on: data, settings, seeds and version."""
    settings = (bucket.periods, bucket.horizon, bucket.draws, bucket.seeds, bucket.prior, __version__)
    digest = hashlib.sha256(repr(settings).encode())
    for values in (*bucket.values, bucket.log_prior, *bucket.later, *bucket.exogenous):
        if values is not None:
            digest.update(repr((values.shape, values.dtype.str)).encode() + np.ascontiguousarray(values).tobytes())
    return f"{digest.hexdigest()[:32]}.{kind}.npz"
