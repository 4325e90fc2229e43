"""Rows of a panel whose series have error variances of their own: which series each row belongs to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesnn.data.dataset import Dataset
from bayesnn.likelihoods import Likelihood, PanelGaussian
from bayesnn.models.model import Model

LEVEL = "unique_id"


def names_of(x: Any) -> list[Any] | None:
    """The series (n,) of the rows of a table, as the level `unique_id` of its index says; None without that level."""
    index = getattr(x, "index", None)
    if LEVEL not in (getattr(index, "names", None) or ()):
        return None
    return index.get_level_values(LEVEL).tolist()  # type: ignore[union-attr]


def series_codes(likelihood: Likelihood, x: Any, count: int) -> np.ndarray | None:
    """Numbers (n,) of the series of rows, where the likelihood needs them; those without names are of a new series."""
    return likelihood.codes(names_of(x), count) if isinstance(likelihood, PanelGaussian) else None


def check_named(likelihood: Likelihood, x: Any) -> None:
    """Refuse rows whose errors are those of a series that they do not name."""
    if likelihood.by_series and names_of(x) is None:
        raise ValueError(
            f"x must say which series each row belongs to, for {type(likelihood).__name__}, as an index with the level "
            f"{LEVEL!r}: give bnn.lagged(panel, lags), or such a table; for one series use Gaussian()"
        )


def with_series(model: Model, data: Dataset, x: Any) -> tuple[Model, Dataset]:
    """The model that knows the series of its rows, and the data with their numbers, where the likelihood needs them."""
    check_named(model.likelihood, x)
    model = knowing_series(model, x)
    return model, replace(data, groups=series_codes(model.likelihood, x, len(data.y)))


def knowing_series(model: Model, x: Any) -> Model:
    """The model with the series of these rows, if it needs series and has none yet."""
    likelihood, names = model.likelihood, names_of(x)
    if not isinstance(likelihood, PanelGaussian) or likelihood.series or names is None:
        return model
    return replace(model, likelihood=replace(likelihood, series=tuple(dict.fromkeys(names))))
