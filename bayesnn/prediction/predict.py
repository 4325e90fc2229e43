"""Predictions of a fit at new rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.data.columns import row_labels, same_index
from bayesnn.data.dataset import new_offset, with_codes
from bayesnn.fitting.by_length import over_rows
from bayesnn.fitting.draws import expectation, function_value, probabilities
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.panels import series_codes
from bayesnn.fitting.targets import output_steps, without_padding
from bayesnn.likelihoods import Likelihood, as_coordinate
from bayesnn.prediction.to_frame import to_frame

KINDS = ("mean", "response", "probability")


@computing
def predict(
    fit: Fit,
    x: Any,
    *,
    kind: str = "mean",
    offset: Any = None,
    key: Any = 0,
    summary: bool = False,
    levels: Sequence[float] = (80, 95),
) -> Any:
    """Draws of the prediction at new rows x (n, p), in units of y.

    Parameters
    ----------
    fit : Fit
    x : array or pandas.DataFrame, shape (n, p)
        The columns of the fit, or of its formula; those of a DataFrame are taken by their names. Or sequences
        (n, time, d), token ids (n, time) or a list of texts, of any length unless a layer has weights for each step.
    kind : {"mean", "response", "probability"}
        "mean": E[y | x, theta] of each posterior draw. "response": one simulated y per draw, errors included; classes
        as codes, in the order of `fit.model.likelihood.classes`. "probability": of each class, for each posterior draw;
        the predictive probability is its average over draws.
    offset : array (n,) or float, optional
        For a fit with an offset, that of the new rows (0 for a unit of exposure); one in a formula is found in x.
    key : int or jax.Array
        Seed of the simulated errors.
    summary : bool
        Whether to return the table that `bnn.to_frame` makes of the draws, with the index of x.
    levels : sequence of float
        Central intervals of that table, in per cent.

    Returns
    -------
    xarray.DataArray, or pandas.DataFrame with `summary`
        (chain, draw, obs), with another axis `output` for several outputs and `class` for probabilities; `obs` has the
        labels of a DataFrame's rows. (chain, draw, obs, time, ...) if every step has an output: padded steps are
        NaN, or -1 among codes of classes.

    Raises
    ------
    ValueError
        If the columns are not those of the fit, a category is new, a value is missing, or the kind does not suit y.

    See Also
    --------
    evaluate : scores on new rows
    decompose : parameter and noise parts of uncertainty
    to_frame : any result as a table

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> predict(result, [[0.0], [0.5]]).shape
    (2, 50, 2)
    >>> list(predict(result, [[0.0], [0.5]], kind="response", summary=True, levels=[90]).columns)
    ['mean', 'sd', 'median', 'lo-90', 'hi-90']
    """
    import xarray as xr

    checks.known("kind", kind, KINDS)
    likelihood = fit.model.likelihood
    _check_kind(likelihood, kind)
    sites = fit.draws()
    inputs = fit.inputs(x)
    steps = output_steps(fit.model, fit.data.columns, x)
    shift = shift_for(fit, offset, x, len(inputs))
    if kind == "response":
        values = simulate(fit, sites, over_rows(function_value, fit.model, sites, inputs, shift), key)
    else:
        values = over_rows(probabilities if kind == "probability" else expectation, fit.model, sites, inputs, shift)
    if likelihood.standardizes:
        values = fit.data.scaling.inverse(values)
    if steps is not None:
        values = without_padding(values, steps)
    posterior = fit.idata["posterior"].sizes
    chains, draws = posterior["chain"], posterior["draw"]
    coords = {"chain": np.arange(chains), "draw": np.arange(draws), "obs": row_labels(x, values.shape[1])}
    if steps is not None:
        coords["time"] = np.arange(steps.shape[1])
    if kind == "probability":
        coords["class"] = as_coordinate(likelihood.classes)  # type: ignore[attr-defined]
    elif values.ndim > len(coords) - 1:
        coords[likelihood.output_dim] = as_coordinate(likelihood.output_labels)
    values = values.reshape(chains, draws, *values.shape[1:])
    found = xr.DataArray(values, coords=coords, dims=tuple(coords), name="y", attrs={"kind": kind})
    return table_of(found, x, levels) if summary else found


def table_of(prediction: Any, x: Any, levels: Sequence[float]) -> Any:
    """The summary of a prediction; with the very index of the table x if there is one row for each of its rows."""
    frame = to_frame(prediction, levels=levels)
    if hasattr(x, "iloc") and prediction.ndim == 3:
        frame.index = x.index
    return frame


def shift_for(fit: Fit, offset: Any, x: Any, count: int) -> np.ndarray | None:
    """The offset of new rows on the scale the model sees, with the numbers of their series if the model needs these."""
    shift = fit.data.scaling.shift(offset_for(fit, offset, x, count))
    return with_codes(shift, series_codes(fit.model.likelihood, x, count))


def offset_for(fit: Fit, offset: Any, x: Any, count: int) -> np.ndarray | None:
    """The offset of new rows x; it is required if the fit had one, unless a formula has it, and refused otherwise."""
    formula = fit.data.columns.formula
    if offset is None and formula is not None and formula.offsets:
        return new_offset(formula.offset(x), count)
    if (offset is None) != (fit.data.offset is None):
        said = "needs one here too (0 for a unit of exposure)" if offset is None else "had none"
        raise ValueError(f"offset must be given as it was to the fit, which {said}")
    same_index(x=x, offset=offset)
    return new_offset(offset, count)


def _check_kind(likelihood: Likelihood, kind: str) -> None:
    if kind == "probability" and likelihood.kind != "class":
        raise ValueError(
            f'kind="probability" is for classes, got {type(likelihood).__name__}: use kind="mean" or kind="response"'
        )
    if kind == "mean" and likelihood.kind == "class":
        raise ValueError('kind="mean" is for numbers, and this fit has classes: use kind="probability"')


def per_draw(fit: Fit, sites: dict[str, np.ndarray], f: np.ndarray) -> dict[str, np.ndarray]:
    """Nuisance parameters (s, 1, ...) that go with function values (s, n, ...) or (s, n, time, ...)."""
    rows = np.ndim(fit.model.likelihood.function_of(f)) - 1 - len(fit.model.likelihood.outputs)
    nuisance = fit.model.likelihood.nuisance_of(sites)
    return {name: v.reshape(len(f), *(1,) * rows, *v.shape[1:]) for name, v in nuisance.items()}


def simulate(fit: Fit, sites: dict[str, np.ndarray], f: np.ndarray, key: Any) -> np.ndarray:
    """One y for each function value (s, n, ...) of these draws, on the scale the model sees."""
    nuisance = per_draw(fit, sites, f)
    seed = as_key(key)
    return np.asarray(fit.model.likelihood.distribution(f, **nuisance).sample(seed))
