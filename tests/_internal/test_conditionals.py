"""Closed-form conditionals against numerical integration of prior times likelihood, each with a planted mistake."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.linalg import solve_triangular
from quadrature import LIMIT, many, z_against, z_of_mean, z_of_moments
from scipy import special, stats

import bayesnn as bnn
from bayesnn._internal import conditionals
from bayesnn._internal.runtime import computing, double

GUESS, SIZE = 0.7, 3.0
RESIDUALS = np.array([0.4, -1.1, 0.2, 0.9, -0.5])


def log_posterior_of_precision(tau):
    """Gamma(s/2, rate s S/2) prior times N(r; 0, 1/tau), up to a constant."""
    prior = stats.gamma.logpdf(tau, SIZE / 2, scale=2 / (SIZE * GUESS))
    return prior + stats.norm.logpdf(RESIDUALS[:, None], scale=tau**-0.5).sum(axis=0)


@pytest.mark.parametrize(
    ("residuals", "count", "guess", "right"),
    [(RESIDUALS, 5, GUESS, True), (RESIDUALS, 4, GUESS, False), (RESIDUALS, 5, 2 * GUESS, False)],
)
def test_precision_against_quadrature(residuals, count, guess, right):
    squares = np.sum(residuals**2)
    draws = many(conditionals.draw_precision, squares, float(count), guess, SIZE, seed=0)
    z = z_against(draws, log_posterior_of_precision, np.linspace(1e-6, 20.0, 20_001))
    assert (z < LIMIT) == right, z


@pytest.mark.parametrize(("count", "right"), [(4, True), (2, False)])
def test_mean_against_quadrature(count, right):
    values, precision, prior_mean, prior_variance = np.array([1.2, 0.3, 2.2, 0.8]), 0.5, -1.0, 3.0

    def log_posterior(mu):
        likelihood = stats.norm.logpdf(values[:, None], mu, precision**-0.5).sum(axis=0)
        return likelihood + stats.norm.logpdf(mu, prior_mean, prior_variance**0.5)

    arguments = [[[precision]], [prior_mean], [[1 / prior_variance]]]
    draws = many(conditionals.draw_mean, np.array([values.sum()]), count, *map(np.array, arguments), seed=1)
    z = z_against(draws[:, 0], log_posterior, np.linspace(-8.0, 9.0, 8001))
    assert (z < LIMIT) == right, z


def test_mean_of_several_coordinates_is_exact(monkeypatch):
    """The draw is affine in its normal noise, so noise of zeros and unit vectors reads off mean and covariance."""
    rng = np.random.default_rng(2)
    q, count = 3, 6
    a, s = (root @ root.T + np.eye(q) for root in rng.normal(size=(2, q, q)))  # prior covariance, covariance
    prior_mean, total = rng.normal(size=(2, q))

    def draw(noise):
        monkeypatch.setattr(jax.random, "normal", lambda key, shape=(): jnp.asarray(noise).reshape(shape))
        with double():
            inverses = jnp.asarray(np.linalg.inv(s)), jnp.asarray(prior_mean), jnp.asarray(np.linalg.inv(a))
            return np.asarray(conditionals.draw_mean(jax.random.key(0), jnp.asarray(total), count, *inverses))

    # By conditioning: the mean of `count` vectors is N(mu, S/count), mu is N(a, A).
    gain = a @ np.linalg.inv(a + s / count)
    mean = draw(np.zeros(q))
    root = np.stack([draw(noise) - mean for noise in np.eye(q)], axis=1)
    np.testing.assert_allclose(mean, prior_mean + gain @ (total / count - prior_mean), rtol=1e-10)
    np.testing.assert_allclose(root @ root.T, a - gain @ a, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("degrees", "right"), [(SIZE + 5, True), (SIZE + 4, False)])
def test_covariance_of_one_coordinate_against_quadrature(degrees, right):
    """For q = 1 the Wishart prior with scatter s S is the Gamma prior of a precision."""
    scatter = np.full((1, 1), SIZE * GUESS + np.sum(RESIDUALS**2))
    draws = many(conditionals.draw_covariance, scatter, degrees, seed=3).precision
    z = z_against(draws[:, 0, 0], log_posterior_of_precision, np.linspace(1e-6, 20.0, 20_001))
    assert (z < LIMIT) == right, z


@pytest.mark.first_case
@pytest.mark.parametrize("q", [2, 3])
def test_covariance_has_the_moments_of_the_wishart(q):
    """E W = d V, cov(W_ij, W_kl) = d (V_ik V_jl + V_il V_jk), E log|W| = sum psi((d - i)/2) + q log 2 + log|V|."""
    root = np.random.default_rng(4).normal(size=(q, q))
    scatter, degrees = root @ root.T + np.eye(q), q + 1.5
    v = np.linalg.inv(scatter)
    draws = many(conditionals.draw_covariance, scatter, degrees, seed=5)
    below = np.tril_indices(q)
    w = draws.precision[:, below[0], below[1]]
    i, j = (index[:, None] for index in below)
    k, l = (index[None, :] for index in below)
    covariance = degrees * (v[i, k] * v[j, l] + v[i, l] * v[j, k])
    assert z_of_moments(w, degrees * v[below], covariance) < LIMIT
    assert z_of_moments(w, degrees * v[below], covariance * (degrees + 1) / degrees) > LIMIT
    log_determinant = special.digamma((degrees - np.arange(q)) / 2).sum() + q * np.log(2) + np.linalg.slogdet(v)[1]
    assert z_of_mean(np.linalg.slogdet(draws.precision)[1], log_determinant) < LIMIT


def test_factor_and_precision_belong_to_one_matrix():
    draws = many(conditionals.draw_covariance, np.array([[2.0, 0.5], [0.5, 1.0]]), 4.0, seed=6)
    products = draws.factor @ np.swapaxes(draws.factor, 1, 2) @ draws.precision
    error = np.abs(products - np.eye(2)).max(axis=(1, 2))
    assert (error <= 10 * np.finfo(float).eps * np.linalg.cond(draws.precision)).all()


# Slice moves: a density that the draws have already stays, and one that they have not is found


def log_gamma(value):
    """log t of t ~ Gamma(1.7, rate 2), its Jacobian included."""
    return 1.7 * value - 2.0 * jnp.exp(value)


def without_jacobian(value):
    return log_gamma(value) - value


def moved(density, moves):
    """Draws (key, start) -> the value after that many moves."""

    def draw(key, start):
        step = lambda value, key: (conditionals.slice_move(key, value, density), None)  # noqa: E731
        key_start, key_moves = jax.random.split(key)
        exact = jnp.log(jax.random.gamma(key_start, 1.7) / 2.0)
        first = jnp.where(jnp.isnan(start), exact, start)
        return jax.lax.scan(step, first, jax.random.split(key_moves, moves))[0]

    return draw


@pytest.mark.first_case
@pytest.mark.parametrize(("density", "right"), [(log_gamma, True), (without_jacobian, False)])
@pytest.mark.parametrize(("start", "moves"), [(np.nan, 2), (3.0, 25)], ids=["exact start", "far start"])
def test_slice_moves_leave_the_density_invariant(density, right, start, moves):
    draws = many(moved(density, moves), start, seed=7)
    z = z_against(draws, lambda v: 1.7 * v - 2.0 * np.exp(v), np.linspace(-25.0, 4.0, 20_001))
    assert (z < LIMIT) == right, z


@pytest.mark.slow
@pytest.mark.parametrize("sd", [1e-3, 20.0])
def test_slice_moves_fit_narrow_and_wide_densities(sd):
    """Brackets of width one must shrink a thousandfold, or step out twenty times."""
    draws = many(moved(lambda v: -0.5 * (v / sd) ** 2, 25), 0.5 * sd, seed=8)
    grid = np.linspace(-9 * sd, 9 * sd, 8001)
    assert z_against(draws, lambda v: stats.norm.logpdf(v, 0, sd), grid) < LIMIT


@pytest.mark.slow
def test_a_density_that_is_not_a_number_is_outside():
    """A normal density cut at zero, NaN beyond."""
    draws = many(moved(lambda v: jnp.where(v < 0, -0.5 * v**2, jnp.nan), 25), -0.5, seed=9)
    assert draws.max() < 0
    z = z_of_mean(np.stack([draws, draws**2], axis=1), np.array([-np.sqrt(2 / np.pi), 1.0]))
    assert z < LIMIT


@pytest.mark.slow
def test_a_slice_at_the_current_density_is_seen(monkeypatch):
    monkeypatch.setattr(jax.random, "exponential", lambda key: jnp.zeros(()))
    draws = many(moved(log_gamma, 3), np.nan, seed=10)
    assert z_against(draws, lambda v: 1.7 * v - 2.0 * np.exp(v), np.linspace(-25.0, 4.0, 20_001)) > LIMIT


# Inverse Gaussian numbers


@pytest.mark.parametrize(("mean", "shape"), [(1.0, 2.0), (0.05, 2.0), (40.0, 2.0), (3.0, 0.3)])
def test_inverse_gaussian_numbers_are_scipys(mean, shape):
    draws = many(inverse_gaussian, np.full((), mean), shape, seed=11)
    assert stats.kstest(draws, stats.invgauss(mean / shape, scale=shape).cdf).pvalue > 1e-4
    wrong = 1.3 * shape
    assert stats.kstest(draws, stats.invgauss(mean / wrong, scale=wrong).cdf).pvalue < 1e-4


def test_inverse_gaussian_numbers_of_huge_means_do_not_cancel():
    """In the limit the reciprocal is chi-square over the shape."""
    draws = many(inverse_gaussian, np.full((), 1e12), 2.0, seed=12)
    assert (draws > 0).all()
    assert stats.kstest(2.0 / draws, stats.chi2(1).cdf).pvalue > 1e-4


inverse_gaussian = conditionals.inverse_gaussian  # one object, compiled once


@pytest.mark.parametrize("trans", [0, 1])
@pytest.mark.parametrize(("k", "count"), [(3, 5), (40, 25), (40, 26), (64, 64), (33, 61), (1200, 3)])
def test_triangular_solves_a_few_columns_at_a_time(k, count, trans):
    rng = np.random.default_rng(k)
    factor = np.tril(rng.normal(size=(k, k))) / np.sqrt(k) + 3.0 * np.eye(k)
    right = rng.normal(size=(k, count))
    ours = computing(conditionals.solve_lower)(factor, right, trans)
    np.testing.assert_allclose(ours, np.linalg.solve(factor.T if trans else factor, right), rtol=1e-9, atol=1e-12)


def test_no_triangular_solve_is_so_large_that_openblas_shares_it():
    """It starts threads from 1024 numbers on the right on; all columns at once would be seen."""

    def most_numbers(solve, k, count):
        shapes = (jax.ShapeDtypeStruct(shape, np.float32) for shape in ((k, k), (k, count)))
        found = re.findall(r"(\d+),(\d+)\] = triangular_solve", str(jax.make_jaxpr(solve)(*shapes)))
        return max(int(rows) * int(columns) for rows, columns in found)

    for k, count in ((31, 31), (32, 32), (54, 19), (100, 100)):
        assert most_numbers(conditionals.solve_lower, k, count) < 1024
    assert most_numbers(lambda a, b: solve_triangular(a, b, lower=True), 32, 32) == 1024


@pytest.mark.parametrize(("units", "inputs"), [(2, 40), (60, 1)])
def test_no_solve_of_a_sweep_is_so_large(units, inputs):
    sampler, model = bnn.Gibbs(sweeps=1), bnn.shallow(units)
    x, y, key = np.ones((50, inputs)), np.arange(50.0), jax.random.key(0)
    with double():
        state = sampler.init(key, model, jnp.asarray(x), jnp.asarray(y))
        step = jax.make_jaxpr(lambda state: sampler.step(key, state, model, jnp.asarray(x), jnp.asarray(y)))
        found = re.findall(r"(\d+),(\d+)\] = triangular_solve", str(step(state)))
    assert found
    assert max(int(rows) * int(columns) for rows, columns in found) < 1024
