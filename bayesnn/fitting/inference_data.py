"""Building ArviZ's inference data: the one place that knows InferenceData (ArviZ 0.x) from DataTree (1.x).

ArviZ is imported when first needed, since importing it takes longer than everything else here together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal.arrays import storable

DRAW_DIMS = ("chain", "draw")  # the first axes of everything that is recorded
OF_THE_PRIOR = frozenset(("prior", "prior_predictive"))  # groups whose chains and draws are not the posterior's


class Group(NamedTuple):
    """Arrays of one group, and the names of their axes; draws start with (chain, draw)."""

    values: Mapping[str, np.ndarray]
    dims: Mapping[str, tuple[str, ...]]
    attrs: Mapping[str, Any] = {}


def build(groups: Mapping[str, Group], coords: Mapping[str, Any]) -> Any:
    """Inference data with these groups; coordinates go where their dimension is."""
    import xarray as xr

    return together({name: _dataset(group, coords, xr) for name, group in groups.items()})


def take_chains(idata: Any, chains: list[int]) -> Any:
    """These chains of every group, numbered anew; the attribute `chains_kept` says which they were."""
    datasets = groups_of(idata)
    for name, data in datasets.items():
        if "chain" in data.dims and name not in OF_THE_PRIOR:
            data = data.isel(chain=chains).assign_coords(chain=np.arange(len(chains)))
            before = np.atleast_1d(data.attrs.get("chains_kept", np.arange(max(chains) + 1)))
            datasets[name] = data.assign_attrs(chains_kept=before[chains])
    return together(datasets)


def take_draws(idata: Any, rows: np.ndarray) -> Any:
    """These draws of each chain, rows (chain, kept), of every group, numbered anew."""
    import xarray as xr

    datasets, chains = groups_of(idata), np.arange(len(rows))[:, None]
    for name, data in datasets.items():
        if "draw" in data.dims and name not in OF_THE_PRIOR:
            arrays = {
                n: (v.dims, v.to_numpy()[chains, rows] if "draw" in v.dims else v.to_numpy())
                for n, v in data.data_vars.items()
            }
            others = {dim: values for dim, values in data.coords.items() if dim != "draw"}
            datasets[name] = xr.Dataset(arrays, others | {"draw": np.arange(rows.shape[1])}, data.attrs)
    return together(datasets)


def append_draws(idata: Any, more: Any) -> Any:
    """The draws of `more` after those of `idata`, numbered on, with the attributes of `more`; all else from `idata`.

    Groups with draws that `more` does not have, such as predictions, are left out, those of the prior kept.
    """
    import xarray as xr

    new = groups_of(more)
    datasets = {
        name: data
        for name, data in groups_of(idata).items()
        if name in new or name in OF_THE_PRIOR or "draw" not in data.dims
    }
    for name, data in datasets.items():
        if name in new and "draw" in data.dims:
            joined = xr.concat([data, new[name]], dim="draw", data_vars="minimal", coords="minimal", join="override")
            joined = joined.assign_coords(draw=np.arange(joined.sizes["draw"]))
            datasets[name] = joined.assign_attrs(new[name].attrs)
    return together(datasets)


def map_chains(idata: Any, function: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Every array of chains (chain, ...) made into one of more or fewer chains, numbered anew."""
    import xarray as xr

    datasets = groups_of(idata)
    for name, data in datasets.items():
        if "chain" in data.dims:
            arrays = {n: (v.dims, function(v.to_numpy())) for n, v in data.data_vars.items()}
            count = len(next(iter(arrays.values()))[1])
            others = {dim: values for dim, values in data.coords.items() if dim != "chain"}
            datasets[name] = xr.Dataset(arrays, others | {"chain": np.arange(count)}, data.attrs)
    return together(datasets)


def with_groups(idata: Any, more: Any) -> Any:
    """Inference data with the groups of `more` too, which replace those of the same name."""
    return together(groups_of(idata) | groups_of(more))


def groups_of(idata: Any) -> dict[str, Any]:
    """The groups as xarray datasets."""
    if hasattr(idata, "children"):
        return {name: idata[name].to_dataset() for name in idata.children}
    return {name: idata[name] for name in idata.groups()}


def together(datasets: dict[str, Any]) -> Any:
    """Groups as this ArviZ keeps them."""
    import arviz as az
    import xarray as xr

    return xr.DataTree.from_dict(datasets) if int(az.__version__.split(".")[0]) >= 1 else az.InferenceData(**datasets)


def _dataset(group: Group, coords: Mapping[str, Any], xr: Any) -> Any:
    used = {dim for name in group.values for dim in group.dims[name]}
    return xr.Dataset(
        {
            name: (group.dims[name], group.values[name])
            for name in in_order_of_axes({n: group.dims[n] for n in group.values})
        },
        coords={dim: _kept(values) for dim, values in _with_draws(group, coords).items() if dim in used},
        attrs=dict(group.attrs),
    )


def in_order_of_axes(dims: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Names of variables in an order by which axes appear first in the order that each variable has them.

    ArviZ 1.3 lists variables as if all had their axes in one order, that of first appearance, and its summaries bear
    other values' labels where that is not so. The order given is kept where it can be, and where none will do.

    Examples
    --------
    >>> in_order_of_axes({"beta": ("unit", "class"), "linear": ("predictor", "class"), "gamma": ("unit", "input")})
    ['gamma', 'linear', 'beta']
    """
    left, axes = list(dims), list[str]()
    ordered: list[str] = []
    while left:
        for name in left:
            after = axes + [dim for dim in dims[name] if dim not in axes]
            if all([d for d in after if d in own] == list(own[: len(set(own) & set(after))]) for own in dims.values()):
                break
        else:
            return ordered + left
        ordered, axes = [*ordered, name], after
        left.remove(name)
    return ordered


def _kept(labels: Any) -> Any:
    """Labels as any file format keeps them: classes that are dates or tuples, say, as text."""
    return storable(labels) if isinstance(labels, np.ndarray) and labels.dtype == object else labels


def _with_draws(group: Group, coords: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {
        dim: values.shape[axis]
        for name, values in group.values.items()
        for axis, dim in enumerate(group.dims[name])
        if dim in ("chain", "draw")
    }
    return dict(coords) | {dim: np.arange(size) for dim, size in sizes.items()}


def loo_pointwise(data: Any, efficiency: float) -> tuple[np.ndarray, np.ndarray]:
    """ArviZ's PSIS-LOO of the variable `y`: values (n,) and k-hats (n,); high k-hats are the caller's to report."""
    import arviz as az

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about high k-hats
        result = az.loo(data, pointwise=True, var_name="y", reff=efficiency)
    values = result.elpd_i if int(az.__version__.split(".")[0]) >= 1 else result.loo_i
    return values.to_numpy(), result.pareto_k.to_numpy()
