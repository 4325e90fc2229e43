"""Dropout: noise during optimisation, and in the draws of `MCDropout`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weights
from bayesnn.layers.base import Layer
from bayesnn.layers.pooling import Weightless


@dataclass
class Keys:
    """A sequence of different random keys.

    `by_row` says that every example drops values of its own, `by_step` that every step of a sequence does.
    """

    key: jax.Array
    by_row: bool = True
    by_step: bool = True
    count: int = 0

    def take(self) -> jax.Array:
        """The next key."""
        self.count += 1
        return jax.random.fold_in(self.key, self.count)


_KEYS: ContextVar[Keys | None] = ContextVar("keys of dropout", default=None)


@contextmanager
def dropping(key: jax.Array, *, by_row: bool = True, by_step: bool = True) -> Iterator[None]:
    """Context in which `Dropout` layers drop values at random, with this key; it may enclose one example or many."""
    token = _KEYS.set(Keys(key, by_row, by_step))
    try:
        yield
    finally:
        _KEYS.reset(token)


def dropout_keys() -> Keys | None:
    """The keys inside `dropping`; None outside, where nothing is dropped."""
    return _KEYS.get()


def has_dropout(layer: Any) -> bool:
    """Whether a layer is `Dropout`, or has one inside it."""
    if isinstance(layer, (tuple, list)):
        return any(map(has_dropout, layer))
    if not isinstance(layer, Layer):
        return False
    return isinstance(layer, Dropout) or any(has_dropout(getattr(layer, f.name)) for f in fields(layer))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Dropout(Weightless):
    """During optimisation, each value is set to zero with probability `rate`, and the others are divided by 1 - rate.

    x (..., d) -> (..., d). It acts in `MAP` and `Ensemble`, and in the optimisation that finds where other samplers
    start. Samplers, early stopping and all predictions use the network without it. The posterior needs no such noise;
    dropout is for a point estimate of the same network. `MCDropout` keeps it on in predictions.

    Parameters
    ----------
    rate : float
        Probability of dropping a value, between 0 and 1.

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov (2014), Dropout: a simple way to prevent
    neural networks from overfitting, Journal of Machine Learning Research 15, 1929-1958.

    See Also
    --------
    MCDropout : dropout as an approximation
    Dense : units on all inputs

    Examples
    --------
    >>> Dropout(0.5).output_shape((10, 4))
    (10, 4)
    """

    at_each_step: ClassVar[bool] = True

    rate: float = 0.5

    def __post_init__(self) -> None:
        checks.fraction("rate", self.rate)

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """x itself outside `dropping`, and inside it x with values dropped."""
        keys = dropout_keys()
        if keys is None:
            return x
        kept = jax.random.bernoulli(keys.take(), 1.0 - self.rate, x.shape if keys.by_step else x.shape[-1:])
        return jnp.where(kept, x / (1.0 - self.rate), 0.0)
