"""Lags by evidence: sets of lags compared by that of a linear term and a network on them, for the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesnn.data.series.kernel_evidence import Scales, best_scales, log_evidence

MOST_ROWS = 400  # rows used, the last ones; the cost of an evidence grows with their cube
MOST_LAGS = 10
LONGEST = 30  # the longest lag
VALUES_PER_LAG = 5  # observations per step of the longest lag
LEAST_GAIN = 3.0  # nats that a further lag must gain; of many candidates, one gains a little by chance
RETUNED = 2  # number of the best candidates whose scales are searched again


@dataclass(frozen=True, eq=False)
class Rows:
    """Targets (n,) of all series and the values before them (n, longest), most recent first, standardised."""

    past: np.ndarray
    y: np.ndarray

    def inputs(self, lags: Sequence[int]) -> np.ndarray:
        """Lags (n, p)."""
        return self.past[:, np.array(lags) - 1]


def search_lags(values: Sequence[np.ndarray]) -> tuple[int, ...]:
    """Lags for series without a season: first those from 1 on that have the highest evidence, then any that raise it.

    A lag is added if it raises the log evidence by more than `LEAST_GAIN`; afterwards those without which it does not
    fall are left out. Nothing is random. Missing values are NaN.

    Examples
    --------
    >>> y = [0.3, 0.5]
    >>> for t in range(60):
    ...     y.append(1 - 1.4 * y[-1] ** 2 + 0.3 * y[-2])
    >>> search_lags([np.array(y)])
    (1, 2)
    """
    rows = rows_of(values)
    longest = rows.past.shape[1]
    first = [tuple(range(1, k + 1)) for k in (1, 2, 3, 6) if k <= longest]
    scored = [(*best_scales(rows.inputs(lags), rows.y, Scales()), lags) for lags in first]
    best, scales, lags = max(scored, key=lambda one: one[0])
    while len(lags) < MOST_LAGS:
        others = [(*lags, k) for k in range(1, longest + 1) if k not in lags]
        found = best_of(rows, others, scales)
        if found is None or found[0] < best + LEAST_GAIN:
            break
        best, scales, lags = found
    while len(lags) > 1:
        found = best_of(rows, [tuple(one for one in lags if one != lag) for lag in lags], scales)
        if found is None or found[0] < best:
            break
        best, scales, lags = found
    return tuple(sorted(lags))


def best_of(
    rows: Rows, candidates: Sequence[tuple[int, ...]], scales: Scales
) -> tuple[float, Scales, tuple[int, ...]] | None:
    """The candidate with the highest evidence: compared at the same scales, then the best of them at their own."""
    quick = [log_evidence(rows.inputs(lags), rows.y, scales) for lags in candidates]
    kept = sorted(range(len(candidates)), key=lambda i: -quick[i])[:RETUNED]
    scored = [(*best_scales(rows.inputs(candidates[i]), rows.y, scales), candidates[i]) for i in kept]
    return max(scored, key=lambda one: one[0], default=None)


def rows_of(values: Sequence[np.ndarray]) -> Rows:
    """The last rows of all series with all lags that may be chosen, each series on its own scale."""
    shortest = min(len(one) for one in values)
    longest = max(1, min(LONGEST, shortest // VALUES_PER_LAG))
    count = max(2, MOST_ROWS // len(values))
    parts = []
    for one in values:
        z = (one - np.nanmean(one)) / (np.nanstd(one) or 1.0)
        windows = np.lib.stride_tricks.sliding_window_view(z, longest + 1)[-count:, ::-1]
        parts.append(windows[np.isfinite(windows).all(axis=1)])
    together = np.concatenate(parts)[-MOST_ROWS:]
    return Rows(together[:, 1:], together[:, 0] - together[:, 0].mean())
