"""Scores of rows that are held out of the sampling, for every draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

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
    """Mean log density per held-out row, on the scale the model sees; for classes also the accuracy."""
    x, y, *rest = data
    f = shifted(model.function(sites, x), rest[0] if rest else None)
    nuisance = model.likelihood.nuisance_of(sites)
    found = {"stat held_out_log_density": model.likelihood.distribution(f, **nuisance).log_prob(y).mean()}
    if model.likelihood.kind == "class":
        likeliest = class_probabilities(f, model.likelihood.outputs).argmax(axis=-1)
        found["stat held_out_accuracy"] = (likeliest == y).mean()
    return found
