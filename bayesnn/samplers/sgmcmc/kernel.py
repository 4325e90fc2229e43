"""Langevin and Hamiltonian dynamics on minibatches: SGLD and SGHMC, one kernel for both.

U(theta) = -log p(y | theta) - log p(theta), the sum over all n rows, in the unconstrained space. Its gradient g is
estimated from B rows drawn with replacement, whose log likelihood is multiplied by n/B. There is no Metropolis
correction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal.counter_numbers import Words, words_of
from bayesnn.samplers.by_length import Parts, split
from bayesnn.samplers.density import FEW_ROWS, Data, Density, make_density, take_rows
from bayesnn.samplers.kernel import SingleChainKernel
from bayesnn.samplers.sgmcmc.noise import random_rows, standard_noise, words_of_steps
from bayesnn.samplers.sgmcmc.schedules import Schedule

DECAY = 0.99  # decay of the running mean of squared gradients; Li et al. (2016), section 5
BIAS = 0.05  # relative excess of the variance in the stiffest direction at the default step size; chosen here
POWER_STEPS = 15  # iterations of the power method that finds the largest curvature
ALIGNED = 64  # vectors are padded to a multiple of it: XLA compiles slow loops for odd lengths


class Spec(Protocol):
    """The attributes and methods of a sampler spec that the kernel uses."""

    step_size: float | Schedule | None
    batch_size: int
    steps: int
    temperature: float
    preconditioner: str | None
    damping: float
    control_variates: bool
    clip: float | None

    def default_step(self, langevin: jax.Array) -> jax.Array:
        """The default step size, given the step size of Langevin dynamics that has the wanted bias."""

    def momentum(self, key: jax.Array, z: jax.Array, pace: jax.Array) -> jax.Array | None:
        """A starting momentum, None if there is no momentum; `pace` is the step size times the preconditioner."""

    def move(
        self, z: jax.Array, momentum: Any, gradient: jax.Array, noise: jax.Array, pace: jax.Array
    ) -> tuple[jax.Array, Any]:
        """One step; `noise` is standard normal noise times the square root of the temperature."""


class Centre(NamedTuple):
    """A point (d,) near the mode, and the gradient (d,) of all rows there."""

    position: jax.Array
    gradient: jax.Array


class StochasticState(NamedTuple):
    """A chain: iteration, warm-up length, z (d,), momentum (d,), mean squared gradient (d,), centre, and random key.

    `base` is the default step size, 0 if one is given; `loss` is U/n at z, estimated from a minibatch; `step` is the
    last step size. Fields that a spec does not need are None.
    """

    i: jax.Array
    num_warmup: jax.Array
    z: jax.Array
    momentum: Any
    squares: Any
    centre: Any
    base: jax.Array
    loss: jax.Array
    step: jax.Array
    rng_key: jax.Array


@dataclass(frozen=True)
class StochasticKernel(SingleChainKernel):
    """NumPyro kernel of a spec and a model; z (d,) is the flat vector of unconstrained sites.

    The first `arguments` entries of the data are arguments of the model, None for all; the next one holds the numbers
    of the rows to sample from. `parts` says how minibatches of sequences are split by length.
    """

    spec: Any
    model: Any
    arguments: int | None = None
    parts: Parts | None = None

    def postprocess_fn(self, model_args: Any, model_kwargs: Any) -> Any:
        """The function that gives all sites from z."""
        data = model_args[: self.arguments]
        density = make_density(self.model, data)
        return lambda theta: density.sites(theta, data)

    def init_one(self, rng_key: jax.Array, num_warmup: Any, init_params: Any, model_args: Any) -> StochasticState:
        """Start at `init_params` (d,), or at a draw of the prior."""
        spec: Spec = self.spec
        key_start, key_rows, key_momentum, key_chain = jax.random.split(rng_key, 4)
        rows = self.rows(model_args)
        few = rows.some(words_of(key_rows), min(FEW_ROWS, rows.number))
        density = make_density(self.model, few)
        z = density.start(key_start, few) if init_params is None else init_params
        potential = self.potential(density, few, rows.number)
        value, gradient = jax.value_and_grad(potential)(z)
        base = jnp.zeros_like(value)
        if spec.step_size is None:
            langevin = default_langevin_step(jax.grad(potential), z, rows.number / spec.batch_size)
            base = spec.default_step(langevin).astype(z.dtype)
        i = jnp.zeros((), int)
        step = self.step_size(base, i - num_warmup * spec.steps)
        squares = None if spec.preconditioner is None else (gradient / rows.number) ** 2
        return StochasticState(
            i,
            i + num_warmup,
            z,
            spec.momentum(key_momentum, z, step * self.scale(squares, density.size)),
            squares,
            Centre(z, self.full_gradient(density, rows, z)) if spec.control_variates else None,
            base,
            value / rows.number,
            step,
            key_chain,
        )

    def sample_one(self, state: StochasticState, model_args: Any) -> StochasticState:
        """The minibatch steps of one draw."""
        spec: Spec = self.spec
        rows = self.rows(model_args)
        density = split(make_density(self.model, model_args[: self.arguments]), self.parts)
        first = (state.i - state.num_warmup) * spec.steps
        key, key_steps = jax.random.split(state.rng_key)
        for_rows, for_noise = words_of_steps(words_of(key_steps), spec.steps + 1)

        begin = resized(state, -(-density.size // ALIGNED) * ALIGNED)
        scale = self.scale(begin.squares, density.size)

        def step(j: jax.Array, carry: StochasticState) -> StochasticState:
            size = self.step_size(state.base, first + j)
            gradient = self.gradient(density, carry, rows.some(_at(for_rows, j), spec.batch_size), rows.number)
            squares = self.squares(carry, gradient, rows.number, first + j < 0)
            noise = self.heat(first + j) * standard_noise(_at(for_noise, j), carry.z)
            z, momentum = spec.move(carry.z, carry.momentum, gradient, noise, size * scale)
            return carry._replace(z=z, momentum=momentum, squares=squares, step=size)

        end = resized(lax.fori_loop(0, spec.steps, step, begin), density.size)
        batch = rows.some(_at(for_rows, -1), spec.batch_size)
        loss = self.potential(density, batch, rows.number)(end.z) / rows.number
        return end._replace(i=state.i + 1, loss=loss, rng_key=key)

    def rows(self, model_args: Data) -> Rows:
        """The rows to sample from."""
        data = model_args[: self.arguments]
        chosen = model_args[self.arguments] if self.arguments is not None else None
        return Rows(data, chosen, len(data[0]) if chosen is None else len(chosen))

    def step_size(self, base: jax.Array, t: jax.Array) -> jax.Array:
        """Step size of minibatch step t, counted from the end of warm-up."""
        chosen = self.spec.step_size
        size = chosen.size(t) if isinstance(chosen, Schedule) else base if chosen is None else chosen
        return jnp.asarray(size, base.dtype)

    def heat(self, t: jax.Array) -> jax.Array:
        """The square root of the temperature; 0 at steps without noise."""
        root = self.spec.temperature**0.5
        chosen = self.spec.step_size
        return jnp.where(chosen.heated(t), root, 0.0) if isinstance(chosen, Schedule) else root

    def potential(self, density: Density, batch: Data, count: int) -> Callable[[jax.Array], jax.Array]:
        """U as a function of z, estimated from a batch of `count` rows; the padding of z is ignored."""
        return lambda z: density.potential(z[: density.size], batch, count / len(batch[0]))

    def full_gradient(self, density: Density, rows: Rows, z: jax.Array) -> jax.Array:
        """g from all rows."""
        return jax.grad(self.potential(density, rows.all(), rows.number))(z)

    def gradient(self, density: Density, state: StochasticState, batch: Data, count: int) -> jax.Array:
        """g from a minibatch, with control variates if there is a centre, and clipped if asked for."""
        estimate = jax.grad(self.potential(density, batch, count))
        gradient = estimate(state.z)
        if state.centre is not None:
            gradient = gradient - estimate(state.centre.position) + state.centre.gradient
        if self.spec.clip is not None:
            norm = jnp.sqrt(jnp.sum(gradient**2)) / count
            gradient = gradient * jnp.minimum(1.0, self.spec.clip / jnp.maximum(norm, 1e-30))
        return gradient

    def squares(self, state: StochasticState, gradient: jax.Array, count: int, warming: jax.Array) -> Any:
        """The running mean of squared gradients per row, updated during warm-up only."""
        if state.squares is None:
            return None
        new = DECAY * state.squares + (1.0 - DECAY) * (gradient / count) ** 2
        return jnp.where(warming, new, state.squares)

    def scale(self, squares: Any, size: int) -> Any:
        """Diagonal preconditioner, between 0 and 1, of `size` parameters; 1 if there is none."""
        if squares is None:
            return 1.0
        roots = jnp.sqrt(squares)
        return 1.0 / (1.0 + roots / (self.spec.damping * roots.sum() / size + 1e-30))


def _at(words: Words, step: Any) -> Words:
    return words[0][step], words[1][step]


def resized(state: StochasticState, size: int) -> StochasticState:
    """The state with all vectors cut, or padded with zeros, to this size."""

    def one(a: jax.Array) -> jax.Array:
        return a[:size] if size <= len(a) else jnp.pad(a, (0, size - len(a)))

    vectors = ("z", "momentum", "squares", "centre")
    return state._replace(**{name: jax.tree.map(one, getattr(state, name)) for name in vectors})


class Rows(NamedTuple):
    """The data, the numbers of the rows to sample from (None: all), and how many these are."""

    data: Data
    chosen: Any
    number: int

    def some(self, words: Words, size: int) -> Data:
        """A minibatch of `size` rows drawn with replacement."""
        places = random_rows(words, size, self.number)
        return take_rows(self.data, places if self.chosen is None else self.chosen[places])

    def all(self) -> Data:
        """All rows to sample from."""
        return self.data if self.chosen is None else take_rows(self.data, self.chosen)


def default_langevin_step(gradient: Callable[[jax.Array], jax.Array], z: jax.Array, ratio: float) -> jax.Array:
    """The step size of SGLD at which the variance in the stiffest direction is 5% too large; `ratio` is n/B.

    With curvature L in that direction and gradients of variance about L n/B (L being the Fisher information of n rows),
    the stationary variance of z' = z - e/2 g + N(0, e) is (1 + e L n/(4 B)) / (L (1 - e L/4)): e L (1 + n/B)/4 = 0.05.
    L is found by power iteration at z.
    """

    def product(v: jax.Array) -> jax.Array:
        return jax.jvp(gradient, (z,), (v,))[1]

    def better(_: int, v: jax.Array) -> jax.Array:
        turned = product(v)
        return turned / jnp.maximum(jnp.linalg.norm(turned), 1e-30)

    v = jax.random.normal(jax.random.key(0), z.shape, z.dtype)
    v = lax.fori_loop(0, POWER_STEPS, better, v / jnp.linalg.norm(v))
    largest = jnp.linalg.norm(product(v))
    return 4.0 * BIAS / (jnp.maximum(largest, 1e-30) * (1.0 + ratio))
