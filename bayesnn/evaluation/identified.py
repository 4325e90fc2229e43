"""identified(fit): inference data of what the data identify, the default variables for ArviZ's pictures of chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.data.sequences import TABLE
from bayesnn.fitting import pointwise
from bayesnn.fitting.draws import function_value
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.function_values import spread_out
from bayesnn.fitting.inference_data import DRAW_DIMS, Group, build, groups_of, with_groups
from bayesnn.models.model import Model

Arrays = dict[str, Any]


@computing
def identified(fit: Fit, *, rows: int = 4) -> Any:
    """Inference data whose posterior has what the data identify instead of every weight.

    Weights have modes that mean nothing (units that change places or signs), and there may be thousands. What can be
    judged and shown are values of the function, the parameters of the likelihood, coefficients of the linear term, the
    intercept where there are no units beside it, random parts of the architecture, and scales of weights that all units
    share (not their means, whose signs change with those of the units). `az.summary`, `az.plot_trace`, `az.plot_rank`,
    `az.plot_forest`, `az.plot_ess` and so on are of use with these as they stand.

    Parameters
    ----------
    fit : Fit
    rows : int
        Training rows at which the function is given, spread evenly over the table, or over the range of a single input.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        All groups of `fit.idata`, with another posterior: `f` (chain, draw, row), in units of y, for classes and counts
        before the inverse link, `row` being the labels of the rows; and the sites named above; an axis of classes or
        outputs comes first. `linear` is in units of y per unit of the input. The group `prior`, if `add_groups` has
        made it, has the same sites without `f`.

    See Also
    --------
    summary : the table that a report states.
    diagnose : the verdict, from the function at up to 100 rows.
    add_groups : the groups for predictive and prior pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> list(identified(result)["posterior"].data_vars)
    ['f', 'sigma', 'sigma_beta']
    """
    checks.positive_integer("rows", rows)
    values, labels = _function_at(fit, rows)
    f = {"f": (values, (*DRAW_DIMS, "row", *fit.model.likelihood.output_dims)[: values.ndim])}
    groups = {"posterior": _group(fit, f | _arrays(fit, "posterior"), fit.idata["posterior"].attrs)}
    if "prior" in groups_of(fit.idata):
        groups["prior"] = _group(fit, _arrays(fit, "prior"), {})
    coords = fit.model.coordinates(fit.data.columns.inputs, fit.data.x.shape[1:]) | {"row": labels}
    return with_groups(fit.idata, build(groups, coords))


def _arrays(fit: Fit, group: str) -> Arrays:
    return {n: (v.to_numpy(), tuple(map(str, v.dims))) for n, v in identified_sites(fit, group).items()}


def _group(fit: Fit, arrays: Arrays, attrs: Any) -> Group:
    """A group of these values and axes, with the axis of outputs, if there is one, right after those of draws.

    ArviZ 1.3 stacks all variables of a table in the order in which the axes of the whole group come, but writes labels
    in the order of each variable: a group in which these orders differ gets wrong labels. So outputs come first in all.
    """
    values, dims = {}, {}
    for name, (array, names) in arrays.items():
        axis = next((names.index(d) for d in fit.model.likelihood.output_dims if d in names), 2)
        values[name] = np.moveaxis(array, axis, 2) if len(names) > 2 else array
        dims[name] = (*names[:2], *names[axis : axis + 1], *names[2:axis], *names[axis + 1 :])
    return Group(values, dims, attrs)


def identified_sites(fit: Fit, group: str = "posterior") -> Arrays:
    """Sites (chain, draw, ...) that do not depend on labels or signs of units, in an order to read them in."""
    model, posterior = fit.model, fit.idata[group]
    names = [*model.likelihood.dims, *architecture_sites(model), *_shared(model, fit.data.x.shape[1:])]
    found = {"linear": _per_unit(fit, posterior["linear"])} if "linear" in posterior else {}
    if not model.layers and "intercept" in posterior:
        found["intercept"] = posterior["intercept"]
    return found | {name: posterior[name] for name in names}


def architecture_sites(model: Model) -> list[str]:
    """Sites of the random parts of the architecture, if it has any."""
    return [] if model.architecture is None else list(model.architecture.sites())


def _per_unit(fit: Fit, linear: Any) -> Any:
    """Linear coefficients per unit of the input, for a target that was scaled in units of y."""
    scaling = fit.data.scaling
    x_scale = np.asarray(scaling.x_scale).reshape(-1, *(1,) * (linear.ndim - 3))
    return linear * np.asarray(scaling.y_scale) / x_scale


def _shared(model: Model, shape: tuple[int, ...]) -> list[str]:
    """Scales that all units share: at most a vector, and neither a weight nor a mean of weights."""
    table, terms = model.weight_specs(shape), model.terms(shape)
    dims = model.prior.dims(table, terms)
    others = {*table, *terms.weights(), "gamma", "mu_beta", "mu_gamma"}
    return [n for n, of in dims.items() if n not in others and len(of) < 2 and not any("unit" in dim for dim in of)]


def _function_at(fit: Fit, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The function (chain, draw, row, ...) at training rows, in units of y, and the labels of these rows.

    Where every step has a target, a row is taken at its last real step.
    """
    data, likelihood = fit.data, fit.model.likelihood
    f = pointwise.at_training_rows(fit.model, data, fit.sites(), _function)
    order = np.arange(len(data.y))
    if data.columns.kind == TABLE and data.x.shape[1] == 1:
        order = np.argsort(data.x[:, 0], kind="stable")
    rows = order[spread_out(len(order), count)]
    f = f[:, :, rows]
    if data.steps is not None:
        last = data.steps.shape[1] - 1 - np.argmax(data.steps[rows, ::-1], axis=1)
        f = f[:, :, np.arange(len(rows)), last]
    values = likelihood.identified(f, np.asarray(data.scaling.y_center), np.asarray(data.scaling.y_scale))
    return np.asarray(values), np.asarray(data.obs)[rows]


def _function(model: Model, sites: Any, x: Any, y: Any, offset: Any, weights: Any) -> Any:
    return model.likelihood.function_of(function_value(model, sites, x, offset))
