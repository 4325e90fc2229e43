"""A series run through again, draw by draw: one-step errors, and the log likelihood of every observed value."""

from __future__ import annotations

import numpy as np

from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.seasons import phases
from bayesnn.forecasting.many.simulate import Drawn

NO_OUTLIER, PASSED, SHIFTED = 0, 1, 2  # curve // 3 of a draw


def one_step(u: np.ndarray, seen: np.ndarray, ignored: np.ndarray, drawn: Drawn, basis: np.ndarray) -> np.ndarray:
    """Errors (d, n) one step ahead of curves u (d, n) in their scale, seen (n,) where something is observed.

    ignored (d, n): values that do not move the states, as if they were missing.
    """
    alpha, beta, phi, gamma, rho = drawn.dynamics
    level, drift, trend = drawn.coefficients[:, :3].T
    season = drawn.coefficients[:, 3 : 3 + basis.shape[1]] @ basis.T
    periods = tuple(drawn.periods.tolist())
    last, n, errors = np.zeros(len(u)), u.shape[1], np.zeros(u.shape)
    for t in range(n):
        here = phases(periods, t - n)
        level, trend = level + drift + phi * trend, phi * trend
        r = u[:, t] - level - season[:, here].sum(axis=1)
        errors[:, t] = r - rho * last
        last = np.where(ignored[:, t] | ~seen[t], rho * last, r)
        level, trend = level + alpha * last, trend + beta * last
        season[:, here] += (gamma * last / len(here))[:, None]
    return errors


def log_likelihood(
    values: np.ndarray, drawn: Drawn, basis: np.ndarray, outlier_size: float, x: np.ndarray | None = None
) -> np.ndarray:
    """Log density (d, n) of each value (n,) given those before it and each draw, in units of the series.

    x (n, e) are standardised exogenous columns, if there are any.

    It is NaN where a value is missing. An outlier, or the first value of a shift, has `outlier_size` error sds as its
    own.
    """
    seen = np.isfinite(values)
    curve, odd = drawn.curve % len(CURVES), drawn.curve // len(CURVES)
    u, slope = np.zeros((2, len(curve), len(values)))
    for number, one in enumerate(CURVES.values()):
        mine = curve == number
        if mine.any():
            scaled = (one.forward(np.where(seen, values, 1.0)) - drawn.origin[number]) / drawn.scale[number]
            u[mine] = np.where(seen, scaled, 0.0)
            slope[mine] = one.log_slope(np.where(seen, values, 1.0)) - np.log(drawn.scale[number])
    at = (np.arange(len(values)) == drawn.place) & (odd != NO_OUTLIER)[:, None]
    u = u if x is None else u - drawn.coefficients[:, 3 + basis.shape[1] :] @ x.T
    errors = one_step(u, seen, at & (odd == PASSED)[:, None], drawn, basis)
    sd = drawn.noise[:, None] * np.where(at, outlier_size, 1.0)
    log = slope - 0.5 * (errors / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    return np.where(seen, log, np.nan)
