"""R-hat and effective draws of many values at once are ArviZ's of each, and what cannot be judged is NaN."""

import arviz as az
import numpy as np

from bayesnn.fitting.mixing import mixing


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
