"""Draws and paths of one series: closed-form moments and quantiles, the region, and calibration under the prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare, kstest
from scipy.stats import t as student

from bayesnn.forecasting.many.evidence import evidence, filtered
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid
from bayesnn.forecasting.many.seasons import season_basis
from bayesnn.forecasting.many.simulate import Drawn, Posterior, draw, inside, roll

PLAIN = {"network_sds": (0.0,), "network_weights": (1.0,)}
EXACT = StructuralPrior(points=16, volatility=0.0, calm=0.0, turn=0.0, **PLAIN)  # the future is as the past


@jax.jit
def _passes(u, dynamics, basis, precision):
    def one(u):
        passed = filtered(u, jnp.full(u.shape[-1], 2), 0, dynamics, basis, (len(basis),))
        return passed, evidence(passed.products, float(u.shape[-1]), precision, EXACT.noise_shape, EXACT.noise_rate)

    return jax.vmap(one)(u)


def posteriors(u, grid):
    """Exact posteriors of curves (s, n) in their own scale, under the prior as it is."""
    with jax.enable_x64(True):
        passed, found = jax.device_get(_passes(u, grid.dynamics, grid.basis, grid.precision))
    weight = found.log + grid.log_weight[:, None]
    parts = (
        weight,
        *passed,
        found.rate,
        found.shape,
        np.zeros(len(u)),
        np.ones(len(u)),
        np.full(len(u), -1),
        np.zeros((len(u), 0)),
    )
    return [Posterior(*(part[i, None] for part in parts)) for i in range(len(u))]


def made(dynamics, state, season, drift, noise):
    """One draw of a curve that is the series."""
    zero, none = np.zeros(1, int), np.zeros((1, 0))
    parts = none, np.array(state), np.array(season), drift, none, noise, np.zeros(3), np.ones(3)
    periods = np.array([len(season[0])])
    return Drawn(zero, zero, zero == 1, np.array(dynamics), *parts, np.array(-1), np.array(False), periods)


def one_member(posterior, scale, point):
    """The posterior given this member."""
    weight = np.full_like(posterior.log_weight, -np.inf)
    weight[0, scale, point] = 0.0
    return posterior._replace(log_weight=weight)


def test_the_next_value_has_its_student_distribution():
    grid = make_grid(EXACT, (4,))
    u = np.random.default_rng(1).normal(size=(1, 20)).cumsum(axis=1)
    scale, point, rng = 6, 3, np.random.default_rng(2)
    posterior = one_member(posteriors(u, grid)[0], scale, point)
    paths = roll(draw(posterior, grid, 20_000, rng), 1, EXACT, rng).paths[:, 0]
    k, rho = len(grid.precision), grid.dynamics[4, point]
    products = posterior.products[0, :, :, point]
    covariance = np.linalg.inv(products[:k, :k] + np.diag(grid.precision[:, scale]))
    phi = grid.dynamics[2, point]
    weights = np.array([1.0, phi, rho]) @ posterior.state[0, :, :, point] + posterior.season[0, 0, :, point]
    weights[1] += 1.0  # the drift
    location = weights[:k] @ covariance @ -products[:k, k] + weights[k]
    rate = posterior.rate[0, scale, point]
    spread = np.sqrt(rate / posterior.shape[0] * (1 + weights[:k] @ covariance @ weights[:k]))
    assert kstest(paths, student(2 * posterior.shape[0], location, spread).cdf).pvalue > 1e-3


def test_members_are_drawn_by_their_probability():
    grid = make_grid(EXACT, (1,))
    posterior = posteriors(np.random.default_rng(3).normal(size=(1, 12)), grid)[0]
    share = posterior.probability.sum(axis=(0, 1))
    drawn = draw(posterior, grid, 4000, np.random.default_rng(4))
    for point in range(EXACT.points):
        mine = (drawn.dynamics == grid.dynamics[:, point][:, None]).all(axis=0)
        assert mine.mean() == pytest.approx(share[point], abs=len(share) * 3 / 4000)  # systematic: a draw per cell


def test_paths_follow_the_recursion():
    """Without errors: a level with drift, a damped trend and a season of two steps."""
    one = np.ones(1)
    drawn = made([[0.5], [0.1], [0.5], [0.2], [0.3]], [[10.0, 4.0, 1.0]], [[1.0, -1.0]], 2 * one, 0 * one)
    paths = roll(drawn, 3, EXACT, np.random.default_rng(0)).paths[0]
    level, trend, last, season, expected = 10.0, 4.0, 1.0, [1.0, -1.0], []
    for step in range(3):
        level, trend, last = level + 2 + 0.5 * trend, 0.5 * trend, 0.3 * last
        expected.append(level + season[step % 2] + last)
        level, trend, season[step % 2] = level + 0.5 * last, trend + 0.1 * last, season[step % 2] + 0.2 * last
    np.testing.assert_allclose(paths, expected, rtol=1e-12)


def test_the_region_grows_with_the_horizon():
    curve = np.array([0.0, 1.0, 2.0, 1.0])
    assert inside(np.array([[5.9, 5.9], [6.1, 5.0], [5.0, 7.1]]), curve, 2.0).all(axis=1).tolist() == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("period", [1, 2, 4, 12, 24, 52])
def test_seasonal_effects_sum_to_zero(period):
    basis, columns = season_basis((period,))
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-12)
    if period > 1:
        np.testing.assert_allclose(np.mean(np.sum(basis**2, axis=1)), 1.0, atol=0.5)


def simulated(grid, prior, count, length, rng):
    """Curves (count, length) and what follows them (count,), three steps ahead, from the prior itself."""
    curves, later = [], []
    weight = np.exp(grid.log_weight) / np.exp(grid.log_weight).sum()
    for _ in range(count):
        point, scale = rng.integers(grid.dynamics.shape[1]), rng.choice(len(weight), p=weight)
        noise = np.sqrt(prior.noise_rate / rng.gamma(prior.noise_shape, size=1))
        b = noise * rng.normal(size=len(grid.precision)) / np.sqrt(grid.precision[:, scale])
        season = np.roll(grid.basis @ b[3:], length % len(grid.basis))  # the phase 0 is that of the first forecast
        drawn = made(grid.dynamics[:, [point]], np.r_[b[0], b[2], 0.0][None], season[None], b[1:2], noise)
        path = roll(drawn, length + 3, prior, rng).paths[0]
        curves.append(path[:length])
        later.append(path[-1])
    return np.array(curves), np.array(later)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [False, True])
def test_ranks_are_uniform_under_the_prior(planted):
    """Simulation-based calibration of a value three steps ahead; errors too small by a third must fail."""
    rng = np.random.default_rng(5)
    grid = make_grid(EXACT, (4,))
    curves, later = simulated(grid, EXACT, 600, 12, rng)
    ranks = []
    for posterior, value in zip(posteriors(curves, grid), later, strict=True):
        drawn = draw(posterior, grid, 99, rng)
        drawn = drawn._replace(noise=drawn.noise * (2 / 3 if planted else 1))
        paths = roll(drawn, 3, EXACT, rng).paths
        ranks.append((paths[:, -1] < value).sum())
    result = chisquare(np.bincount(np.array(ranks) // 10, minlength=10)).pvalue
    assert result < 1e-3 if planted else result > 1e-3
