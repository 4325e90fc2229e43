"""Labels of exchangeable units: one order for every draw and chain, and the way back.

The posterior is the same under all m! relabelings. Sampling without a constraint and sorting the units of each draw
gives exactly the draws of the order-constrained posterior, for every sampler.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def order_units(values: np.ndarray, count: np.ndarray | None = None) -> np.ndarray:
    """Order of the units of each draw, from what they are sorted by: (chain, draw, unit) -> ranks to take.

    Where the number of units in use varies, the first `count` (chain, draw) are sorted and the idle ones stay last.
    """
    if count is not None:
        values = np.where(np.arange(values.shape[-1]) < count[..., None], values, np.inf)
    return np.argsort(values, axis=-1, kind="stable")


def permute(
    posterior: dict[str, np.ndarray], dims: dict[str, tuple[str, ...]], order: np.ndarray
) -> dict[str, np.ndarray]:
    """Every site with a unit axis, its units taken in the given order (chain, draw, unit)."""
    return {name: _take(values, dims[name], order) for name, values in posterior.items()}


def as_sampled(idata: Any) -> dict[str, np.ndarray]:
    """Posterior arrays with the labels that the sampler gave them.

    Parameters
    ----------
    idata : inference data of a fit

    Returns
    -------
    dict
        Every posterior site (chain, draw, ...), units in the order they had while sampling.

    See Also
    --------
    fit : draw from the posterior
    identified : what is worth looking at in pictures of chains

    Examples
    --------
    >>> import numpy as np
    >>> order = order_units(np.array([[[2.0, 0.5, 1.0]]]))
    >>> order_units(order)  # the order that undoes it
    array([[[2, 0, 1]]])
    """
    posterior = {name: values.to_numpy() for name, values in idata["posterior"].data_vars.items()}
    dims = {name: tuple(map(str, v.dims[2:])) for name, v in idata["posterior"].data_vars.items()}
    if "unit_order" not in idata["sample_stats"]:
        return posterior
    return permute(posterior, dims, order_units(idata["sample_stats"]["unit_order"].to_numpy()))


def _take(values: np.ndarray, dims: tuple[str, ...], order: np.ndarray) -> np.ndarray:
    for axis, dim in enumerate(dims, start=2):
        if dim == "unit":
            shape = [1] * values.ndim
            shape[:2], shape[axis] = order.shape[:2], order.shape[2]
            values = np.take_along_axis(values, order.reshape(shape), axis=axis)
    return values
