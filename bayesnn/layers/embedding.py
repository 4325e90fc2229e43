"""Token ids to vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer


@dataclass(frozen=True, eq=False)
class Vectors:
    """A table of numbers (tokens, width) that compares and hashes by its content, as specs do."""

    values: np.ndarray

    def __post_init__(self) -> None:
        """Keep a copy that nobody changes, and its hash."""
        values = np.array(self.values, dtype=np.float64)
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "digest", hashlib.sha256(values.tobytes()).hexdigest() + str(values.shape))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vectors) and self.digest == other.digest  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.digest)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Vectors(shape={self.values.shape})"


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector for every token: the first layer of a model that reads token ids.

    x (time,) whole numbers, 0 for padding -> (time, width); vectors (token, feature).

    Parameters
    ----------
    vocabulary : int or Vocabulary
        Number of token ids, padding (0) included, or the `bnn.text.Vocabulary` itself, which is then saved with a fit.
    width : int, optional
        Length of the vectors, which are learnt. Default: that of `initial`; without that, no vectors are learnt and
        every token is an indicator (one-hot) of length `vocabulary`.
    initial : array (vocabulary, width), optional
        Prior means of the vectors, near which samplers start too: the weights are what is added to them. See
        `bnn.text.read_vectors` for files of word2vec and GloVe.
    scale : array (vocabulary,) or (vocabulary, width), optional
        What the weights of each token are multiplied by, above zero: prior standard deviations in units of the prior's
        own. Rare words say more than frequent ones, such as by the log of texts over texts that hold the word.

    Raises
    ------
    ValueError
        If the shape of `initial` or `scale` is another, they hold NaN, or a scale is not positive.

    Examples
    --------
    >>> Embedding(1000, 8).output_shape((20,))
    (20, 8)
    """

    vocabulary: Any
    width: int | None = None
    initial: Any = None
    scale: Any = None

    def __post_init__(self) -> None:
        """Refuse impossible sizes, and keep arrays so that the spec hashes."""
        if not isinstance(self.vocabulary, Sized):
            checks.positive_integer("vocabulary", self.vocabulary, minimum=2)
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
            raise ValueError(f"initial must have shape {wanted}, a vector a token, got {vectors.values.shape}")
        checks.finite("initial", vectors.values)
        object.__setattr__(self, "initial", vectors)

    def _keep_scale(self) -> None:
        if self.scale is None:
            return
        if not self.learnt:
            raise ValueError("scale is of vectors that are learnt: give width or initial too")
        scale = self.scale if isinstance(self.scale, Vectors) else Vectors(self.scale)
        width = self.width if self.initial is None else self.initial.values.shape[1]
        if scale.values.shape not in ((self.tokens,), (self.tokens, width)):
            raise ValueError(
                f"scale must have shape {(self.tokens,)}, a number a token, or {(self.tokens, width)}, got "
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
        """Number of token ids."""
        return len(self.vocabulary) if isinstance(self.vocabulary, Sized) else int(self.vocabulary)

    @property
    def learnt(self) -> bool:
        """Whether there are vectors to learn, rather than indicators."""
        return self.width is not None or self.initial is not None

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """One vector a token, or nothing."""
        table = self.tokens, self.output_shape(shape)[1]
        return {"vectors": Weight(table, ("token", "feature"), "embedding", 1)} if self.learnt else {}

    def output_shape(self, shape: Shape) -> Shape:
        """One vector a step."""
        if len(shape) != 1:
            raise ValueError(f"Embedding reads token ids (time,), got examples of shape {shape}")
        width = self.width if self.initial is None else self.initial.values.shape[1]
        return shape[0], self.tokens if width is None else width

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The vectors of the tokens."""
        if not self.learnt:
            return jax.nn.one_hot(x, self.tokens, dtype=jnp.zeros(()).dtype)
        table = weights["vectors"]
        if self.scale is not None:
            table = table * self.scale.values.reshape(self.tokens, -1).astype(table.dtype)
        vectors = table[x]
        return vectors if self.initial is None else vectors + jnp.asarray(self.initial.values, vectors.dtype)[x]
