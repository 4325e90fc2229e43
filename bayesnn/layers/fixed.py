"""Layers whose weights are optimised, not sampled."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer


@dataclass(frozen=True)
class Fixed(Layer):
    """A layer whose weights stand at the posterior mode of the whole network while the others are sampled.

    A fit first climbs to the mode of all weights, then holds those of this layer, and the hyperparameters of their
    priors, where they are there, and samples the rest given them. The posterior is thus conditional on point estimates:
    it is too narrow by what these weights could have been. They are reported with the same value in every draw, and the
    attribute `fixed` of the posterior names them.

    Parameters
    ----------
    layer : Layer

    Raises
    ------
    ValueError
        If it wraps what is no layer; by `fit`, if the sampler has no chains.

    Examples
    --------
    >>> from bayesnn.layers.dense import Dense
    >>> Fixed(Dense(3)).output_shape((2,))
    (3,)
    """

    layer: Layer

    def __post_init__(self) -> None:
        """Refuse what is not a layer."""
        if not isinstance(self.layer, Layer):
            raise ValueError(f"fix takes a layer such as Dense(8), got {self.layer!r}")

    @property
    def tokens(self) -> int | None:
        """Those of the layer."""
        return self.layer.tokens

    @property
    def source(self) -> int:
        """That of the layer."""
        return self.layer.source

    @property
    def has_attention(self) -> bool:
        """Whether the layer does."""
        return self.layer.has_attention

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """That of the layer."""
        return self.layer.attention(weights, x, mask)

    def mask_after(self, mask: jax.Array) -> jax.Array:
        """That of the layer."""
        return self.layer.mask_after(mask)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Those of the layer."""
        return self.layer.weights(shape)

    def output_shape(self, shape: Shape) -> Shape:
        """That of the layer."""
        return self.layer.output_shape(shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The layer's value."""
        return self.layer.apply(weights, x, mask)


def fix(layer: Layer) -> Fixed:
    """A partly stochastic network: the weights of this layer are optimised, those of the others sampled.

    See `Fixed` for what that means. Sampling the last layers alone is the usual choice (M. Sharma, S. Farquhar,
    E. Nalisnick and T. Rainforth, 2023, Do Bayesian neural networks need to be fully stochastic?, AISTATS).

    Examples
    --------
    >>> from bayesnn.layers.dense import Dense
    >>> from bayesnn.models.model import Model
    >>> Model([fix(Dense(20, "tanh")), Dense(3, "tanh")]).layers[0].layer
    Dense(units=20, activation='tanh')
    """
    return Fixed(layer)
