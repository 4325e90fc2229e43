"""The blocks that transformers are made of: an encoder's, and a decoder's, which reads one sequence while it attends to
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights, with_prefix, without_prefix
from bayesnn.layers.attention import SelfAttention, attend, attention_weights
from bayesnn.layers.base import Layer, sequence_shape
from bayesnn.layers.dense import ACTIVATIONS, Dense
from bayesnn.layers.norm import LayerNorm


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
        checks.positive_integer("heads", self.heads)
        if self.hidden is not None:
            checks.positive_integer("hidden", self.hidden)
        if not callable(self.activation):
            checks.known("activation", self.activation, ACTIVATIONS)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Those of its parts, in order."""
        time, width = sequence_shape(self, shape)
        shapes = {"down": (time, self._hidden(width))}
        table: dict[str, Weight] = {}
        for part, layer in self._parts(width).items():
            table |= with_prefix(layer.weights(shapes.get(part, shape)), part)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Each half adds to its input and is then normalised."""
        parts = self._parts(x.shape[-1])

        def through(part: str, value: jax.Array) -> jax.Array:
            return parts[part].apply(without_prefix(weights, part), value, mask)

        x = through("first_norm", x + through("attention", x))
        return through("second_norm", x + through("down", through("up", x)))

    @property
    def has_attention(self) -> bool:
        """It does."""
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """That of its first half."""
        return self._parts(x.shape[-1])["attention"].attention(without_prefix(weights, "attention"), x, mask)

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


@dataclass(frozen=True)
class DecoderBlock(Layer):
    """Causal attention to itself, attention to another sequence, two dense layers; each with residual and layer norm.

    x (time, d) and memory (source time, d) -> (time, d). It stands in the decoder of `Seq2Seq`, which has the memory.

    Parameters
    ----------
    heads : int
        Heads of both attentions, which divide d.
    hidden : int, optional
        Units between the two dense layers. Default: 4 d.
    activation : str or callable
        Of these units, as in `Dense`.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.1.

    Examples
    --------
    >>> sorted({weight.role for weight in DecoderBlock(2).weights((5, 4)).values()})
    ['bias', 'gain', 'kernel', 'key', 'output', 'query', 'value']
    """

    heads: int = 1
    hidden: int | None = None
    activation: str | Callable[[jax.Array], jax.Array] = "relu"

    def __post_init__(self) -> None:
        """Refuse impossible sizes at once."""
        checks.positive_integer("heads", self.heads)
        if self.hidden is not None:
            checks.positive_integer("hidden", self.hidden)
        if not callable(self.activation):
            checks.known("activation", self.activation, ACTIVATIONS)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Those of its parts, in order."""
        time, width = sequence_shape(self, shape)
        shapes = {"down": (time, self._hidden(width))}
        table: dict[str, Weight] = {}
        for part, layer in self._parts(width).items():
            table |= with_prefix(layer.weights(shapes.get(part, shape)), part)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Nothing without a memory."""
        raise ValueError("DecoderBlock must stand in the decoder of Seq2Seq, which has what it looks at")

    def decode(
        self, weights: Weights, x: jax.Array, memory: jax.Array, mask: jax.Array | None, real: jax.Array | None
    ) -> jax.Array:
        """The block's value; `mask` (time,) and `real` (source time,) are the real steps of x and of the memory."""
        parts = self._parts(x.shape[-1])

        def through(part: str, value: jax.Array) -> jax.Array:
            return parts[part].apply(without_prefix(weights, part), value, mask)

        x = self.asking(weights, x, mask)
        own = without_prefix(weights, "cross")
        x = through("second_norm", x + attend(own, self.memory_attention(own, x, memory, real), memory))
        return through("third_norm", x + through("down", through("up", x)))

    def asking(self, weights: Weights, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """The first part of the block, which then asks the memory."""
        parts = self._parts(x.shape[-1])
        own = parts["attention"].apply(without_prefix(weights, "attention"), x, mask)
        return parts["first_norm"].apply(without_prefix(weights, "first_norm"), x + own, mask)

    def memory_attention(self, weights: Weights, x: jax.Array, memory: jax.Array, real: jax.Array | None) -> jax.Array:
        """Weights (head, step, step of the memory) of the attention to the memory, rows summing to one."""
        seen = jnp.ones((1, len(memory)), bool) if real is None else real[None, :]
        return attention_weights(weights, x, memory, seen)

    def _hidden(self, width: int) -> int:
        return 4 * width if self.hidden is None else self.hidden

    def _parts(self, width: int) -> dict[str, Layer]:
        return {
            "attention": SelfAttention(self.heads, causal=True),
            "first_norm": LayerNorm(),
            "cross": SelfAttention(self.heads),
            "second_norm": LayerNorm(),
            "up": Dense(self._hidden(width), self.activation),
            "down": Dense(width, "identity"),
            "third_norm": LayerNorm(),
        }
