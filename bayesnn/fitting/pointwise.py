"""Log likelihoods of the training rows by draw: of every row where a fit keeps them, else their sums alone."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from bayesnn.data.dataset import Dataset
from bayesnn.fitting import draws
from bayesnn.fitting.by_length import over_rows
from bayesnn.fitting.inference_data import groups_of
from bayesnn.models.missing_values import SITE, fill_inputs, missing_inputs
from bayesnn.models.model import Model

STAT = "log_likelihood"  # the sample statistic that holds the sum over rows if single rows are not kept
SLICE_NUMBERS = 20_000_000  # doubles held at once if rows are not kept


def log_likelihood_by_row(model: Model, data: Dataset, posterior: dict[str, np.ndarray]) -> np.ndarray:
    """log p(y_i | draw) (chain, draw, n), in units of y, from sites on the scale the model sees."""
    return at_training_rows(model, data, posterior, _density) - log_volume(data)


def log_likelihood_total(
    model: Model, data: Dataset, posterior: dict[str, np.ndarray], at_once: int | None = None
) -> np.ndarray:
    """Log likelihood of all rows together, (chain, draw), in memory that does not grow with draws times rows.

    Of the draws `at_once` are evaluated together at most, if it is given.
    """
    return at_training_rows(model, data, posterior, _total, at_once) - log_volume(data).sum()


def stored_log_likelihood(idata: Any) -> Any:
    """The log likelihood of every row and draw that a fit keeps, a DataArray (chain, draw, obs).

    Raises
    ------
    ValueError
        If the fit was made with `log_likelihood=False`.
    """
    if not _has_rows(idata):
        raise ValueError(
            "the fit must hold the log likelihood of every row and draw, got one made with log_likelihood=False: "
            "fit with log_likelihood=True, or use cross_validate"
        )
    return idata["log_likelihood"]["y"]


def log_likelihood_by_draw(idata: Any) -> np.ndarray:
    """Log likelihood of all rows together, (chain, draw)."""
    if _has_rows(idata):
        return idata["log_likelihood"]["y"].to_numpy().sum(axis=-1)
    return idata["sample_stats"][STAT].to_numpy()


def log_predictive_by_chain(fit: Any) -> np.ndarray:
    """log of each chain's mean likelihood of every row, (chain, n)."""
    count = fit.idata["posterior"].sizes["draw"]
    if _has_rows(fit.idata):
        return logsumexp(fit.idata["log_likelihood"]["y"].to_numpy(), axis=1) - np.log(count)
    sites, total = fit.sites(), np.asarray(-np.inf)
    step = max(1, SLICE_NUMBERS // (len(next(iter(sites.values()))) * len(fit.data.y)))
    for start in range(0, count, step):
        part = {name: values[:, start : start + step] for name, values in sites.items()}
        total = np.logaddexp(total, logsumexp(log_likelihood_by_row(fit.model, fit.data, part), axis=1))
    return total - np.log(count)


def at_training_rows(
    model: Model, data: Dataset, posterior: dict[str, np.ndarray], quantity: Any, at_once: int | None = None
) -> np.ndarray:
    """A quantity of a draw and the training rows (x, y, offset, weights), (chain, draw, ...), scaled as for the model.

    Missing values of a series that are unknowns are those of each draw.
    """
    x, y = data.scaled()
    shape = next(iter(posterior.values())).shape[:2]
    flat = {name: v.reshape(-1, *v.shape[2:]) for name, v in posterior.items()}
    chosen = quantity
    if SITE in flat:
        flat[SITE] = data.series.transform.pointwise(flat[SITE])
        where = missing_inputs(data.series)

        def chosen(model: Model, sites: Any, x: jax.Array, *rest: Any) -> jax.Array:
            return quantity(model, sites, fill_inputs(x, sites[SITE], where, data.scaling), *rest)

    values = over_rows(chosen, model, flat, x, y, data.shift, data.weights, summed=quantity is _total, at_once=at_once)
    return values.reshape(*shape, *values.shape[1:])


def _density(*arguments: Any) -> jax.Array:
    return draws.log_density(*arguments)


def _total(*arguments: Any) -> jax.Array:
    return draws.log_density(*arguments).sum()


def log_volume(data: Dataset) -> np.ndarray:
    """log |Jacobian| of the target's scaling, (n,): what the log density of each row loses in units of y.

    A row counts as often as its case weight says, and for each of its targets.
    """
    each = data.scaling.log_jacobian * data.targets * (1.0 if data.weights is None else data.weights)
    return np.broadcast_to(each, len(data.y))


def _has_rows(idata: Any) -> bool:
    return "log_likelihood" in groups_of(idata)
