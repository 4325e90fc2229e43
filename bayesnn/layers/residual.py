"""Residual connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer


@dataclass(frozen=True)
class Residual(Layer):
    """x + layer(x): the layer learns what to add to its own input.

    x (d,) -> (d,), or (time, d) -> (time, d).

    Parameters
    ----------
    layer : Layer
        Any layer whose output has the shape of its input.

    Raises
    ------
    ValueError
        When a network is built, if the layer changes the shape of its input.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2016), Deep residual learning for image recognition, CVPR, equation (1).

    See Also
    --------
    Sequential : several layers as one
    Dense : units on all inputs

    Examples
    --------
    >>> from bayesnn.layers.dense import Dense
    >>> Residual(Dense(3, "tanh")).output_shape((3,))
    (3,)
    """

    layer: Layer

    def __post_init__(self) -> None:
        """Refuse anything that is not a layer."""
        if not isinstance(self.layer, Layer):
            raise ValueError(f"Residual must wrap a layer such as Dense(8), got {self.layer!r}")

    def weights(self, shape: Shape) -> dict[str, Weight]:
        return self.layer.weights(shape)

    def output_shape(self, shape: Shape) -> Shape:
        after = self.layer.output_shape(shape)
        if after != shape:
            raise ValueError(
                f"Residual needs a layer that keeps the shape {shape}, got {self.layer} with shape {after}"
            )
        return shape

    @property
    def stepwise(self) -> bool:
        return self.layer.stepwise

    def before(self, weights: Weights, shape: Shape) -> Any:
        return self.layer.before(weights, shape)

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        kept, change = self.layer.step(weights, kept, x, place)
        return kept, x + change

    @property
    def has_attention(self) -> bool:
        return self.layer.has_attention

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return self.layer.attention(weights, x, mask)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return x + self.layer.apply(weights, x, mask)
