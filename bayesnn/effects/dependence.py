"""Partial dependence and individual conditional expectation: the prediction as one or two inputs vary."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.effects.expected import expected
from bayesnn.effects.table import chosen, grid_of, rows_to_average
from bayesnn.fitting.fit import Fit

GRID_DIMS = ("grid", "grid2")


@computing
def partial_dependence(
    fit: Fit, inputs: Any, *, grid: Any = None, rows: Any = None, offset: Any = None, points: int = 30
) -> Any:
    """Average prediction over rows as one or two inputs are set to each value of a grid, per posterior draw.

    PD(v) = (1/n) sum_i E[y | x_i with the inputs set to v, theta]. Where inputs depend on each other, the average
    includes combinations that do not occur in the data; `individual_curves` and the rows shown in the plots tell how
    many. For a classifier the prediction is the probability of each class.

    Parameters
    ----------
    fit : Fit
    inputs : str or pair of str
        Names of one or two columns of the table as given to `fit` (categorical ones too); x0, x1, ... for arrays.
    grid : array, or mapping from name to array, optional
        Values to set. Default: `points` equal steps over the training range, or every category.
    rows : table (n, p), optional
        Rows to average over; the training rows by default.
    offset : array (n,) or float, optional
        Offset of these rows, for a fit with one.
    points : int
        Steps of a default grid, for two inputs on each axis.

    Returns
    -------
    xarray.DataArray
        (chain, draw, grid), then grid2, class or output where there are such, in units of y or probabilities; the
        values set are the coordinates, the names of the inputs the attribute `inputs`.

    References
    ----------
    J. Friedman (2001), Greedy function approximation, Annals of Statistics 29, 1189-1232, equation (53).

    See Also
    --------
    individual_curves : the same for single rows
    average_marginal_effects : average slopes

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.random.default_rng(0).normal(size=(20, 2))
    >>> result = fit(shallow(1, linear=True), x, x[:, 0] ** 2, draws=50, warmup=50, chains=2, progress=False)
    >>> partial_dependence(result, "x0", grid=[-1.0, 0.0, 1.0]).shape
    (2, 50, 3)
    """
    import xarray as xr

    names, grids = _grids(fit, inputs, grid, points)
    base = rows_to_average(fit, rows, offset)
    cells = [
        base.mean(expected(fit, base.with_values(**dict(zip(names, cell, strict=True)))))
        for cell in itertools.product(*grids)
    ]
    flat = xr.concat(cells, dim="cell").transpose("chain", "draw", "cell", ...)
    dims = GRID_DIMS[: len(names)]
    shape = (*flat.shape[:2], *(len(values) for values in grids), *flat.shape[3:])
    coords = {dim: flat[dim].to_numpy() for dim in flat.dims if dim != "cell"} | dict(zip(dims, grids, strict=True))
    values = flat.to_numpy().reshape(shape)
    attrs = {"kind": cells[0].attrs["kind"], "inputs": list(names)}
    return xr.DataArray(values, coords, ("chain", "draw", *dims, *flat.dims[3:]), name="y", attrs=attrs)


@computing
def individual_curves(
    fit: Fit,
    input: str,
    *,
    grid: Any = None,
    rows: Any = None,
    count: int = 30,
    points: int = 30,
    offset: Any = None,
) -> Any:
    """Prediction of single rows as one input is set to each value of a grid, per posterior draw.

    Curves that are not parallel show an interaction that the average, `partial_dependence`, hides.

    Parameters
    ----------
    fit : Fit
    input : str
    grid : array, optional
        As in `partial_dependence`.
    rows : table (n, p), optional
        Rows to draw a curve for. Default: `count` training rows, evenly spaced in their order along the input.
    offset : array (n,) or float, optional
        Offset of these rows, for a fit with one.
    count, points : int
        Number of default rows, and steps of a default grid.

    Returns
    -------
    xarray.DataArray
        (chain, draw, obs, grid[, class or output]); the row's own value of the input is the coordinate `own` of `obs`.

    References
    ----------
    A. Goldstein, A. Kapelner, J. Bleich and E. Pitkin (2015), Peeking inside the black box, Journal of Computational
    and Graphical Statistics 24, 44-65.

    See Also
    --------
    partial_dependence : the mean along one input
    contrast : the effect of a given change

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.random.default_rng(0).normal(size=(20, 2))
    >>> result = fit(shallow(1, linear=True), x, x[:, 0] ** 2, draws=50, warmup=50, chains=2, progress=False)
    >>> individual_curves(result, "x0", count=5, points=3).shape
    (2, 50, 5, 3)
    """
    import xarray as xr

    (name,), (values,) = _grids(fit, _one(input), grid, points)
    base = rows_to_average(fit, rows, offset)
    if rows is None:
        base = base.take(_spread(base.table[name].to_numpy(), checks.positive_integer("count", count)))
    parts = [expected(fit, base.with_values(**{name: value})) for value in values]
    curves = xr.concat(parts, dim="grid").transpose("chain", "draw", "obs", "grid", ...)
    attrs = {"kind": parts[0].attrs["kind"], "inputs": [name]}
    return curves.assign_coords(grid=values, own=("obs", base.table[name].to_numpy())).assign_attrs(attrs)


def _one(input: Any) -> str:
    if not isinstance(input, str):
        raise ValueError(f"input must be the name of one column, got {input!r}")
    return input


def _grids(fit: Fit, inputs: Any, grid: Any, points: int) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Names of the inputs that vary and the values of each."""
    checks.positive_integer("points", points, minimum=2)
    names = chosen(fit, inputs) if inputs is not None else ()
    if not 1 <= len(names) <= len(GRID_DIMS):
        raise ValueError(f"inputs must name one or two columns, got {inputs!r}")
    if isinstance(grid, Mapping):
        for name in grid:
            checks.known("input in grid", name, names)
    elif grid is not None and len(names) > 1:
        raise ValueError("grid must be a mapping from name to values where there are two inputs")
    values = grid if isinstance(grid, Mapping) else {names[0]: grid}
    return names, [grid_of(fit, name, values.get(name), points) for name in names]


def _spread(column: np.ndarray, count: int) -> np.ndarray:
    """Positions of at most `count` rows, evenly spaced in their order along the column."""
    try:
        order = np.argsort(column, kind="stable")
    except TypeError:  # categories of several kinds have no order
        order = np.arange(len(column))
    picks = np.linspace(0, len(column) - 1, min(count, len(column)))
    return order[np.unique(np.round(picks).astype(int))]
