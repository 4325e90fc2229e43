"""The weight of the likelihood in a density: what is observed counts, what belongs to the prior does not."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from numpyro import distributions as dist
from scipy import stats

import bayesnn as bnn
from bayesnn.priors.autoregression import LagRegion
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


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.5])
def test_the_factor_of_a_confined_prior_belongs_to_the_prior(factor):
    """A lagged series' linear term: neither a temperature nor minibatches may weigh what its prior says of it."""
    model = bnn.shallow(1, linear=True)
    model = replace(model, prior=replace(model.prior, region=LagRegion((1,), sum_variance=0.01)))
    x = np.array([[0.2], [-1.0], [0.9]])
    with jax.enable_x64(True):
        data = (jnp.asarray(x), jnp.asarray(Y))
        density = make_density(model, data)
        theta = jnp.linspace(-0.8, 0.7, density.size)
        sites = density.sites(theta, data)
        likelihood = stats.norm.logpdf(Y, np.asarray(model.function(sites, data[0])), float(sites["sigma"])).sum()
        prior = -density.potential(theta, data, 0.0)
        assert float(model.prior.log_factor(sites["linear"])) < -1.0  # the factor would be noticed
        np.testing.assert_allclose(-density.potential(theta, data, factor), prior + factor * likelihood, rtol=1e-9)
        np.testing.assert_allclose(density.log_likelihood(theta, data), likelihood, rtol=1e-9)
        free = make_density(replace(model, prior=replace(model.prior, region=None)), data)
        without = -free.potential(theta, data, 0.0)
        np.testing.assert_allclose(prior - without, float(model.prior.log_factor(sites["linear"])), rtol=1e-9)
