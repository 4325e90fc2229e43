"""The fully connected layer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "logistic": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
    "gelu": jax.nn.gelu,  # in its tanh form
    "gelu_exact": functools.partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
    "sin": jnp.sin,
    "identity": lambda e: e,
}


def as_activation(activation: str | Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """The activation of this name, or the function itself; unknown names are refused."""
    if callable(activation):
        return activation
    checks.known("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


@dataclass(frozen=True)
class Dense(Layer):
    """Fully connected layer, psi(kernel x + bias), at every step of a sequence.

    x (d,) -> (units,) or (time, d) -> (time, units), kernel (units, d), bias (units,).

    Parameters
    ----------
    units : int
        Number of units, at least 1.
    activation : str or callable
        One of `ACTIVATIONS`, or a function of an array that works element by element.

    Raises
    ------
    ValueError
        If `units` is below 1 or the activation is unknown.

    See Also
    --------
    Dropout : units that are left out at random
    Residual : layers that are added to their input
    LayerNorm : standardised outputs

    Examples
    --------
    >>> Dense(3, "tanh").weights((2,))["kernel"].shape
    (3, 2)
    """

    at_each_step: ClassVar[bool] = True

    units: int
    activation: str | Callable[[jax.Array], jax.Array] = "logistic"

    def __post_init__(self) -> None:
        checks.positive_integer("units", self.units)
        as_activation(self.activation)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Kernel (units, d) and bias (units,)."""
        width = shape[-1]
        return {
            "kernel": Weight((self.units, width), ("unit", "input"), "kernel", width),
            "bias": Weight((self.units,), ("unit",), "bias", width),
        }

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        e = weights["kernel"] @ x if x.ndim == 1 else x @ weights["kernel"].T
        return as_activation(self.activation)(e + weights["bias"])
