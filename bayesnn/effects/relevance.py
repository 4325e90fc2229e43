"""How much a fit depends on each input: permutation, derivatives, or the scales of an automatic relevance prior."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.data.dataset import used_rows
from bayesnn.data.scales import center_and_scale
from bayesnn.data.sequences import TOKENS
from bayesnn.effects.expected import slopes
from bayesnn.effects.occlusion import occlusion
from bayesnn.effects.table import Rows, coded_places, rows_to_average
from bayesnn.evaluation.scores import ScoredRows, scored_rows
from bayesnn.fitting.draws import expectation, log_density, over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.likelihoods import as_coordinate

METHODS = ("permutation", "sensitivity", "ard", "occlusion")
SCORES = ("log_density", "predictive", "rmse")


@computing
def relevance(
    fit: Fit,
    x: Any = None,
    y: Any = None,
    *,
    method: str | None = None,
    score: str = "log_density",
    repeats: int = 10,
    offset: Any = None,
    key: Any = 0,
) -> Any:
    """Relevance of each input with its posterior uncertainty.

    Parameters
    ----------
    fit : Fit
    x, y : table (n, p) and target, optional
        Rows to score; the training rows by default. Held-out rows measure the value of the inputs for
        prediction, training rows how much the fit uses them. For a model that reads token ids, x holds the texts, or
        their ids.
    method : {"permutation", "sensitivity", "ard", "occlusion"}
        Default: "occlusion" for a model that reads token ids, "permutation" for all others.
        "permutation": how much worse each draw's score gets when the input's column is shuffled; the indicators
        of a categorical input are shuffled together. "sensitivity": root mean square over rows of the derivative, times
        the sd of the input, in units of y or as a probability; numeric inputs only. "ard": the scale of the weights
        that leave each coded input, under a prior that learns one per input (MuellerRiosInsua, Hierarchical).
        "occlusion", for token ids only: prediction with each token of each text minus that without it, where the other
        tokens move up; as a probability of each class, or in units of y. `bnn.plots.text` colours a text by it.
    score : {"log_density", "predictive", "rmse"}
        For permutation. "log_density": drop of the average log density (or log probability) of a row given the draw,
        in nats; draws with small error sd drop most. "predictive": the same of the posterior predictive, which
        averages over draws first, so that only the permutations vary. "rmse": rise of the rmse of the draw's mean, in
        units of y.
    repeats : int
        Shuffles of each input.
    offset : array (n,) or float, optional
        Offset of given rows, for a fit with one.
    key : int or jax.Array
        Seed of the shuffles.

    Returns
    -------
    xarray.DataArray
        (chain, draw, input); for permutation (chain, draw, permutation, input), or (permutation, input) of the
        predictive; for sensitivity with a last axis class or output if there are several; for occlusion (chain, draw,
        obs, step), perhaps with such an axis, NaN at padded steps, and a coordinate `token` (obs, step). `to_frame`
        makes a table of it, over draws and permutations.

    References
    ----------
    L. Breiman (2001), Random forests, Machine Learning 45, 5-32, section 10; R. Neal (1996), Bayesian Learning for
    Neural Networks, section 1.2.3, for the scales of automatic relevance determination; J. Li, W. Monroe and
    D. Jurafsky (2016), Understanding neural networks through representation erasure, arXiv:1612.08220, equation (1).

    See Also
    --------
    partial_dependence : the mean along one input
    average_marginal_effects : average slopes

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.random.default_rng(0).normal(size=(20, 2))
    >>> result = fit(shallow(1, linear=True), x, x[:, 0] ** 2, draws=50, warmup=50, chains=2, progress=False)
    >>> relevance(result, repeats=3).sizes["permutation"]
    3
    """
    reads_tokens = fit.data.columns.kind == TOKENS
    method = ("occlusion" if reads_tokens else "permutation") if method is None else method
    checks.known("method", method, METHODS)
    if reads_tokens != (method == "occlusion"):
        raise ValueError(
            'method="occlusion" is for models that read token ids, and the others are for inputs of a table or for '
            f"features of sequences; this fit reads {'token ids' if reads_tokens else 'numbers'}"
        )
    if method == "occlusion":
        if x is None:
            raise ValueError("relevance of tokens needs texts, or their ids: give x")
        return occlusion(fit, x, offset)
    if y is None and x is not None and method == "permutation":
        raise ValueError("x and y go together: pass both to score other rows, none for the training rows")
    if method == "permutation":
        checks.known("score", score, SCORES)
        if score == "rmse" and fit.model.likelihood.kind == "class":
            raise ValueError('score="rmse" is for numbers, and this fit has classes: use "log_density" or "predictive"')
        rows = _training(fit) if x is None else scored_rows(fit, x, y, offset=offset)
        return _permutation(fit, rows, score, checks.positive_integer("repeats", repeats), key)
    return _sensitivity(fit, rows_to_average(fit, x, offset)) if method == "sensitivity" else _ard(fit)


def _training(fit: Fit) -> ScoredRows:
    rows = ScoredRows(*fit.data.scaled(), fit.data.shift, fit.data.weights)
    used = used_rows(fit.data.weights)  # those of weight zero are not to be shuffled into the others
    if used is None or fit.data.weights is None:
        return rows
    offset = None if rows.offset is None else rows.offset[used]
    return ScoredRows(rows.inputs[used], rows.target[used], offset, fit.data.weights[used])


def _permutation(fit: Fit, rows: ScoredRows, score: str, repeats: int, key: Any) -> Any:
    """Rise in loss (chain, draw, permutation, input)."""
    random = np.random.default_rng(np.asarray(jax.random.key_data(as_key(key))))
    names = fit.data.columns.names
    base = _losses(fit, rows, score)
    rises = []
    for _ in range(repeats):
        order = random.permutation(len(rows.target))
        rises.append([_losses(fit, _shuffled(fit, rows, name, order), score) - base for name in names])
    values = np.moveaxis(np.asarray(rises), (0, 1), (-2, -1))
    units = "units of y" if score == "rmse" else "nats per row"
    attrs = {"method": "permutation", "score": score, "units": units}
    dims = ("permutation", "input")
    if score == "predictive":
        return _labelled(values, dims, {"permutation": np.arange(repeats), "input": list(names)}, attrs)
    return _array(fit, values, dims, list(names), attrs)


def _shuffled(fit: Fit, rows: ScoredRows, name: str, order: np.ndarray) -> ScoredRows:
    """The rows with one input, all its indicators together, in another order; of sequences, a feature at all steps."""
    inputs = rows.inputs.copy()
    places = coded_places(fit.data.columns, name)
    if np.isnan(inputs).any():
        raise ValueError("relevance of features needs sequences of one length, got some with padding: cut them to one")
    inputs[..., places] = rows.inputs[order][..., places]
    return rows._replace(inputs=inputs)


def _losses(fit: Fit, rows: ScoredRows, score: str) -> np.ndarray:
    """Loss (chain x draw) of every draw, or () of the posterior predictive, averaged over rows."""
    if score != "rmse":
        values = over_draws(log_density, fit.model, fit.draws(), rows.inputs, rows.target, rows.offset)
        if score == "predictive":
            values = logsumexp(values, axis=0) - np.log(len(values))
        return -np.average(values, axis=-1, weights=rows.weights)
    errors = over_draws(expectation, fit.model, fit.draws(), rows.inputs, rows.offset) - rows.target
    squares = (errors * np.asarray(fit.data.scaling.y_scale)) ** 2
    return np.sqrt(np.average(squares.reshape(*squares.shape[:2], -1).sum(axis=2), axis=1, weights=rows.weights))


def _sensitivity(fit: Fit, rows: Rows) -> Any:
    """Root mean square slope times sd of the input (chain, draw, input[, class or output])."""
    columns = fit.data.columns
    names = [name for name, categories in zip(columns.names, columns.categories, strict=True) if categories is None]
    if not names:
        raise ValueError("sensitivity is for numeric inputs, and this fit has categorical ones only: use permutation")
    places = [columns.inputs.index(name) for name in names]
    spread = center_and_scale(fit.data.x, fit.data.weights)[1]
    roots = [
        np.sqrt(np.average(slopes(fit, rows, place) ** 2, axis=2, weights=rows.weights)) * spread[place]
        for place in places
    ]
    values = np.stack(roots, axis=2)
    classes = fit.model.likelihood.kind == "class"
    units = f"{'probability' if classes else 'units of y'} for one sd of the input"
    dims = ("input",) if values.ndim == 3 else ("input", "class" if classes else fit.model.likelihood.output_dim)
    return _array(fit, values, dims, names, {"method": "sensitivity", "units": units})


def _ard(fit: Fit) -> Any:
    """Scales of the weights that leave each coded input (chain, draw, input)."""
    fit.data.columns.check_table("relevance of inputs is")
    if fit.model.architecture is not None and fit.model.architecture.lags is not None:
        raise ValueError('method="ard" does not see which lags a draw leaves out: use method="permutation"')
    scales = fit.model.prior.input_scales(fit.draws(), fit.model.weight_specs(fit.data.x.shape[1:]))
    if scales is None:
        prior = type(fit.model.prior).__name__
        raise ValueError(f'{prior} learns no scale of its own for each input: use method="permutation"')
    units = "scale of the weights"
    return _array(fit, np.asarray(scales), ("input",), list(fit.data.columns.inputs), {"method": "ard", "units": units})


def _array(fit: Fit, values: np.ndarray, dims: tuple[str, ...], inputs: list[str], attrs: dict[str, str]) -> Any:
    """Values (chain x draw, ...) or (chain, draw, ...) with named axes."""
    sizes = fit.idata["posterior"].sizes
    named = ("chain", "draw", *dims)
    values = values.reshape(sizes["chain"], sizes["draw"], *values.shape[len(values.shape) - len(dims) :])
    coords: dict[str, Any] = {dim: np.arange(size) for dim, size in zip(named, values.shape, strict=True)}
    coords["input"] = inputs
    likelihood = fit.model.likelihood
    if "class" in dims:
        coords["class"] = as_coordinate(likelihood.classes)  # type: ignore[attr-defined]
    elif likelihood.output_dim in dims:
        coords[likelihood.output_dim] = as_coordinate(likelihood.output_labels)
    return _labelled(values, named, coords, attrs)


def _labelled(values: np.ndarray, dims: tuple[str, ...], coords: dict[str, Any], attrs: dict[str, str]) -> Any:
    import xarray as xr

    return xr.DataArray(values, coords, dims, name="relevance", attrs=attrs)
