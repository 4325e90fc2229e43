"""Model and data brought together: the one place where what a user passes to `fit` is checked and coded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayesnn._internal.weights import Shape
from bayesnn.data.dataset import Dataset, code, learn_columns, make_dataset, new_offset, same_index
from bayesnn.data.series.lagged import as_rows
from bayesnn.fitting.targets import encode, output_steps, real_values
from bayesnn.models.missing_values import check_series, observed_rows
from bayesnn.models.model import Model, bind_lags
from bayesnn.samplers import collapses


def bind(
    model: Model, x: Any, y: Any = None, *, standardize: bool = True, weights: Any = None, offset: Any = None
) -> tuple[Model, Dataset]:
    """The model that has seen the target (its classes, its outputs), and the rows as checked numbers."""
    x, y, series = as_rows(x, y)
    if series is not None:
        check_series(model, series, offset, weights)
        x, y = observed_rows(series)
    same_index(x, y)
    shift = None if offset is None else new_offset(offset, len(x))
    columns = learn_columns(x, model.network.reads)
    coded = code(columns, x)
    steps = output_steps(model, columns, x, coded)
    likelihood = model.likelihood.bind(real_values(y, steps), shift)
    if shift is not None and likelihood.standardizes and standardize:
        raise ValueError("offset must not be given for a target that is standardised: subtract it from y instead")
    if shift is not None and likelihood.kind == "class" and likelihood.outputs:
        raise ValueError("offset must not be given for Categorical: the same shift of every class changes nothing")
    data = make_dataset(
        x,
        encode(likelihood, y, steps),
        standardize=standardize,
        scale_target=likelihood.standardizes,
        weights=weights,
        offset=shift,
        columns=columns,
        coded=coded,
        steps=steps,
    )
    bound = replace(model, likelihood=likelihood)
    if series is not None:
        data = replace(data, series=series, obs=series.obs[series.y.notna().to_numpy()])
        bound = bind_lags(bound, len(series.lags))
    _check(bound, data.x.shape[1:])
    return bound, data


def _check(model: Model, shape: Shape) -> None:
    """Refuse data that the layers or what is random in them cannot serve."""
    model.weight_specs(shape)
    model.terms(shape)
    if model.architecture is None:
        return
    model.architecture.check(shape[0])
    if not collapses(model):
        raise ValueError("a random architecture needs a likelihood of one output: fit one output at a time")
