"""The weight of the likelihood in a density: what is observed counts, what belongs to the prior does not."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from numpyro import distributions as dist
from numpyro.infer import init_to_sample
from numpyro.infer.util import initialize_model
from scipy import stats

import bayesnn as bnn
from bayesnn.priors.autoregression import LagRegion
from bayesnn.samplers.density import flat_draw, initial_sites, make_density, take_rows
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


def test_the_factor_of_a_confined_prior_belongs_to_the_prior():
    """A lagged series' linear term: neither a temperature nor minibatches may weigh what its prior says of it."""
    model = bnn.shallow(1, linear=True)
    model = replace(model, prior=replace(model.prior, region=LagRegion((1,), sum_variance=0.01)))
    x = np.array([[0.2], [-1.0], [0.9]])
    with jax.enable_x64(True):
        data = (jnp.asarray(x), jnp.asarray(Y))
        density = make_density(model, data)
        potential = jax.jit(density.potential)
        theta = jnp.linspace(-0.8, 0.7, density.size)

        @jax.jit
        def parts(theta):
            sites = density.sites(theta, data)
            return sites["sigma"], model.function(sites, data[0]), model.prior.log_factor(sites["linear"])

        sigma, f, of_region = map(np.asarray, parts(theta))
        likelihood = stats.norm.logpdf(Y, f, sigma).sum()
        prior = -potential(theta, data, 0.0)
        assert of_region < -1.0  # the factor would be noticed
        for factor in (1.0, 2.5):
            np.testing.assert_allclose(-potential(theta, data, factor), prior + factor * likelihood, rtol=1e-9)
        np.testing.assert_allclose(jax.jit(density.log_likelihood)(theta, data), likelihood, rtol=1e-9)
        free = make_density(replace(model, prior=replace(model.prior, region=None)), data)
        without = -jax.jit(free.potential)(theta, data, 0.0)
        np.testing.assert_allclose(prior - without, of_region, rtol=1e-9)


def test_a_draw_of_the_prior_is_that_of_numpyro():
    """Positive sites come on the logarithm, those that belong to an interval on the logit, both from NumPyro's key."""

    def model(x, y):
        scale = numpyro.sample("scale", dist.LogNormal(0.3, 0.5))
        share = numpyro.sample("share", dist.Uniform(-1.0, 3.0))
        numpyro.sample("y", dist.Normal(share, scale).expand((3,)).to_event(1), obs=y)

    with jax.enable_x64(True):
        data, key = (jnp.zeros((3, 1)), jnp.asarray(Y)), jax.random.key(4)
        found = initial_sites(key, model, data)
        theirs = initialize_model(
            key, model, init_strategy=init_to_sample, model_args=data, dynamic_args=True, validate_grad=False
        ).param_info.z
    assert found.keys() == theirs.keys() == {"scale", "share"}
    for name, value in theirs.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12)


def test_a_start_has_a_density_where_the_draw_has_none():
    """A scale that overflowed starts at one; where every shrunk draw is impossible, the start is zero."""

    def overflowing(x, y):
        numpyro.sample("scale", dist.LogNormal(0.0, 1.0))
        huge = numpyro.sample("huge", dist.Gamma(1e-9, 1.0))  # zero, whose logarithm is -infinity
        numpyro.sample("y", dist.Normal(0.0, 1.0 + huge).expand((3,)).to_event(1), obs=y)

    def possible_near_zero(x, y):
        b = numpyro.sample("b", dist.Normal(0.0, 1.0))
        numpyro.factor("region", jnp.where(jnp.abs(b) < 1e-9, 0.0, -jnp.inf))

    data = (jnp.zeros((3, 1)), jnp.asarray(Y))
    with jax.enable_x64(True):
        for model in (overflowing, possible_near_zero):
            density = make_density(model, data)
            start = density.start(jax.random.key(0), data)
            assert np.isfinite(start).all() and np.isfinite(density.potential(start, data))
        assert not np.isfinite(flat_draw(jax.random.key(0), overflowing, data)).all()
