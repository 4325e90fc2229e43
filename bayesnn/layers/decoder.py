"""Layers that read one sequence while they look at another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn import _checks
from bayesnn.layers.attention import SelfAttention, mixed, shares
from bayesnn.layers.base import Layer, Shape, Weight, Weights, of_part, sequence_shape, table_of_part
from bayesnn.layers.dense import ACTIVATIONS, Dense
from bayesnn.layers.positions import LayerNorm


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
        """Nothing without a memory."""
        raise ValueError("DecoderBlock must stand in the decoder of Seq2Seq, which has what it looks at")

    def decode(
        self, weights: Weights, x: jax.Array, memory: jax.Array, mask: jax.Array | None, real: jax.Array | None
    ) -> jax.Array:
        """The block's value; `mask` (time,) and `real` (source time,) are the real steps of x and of the memory."""
        parts = self._parts(x.shape[-1])

        def through(part: str, value: jax.Array) -> jax.Array:
            return parts[part].apply(of_part(weights, part), value, mask)

        x = self.asking(weights, x, mask)
        own = of_part(weights, "cross")
        x = through("second_norm", x + mixed(own, self.shares(own, x, memory, real), memory))
        return through("third_norm", x + through("down", through("up", x)))

    def asking(self, weights: Weights, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """The first part of the block, which then asks the memory."""
        parts = self._parts(x.shape[-1])
        own = parts["attention"].apply(of_part(weights, "attention"), x, mask)
        return parts["first_norm"].apply(of_part(weights, "first_norm"), x + own, mask)

    def shares(self, weights: Weights, x: jax.Array, memory: jax.Array, real: jax.Array | None) -> jax.Array:
        """Weights (head, step, step of the memory) of the attention to the memory, rows summing to one."""
        seen = jnp.ones((1, len(memory)), bool) if real is None else real[None, :]
        return shares(weights, x, memory, seen)

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


@dataclass(frozen=True)
class Seq2Seq(Layer):
    """Sequence to sequence: layers that read the source, and layers that read the target while they look at it.

    x (steps + time, d), the source, padded to its own length, followed by the target's input -> (time, width).

    Parameters
    ----------
    steps : int
        Steps of the source, padding included.
    encoder : sequence of Layer
        What reads the source, such as [PositionalEncoding(), TransformerBlock(2)]; it must keep the width d.
    decoder : sequence of Layer
        What reads the target's input, such as [PositionalEncoding(), DecoderBlock(2)], with at least one
        `DecoderBlock`; for prediction step by step all of them causal.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.

    Examples
    --------
    >>> from bayesnn.layers.transformer import TransformerBlock
    >>> Seq2Seq(6, [TransformerBlock()], [DecoderBlock()]).output_shape((10, 4))
    (4, 4)
    """

    steps: int
    encoder: Sequence[Layer]
    decoder: Sequence[Layer]

    def __post_init__(self) -> None:
        """Keep the layers as tuples, so that the spec hashes."""
        _checks.positive_integer("steps", self.steps)
        for name in ("encoder", "decoder"):
            layers = getattr(self, name)
            if not isinstance(layers, Sequence) or not all(isinstance(layer, Layer) for layer in layers):
                raise ValueError(f"{name} must be a sequence of layers, got {layers!r}")
            object.__setattr__(self, name, tuple(layers))
        if not any(isinstance(layer, DecoderBlock) for layer in self.decoder):
            raise ValueError("decoder must have a DecoderBlock, which looks at the source, got none")
        if any(isinstance(layer, DecoderBlock) for layer in self.encoder):
            raise ValueError("encoder must have no DecoderBlock: there is nothing before it to look at")

    @property
    def source(self) -> int:
        """Steps of the source."""
        return self.steps

    def mask_after(self, mask: jax.Array) -> jax.Array:
        """That of the target."""
        return mask[self.steps :]

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Those of both, by their places: encoder0_, ..., decoder0_, ..."""
        table: dict[str, Weight] = {}
        for name, layer, before in self._chain(shape):
            table |= table_of_part(layer.weights(before), name)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        """One value a step of the target."""
        *_, (_, layer, before) = self._chain(shape)
        return layer.output_shape(before)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """What the decoder gives at every step of the target."""
        return self._decoded(weights, x, mask, len(self.decoder))

    @property
    def attends(self) -> bool:
        """The decoder does."""
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """That of the last decoder block to the source, (head, step of the target, step of the source)."""
        last = max(i for i, layer in enumerate(self.decoder) if isinstance(layer, DecoderBlock))
        memory, real = self.memory(weights, x, mask)
        value, own = self._decoded(weights, x, mask, last), None if mask is None else mask[self.steps :]
        block, part = self.decoder[last], of_part(weights, f"decoder{last}")
        assert isinstance(block, DecoderBlock)
        return block.shares(of_part(part, "cross"), block.asking(part, value, own), memory, real)

    def _decoded(self, weights: Weights, x: jax.Array, mask: jax.Array | None, layers: int) -> jax.Array:
        """What the first layers of the decoder make of the target's input."""
        memory, real = self.memory(weights, x, mask)
        value, own = x[self.steps :], None if mask is None else mask[self.steps :]
        for i, layer in enumerate(self.decoder[:layers]):
            part = of_part(weights, f"decoder{i}")
            if isinstance(layer, DecoderBlock):
                value = layer.decode(part, value, memory, own, real)
            else:
                value = layer.apply(part, value, own)
        return value

    def memory(self, weights: Weights, x: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, jax.Array | None]:
        """What the encoder makes of the source, and its mask."""
        value, real = x[: self.steps], None if mask is None else mask[: self.steps]
        for i, layer in enumerate(self.encoder):
            value = layer.apply(of_part(weights, f"encoder{i}"), value, real)
        return value, real

    def _chain(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        """Every layer with its name and the shape of what it reads, checked."""
        time, width = sequence_shape(self, shape)
        if time <= self.steps:
            raise ValueError(f"Seq2Seq needs more than the {self.steps} steps of its source, got {time}")
        chain: list[tuple[str, Layer, Shape]] = []
        after: Shape = (self.steps, width)
        for i, layer in enumerate(self.encoder):
            chain.append((f"encoder{i}", layer, after))
            after = layer.output_shape(after)
        if after != (self.steps, width):
            raise ValueError(f"the encoder must keep the shape {(self.steps, width)} of the source, got {after}")
        after = (time - self.steps, width)
        for i, layer in enumerate(self.decoder):
            if isinstance(layer, DecoderBlock) and after[-1] != width:
                raise ValueError(f"a DecoderBlock must have the width {width} of the source, got {after[-1]}")
            chain.append((f"decoder{i}", layer, after))
            after = layer.output_shape(after)
        return chain
