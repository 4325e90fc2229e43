"""R-hat and effective draws of many values at once are ArviZ's of each, and what cannot be judged is NaN."""

import arviz as az
import numpy as np

from bayesnn.fitting.mixing import mixing, rises


def walks(chains, draws, persistence):
    """Autoregressive draws (chain, draw, 3)."""
    noise = np.random.default_rng(0).normal(size=(chains, draws, 3))
    for t in range(1, draws):
        noise[:, t] += persistence * noise[:, t - 1]
    return noise


def test_every_value_has_its_own():
    """Values in another order and shape keep their numbers, which are ArviZ's of that value alone."""
    values = np.concatenate([walks(4, 60, rho) for rho in (0.0, 0.9)], axis=2)
    found = mixing(values.reshape(4, 60, 2, 3))
    for k in range(6):
        one = values[..., k]
        assert np.isclose(found.r_hat.ravel()[k], az.rhat(one), rtol=1e-12)
        assert np.isclose(found.ess_bulk.ravel()[k], az.ess(one, method="bulk"), rtol=1e-12)
        assert np.isclose(found.ess_tail.ravel()[k], az.ess(one, method="tail", prob=(0.05, 0.95)), rtol=1e-12)
    np.testing.assert_array_equal(found.ess, np.minimum(found.ess_bulk, found.ess_tail))
    assert found.r_hat[0].max() < found.r_hat[1].min()


def test_what_cannot_be_judged_is_not_a_number():
    values = walks(4, 50, 0.3)
    assert np.isnan(mixing(values[:1]).r_hat).all()
    assert np.isfinite(mixing(values[:1]).ess).all()
    assert np.isnan(mixing(values[:, :3]).ess_bulk).all()
    values[..., 0] = 1.0
    assert np.isnan(mixing(values).r_hat[0])
    assert np.isfinite(mixing(values).r_hat[1:]).all()


def test_what_rises():
    """All chains that rise, not one that jumps, nor what falls; a rise that is small beside the noise is none."""
    levels = np.random.default_rng(0).normal(size=(4, 400))
    line = np.linspace(0, 4, 400)
    assert not rises(levels)
    assert rises(levels + line)
    assert not rises(levels - line)
    jump = np.where(np.arange(400) < 200, 0.0, 5.0)
    assert not rises(levels + jump * np.array([1, 0, 0, 0])[:, None])
    assert not rises(0.001 * levels[:, :1] + levels + 0.05 * jump / 5)
    assert not rises((levels + line)[:1])
    assert not rises((levels + line)[:, :6])


def test_levels_that_do_not_rise_seldom_seem_to():
    """However correlated their draws are: independent chains are compared with each other."""
    noise = np.random.default_rng(1).normal(size=(400, 4, 200))
    walk = np.cumsum(noise, axis=2)  # far from equilibrium in one run, without a direction in all
    for levels in (noise, walk):
        assert np.mean([rises(one) for one in levels]) < 0.08
    assert np.mean([rises(one + 0.2 * np.arange(200)) for one in walk]) > 0.3
