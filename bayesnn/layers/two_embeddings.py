"""Vectors of the tokens of a source and of a target, each with a vocabulary of its own."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights, with_prefix, without_prefix
from bayesnn.layers.base import Layer
from bayesnn.layers.embedding import Embedding


@dataclass(frozen=True)
class TwoEmbeddings(Layer):
    """Embeddings of two vocabularies, as for translation: the first layer of a model that goes on with `Seq2Seq`.

    x (steps + time,), token ids of the source, padded to `steps`, followed by those of the target -> (steps + time,
    width); weights source_vectors and target_vectors (token, feature).

    Parameters
    ----------
    steps : int
        Steps of the source, padding included, as in `Seq2Seq`.
    source_embedding, target_embedding : Embedding
        Both of the same width.

    Raises
    ------
    ValueError
        If the widths differ; in `fit`, if an id is not in its vocabulary, as where the two are exchanged.

    See Also
    --------
    Embedding : vectors of words
    Seq2Seq : from one sequence to another

    Examples
    --------
    >>> TwoEmbeddings(6, Embedding(100, 8), Embedding(120, 8)).output_shape((10,))
    (10, 8)
    """

    steps: int
    source_embedding: Embedding
    target_embedding: Embedding

    def __post_init__(self) -> None:
        """Refuse anything but two embeddings of one width."""
        checks.positive_integer("steps", self.steps)
        parts = self.source_embedding, self.target_embedding
        if not all(isinstance(part, Embedding) for part in parts):
            raise ValueError(f"TwoEmbeddings takes two layers such as Embedding(100, 8), got {parts!r}")
        widths = [part.output_shape((1,))[1] for part in parts]
        if widths[0] != widths[1]:
            raise ValueError(f"source and target must have vectors of the same width, got {widths[0]} and {widths[1]}")

    @property
    def tokens(self) -> int:
        return self.target_embedding.tokens

    @property
    def source_tokens(self) -> int:
        return self.source_embedding.tokens

    @property
    def source(self) -> int:
        return self.steps

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The weights of both embeddings, with the prefixes source_ and target_."""
        table = with_prefix(self.source_embedding.weights(shape), "source")
        return table | with_prefix(self.target_embedding.weights(shape), "target")

    def output_shape(self, shape: Shape) -> Shape:
        return self.target_embedding.output_shape(shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        read = self.source_embedding.apply(without_prefix(weights, "source"), x[: self.steps])
        written = self.target_embedding.apply(without_prefix(weights, "target"), x[self.steps :])
        return jnp.concatenate([read, written])
