"""Fits of a series' own past: the prior of an autoregression, and lags on the scale of the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesnn.data.dataset import Dataset
from bayesnn.data.series.lagged import Lagged
from bayesnn.models.model import Model
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.autoregression import LARGEST_ROOT, for_lags, random_walk_moments, scales_of


def with_lags(model: Model, series: Lagged, data: Dataset) -> Model:
    """The model with the prior of an autoregression, where it has a linear term and the prior that knows one.

    That is a `shallow(..., linear=True)` or "random" whose likelihood has one location on the scale of the series.

    Raises
    ------
    ValueError
        If the model comes from a fit with other lags.
    """
    prior, likelihood = model.prior, model.likelihood
    if not isinstance(prior, MuellerRiosInsua) or not prior.autoregression or not model.linear:
        return model
    if not likelihood.standardizes or likelihood.outputs:
        return model
    if prior.region is not None and prior.region.lags != series.lags:
        raise ValueError(
            f"the model must not come from a fit with other lags, {prior.region.lags}, since its prior is "
            f"made for them, got data with lags {series.lags}: give the model that was given to that fit"
        )
    if prior.region is not None:
        return model
    differenced = bool(series.transform.differences)
    mean, variance = random_walk_moments(series.lags, series.period, differenced)
    scales = scales_of(data.x, data.y, mean)
    if scales.changes == 1.0:
        mean = np.zeros_like(mean)
    root = 1.0 if differenced else LARGEST_ROOT
    return replace(model, prior=for_lags(prior, series.lags, mean, variance, scales, root))


def is_confined(model: Model) -> bool:
    """Whether the prior of the linear term has more than independent normals: a region, or the sum of the lags."""
    return isinstance(model.prior, MuellerRiosInsua) and model.linear and model.prior.region is not None


def on_one_scale(model: Model, data: Dataset) -> Dataset:
    """The data with lags scaled like the target, so that a coefficient is that of the series, if the prior needs it."""
    region = model.prior.region if isinstance(model.prior, MuellerRiosInsua) else None
    if region is None:
        return data
    count, scaling = len(region.lags), data.scaling
    scale = (float(scaling.y_scale),) * count + tuple(scaling.x_scale[count:])  # type: ignore[arg-type]
    return replace(data, scaling=replace(scaling, x_scale=scale))
