"""Normal errors of one unknown variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpyro
import numpyro.distributions as dist

from bayesnn import _checks, conditionals
from bayesnn.likelihoods.base import Likelihood, Nuisance


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """y ~ N(f, sigma^2) with 1/sigma^2 ~ Gamma(s/2, rate s S/2), on the scale the model sees.

    Parameters
    ----------
    noise_guess, noise_size : float
        S and s: prior guess of sigma^2, and its worth in observations.

    References
    ----------
    P. Müller and D. Ríos Insua (1998), Neural Computation 10, 749-770.

    Examples
    --------
    >>> float(Gaussian().distribution(0.0, sigma=2.0).variance)
    4.0
    """

    noise_guess: float = 0.01
    noise_size: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a guess or size that is not positive."""
        _checks.positive("noise_guess", self.noise_guess)
        _checks.positive("noise_size", self.noise_size)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """The error standard deviation."""
        return {"sigma": ()}

    def nuisance(self) -> Nuisance:
        """The error standard deviation, by way of its precision."""
        half = self.noise_size / 2
        precision = numpyro.sample("noise_precision", dist.Gamma(half, half * self.noise_guess))
        return {"sigma": numpyro.deterministic("sigma", precision**-0.5)}

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """N(f, sigma^2)."""
        return dist.Normal(f, nuisance["sigma"])

    def rescale(self, nuisance: dict[str, Any], scale: float) -> dict[str, Any]:
        """Sigma is in units of y."""
        return {"sigma": nuisance["sigma"] * scale}

    def update(self, key: jax.Array, squares: jax.Array, count: int) -> jax.Array:
        """1/sigma^2 from its exact conditional, given the sum of squares of `count` residuals."""
        return conditionals.draw_precision(key, squares, count, self.noise_guess, self.noise_size)
