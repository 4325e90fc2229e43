"""Chains and rows sharded over several devices: the same draws, and a description that says what was done."""

import os
import subprocess
import sys

import devices_script
import numpy as np
import pytest

from bayesnn.samplers.engine.plan import Plan

DEVICES = 3


METHODS = {
    "even": "3 batch(es) of 2 chain(s), side by side, chains sharded over 3 devices",
    "uneven": "3 batch(es) of 2 chain(s), side by side",
    "rows": "1 batch(es) of 2 chain(s), side by side, rows sharded over 3 devices",
    "rows by Gibbs": "1 batch(es) of 2 chain(s), side by side, rows sharded over 3 devices",
}


def on_several_devices(cases, file):
    """The draws of a process with several virtual devices."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(devices_script.__file__)))
    flags = f"--xla_force_host_platform_device_count={DEVICES}"
    environment = os.environ | {"PYTHONPATH": root, "XLA_FLAGS": flags}
    command = [sys.executable, "-W", "ignore", devices_script.__file__, str(file), ",".join(cases)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return dict(np.load(file))


@pytest.mark.slow
@pytest.mark.parametrize(
    "cases",
    [["even"], pytest.param(["uneven", "rows", "rows by Gibbs"], marks=pytest.mark.slow)],
    ids=["even", "uneven, rows"],
)
def test_several_devices_draw_what_one_draws(cases, tmp_path):
    found, expected = on_several_devices(cases, tmp_path / "draws.npz"), devices_script.draws(cases)
    assert (found.pop("devices"), expected.pop("devices")) == (DEVICES, 1)
    assert found.keys() == expected.keys()
    for case in cases:
        assert found.pop(f"{case} method") == METHODS[case]
        assert "spread" not in expected.pop(f"{case} method")
    for name, values in found.items():
        # Batches of other sizes and sums in another order round otherwise; short chains have not amplified it
        np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-8, err_msg=name)


def test_one_device_spreads_nothing():
    for method in ("auto", "rows", "vectorized"):
        assert Plan(1, 1, 4, method=method).device_sharding is None
