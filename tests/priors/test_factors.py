"""Exact updates of the factors of a scale against numerical integration of prior times likelihood."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quadrature import LIMIT, many, z_against
from scipy import stats

import bayesnn as bnn
from bayesnn.priors.factors import ExponentialFactor, GammaFactor, HalfCauchyFactor

WEIGHTS = np.array([0.4, -1.1, 0.2, 0.9])
ROUNDS = 60  # of the half-Cauchy's pair of draws, which forgets its start by then
GRID = np.linspace(-60.0, 40.0, 40_001)  # of log t


def log_likelihood(log_t, weights):
    """Weights w ~ N(0, 1/t)."""
    return 0.5 * len(weights) * log_t - 0.5 * np.sum(weights**2) * np.exp(log_t)


def gamma(log_t, guess, size):
    return stats.gamma.logpdf(np.exp(log_t), size / 2, scale=2 / (size * guess)) + log_t


def half_cauchy(log_t, scale):
    sd = np.exp(-log_t / 2)
    return stats.halfcauchy.logpdf(sd, scale=scale) - log_t / 2


def exponential(log_t):
    return stats.expon.logpdf(np.exp(-log_t)) - log_t


def updated(factor, rounds):
    """log t after updates given sums of squares."""

    def draw(key, squares, count):
        step = lambda state, key: (factor.update(key, state, squares, count), None)  # noqa: E731
        state = jax.tree.map(lambda a: jnp.asarray(a, float), factor.start(key, squares.shape))
        state, _ = jax.lax.scan(step, state, jax.random.split(key, rounds))
        return jnp.log(state[0][0])

    return draw


CASES = {
    "gamma": (GammaFactor("scale", None, 0.7, 3.0), 1, lambda v: gamma(v, 0.7, 3.0), WEIGHTS),
    "half-Cauchy": (HalfCauchyFactor("scale", None, 0.4), ROUNDS, lambda v: half_cauchy(v, 0.4), WEIGHTS),
    "half-Cauchy of one weight": (
        HalfCauchyFactor("scale", (), 1.5),
        ROUNDS,
        lambda v: half_cauchy(v, 1.5),
        WEIGHTS[1:2],
    ),
    "exponential": (ExponentialFactor("tail"), 1, exponential, WEIGHTS[:1]),
    "exponential, large weight": (ExponentialFactor("tail"), 1, exponential, np.array([-4.0])),
}


@pytest.mark.first_case
@pytest.mark.parametrize("name", CASES)
def test_the_update_is_the_conditional(name):
    factor, rounds, log_prior, weights = CASES[name]
    draws = many(updated(factor, rounds), np.array([np.sum(weights**2)]), float(len(weights)), seed=1)
    z = z_against(draws, lambda v: log_prior(v) + log_likelihood(v, weights), GRID)
    assert z < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_other_weights_are_noticed(name):
    factor, rounds, log_prior, weights = CASES[name]
    draws = many(updated(factor, rounds), np.array([np.sum(weights**2)]), float(len(weights)), seed=1)
    other = 1.3 * weights
    assert z_against(draws, lambda v: log_prior(v) + log_likelihood(v, other), GRID) > LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gamma", "half-Cauchy"])
def test_a_weight_too_few_is_noticed(name):
    factor, rounds, log_prior, weights = CASES[name]
    draws = many(updated(factor, rounds), np.array([np.sum(weights**2)]), float(len(weights) - 1), seed=1)
    assert z_against(draws, lambda v: log_prior(v) + log_likelihood(v, weights), GRID) > LIMIT


@pytest.mark.slow
def test_a_weight_of_zero_has_a_finite_factor():
    """The horseshoe and Laplace priors have their peak there."""
    for factor in (HalfCauchyFactor("scale", (), 1.0), ExponentialFactor("tail")):
        draws = many(updated(factor, 3), np.zeros(1), 1.0, seed=2)
        assert np.isfinite(draws).all(), factor


@pytest.mark.parametrize("shared", [None, (), (0,), (1,), (0, 2), (0, 1, 2)])
def test_sums_of_squares_are_a_loop_over_the_weights_that_share(shared):
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    factor = GammaFactor("scale", shared, 1.0, 1.0)
    squares, count = factor.squares(jnp.asarray(values))
    axes = (0, 1, 2) if shared is None else shared
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(values.shape))
    expected = np.zeros(shape)
    for place in itertools.product(*map(range, values.shape)):
        expected[tuple(0 if axis in axes else i for axis, i in enumerate(place))] += values[place] ** 2
    assert factor.shape(values.shape) == squares.shape == shape
    assert count == values.size // math.prod(shape)
    np.testing.assert_allclose(squares, expected, rtol=1e-5)


def test_every_factor_starts_by_a_key_of_its_own(monkeypatch):
    """A start that draws gives different numbers to every array, factor and weight."""
    monkeypatch.setattr(GammaFactor, "start", lambda factor, key, shape: (jax.random.uniform(key, shape),))
    model = bnn.Model([bnn.Dense(3), bnn.Dense(3)], prior=bnn.Hierarchical())
    hyper = model.prior.start(jax.random.key(0), model.weight_specs((2,)), model.terms((2,)))
    values = np.concatenate([np.ravel(state[0]) for states in hyper.values() for state in states])
    assert len(values) > 6
    assert len(np.unique(values)) == len(values)
