"""A recurrent layer that reads a sequence in both directions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from bayesnn._internal.weights import Shape, Weight, Weights, with_prefix, without_prefix
from bayesnn.layers.base import Layer
from bayesnn.layers.recurrent import Recurrent


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Two copies of a recurrent layer with separate weights, one for each direction; their outputs are concatenated.

    x (time, d) -> (2 units,) or (time, 2 units).

    Parameters
    ----------
    layer : Elman, LSTM or GRU
        The layer that reads forwards.

    References
    ----------
    M. Schuster and K. Paliwal (1997), Bidirectional recurrent neural networks, IEEE Transactions on Signal Processing
    45, 2673-2681.

    See Also
    --------
    Elman : the simple recurrent layer
    LSTM : recurrent layer with a memory
    GRU : recurrent layer with gates

    Examples
    --------
    >>> from bayesnn.layers.recurrent import LSTM
    >>> Bidirectional(LSTM(4)).output_shape((10, 2))
    (8,)
    """

    layer: Recurrent

    def __post_init__(self) -> None:
        """Refuse a layer that is not recurrent or reads backwards."""
        if not isinstance(self.layer, Recurrent) or self.layer.reverse:
            raise ValueError(
                f"Bidirectional must wrap a recurrent layer that reads forwards, such as LSTM(8), got {self.layer!r}"
            )

    @property
    def _parts(self) -> dict[str, Recurrent]:
        return {"forward": self.layer, "backward": replace(self.layer, reverse=True)}  # type: ignore[type-var]

    def weights(self, shape: Shape) -> dict[str, Weight]:
        table: dict[str, Weight] = {}
        for part, layer in self._parts.items():
            table |= with_prefix(layer.weights(shape), part)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        *steps, units = self.layer.output_shape(shape)
        return (*steps, 2 * units)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        both = [layer.apply(without_prefix(weights, part), x, mask) for part, layer in self._parts.items()]
        return jnp.concatenate(both, axis=-1)
