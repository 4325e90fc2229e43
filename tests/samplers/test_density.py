"""The weight of the likelihood in a density: what is observed counts, what belongs to the prior does not."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from numpyro import distributions as dist
from scipy import stats

from bayesnn.samplers.density import make_density

Y = np.array([0.4, -1.3, 2.0])


def model_with(name):
    """A positive scale, which has a Jacobian, and an observed site of any name."""

    def model(x, y):
        scale = numpyro.sample("scale", dist.LogNormal(0.3, 0.5))
        numpyro.sample(name, dist.Normal(0.0, scale).expand((3,)).to_event(1), obs=y)

    return model


@pytest.mark.parametrize("name", ["y", "my_log_det", "_log_det", "_other_log_det"])
@pytest.mark.parametrize("factor", [0.0, 1.0, 2.5])
def test_the_likelihood_is_weighted_and_the_jacobian_is_not_whatever_their_names(name, factor):
    with jax.enable_x64(True):
        data = (jnp.zeros((3, 1)), jnp.asarray(Y))
        density = make_density(model_with(name), data)
        found = density.potential(jnp.array([0.7]), data, factor)
    prior = stats.norm.logpdf(0.7, 0.3, 0.5)  # of the log of the scale: the Jacobian is part of it
    likelihood = stats.norm.logpdf(Y, 0.0, np.exp(0.7)).sum()
    np.testing.assert_allclose(found, -prior - factor * likelihood, rtol=1e-10)
