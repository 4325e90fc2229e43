"""Counts: Poisson and negative binomial distributions with a log link."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bayesnn._internal import checks
from bayesnn._internal.polya_gamma import polya_gamma
from bayesnn.data.dataset import numeric_target
from bayesnn.likelihoods.base import Latents, Likelihood, weighted
from bayesnn.likelihoods.working_rows import WorkingRows, less_offset

LONGEST_LOG = 300  # exponentials of such numbers are doubles, and so are their products


@dataclass(frozen=True)
class Poisson(Likelihood):
    """y ~ Poisson(exp(baseline + f)); an offset (log exposure) of the fit is added to f.

    Parameters
    ----------
    baseline : float, optional
        Log rate where f is zero. Default: the log of the mean count per exposure, just as a continuous y is centred.

    See Also
    --------
    NegativeBinomial : counts that vary more

    Examples
    --------
    >>> float(Poisson(baseline=0.0).distribution(0.0).mean)
    1.0
    """

    kind: ClassVar[str] = "count"
    informs: ClassVar[bool] = True

    baseline: float | None = None

    def __post_init__(self) -> None:
        """Refuse a baseline that is not a number."""
        if self.baseline is not None:
            checks.number("baseline", self.baseline)

    def bind(self, y: Any, offset: np.ndarray | None = None, weights: np.ndarray | None = None) -> Poisson:
        known = self.baseline is not None
        return self if known else replace(self, baseline=log_rate(encode_counts(y), offset, weights))

    def encode(self, y: Any) -> np.ndarray:
        return encode_counts(y)

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """Poisson with log mean baseline + f."""
        return dist.Poisson(jnp.exp(f + (self.baseline or 0.0)))

    def information(self, f: jax.Array, **nuisance: Any) -> jax.Array:
        """The mean of each row."""
        return jnp.exp(f + (self.baseline or 0.0))


@dataclass(frozen=True)
class NegativeBinomial(Likelihood):
    """y ~ NegativeBinomial with mean mu = exp(baseline + f) and variance mu + dispersion mu^2.

    dispersion ~ Exponential(mean dispersion_guess); a dispersion of zero gives the Poisson distribution.

    Parameters
    ----------
    dispersion_guess : float
        Prior mean of the dispersion.
    baseline : float, optional
        As in `Poisson`.

    See Also
    --------
    Poisson : counts

    Examples
    --------
    >>> float(NegativeBinomial(baseline=0.0).distribution(0.0, dispersion=0.5).variance)
    1.5
    """

    kind: ClassVar[str] = "count"
    augments: ClassVar[bool] = True

    dispersion_guess: float = 1.0
    baseline: float | None = None

    def __post_init__(self) -> None:
        checks.positive("dispersion_guess", self.dispersion_guess)
        if self.baseline is not None:
            checks.number("baseline", self.baseline)

    def bind(self, y: Any, offset: np.ndarray | None = None, weights: np.ndarray | None = None) -> NegativeBinomial:
        known = self.baseline is not None
        return self if known else replace(self, baseline=log_rate(encode_counts(y), offset, weights))

    def encode(self, y: Any) -> np.ndarray:
        return encode_counts(y)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"dispersion": ()}

    def priors(self) -> dict[str, dist.Distribution]:
        """An exponential prior of the dispersion."""
        return {"dispersion": dist.Exponential(1.0 / self.dispersion_guess)}

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """Negative binomial with this mean and concentration 1/dispersion."""
        return dist.NegativeBinomial2(jnp.exp(f + (self.baseline or 0.0)), 1.0 / nuisance["dispersion"])

    def augment(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> WorkingRows:
        """omega_i ~ PG(w_i (y_i + r), psi_i), omega_i z_i = w_i (y_i - r)/2 for psi = baseline + f - log r.

        r = 1/dispersion; the density of y is proportional to exp(psi)^y / (1 + exp(psi))^(y + r). N. Polson, J. Scott
        and J. Windle (2013), section 3.3.
        """
        r = 1.0 / latents["dispersion"]
        shift = jnp.full_like(f, (self.baseline or 0.0) - jnp.log(r))
        omega = polya_gamma(key, f + shift, weighted(y + r, weights))
        return less_offset(WorkingRows(omega, weighted(0.5 * (y - r), weights), 0.0, y.shape[0]), shift)


def encode_counts(y: Any) -> np.ndarray:
    """Counts (n,), checked: whole numbers of at least zero."""
    target = numeric_target(y)
    if target.ndim != 1:
        raise ValueError(f"y must hold one count per row, shape (n,), got {target.shape}")
    checks.finite("y", target)
    bad = np.flatnonzero((target < 0) | (target != np.round(target)))
    if len(bad):
        raise ValueError(
            f"y must hold counts (whole numbers of at least zero) for this likelihood, got {len(bad)} other value(s), "
            f"the first ({target[bad[0]]}) at row {bad[0]}: use Gaussian() or StudentT() for measurements"
        )
    return target


def log_rate(counts: np.ndarray, offset: np.ndarray | None, weights: np.ndarray | None = None) -> float:
    """Log of the mean count per exposure, each row counted as often as its case weight says."""
    if counts.sum() == 0:
        raise ValueError(f"y must hold at least one count above zero, got zero in all of {len(counts)} rows")
    if offset is not None:
        _check_exponents(offset)
    if weights is None:
        exposure = float(len(counts)) if offset is None else float(np.exp(offset).sum())
        return float(np.log(counts.sum() / exposure))
    share = weights / weights.max()
    each = share if offset is None else share * np.exp(offset)
    return float(np.log((share * counts).sum() / each.sum()))


def _check_exponents(offset: np.ndarray) -> None:
    """Refuse an offset that is not the logarithm of a number."""
    far = np.flatnonzero(np.abs(offset) > LONGEST_LOG)
    if len(far):
        raise ValueError(
            f"offset must be from -{LONGEST_LOG} to {LONGEST_LOG} for counts, the log of an exposure, got "
            f"{offset[far[0]]:.6g} at row {far[0]}: take the logarithm of the exposure"
        )
