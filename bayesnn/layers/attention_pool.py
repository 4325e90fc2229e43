"""Attention that turns a sequence into a vector."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn import _checks
from bayesnn.layers.base import Layer, Shape, Weight, Weights, sequence_shape


@dataclass(frozen=True)
class AttentionPool(Layer):
    """An average over the steps of a sequence whose shares are learnt: softmax(K q) V in each head, side by side.

    Every head has one query q for all sequences; keys and values are the steps themselves. x (time, d) -> (heads d,),
    query (head, d).

    Parameters
    ----------
    heads : int
    growth : float
        The average is multiplied by the number of real steps to this power. 0: the average. 1/2: a sum of independent
        signs of one size, in units of its standard deviation, so that long sequences can say more; bags of words like
        it.

    References
    ----------
    Z. Yang et al. (2016), Hierarchical attention networks for document classification, NAACL, equations (5) to (7),
    without the layer in front of the keys.

    Examples
    --------
    >>> AttentionPool(heads=2).output_shape((7, 3))
    (6,)
    """

    heads: int = 1
    growth: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible settings."""
        _checks.positive_integer("heads", self.heads)
        _checks.number("growth", self.growth)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The queries."""
        _, width = sequence_shape(self, shape)
        return {"query": Weight((self.heads, width), ("head", "input"), "query", 1)}

    def output_shape(self, shape: Shape) -> Shape:
        """One average a head."""
        return (self.heads * sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Averages of all heads, one after the other."""
        count = len(x) if mask is None else jnp.maximum(mask.sum(), 1)
        average = self.shares(weights, x, mask) @ (x if mask is None else jnp.where(mask[:, None], x, 0.0))
        return average.reshape(-1) * jnp.asarray(count, x.dtype) ** self.growth

    def shares(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Shares (head, time), those of a head summing to one."""
        score = weights["query"] @ x.T
        return jax.nn.softmax(score if mask is None else jnp.where(mask, score, -jnp.inf), axis=-1)
