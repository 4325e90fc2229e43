"""The prior of the structural autoregression of `auto_forecast`: its unknowns, their scales and the points of a grid.

A curve u of the series, divided by the sd of its differences, follows

    u_t = level_{t-1} + drift + phi trend_{t-1} + season_{t-m} + x_t' b + r_t,   r_t = rho r_{t-1} + v' h(z_t) + e_t,
    e_t ~ N(0, s2),
    level_t = level_{t-1} + drift + phi trend_{t-1} + alpha r_t,   trend_t = phi trend_{t-1} + beta r_t,
    season_t = season_{t-m} + gamma r_t.

alpha corrects errors (0: a fixed level, to which the series returns; 1: a random walk), beta and phi give a trend that
is damped, gamma a season that changes, rho errors with a memory. Given (alpha, beta, phi, gamma, rho) the level, drift,
trend and season at the start, and the effects b of exogenous columns, are coefficients of a linear regression, with a
conjugate prior in units of the error sd. So is the readout v of a network on the last values z_t of a series without
seasons (`network`), whose scale may be zero.
Of several seasons, as days and weeks of hours, each has effects of its own, and gamma r_t is divided among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from bayesnn.forecasting.many.network import Hidden, draw_hidden
from bayesnn.forecasting.many.seasons import season_basis

DYNAMICS = ("alpha", "beta", "phi", "gamma", "rho")


@dataclass(frozen=True)
class StructuralPrior:
    """Prior of one series. Scales are in units of the error sd, unless something else is said.

    Attributes
    ----------
    points : int
        Number of points (alpha, beta, phi, gamma, rho), quasi-random numbers from their prior.
    level_sd : float
        Of the first level, around the first value.
    drift_sds, drift_weights : tuple of float
        Scales of the drift over a season, and their prior probabilities; small ones shrink towards a random walk. The
        scale per step is that over the root of the season's steps.
    trend_sd : float
        Of the first trend.
    season_sds, season_weights : tuple of float
        Scales of the seasonal effects; zero is no season.
    column_sds, column_weights : tuple of float
        Scales of the effects of exogenous columns, which are standardised by the past of the series; zero is no effect.
    network_sds, network_weights : tuple of float
        Scales of the readout of the network on the last values, and their prior probabilities; zero is no network.
    network_points, units, lags : int
        Number of points with a network, their hidden units, and how many steps these look back at most.
    noise_shape, noise_rate : float
        Inverse gamma distribution of the error variance, relative to the variance of the differences.
    network_noise_rate : float
        The rate where there is a network: what it explains makes the errors small beside the differences.
    trust : float
        Number of rows n0: the evidence of points, scales and curves has the power n0 / (n0 + n), since no member is the
        truth and the probabilities are to serve several steps ahead (coarsened posterior, Miller and Dunson 2019).
    volatility, calm : float
        The logarithm of the future error sd over that of the past is N(-calm, volatility^2): most futures are a little
        calmer than the past, some far less so.
    turn, turn_damping : float
        At the origin the trend changes by N(0, (turn alpha s)^2), which is damped by this factor per step: trends of
        the past are seldom those of the future.
    region : float
        Paths stay within this many ranges of the past curve, which grow with the horizon, around its last value.
    region_of_values : float
        The same in units of the series, where a logarithm that walks would leave it by orders of magnitude.
    outlier_share, outlier_size : float
        Probability that a series whose worst fitted observation lies more than four robust standard errors off has an
        outlier there, or, with the same probability, a shift; and the sd of either in error sds.
    """

    points: int = 128
    level_sd: float = 5.0
    drift_sds: tuple[float, ...] = (0.1, 0.3, 0.8)
    drift_weights: tuple[float, ...] = (0.4, 0.35, 0.25)
    trend_sd: float = 0.2
    season_sds: tuple[float, ...] = (0.0, 0.5, 1.5, 5.0)
    season_weights: tuple[float, ...] = (0.3, 0.2, 0.3, 0.2)
    column_sds: tuple[float, ...] = (0.0, 0.5, 1.5, 5.0)
    column_weights: tuple[float, ...] = (0.3, 0.3, 0.25, 0.15)
    network_sds: tuple[float, ...] = (0.0, 5.0, 25.0)
    network_weights: tuple[float, ...] = (0.995, 0.0025, 0.0025)
    network_points: int = 512
    units: int = 8
    lags: int = 8
    noise_shape: float = 1.5
    noise_rate: float = 0.6
    network_noise_rate: float = 0.05
    trust: float = 100.0
    volatility: float = 0.5
    calm: float = 0.02
    turn: float = 0.6
    turn_damping: float = 0.8
    region: float = 2.0
    region_of_values: float = 8.0
    outlier_share: float = 0.05
    outlier_size: float = 8.0


class Grid(NamedTuple):
    """Points (5, g) of the dynamics, precisions (k, p) of the coefficients, log prior weights (p,), basis (m, q).

    Rows of the basis are the phases of the seasons, of `periods` steps, one after the other; see `season_basis`.
    noise_rate (p,) is that of the error variance. network (p,) says with which scales there is a network, with_network
    (g,) which points belong to these, since they have dynamics of their own; hidden are its hidden weights by point,
    None where no point has one.
    """

    dynamics: np.ndarray
    precision: np.ndarray
    log_weight: np.ndarray
    basis: np.ndarray
    periods: tuple[int, ...]
    noise_rate: np.ndarray
    network: np.ndarray
    with_network: np.ndarray
    hidden: Hidden | None

    def part(self, network: bool) -> Grid:
        """The scales, points and coefficients of the members with a network, or without."""
        scales, points = self.network == network, self.with_network == network
        hidden = self.hidden.of_points(points) if self.hidden is not None and network else None
        width = 0 if self.hidden is None or network else self.hidden.width
        precision = self.precision[: len(self.precision) - width, scales]
        parts = self.log_weight[scales], self.basis, self.periods, self.noise_rate[scales], self.network[scales]
        return Grid(self.dynamics[:, points], precision, *parts, self.with_network[points], hidden)


@lru_cache(maxsize=32)
def make_grid(prior: StructuralPrior, periods: tuple[int, ...], columns: int = 0) -> Grid:
    """The grid of a prior for seasons of `periods` steps (1: none) and `columns` exogenous columns of one scale.

    Coefficients are level, drift, trend, seasons, columns, readout of the network.
    """
    basis, widths = season_basis(periods)
    seasons = list(zip(prior.season_sds, prior.season_weights, strict=True)) if max(periods) > 1 else [(0.0, 1.0)]
    effects = list(zip(prior.column_sds, prior.column_weights, strict=True)) if columns else [(0.0, 1.0)]
    hidden = hidden_of_points(prior, periods)
    networks = list(zip(prior.network_sds, prior.network_weights, strict=True)) if hidden else [(0.0, 1.0)]
    blocks = [*widths, columns, hidden.width if hidden else 0]
    rows, weights, rates, network = [], [], [], []
    drifts = list(zip(prior.drift_sds, prior.drift_weights, strict=True))
    for last, (yearly, drift_weight) in product(networks, drifts):  # those without a network first
        drift_sd = yearly / np.sqrt(max(periods))
        for scales in product(*[seasons] * len(periods), effects, [last]):
            others = [np.full(n, max(sd, 1e-4)) for n, (sd, _) in zip(blocks, scales, strict=True)]
            rows.append(np.r_[prior.level_sd, drift_sd, prior.trend_sd, *others] ** -2.0)
            weights.append(drift_weight * np.prod([weight for _, weight in scales]))
            network.append(last[0] > 0)
            rates.append(prior.network_noise_rate if network[-1] else prior.noise_rate)
    more = prior.network_points if hidden else 0
    dynamics = np.concatenate([draw_dynamics(prior.points, min(periods)), network_dynamics(more)], axis=1)
    parts = np.array(rows).T, np.log(weights), basis, periods, np.array(rates), np.array(network)
    return Grid(dynamics, *parts, np.arange(dynamics.shape[1]) >= prior.points, hidden)


def hidden_of_points(prior: StructuralPrior, periods: tuple[int, ...]) -> Hidden | None:
    """Hidden weights of all points, zero for those without a network; None beside seasons, where lags see little."""
    if max(periods) > 1 or max(prior.network_sds) == 0:
        return None
    drawn = draw_hidden(prior.network_points, prior.units, prior.lags)
    return Hidden(*(np.concatenate([np.zeros((*a.shape[:-1], prior.points), a.dtype), a], axis=-1) for a in drawn))


def network_dynamics(count: int) -> np.ndarray:
    """Points (5, count) of members with a network: half with a fixed level, half a random walk, no trend."""
    result = np.zeros((5, count))
    result[0, count // 2 :], result[2] = 1.0, 1.0
    return result


def draw_dynamics(count: int, period: int) -> np.ndarray:
    """Points (5, count) of alpha, beta, phi, gamma, rho: quasi-random numbers from their prior.

    alpha is 0 with probability .05, 1 with .2, else uniform, or smaller where the season has more than 6 steps. A trend
    that moves is straight (phi = 1, beta up to .5 alpha) in .4 of the points over the root of the season's steps, and
    damped (phi from .6 to .98, beta up to .8 alpha) in .35. gamma is zero in .4; rho is zero in .4, else N(.15, .35^2).
    """
    from scipy.stats import qmc  # takes half a second to import

    u = (qmc.Sobol(7, scramble=False).random(count).T + 0.5 / count) % 1.0
    alpha = np.where(
        u[0] < 0.05, 0.0, np.where(u[0] > 0.8, 1.0, np.clip((u[0] - 0.05) / 0.75, 0, 1) ** max(1.0, period / 6))
    )
    lines = 0.4 / np.sqrt(period)
    damped, straight = (u[1] >= 0.65 - lines) & (u[1] < 1 - lines), u[1] >= 1 - lines
    phi = np.where(damped, 0.6 + 0.38 * u[3], 1.0)
    beta = alpha * (damped * (0.05 + 0.75 * u[2]) + straight * 0.5 * u[2] ** 2)
    moving = np.clip((u[4] - 0.4) / 0.6, 0, 1) ** 1.5
    gamma = 0.4 * (1 - 0.9 * alpha) * moving * (period > 1)
    memory = np.clip(0.15 + 0.35 * ndtri(np.clip(u[6], 0.01, 0.99)), -0.8, 0.9)
    return np.stack([alpha, beta, phi, gamma, np.where(u[5] < 0.4, 0.0, memory)])
