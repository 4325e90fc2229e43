"""Sample paths of a series in its own units, and the density of what follows, from draws of its unknowns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from bayesnn.evaluation.scores import SampledPredictive
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.prior import StructuralPrior
from bayesnn.forecasting.many.simulate import Drawn, Rolled, inside, roll

PATHS = 1  # the last number of the seeds of paths: other random numbers than those of the draws


class Paths(NamedTuple):
    """Paths (d, h) of one series in its own units, and what their densities need.

    rolled are the paths of the curves in their scale; kept (d, h) says which stayed in the region up to each step. In
    `values`, paths that left it are replaced by others.
    """

    values: np.ndarray
    rolled: Rolled
    kept: np.ndarray


def sample_paths(
    drawn: Drawn,
    observed: np.ndarray,
    prior: StructuralPrior,
    horizon: int,
    seed: tuple[int, ...],
    known: np.ndarray | None = None,
) -> Paths:
    """A path for each draw, after the last of the observed values (n,), with columns (h, e) that are known."""
    rng = np.random.default_rng((*seed, PATHS))
    rolled = roll(drawn, horizon, prior, rng, known)
    curve = drawn.curve % len(CURVES)
    u = drawn.origin[curve, None] + drawn.scale[curve, None] * rolled.paths
    result, kept = np.empty_like(u), np.zeros(u.shape, bool)
    for number, one in enumerate(CURVES.values()):
        mine = curve == number
        if mine.any():
            result[mine] = one.inverse(u[mine])
            kept[mine] = inside(u[mine], one.forward(observed), prior.region)
            kept[mine] &= inside(result[mine], observed, prior.region_of_values)
    if drawn.positive:
        kept &= result > 0
    kept = np.logical_and.accumulate(kept, axis=1)
    whole = kept[:, -1]
    if whole.any() and not whole.all():
        result[~whole] = result[rng.choice(np.flatnonzero(whole), np.count_nonzero(~whole))]
    return Paths(result, rolled, kept)


def predictive(paths: np.ndarray, density: np.ndarray) -> SampledPredictive:
    """The predictive of paths (d, h), one origin, with log densities (h,) of the values that it is asked about."""
    return SampledPredictive(paths[:, None], lambda y: density[None])


def log_density(drawn: Drawn, paths: Paths, y: np.ndarray) -> np.ndarray:
    """Natural log (h,) of the density at later values y (h,), NaN where y is.

    It is the average, over paths that stayed in the region so far, of the normal density one step ahead of each, so
    nothing is estimated from the paths' values. If none stayed, all count.
    """
    curve, (count, steps) = drawn.curve % len(CURVES), paths.kept.shape
    log = np.full((count, steps), -np.inf)
    sd = paths.rolled.noise[:, None]
    for number, one in enumerate(CURVES.values()):
        mine = curve == number
        fine = np.array([np.isfinite(v) and (number == 0 or v > 0) for v in y])
        if mine.any() and fine.any():
            z = (one.forward(y[fine]) - drawn.origin[number]) / drawn.scale[number]
            z = (z - paths.rolled.expected[mine][:, fine]) / sd[mine]
            slope = one.log_slope(y[fine]) - np.log(drawn.scale[number])
            log[np.ix_(mine, fine)] = slope - 0.5 * z**2 - np.log(sd[mine]) - 0.5 * np.log(2 * np.pi)
    before = np.column_stack([np.ones(count, bool), paths.kept[:, :-1]])
    before |= ~before.any(axis=0)
    result = logsumexp(np.where(before, log, -np.inf), axis=0) - np.log(before.sum(axis=0))
    return np.where(np.isfinite(y), result, np.nan)
