"""R-hat and effective draws of many values at once, against ArviZ one by one."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from bayesnn.fitting.mixing import mixing


def walks(chains, draws, persistence, seed=0):
    """Autoregressive draws (chain, draw, 3)."""
    noise = np.random.default_rng(seed).normal(size=(chains, draws, 3))
    for t in range(1, draws):
        noise[:, t] += persistence * noise[:, t - 1]
    return noise


def by_arviz(values):
    data = xr.Dataset({"v": (("chain", "draw", "k"), values)})
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = az.rhat(data), az.ess(data, method="bulk"), az.ess(data, method="tail", prob=(0.05, 0.95))
    return [column["v"].to_numpy() for column in columns]


@pytest.mark.parametrize(("chains", "draws"), [(4, 200), (2, 101), (4, 11), (3, 7), (5, 64)])
def test_they_are_those_of_arviz(chains, draws):
    """Slow, fast and antithetic chains, ties, heavy tails, chains apart, spreads apart, a value that never moves."""
    level, spread = np.arange(chains)[:, None, None], np.arange(1, chains + 1)[:, None, None]
    parts = [walks(chains, draws, rho, i) for i, rho in enumerate((0.0, 0.5, 0.9, 0.99, -0.5, -0.9))]
    parts += [np.round(parts[1]), np.exp(3 * parts[0]), parts[0] + 3 * level, spread**2 * parts[0]]
    values = np.concatenate([*parts, np.zeros((chains, draws, 1))], axis=2)
    found = mixing(values)
    for ours, theirs in zip(found, by_arviz(values), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    np.testing.assert_array_equal(found.ess, np.minimum(found.ess_bulk, found.ess_tail))


def test_any_shape_and_what_cannot_be_judged():
    values = walks(4, 50, 0.3)
    np.testing.assert_array_equal(mixing(values[..., 0]).r_hat, mixing(values).r_hat[0])
    assert mixing(values.reshape(4, 50, 3, 1)).ess_tail.shape == (3, 1)
    assert np.isnan(mixing(values[:1]).r_hat).all() and np.isfinite(mixing(values[:1]).ess).all()
    assert np.isnan(mixing(values[:, :3]).ess_bulk).all()
    values[1, 7, 0] = np.nan
    found = mixing(values)
    assert np.isnan([found.r_hat[0], found.ess_bulk[0], found.ess_tail[0]]).all()
    assert np.isfinite(found.r_hat[1:]).all()
