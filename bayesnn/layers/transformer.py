"""The block that transformers are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax

from bayesnn import _checks
from bayesnn.layers.attention import SelfAttention
from bayesnn.layers.base import Layer, Shape, Weight, Weights, of_part, sequence_shape, table_of_part
from bayesnn.layers.dense import ACTIVATIONS, Dense
from bayesnn.layers.positions import LayerNorm


@dataclass(frozen=True)
class TransformerBlock(Layer):
    """Attention, residual, layer norm; two dense layers, residual, layer norm.

    x (time, d) -> (time, d).

    Parameters
    ----------
    heads : int
        Heads of the attention, which divide d.
    hidden : int, optional
        Units between the two dense layers. Default: 4 d.
    activation : str or callable
        Of these units, as in `Dense`.
    causal : bool
        Whether a step sees no later ones.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.1 and equation (2).

    Examples
    --------
    >>> TransformerBlock(heads=2).output_shape((10, 6))
    (10, 6)
    """

    heads: int = 1
    hidden: int | None = None
    activation: str | Callable[[jax.Array], jax.Array] = "relu"
    causal: bool = False

    def __post_init__(self) -> None:
        """Refuse impossible sizes at once."""
        _checks.positive_integer("heads", self.heads)
        if self.hidden is not None:
            _checks.positive_integer("hidden", self.hidden)
        if not callable(self.activation):
            _checks.known("activation", self.activation, ACTIVATIONS)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Those of its parts, in order."""
        time, width = sequence_shape(self, shape)
        shapes = {"down": (time, self._hidden(width))}
        table: dict[str, Weight] = {}
        for part, layer in self._parts(width).items():
            table |= table_of_part(layer.weights(shapes.get(part, shape)), part)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Each half adds to its input and is then normalised."""
        parts = self._parts(x.shape[-1])

        def through(part: str, value: jax.Array) -> jax.Array:
            return parts[part].apply(of_part(weights, part), value, mask)

        x = through("first_norm", x + through("attention", x))
        return through("second_norm", x + through("down", through("up", x)))

    @property
    def attends(self) -> bool:
        """It does."""
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """That of its first half."""
        return self._parts(x.shape[-1])["attention"].attention(of_part(weights, "attention"), x, mask)

    def _hidden(self, width: int) -> int:
        return 4 * width if self.hidden is None else self.hidden

    def _parts(self, width: int) -> dict[str, Layer]:
        return {
            "attention": SelfAttention(self.heads, causal=self.causal),
            "first_norm": LayerNorm(),
            "up": Dense(self._hidden(width), self.activation),
            "down": Dense(width, "identity"),
            "second_norm": LayerNorm(),
        }
