"""Tiny sequence classifiers sampled by NUTS: four chains agree on the function, or `diagnose` names those that do not.

The networks and data are those of `tests/benchmarks/sequences.py`, with fewer rows and draws.
"""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "sequences.py"
R_HAT = 1.05


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("sequences_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", ["spots lstm", "spots gru", "spots attention"])
def test_chains_agree_or_their_modes_are_named(benchmark, case):
    found = benchmark.judge(*case.split(), few=200, rows=80)
    assert found["weights"] < 200
    assert found["r_hat"] < R_HAT or len(found["modes"]) > 1, found
    if len(found["modes"]) > 1:
        assert f"fall into {len(found['modes'])} groups" in found["verdict"]
