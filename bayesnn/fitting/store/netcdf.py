"""The inference data of a finished run as NetCDF, for any program that reads it.

If h5netcdf or netCDF4 is installed (the former comes with ArviZ 0.x), it is one file, `inference.nc`, for
`arviz.from_netcdf`. Otherwise it is one file per group, `inference.posterior.nc` and so on, in the classic format that
xarray writes with SciPy, which is always installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn.fitting.inference_data import groups_of, together
from bayesnn.fitting.store.files import TEMPORARY
from bayesnn.fitting.store.format import NETCDF

ENGINES = {"h5netcdf": "h5netcdf", "netCDF4": "netcdf4"}


def write_netcdf(folder: Any, idata: Any) -> None:
    """Write the groups of the inference data; files that exist are replaced."""
    folder = Path(folder)
    groups = {name: plain(data) for name, data in groups_of(idata).items()}
    engines = [engine for module, engine in ENGINES.items() if importlib.util.find_spec(module) is not None]
    if not engines:
        for name, data in groups.items():
            with _complete(folder / f"{NETCDF}.{name}.nc") as file:
                data.to_netcdf(file, engine="scipy", format="NETCDF3_64BIT")
        return
    with _complete(folder / f"{NETCDF}.nc") as file:
        together(groups).to_netcdf(file, engine=engines[0])


@contextlib.contextmanager
def _complete(path: Path) -> Iterator[str]:
    """The name of a temporary file, which replaces `path` once it is written."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        yield str(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def plain(data: Any) -> Any:
    """The data with labels that NetCDF has no type for as text, and booleans as 0 and 1."""
    objects = {n: (c.dims, np.array([str(v) for v in c.to_numpy()])) for n, c in data.coords.items() if _mixed(c)}
    truths = {name: v.astype(np.int8) for name, v in data.data_vars.items() if v.dtype == bool}
    return data.assign_coords(objects).assign(truths)


def _mixed(values: Any) -> bool:
    return values.dtype.kind not in "iufUSmM"
