"""Densities, moves and paths of tempered particles against a conjugate normal."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from quadrature import LIMIT, z_of_moments
from scipy import stats
from tqdm.auto import tqdm

from bayesnn._internal.runtime import double

tempering = importlib.import_module("bayesnn.evaluation.tempering")
Y = np.array([1.0, 2.5, 0.7])


def normal_mean(y):
    """z ~ N(0, 2^2), y_i ~ N(z, 1)."""
    z = numpyro.sample("z", dist.Normal(0.0, 2.0))
    numpyro.sample("y", dist.Normal(z, 1.0), obs=y)


def rate(y):
    """A positive parameter, so that the unconstrained space has a Jacobian."""
    r = numpyro.sample("r", dist.Gamma(3.0, 2.0))
    numpyro.sample("y", dist.Exponential(r), obs=y)


def moments_at(temperature):
    precision = 1 / 4 + temperature * len(Y)
    return np.array([temperature * Y.sum() / precision]), np.array([[1 / precision]])


def test_prior_and_likelihood_are_told_apart_on_the_unconstrained_space():
    grid = np.linspace(-12.0, 6.0, 4001)
    with double():
        prior, likelihood = jax.vmap(lambda u: tempering.log_densities(rate, {"r": u}, (jnp.asarray(Y),)))(grid)
    r = np.exp(grid)
    np.testing.assert_allclose(likelihood, len(Y) * grid - r * Y.sum(), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(prior, stats.gamma.logpdf(r, 3.0, scale=0.5) + grid, rtol=1e-10)
    assert np.trapezoid(np.exp(prior), grid) == pytest.approx(1.0, rel=1e-6)


def test_particles_from_the_prior_are_its_draws():
    with double():
        particles = tempering.from_prior(rate, 4000, jax.random.key(0), (jnp.asarray(Y),))
        r = np.exp(np.asarray(particles.position["r"]))
    assert stats.kstest(r, stats.gamma(3.0, scale=0.5).cdf).pvalue > 1e-3
    np.testing.assert_allclose(particles.log_likelihood, len(Y) * np.log(r) - r * Y.sum(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0])
def test_moves_leave_the_tempered_density_invariant(temperature):
    mean, variance = moments_at(temperature)
    rng = np.random.default_rng(1)
    start = mean + np.sqrt(variance[0]) * rng.normal(size=20_000)
    settled = moved(start, temperature)
    assert z_of_moments(settled[:, None], mean, variance) < LIMIT
    other, spread = moments_at(0.6)
    wrong = moved(other + np.sqrt(spread[0]) * rng.normal(size=20_000), temperature)
    assert z_of_moments(wrong[:, None], other, spread) > LIMIT, "the check must see a wrong temperature"


def moved(start, temperature):
    with double():
        data = (jnp.asarray(Y),)
        position = {"z": jnp.asarray(start)}
        densities = jax.vmap(lambda p: tempering.log_densities(normal_mean, p, data))(position)
        particles = tempering.Particles(position, *densities)
        setting = (np.asarray(temperature), np.asarray(0.4), {"z": np.asarray(0.8)})
        for key in jax.random.split(jax.random.key(2), 4):
            particles, rates = tempering.move(normal_mean, 3, key, particles, data, setting)
        assert 0.5 < float(rates.mean()) < 0.9999, "a rejected move must be among them"
        return np.asarray(particles.position["z"])


def test_pilot_reaches_the_posterior_in_steps_of_equal_cost():
    with double(), tqdm(disable=True) as bar:
        path, rates = tempering.pilot(normal_mean, 400, 5, jax.random.key(0), (jnp.asarray(3 * Y),), bar)
    assert path.temperatures[0] == 0.0
    assert path.temperatures[-1] == 1.0
    assert (np.diff(path.temperatures) > 0).all()
    assert ((rates > 0.5) & (rates <= 1.0)).all()
    spread = np.array([moments_at(t)[1][0, 0] ** 0.5 for t in path.temperatures[1:-1]])
    np.testing.assert_allclose(path.scales["z"][1:-1] / spread, 2 ** np.zeros(len(spread)), rtol=0.35)


def test_next_temperature_keeps_half_of_the_particles():
    values = -np.random.default_rng(0).exponential(size=500) * 100
    chosen = tempering._next_temperature(0.1, values)
    assert tempering.effective((chosen - 0.1) * values) == pytest.approx(250, rel=1e-3)
    assert tempering._next_temperature(0.9, values / 1000) == 1.0
    values[:3] = [-np.inf, np.nan, np.inf]
    assert 0.1 < tempering._next_temperature(0.1, values) < 1.0


def test_refined_paths_pass_through_the_pilot():
    steps = np.array([1.0, 1.0, 0.1])
    path = tempering.Path(np.array([0.0, 0.2, 1.0]), steps, {"z": np.array([[2.0], [2.0], [0.5]])})
    fine = tempering.refine(path, 4)
    np.testing.assert_allclose(fine.temperatures, [0.0, 0.1, 0.2, 0.6, 1.0])
    np.testing.assert_allclose(fine.step_sizes, [1.0, 1.0, 1.0, 0.1**0.5, 0.1])
    np.testing.assert_allclose(fine.scales["z"][:, 0], [2.0, 2.0, 2.0, 1.0, 0.5])
    given = tempering.refine(path, np.array([0.0, 0.6, 1.0]))
    np.testing.assert_allclose(given.step_sizes, [1.0, 0.1**0.5, 0.1])


def test_systematic_resampling_keeps_expected_counts():
    weights = np.array([0.5, 0.25, 0.2, 0.05, 0.0])
    counts = np.bincount(tempering.systematic(jax.random.key(0), weights), minlength=5)
    assert counts.sum() == 5
    assert (np.abs(counts - 5 * weights) < 1).all()
    assert counts[4] == 0


def test_effective_particles():
    assert tempering.effective(np.zeros(7)) == pytest.approx(7.0)
    assert tempering.effective(np.array([0.0, -1e3, -np.inf])) == pytest.approx(1.0)
    np.testing.assert_allclose(tempering.weights(0.0, np.array([-5.0, -np.inf])), [1.0, 0.0])
