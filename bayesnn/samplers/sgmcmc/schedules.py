"""Step sizes that change during a run of stochastic gradient MCMC."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from bayesnn._internal import checks


class Schedule(abc.ABC):
    """Step sizes as a function of t, the number of minibatch steps since the end of warm-up, negative during it."""

    @abc.abstractmethod
    def size(self, t: jax.Array) -> jax.Array:
        """Step size () of step t."""

    def heated(self, t: jax.Array) -> jax.Array:
        """Whether step t adds noise."""
        return jnp.asarray(True)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Step sizes a (b + t)^-c, which fall slowly enough to reach every region and fast enough for the bias to vanish.

    The conditions of Robbins and Monro, a divergent sum of steps and a finite sum of their squares, hold for
    0.5 < c <= 1. In warm-up the step size is constant, a b^-c. Late draws move less than early ones: weight them by the
    sample statistic `step_size`, or choose a constant step size and accept its bias.

    Parameters
    ----------
    a, b : float
        Scale and offset.
    c : float
        Above 0.5 and at most 1. The rate of convergence is best at 1/3 (Teh, Thiery and Vollmer, 2016), which is
        outside the conditions.

    Raises
    ------
    ValueError
        If a setting is out of range or the conditions do not hold.

    References
    ----------
    M. Welling and Y. W. Teh (2011), Bayesian learning via stochastic gradient Langevin dynamics, ICML, equation (2).

    See Also
    --------
    Cyclical : step sizes that rise and fall
    SGLD : Langevin steps on minibatches
    SGHMC : Hamiltonian steps on minibatches

    Examples
    --------
    >>> float(Polynomial(0.1, 100.0, 1.0).size(0))
    0.0010000000474974513
    """

    a: float
    b: float = 1000.0
    c: float = 0.55

    def __post_init__(self) -> None:
        """Raise a ValueError unless the Robbins-Monro conditions hold."""
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
    """Cosine cycles of large step sizes, which find another mode, and small ones, which sample it.

    Draws are taken at the ends of cycles: thinning * steps must be a multiple of `length`.

    Parameters
    ----------
    largest : float
        The step size at the start of a cycle, from where it falls towards zero.
    length : int
        Minibatch steps per cycle.
    exploration : float
        Fraction at the beginning of each cycle in which steps have no noise, at least 0 and below 1.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    R. Zhang, C. Li, J. Zhang, C. Chen and A. G. Wilson (2020), Cyclical stochastic gradient MCMC for Bayesian deep
    learning, ICLR, equation (1) and algorithm 1.

    See Also
    --------
    Polynomial : step sizes that fall
    SGLD : Langevin steps on minibatches
    SGHMC : Hamiltonian steps on minibatches

    Examples
    --------
    >>> [round(float(Cyclical(1.0, length=4).size(t)), 3) for t in range(5)]
    [1.0, 0.854, 0.5, 0.146, 1.0]
    """

    largest: float
    length: int
    exploration: float = 0.0

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.positive("largest", self.largest)
        checks.positive_integer("length", self.length)
        checks.number("exploration", self.exploration)
        if not 0 <= self.exploration < 1:
            raise ValueError(f"exploration must be at least 0 and below 1, got {self.exploration!r}")

    def size(self, t: jax.Array) -> jax.Array:
        """Half the largest step times 1 + cos(pi place/length)."""
        return 0.5 * self.largest * (1.0 + jnp.cos(jnp.pi * (t % self.length) / self.length))

    def heated(self, t: jax.Array) -> jax.Array:
        """Whether step t is past the exploration of its cycle."""
        return t % self.length >= self.exploration * self.length
