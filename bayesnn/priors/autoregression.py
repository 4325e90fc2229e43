"""The prior of an autoregression: a random walk with drift, from which near lags may depart, and no runaway maps.

On the scale the model sees, which lags and target share, y_t = sum_k b_k y_{t-k} + network + error with b_k ~ N(m_k,
v_k) inside the region where the companion matrix of the lags has no eigenvalue beyond `LARGEST_ROOT`: the density is
that of the untruncated prior times the indicator of the region, for all unknowns together. The units are bounded, so
that the network adds a bounded term, and paths of a draw inside the region grow by at most 2% per step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal import checks
from bayesnn.priors.base import GaussianPrior
from bayesnn.priors.readout_normal import log_sum_factor, with_sum

LARGEST_ROOT = 1.02  # largest modulus of a root; 1 after differences, where a larger one would compound growth
NEAR_SD = 0.4  # prior sd of the coefficients of lag 1 and of the season
DECAY = 0.5  # power of the lag by which standard deviations fall
SPEED = 0.25
NETWORK = 0.25

P = TypeVar("P")


def random_walk_moments(lags: tuple[int, ...], period: int, differenced: bool) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances (lags,) of the coefficients of lags.

    The mean is that of a random walk: 1 at lag 1, else at the season, else at the first lag; 0 after differences, which
    make a random walk white noise. Standard deviations fall with the distance to lag 1 or to a multiple of the season,
    whichever is nearer (R. Litterman, 1986, Forecasting with Bayesian vector autoregressions: five years of experience,
    Journal of Business and Economic Statistics 4, 25-38, for the Minnesota prior).
    """
    lag = np.array(lags)
    if differenced:
        mean = np.zeros(len(lags))
    else:
        mean = (lag == (period if period in lags else lags[0])).astype(float)
    distance = lag - 1.0
    if period > 1:
        distance = np.minimum(distance, np.abs(lag - period * np.maximum(np.rint(lag / period), 1)))
    return mean, (NEAR_SD / (1.0 + distance) ** DECAY) ** 2


def inside_root(coefficients: jax.Array, lags: tuple[int, ...], largest: float) -> jax.Array:
    """Whether all roots of an autoregression with these coefficients (lags,) are below `largest` in modulus.

    By the step-down recursion, whose partial autocorrelations are all below 1 in modulus exactly then (M. Jones, 1980,
    Maximum likelihood fitting of ARMA models to time series with missing observations, Technometrics 22, 389-395).

    Examples
    --------
    >>> bool(inside_root(jnp.array([1.01]), (1,), 1.02)), bool(inside_root(jnp.array([0.6, 0.6]), (1, 2), 1.02))
    (True, False)
    """
    order = lags[-1]
    place = jnp.arange(order)
    scaled = coefficients / largest ** jnp.asarray(lags, coefficients.dtype)
    dense = jnp.zeros(order, coefficients.dtype).at[np.array(lags) - 1].set(scaled)

    def down(step: Any, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        phi, inside = carry
        k = order - 1 - step
        last = phi[k]
        inside &= jnp.abs(last) < 1.0
        turned = phi[(k - 1 - place) % order]
        rest = (phi + last * turned) / jnp.where(inside, 1.0 - last**2, 1.0)
        return jnp.where(inside & (place < k), rest, 0.0), inside

    return lax.fori_loop(0, order, down, (dense, jnp.all(jnp.isfinite(scaled))))[1]


@dataclass(frozen=True)
class LagRegion:
    """Which coefficients of lags a prior allows, and how it holds their sum, beside independent normals.

    Parameters
    ----------
    lags : tuple of int
        The first linear coefficients are those of these lags, in increasing order.
    largest_root : float
        Coefficients with a root beyond it are excluded.
    sum_variance : float
        The normals are multiplied by that of the sum of these coefficients around the sum of their means.
    """

    lags: tuple[int, ...]
    largest_root: float = LARGEST_ROOT
    sum_variance: float = 1.0

    def __post_init__(self) -> None:
        """Raise a ValueError for numbers that are not positive."""
        for lag in self.lags:
            checks.positive_integer("a lag", lag)
        checks.positive("largest_root", self.largest_root)
        checks.positive("sum_variance", self.sum_variance)

    def inside(self, linear: jax.Array) -> jax.Array:
        """Whether linear coefficients (p,) are inside ()."""
        return inside_root(linear[: len(self.lags)], self.lags, self.largest_root)

    def log_factor(self, linear: jax.Array, mean: Any, variance: Any, used: jax.Array | None = None) -> jax.Array:
        """Log of the prior's factor of linear coefficients (p,), some of them `used`, beside independent normals."""
        count = len(self.lags)
        kept = jnp.ones(count) if used is None else used[:count]
        of_sum = log_sum_factor(linear[:count], kept, mean[:count], variance[:count], self.sum_variance)
        return jnp.where(self.inside(linear), of_sum, -jnp.inf)

    def with_sum(self, normal: GaussianPrior, in_use: jax.Array, first: int) -> GaussianPrior:
        """The normal of a readout (k,) whose linear coefficients start at `first`, without the region."""
        place = np.arange(len(normal.mean)) - first
        return with_sum(normal, jnp.asarray((place >= 0) & (place < len(self.lags))) * in_use, self.sum_variance)


class Scales(NamedTuple):
    """What the prior takes from the training rows, as powers of two, so that few programs are compiled.

    changes
        Variance of what a random walk leaves over that of the target, at most 1.
    roughness
        Of each exogenous column: root mean square of its changes over its sd, at most 1.
    """

    changes: float
    roughness: tuple[float, ...] = ()


def scales_of(x: np.ndarray, y: np.ndarray, mean: np.ndarray) -> Scales:
    """Scales from inputs (n, p), lags first, and targets (n,), given the mean of the lags' coefficients."""
    left = np.var(y - x[:, : len(mean)] @ mean) / np.var(y)
    others = x[:, len(mean) :]
    spread = np.where(np.ptp(others, axis=0) > 0, others.std(axis=0), 1.0)
    rough = np.sqrt(np.mean(np.diff(others, axis=0) ** 2, axis=0)) / spread
    return Scales(rounded(left), tuple(map(rounded, rough)))


def rounded(value: float) -> float:
    """The nearest power of two from 2^-12 to 1."""
    return float(2.0 ** np.clip(np.rint(np.log2(max(value, 1e-12))), -12, 0))


def for_lags(prior: P, lags: tuple[int, ...], mean: np.ndarray, variance: np.ndarray, scales: Scales, root: float) -> P:
    """The prior of a fit of lagged data; hyperparameters that were given are kept."""
    spec: Any = prior
    usual = type(spec)()
    exogenous = scales.changes * np.square(scales.roughness)
    found: dict[str, Any] = {
        "linear_mean": tuple(np.r_[mean, np.zeros(len(exogenous))].tolist()),
        "linear_variance": tuple(np.r_[variance, exogenous].tolist()),
        "readout_guess": NETWORK * scales.changes**2,
        "readout_mean_variance": NETWORK * scales.changes**2,
    }
    kept = {name: value for name, value in found.items() if getattr(spec, name) == getattr(usual, name)}
    return replace(spec, **kept, region=LagRegion(lags, root, (SPEED * scales.changes) ** 2))
