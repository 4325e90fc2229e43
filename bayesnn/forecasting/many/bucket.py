"""A bucket: some series of one season and of similar lengths, which one compiled program serves."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal.runtime import computing
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.evidence import Evidence, Filtered, evidence, filtered
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid
from bayesnn.forecasting.many.simulate import Posterior, sample_paths

LENGTHS = (64, 256, 1024, 4096)  # the rows of a program; a shorter series starts later
MOST = LENGTHS[-1]  # of a longer series, the last values are used
SIZE = 16
LEAST_SCALE = 1e-9


class Bucket(NamedTuple):
    """Series (n,) with NaN where a value is missing, their season, and what is to be drawn.

    seeds: one tuple of whole numbers per series. log_prior (c, p, g) is added to the log weights of the members.
    """

    values: tuple[np.ndarray, ...]
    period: int
    horizon: int
    draws: int
    seeds: tuple[tuple[int, ...], ...]
    prior: StructuralPrior
    log_prior: np.ndarray | None = None


def fill(lengths: list[int], periods: list[int]) -> list[list[int]]:
    """Numbers of the series of each bucket, sorted by season and length so that little time goes into padding."""
    order = sorted(range(len(lengths)), key=lambda i: (periods[i], lengths[i], i))
    buckets: list[list[int]] = []
    for i in order:
        now = buckets[-1] if buckets else []
        if (
            not now
            or len(now) == SIZE
            or periods[now[0]] != periods[i]
            or rows_of(lengths[now[0]]) != rows_of(lengths[i])
        ):
            buckets.append(now := [])
        now.append(i)
    return buckets


def rows_of(length: int) -> int:
    """Rows of the program for a series of this length."""
    return next((rows for rows in LENGTHS if rows >= length), MOST)


@computing
def forecast_bucket(bucket: Bucket) -> np.ndarray:
    """Sample paths (series, draws, horizon). A pure function, which any process can run."""
    grid = make_grid(bucket.prior, bucket.period)
    posteriors = posteriors_of(bucket)
    every = zip(bucket.values, posteriors, bucket.seeds, strict=True)
    return np.stack(
        [
            sample_paths(one, v[np.isfinite(v)][-MOST:], grid, bucket.prior, bucket.horizon, bucket.draws, seed)
            for v, one, seed in every
        ]
    )


def posteriors_of(bucket: Bucket) -> list[Posterior]:
    """The posterior of each series."""
    series = [values[-MOST:] for values in bucket.values]
    rows, count = rows_of(max(map(len, series))), 1 if len(series) == 1 else SIZE
    u, kind = np.zeros((count, len(CURVES), rows)), np.zeros((count, len(CURVES), rows))
    origin, scale = np.zeros(u.shape[:2]), np.ones(u.shape[:2])
    jacobian = np.full(u.shape[:2], -np.inf)
    for i, values in enumerate(series):
        for j, curve in enumerate(CURVES.values()):
            seen = np.isfinite(values)
            if curve.allowed(values[seen]):
                now = curve.forward(np.where(seen, values, 1.0))
                origin[i, j], scale[i, j] = now[0], scale_of(np.where(seen, now, np.nan), bucket.period)
                u[i, j, rows - len(values) :] = np.where(seen, (now - now[0]) / scale[i, j], 0.0)
                kind[i, j, rows - len(values) :] = 1 + seen
                jacobian[i, j] = curve.log_slope(values[seen]).sum() - seen.sum() * np.log(scale[i, j])
    first = rows - max(map(len, series))
    passed, found = jax.device_get(_program(bucket.prior, bucket.period)(u, kind, first))
    result = []
    for i in range(len(series)):
        n = int(np.sum(kind[i, 0] == 2))
        log = weigh(found.log[i] + jacobian[i][:, None, None], n, bucket)
        state, season = passed.state[i], passed.season[i]
        shape = bucket.prior.noise_shape + n / 2
        result.append(Posterior(log, passed.products[i], state, season, found.rate[i], shape, origin[i], scale[i]))
    return result


def weigh(log_evidence: np.ndarray, rows: int, bucket: Bucket) -> np.ndarray:
    """Probabilities (c, p, g) of the members, from their log evidence in units of the series."""
    prior = bucket.prior
    log = log_evidence * prior.trust / (prior.trust + rows)
    own = make_grid(prior, bucket.period).log_weight[:, None] if bucket.log_prior is None else bucket.log_prior
    log = log + own
    weight = np.exp(log - log.max())
    return weight / weight.sum()


def scale_of(u: np.ndarray, period: int) -> float:
    """Sd of the differences of a curve (n,) around the means of their seasons, from those that are observed."""
    difference = np.diff(u)
    phase = np.arange(len(difference)) % period
    keep = np.isfinite(difference)
    difference, phase = difference[keep], phase[keep]
    if len(difference) < 2:
        seen = u[np.isfinite(u)]
        return max(float(np.std(seen)), LEAST_SCALE * float(np.abs(seen).max()), np.finfo(float).tiny ** 0.25)
    if len(difference) <= 2 * period:
        phase, period = np.zeros_like(phase), 1
    counts = np.maximum(np.bincount(phase, minlength=period), 1)
    means = np.bincount(phase, difference, period) / counts
    squares = float(np.sum((difference - means[phase]) ** 2))
    least = max(1e-3 * float(np.sqrt(np.mean(difference**2))), LEAST_SCALE * float(np.nanmax(np.abs(u))))
    return max(np.sqrt(squares / max(len(difference) - period, 1)), least, np.finfo(float).tiny ** 0.25)


@lru_cache(maxsize=32)
def _program(prior: StructuralPrior, period: int) -> Any:
    """The compiled pass for curves u (s, c, rows) -> Filtered, Evidence with (s, c) before their own axes."""
    grid = make_grid(prior, period)

    def one(arguments: Any) -> tuple[Filtered, Evidence]:
        u, kind, first = arguments
        passed = filtered(u, kind, first, jnp.asarray(grid.dynamics), jnp.asarray(grid.basis))
        count = jnp.sum(kind == 2)
        shape, rate = prior.noise_shape, prior.noise_rate
        return passed, evidence(passed.products, count, jnp.asarray(grid.precision), shape, rate)

    @jax.jit
    def program(u: Any, kind: Any, first: Any) -> Any:
        flat = u.reshape(-1, u.shape[-1]), kind.reshape(-1, u.shape[-1])
        found = jax.lax.map(one, (*flat, jnp.full(len(flat[0]), first)))
        return jax.tree.map(lambda a: a.reshape(*u.shape[:2], *a.shape[1:]), found)

    return program
