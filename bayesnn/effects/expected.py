"""E[y | x, theta], or class probabilities, of each draw; and its derivatives by the inputs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn.effects.table import Rows
from bayesnn.fitting.draws import expectation, over_draws, probabilities
from bayesnn.fitting.fit import Fit
from bayesnn.models.model import Model
from bayesnn.prediction.predict import predict, shift_for
from bayesnn.priors import Sites


def expected(fit: Fit, rows: Rows) -> Any:
    """Draws (chain, draw, obs[, class or output]) of the mean of y, or of class probabilities for a classifier."""
    kind = "probability" if fit.model.likelihood.kind == "class" else "mean"
    return predict(fit, rows.table, kind=kind, offset=rows.offset)


def slopes(fit: Fit, rows: Rows, position: int) -> np.ndarray:
    """Derivative of `expected` in coded input `position` at each row: (chain, draw, obs[, class or output])."""
    inputs = fit.inputs(rows.table)
    tangent = np.zeros(inputs.shape[1])
    tangent[position] = 1.0 / fit.data.scaling.x_scale[position]
    shift = shift_for(fit, rows.offset, rows.table, len(inputs))
    values = over_draws(_directional, fit.model, fit.draws(), inputs, tangent, shift)
    if fit.model.likelihood.standardizes:
        values = values * np.asarray(fit.data.scaling.y_scale)
    sizes = fit.idata["posterior"].sizes
    return values.reshape(sizes["chain"], sizes["draw"], *values.shape[1:])


def _directional(
    model: Model, sites: Sites, x: jax.Array, tangent: jax.Array, offset: jax.Array | None = None
) -> jax.Array:
    """Derivative of E[y | x, one draw], or of P(each class), at each row x (n, p) along the tangent (p,)."""
    quantity = probabilities if model.likelihood.kind == "class" else expectation
    along = jnp.broadcast_to(tangent, x.shape)
    return jax.jvp(lambda rows: quantity(model, sites, rows, offset), (x,), (along,))[1]
