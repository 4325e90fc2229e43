"""Exact draws of a series' unknowns given the evidence of the grid, and the sample paths that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.network import Hidden, Window, readout
from bayesnn.forecasting.many.prior import Grid, StructuralPrior, hidden_of_points
from bayesnn.forecasting.many.seasons import phases

LEAST_SHARE = 0.05  # probability of a curve that knows only values above zero


class Posterior(NamedTuple):
    """One series after the pass: members are curves (c,) x scales (p,) x points (g,).

    log_weight (c, p, g), up to a constant; products (c, k + 1, k + 1, g), state (c, 3, k + 1, g) and season
    (c, m, k + 1, g) as in `Filtered`; rate (c, p, g) and shape (c,) of the error variance; origin and scale (c,) of the
    curves; place (c,) of the value that is taken as an outlier, -1 for none; window (c, w + 2) after the last value:
    recent values, centre and spread, empty without a network. With outliers, the curves come three
    times, always in their order: without one, with one that passed, with a shift.
    """

    log_weight: np.ndarray
    products: np.ndarray
    state: np.ndarray
    season: np.ndarray
    rate: np.ndarray
    shape: np.ndarray
    origin: np.ndarray
    scale: np.ndarray
    place: np.ndarray
    window: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """Posterior probabilities (c, p, g) of the members."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(weight / weight.sum())


def joined(one: Posterior, other: Posterior) -> Posterior:
    """The members of two posteriors of one series, curve after curve."""
    return Posterior(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))


class Drawn(NamedTuple):
    """Draws (d,) of the member and of the unknowns of one series; of several series, with an axis (s,) before all.

    curve (d,) is a number among the curves of the posterior, point (d,) one of the grid, with its dynamics (5, d);
    coefficients (d, k) are level, drift, trend and season before the first value, effects of exogenous columns, and the
    readout of the network where network (d,) says that there is one; state (d, 3), season (d, m), drift (d,), window
    (d, w + 2) and error sd (d,) hold after the last value, in units of the curve's scale. origin and scale (c,) of the
    curves, place () of an outlier or -1, and positive (): whether paths must stay above zero. periods (s,): steps of
    the seasons, whose phases follow each other.
    """

    curve: np.ndarray
    point: np.ndarray
    network: np.ndarray
    dynamics: np.ndarray
    coefficients: np.ndarray
    state: np.ndarray
    season: np.ndarray
    drift: np.ndarray
    window: np.ndarray
    noise: np.ndarray
    origin: np.ndarray
    scale: np.ndarray
    place: np.ndarray
    positive: np.ndarray
    periods: np.ndarray


class Rolled(NamedTuple):
    """Paths (d, h) of the curves in their own scale, their expectations a step before, and the error sd (d,)."""

    paths: np.ndarray
    expected: np.ndarray
    noise: np.ndarray


def draw(posterior: Posterior, grid: Grid, count: int, rng: np.random.Generator, positive: bool = False) -> Drawn:
    """`count` independent draws; members by systematic sampling, which lowers the noise of quantiles."""
    probability = posterior.probability
    cumulative = np.cumsum(probability.ravel())
    places = (np.arange(count) + rng.random()) / count * cumulative[-1]
    member = rng.permutation(np.minimum(np.searchsorted(cumulative, places), len(cumulative) - 1))
    different, which = np.unique(member, return_inverse=True)
    curve, scale, point = np.unravel_index(different, probability.shape)
    k = len(grid.precision)
    products = posterior.products[curve, :, :, point]
    precision = products[:, :k, :k] + grid.precision[:, scale].T[:, :, None] * np.eye(k)
    root = np.linalg.inv(np.linalg.cholesky(precision))  # its product with its transpose is the covariance over s2
    mean = np.swapaxes(root, 1, 2) @ (root @ -products[:, :k, k, None])
    noise = np.sqrt(posterior.rate[curve, scale, point][which] / rng.gamma(posterior.shape[curve][which]))
    normal = rng.standard_normal((count, k))
    coefficients = mean[which, :, 0] + noise[:, None] * np.einsum("dji,dj->di", root[which], normal)
    whole = np.column_stack([coefficients, np.ones(count)])
    state, season = posterior.state[curve, :, :, point], posterior.season[curve, :, :, point]
    return Drawn(
        curve[which],
        point[which],
        grid.network[scale[which]],
        grid.dynamics[:, point[which]],
        coefficients,
        np.einsum("dij,dj->di", state[which], whole),
        np.einsum("dij,dj->di", season[which], whole),
        coefficients[:, 1],
        posterior.window[curve[which]],
        noise,
        posterior.origin[: len(CURVES)],
        posterior.scale[: len(CURVES)],
        posterior.place[-1],
        np.array(positive),
        np.array(grid.periods),
    )


def roll(
    drawn: Drawn, horizon: int, prior: StructuralPrior, rng: np.random.Generator, known: np.ndarray | None = None
) -> Rolled:
    """Paths of one series after its last value, where its standardised exogenous columns are `known` (h, e)."""
    alpha, beta, phi, gamma, rho = drawn.dynamics
    level, trend, last = drawn.state.T
    season, count, periods = drawn.season.copy(), len(drawn.drift), tuple(drawn.periods.tolist())
    noise = drawn.noise * np.exp(prior.volatility * rng.standard_normal(count) - prior.calm)
    turn = prior.turn * alpha * noise * rng.standard_normal(count)
    errors = noise[:, None] * rng.standard_normal((count, horizon))
    paths, expected = np.empty((2, count, horizon))
    known = np.zeros((horizon, 0)) if known is None else known
    hidden = hidden_of(drawn, prior)
    end = drawn.coefficients.shape[1] - (hidden.width if hidden else 0)
    effect = drawn.coefficients[:, end - known.shape[1] : end] @ known.T
    window = Window(drawn.window[:, :-2].T, *drawn.window[:, -2:].T) if hidden else None
    for step in range(horizon):
        here = phases(periods, step)
        level, trend, turn = level + drawn.drift + phi * trend + turn, phi * trend, prior.turn_damping * turn
        around = level + season[:, here].sum(axis=1) + effect[:, step]
        last = rho * last
        if hidden and window:
            last = last + readout(window.recent, hidden, drawn.coefficients)
        expected[:, step] = around + last
        last = last + errors[:, step]
        paths[:, step] = around + last
        window = window and window.after(paths[:, step])
        level, trend = level + alpha * last, trend + beta * last
        season[:, here] += (gamma * last / len(here))[:, None]
    return Rolled(paths, expected, noise)


def hidden_of(drawn: Drawn, prior: StructuralPrior) -> Hidden | None:
    """The hidden weights of the draws, if there is a network among the members."""
    if not drawn.window.shape[1]:
        return None
    hidden = hidden_of_points(prior, (1,))
    return None if hidden is None else hidden.of_points(drawn.point)


def inside(paths: np.ndarray, curve: np.ndarray, region: float) -> np.ndarray:
    """Which values of paths (d, h) are in the region of the prior around the end of a curve (n,), in the curve's units.

    It is `region` ranges of the curve wide at each side, and grows by the same share of it as the length of the series.
    """
    steps = 1 + np.arange(1, paths.shape[1] + 1) / len(curve)
    return np.asarray(np.abs(paths - curve[-1]) <= region * (np.ptp(curve) * steps))


def above_zero(posterior: Posterior, values: np.ndarray) -> bool:
    """Whether paths must stay above zero: the series is, and a root or logarithm is not out of the question."""
    share = posterior.probability.reshape(-1, len(CURVES), *posterior.rate.shape[1:]).sum(axis=(0, 2, 3))
    return bool((values > 0).all()) and float(share[1:].sum()) > LEAST_SHARE
