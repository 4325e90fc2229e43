"""Step sizes that change while a chain of minibatch steps goes on."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn._internal import checks


class Schedule(abc.ABC):
    """Step sizes by the number t of minibatch steps since the warm-up, negative during it."""

    @abc.abstractmethod
    def size(self, t: jax.Array) -> jax.Array:
        """Step size () of step t."""

    def heated(self, t: jax.Array) -> jax.Array:
        """Whether step t adds noise."""
        return jnp.asarray(True)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Steps a (b + t)^-c, which fall slowly enough to reach everywhere and fast enough to lose their bias.

    The conditions of Robbins and Monro, a divergent sum of steps and a finite sum of their squares, hold for
    0.5 < c <= 1. In warm-up the steps stand at a b^-c. Late draws move less than early ones: weigh them by the sample
    statistic `step_size`, or choose a constant step and accept its bias.

    Parameters
    ----------
    a, b : float
    c : float
        Above 0.5 and at most 1. The rate of convergence is best at 1/3 (Teh, Thiery and Vollmer, 2016), which is
        outside of the conditions.

    References
    ----------
    M. Welling and Y. W. Teh (2011), Bayesian learning via stochastic gradient Langevin dynamics, ICML, equation (2).

    Examples
    --------
    >>> float(Polynomial(0.1, 100.0, 1.0).size(0))
    0.0010000000474974513
    """

    a: float
    b: float = 1000.0
    c: float = 0.55

    def __post_init__(self) -> None:
        """Refuse steps that do not meet the conditions."""
        checks.positive("a", self.a)
        checks.positive("b", self.b)
        checks.number("c", self.c)
        if not 0.5 < self.c <= 1:
            raise ValueError(
                f"c must be above 0.5 and at most 1, or the steps a (b + t)^-c do not meet the Robbins-Monro "
                f"conditions, got {self.c!r}: give step_size as a number for constant steps"
            )

    def size(self, t: jax.Array) -> jax.Array:
        """a (b + t)^-c."""
        return self.a * (self.b + jnp.maximum(t, 0)) ** -self.c


@dataclass(frozen=True)
class Cyclical(Schedule):
    """Cycles of large steps, which look for another mode, and small ones, which sample it: half a cosine each.

    Draws must be whole cycles apart, and stand at the ends of cycles: thinning * steps is a multiple of `length`.

    Parameters
    ----------
    largest : float
        The first step size of a cycle; they fall towards zero.
    length : int
        Minibatch steps of a cycle.
    exploration : float
        Fraction of a cycle, at its beginning, without noise, from 0 to below 1.

    References
    ----------
    R. Zhang, C. Li, J. Zhang, C. Chen and A. G. Wilson (2020), Cyclical stochastic gradient MCMC for Bayesian deep
    learning, ICLR, equation (1) and algorithm 1.

    Examples
    --------
    >>> [round(float(Cyclical(1.0, length=4).size(t)), 3) for t in range(5)]
    [1.0, 0.854, 0.5, 0.146, 1.0]
    """

    largest: float
    length: int
    exploration: float = 0.0

    def __post_init__(self) -> None:
        """Refuse impossible cycles."""
        checks.positive("largest", self.largest)
        checks.positive_integer("length", self.length)
        checks.number("exploration", self.exploration)
        if not 0 <= self.exploration < 1:
            raise ValueError(f"exploration must be at least 0 and below 1, got {self.exploration!r}")

    def size(self, t: jax.Array) -> jax.Array:
        """Half the largest step times 1 + cos(pi place/length)."""
        return 0.5 * self.largest * (1.0 + jnp.cos(jnp.pi * (t % self.length) / self.length))

    def heated(self, t: jax.Array) -> jax.Array:
        """Past the exploration."""
        return t % self.length >= self.exploration * self.length
