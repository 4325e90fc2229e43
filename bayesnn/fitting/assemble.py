"""From recorded draws to the inference data of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn.data.dataset import Dataset
from bayesnn.fitting import pointwise
from bayesnn.fitting.inference_data import DRAW_DIMS, Group, build
from bayesnn.fitting.relabel import order_units, permute
from bayesnn.models.missing_values import DIM, SITE, missing_labels
from bayesnn.models.model import Model
from bayesnn.samplers import STAT_DIMS


def to_series_units(data: Dataset, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Recorded values with the missing observations of a series, if it has any, in its own units."""
    return values | ({SITE: data.series.transform.inverse(values[SITE])} if SITE in values else {})


def assemble_inference_data(model: Model, data: Dataset, values: dict[str, np.ndarray], attrs: dict[str, Any]) -> Any:
    """Inference data from recorded draws on the scale the model sees; values named "stat ..." are sample statistics."""
    dims = model.dims(data.x.shape[1:]) | ({SITE: (DIM,)} if SITE in values else {})
    stats = {name.removeprefix("stat "): v for name, v in values.items() if name.startswith("stat ")}
    posterior = {name: values[name] for name in dims}
    if model.prior.sort_by is not None:
        site, column = model.prior.sort_by
        stats["unit_order"] = order_units(posterior[site][..., column], posterior.get("M"))
        posterior = permute(posterior, dims, stats["unit_order"])
    rows = {}
    if attrs.get("log_likelihood", 1):
        rows = {
            "log_likelihood": Group(
                {"y": pointwise.log_likelihood_by_row(model, data, posterior)}, {"y": (*DRAW_DIMS, "obs")}
            )
        }
    else:
        stats[pointwise.STAT] = pointwise.log_likelihood_total(model, data, posterior)
    nuisance = model.likelihood.nuisance_of(posterior)
    posterior |= model.likelihood.rescale(nuisance, np.asarray(data.scaling.y_scale))
    of_stats = STAT_DIMS | {"unit_order": ("unit",)}
    stat_dims = {name: DRAW_DIMS + of_stats.get(name, ()) for name in stats}
    time = ("time",) if model.per_step(data.x.shape[1:]) else ()
    outputs = model.likelihood.output_dims if data.y.ndim > 1 + len(time) else ()
    scaling = {"x": data.x, "x_center": np.array(data.scaling.x_center), "x_scale": np.array(data.scaling.x_scale)}
    of_row = {n: v for n, v in (("weights", data.weights), ("offset", data.offset)) if v is not None}
    groups = {
        "posterior": Group(posterior, {name: DRAW_DIMS + d for name, d in dims.items()}, attrs),
        "sample_stats": Group(stats, stat_dims, attrs),
        **rows,
        "observed_data": Group({"y": data.y}, {"y": ("obs", *time, *outputs)}),
        "constant_data": Group(
            scaling | {"y_center": np.array(data.scaling.y_center), "y_scale": np.array(data.scaling.y_scale)} | of_row,
            {"x": data.dims, "x_center": ("predictor",), "x_scale": ("predictor",)}
            | {"y_center": np.ndim(data.scaling.y_center) * outputs, "y_scale": np.ndim(data.scaling.y_scale) * outputs}
            | {name: ("obs",) for name in of_row},
        ),
    }
    coords = model.coordinates(data.columns.inputs, data.x.shape[1:]) | {
        "obs": data.obs,
        "step": np.arange(data.columns.steps),
        "time": np.arange(data.y.shape[1] if time else 0),
    }
    return build(groups, coords | ({DIM: missing_labels(data.series)} if SITE in dims else {}))
