"""attention_maps(fit, x): the attention weights between steps, for every posterior draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.data.columns import row_labels
from bayesnn.fitting.draws import over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.models.model import Model
from bayesnn.priors import Sites

SEVERAL = ("all", "rollout")


@computing
def attention_maps(fit: Fit, x: Any, *, layer: int | str | None = None) -> Any:
    """Attention weights of every posterior draw at some sequences, so that summaries of them have credible intervals.

    Parameters
    ----------
    fit : Fit
        Of a network with `SelfAttention`, `TransformerBlock` or `Seq2Seq`. For `Seq2Seq` the result is the attention of
        its last `DecoderBlock` to the source.
    x : array, shape (n, time) or (n, time, d)
    layer : int or {"all", "rollout"}, optional
        Position of the layer in `fit.model.layers`. Default: the last that has attention. "all": of every layer that
        has some. "rollout": what of each step of the first layer's input reaches each step of the last layer's output,
        where the weights of a layer, averaged over heads, and its residual connection count one half each.

    Returns
    -------
    xarray.DataArray
        (chain, draw, obs, head, time, step): the weight that step `time` gives to `step`; weights sum to one over
        `step`. Padded steps get weight zero; values at a padded `time` have no meaning. With "all" there is an axis
        `layer` after `obs`, and heads that a layer does not have are NaN; with "rollout" there is no axis `head`.

    Raises
    ------
    ValueError
        If the layer, or every layer, has no attention; for "all" and "rollout", if layers attend to other steps.

    References
    ----------
    S. Abnar and W. Zuidema (2020), Quantifying attention flow in transformers, ACL, equation (1), for "rollout".

    See Also
    --------
    SelfAttention : attention among steps
    TransformerBlock : attention and a network per step

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
    if isinstance(layer, str):
        checks.known("layer", layer, SEVERAL)
        places = _places(fit, several=True)
        quantity: Any = (_All if layer == "all" else _Rollout)(places)
    else:
        places = (_place(fit, layer),)
        quantity = _Shares(places[0])
    values = over_draws(quantity, fit.model, fit.draws(), inputs)
    sizes = fit.idata["posterior"].sizes
    inner = {"all": ("layer", "head"), "rollout": ()}.get(str(layer), ("head",))
    names = "chain", "draw", "obs", *inner, "time", "step"
    shape = sizes["chain"], sizes["draw"], *values.shape[1:]
    coords = {name: np.arange(size) for name, size in zip(names, shape, strict=True)}
    coords["obs"] = row_labels(x, len(inputs))
    if layer == "all":
        coords["layer"] = np.array(places)
    attrs = {"layer": layer if isinstance(layer, str) else places[0]}
    return xr.DataArray(values.reshape(shape), coords=coords, dims=names, name="attention", attrs=attrs)


@dataclass(frozen=True)
class _Shares:
    """Attention weights (n, head, time, step) of one draw, in the layer at this place."""

    place: int

    def __call__(self, model: Model, sites: Sites, x: jax.Array) -> jax.Array:
        weights = model.prior.unpack(sites, model.network.weights(x.shape[1:]))
        with model.drops(sites):
            return model.network.attention(weights, x, self.place)


@dataclass(frozen=True)
class _All:
    """Attention weights (n, layer, head, time, step) of one draw; NaN for heads that a layer does not have."""

    places: tuple[int, ...]

    def __call__(self, model: Model, sites: Sites, x: jax.Array) -> jax.Array:
        maps = [_Shares(place)(model, sites, x) for place in self.places]
        heads = max(one.shape[1] for one in maps)
        fill = [((0, 0), (0, heads - one.shape[1]), (0, 0), (0, 0)) for one in maps]
        return jnp.stack([jnp.pad(m, f, constant_values=jnp.nan) for m, f in zip(maps, fill, strict=True)], axis=1)


@dataclass(frozen=True)
class _Rollout:
    """The product (n, time, step) of all layers' weights, each averaged over heads and with the identity."""

    places: tuple[int, ...]

    def __call__(self, model: Model, sites: Sites, x: jax.Array) -> jax.Array:
        whole = jnp.eye(x.shape[1])
        for place in self.places:
            share = _Shares(place)(model, sites, x).mean(axis=1)
            whole = 0.5 * (share + jnp.eye(x.shape[1])) @ whole
        return whole


def _places(fit: Fit, *, several: bool = False) -> tuple[int, ...]:
    """The places of all layers with attention; for maps of `several`, they must attend to the steps of the input."""
    places = tuple(place for place, one in enumerate(fit.model.layers) if one.has_attention)
    shape = fit.data.x.shape[1:]
    for place, one in enumerate(fit.model.layers[: places[-1] + 1] if several and places else ()):
        shape = one.output_shape(shape)
        if one.source or shape[0] != fit.data.x.shape[1]:
            raise ValueError(
                f'layer="all" and "rollout" need layers that keep all steps, got {type(one).__name__} at place {place}'
            )
    if not places:
        raise ValueError("layer must be one with attention, and this network has none, got None")
    return places


def _place(fit: Fit, layer: int | None) -> int:
    """The place of a layer with attention."""
    with_attention = _places(fit)
    if layer is not None and layer not in with_attention:
        names = ", ".join(f"{place} ({type(fit.model.layers[place]).__name__})" for place in with_attention)
        raise ValueError(f"layer must be one with attention, {names}, got {layer}")
    return with_attention[-1] if layer is None else layer
