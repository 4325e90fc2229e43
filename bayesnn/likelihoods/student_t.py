"""Errors with heavy tails: a t distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from bayesnn._internal import checks, conditionals
from bayesnn._internal.counter_numbers import gamma_numbers
from bayesnn.likelihoods.base import Latents, Likelihood, Nuisance, weighted
from bayesnn.likelihoods.working_rows import WorkingRows


@dataclass(frozen=True)
class StudentT(Likelihood):
    """y ~ t_df(f, sigma^2) with 1/sigma^2 ~ Gamma(s/2, rate s S/2) and df = 1 + Gamma(2, rate 0.1), or df given.

    Since df is above one, f is the mean of y. sigma is the scale of the t distribution, not its standard deviation.

    Parameters
    ----------
    df : float, optional
        Degrees of freedom, above 1. Default: learnt.
    noise_guess, noise_size : float
        S and s: prior scale of sigma^2, and its prior degrees of freedom (how many observations it counts for).

    References
    ----------
    K. Lange, R. Little and J. Taylor (1989), Robust statistical modeling using the t distribution, JASA 84, 881-896;
    the prior of df follows M. Juárez and M. Steel (2010), Journal of Business and Economic Statistics 28, 52-66.

    See Also
    --------
    Gaussian : normal errors
    Heteroskedastic : errors whose size varies

    Examples
    --------
    >>> float(StudentT(df=4.0).distribution(0.0, sigma=1.0, df=4.0).variance)
    2.0
    """

    kind: ClassVar[str] = "continuous"
    standardizes: ClassVar[bool] = True
    augments: ClassVar[bool] = True

    df: float | None = None
    noise_guess: float = 0.01
    noise_size: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("noise_guess", self.noise_guess)
        checks.positive("noise_size", self.noise_size)
        if self.df is not None:
            checks.positive("df", self.df)
            if self.df <= 1:
                raise ValueError(f"df must be above 1, where the mean exists, got {self.df}")

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"sigma": (), "df": ()}

    def priors(self) -> dict[str, dist.Distribution]:
        """Gamma priors of the precision and of df - 1, unless df is given."""
        half = self.noise_size / 2
        excess = {"df_excess": dist.Gamma(2.0, 0.1)} if self.df is None else {}
        return {"noise_precision": dist.Gamma(half, half * self.noise_guess)} | excess

    def report(self, latents: Latents) -> Nuisance:
        sigma = latents["noise_precision"] ** -0.5
        df = 1.0 + latents["df_excess"] if self.df is None else jnp.full_like(sigma, self.df)
        return {"sigma": sigma, "df": df}

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        return dist.StudentT(nuisance["df"], f, nuisance["sigma"])

    def rescale(self, nuisance: dict[str, Any], scale: Any) -> dict[str, Any]:
        return dict(nuisance) | {"sigma": nuisance["sigma"] * scale}

    def update(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> Latents:
        """Draw the precision given one normal variance per row, then df by slice sampling, without these variances."""
        key_mixture, key_precision, key_df = jax.random.split(key, 3)
        squares = (y - f) ** 2
        rows = y.shape[0] if weights is None else weights.sum()
        total = jnp.sum(self.draw_mixture(key_mixture, latents, squares, weights) * squares)
        precision = conditionals.draw_precision(key_precision, total, rows, self.noise_guess, self.noise_size)
        latents = latents | {"noise_precision": precision}
        return latents if self.df is not None else self._move_df(key_df, latents, f, y, weights)

    def draw_mixture(
        self, key: jax.Array, latents: Latents, squares: jax.Array, weights: jax.Array | None
    ) -> jax.Array:
        """The precisions (n,), relative to 1/sigma^2, of the normals whose mixture the t distribution is.

        K. Lange, R. Little and J. Taylor (1989): omega ~ Gamma((df + 1)/2, rate (df + r^2/sigma^2)/2), r^2 the squared
        residuals (n,). The power w of a t density is proportional to such a mixture too, with w (df + 1)/2.
        """
        df = self.report(latents)["df"]
        shape = weighted(jnp.broadcast_to(0.5 * (df + 1.0), squares.shape), weights)
        return gamma_numbers(key, shape) / (0.5 * (df + latents["noise_precision"] * squares))

    def augment(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> WorkingRows:
        """Given the precisions of `draw_mixture` the errors are Gaussian, and z = y."""
        precisions = latents["noise_precision"] * self.draw_mixture(key, latents, (y - f) ** 2, weights)
        return WorkingRows(precisions, precisions * y, 0.0, y.shape[0])

    def _move_df(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> Latents:
        def log_density(log_excess: jax.Array) -> jax.Array:
            excess = jnp.exp(log_excess)
            nuisance = self.report(latents | {"df_excess": excess})
            density = weighted(self.distribution(f, **nuisance).log_prob(y), weights).sum()
            return density + self.priors()["df_excess"].log_prob(excess) + log_excess

        moved = conditionals.slice_move(key, jnp.log(latents["df_excess"]), log_density)
        return latents | {"df_excess": jnp.exp(moved)}
