"""Batches of chains side by side must not wait for each other: matrices large enough for LAPACK calls in parallel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import faulthandler
faulthandler.dump_traceback_later(240, exit=True)
import numpy as np
import bayesnn as bnn

x = np.random.default_rng(0).normal(size=(100, 64))
settings = {"draws": 20, "warmup": 5, "chains": 4, "progress": False}
fit = bnn.fit(bnn.shallow(5), x, np.tanh(x[:, 0]) + 0.1 * x[:, 1], **settings)
print("done", fit.idata["posterior"].sizes["draw"], flush=True)
"""


@pytest.mark.slow
def test_a_fit_of_many_inputs_ends():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    for name in ("XLA_FLAGS", "OPENBLAS_NUM_THREADS"):  # as users do, not as the other tests
        environment.pop(name, None)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert "done 20" in done.stdout, done.stderr[-2000:]
