"""Scores of rows that are held out of the sampling, for every draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bayesnn.likelihoods import class_probabilities
from bayesnn.models.model import Model
from bayesnn.models.readout import shifted
from bayesnn.samplers.base import Observe
from bayesnn.samplers.density import Data, take_rows


@dataclass(frozen=True)
class ObserveHeld:
    """Records what `observe` records, and scores of the held-out rows.

    The data are the arguments of the model, as many as `arguments`, then the numbers of the rows to sample from, and
    of those held out.
    """

    observe: Observe
    model: Model
    arguments: int

    def __call__(self, key: jax.Array, state: Any, data: Data) -> dict[str, jax.Array]:
        """Reported sites, statistics and scores of one state of a chain."""
        found = self.observe(key, state, data)
        return found | scores(self.model, found, take_rows(data[: self.arguments], data[-1]))


def scores(model: Model, sites: dict[str, Any], data: Data) -> dict[str, jax.Array]:
    """Mean log density per held-out row, on the scale the model sees; for classes also the accuracy.

    A row counts as often as its case weight says. With targets per step, a row's log density is the sum over its real
    steps, and the accuracy is the share of these steps.
    """
    x, y, offset, weights = (*data, None, None)[:4]
    weights = None if weights is None else jnp.where(jnp.any(weights > 0), weights, 1.0)
    f = shifted(model.function(sites, x), offset)
    each = model.distribution(f, x, model.likelihood.nuisance_of(sites)).log_prob(y)
    found = {"stat held_out_log_density": jnp.average(each, weights=weights)}
    if model.likelihood.kind == "class":
        f, y, shares = model.flatten_steps(x, f, y, weights)
        likeliest = class_probabilities(f, model.likelihood.outputs).argmax(axis=-1)
        found["stat held_out_accuracy"] = jnp.average(likeliest == y, weights=shares)
    return found
