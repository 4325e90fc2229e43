"""Several processes that make one fit: equal draws whatever their number, clear errors where one is missing."""

import os
import signal
import socket
import subprocess
import sys
import time

import hosts_script
import jax
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.samplers.engine import multihost
from bayesnn.samplers.engine.plan import Plan

CASES = ("gibbs", "hmc", "rows", "ensemble", "variational", "auto", "time")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="JAX has no processes that work together there")


def start(count, cases, folder):
    """Start the processes of the script on a port of their own, each with stdout and stderr in one pipe."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    root = os.path.dirname(os.path.dirname(os.path.dirname(hosts_script.__file__)))
    environment = os.environ | {"PYTHONPATH": root, "XLA_FLAGS": ""}
    command = [sys.executable, "-W", "ignore", hosts_script.__file__, str(port), str(count)]
    return [
        subprocess.Popen(
            [*command, str(i), ",".join(cases), str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(count)
    ]


def finish(processes, seconds=300):
    """Exit status and output of each process."""
    try:
        return [(output, p.returncode) for p in processes for output, _ in [p.communicate(timeout=seconds)]]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def drawn(count, cases, folder):
    """What each process returned, by case."""
    for output, status in finish(start(count, cases, folder)):
        assert status == 0, output
    return {case: [dict(np.load(folder / f"{case}-{count}-{i}.npz")) for i in range(count)] for case in cases}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "cases"),
    [
        (2, ["gibbs"]),
        pytest.param(2, CASES[1:], marks=pytest.mark.slow),
        pytest.param(4, CASES, marks=pytest.mark.slow),
    ],
    ids=["two", "two, all samplers", "four"],
)
def test_processes_draw_what_one_draws(count, cases, tmp_path):
    alone, found = drawn(1, cases, tmp_path), drawn(count, cases, tmp_path)
    for case in cases:
        (expected,) = alone[case]
        for values in found[case]:
            method = str(values.pop("method"))
            assert values.keys() == expected.keys() - {"method"}
            for name, value in values.items():
                if not value.ndim:
                    assert value == expected[name] or case == "time"
                    continue
                if case == "time":  # processes stop at the same draw, one alone after any chunk
                    assert value.shape[1] == 20
                    continue
                # Batches of other sizes and sums in another order round otherwise; short chains have not amplified it
                np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-8, err_msg=f"{case} {name}")
        assert ("rows sharded over" in method) == (case == "rows")
        assert (f"in each of {count} processes" in method) == (case in ("gibbs", "hmc", "ensemble", "auto", "time"))
    if "gibbs" in cases:  # each process keeps a folder of its own
        parts = [bnn.open_run(tmp_path / f"run-{count}" / f"process-{i}-of-{count}") for i in range(count)]
        sigma = np.concatenate([part["posterior"]["sigma"].to_numpy() for part in parts])
        np.testing.assert_allclose(sigma, alone["gibbs"][0]["sigma"], rtol=1e-6)


@pytest.mark.slow
def test_a_killed_process_ends_the_others(tmp_path):
    """Process 1 is killed while process 0 samples, which takes years."""
    first, second = processes = start(2, ["lost"], tmp_path)
    try:
        while "advanced" not in (line := second.stdout.readline()):
            assert line, "process 1 ended on its own"
        second.send_signal(signal.SIGKILL)
        begun = time.monotonic()
        output, _ = first.communicate(timeout=60)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert time.monotonic() - begun < 60
    assert first.returncode not in (0, None)
    assert "another task died" in output or "lost contact" in output


@pytest.mark.slow
def test_a_process_that_failed_is_missed_at_once(tmp_path):
    (output, status), (other, _) = finish(start(2, ["early"], tmp_path), seconds=60)
    assert status not in (0, None)
    assert "lost contact with another process" in output or "another task died" in output, output
    assert "ended on its own" in other


@pytest.mark.slow
def test_processes_must_fit_the_same(tmp_path):
    for output, status in finish(start(2, ["differ"], tmp_path)):
        assert status == 1
        assert "all 2 processes must fit the same model to the same data with the same key" in output


# Without other processes


def as_one_of(count, number, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: count)
    monkeypatch.setattr(jax, "process_index", lambda: number)


@pytest.mark.parametrize(("chains", "count"), [(8, 2), (5, 4), (3, 3)])
def test_every_chain_has_one_process_and_its_own_key(chains, count, monkeypatch):
    key = jax.random.key(1)
    whole = jax.random.key_data(Plan(1, 1, chains).keys(key))
    keys = []
    for number in range(count):
        as_one_of(count, number, monkeypatch)
        plan = multihost.local_part(Plan(1, 1, chains))
        assert plan.total_chains == chains
        assert plan.progress == (number == 0)
        keys.append(jax.random.key_data(plan.keys(key)))
    np.testing.assert_array_equal(np.concatenate(keys), whole)


def test_fewer_chains_than_processes_are_refused(monkeypatch):
    as_one_of(4, 0, monkeypatch)
    with pytest.raises(ValueError, match='chains must be at least the 4 processes that share them, got 3.*"rows"'):
        multihost.local_part(Plan(1, 1, 3))
    assert multihost.local_part(Plan(1, 1, 3, method="rows")).chains == 3


def test_an_address_alone_is_refused():
    with pytest.raises(ValueError, match="coordinator, processes and process belong together"):
        bnn.join_hosts("localhost:1")
    with pytest.raises(ValueError, match="lost_after"):
        bnn.join_hosts(lost_after=0)
