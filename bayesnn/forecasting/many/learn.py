"""pool="hierarchical": prior probabilities of the members, learnt over the series of equal season."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesnn._internal.runtime import computing_in_threads
from bayesnn.forecasting.many.bucket import Bucket, posteriors_of
from bayesnn.forecasting.many.curves import CURVES

WORTH = 30.0  # series that the prior probabilities are worth
SWEEPS = 50
MOST = 2000  # series of a season from which is learnt


@computing_in_threads
def with_learnt_priors(buckets: Sequence[Bucket]) -> list[Bucket]:
    """The buckets, each with the learnt log prior (c, p, g) of its season."""
    learnt = {}
    for periods in {bucket.periods for bucket in buckets}:
        mine = [bucket for bucket in buckets if bucket.periods == periods]
        mine = mine[:: max(1, sum(len(bucket.values) for bucket in mine) // MOST)]
        learnt[periods] = learn(
            np.stack([_by_curve(one.probability) for bucket in mine for one in posteriors_of(bucket)]), mine[0]
        )
    return [bucket._replace(log_prior=learnt[bucket.periods]) for bucket in buckets]


def _by_curve(probability: np.ndarray) -> np.ndarray:
    """Probabilities (c, p, g), summed over what an outlier may be."""
    return probability.reshape(-1, len(CURVES), *probability.shape[1:]).sum(axis=0)


def learn(probability: np.ndarray, bucket: Bucket) -> np.ndarray:
    """Log prior (c, p, g), from the probabilities (s, c, p, g) of series under the prior of `bucket`.

    Curves, scales and points each have unknown probabilities with a Dirichlet prior, worth `WORTH` series in all and
    centred on the fixed ones. These are estimated by expectation-maximisation, whose steps are the posterior means.
    """
    grid = bucket.grid
    scales = np.exp(grid.log_weight)
    curves, points = probability.shape[1], probability.shape[3]
    base = [np.full(curves, 1 / curves), scales / scales.sum(), np.full(points, 1 / points)]
    log_base = _joint(base)
    ratio = probability / np.exp(log_base)  # evidence, up to a constant per series
    now = base
    for _ in range(SWEEPS):
        weight = ratio * np.exp(_joint(now))
        weight /= weight.sum(axis=(1, 2, 3), keepdims=True)
        total = weight.sum(axis=0)
        counts = total.sum((1, 2)), total.sum((0, 2)), total.sum((0, 1))
        now = [(n + WORTH * b) / (n.sum() + WORTH) for n, b in zip(counts, base, strict=True)]
    return _joint(now)


def _joint(parts: Sequence[np.ndarray]) -> np.ndarray:
    curve, scale, point = map(np.log, parts)
    return curve[:, None, None] + scale[:, None] + point
