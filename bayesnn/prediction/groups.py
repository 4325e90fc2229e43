"""add_groups(fit): the groups of inference data that ArviZ's predictive and prior pictures ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.fitting import pointwise
from bayesnn.fitting.draws import function_value
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.inference_data import DRAW_DIMS, OF_THE_PRIOR, Group, build, with_groups
from bayesnn.fitting.relabel import order_units, permute
from bayesnn.fitting.targets import at_steps
from bayesnn.models.missing_values import SITE
from bayesnn.prediction.predict import predict, simulate
from bayesnn.prediction.prior_predictive import draw_prior
from bayesnn.samplers.fixed_layers import fixed_layers

GROUPS = ("posterior_predictive", "prior", "prior_predictive", "predictions")


@computing
def add_groups(
    fit: Fit,
    groups: Sequence[str] | None = None,
    *,
    x: Any = None,
    offset: Any = None,
    draws: int = 500,
    key: Any = 0,
) -> Fit:
    """The fit with further groups in its inference data, so that every picture of ArviZ has what it asks for.

    Parameters
    ----------
    fit : Fit
    groups : sequence of str, optional
        Of "posterior_predictive" (one simulated y for each draw and training row), "prior" (every site of the
        posterior), "prior_predictive" (y at the training rows) and "predictions" (y at new rows x). By default all of
        them, "predictions" if x is given.
    x, offset : optional
        New rows, as for `predict`.
    draws : int
        Draws from the prior.
    key : int or jax.Array
        Seed of what is simulated.

    Returns
    -------
    Fit
        The same draws; a group that was there is replaced. `sigma` and y are in units of y, as in the other groups, for
        a series after its transform; all other sites are on the scale the model sees. Units of the prior are sorted as
        those of the posterior are. The fit that was given is not changed.

    Raises
    ------
    ValueError
        If a group is unknown, "predictions" has no x, or the prior is asked of a fit whose inputs or layers it does not
        know: one with missing values as unknowns, or with fixed layers; or of one whose prior is confined to a region,
        as that of a lagged series with a linear term is.

    See Also
    --------
    identified : inference data of what the data identify, for ArviZ's summaries and pictures of chains.
    prior_predictive : the prior of a model before it is fitted.
    predict : the draws at new rows alone.

    Notes
    -----
    `extend` drops the groups that depend on draws of the posterior, since they would lack the new ones.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> more = add_groups(result, ["posterior_predictive"])
    >>> more.idata["posterior_predictive"]["y"].shape  # now az.plot_ppc(more.idata) works
    (2, 50, 20)
    """
    chosen = _chosen(fit, groups, x)
    checks.positive_integer("draws", draws)
    seeds = dict(zip(GROUPS, jax.random.split(as_key(key), len(GROUPS)), strict=True))
    made: dict[str, Group] = {}
    if "posterior_predictive" in chosen:
        values = _labelled_steps(fit, _posterior_predictive(fit, seeds["posterior_predictive"]))
        made["posterior_predictive"] = Group({"y": values}, {"y": _target_dims(fit)})
    if OF_THE_PRIOR & set(chosen):
        both = _prior(fit, draws, seeds["prior"])
        made |= {name: group for name, group in both.items() if name in chosen}
    data = fit.data
    coords = fit.model.coordinates(data.columns.inputs, data.x.shape[1:]) | {"obs": data.obs}
    steps = 0 if data.steps is None else data.steps.shape[1]
    idata = with_groups(fit.idata, build(made, coords | {"time": np.arange(steps)}))
    if "predictions" in chosen:
        found = predict(fit, x, kind="response", offset=offset, key=seeds["predictions"])
        group = Group({"y": found.to_numpy()}, {"y": tuple(map(str, found.dims))})
        labels = {dim: values.to_numpy() for dim, values in found.coords.items()}
        idata = with_groups(idata, build({"predictions": group}, labels))
    return replace(fit, idata=idata)


def _chosen(fit: Fit, groups: Sequence[str] | None, x: Any) -> tuple[str, ...]:
    """The groups that are wanted, checked."""
    chosen: tuple[str, ...]
    if groups is None:
        chosen = GROUPS if x is not None else GROUPS[:-1]
    else:
        chosen = (groups,) if isinstance(groups, str) else tuple(groups)
    for name in chosen:
        checks.known("groups", name, GROUPS)
    if "predictions" in chosen and x is None:
        raise ValueError('groups has "predictions", which need new rows: give x too')
    if OF_THE_PRIOR & set(chosen):
        why = None
        if SITE in fit.idata["posterior"]:
            why = "this fit has missing values as unknowns, so that its inputs are not known before y"
        elif fixed_layers(fit.model):
            why = "this fit has layers fixed at values that were found with y"
        if why is not None:
            raise ValueError(f'groups cannot have "prior" or "prior_predictive": {why}; ask for the others by name')
    return chosen


def _posterior_predictive(fit: Fit, key: jax.Array) -> np.ndarray:
    """Simulated targets of the training rows (chain, draw, n, ...), in units of y."""
    f = pointwise.at_training_rows(fit.model, fit.data, fit.sites(), _function)
    flat = simulate(fit, fit.draws(), f.reshape(-1, *f.shape[2:]), key)
    return _in_units(fit, flat).reshape(f.shape[:2] + flat.shape[1:])


def _function(model: Any, sites: Any, x: Any, y: Any, offset: Any, weights: Any) -> Any:
    return function_value(model, sites, x, offset)


def _prior(fit: Fit, draws: int, key: jax.Array) -> dict[str, Group]:
    """Sites and targets of the prior, one chain, with the labels and units that the posterior has."""
    model, data = fit.model, fit.data
    dims = model.dims(data.x.shape[1:])
    values = draw_prior(model, key, draws, (*dims, "y"), data.scaled()[0], data.shift)
    y = _labelled_steps(fit, _in_units(fit, values.pop("y")))
    if model.prior.sort_by is not None:
        site, column = model.prior.sort_by
        values = permute(values, dims, order_units(values[site][..., column], values.get("M")))
    nuisance = model.likelihood.nuisance_of(values)
    values |= model.likelihood.rescale(nuisance, np.asarray(data.scaling.y_scale))
    return {
        "prior": Group(values, {name: DRAW_DIMS + of for name, of in dims.items()}),
        "prior_predictive": Group({"y": y}, {"y": _target_dims(fit)}),
    }


def _in_units(fit: Fit, y: np.ndarray) -> np.ndarray:
    return fit.data.scaling.inverse(y) if fit.model.likelihood.standardizes else y


def _labelled_steps(fit: Fit, y: np.ndarray) -> np.ndarray:
    """Targets (chain, draw, n, ...), those of padded steps as the observed ones have them."""
    steps = fit.data.steps
    if steps is None:
        return y
    return np.stack([[at_steps(one[steps], steps) for one in chain] for chain in y])


def _target_dims(fit: Fit) -> tuple[str, ...]:
    """Axes of simulated targets: those of the observed ones after the axes of draws."""
    return DRAW_DIMS + tuple(map(str, fit.idata["observed_data"]["y"].dims))
