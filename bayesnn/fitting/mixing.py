"""How well chains have mixed: R-hat, effective draws and nested R-hat of many values at once.

The formulas are those of ArviZ 0.x, which takes one value at a time: these take a twentieth of the time, so that a run
can be judged while it goes on, and do not depend on the version (ArviZ 1.x takes other quantiles for the tails).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

TAIL = (0.05, 0.95)  # the quantiles whose effective draws are those of the tails
BLOM = 3 / 8  # offset of the ranks; G. Blom (1958), Statistical Estimates and Transformed Beta-Variables
FEWEST = 4  # draws of a chain that can be judged


class Mixing(NamedTuple):
    """R-hat, and effective draws of the bulk and of the tails, of each value: (k,) each."""

    r_hat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray

    @property
    def ess(self) -> np.ndarray:
        """The fewer effective draws of bulk and tails."""
        return np.minimum(self.ess_bulk, self.ess_tail)


def mixing(values: np.ndarray) -> Mixing:
    """Rank-normalised split R-hat and effective draws of draws (chain, draw, ...), of each value: (...,).

    R-hat is the larger of that of the values and of the folded values; NaN for one chain, for fewer than four draws and
    for a value that never moves.

    References
    ----------
    A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P. Bürkner (2021), Rank-normalization, folding, and
    localization: an improved R-hat, Bayesian Analysis 16, 667-718, equations (1) to (4), (8) to (16). The sum of
    autocorrelations is cut as in C. Geyer (1992), Practical Markov chain Monte Carlo, Statistical Science 7,
    section 3.3.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(4, 500, 2))
    >>> bool((mixing(draws).r_hat < 1.01).all()), bool((mixing(draws).ess > 1500).all())
    (True, True)
    """
    shape = values.shape[2:]
    rows = np.ascontiguousarray(np.moveaxis(values.reshape(*values.shape[:2], -1), 2, 0), dtype=float)
    broken = ~np.isfinite(rows).all(axis=(1, 2))
    if values.shape[1] < FEWEST:
        broken[:] = True
    found = [np.full(len(rows), np.nan) for _ in Mixing._fields]
    if not broken.all():
        for result, part in zip(found, _mixing(rows[~broken]), strict=True):
            result[~broken] = part
    return Mixing(*(result.reshape(shape) for result in found))


def nested_r_hat(values: np.ndarray, superchains: int) -> np.ndarray:
    """Nested R-hat of draws (chain, draw, ...), whose chains are `superchains` groups in a row with one start each.

    sqrt(1 + B/W): B is the variance between the means of superchains, W what is within them, the variance between means
    of their chains and that within these. In equilibrium about sqrt(1 + 1/(M (N + 1))) for M chains a superchain
    of N > 1 independent draws: it falls with the number of chains, where R-hat asks for long ones.

    References
    ----------
    C. Margossian, M. Hoffman, P. Sountsov, L. Riou-Durand, A. Vehtari and A. Gelman (2024), Nested R-hat: assessing the
    convergence of Markov chain Monte Carlo when running many short chains, Bayesian Analysis, definition 2.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(128, 5))
    >>> round(float(nested_r_hat(draws, 8)), 1)
    1.0
    """
    grouped = values.reshape(superchains, -1, *values.shape[1:])
    means = grouped.mean(axis=2)
    between_chains = means.var(axis=1, ddof=1) if means.shape[1] > 1 else 0.0
    in_chains = grouped.var(axis=2, ddof=1).mean(axis=1) if grouped.shape[2] > 1 else 0.0
    within = np.mean(between_chains + in_chains, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a value that never moved: NaN, not converged
        return np.sqrt(1.0 + means.mean(axis=1).var(axis=0, ddof=1) / within)


def _mixing(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for rows (k, chain, draw)."""
    halves = _halves(rows)
    scores = _scores(halves)
    folded = _scores(np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True)))
    largest = np.maximum(_split_r_hat(scores), _split_r_hat(folded))
    ends = np.quantile(rows, TAIL, axis=(1, 2), keepdims=True)
    tails = [_effective(_halves((rows <= end).astype(float))) for end in ends]
    return np.where(rows.shape[1] > 1, largest, np.nan), _effective(scores), np.minimum(*tails)


def _halves(rows: np.ndarray) -> np.ndarray:
    """Every chain as two, its first and its second half; of an odd number of draws the middle one is left out."""
    half = rows.shape[2] // 2
    return np.concatenate([rows[..., :half], rows[..., -half:]], axis=1)


def _scores(rows: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks among all draws of a value."""
    flat = rows.reshape(len(rows), -1)
    ranks = rankdata(flat, method="average", axis=1)
    return ndtri((ranks - BLOM) / (flat.shape[1] - 2 * BLOM + 1)).reshape(rows.shape)


def _split_r_hat(rows: np.ndarray) -> np.ndarray:
    count = rows.shape[2]
    within = rows.var(axis=2, ddof=1).mean(axis=1)
    between = count * rows.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a value that never moved: NaN, not converged
        return np.sqrt((between / within + count - 1) / count)


def _effective(rows: np.ndarray) -> np.ndarray:
    """Effective draws for the mean of rows (k, chain, draw): (k,)."""
    chains, count = rows.shape[1:]
    covariance = _autocovariance(rows)  # (k, lag)
    within = covariance[:, :1] * count / (count - 1)
    total = covariance[:, :1] + rows.mean(axis=2).var(axis=1, ddof=1)[:, None]
    constant = np.ptp(rows, axis=(1, 2)) < np.finfo(float).resolution
    rho = 1.0 - (within - covariance) / np.where(constant[:, None], 1.0, total)
    rho[:, 0] = 1.0
    pairs = max(1, (count - 1) // 2)  # lags (0, 1), (2, 3), ... as far as the sum may go
    even, both = rho[:, 0 : 2 * pairs : 2], rho[:, 0 : 2 * pairs : 2] + rho[:, 1 : 2 * pairs : 2]
    positive = np.logical_and.accumulate(both > 0.0, axis=1)
    cut = np.minimum(positive.sum(axis=1), pairs - 1)  # the pair that counts no more, but for its even lag, once
    rest = np.take_along_axis(even, cut[:, None], axis=1)[:, 0]
    rest = np.where(positive[:, -1], rest, np.maximum(rest, 0.0))
    falling = np.minimum.accumulate(np.where(positive, both, np.inf), axis=1)
    before = np.arange(pairs) < cut[:, None]
    tau = -1.0 + 2.0 * np.where(before, falling, 0.0).sum(axis=1) + rest
    tau = np.maximum(tau, 1.0 / np.log10(chains * count))
    return np.where(constant, float(chains * count), chains * count / tau)


def _autocovariance(rows: np.ndarray) -> np.ndarray:
    """Autocovariances (k, lag), means over chains, of rows (k, chain, draw)."""
    count = rows.shape[2]
    size = next_fast_len(2 * count, real=True)
    spectrum = rfft(rows - rows.mean(axis=2, keepdims=True), size, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return irfft(power, size, axis=1)[:, :count] / count
