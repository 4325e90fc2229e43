"""The observation that fits a series worst, an outlier that passed or a shift: members beside those without."""

from __future__ import annotations

import numpy as np

from bayesnn.forecasting.many.curve_arrays import MISSING, OBSERVED
from bayesnn.forecasting.many.prior import Grid
from bayesnn.forecasting.many.seasons import phases
from bayesnn.forecasting.many.simulate import Posterior

PASSED, SHIFTED = MISSING, 3  # kinds of an observation: ignored; it moves the states but is no row
SUSPECT = 4.0  # residuals beyond this many robust standard errors are examined
MAD = 1.4826  # ratio of sd to median absolute deviation of a normal distribution


def suspect(u: np.ndarray, kind: np.ndarray, x: np.ndarray, posterior: Posterior, grid: Grid) -> int | None:
    """Place of the observation of curves u (c, rows) that the best member fits worst, if that is far off.

    x (rows, e) are standardised exogenous columns. Members with a network are not asked: where the last values are the
    largest so far, as in a trend, a unit that is active there alone would explain a jump.
    """
    curve = int(np.argmax(posterior.log_weight[:, ~grid.network].max(axis=(1, 2))))
    errors = _best_errors(u, kind, x, posterior, grid, curve)[0]
    seen = np.flatnonzero(kind[curve] == OBSERVED)
    size = np.abs(errors[seen])
    place = int(np.argmax(size))
    return int(seen[place]) if size[place] > SUSPECT * MAD * float(np.median(size)) > 0 else None


def outlier_log_density(
    u: np.ndarray, kind: np.ndarray, x: np.ndarray, posterior: Posterior, grid: Grid, place: int, size: float
) -> np.ndarray:
    """Log density (c,) of the value at `place` as an outlier, normal around what the best member expects.

    Its standard deviation is `size` error sds of that member, by curve in the curve's own scale.
    """
    result = np.zeros(len(u))
    for curve in np.flatnonzero(kind.any(axis=1)):
        errors, noise = _best_errors(u, kind, x, posterior, grid, int(curve))
        sd = size * noise
        result[curve] = -0.5 * (errors[place] / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    return result


def _best_errors(
    u: np.ndarray, kind: np.ndarray, x: np.ndarray, posterior: Posterior, grid: Grid, curve: int
) -> tuple[np.ndarray, float]:
    """One-step errors (rows,) of the best scale and point without a network at its posterior mean, and the error sd."""
    weight = np.where(grid.network[:, None], -np.inf, posterior.log_weight[curve])
    scale, point = np.unravel_index(int(np.argmax(weight)), weight.shape)
    products, k = posterior.products[curve, :, :, point], len(grid.precision)
    mean = np.linalg.solve(products[:k, :k] + np.diag(grid.precision[:, scale]), -products[:k, k])
    noise = float(np.sqrt(posterior.rate[curve, scale, point] / posterior.shape[curve]))
    start = 3 + grid.basis.shape[1]
    end = start + x.shape[1]
    return one_step_errors(u[curve] - x @ mean[start:end], kind[curve], grid, int(point), mean[:start]), noise


def one_step_errors(u: np.ndarray, kind: np.ndarray, grid: Grid, point: int, coefficients: np.ndarray) -> np.ndarray:
    """Errors (rows,) of a curve for one point and coefficients (k,): `filtered` as a loop; 0 before the start.

    Where nothing is observed, it is the distance of whatever stands in `u`.
    """
    alpha, beta, phi, gamma, rho = map(float, grid.dynamics[:, point])
    level, drift, trend = map(float, coefficients[:3])
    season, last, n = (grid.basis @ coefficients[3:]).tolist(), 0.0, len(u)
    errors = np.zeros(n)
    for t in np.flatnonzero(kind).tolist():
        here = phases(grid.periods, t - n)
        level, trend = level + drift + phi * trend, phi * trend
        r = float(u[t]) - level - sum(season[place] for place in here)
        errors[t] = r - rho * last
        r = rho * last if kind[t] == MISSING else r
        level, trend, last = level + alpha * r, trend + beta * r, r
        for place in here:
            season[place] += gamma * r / len(here)
    return errors
