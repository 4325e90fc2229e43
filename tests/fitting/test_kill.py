"""Runs that are killed at random moments and started again have the draws of runs that were never stopped."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import killed
import numpy as np
import pytest

ROOT = Path(killed.__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL there")


def start(folder, case):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, killed.__file__, str(folder), case]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_and_kill(folder, case, chance):
    """One run, killed after a random number of writes and a moment more; whether it was done before."""
    process = start(folder, case)
    try:
        for _ in range(chance.randint(1, 12)):
            if not process.stdout.readline():
                break
        time.sleep(chance.uniform(0.0, 0.03))
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode == 0


def survives(tmp_path, case, kills):
    chance = random.Random(case)
    ended = [run_and_kill(tmp_path / "killed", case, chance) for _ in range(kills)]
    assert not all(ended)
    resumed = killed.run(tmp_path / "killed", case)
    straight = killed.run(None, case)
    assert resumed.complete
    for group in ("posterior", "sample_stats", "log_likelihood"):
        for name, values in straight.idata[group].data_vars.items():
            np.testing.assert_array_equal(resumed.idata[group][name], values, err_msg=f"{group} {name}")


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path):
    survives(tmp_path, "gibbs", kills=3)


@pytest.mark.slow
@pytest.mark.parametrize("case", list(killed.cases()))
def test_a_run_killed_many_times_goes_on(tmp_path, case):
    survives(tmp_path, case, kills=20 if case == "gibbs" else 5)


@pytest.mark.slow
def test_killed_at_any_time_of_its_life(tmp_path):
    """While importing, compiling, starting, writing the manifest ... as well."""
    chance = random.Random(1)
    begun = time.monotonic()
    process = start(tmp_path / "timed", "nuts")
    _, errors = process.communicate(timeout=300)
    span = time.monotonic() - begun
    assert process.returncode == 0, errors
    for _ in range(20):
        process = start(tmp_path / "killed", "nuts")
        try:
            time.sleep(chance.uniform(0.0, span))
        finally:
            process.kill()
            process.communicate(timeout=60)
    resumed, straight = killed.run(tmp_path / "killed", "nuts"), killed.run(tmp_path / "timed", "nuts")
    np.testing.assert_array_equal(resumed.idata["posterior"]["gamma"], straight.idata["posterior"]["gamma"])
