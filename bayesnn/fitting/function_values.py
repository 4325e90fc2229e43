"""The function at some rows of the training data: what chains are judged by, while they run and afterwards."""

from __future__ import annotations

import numpy as np

from bayesnn.data.dataset import Dataset
from bayesnn.fitting.draws import function_value, over_draws
from bayesnn.models.model import Model

POINTS = 100  # rows of the training data at which the function is judged


def spread_out(count: int, most: int) -> np.ndarray:
    """At most `most` numbers from 0 to count - 1, evenly spread, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))


def function_values(
    model: Model, data: Dataset, sites: dict[str, np.ndarray], at_once: int | None = None
) -> np.ndarray:
    """The function at up to POINTS training rows, (chain, draw, point), in units of y.

    `sites` are draws (chain, draw, ...) on the scale the model sees. Of these `at_once` are evaluated together, if it
    is given: a number that divides all counts of draws means one compiled program for all.
    """
    x, _ = data.scaled()
    rows = spread_out(len(x), POINTS)
    chains, draws = next(iter(sites.values())).shape[:2]
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in sites.items()}
    f = over_draws(function_value, model, flat, x[rows], at_once=at_once)
    if data.steps is not None:  # as many real steps, spread over these rows
        places = np.argwhere(data.steps[rows])
        places = places[spread_out(len(places), POINTS)]
        f = f[:, places[:, 0], places[:, 1]]
    values = model.likelihood.identified(f, np.asarray(data.scaling.y_center), np.asarray(data.scaling.y_scale))
    return np.asarray(values).reshape(chains, draws, -1)
