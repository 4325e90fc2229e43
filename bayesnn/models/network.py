"""A chain of layers: the specifications of all weights, and the package's only vmap over examples."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal.weights import Shape, Weight, Weights, without_prefix
from bayesnn.data.sequences import PADDING, Reads
from bayesnn.layers import DecoderBlock, Layer
from bayesnn.layers.dropout import dropout_keys, dropping
from bayesnn.layers.transformer import MISPLACED

SEQUENCE_NUMBERS = 16_000_000  # array elements that the layers may need for the sequences processed at once


@dataclass(frozen=True)
class Network:
    """Layers applied one after the other to every example.

    x (n, *shape) -> (n, width), or (n, time, width) if the last layer returns a sequence. Padding is recognised here,
    once for all layers: zeros among token ids, and steps of sequences that are all NaN. A network that is not `padded`
    takes every step for real, and its layers get no mask. With `dropout`, units are dropped in all steps of a sequence
    at once, as in the draws of `MCDropout`.
    """

    layers: tuple[Layer, ...]
    padded: bool = True
    dropout: bool = False

    def names(self) -> tuple[str, ...]:
        """One name per layer, its type and position: dense0, dense1, ..."""
        return tuple(f"{type(layer).__name__.lower()}{i}" for i, layer in enumerate(self.layers))

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The specification of every weight by its full name, such as dense0_kernel, for examples of this shape."""
        table: dict[str, Weight] = {}
        for name, layer in zip(self.names(), self.layers, strict=True):
            for key, weight in layer.weights(shape).items():
                dims = tuple(f"{name}_{dim}" for dim in weight.dims)
                table[f"{name}_{key}"] = replace(weight, dims=dims)
            shape = layer.output_shape(shape)
        return table

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for one example: a vector (width,), or for a sequence also one per step (time, width)."""
        given = shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
        if len(shape) == 1 or (len(shape) == 2 and (len(given) == 2 or self.tokens is not None)):
            return shape
        raise ValueError(f"the last layer must give one vector per example, got shape {shape}")

    def workspace_size(self, shape: Shape) -> int:
        """Roughly how many array elements one example needs: the outputs of all layers, and their gates or scores."""
        total = 0
        for layer in self.layers:
            total += 2 * shape[0] ** 2 if layer.has_attention else 0
            shape = layer.output_shape(shape)
            total += 4 * math.prod(shape)
        return total

    def max_batch(self, shape: Shape) -> int:
        """Largest number of sequences of this shape that are processed at once."""
        return max(1, SEQUENCE_NUMBERS // self.workspace_size(shape))

    def apply(self, weights: Weights, x: jax.Array) -> jax.Array:
        """Outputs (n, width) or (n, time, width) of the last layer for examples x (n, *shape)."""

        def one(example: jax.Array) -> jax.Array:
            return self._through(weights, example, len(self.layers))[0]

        def dropped(key: jax.Array, example: jax.Array) -> jax.Array:
            with dropping(key, by_step=not self.dropout):
                return one(example)

        keys, function = dropout_keys(), one
        if keys is not None and keys.by_row:  # in an optimiser, whose minibatches limit the number of examples
            return jax.vmap(dropped)(jax.random.split(keys.take(), len(x)), x)
        if keys is not None:
            function = functools.partial(dropped, keys.take())
        sequences = x.ndim > 2 or self.tokens is not None
        return map_in_chunks(function, x, self.max_batch(x.shape[1:])) if sequences else jax.vmap(function)(x)

    @property
    def stepwise(self) -> bool:
        """Whether outputs can be computed step by step, each at a cost that hardly depends on the steps before."""
        return all(layer.stepwise for layer in self.layers)

    def before(self, weights: Weights, shape: Shape) -> Any:
        """What the layers keep at the beginning of a sequence of this shape."""
        kept = []
        for place, layer in enumerate(self.layers):
            kept.append(layer.before(self._own(weights, place), shape))
            shape = layer.output_shape(shape)
        return tuple(kept)

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        """What the layers keep after step `place`, and the output (width,) there."""
        new = []
        for number, (layer, own) in enumerate(zip(self.layers, kept, strict=True)):
            after, x = layer.step(self._own(weights, number), own, x, place)
            new.append(after)
        return tuple(new), x

    def attention(self, weights: Weights, x: jax.Array, place: int) -> jax.Array:
        """Attention weights (n, head, time, step) of the layer at this position."""

        def one(example: jax.Array) -> jax.Array:
            value, mask = self._through(weights, example, place)
            return self.layers[place].attention(self._own(weights, place), value, mask)

        return jax.vmap(one)(x)

    def _through(self, weights: Weights, example: jax.Array, count: int) -> tuple[jax.Array, jax.Array | None]:
        """The output of the first `count` layers for one example, and its mask."""
        example, mask = self.unpad(example)
        for place, layer in enumerate(self.layers[:count]):
            example = layer.apply(self._own(weights, place), example, mask)
            mask = layer.mask_after(mask) if mask is not None and example.ndim == 2 else None
        return example, mask

    def _own(self, weights: Weights, place: int) -> Weights:
        """The weights of one layer, named without the prefix of the layer."""
        return without_prefix(weights, self.names()[place])

    def unpad(self, example: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """An example without NaN, and the mask (time,) of its real steps; no mask for a row of a table."""
        if example.ndim < 2 and self.tokens is None or not self.padded:
            return example, None
        if self.tokens is not None:
            return example, example != PADDING
        mask = ~jnp.isnan(example).all(axis=-1)
        return jnp.where(mask[:, None], example, 0.0), mask  # before any layer: a NaN would make gradients NaN

    def steps(self, x: Any) -> jax.Array | None:
        """Mask (n, time) of the real steps, if there is an output per step; None if there is one output per example."""
        if not self.layers or len(self.output_shape(x.shape[1:])) == 1:
            return None

        def one(example: jax.Array) -> jax.Array:
            mask = self.unpad(example)[1]
            mask = jnp.ones(len(example), bool) if mask is None else mask
            for layer in self.layers:
                mask = layer.mask_after(mask)
            return mask

        return jax.vmap(one)(jnp.asarray(x))

    @property
    def reads(self) -> Reads:
        """What kind of examples the network reads, for the checks of data."""
        words = self.layers[0].words if self.layers else None
        of_source = self.layers[0].source_tokens if self.layers else 0
        return Reads(self.tokens, max((layer.source for layer in self.layers), default=0), words, of_source)

    @property
    def tokens(self) -> int | None:
        """Number of different token ids that the first layer reads; None if examples are numbers."""
        return self.layers[0].tokens if self.layers else None


def map_in_chunks(function: Callable[[jax.Array], jax.Array], x: jax.Array, max_batch: int) -> jax.Array:
    """Apply the function to every example x (n, ...), to at most `max_batch` at once, so that memory stays bounded.

    On a single device, chunks are consecutive examples, which are read in place, from the disk if x is a mapped file.
    On several devices the examples may be sharded: each of the k chunks then takes every k-th example, so that all
    devices have work in every chunk.
    """
    parts = -(-len(x) // max_batch)
    if parts <= 1:
        return jax.vmap(function)(x)
    x, size = jnp.asarray(x), -(-len(x) // parts)
    if jax.device_count() == 1:
        first = size * jnp.arange(parts)
        values = lax.map(lambda i: jax.vmap(function)(x[jnp.minimum(i + jnp.arange(size), len(x) - 1)]), first)
    else:
        filled = x[jnp.arange(size * parts) % len(x)].reshape(size, parts, *x.shape[1:])
        values = lax.map(jax.vmap(function), filled.swapaxes(0, 1)).swapaxes(0, 1)
    return values.reshape(size * parts, *values.shape[2:])[: len(x)]


def checked_layers(layers: Any, linear: bool) -> tuple[Layer, ...]:
    """The layers of a model, refused where they cannot stand together; `linear` models need none."""
    found = tuple(layers) if isinstance(layers, Sequence) else (None,)
    if not all(isinstance(layer, Layer) for layer in found):
        raise ValueError(f"layers must be a sequence of layers such as [Dense(5)], got {layers!r}")
    if not found and not linear:
        raise ValueError("layers must have at least one layer, got none: for a linear model give linear=True too")
    if any(isinstance(layer, DecoderBlock) for layer in found):
        raise ValueError(MISPLACED)
    late = [layer for layer in found[1:] if layer.tokens is not None]
    if late:
        raise ValueError(f"{type(late[0]).__name__} must be the first layer, since it reads token ids")
    sources = {layer.source for layer in found if layer.source}
    if len(sources) > 1:
        raise ValueError(f"all layers must see a source of the same number of steps, got {sorted(sources)}")
    return found
