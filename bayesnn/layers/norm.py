"""Layer normalisation: the features of each step are brought to mean 0 and sd 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer


@dataclass(frozen=True)
class LayerNorm(Layer):
    """(x - mean)/sd over the features of each step, times 1 + gain, plus bias.

    x (..., d) -> (..., d); gain and bias (d,). The prior mean of the gain is zero, which changes nothing.

    Parameters
    ----------
    epsilon : float
        Added to the variance.

    References
    ----------
    J. Ba, J. Kiros and G. Hinton (2016), Layer normalization, arXiv:1607.06450, equation (4).

    See Also
    --------
    Residual : layers that are added to their input
    TransformerBlock : attention and a network per step

    Examples
    --------
    >>> LayerNorm().output_shape((10, 4))
    (10, 4)
    """

    at_each_step: ClassVar[bool] = True

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        checks.positive("epsilon", self.epsilon)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        return {role: Weight((shape[-1],), ("feature",), role, 1) for role in ("gain", "bias")}

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return scaled * (1.0 + weights["gain"]) + weights["bias"]
