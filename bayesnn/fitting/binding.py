"""Model and data brought together: the one place where what a user passes to `fit` is checked and coded."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any

import numpy as np

from bayesnn._internal import checks, memory
from bayesnn._internal.numbers import resolution_of
from bayesnn._internal.weights import CONSTANT, Shape
from bayesnn.data.columns import check_target_apart, code, is_frame, learn_columns, row_count, same_index
from bayesnn.data.dataset import Dataset, case_weights, make_dataset, new_offset, target_name, used_rows
from bayesnn.data.formulas.read import by_formula
from bayesnn.data.series.lagged import as_rows
from bayesnn.data.texts import naming_the_longest
from bayesnn.fitting.autoregression import on_one_scale, with_lags
from bayesnn.fitting.panels import with_series
from bayesnn.fitting.targets import NO_CLASS, encode, output_steps, real_values
from bayesnn.likelihoods import Heteroskedastic, Likelihood
from bayesnn.models.missing_values import check_series, observed_rows
from bayesnn.models.model import Model
from bayesnn.samplers import has_own_sweep


def bind(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    standardize: bool = True,
    weights: Any = None,
    offset: Any = None,
    table: Any = None,
    missing: str = "error",
) -> tuple[Model, Dataset]:
    """The model that has seen the target (its classes, its outputs), and the rows as checked numbers.

    x may be a formula and `table` its data.
    """
    x, y, weights, offset, formula = by_formula(x, y, weights, offset, table, missing)
    x, y, series = as_rows(x, y)
    if series is not None:
        check_series(model, series, offset, weights)
        x, y = observed_rows(series)
    same_index(x=x, y=y, weights=weights, offset=offset)
    check_target_apart(x, y)
    shift = None if offset is None else new_offset(offset, row_count(x))
    cases = None if weights is None else case_weights(weights, row_count(x))
    used = used_rows(cases)
    columns = learn_columns(x, model.network.reads, used)
    columns = columns if formula is None else replace(columns, formula=formula)
    coded = code(columns, x, used)
    steps = output_steps(model, columns, x, coded)
    likelihood = _bound(model.likelihood, real_values(y, steps), cases, shift, steps)
    if shift is not None:
        _check_offset(likelihood, standardize)
    data = make_dataset(
        x,
        _encoded(likelihood, y, steps, used),
        standardize=standardize,
        scale_target=likelihood.standardizes,
        weights=cases,
        offset=shift,
        columns=columns,
        coded=coded,
        steps=steps,
        resolution=_resolution(y),
    )
    data = replace(data, target=target_name(y))
    bound = replace(model, likelihood=likelihood, padded=True)
    if series is not None:
        data = replace(data, series=series, obs=series.obs[series.y.notna().to_numpy()])
        bound = with_lags(bind_lags(bound, len(series.lags)), series, data)
    bound, data = with_series(bound, on_one_scale(bound, data), x)
    with naming_the_longest(x, columns.words):
        _check(bound, data.x.shape[1:])
    _check_constant(bound, columns.inputs, data.x.shape[1:])
    return bound, data


def _check_constant(model: Model, inputs: tuple[str, ...], shape: Shape) -> None:
    """Refuse an input that is called like the constant beside which its weights are listed."""
    if CONSTANT in inputs and any({"input", "input_"} & set(dims) for dims in model.dims(shape).values()):
        raise ValueError(
            f"x must have no input called {CONSTANT!r}, as the constant of the units is called in the posterior: "
            "rename it, or leave it out if it is one"
        )


def _check_offset(likelihood: Likelihood, standardize: bool) -> None:
    """Refuse an offset where it would change nothing, or shift more than the mean."""
    if likelihood.kind == "class" and likelihood.outputs:
        raise ValueError("offset must not be given for Categorical: the same shift of every class changes nothing")
    if isinstance(likelihood, Heteroskedastic):
        raise ValueError(
            "offset must not be given for Heteroskedastic, whose errors it would shift too: subtract it from y"
        )
    if likelihood.standardizes and likelihood.outputs and standardize:
        raise ValueError(
            "offset must not be given for several outputs that are standardised, each by its own scale: subtract it "
            "from y, or fit with standardize=False"
        )


def _bound(
    likelihood: Likelihood, y: Any, weights: np.ndarray | None, offset: np.ndarray | None, steps: np.ndarray | None
) -> Likelihood:
    """The likelihood that has learnt from the target, each row counted as often as its case weight says.

    Where steps have targets, y has a row for each of these, and so have weights and offset then.
    """
    counts = None if steps is None else steps.sum(axis=1)
    shift, each = (v if v is None or counts is None else np.repeat(v, counts) for v in (offset, weights))
    if each is None:
        return likelihood.bind(y, shift)
    checks.rows(len(each), row_count(y))
    used = np.flatnonzero(each)
    return likelihood.bind(_taken(y, used), None if shift is None else shift[used], each[used])


def _encoded(likelihood: Likelihood, y: Any, steps: np.ndarray | None, used: np.ndarray | None) -> np.ndarray:
    """The target as numbers; a class that occurs only in rows of case weight zero has no code, and gets -1 there."""
    if used is None or likelihood.kind != "class" or steps is not None:
        return encode(likelihood, y, steps)
    try:
        return likelihood.encode(y)
    except ValueError:
        codes = np.full(len(used), NO_CLASS)
        codes[used] = likelihood.encode(_taken(y, np.flatnonzero(used)))
        for row in np.flatnonzero(~used):
            with contextlib.suppress(ValueError):
                codes[row] = likelihood.encode(_taken(y, np.array([row])))[0]
        return codes


def _taken(y: Any, rows: np.ndarray) -> Any:
    """Some rows of a target, in the form in which it was given."""
    if hasattr(y, "iloc"):
        return y.iloc[rows]
    return y[rows] if isinstance(y, np.ndarray) else [y[i] for i in rows]


def _resolution(y: Any) -> float:
    """Relative resolution of the numbers in which a target was given."""
    if is_frame(y) and hasattr(y, "dtypes"):
        return max(map(resolution_of, y.dtypes), default=0.0)
    return resolution_of(getattr(y, "dtype", np.dtype(float)))


def _check(model: Model, shape: Shape) -> None:
    """Refuse data that the layers or what is random in them cannot serve."""
    count = sum(math.prod(weight.shape) for weight in model.weight_specs(shape).values())
    memory.check_memory(f"{count} weights take", 8 * count, "use fewer units, or a smaller vocabulary")
    model.terms(shape)
    if model.architecture is None:
        return
    model.architecture.check(shape[0])
    if not has_own_sweep(model):
        raise ValueError("a random architecture needs a likelihood that a Gibbs sweep for shallow networks serves")


def bind_lags(model: Model, count: int) -> Model:
    """The model with the number of lag columns of its data filled in, if its lag order is random."""
    if model.architecture is None or model.architecture.lags is None:
        return model
    return replace(model, architecture=replace(model.architecture, lags=count))
