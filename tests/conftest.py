"""Fixtures shared by all tests."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

# A script, not a test module: `--doctest-modules` would import it otherwise.
collect_ignore = ["check.py"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of larger real data sets that lies outside the repository; skips where there is none."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BAYESNN_SHARED_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set BAYESNN_SHARED_DATA to the folder of shared data to run this test")
    return folder


@pytest.fixture
def fake_fit() -> Callable:
    """Make a fit from prior draws, in milliseconds: fake_fit(model, x, y, chains=4, draws=50, change=None).

    `change` may edit the recorded values (chain, draw, ...) before they become inference data.
    """
    bnn = importlib.import_module("bayesnn")
    fit_module = importlib.import_module("bayesnn.fit")
    data_module = importlib.import_module("bayesnn.data")

    def make(model, x, y, *, chains=4, draws=50, change=None, complete=True, key=0):
        data = data_module.make_dataset(x, y)
        prior = bnn.prior_predictive(model, x, draws=chains * draws, key=key)["prior"]
        names = model.dims(data.x.shape[1])
        values = {n: prior[n].to_numpy()[0].copy().reshape(chains, draws, *prior[n].shape[2:]) for n in names}
        values["stat acceptance_rate"] = np.full((chains, draws), 0.9)
        if change is not None:
            change(values)
        idata = fit_module.assemble(model, data, values, {"complete": int(complete)})
        return fit_module.Fit(model, data, bnn.Gibbs(), idata)

    return make
