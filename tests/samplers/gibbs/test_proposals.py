"""Candidates of the unit moves: their positions, their weights, and how one is chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn._internal.conditionals import Covariance
from bayesnn._internal.runtime import double
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs import proposals
from bayesnn.samplers.gibbs.proposals import PROPOSALS

MEAN = np.array([0.4, -1.1])
COVARIANCE = np.array([[1.3, 0.5], [0.5, 0.7]])
COUNT = 8
EXACT = 1e-10  # relative, for algebra in double precision


@pytest.fixture(autouse=True)
def double_precision():
    with double():
        yield


@pytest.fixture
def hyper():
    covariance = Covariance(jnp.linalg.cholesky(COVARIANCE), jnp.linalg.inv(COVARIANCE))
    return Hyper(jnp.array(0.0), jnp.array(1.0), jnp.asarray(MEAN), covariance)


def candidates_of(proposal, hyper, units=3, count=COUNT, key=0):
    gamma = jnp.asarray(np.random.default_rng(5).normal(size=(units, 2)))
    log_scale = jnp.linspace(-1.0, 0.5, units)
    return gamma, PROPOSALS[proposal].propose(jax.random.key(key), gamma, hyper, count, log_scale)


@pytest.mark.parametrize("proposal", PROPOSALS)
@pytest.mark.parametrize("count", [COUNT, pytest.param(1, marks=pytest.mark.slow)])
def test_shapes(proposal, count, hyper):
    _, candidates = candidates_of(proposal, hyper, count=count)
    assert candidates.values.shape == (3, count, 2)
    assert candidates.log_weight.shape == (3, count + 1)
    index = PROPOSALS[proposal].choose(jnp.zeros(count + 1) + candidates.log_weight[0], candidates.noise[0])
    assert index.shape == ()
    assert 0 <= index <= count


def test_angles_are_those_of_the_shrinking_bracket():
    """I. Murray, R. Adams and D. MacKay (2010), figure 2, every candidate rejected."""
    uniform = np.random.default_rng(1).uniform(size=(50, COUNT))
    expected = np.empty_like(uniform)
    for row, draws in enumerate(uniform):
        angle = 2 * np.pi * draws[0]
        low, high = angle - 2 * np.pi, angle
        for k, draw in enumerate(draws):
            if k:
                angle = low + (high - low) * draw
            expected[row, k] = angle
            assert low <= 0 <= high
            low, high = (angle, high) if angle < 0 else (low, angle)
    np.testing.assert_allclose(proposals.shrinking_angles(jnp.asarray(uniform)), expected, rtol=EXACT)


def test_slice_candidates_lie_on_one_ellipse_through_the_current_point(hyper):
    """Centred candidates are cos g + sin e of two vectors: rank two, and g = current is one of them."""
    key = jax.random.key(0)
    gamma, candidates = candidates_of("slice", hyper)
    angles = proposals.shrinking_angles(jax.random.uniform(jax.random.split(key)[1], (3, COUNT + 1))[:, :COUNT])
    for unit in range(3):
        centred = np.asarray(candidates.values[unit]) - MEAN
        cosine, sine = np.cos(angles[unit])[:, None], np.sin(angles[unit])[:, None]
        other = (centred - cosine * (gamma[unit] - MEAN)) / sine  # the same vector for every candidate
        np.testing.assert_allclose(other, np.broadcast_to(other[0], other.shape), rtol=1e-8)


@pytest.mark.parametrize("proposal", ["random_walk", "adaptive"])
def test_walks_weigh_by_the_prior(proposal, hyper):
    gamma, candidates = candidates_of(proposal, hyper)
    everyone = np.concatenate([gamma[:, None], candidates.values], axis=1)
    expected = stats.multivariate_normal(MEAN, COVARIANCE).logpdf(everyone)
    weight = np.asarray(candidates.log_weight)
    np.testing.assert_allclose(weight - weight[:, :1], expected - expected[:, :1], rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("proposal", ["slice", "prior"])
def test_candidates_of_the_prior_weigh_the_same(proposal, hyper):
    assert not candidates_of(proposal, hyper)[1].log_weight.any()


def test_draws_of_the_prior_have_its_moments(hyper):
    """Squared distances are chi-square with two degrees of freedom, and so is the mean, rescaled."""
    _, candidates = candidates_of("prior", hyper, units=400, count=50)
    centred = np.asarray(candidates.values).reshape(-1, 2) - MEAN
    distances = np.sum(np.linalg.solve(COVARIANCE, centred.T) * centred.T, axis=0)
    assert stats.kstest(distances, stats.chi2(2).cdf).pvalue > 1e-4
    mean = centred.mean(axis=0)
    assert stats.chi2(2).sf(len(centred) * mean @ np.linalg.solve(COVARIANCE, mean)) > 1e-4


def test_an_adaptive_step_has_its_scale(hyper):
    """A pool member is two steps away: squared distances over 2 scale^2 are chi-square with two degrees."""
    gamma = jnp.zeros((4000, 2))
    log_scale = jnp.where(jnp.arange(4000) < 2000, -1.0, 0.5)
    candidates = proposals.adaptive(jax.random.key(3), gamma, hyper, 1, log_scale)
    steps = np.asarray(candidates.values)[:, 0] / np.exp(log_scale)[:, None] / np.sqrt(2)
    distances = np.sum(np.linalg.solve(COVARIANCE, steps.T) * steps.T, axis=0)
    for part in (distances[:2000], distances[2000:]):
        assert stats.kstest(part, stats.chi2(2).cdf).pvalue > 1e-4


def test_scales_of_the_random_walk_are_log_uniform_over_two_decades(hyper):
    """The steps of one pool share their scale: with many candidates their spread about the centre shows it."""
    gamma = jnp.zeros((500, 2))
    walk = jax.jit(lambda key: proposals.random_walk(key, gamma, hyper, 2000, gamma[:, 0]))
    candidates = walk(jax.random.key(3))
    whitened = np.linalg.solve(np.linalg.cholesky(COVARIANCE), np.asarray(candidates.values)[..., None])[..., 0]
    exponents = np.log10(whitened.std(axis=1).mean(axis=1))
    blur = 1 / np.sqrt(2 * 2 * 2000) / np.log(10)  # standard error of a log10 spread from 4000 numbers
    assert exponents.min() > -2 - 5 * blur
    assert exponents.max() < 5 * blur
    assert stats.kstest(exponents, stats.uniform(-2, 2).cdf).pvalue > 1e-4


def test_the_first_acceptable_candidate_is_taken():
    level = jnp.log(jnp.array([0.5]))  # at half the current density
    assert proposals.first_acceptable(jnp.array([0.0, -5.0, -0.1, 3.0]), level) == 2
    assert proposals.first_acceptable(jnp.array([0.0, -5.0, -1.0, -0.7]), level) == 0
    assert proposals.first_acceptable(jnp.array([0.0, -0.6, 9.0, 9.0]), level) == 1
    assert proposals.first_acceptable(jnp.array([0.0, jnp.nan, -0.1, 0.0]), level) == 2


def test_the_weighted_choice_has_its_probabilities():
    score = np.array([0.3, -1.0, 1.2, 0.0])
    noise = jax.random.gumbel(jax.random.key(4), (20_000, 4))
    chosen = jax.vmap(lambda n: proposals.weighted(jnp.asarray(score), n))(noise)
    expected = 20_000 * np.exp(score) / np.exp(score).sum()
    assert stats.chisquare(np.bincount(chosen, minlength=4), expected).pvalue > 1e-4
