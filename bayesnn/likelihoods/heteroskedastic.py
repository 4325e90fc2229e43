"""Normal errors whose standard deviation is also a function of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from bayesnn.likelihoods.base import Likelihood


@dataclass(frozen=True)
class Heteroskedastic(Likelihood):
    """y ~ N(f_1, exp(f_2)^2): the network gives the mean and the logarithm of the standard deviation.

    f (n, 2) with outputs `mean` and `log_sd`, on the scale the model sees: there, log_sd = 0 is the sd of y itself.

    References
    ----------
    D. Nix and A. Weigend (1994), Estimating the mean and variance of the target probability distribution, ICNN.

    See Also
    --------
    Gaussian : normal errors
    StudentT : errors with heavy tails

    Examples
    --------
    >>> import numpy as np
    >>> float(Heteroskedastic().distribution(np.array([1.0, 0.0])).variance)
    1.0
    """

    kind: ClassVar[str] = "continuous"
    standardizes: ClassVar[bool] = True
    informs: ClassVar[bool] = True

    @property
    def output_labels(self) -> Sequence[Any]:
        return ("mean", "log_sd")

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """N(f[..., 0], exp(f[..., 1])^2)."""
        return dist.Normal(f[..., 0], jnp.exp(f[..., 1]))

    def information(self, f: jax.Array, **nuisance: Any) -> jax.Array:
        """1/sd^2 about the mean, and 2 about the log sd."""
        each = jnp.stack([jnp.exp(-2.0 * f[..., 1]), jnp.full_like(f[..., 1], 2.0)], axis=-1)
        return each[..., None] * jnp.eye(2)

    def identified(self, f: Any, center: Any, scale: Any) -> Any:
        """The mean in units of y, and the logarithm of the sd in units of y."""
        return jnp.stack([f[..., 0] * scale + center, f[..., 1] + jnp.log(scale)], axis=-1)
