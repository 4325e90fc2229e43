"""The rows of a model's data in the form that `fit` takes, so that a fit can be made again from some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnn._internal.arrays import object_array
from bayesnn.data.dataset import Dataset
from bayesnn.data.sequences import TABLE
from bayesnn.fitting.panels import LEVEL
from bayesnn.likelihoods import as_coordinate
from bayesnn.models.model import Model


@dataclass(frozen=True, eq=False)
class CodedRows:
    """All rows, coded once, so that every fold knows all categories and classes; sequences are not changed."""

    model: Model
    data: Dataset
    table: Any
    target: Any
    codes: np.ndarray | None
    classes: tuple[Any, ...]

    def take(self, rows: np.ndarray) -> tuple[Any, Any]:
        """Inputs and target of some rows, as `fit` takes them."""
        return self.table.iloc[rows] if self.data.columns.kind == TABLE else self.table[rows], self.target[rows]

    def extra(self, rows: np.ndarray) -> dict[str, Any]:
        """Case weights and offset of some rows, where there are any."""
        given = {"weights": self.data.weights, "offset": self.data.offset}
        return {name: values[rows] for name, values in given.items() if values is not None}


def coded_rows(model: Model, data: Dataset) -> CodedRows:
    """The rows of a model's data in the form that `fit` takes."""
    import pandas as pd

    table: Any = data.x
    if data.columns.kind == TABLE:
        table = pd.DataFrame(data.x, index=_index(model, data), columns=list(data.columns.inputs))
    if model.likelihood.kind != "class":
        return CodedRows(model, data, table, data.y, None, ())
    classes, codes = model.likelihood.classes, data.y.astype(int)  # type: ignore[attr-defined]
    by_row = codes if data.steps is None else None  # folds balance the classes of rows, not those of steps
    return CodedRows(model, data, table, as_coordinate(classes)[codes], by_row, classes)


def _index(model: Model, data: Dataset) -> Any:
    """Labels of the rows, after the series that they belong to if these have error variances of their own."""
    import pandas as pd

    if data.groups is None:
        return data.obs
    names = object_array(model.likelihood.series)[data.groups]  # type: ignore[attr-defined]
    return pd.MultiIndex.from_arrays([names, data.obs], names=[LEVEL, "obs"])
