"""Factors of the precision of a weight, each with its exact Gibbs update.

A weight w ~ N(0, sd^2 / (t_1 t_2 ...)) has a fixed sd and one factor t per level (its group, its source unit, the
weight itself). A factor is shared along some axes: its shape is that of the weights, with ones along these axes. Given
the weights and the other factors, its conditional depends only on the number of weights that share it and on the sum of
their squares, each weight divided by its scale from sd and the other factors. The state of a factor is a tuple: its
value, followed by auxiliary variables of its update.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from bayesnn._internal import conditionals

FactorState = tuple[jax.Array, ...]


class Factor(abc.ABC):
    """A frozen spec of the distribution of one factor.

    `level` is the last part of its site's name; `shared` are the axes along which weights share one value (None: all).
    """

    level: str
    shared: tuple[int, ...] | None

    def shape(self, weight: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the factor for weights of this shape."""
        shared = range(len(weight)) if self.shared is None else self.shared
        return tuple(1 if axis in shared else size for axis, size in enumerate(weight))

    def squares(self, standardised: jax.Array) -> tuple[jax.Array, float]:
        """Sum of squares of the standardised weights that share each value, and the number of these weights."""
        axes = tuple(range(standardised.ndim)) if self.shared is None else self.shared
        count = 1
        for axis in axes:
            count *= standardised.shape[axis]
        return jnp.sum(standardised**2, axis=axes, keepdims=True), count

    @abc.abstractmethod
    def sample(self, name: str, shape: tuple[int, ...]) -> jax.Array:
        """Issue the sample statement and return the factor."""

    @abc.abstractmethod
    def start(self, key: jax.Array, shape: tuple[int, ...]) -> FactorState:
        """Initial state, not random in most factors: a draw from a vague prior may be astronomical."""

    @abc.abstractmethod
    def update(self, key: jax.Array, state: FactorState, squares: jax.Array, count: float) -> FactorState:
        """Draw the factor from its exact conditional, given sums of squares of `count` standardised weights."""


@dataclass(frozen=True)
class GammaFactor(Factor):
    """t ~ Gamma(size/2, rate size guess/2): the variance 1/t has prior scale `guess` and `size` degrees of freedom."""

    level: str
    shared: tuple[int, ...] | None
    guess: float
    size: float

    def sample(self, name: str, shape: tuple[int, ...]) -> jax.Array:
        half = self.size / 2
        return numpyro.sample(f"{name}_precision", dist.Gamma(half, half * self.guess).expand(shape).to_event())

    def start(self, key: jax.Array, shape: tuple[int, ...]) -> FactorState:
        """The precision that belongs to the guess."""
        return (jnp.full(shape, 1.0 / self.guess),)

    def update(self, key: jax.Array, state: FactorState, squares: jax.Array, count: float) -> FactorState:
        """Gamma((size + count)/2, rate (size guess + squares)/2)."""
        rate = 0.5 * (self.size * self.guess + squares)
        return (jax.random.gamma(key, 0.5 * (self.size + count), squares.shape) / rate,)


@dataclass(frozen=True)
class HalfCauchyFactor(Factor):
    """t^(-1/2) ~ half-Cauchy(scale)."""

    level: str
    shared: tuple[int, ...] | None
    scale: float

    def sample(self, name: str, shape: tuple[int, ...]) -> jax.Array:
        """Issue the site of the scale t^(-1/2) and return t."""
        return numpyro.sample(f"{name}_sd", dist.HalfCauchy(self.scale).expand(shape).to_event()) ** -2

    def start(self, key: jax.Array, shape: tuple[int, ...]) -> FactorState:
        return jnp.full(shape, self.scale**-2.0), jnp.ones(shape)

    def update(self, key: jax.Array, state: FactorState, squares: jax.Array, count: float) -> FactorState:
        """A half-Cauchy scale means a gamma precision whose rate is again gamma: both are drawn in turn.

        E. Makalic and D. Schmidt (2016), A simple sampler for the horseshoe estimator, IEEE Signal Processing Letters
        23, equations (5) to (8).
        """
        key_value, key_rate = jax.random.split(key)
        _, rate = state
        value = jax.random.gamma(key_value, 0.5 * (1 + count), squares.shape) / (rate + 0.5 * squares)
        new_rate = jax.random.gamma(key_rate, 1.0, squares.shape) / (self.scale**-2.0 + value)
        return value, new_rate


@dataclass(frozen=True)
class ExponentialFactor(Factor):
    """1/t ~ Exponential(1), so that N(0, 1/t) is a Laplace distribution of variance 1; one factor per weight."""

    level: str
    shared: tuple[int, ...] = ()

    def sample(self, name: str, shape: tuple[int, ...]) -> jax.Array:
        """Issue the site of the variance 1/t and return t."""
        return 1.0 / numpyro.sample(f"{name}_variance", dist.Exponential(1.0).expand(shape).to_event())

    def start(self, key: jax.Array, shape: tuple[int, ...]) -> FactorState:
        return (jnp.ones(shape),)

    def update(self, key: jax.Array, state: FactorState, squares: jax.Array, count: float) -> FactorState:
        """t ~ inverse Gaussian(mean sqrt(2/w^2), shape 2).

        T. Park and G. Casella (2008), The Bayesian lasso, JASA 103, section 2.
        """
        mean = jnp.sqrt(2.0 / jnp.maximum(squares, 1e-300))
        return (conditionals.inverse_gaussian(key, mean, 2.0),)
