"""bayesnn works whichever of ArviZ, JAX, NumPyro and bayesnn a script imports first.

ArviZ 1.x registers jax and numpyro as modules that load on first use, and jaxlib reads the level of its log when it is
loaded: both depend on the order of imports, so each order has a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FIRST = ("arviz", "bayesnn", "jax", "numpyro")
NOISE = ("machine type", "pjrt_executable")  # of jaxlib's false errors for programs from the cache
SCRIPT = """
import {first}
import bayesnn as bnn
import numpy as np

x = np.linspace(-1.5, 1.5, 12)[:, None]
y = np.tanh(2 * x[:, 0]) + 0.1 * np.cos(11 * x[:, 0])
sampler = bnn.NUTS(max_tree_depth=3)
for marginalize in (True, False):
    fit = bnn.fit(
        bnn.shallow(2), x, y, sampler=sampler, marginalize=marginalize, draws=5, warmup=5, chains=1, progress=False
    )
    assert fit.idata["posterior"]["gamma"].shape == (1, 5, 2, 2), fit.idata["posterior"]["gamma"].shape
    print("fitted", np.isfinite(bnn.predict(fit, x, key=1)).all().item())
"""


@pytest.mark.parametrize("first", FIRST)
def test_a_fit_works_and_says_nothing_false(first, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["fitted", "True"] * 2
    assert [line for line in done.stderr.splitlines() if any(word in line for word in NOISE)] == []
