"""Convolution over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape
from bayesnn.layers.dense import as_activation


@dataclass(frozen=True)
class Conv1D(Layer):
    """Convolution over time: each step sees a window of steps, with zeros beyond the ends of the sequence.

    x (time, d) -> (time, units), kernel (units, window, d), bias (units,).

    Parameters
    ----------
    units : int
    window : int
        Number of steps that a unit sees: centred on its own step (an odd number), or ending there if `causal`.
    activation : str or callable
        As in `Dense`.
    causal : bool
        Whether steps are kept from seeing later ones.

    See Also
    --------
    MaxPool : the largest value of steps
    MeanPool : the mean of steps
    GRU : recurrent layer with gates

    Examples
    --------
    >>> Conv1D(4, window=3).weights((10, 2))["kernel"].shape
    (4, 3, 2)
    """

    units: int
    window: int = 3
    activation: str | Callable[[jax.Array], jax.Array] = "relu"
    causal: bool = False

    def __post_init__(self) -> None:
        checks.positive_integer("units", self.units)
        checks.positive_integer("window", self.window)
        if not self.causal and self.window % 2 == 0:
            raise ValueError(f"window must be odd unless causal=True, since it is centred, got {self.window}")
        as_activation(self.activation)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        _, width = sequence_shape(self, shape)
        sources = self.window * width
        return {
            "kernel": Weight((self.units, self.window, width), ("unit", "window", "input"), "kernel", sources),
            "bias": Weight((self.units,), ("unit",), "bias", sources),
        }

    @property
    def stepwise(self) -> bool:
        return self.causal

    def before(self, weights: Weights, shape: Shape) -> Any:
        """The inputs of the window's earlier steps, (window - 1, d)."""
        return jnp.zeros((self.window - 1, shape[1]), weights["kernel"].dtype)

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        seen = jnp.concatenate([kept, x[None]])
        e = jnp.einsum("ukw,kw->u", weights["kernel"], seen) + weights["bias"]
        return seen[1:], as_activation(self.activation)(e)

    def output_shape(self, shape: Shape) -> Shape:
        return sequence_shape(self, shape)[0], self.units

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Padded steps count as zeros, like steps beyond the ends."""
        values = x if mask is None else jnp.where(mask[:, None], x, 0.0)
        before = self.window - 1 if self.causal else self.window // 2
        around = jnp.pad(values, ((before, self.window - 1 - before), (0, 0)))
        windows = jnp.stack([around[k : k + len(x)] for k in range(self.window)], axis=1)
        e = jnp.einsum("ukw,tkw->tu", weights["kernel"], windows) + weights["bias"]
        return as_activation(self.activation)(e)
