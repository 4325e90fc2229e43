"""Running buckets: in threads of this process or by an executor, with results kept in a folder as they come."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from bayesnn._internal.version import __version__
from bayesnn.fitting.store.files import folder_path, read_arrays, write_arrays
from bayesnn.forecasting.many.bucket import Bucket, forecast_bucket, rows_of

SUFFIX = ".paths.npz"


def run_buckets(buckets: Sequence[Bucket], path: Any, executor: Any, progress: bool) -> list[np.ndarray | Exception]:
    """Paths (series, draws, horizon) of each bucket, or the error that it ended with."""
    folder = None if path is None else _folder(path)
    results: list[Any] = [None if folder is None else _stored(folder, bucket) for bucket in buckets]
    waiting = [i for i, result in enumerate(results) if result is None]
    done = sum(len(bucket.values) for bucket, result in zip(buckets, results, strict=True) if result is not None)
    total = sum(len(bucket.values) for bucket in buckets)
    with tqdm(total=total, initial=done, disable=not progress, unit="series") as bar:
        run = _by_threads if executor is None else _by_executor
        for i, result in run([buckets[i] for i in waiting], executor):
            results[waiting[i]] = result
            if folder is not None and not isinstance(result, Exception):
                write_arrays(folder / _file_name(buckets[waiting[i]]), {"paths": result})
            bar.update(len(buckets[waiting[i]].values))
    return results


def _by_threads(buckets: Sequence[Bucket], executor: Any) -> Iterator[tuple[int, np.ndarray | Exception]]:
    """Results as they come, by a thread per core; the first bucket of each program compiles it for the others."""
    kinds: dict[Any, int] = {}
    for i, bucket in enumerate(buckets):
        kinds.setdefault((bucket.period, rows_of(max(map(len, bucket.values))), len(bucket.values) == 1), i)
    first = list(kinds.values())
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for group in (first, sorted(set(range(len(buckets))) - set(first))):
                futures = {i: pool.submit(forecast_bucket, buckets[i]) for i in group}
                for i, future in futures.items():
                    yield i, _result(future)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _by_executor(buckets: Sequence[Bucket], executor: Any) -> Iterator[tuple[int, np.ndarray | Exception]]:
    """Results in order. A bucket whose worker is lost, or that cannot be sent any more, is done in this process."""
    futures: list[Any] = []
    for bucket in buckets:
        try:
            futures.append(executor.submit(forecast_bucket, bucket))
        except Exception:
            futures.append(None)  # a pool that has lost a worker takes no more
    for i, (bucket, future) in enumerate(zip(buckets, futures, strict=True)):
        result = None if future is None else _result(future)
        yield i, result if isinstance(result, np.ndarray) else _here(bucket)


def _result(future: Future[np.ndarray]) -> np.ndarray | Exception:
    try:
        return future.result()
    except Exception as error:
        return error


def _here(bucket: Bucket) -> np.ndarray | Exception:
    try:
        return forecast_bucket(bucket)
    except Exception as error:
        return error


def _folder(path: Any) -> Path:
    folder = folder_path(path)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"path must name a folder, got the file {folder}: give another name, or delete it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _stored(folder: Path, bucket: Bucket) -> np.ndarray | None:
    """The paths of a bucket from an earlier call, or None. A damaged file is as good as none."""
    try:
        arrays, _ = read_arrays(folder / _file_name(bucket))
    except (FileNotFoundError, ValueError):
        return None
    paths = arrays.get("paths")
    return paths if paths is not None and paths.shape == (len(bucket.values), bucket.draws, bucket.horizon) else None


def _file_name(bucket: Bucket) -> str:
    """A name that tells all that the paths depend on: data, settings, seeds and version."""
    settings = (bucket.period, bucket.horizon, bucket.draws, bucket.seeds, bucket.prior, __version__)
    digest = hashlib.sha256(repr(settings).encode())
    for values in (*bucket.values, bucket.log_prior):
        if values is not None:
            digest.update(repr((values.shape, values.dtype.str)).encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:32] + SUFFIX
