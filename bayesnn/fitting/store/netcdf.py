"""The inference data of a finished run as NetCDF, for any program that reads it.

If h5netcdf or netCDF4 is installed (the former comes with ArviZ 0.x), it is one file, `inference.nc`, for
`arviz.from_netcdf`. Otherwise it is one file per group, `inference.posterior.nc` and so on, in the classic format that
xarray writes with SciPy, which is always installed.

Files are made in memory and then written as bytes: where the disk is full, HDF5 loses errors in destructors, and then
brings the process down.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn.fitting.inference_data import groups_of
from bayesnn.fitting.store import files
from bayesnn.fitting.store.format import NETCDF

ENGINES = {"h5netcdf": "h5netcdf", "netCDF4": "netcdf4"}


def write_netcdf(folder: Any, idata: Any) -> None:
    """Write the groups.

    Raises
    ------
    OSError
        If the disk refuses; the draws of the run are complete all the same.
    """
    folder = Path(folder)
    groups = {name: plain(data) for name, data in groups_of(idata).items()}
    for name, content in _contents(groups):
        try:
            with files.replacing(folder / name) as file:
                file.write(content)
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot write {name} of the run in {folder}: {error.strerror}. The draws are complete: make room, and "
                "call fit again with the same arguments to write it, or read them by bnn.open_run",
            ) from error


def _contents(groups: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and bytes of the files: one, or one per group where no library writes all of them to memory."""
    import xarray as xr

    tree: Any = xr.DataTree.from_dict(groups)
    for module, engine in ENGINES.items():
        if importlib.util.find_spec(module) is not None:
            try:
                content = tree.to_netcdf(None, engine=engine)
            except (AttributeError, TypeError, ValueError):  # an xarray that makes such files on the disk only
                continue
            if content is not None:
                yield f"{NETCDF}.nc", content
                return
    for name, data in groups.items():
        yield f"{NETCDF}.{name}.nc", data.to_netcdf(None, engine="scipy", format="NETCDF3_64BIT")


def plain(data: Any) -> Any:
    """The data with labels that NetCDF has no type for as text, and booleans as 0 and 1."""
    objects = {n: (c.dims, np.array([str(v) for v in c.to_numpy()])) for n, c in data.coords.items() if _mixed(c)}
    truths = {name: v.astype(np.int8) for name, v in data.data_vars.items() if v.dtype == bool}
    return data.assign_coords(objects).assign(truths)


def _mixed(values: Any) -> bool:
    return values.dtype.kind not in "iufUSmM"
