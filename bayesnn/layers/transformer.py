"""The blocks of a transformer: an encoder's, and a decoder's, which also attends to another sequence."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights, with_prefix, without_prefix
from bayesnn.layers.attention import SelfAttention, attend, attention_weights
from bayesnn.layers.base import Layer, sequence_shape
from bayesnn.layers.dense import Dense, as_activation
from bayesnn.layers.norm import LayerNorm

Change = Callable[[jax.Array], jax.Array]
NORMS = ("post", "pre")
MISPLACED = "DecoderBlock must stand in the decoder of Seq2Seq, which gives it the sequence that it attends to"


class Block(Layer):
    """What both blocks share: they consist of parts, each a layer whose weights carry the part's name as prefix.

    x (time, d) -> (time, d).
    """

    heads: int
    hidden: int | None
    activation: str | Callable[[jax.Array], jax.Array]
    norm: str
    bias: bool

    def __post_init__(self) -> None:
        checks.known("norm", self.norm, NORMS)
        checks.positive_integer("heads", self.heads)
        if self.hidden is not None:
            checks.positive_integer("hidden", self.hidden)
        as_activation(self.activation)

    @abc.abstractmethod
    def parts(self, width: int) -> dict[str, Layer]:
        """The parts by name, in the order of their weights, for steps of this width d."""

    def dense_parts(self, width: int) -> dict[str, Layer]:
        """The two dense layers that follow the attention."""
        return {"up": Dense(self._hidden(width), self.activation), "down": Dense(width, "identity")}

    def weights(self, shape: Shape) -> dict[str, Weight]:
        time, width = sequence_shape(self, shape)
        shapes = {"down": (time, self._hidden(width))}
        table: dict[str, Weight] = {}
        for part, layer in self.parts(width).items():
            table |= with_prefix(layer.weights(shapes.get(part, shape)), part)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        return sequence_shape(self, shape)

    def through(self, part: str, weights: Weights, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """The value of one part at x."""
        return self.parts(x.shape[-1])[part].apply(without_prefix(weights, part), x, mask)

    def added(self, norm: str, weights: Weights, x: jax.Array, mask: jax.Array | None, change: Change) -> jax.Array:
        """x plus a change of it: the sum is normalised, or with norm="pre" what the change sees."""
        if self.norm == "pre":
            return x + change(self.through(norm, weights, x, mask))
        return self.through(norm, weights, x + change(x), mask)

    def through_dense(self, weights: Weights, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """The value of the two dense layers at x; the hidden layer may be wider than d."""
        parts = self.dense_parts(x.shape[-1])
        hidden = parts["up"].apply(without_prefix(weights, "up"), x, mask)
        return parts["down"].apply(without_prefix(weights, "down"), hidden, mask)

    def _hidden(self, width: int) -> int:
        return 4 * width if self.hidden is None else self.hidden


@dataclass(frozen=True)
class TransformerBlock(Block):
    """Attention, residual, layer norm; two dense layers, residual, layer norm.

    x (time, d) -> (time, d). With norm="pre" each half adds to its input what it makes of the normalised input, and a
    `LayerNorm()` usually follows the last block.

    Parameters
    ----------
    heads : int
        Heads of the attention; d must be a multiple of their number.
    hidden : int, optional
        Units of the first of the two dense layers. Default: 4 d.
    activation : str or callable
        Of these units, as in `Dense`.
    causal : bool
        Whether steps are kept from attending to later ones.
    norm : {"post", "pre"}
        Whether layer norm follows the residual, or comes first, as in GPT-2; deep stacks are then easier to fit.
    bias, rotary : bool
        As in `SelfAttention`.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.1 and equation (2); R. Xiong et al. (2020),
    On layer normalization in the transformer architecture, ICML, for norm="pre".

    See Also
    --------
    SelfAttention : attention among steps
    PositionalEncoding : where a step stands
    attention_maps : weights of attention

    Examples
    --------
    >>> TransformerBlock(heads=2).output_shape((10, 6))
    (10, 6)
    """

    heads: int = 1
    hidden: int | None = None
    activation: str | Callable[[jax.Array], jax.Array] = "relu"
    causal: bool = False
    norm: str = field(default="post", metadata={"later": True})
    bias: bool = field(default=False, metadata={"later": True})
    rotary: bool = field(default=False, metadata={"later": True})

    def parts(self, width: int) -> dict[str, Layer]:
        attention = SelfAttention(self.heads, causal=self.causal, bias=self.bias, rotary=self.rotary)
        first = {"attention": attention, "first_norm": LayerNorm()}
        return first | self.dense_parts(width) | {"second_norm": LayerNorm()}

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Two halves, each of which adds to its input."""
        x = self.added("first_norm", weights, x, mask, lambda x: self.through("attention", weights, x, mask))
        return self.added("second_norm", weights, x, mask, lambda x: self.through_dense(weights, x, mask))

    @property
    def stepwise(self) -> bool:
        return self.causal

    def before(self, weights: Weights, shape: Shape) -> Any:
        """What the attention needs of the earlier steps."""
        return self.parts(shape[1])["attention"].before(without_prefix(weights, "attention"), shape)

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        attention, own = self.parts(x.shape[0])["attention"], without_prefix(weights, "attention")
        after = []

        def attend_to_kept(x: jax.Array) -> jax.Array:
            new, value = attention.step(own, kept, x[0], place)
            after.append(new)
            return value[None]

        value = self.added("first_norm", weights, x[None], None, attend_to_kept)
        value = self.added("second_norm", weights, value, None, lambda x: self.through_dense(weights, x, None))
        return after[0], value[0]

    @property
    def has_attention(self) -> bool:
        return True

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        x = self.through("first_norm", weights, x, mask) if self.norm == "pre" else x
        return self.parts(x.shape[-1])["attention"].attention(without_prefix(weights, "attention"), x, mask)


@dataclass(frozen=True)
class DecoderBlock(Block):
    """Causal attention to itself, attention to another sequence, two dense layers; each with residual and layer norm.

    x (time, d) and memory (source time, d) -> (time, d). It stands in the decoder of `Seq2Seq`, which gives it the
    memory: the encoder's output for the source.

    Parameters
    ----------
    heads : int
        Heads of both attentions; d must be a multiple of their number.
    hidden : int, optional
        Units of the first of the two dense layers. Default: 4 d.
    activation : str or callable
        Of these units, as in `Dense`.
    norm, bias
        As in `TransformerBlock`.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.1.

    See Also
    --------
    Seq2Seq : from one sequence to another
    TransformerBlock : attention and a network per step
    generate : simulated tokens

    Examples
    --------
    >>> sorted({weight.role for weight in DecoderBlock(2).weights((5, 4)).values()})
    ['bias', 'gain', 'kernel', 'key', 'output', 'query', 'value']
    """

    heads: int = 1
    hidden: int | None = None
    activation: str | Callable[[jax.Array], jax.Array] = "relu"
    norm: str = field(default="post", metadata={"later": True})
    bias: bool = field(default=False, metadata={"later": True})

    def parts(self, width: int) -> dict[str, Layer]:
        own = {"attention": SelfAttention(self.heads, causal=True, bias=self.bias), "first_norm": LayerNorm()}
        other = {"cross": SelfAttention(self.heads, bias=self.bias), "second_norm": LayerNorm()}
        return own | other | self.dense_parts(width) | {"third_norm": LayerNorm()}

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Refuse: without a memory the block has no value."""
        raise ValueError(MISPLACED)

    def decode(
        self, weights: Weights, x: jax.Array, memory: jax.Array, mask: jax.Array | None, real: jax.Array | None
    ) -> jax.Array:
        """The block's value; `mask` (time,) and `real` (source time,) are the real steps of x and of the memory."""
        cross, seen = without_prefix(weights, "cross"), None if real is None else real[None, :]
        x = self._after_attention(weights, x, mask)
        x = self.added("second_norm", weights, x, mask, lambda x: attend(cross, x, memory, seen))
        return self.added("third_norm", weights, x, mask, lambda x: self.through_dense(weights, x, mask))

    def before_memory(self, weights: Weights, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """What attends to the memory: x after attention to itself, normalised."""
        x = self._after_attention(weights, x, mask)
        return self.through("second_norm", weights, x, mask) if self.norm == "pre" else x

    def _after_attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None) -> jax.Array:
        """The first part of the block, attention to itself."""
        return self.added("first_norm", weights, x, mask, lambda x: self.through("attention", weights, x, mask))

    def memory_attention(self, weights: Weights, x: jax.Array, memory: jax.Array, real: jax.Array | None) -> jax.Array:
        """Attention weights (head, step, step of the memory), from the weights of part "cross"; rows sum to one."""
        return attention_weights(weights, x, memory, None if real is None else real[None, :])
