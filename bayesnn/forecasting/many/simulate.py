"""Exact draws of a series' unknowns given the evidence of the grid, and the sample paths that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.prior import Grid, StructuralPrior

LEAST_SHARE = 0.05  # probability of a curve that knows only values above zero


class Posterior(NamedTuple):
    """One series after the pass: members are curves (c,) x scales (p,) x points (g,).

    log_weight (c, p, g), up to a constant; products (c, k + 1, k + 1, g), state (c, 3, k + 1, g) and season
    (c, m, k + 1, g) as in `Filtered`; rate (c, p, g) and shape (c,) of the error variance; origin and scale (c,) of the
    curves. With outliers, the curves come several times, always in their order.
    """

    log_weight: np.ndarray
    products: np.ndarray
    state: np.ndarray
    season: np.ndarray
    rate: np.ndarray
    shape: np.ndarray
    origin: np.ndarray
    scale: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """Of the members (c, p, g)."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(weight / weight.sum())


def joined(one: Posterior, other: Posterior) -> Posterior:
    """The members of both."""
    return Posterior(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))


class Drawn(NamedTuple):
    """Draws (d,) of the member and of the unknowns: state (d, 3), season (d, m), drift (d,), error sd (d,)."""

    curve: np.ndarray
    dynamics: np.ndarray
    state: np.ndarray
    season: np.ndarray
    drift: np.ndarray
    noise: np.ndarray


def draw(posterior: Posterior, grid: Grid, count: int, rng: np.random.Generator) -> Drawn:
    """`count` independent draws; members by systematic sampling, which lowers the noise of quantiles."""
    probability = posterior.probability
    cumulative = np.cumsum(probability.ravel())
    places = (np.arange(count) + rng.random()) / count * cumulative[-1]
    member = rng.permutation(np.minimum(np.searchsorted(cumulative, places), len(cumulative) - 1))
    curve, scale, point = np.unravel_index(member, probability.shape)
    k = len(grid.precision)
    products = posterior.products[curve, :, :, point]
    precision = products[:, :k, :k] + grid.precision[:, scale].T[:, :, None] * np.eye(k)
    upper = np.swapaxes(np.linalg.cholesky(precision), 1, 2)
    mean = np.linalg.solve(precision, -products[:, :k, k, None])
    noise = np.sqrt(posterior.rate[curve, scale, point] / rng.gamma(posterior.shape[curve]))
    spread = np.linalg.solve(upper, rng.standard_normal((count, k, 1)))
    coefficients = np.concatenate([mean + noise[:, None, None] * spread, np.ones((count, 1, 1))], axis=1)
    return Drawn(
        curve,
        grid.dynamics[:, point],
        (posterior.state[curve, :, :, point] @ coefficients)[..., 0],
        (posterior.season[curve, :, :, point] @ coefficients)[..., 0],
        coefficients[:, 1, 0],
        noise,
    )


def roll(drawn: Drawn, horizon: int, prior: StructuralPrior, rng: np.random.Generator) -> np.ndarray:
    """Paths (d, horizon) of the curves in their own scale, after the last value of the series."""
    alpha, beta, phi, gamma, rho = drawn.dynamics
    level, trend, last = drawn.state.T
    season, count = drawn.season.copy(), len(drawn.drift)
    noise = drawn.noise * np.exp(prior.volatility * rng.standard_normal(count) - prior.calm)
    turn = prior.turn * alpha * noise * rng.standard_normal(count)
    errors = noise[:, None] * rng.standard_normal((count, horizon))
    paths = np.empty((count, horizon))
    for step in range(horizon):
        phase = step % season.shape[1]
        level, trend, turn = level + drawn.drift + phi * trend + turn, phi * trend, prior.turn_damping * turn
        last = rho * last + errors[:, step]
        paths[:, step] = level + season[:, phase] + last
        level, trend = level + alpha * last, trend + beta * last
        season[:, phase] += gamma * last
    return paths


def inside(paths: np.ndarray, curve: np.ndarray, region: float) -> np.ndarray:
    """Which paths (d, h) stay in the region of the prior around the end of a curve (n,), both in the curve's units.

    It is `region` ranges of the curve wide at each side, and grows by the same share of it as the length of the series.
    """
    steps = 1 + np.arange(1, paths.shape[1] + 1) / len(curve)
    return (np.abs(paths - curve[-1]) <= region * (np.ptp(curve) * steps)).all(axis=1)


def above_zero(posterior: Posterior, values: np.ndarray) -> bool:
    """Whether paths must stay above zero: the series is, and a root or logarithm is not out of the question."""
    share = posterior.probability.reshape(-1, len(CURVES), *posterior.rate.shape[1:]).sum(axis=(0, 2, 3))
    return bool((values > 0).all()) and float(share[1:].sum()) > LEAST_SHARE


def sample_paths(
    posterior: Posterior,
    values: np.ndarray,
    grid: Grid,
    prior: StructuralPrior,
    horizon: int,
    count: int,
    seed: tuple[int, ...],
) -> np.ndarray:
    """Sample paths (count, horizon) of the series in its own units. values (n,) are those observed."""
    rng = np.random.default_rng(seed)
    drawn = draw(posterior, grid, count, rng)
    paths = roll(drawn, horizon, prior, rng)
    paths = posterior.origin[drawn.curve, None] + posterior.scale[drawn.curve, None] * paths
    result, kept = np.empty_like(paths), np.zeros(count, bool)
    for number, curve in enumerate(CURVES.values()):
        mine = drawn.curve % len(CURVES) == number
        if mine.any():
            kept[mine] = inside(paths[mine], curve.forward(values), prior.region)
            result[mine] = curve.inverse(paths[mine])
    if above_zero(posterior, values):
        kept &= (result > 0).all(axis=1)
    if kept.any() and not kept.all():
        result[~kept] = result[rng.choice(np.flatnonzero(kept), np.count_nonzero(~kept))]
    return result
