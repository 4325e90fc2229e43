"""The readout's normal prior given sigma_beta^2, with the common mean of the units' coefficients integrated out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from bayesnn.priors.base import GaussianPrior


def with_common_mean(
    mean: Any, fixed: Any, variance: jax.Array, common_variance: float, of_unit: Any, in_use: jax.Array
) -> GaussianPrior:
    """Coefficients of units (where `of_unit` (k,) is 1) are N(mean, variance I + common_variance 11').

    Others have the variances `fixed` (k,), which are zero for units. Coefficients that are not `in_use` (k,) get an
    arbitrary independent prior: their columns of the design are zero.
    """
    diagonal = jnp.where(in_use > 0, fixed + of_unit * variance, 1.0)
    common = common_variance * of_unit[:, None] * of_unit
    # Sherman and Morrison: the diagonal is `variance` wherever `common` is not zero
    less = common / (variance * (variance + common_variance * of_unit.sum()))
    return GaussianPrior(jnp.asarray(mean) * in_use, jnp.diag(diagonal) + common, jnp.diag(1.0 / diagonal) - less)


def others_of(normal: GaussianPrior, units: int) -> GaussianPrior:
    """The normal of the coefficients after the first `units`, which are independent of those."""
    return GaussianPrior(normal.mean[units:], normal.covariance[units:, units:], normal.precision[units:, units:])


def log_sum_factor(values: jax.Array, kept: jax.Array, mean: Any, variance: Any, of_sum: float) -> jax.Array:
    """Log factor of a normal of the sum of the kept coefficients (c,), beside their independent normals.

    That normal is around the sum of the means and has the variance `of_sum`; the product with the independent normals
    is a normalised density.
    """
    residual = kept @ (values - mean)
    return 0.5 * jnp.log1p(kept @ jnp.asarray(variance) / of_sum) - 0.5 * residual**2 / of_sum


def with_sum(normal: GaussianPrior, of_sum: jax.Array, variance: float) -> GaussianPrior:
    """The normal times that of the sum of some coefficients, where `of_sum` (k,) is 1, around its own mean."""
    column = normal.covariance @ of_sum
    covariance = normal.covariance - jnp.outer(column, column) / (variance + of_sum @ column)
    return GaussianPrior(normal.mean, covariance, normal.precision + jnp.outer(of_sum, of_sum) / variance)
