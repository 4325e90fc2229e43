"""attention_maps(fit, x): the attention weights between steps, for every posterior draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from bayesnn._internal.runtime import computing
from bayesnn.data.columns import row_labels
from bayesnn.fitting.draws import over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.models.model import Model
from bayesnn.priors import Sites


@computing
def attention_maps(fit: Fit, x: Any, *, layer: int | None = None) -> Any:
    """Attention weights of every posterior draw at some sequences, so that summaries of them have credible intervals.

    Parameters
    ----------
    fit : Fit
        Of a network with `SelfAttention`, `TransformerBlock` or `Seq2Seq`. For `Seq2Seq` the result is the attention of
        its last `DecoderBlock` to the source.
    x : array, shape (n, time) or (n, time, d)
    layer : int, optional
        Position of the layer in `fit.model.layers`. Default: the last that has attention.

    Returns
    -------
    xarray.DataArray
        (chain, draw, obs, head, time, step): the weight that step `time` gives to `step`; weights sum to one over
        `step`. Padded steps get weight zero; values at a padded `time` have no meaning.

    Raises
    ------
    ValueError
        If the layer, or every layer, has no attention.

    Examples
    --------
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.layers import Last, SelfAttention
    >>> from bayesnn.priors import Normal
    >>> from bayesnn.samplers import Gibbs
    >>> x = np.random.default_rng(0).normal(size=(5, 3, 2))
    >>> model = Model([SelfAttention(2), Last()], prior=Normal())
    >>> few = {"draws": 2, "warmup": 2, "chains": 1, "progress": False}
    >>> result = fit(model, x, x[:, 0, 0], sampler=Gibbs(weights="random_walk"), **few)
    >>> attention_maps(result, x).sizes["head"]
    2
    """
    import xarray as xr

    inputs = fit.inputs(x)
    place = _place(fit, layer)
    values = over_draws(_Shares(place), fit.model, fit.draws(), inputs)
    sizes = fit.idata["posterior"].sizes
    names = "chain", "draw", "obs", "head", "time", "step"
    shape = sizes["chain"], sizes["draw"], *values.shape[1:]
    coords = {name: np.arange(size) for name, size in zip(names, shape, strict=True)}
    coords["obs"] = row_labels(x, len(inputs))
    return xr.DataArray(values.reshape(shape), coords=coords, dims=names, name="attention", attrs={"layer": place})


@dataclass(frozen=True)
class _Shares:
    """Attention weights (n, head, time, step) of one draw, in the layer at this place."""

    place: int

    def __call__(self, model: Model, sites: Sites, x: jax.Array) -> jax.Array:
        weights = model.prior.unpack(sites, model.network.weights(x.shape[1:]))
        with model.drops(sites):
            return model.network.attention(weights, x, self.place)


def _place(fit: Fit, layer: int | None) -> int:
    """The place of a layer with attention."""
    with_attention = [place for place, one in enumerate(fit.model.layers) if one.has_attention]
    if not with_attention or (layer is not None and layer not in with_attention):
        names = ", ".join(f"{place} ({type(fit.model.layers[place]).__name__})" for place in with_attention)
        raise ValueError(f"layer must be one with attention, {names or 'and this network has none'}, got {layer}")
    return with_attention[-1] if layer is None else layer
