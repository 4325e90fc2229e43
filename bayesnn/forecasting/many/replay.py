"""A series run through again, draw by draw: one-step errors, and the log likelihood of every observed value."""

from __future__ import annotations

import numpy as np

from bayesnn.forecasting.many.curve_arrays import MISSING, OBSERVED
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.network import Hidden, readout, windows
from bayesnn.forecasting.many.seasons import phases
from bayesnn.forecasting.many.simulate import Drawn

NO_OUTLIER, PASSED, SHIFTED = 0, 1, 2  # curve // 3 of a draw


def one_step(
    u: np.ndarray,
    seen: np.ndarray,
    ignored: np.ndarray,
    drawn: Drawn,
    basis: np.ndarray,
    x: np.ndarray | None = None,
    hidden: Hidden | None = None,
) -> np.ndarray:
    """Errors (d, n) one step ahead of curves u (d, n) in their scale, seen (n,) where something is observed.

    ignored (d, n): values that do not move the states, as if they were missing. x (n, e) are exogenous columns, hidden
    are the hidden weights of the draws, if there is a network.
    """
    alpha, beta, phi, gamma, rho = drawn.dynamics
    level, drift, trend = drawn.coefficients[:, :3].T
    start = 3 + basis.shape[1]
    season = drawn.coefficients[:, 3:start] @ basis.T
    before, which = _before(u, seen & ~ignored, drawn, hidden)
    u = u if x is None else u - drawn.coefficients[:, start : start + x.shape[1]] @ x.T
    periods = tuple(drawn.periods.tolist())
    last, n, errors = np.zeros(len(u)), u.shape[1], np.zeros(u.shape)
    for t in range(n):
        here = phases(periods, t - n)
        level, trend = level + drift + phi * trend, phi * trend
        r = u[:, t] - level - season[:, here].sum(axis=1)
        expected = rho * last
        if hidden is not None:
            expected = expected + readout(before[:, which, t], hidden, drawn.coefficients)
        errors[:, t] = r - expected
        last = np.where(ignored[:, t] | ~seen[t], expected, r)
        level, trend = level + alpha * last, trend + beta * last
        season[:, here] += (gamma * last / len(here))[:, None]
    return errors


def _before(u: np.ndarray, used: np.ndarray, drawn: Drawn, hidden: Hidden | None) -> tuple[np.ndarray, np.ndarray]:
    """Values (w, c, n + 1) before each step of the different curves of the draws, and which of them each draw has."""
    _, first, which = np.unique(drawn.curve, return_index=True, return_inverse=True)
    if hidden is None:
        return np.zeros((0, len(first), u.shape[1] + 1)), which
    kind = np.where(used[first], OBSERVED, MISSING)
    return windows(u[first], kind, drawn.window.shape[1] - 2).recent, which


def log_likelihood(
    values: np.ndarray,
    drawn: Drawn,
    basis: np.ndarray,
    outlier_size: float,
    x: np.ndarray | None = None,
    hidden: Hidden | None = None,
) -> np.ndarray:
    """Log density (d, n) of each value (n,) given those before it and each draw, in units of the series.

    x (n, e) are standardised exogenous columns, hidden the hidden weights of the draws, if there are any.

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
    errors = one_step(u, seen, at & (odd == PASSED)[:, None], drawn, basis, x, hidden)
    sd = drawn.noise[:, None] * np.where(at, outlier_size, 1.0)
    log = slope - 0.5 * (errors / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    return np.where(seen, log, np.nan)
