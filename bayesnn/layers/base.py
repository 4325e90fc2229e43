"""What a layer is: it declares its weights and applies them to ONE example."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import jax

Shape = tuple[int, ...]
Weights = dict[str, jax.Array]


@dataclass(frozen=True)
class Weight:
    """One weight array of a layer: what a prior needs to know about it, and no more.

    shape, dims (one name an axis), role ("kernel", "bias", ...), fan_in (inputs feeding one unit).
    """

    shape: Shape
    dims: tuple[str, ...]
    role: str
    fan_in: int


class Layer(abc.ABC):
    """A frozen spec: pure functions of (weights, x), no sampling inside."""

    @abc.abstractmethod
    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The weights needed for one example of this shape."""

    @abc.abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one example after the layer."""

    @abc.abstractmethod
    def apply(self, weights: Weights, x: jax.Array) -> jax.Array:
        """The layer's value for one example x."""
