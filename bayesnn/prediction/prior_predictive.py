"""What a model believes before it sees y."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpyro.infer import Predictive

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, as_precision, computing
from bayesnn.data.columns import code, learn_columns, resolutions, row_labels
from bayesnn.data.dataset import check_finite, input_scaling, with_codes
from bayesnn.data.formulas.read import by_formula
from bayesnn.data.sequences import DIMS
from bayesnn.fitting.autoregression import is_confined
from bayesnn.fitting.inference_data import DRAW_DIMS, Group, build
from bayesnn.fitting.panels import knowing_series, series_codes
from bayesnn.models.model import Model


@computing
def prior_predictive(
    model: Model, x: Any, *, data: Any = None, draws: int = 500, key: Any = 0, standardize: bool = True
) -> Any:
    """Draws of every site, of the function values and of y from the prior.

    Parameters
    ----------
    model : Model
    x : array or pandas.DataFrame, shape (n, p), sequences (n, time, d) or token ids (n, time)
        Or a formula such as "y ~ a + b" for `data`.
    data : pandas.DataFrame, optional
        The table of a formula.
    draws : int
    key : int or jax.Array
    standardize : bool
        Whether the inputs are standardised, as `fit` does. Without a target y's own scale is unknown: `f` and `y` are
        on the scale of the model, on which a standardised y has variance one.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        Groups `prior` (every site, and f) and `prior_predictive` (y), one chain.

    See Also
    --------
    add_groups : predictive and prior groups for ArviZ
    Model : any layers, likelihood and prior

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.layers import Dense
    >>> from bayesnn.priors import Normal
    >>> prior_predictive(Model([Dense(3)], prior=Normal()), np.ones((7, 2)), draws=5)["prior"]["f"].shape
    (1, 5, 7)
    """
    checks.positive_integer("draws", draws)
    x, _, _, offset, _ = by_formula(x, None, None, None, data, "error")
    if offset is not None and model.likelihood.standardizes:
        raise ValueError("formula must have no offset, since the scale of the model is not that of y: leave it out")
    model = knowing_series(model, x)
    columns = learn_columns(x, model.network.reads)
    coded = code(columns, x)
    check_finite("x", columns, coded)
    inputs = input_scaling(columns, coded, standardize, resolution=resolutions(columns, x)).inputs(coded)
    seed = as_key(key)
    outputs = model.likelihood.output_dims
    time = ("time",) if model.per_step(coded.shape[1:]) else ()
    dims = model.dims(coded.shape[1:]) | {"f": ("obs", *time, *outputs)}
    shift = with_codes(None if offset is None else offset.to_numpy(), series_codes(model.likelihood, x, len(coded)))
    values = draw_prior(model, seed, draws, (*dims, "y"), inputs, shift)
    groups = {
        "prior": Group({n: values[n] for n in dims}, {n: DRAW_DIMS + d for n, d in dims.items()}),
        "prior_predictive": Group({"y": values["y"]}, {"y": (*DRAW_DIMS, "obs", *time, *outputs)[: values["y"].ndim]}),
        "constant_data": Group({"x": coded}, {"x": DIMS[columns.kind]}),
    }
    return build(groups, model.coordinates(columns.inputs, coded.shape[1:]) | {"obs": row_labels(x, len(coded))})


def draw_prior(
    model: Model, key: jax.Array, draws: int, sites: Sequence[str], x: np.ndarray, offset: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Draws (1, draws, ...) of these sites from the prior, y at rows x among them, on the scale the model sees.

    Raises
    ------
    ValueError
        For a prior confined to a region: sample statements give independent normals, whatever factor stands beside.
    """
    if is_confined(model):
        raise ValueError(
            "the prior of a lagged series with a linear term cannot be drawn from, since it is confined to maps that "
            'do not run away: ask add_groups for "posterior_predictive" and "predictions" by name, or give the model '
            "hyper=bnn.ShallowHyperparameters(autoregression=False)"
        )
    values = _drawn(model, draws, tuple(sites), key, *as_precision((x, None, offset)))
    return {name: np.asarray(v)[None] for name, v in values.items()}


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _drawn(model: Model, draws: int, sites: tuple[str, ...], key: jax.Array, *arrays: Any) -> dict[str, jax.Array]:
    """The draws in one program, which is kept for the next call."""
    found: dict[str, jax.Array] = Predictive(model, num_samples=draws, return_sites=list(sites))(key, *arrays)
    return found
