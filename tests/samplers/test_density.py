"""The weight of the likelihood in a density: what is observed counts, what belongs to the prior does not."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from numpyro import distributions as dist
from scipy import stats

from bayesnn.samplers.density import make_density, take_rows
from bayesnn.samplers.fixed_layers import FixedLayersModel

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


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.5])
def test_held_sites_belong_to_the_prior(factor):
    """The weights of a fixed layer are observed; under minibatches their density must not count n/B times."""

    def model(x, y):
        scale = numpyro.sample("scale", dist.LogNormal(0.3, 0.5))
        weight = numpyro.sample("weight", dist.Normal(0.0, scale))
        numpyro.sample("y", dist.Normal(weight, 1.0).expand((3,)).to_event(1), obs=y)

    with jax.enable_x64(True):
        data = (jnp.zeros((3, 1)), jnp.asarray(Y), {"weight": jnp.asarray(0.8)})
        density = make_density(FixedLayersModel(model), data)
        found = density.potential(jnp.array([0.7]), data, factor)
    assert density.names == ("scale",)
    prior = stats.norm.logpdf(0.7, 0.3, 0.5) + stats.norm.logpdf(0.8, 0.0, np.exp(0.7))
    np.testing.assert_allclose(found, -prior - factor * stats.norm.logpdf(Y, 0.8).sum(), rtol=1e-10)


def test_a_dictionary_among_the_data_has_no_rows():
    data = (jnp.arange(6.0).reshape(3, 2), jnp.arange(3.0), None, {"weight": jnp.arange(3.0)})
    x, y, offset, values = take_rows(data, np.array([2, 0]))
    np.testing.assert_array_equal(x, [[4.0, 5.0], [0.0, 1.0]])
    np.testing.assert_array_equal(y, [2.0, 0.0])
    assert offset is None
    np.testing.assert_array_equal(values["weight"], np.arange(3.0))
