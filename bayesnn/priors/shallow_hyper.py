"""The hyperparameters of the prior of Müller and Ríos Insua as a Gibbs sampler carries them."""

from __future__ import annotations

from typing import NamedTuple

import jax

from bayesnn._internal import conditionals


class Hyper(NamedTuple):
    """The hyperparameters in the form that the exact updates use.

    mu_beta () or (K,), beta_precision 1/sigma_beta^2 of the same shape, mu_gamma (q,), S_gamma (q, q) as factor and
    inverse.
    """

    mu_beta: jax.Array
    beta_precision: jax.Array
    mu_gamma: jax.Array
    s_gamma: conditionals.Covariance
