"""Layers that turn lags into sequences, and sequences into vectors."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape


class Weightless(Layer):
    """A layer without weights."""

    def weights(self, shape: Shape) -> dict[str, Weight]:
        self.output_shape(shape)
        return {}


@dataclass(frozen=True)
class AsSequence(Weightless):
    """Lags as a sequence, oldest first, for recurrent and attention layers; other inputs are repeated at every step.

    x (p,) = [lag 1, ..., lag L, others] -> (L, 1 + p - L).

    Parameters
    ----------
    lags : int, optional
        Number of leading inputs that are lags, most recent first. Default: all inputs.

    See Also
    --------
    lagged : a series as a table of its past
    Elman : the simple recurrent layer
    LSTM : recurrent layer with a memory

    Examples
    --------
    >>> AsSequence(3).apply({}, jnp.array([1.0, 2.0, 3.0, 9.0])).tolist()
    [[3.0, 9.0], [2.0, 9.0], [1.0, 9.0]]
    """

    lags: int | None = None

    def __post_init__(self) -> None:
        if self.lags is not None:
            checks.positive_integer("lags", self.lags)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"AsSequence needs a vector of lags, got examples of shape {shape}")
        lags = self._count(shape[0])
        return lags, 1 + shape[0] - lags

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Lags in reversed order, the other inputs repeated."""
        lags = self._count(x.shape[0])
        others = jnp.broadcast_to(x[lags:], (lags, x.shape[0] - lags))
        return jnp.concatenate([x[:lags][::-1, None], others], axis=1)

    def _count(self, width: int) -> int:
        lags = width if self.lags is None else self.lags
        if lags > width:
            raise ValueError(f"AsSequence needs {lags} lags, got {width} input(s)")
        return lags


@dataclass(frozen=True)
class MeanPool(Weightless):
    """Average over the real steps of a sequence.

    x (time, d) -> (d,).

    See Also
    --------
    MaxPool : the largest value of steps
    AttentionPool : a weighted mean of steps
    Last : the last step

    Examples
    --------
    >>> MeanPool().output_shape((7, 3))
    (3,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        return (sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The average over real steps; padded steps are not counted."""
        if mask is None:
            return x.mean(axis=0)
        return jnp.where(mask[:, None], x, 0.0).sum(axis=0) / jnp.maximum(mask.sum(), 1)


@dataclass(frozen=True)
class MaxPool(Weightless):
    """The largest value of each feature over the real steps of a sequence.

    x (time, d) -> (d,). After `Conv1D`, whether a pattern occurs anywhere.

    See Also
    --------
    MeanPool : the mean of steps
    AttentionPool : a weighted mean of steps
    Last : the last step

    Examples
    --------
    >>> MaxPool().apply({}, jnp.array([[1.0, 5.0], [3.0, 2.0]])).tolist()
    [3.0, 5.0]
    """

    def output_shape(self, shape: Shape) -> Shape:
        return (sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return (x if mask is None else jnp.where(mask[:, None], x, -jnp.inf)).max(axis=0)


@dataclass(frozen=True)
class Last(Weightless):
    """The last real step of a sequence.

    x (time, d) -> (d,).

    See Also
    --------
    MeanPool : the mean of steps
    AttentionPool : a weighted mean of steps

    Examples
    --------
    >>> Last().output_shape((7, 3))
    (3,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        return (sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Padding, if any, comes after the last real step."""
        return x[-1] if mask is None else x[jnp.maximum(mask.sum() - 1, 0)]


@dataclass(frozen=True)
class Flatten(Weightless):
    """All steps of a sequence as one vector; padded steps are zero.

    x (time, d) -> (time d,).

    See Also
    --------
    Conv1D : filters along a sequence
    Last : the last step

    Examples
    --------
    >>> Flatten().output_shape((7, 3))
    (21,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        time, width = sequence_shape(self, shape)
        return (time * width,)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return (x if mask is None else jnp.where(mask[:, None], x, 0.0)).reshape(-1)


@dataclass(frozen=True)
class AttentionPool(Layer):
    """A weighted average over the steps of a sequence, with learnt weights: softmax(K q) V in each head, concatenated.

    Each head has one query q for all sequences; keys and values are the steps themselves. x (time, d) -> (heads d,),
    query (head, d).

    Parameters
    ----------
    heads : int
    growth : float
        The average is multiplied by the number of real steps to this power. 0 gives the average. With 1/2, long
        sequences can say more than short ones, as a sum of independent terms does in units of its standard deviation;
        this suits bags of words.

    References
    ----------
    Z. Yang et al. (2016), Hierarchical attention networks for document classification, NAACL, equations (5) to (7),
    without the layer in front of the keys.

    See Also
    --------
    MeanPool : the mean of steps
    MaxPool : the largest value of steps
    Last : the last step

    Examples
    --------
    >>> AttentionPool(heads=2).output_shape((7, 3))
    (6,)
    """

    heads: int = 1
    growth: float = 0.0

    def __post_init__(self) -> None:
        checks.positive_integer("heads", self.heads)
        checks.number("growth", self.growth)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        _, width = sequence_shape(self, shape)
        return {"query": Weight((self.heads, width), ("head", "input"), "query", 1)}

    def output_shape(self, shape: Shape) -> Shape:
        return (self.heads * sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        count = len(x) if mask is None else jnp.maximum(mask.sum(), 1)
        average = self.attention_weights(weights, x, mask) @ (x if mask is None else jnp.where(mask[:, None], x, 0.0))
        return average.reshape(-1) * jnp.asarray(count, x.dtype) ** self.growth

    def attention_weights(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Weights (head, time) of the steps; those of a head sum to one."""
        score = weights["query"] @ x.T
        return jax.nn.softmax(score if mask is None else jnp.where(mask, score, -jnp.inf), axis=-1)
