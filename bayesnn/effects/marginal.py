"""Average marginal effects and contrasts: how much y changes with an input, in units of y, per posterior draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesnn._internal.runtime import computing
from bayesnn.effects.expected import expected, slopes
from bayesnn.effects.table import Rows, categories_of, check_value, chosen, is_indicator, rows_to_average
from bayesnn.fitting.fit import Fit


@computing
def average_marginal_effects(fit: Fit, inputs: Any = None, *, rows: Any = None, offset: Any = None) -> Any:
    """Average over rows of the effect of each input on E[y | x, theta], or on P(each class), per posterior draw.

    A numeric input: the derivative, by automatic differentiation, in units of y per unit of the input. An input of
    zeros and ones: the contrast of 1 with 0. A categorical one: the contrast of each category with its first.

    Parameters
    ----------
    fit : Fit
    inputs : str or sequence of str, optional
        All inputs by default.
    rows : table (n, p), optional
        Rows to average over; the training rows by default.
    offset : array (n,) or float, optional
        Offset of these rows, for a fit with one.

    Returns
    -------
    xarray.DataArray
        (chain, draw, input[, class or output]); contrasts are labelled such as "smoker[yes - no]". `to_frame` makes a
        table of means and intervals of it.

    Raises
    ------
    ValueError
        If every input has only one category, so that no effect is left. Beside other inputs such ones are left out.

    References
    ----------
    V. Arel-Bundock, N. Greifer and A. Heiss (2024), How to interpret statistical models using marginaleffects for R
    and Python, Journal of Statistical Software 111(9).

    See Also
    --------
    contrast : the effect of a given change
    partial_dependence : the mean along one input

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.random.default_rng(0).normal(size=(20, 2))
    >>> result = fit(shallow(1, linear=True), x, x[:, 0] ** 2, draws=50, warmup=50, chains=2, progress=False)
    >>> average_marginal_effects(result).sizes["input"]
    2
    """
    import xarray as xr

    base = rows_to_average(fit, rows, offset)
    effects: dict[str, Any] = {}
    for name in chosen(fit, inputs):
        categories = categories_of(fit, name)
        if categories is None and not is_indicator(fit, name):
            effects[name] = _slope(fit, base, name)
            continue
        first, *others = (0, 1) if categories is None else categories
        reference = _mean_at(fit, base, {name: first})
        for other in others:
            effects[f"{name}[{other} - {first}]"] = _mean_at(fit, base, {name: other}) - reference
    if not effects:
        raise ValueError(
            f"inputs has no effects: {list(chosen(fit, inputs))} have one category each, so nothing changes"
        )
    joined = xr.concat(list(effects.values()), dim="input").transpose("chain", "draw", "input", ...)
    attrs = {"units": "units of y, for a numeric input per unit of the input"}
    return joined.assign_coords(input=list(effects)).rename("effect").assign_attrs(attrs)


@computing
def contrast(fit: Fit, changes: Mapping[str, tuple[Any, Any]], *, rows: Any = None, offset: Any = None) -> Any:
    """Average over rows of E[y | x with b, theta] - E[y | x with a, theta], inputs changed together from a to b.

    Parameters
    ----------
    fit : Fit
    changes : mapping
        From the name of an input to its two values (a, b), such as `{"age": (30, 40), "smoker": ("no", "yes")}`.
    rows : table (n, p), optional
        Rows to average over; the training rows by default.
    offset : array (n,) or float, optional
        Offset of these rows, for a fit with one.

    Returns
    -------
    xarray.DataArray
        (chain, draw[, class or output]), in units of y or as a difference of probabilities.

    See Also
    --------
    average_marginal_effects : average slopes
    partial_dependence : the mean along one input

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.random.default_rng(0).normal(size=(20, 2))
    >>> result = fit(shallow(1, linear=True), x, x[:, 0] ** 2, draws=50, warmup=50, chains=2, progress=False)
    >>> contrast(result, {"x0": (0.0, 1.0)}).dims
    ('chain', 'draw')
    """
    if not isinstance(changes, Mapping) or not changes:
        raise ValueError(f"changes must map names of inputs to pairs such as {{'x0': (0, 1)}}, got {changes!r}")
    for name in chosen(fit, tuple(changes)):
        pair = changes[name]
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise ValueError(f"changes of {name!r} must be a pair of values (from, to), got {pair!r}")
        check_value(fit, name, tuple(pair))
    base = rows_to_average(fit, rows, offset)
    before, after = ({name: pair[i] for name, pair in changes.items()} for i in (0, 1))
    difference = _mean_at(fit, base, after) - _mean_at(fit, base, before)
    return difference.rename("contrast").assign_attrs(changes=str(dict(changes)))


def _mean_at(fit: Fit, rows: Rows, values: Mapping[str, Any]) -> Any:
    return rows.mean(expected(fit, rows.with_values(**values)))


def _slope(fit: Fit, rows: Rows, name: str) -> Any:
    like = expected(fit, rows.take(np.array([0]))).isel(obs=0, drop=True)
    values = slopes(fit, rows, fit.data.columns.inputs.index(name))
    return like.copy(data=values.mean(axis=2) if rows.weights is None else np.average(values, 2, rows.weights))
