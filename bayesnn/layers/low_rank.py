"""Low-rank changes of given weights (LoRA)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, Wrapper
from bayesnn.layers.given import as_weights, check_given, given_weights

UNCHANGED = ("bias", "gain")  # roles


@dataclass(frozen=True)
class LowRank(Wrapper):
    """A layer whose weights are given ones plus a change of low rank: W_0 + scale up down.

    Every array has its own factors, where it is seen as a matrix with the last axis, the inputs, as its columns: down
    (rank, inputs) and up (all other axes together, rank). Biases, gains and arrays of one axis stay as they are given.
    Under a prior around zero the function is that of the given weights plus a change whose size `scale` sets; with a
    low rank, a large pretrained layer has few unknowns.

    Parameters
    ----------
    layer : Layer
    values : mapping from str to array
        The given weights W_0 by name, as `convert_weights` returns them.
    rank : int
    scale : float
        Factor of all changes.

    Raises
    ------
    ValueError
        If `layer` is not a layer or the rank is below 1; in `fit`, if values have other names or shapes than the
        layer's weights.

    References
    ----------
    E. Hu et al. (2022), LoRA: low-rank adaptation of large language models, ICLR, equation (3); A. Yang, M. Robeyns,
    X. Wang and L. Aitchison (2024), Bayesian low-rank adaptation for large language models, ICLR.

    See Also
    --------
    fix : layers with known weights
    convert_weights : weights of other libraries

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.layers.dense import Dense
    >>> layer = LowRank(Dense(3), {"kernel": np.ones((3, 5)), "bias": np.zeros(3)}, rank=2)
    >>> {name: weight.shape for name, weight in layer.weights((5,)).items()}
    {'kernel_down': (2, 5), 'kernel_up': (3, 2)}
    """

    layer: Layer
    values: Any
    rank: int = 4
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Check the parts, and keep arrays so that the spec hashes."""
        if not isinstance(self.layer, Layer):
            raise ValueError(f"LowRank must wrap a layer such as Dense(8), got {self.layer!r}")
        checks.positive_integer("rank", self.rank)
        checks.positive("scale", self.scale)
        object.__setattr__(self, "values", given_weights("LowRank", self.values))

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Two factors of each array that is changed."""
        check_given(self.values, self.layer, shape)
        table = {}
        for name, weight in self.layer.weights(shape).items():
            if len(weight.shape) > 1 and weight.role not in UNCHANGED:
                *rows, columns = weight.shape
                axes = f"{name}_rank", f"{name}_input", f"{name}_row"
                table[f"{name}_down"] = Weight((self.rank, columns), axes[:2], weight.role, weight.fan_in)
                table[f"{name}_up"] = Weight((math.prod(rows), self.rank), (axes[2], axes[0]), "kernel", self.rank)
        return table

    def all_weights(self, weights: Weights) -> Weights:
        """The given weights with their changes."""
        found = as_weights(self.values)
        for name, values in found.items():
            if f"{name}_up" in weights:
                change = weights[f"{name}_up"] @ weights[f"{name}_down"]
                found[name] = values + self.scale * jnp.reshape(change, values.shape)
        return found
