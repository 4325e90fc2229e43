"""The embedding of token ids as vectors."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.frozen_array import Vectors
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer

MOST_TOKENS = 2**31  # ids are whole numbers of 32 bits


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector for each token: the first layer of a model that reads token ids.

    x (time,) whole numbers, 0 for padding -> (time, width); vectors (token, feature).

    Parameters
    ----------
    vocabulary : int or Vocabulary
        Number of token ids, padding (0) included, or the `bnn.text.Vocabulary` itself: it is saved with a fit, and
        `fit`, `predict` and `evaluate` then take a list of texts in place of ids.
    width : int, optional
        Length of the vectors, which are learnt. Default: the width of `initial`; if neither is given, nothing is learnt
        and each token is an indicator vector (one-hot) of length `vocabulary`.
    initial : array (vocabulary, width), optional
        Prior means of the vectors; the weights are what is added to them, so samplers start near them too. See
        `bnn.text.read_vectors` for files of word2vec and GloVe.
    scale : array (vocabulary,) or (vocabulary, width), optional
        Positive factors by which the weights of each token are multiplied: prior standard deviations relative to that
        of the prior. Rare words say more than frequent ones: for example inverse document frequency, `bnn.text.rarity`.

    Raises
    ------
    ValueError
        If `initial` or `scale` has another shape or holds NaN, or if a scale is not positive.

    See Also
    --------
    MeanPool : the mean of steps
    PositionalEncoding : where a step stands
    TwoEmbeddings : vectors of two vocabularies

    Examples
    --------
    >>> Embedding(1000, 8).output_shape((20,))
    (20, 8)

    A language model whose readout is near the vectors of its tokens, as tied weights are, here those of an earlier fit:

    >>> from bayesnn import GRU, Categorical, Model, Normal
    >>> vectors = np.sin(np.arange(12.0)).reshape(4, 3)
    >>> layers = [Embedding(4, initial=vectors), GRU(3, return_sequences=True)]
    >>> near = {"readout": {"beta": vectors[1:].T}}
    >>> model = Model(layers, Categorical((1, 2, 3)), Normal()).prior_at(near, scale=0.1)
    >>> model.sizes((20,))["readout"]
    12
    """

    at_each_step: ClassVar[bool] = True

    vocabulary: Any
    width: int | None = None
    initial: Any = None
    scale: Any = None

    def __post_init__(self) -> None:
        """Refuse impossible sizes, and keep arrays so that the spec hashes."""
        if not isinstance(self.vocabulary, Sized):
            checks.positive_integer("vocabulary", self.vocabulary, minimum=2)
            if self.vocabulary > MOST_TOKENS:
                raise ValueError(f"vocabulary must be at most {MOST_TOKENS}, got {self.vocabulary}")
        if self.width is not None:
            checks.positive_integer("width", self.width)
        self._keep_initial()
        self._keep_scale()

    def _keep_initial(self) -> None:
        if self.initial is None:
            return
        vectors = self.initial if isinstance(self.initial, Vectors) else Vectors(self.initial)
        wanted = self.tokens, vectors.values.shape[-1] if self.width is None else self.width
        if vectors.values.shape != wanted:
            raise ValueError(f"initial must have shape {wanted}, one vector per token, got {vectors.values.shape}")
        checks.finite("initial", vectors.values)
        object.__setattr__(self, "initial", vectors)

    def _keep_scale(self) -> None:
        if self.scale is None:
            return
        if not self.learnt:
            raise ValueError("scale needs vectors that are learnt: give width or initial too")
        scale = self.scale if isinstance(self.scale, Vectors) else Vectors(self.scale)
        width = self.width if self.initial is None else self.initial.values.shape[1]
        if scale.values.shape not in ((self.tokens,), (self.tokens, width)):
            raise ValueError(
                f"scale must have shape {(self.tokens,)}, one number per token, or {(self.tokens, width)}, got "
                f"{scale.values.shape}"
            )
        checks.finite("scale", scale.values)
        if (scale.values <= 0).any():
            raise ValueError(
                f"scale must be above zero, got {int((scale.values <= 0).sum())} other(s), the first at token "
                f"{int(np.argwhere(scale.values <= 0)[0, 0])}"
            )
        object.__setattr__(self, "scale", scale)

    @property
    def tokens(self) -> int:
        return len(self.vocabulary) if isinstance(self.vocabulary, Sized) else int(self.vocabulary)

    @property
    def words(self) -> Any:
        return self.vocabulary if isinstance(self.vocabulary, Sized) else None

    @property
    def learnt(self) -> bool:
        """Whether vectors are learnt, rather than indicators used."""
        return self.width is not None or self.initial is not None

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """One vector per token; nothing where indicators are used."""
        table = self.tokens, self.output_shape(shape)[1]
        return {"vectors": Weight(table, ("token", "feature"), "embedding", 1)} if self.learnt else {}

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"Embedding reads token ids (time,), got examples of shape {shape}")
        width = self.width if self.initial is None else self.initial.values.shape[1]
        return shape[0], self.tokens if width is None else width

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        if not self.learnt:
            return jax.nn.one_hot(x, self.tokens, dtype=jnp.zeros(()).dtype)
        table = weights["vectors"]
        if self.scale is not None:
            table = table * self.scale.values.reshape(self.tokens, -1).astype(table.dtype)
        vectors = table[x]
        return vectors if self.initial is None else vectors + jnp.asarray(self.initial.values, vectors.dtype)[x]
