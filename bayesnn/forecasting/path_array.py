"""Sample paths as an array with dates: what forecasts return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesnn._internal.arrays import object_array, storable


def path_array(values: np.ndarray, after: Mapping[Any, Any], panel: bool) -> Any:
    """Paths (chain, draw, series, time) of series by name, whose next dates `after` gives, as an xarray.DataArray.

    A single series has no axis `unique_id`. Where the dates of a panel differ, `time` counts steps from 1 on and the
    coordinate `ds` (unique_id, time) has the dates.
    """
    import pandas as pd
    import xarray as xr

    chains, draws, _, steps = values.shape
    first = next(iter(after.values())).rename("time")
    coords: dict[str, Any] = {"chain": np.arange(chains), "draw": np.arange(draws)}
    if not panel:
        coords |= {"time": first, "unique_id": next(iter(after))}
        return xr.DataArray(values[:, :, 0], coords=coords, dims=("chain", "draw", "time"), name="y")
    coords |= {"unique_id": storable(object_array(list(after))), "time": first}
    if not all(index.equals(first) for index in after.values()):
        stacked = pd.DataFrame({name: list(index) for name, index in after.items()}).T.to_numpy()
        coords |= {"time": np.arange(1, steps + 1), "ds": (("unique_id", "time"), stacked)}
    return xr.DataArray(values, coords=coords, dims=("chain", "draw", "unique_id", "time"), name="y")
