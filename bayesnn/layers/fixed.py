"""Layers whose weights are optimised rather than sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer


@dataclass(frozen=True)
class Fixed(Layer):
    """A layer whose weights are fixed at the posterior mode of the whole network while the others are sampled.

    A fit first finds the mode of all weights by optimisation. It then keeps the weights of this layer, and the
    hyperparameters of their priors, at the mode and samples the rest given them. The posterior is thus conditional on
    point estimates and too narrow, since it ignores the uncertainty of these weights. They are reported with the same
    value in every draw, and the attribute `fixed` of the posterior names them.

    Parameters
    ----------
    layer : Layer

    Raises
    ------
    ValueError
        If `layer` is not a layer; in `fit`, if the sampler has no chains.

    Examples
    --------
    >>> from bayesnn.layers.dense import Dense
    >>> Fixed(Dense(3)).output_shape((2,))
    (3,)
    """

    layer: Layer

    def __post_init__(self) -> None:
        """Refuse anything that is not a layer."""
        if not isinstance(self.layer, Layer):
            raise ValueError(f"fix takes a layer such as Dense(8), got {self.layer!r}")

    @property
    def tokens(self) -> int | None:
        return self.layer.tokens

    @property
    def words(self) -> Any:
        return self.layer.words

    @property
    def source(self) -> int:
        return self.layer.source

    @property
    def has_attention(self) -> bool:
        return self.layer.has_attention

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return self.layer.attention(weights, x, mask)

    def mask_after(self, mask: jax.Array) -> jax.Array:
        return self.layer.mask_after(mask)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        return self.layer.weights(shape)

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return self.layer.apply(weights, x, mask)


def fix(layer: Layer) -> Fixed:
    """Make a network partly stochastic: the weights of this layer are optimised, those of the other layers sampled.

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
