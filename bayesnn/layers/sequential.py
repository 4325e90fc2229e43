"""Several layers as one, so that a residual connection or `fix` can go around all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from bayesnn._internal.weights import Shape, Weight, Weights, with_prefix, without_prefix
from bayesnn.layers.base import Layer
from bayesnn.layers.transformer import MISPLACED, DecoderBlock


@dataclass(frozen=True)
class Sequential(Layer):
    """Layers applied one after the other, as one layer.

    Its weights have prefixes by type and position: dense0_kernel, layernorm1_gain, ...

    Parameters
    ----------
    layers : sequence of Layer
        At least one; no `DecoderBlock` or `Seq2Seq`.

    Raises
    ------
    ValueError
        If there is no layer, or one that cannot be among others.

    See Also
    --------
    Residual : layers that are added to their input
    Bidirectional : reads a sequence from both ends

    Examples
    --------
    A dense layer and its input, the sum normalised, as in a transformer without attention:

    >>> from bayesnn.layers import Dense, LayerNorm, Residual
    >>> Residual(Sequential([LayerNorm(), Dense(8), Dense(4, "identity")])).output_shape((10, 4))
    (10, 4)
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        """Keep the layers as a tuple, so that the spec hashes."""
        layers = tuple(self.layers) if isinstance(self.layers, Sequence) else ()
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(f"Sequential takes a sequence of layers such as [Dense(8), Dense(4)], got {self.layers!r}")
        if any(isinstance(layer, DecoderBlock) for layer in layers):
            raise ValueError(MISPLACED)
        wrong = [layer for i, layer in enumerate(layers) if layer.source or (i and layer.tokens is not None)]
        if wrong:
            raise ValueError(f"{type(wrong[0]).__name__} must be the first layer of a model, got it inside Sequential")
        object.__setattr__(self, "layers", layers)

    @property
    def tokens(self) -> int | None:
        return self.layers[0].tokens

    @property
    def words(self) -> Any:
        return self.layers[0].words

    def mask_after(self, mask: jax.Array) -> jax.Array:
        for layer in self.layers:
            mask = layer.mask_after(mask)
        return mask

    def weights(self, shape: Shape) -> dict[str, Weight]:
        table: dict[str, Weight] = {}
        for name, layer in self._named():
            table |= with_prefix(layer.weights(shape), name)
            shape = layer.output_shape(shape)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return self._through(weights, x, mask, len(self.layers))[0]

    @property
    def stepwise(self) -> bool:
        return all(layer.stepwise for layer in self.layers)

    def before(self, weights: Weights, shape: Shape) -> Any:
        kept = []
        for name, layer in self._named():
            kept.append(layer.before(without_prefix(weights, name), shape))
            shape = layer.output_shape(shape)
        return tuple(kept)

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        new = []
        for (name, layer), own in zip(self._named(), kept, strict=True):
            after, x = layer.step(without_prefix(weights, name), own, x, place)
            new.append(after)
        return tuple(new), x

    @property
    def has_attention(self) -> bool:
        return any(layer.has_attention for layer in self.layers)

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention weights of the last layer that has some."""
        last = max(i for i, layer in enumerate(self.layers) if layer.has_attention)
        name, layer = list(self._named())[last]
        value, mask = self._through(weights, x, mask, last)
        return layer.attention(without_prefix(weights, name), value, mask)

    def _named(self) -> Iterator[tuple[str, Layer]]:
        return ((f"{type(layer).__name__.lower()}{i}", layer) for i, layer in enumerate(self.layers))

    def _through(
        self, weights: Weights, x: jax.Array, mask: jax.Array | None, count: int
    ) -> tuple[jax.Array, jax.Array | None]:
        """The output of the first `count` layers, and its mask."""
        for name, layer in list(self._named())[:count]:
            x = layer.apply(without_prefix(weights, name), x, mask)
            mask = layer.mask_after(mask) if mask is not None and x.ndim == 2 else None
        return x, mask
