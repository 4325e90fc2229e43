"""From lags to sequences, and from sequences to vectors."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn import _checks
from bayesnn.layers.base import Layer, Shape, Weight, Weights, sequence_shape


class Weightless(Layer):
    """A layer without weights."""

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """None."""
        self.output_shape(shape)
        return {}


@dataclass(frozen=True)
class AsSequence(Weightless):
    """Lags as a sequence, oldest first, which recurrent and attention layers read; other inputs stand at every step.

    x (p,) = [lag 1, ..., lag L, others] -> (L, 1 + p - L).

    Parameters
    ----------
    lags : int, optional
        Number of leading inputs that are lags, most recent first. Default: all inputs.

    Examples
    --------
    >>> AsSequence(3).apply({}, jnp.array([1.0, 2.0, 3.0, 9.0])).tolist()
    [[3.0, 9.0], [2.0, 9.0], [1.0, 9.0]]
    """

    lags: int | None = None

    def __post_init__(self) -> None:
        """Refuse an impossible number of lags."""
        if self.lags is not None:
            _checks.positive_integer("lags", self.lags)

    def output_shape(self, shape: Shape) -> Shape:
        """One step a lag."""
        if len(shape) != 1:
            raise ValueError(f"AsSequence needs a vector of lags, got examples of shape {shape}")
        lags = self._count(shape[0])
        return lags, 1 + shape[0] - lags

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Lags turned round, the others repeated."""
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

    Examples
    --------
    >>> MeanPool().output_shape((7, 3))
    (3,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        """One value a feature."""
        return (sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Padding counts for nothing, not even in the number of steps."""
        if mask is None:
            return x.mean(axis=0)
        return jnp.where(mask[:, None], x, 0.0).sum(axis=0) / jnp.maximum(mask.sum(), 1)


@dataclass(frozen=True)
class Last(Weightless):
    """The last real step of a sequence.

    x (time, d) -> (d,).

    Examples
    --------
    >>> Last().output_shape((7, 3))
    (3,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        """One value a feature."""
        return (sequence_shape(self, shape)[1],)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Padding comes after it."""
        return x[-1] if mask is None else x[jnp.maximum(mask.sum() - 1, 0)]


@dataclass(frozen=True)
class Flatten(Weightless):
    """All steps of a sequence as one vector; padded steps are zero.

    x (time, d) -> (time d,).

    Examples
    --------
    >>> Flatten().output_shape((7, 3))
    (21,)
    """

    def output_shape(self, shape: Shape) -> Shape:
        """One value a step and feature."""
        time, width = sequence_shape(self, shape)
        return (time * width,)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Step after step."""
        return (x if mask is None else jnp.where(mask[:, None], x, 0.0)).reshape(-1)
