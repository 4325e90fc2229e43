"""Sequence to sequence: an encoder that reads the source, and a decoder that writes the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights, with_prefix, without_prefix
from bayesnn.layers.base import Layer, sequence_shape
from bayesnn.layers.recurrent import Recurrent
from bayesnn.layers.transformer import DecoderBlock


@dataclass(frozen=True)
class Seq2Seq(Layer):
    """Sequence to sequence: layers that read the source, and layers that read the target and attend to the source.

    x (steps + time, d), the source, padded to its own length, followed by the target's input -> (time, width).

    Parameters
    ----------
    steps : int
        Steps of the source, padding included.
    encoder : sequence of Layer
        Layers that read the source, such as [PositionalEncoding(), TransformerBlock(2)]; they must keep the width d.
    decoder : sequence of Layer
        Layers that read the target's input, such as [PositionalEncoding(), DecoderBlock(2)], with at least one
        `DecoderBlock` unless `state`; for prediction step by step, all of them must be causal.
    state : bool
        Whether the recurrent layers of the decoder start at the final states of those of the encoder, the first at that
        of the first and so on; they must be as many, of the same kind and with as many units.

    Raises
    ------
    ValueError
        If encoder and decoder do not go together.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3; I. Sutskever, O. Vinyals and Q. Le (2014),
    Sequence to sequence learning with neural networks, NIPS, section 2, for `state`.

    See Also
    --------
    DecoderBlock : attention to another sequence
    generate : simulated tokens
    TwoEmbeddings : vectors of two vocabularies

    Examples
    --------
    >>> from bayesnn.layers.transformer import TransformerBlock
    >>> Seq2Seq(6, [TransformerBlock()], [DecoderBlock()]).output_shape((10, 4))
    (4, 4)
    >>> from bayesnn.layers.recurrent import GRU
    >>> Seq2Seq(6, [GRU(5)], [GRU(5, return_sequences=True)], state=True).output_shape((10, 4))
    (4, 5)
    """

    steps: int
    encoder: Sequence[Layer]
    decoder: Sequence[Layer]
    state: bool = field(default=False, metadata={"later": True})

    def __post_init__(self) -> None:
        """Keep the layers as tuples, so that the spec hashes."""
        checks.positive_integer("steps", self.steps)
        for name in ("encoder", "decoder"):
            layers = getattr(self, name)
            if not isinstance(layers, Sequence) or not all(isinstance(layer, Layer) for layer in layers):
                raise ValueError(f"{name} must be a sequence of layers, got {layers!r}")
            object.__setattr__(self, name, tuple(layers))
        if not self.has_attention and not self.state:
            raise ValueError(
                "decoder must have a DecoderBlock, which attends to the source, got none: or hand the states of "
                "recurrent layers over by state=True"
            )
        if any(isinstance(layer, DecoderBlock) for layer in self.encoder):
            raise ValueError("encoder must have no DecoderBlock: there is no sequence that it could attend to")
        if self.state:
            self._check_states()

    def _check_states(self) -> None:
        """Refuse recurrent layers of encoder and decoder that cannot hand their states over."""
        read, write = (
            [layer for layer in layers if isinstance(layer, Recurrent)] for layers in (self.encoder, self.decoder)
        )
        kinds = [[(type(layer).__name__, layer.units) for layer in layers] for layers in (read, write)]
        if not write or kinds[0] != kinds[1]:
            told = (", ".join(f"{name}({units})" for name, units in kind) or "none" for kind in kinds)
            raise ValueError(
                "state=True needs the same recurrent layers in encoder and decoder, got {} and {}".format(*told)
            )
        if any(layer.reverse or layer.learn_initial for layer in write):
            raise ValueError("the decoder's recurrent layers start at a given state: leave out reverse, learn_initial")

    @property
    def source(self) -> int:
        return self.steps

    def mask_after(self, mask: jax.Array) -> jax.Array:
        return mask[self.steps :]

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The weights of all layers, with prefixes by their position: encoder0_, ..., decoder0_, ..."""
        table: dict[str, Weight] = {}
        for name, layer, before in self._chain(shape):
            table |= with_prefix(layer.weights(before), name)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        *_, (_, layer, before) = self._chain(shape)
        return layer.output_shape(before)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The decoder's output at every step of the target."""
        return self._decoded(weights, x, mask, len(self.decoder))

    @property
    def has_attention(self) -> bool:
        return any(isinstance(layer, DecoderBlock) for layer in self.decoder)

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention of the last decoder block to the source, (head, step of the target, step of the source)."""
        last = max(i for i, layer in enumerate(self.decoder) if isinstance(layer, DecoderBlock))
        memory, real, _ = self.memory(weights, x, mask)
        value, own = self._decoded(weights, x, mask, last), None if mask is None else mask[self.steps :]
        block, part = self.decoder[last], without_prefix(weights, f"decoder{last}")
        assert isinstance(block, DecoderBlock)
        return block.memory_attention(
            without_prefix(part, "cross"), block.before_memory(part, value, own), memory, real
        )

    def _decoded(self, weights: Weights, x: jax.Array, mask: jax.Array | None, layers: int) -> jax.Array:
        """The target's input after the first `layers` layers of the decoder."""
        memory, real, states = self.memory(weights, x, mask)
        value, own = x[self.steps :], None if mask is None else mask[self.steps :]
        for i, layer in enumerate(self.decoder[:layers]):
            part = without_prefix(weights, f"decoder{i}")
            if isinstance(layer, DecoderBlock):
                value = layer.decode(part, value, memory, own, real)
            elif isinstance(layer, Recurrent) and self.state:
                value = layer.run(part, value, own, states.pop(0))[1]
            else:
                value = layer.apply(part, value, own)
        return value

    def memory(
        self, weights: Weights, x: jax.Array, mask: jax.Array | None
    ) -> tuple[jax.Array, jax.Array | None, list[Any]]:
        """The encoder's output for the source, the mask of the source, and the final states of recurrent layers."""
        value, real = x[: self.steps], None if mask is None else mask[: self.steps]
        states = []
        for i, layer in enumerate(self.encoder):
            part = without_prefix(weights, f"encoder{i}")
            if isinstance(layer, Recurrent):
                last, value = layer.run(part, value, real, layer.before(part, value.shape))
                states.append(last)
            else:
                value = layer.apply(part, value, real)
        return value, real, states

    def _chain(self, shape: Shape) -> list[tuple[str, Layer, Shape]]:
        """Every layer with its name and the shape of its input, checked."""
        time, width = sequence_shape(self, shape)
        if time <= self.steps:
            raise ValueError(f"Seq2Seq needs more than the {self.steps} steps of its source, got {time}")
        chain: list[tuple[str, Layer, Shape]] = []
        after: Shape = (self.steps, width)
        for i, layer in enumerate(self.encoder):
            chain.append((f"encoder{i}", layer, after))
            after = layer.output_shape(after)
        if self.has_attention and after != (self.steps, width):
            raise ValueError(f"the encoder must keep the shape {(self.steps, width)} of the source, got {after}")
        after = (time - self.steps, width)
        for i, layer in enumerate(self.decoder):
            if isinstance(layer, DecoderBlock) and after[-1] != width:
                raise ValueError(f"a DecoderBlock must have the width {width} of the source, got {after[-1]}")
            chain.append((f"decoder{i}", layer, after))
            after = layer.output_shape(after)
        return chain
