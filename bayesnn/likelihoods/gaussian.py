"""Normal errors: one unknown variance, or one for each of several outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bayesnn._internal import checks, conditionals, random
from bayesnn._internal.random import RandomSource
from bayesnn.data.columns import is_frame
from bayesnn.data.dataset import numeric_target, target_names
from bayesnn.likelihoods.base import Latents, Likelihood, Nuisance, weighted


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """y ~ N(f, sigma^2) with 1/sigma^2 ~ Gamma(s/2, rate s S/2), on the scale the model sees.

    With several outputs y (n, K), each has its own function and variance, and the errors are independent. If a noise
    scale A is given, sigma ~ half-Cauchy(A) instead.

    Parameters
    ----------
    noise_guess, noise_size : float
        S and s: prior scale of sigma^2, and its prior degrees of freedom (how many observations it counts for).
    noise_scale : float, optional
        A: scale of a half-Cauchy prior of sigma, which then replaces the guess (A. Gelman, 2006, Prior distributions
        for variance parameters, Bayesian Analysis 1, 515-534).
    outputs_named : tuple of str, optional
        Names of several outputs. Default: a fit takes them from y.

    References
    ----------
    P. Müller and D. Ríos Insua (1998), Neural Computation 10, 749-770.

    See Also
    --------
    StudentT : errors with heavy tails
    Heteroskedastic : errors whose size varies

    Examples
    --------
    >>> float(Gaussian().distribution(0.0, sigma=2.0).variance)
    4.0
    """

    kind: ClassVar[str] = "continuous"
    standardizes: ClassVar[bool] = True
    informs: ClassVar[bool] = True

    noise_guess: float = 0.01
    noise_size: float = 1.0
    outputs_named: tuple[str, ...] = ()
    noise_scale: float | None = None

    def __post_init__(self) -> None:
        checks.positive("noise_guess", self.noise_guess)
        checks.positive("noise_size", self.noise_size)
        if self.noise_scale is not None:
            checks.positive("noise_scale", self.noise_scale)
        names = () if isinstance(self.outputs_named, str) else tuple(self.outputs_named)
        if len(names) == 1 or len(set(names)) != len(names) or isinstance(self.outputs_named, str):
            raise ValueError(
                f"outputs_named must be at least two different names, got {self.outputs_named!r}: one output needs none"
            )
        object.__setattr__(self, "outputs_named", names)

    def bind(self, y: Any, offset: np.ndarray | None = None, weights: np.ndarray | None = None) -> Gaussian:
        """The spec with the outputs of the target; a target of one column has a single, unnamed output."""
        names = target_names(y)
        if self.outputs_named and len(self.outputs_named) != max(1, len(names)):
            raise ValueError(f"y must have the {len(self.outputs_named)} outputs {self.outputs_named}, got {names}")
        return self if self.outputs_named else replace(self, outputs_named=names)

    @property
    def output_labels(self) -> Sequence[Any]:
        return self.outputs_named

    def encode(self, y: Any) -> np.ndarray:
        """A target as an array of numbers, (n,) or (n, K)."""
        named = [str(c) for c in y.columns] if is_frame(y) else []
        if len(named) > 1 and set(named) == set(self.outputs_named):  # in whatever order
            y = y[[y.columns[named.index(name)] for name in self.outputs_named]]
        target = numeric_target(y)
        if target.shape[1:] != self.outputs:
            expected = f"(n, {len(self.outputs_named)})" if self.outputs else "(n,)"
            raise ValueError(f"y must have shape {expected} like that of the fit, got {target.shape}")
        return target

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"sigma": self.output_dims}

    def priors(self) -> dict[str, dist.Distribution]:
        """A gamma prior of the precision, or a half-Cauchy prior of sigma, for each output."""
        half = self.noise_size / 2
        name, prior = "noise_precision", dist.Gamma(half, half * self.noise_guess)
        if self.noise_scale is not None:
            name, prior = "sigma", dist.HalfCauchy(self.noise_scale)
        return {name: prior.expand(self.outputs).to_event(1) if self.outputs else prior}

    def report(self, latents: Latents) -> Nuisance:
        """Sigma, computed from the precision unless it was drawn itself."""
        return dict(latents) if "sigma" in latents else {"sigma": latents["noise_precision"] ** -0.5}

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """N(f, sigma^2), independent over outputs."""
        normal = dist.Normal(f, nuisance["sigma"])
        return normal.to_event(1) if self.outputs else normal

    def information(self, f: jax.Array, **nuisance: Any) -> jax.Array:
        """1/sigma^2 of each output."""
        precision = nuisance["sigma"] ** -2
        if not self.outputs:
            return jnp.broadcast_to(precision, f.shape)
        return jnp.broadcast_to(jnp.diag(precision), (*f.shape, f.shape[-1]))

    def rescale(self, nuisance: dict[str, Any], scale: Any) -> dict[str, Any]:
        return {"sigma": nuisance["sigma"] * scale}

    def draw_precision(self, source: RandomSource, squares: jax.Array, count: Any) -> jax.Array:
        """1/sigma^2 from its exact conditional, given the sum of squares of `count` residuals."""
        return conditionals.draw_precision(source, squares, count, self.noise_guess, self.noise_size)

    def update_precision(self, source: RandomSource, precision: jax.Array, squares: jax.Array, count: Any) -> jax.Array:
        """A new 1/sigma^2 () or (K,) given the sums of squares of `count` residuals of each output.

        From its exact conditional; under the half-Cauchy prior by a slice move of log sigma, from its current value.
        """
        if self.noise_scale is None:
            return self.draw_precision(source, squares, count)

        def one(key: jax.Array, precision: jax.Array, squares: jax.Array) -> jax.Array:
            def log_density(log_sigma: jax.Array) -> jax.Array:
                prior = dist.HalfCauchy(self.noise_scale).log_prob(jnp.exp(log_sigma))
                return prior + (1.0 - count) * log_sigma - 0.5 * squares * jnp.exp(-2.0 * log_sigma)

            return jnp.exp(-2.0 * conditionals.slice_move(key, -0.5 * jnp.log(precision), log_density))

        keys = jax.random.split(random.as_key(source), jnp.shape(squares))
        return jnp.vectorize(one, signature="(),(),()->()")(keys, precision, squares)

    def update(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> Latents:
        """Draw the precisions from their exact conditionals; under the half-Cauchy prior, by slice sampling."""
        rows = y.shape[0] if weights is None else weights.sum()
        squares = jnp.sum(weighted(((y - f) ** 2).T, weights), axis=-1)
        if self.noise_scale is None:
            return {"noise_precision": self.draw_precision(key, squares, rows)}
        return {"sigma": self.update_precision(key, latents["sigma"] ** -2, squares, rows) ** -0.5}
