"""Buckets in threads, by an executor and from a folder: the same draws, and nothing finished is done twice."""

import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.forecasting.many import auto_forecast as module
from bayesnn.forecasting.many import run
from bayesnn.forecasting.many.bucket import fill, forecast_bucket

SIZE = 4  # series per program, as conftest.py sets it

SERIES = {f"s{i}": np.random.default_rng(i).normal(size=12 + i % 3).cumsum() for i in range(SIZE + 2)}
SETTINGS = {"horizon": 2, "draws": 50, "progress": False}


@pytest.fixture(scope="module")
def plain():
    return bnn.auto_forecast(SERIES, **SETTINGS)


class Failing(ThreadPoolExecutor):
    """A pool that loses its worker with the second bucket, as a process pool does, and takes no more after that."""

    taken = 0

    def submit(self, function, /, *args, **kwargs):
        self.taken += 1
        if self.taken > 2:
            raise BrokenProcessPool("closed")
        if self.taken == 2:
            lost = Future()
            lost.set_exception(BrokenProcessPool("a worker was killed"))
            return lost
        return super().submit(function, *args, **kwargs)


def test_buckets_have_one_season_and_similar_lengths():
    lengths, periods = [70, 5, 60, 8] * 10, [(1,), (4,)] * 20
    groups = fill(lengths, periods)
    assert sorted(i for group in groups for i in group) == list(range(40))
    for group in groups:
        assert len(group) <= SIZE and len({(periods[i], run.rows_of(lengths[i])) for i in group}) == 1


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, Failing])
def test_an_executor_gives_the_draws_of_one_process(plain, kind):
    with kind(1) as executor:
        again = bnn.auto_forecast(SERIES, executor=executor, **SETTINGS)
    np.testing.assert_array_equal(again, plain)


def test_a_run_that_was_killed_goes_on_in_its_folder(plain, tmp_path, monkeypatch):
    calls = []

    def counted(bucket):
        calls.append(len(bucket.values))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return forecast_bucket(bucket)

    monkeypatch.setattr(module, "forecast_bucket", counted)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        bnn.auto_forecast(SERIES, path=tmp_path, **SETTINGS)
    assert len(list(tmp_path.iterdir())) == 1
    again = bnn.auto_forecast(SERIES, path=tmp_path, **SETTINGS)
    np.testing.assert_array_equal(again, plain)
    assert len(calls) == 3  # the first bucket came from the folder
    bnn.auto_forecast(SERIES, path=tmp_path, **SETTINGS)
    assert len(calls) == 3
    next(tmp_path.iterdir()).write_bytes(b"damaged")
    np.testing.assert_array_equal(bnn.auto_forecast(SERIES, path=tmp_path, **SETTINGS), plain)
    assert len(calls) == 4
    bnn.auto_forecast(SERIES, path=tmp_path, key=1, **SETTINGS)
    assert len(calls) == 6  # other draws


def test_a_series_that_fails_does_so_alone(plain, monkeypatch):
    """An error in one series of a bucket: a row of the failures, and the draws of the others."""

    def fails(bucket):
        if any(np.array_equal(one, SERIES["s3"]) for one in bucket.values):
            raise FloatingPointError("planted")
        return forecast_bucket(bucket)

    monkeypatch.setattr(module, "forecast_bucket", fails)
    again = bnn.auto_forecast(SERIES, **SETTINGS)
    assert again.failures.to_numpy().tolist() == [["s3", "FloatingPointError: planted", "none"]]
    others = [name for name in SERIES if name != "s3"]
    np.testing.assert_allclose(again.sel(unique_id=others), plain.sel(unique_id=others), rtol=1e-6)


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ValueError, match="must name a folder"):
        bnn.auto_forecast(SERIES, path=file, **SETTINGS)


def killed(bucket, process=os.getpid()):
    """Kill the worker that receives the bucket with the first series."""
    if os.getpid() != process and any(np.array_equal(one, SERIES["s0"]) for one in bucket.values):
        os.kill(os.getpid(), signal.SIGKILL)
    return forecast_bucket(bucket)


@pytest.mark.slow
def test_a_killed_worker_costs_its_bucket_alone(plain):
    class Killing(ProcessPoolExecutor):
        def submit(self, function, /, *args, **kwargs):
            return super().submit(killed, *args, os.getpid())

    with Killing(1, mp_context=get_context("spawn")) as executor:
        again = bnn.auto_forecast(SERIES, executor=executor, **SETTINGS)
    np.testing.assert_array_equal(again, plain)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_of_dask_gives_the_same_draws(plain):
    """One worker is killed while the buckets are out: Dask hands its bucket to the other one."""
    distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'bayesnn[dask]'")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        whole = bnn.auto_forecast(SERIES, executor=client.get_executor(), **SETTINGS)
        worker = next(iter(client.run(os.getpid).values()))
        timer = threading.Timer(0.2, os.kill, (worker, signal.SIGKILL))
        timer.start()
        again = bnn.auto_forecast(SERIES, executor=client.get_executor(), **SETTINGS)
        timer.join()
    np.testing.assert_array_equal(whole, plain)
    np.testing.assert_array_equal(again, plain)
