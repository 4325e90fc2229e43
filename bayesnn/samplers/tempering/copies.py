"""Copies of a chain at several temperatures: how a kernel moves one of them, and what goes along in an exchange.

What describes a point of the posterior goes along: positions, hyperparameters, energies and gradients. What describes
the kernel stays with the temperature: step sizes, mass matrices, random keys.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro import infer
from numpyro.infer.mcmc import MCMCKernel
from numpyro.infer.util import potential_energy

from bayesnn.samplers.base import Chains, Stats
from bayesnn.samplers.density import Data, WeightedLikelihood
from bayesnn.samplers.kernel import KernelState, StepsKernel


class Copies(abc.ABC):
    """What tempering needs of a kernel. All methods but `exchange` and `postprocess` are for one copy."""

    @abc.abstractmethod
    def init(self, key: jax.Array, num_warmup: Any, temperature: jax.Array, start: Any, data: Data) -> Any:
        """A copy at its start: drawn by the kernel, or at `start`, as `given` makes it."""

    @abc.abstractmethod
    def given(self, states: Any) -> Any:
        """What `init` takes as `start`, from states of the plain kernel."""

    @abc.abstractmethod
    def move(self, state: Any, temperature: jax.Array, data: Data) -> Any:
        """The copy after one transition that leaves prior times likelihood^temperature invariant."""

    def rounds(self, states: Any) -> int:
        """Rounds of moves and exchanges in a step."""
        return 1

    @abc.abstractmethod
    def level(self, state: Any) -> jax.Array:
        """Log likelihood () of the copy's state."""

    @abc.abstractmethod
    def exchange(self, states: Any, source: jax.Array, temperatures: jax.Array) -> Any:
        """States (K, ...) by temperature after an exchange: the point at temperature k is that of source[k]."""

    @abc.abstractmethod
    def draw(self, state: Any, data: Data) -> Any:
        """The copy's draw, which `postprocess` turns into sites."""

    def postprocess(self, data: Data) -> Any:
        """The function that gives all sites from a draw."""
        return lambda draw: draw

    @abc.abstractmethod
    def stats(self, state: Any) -> Stats:
        """Sample statistics of the copy's last transition."""


@dataclass(frozen=True)
class StepsCopies(Copies):
    """Copies of a sampler with a transition of its own, which it divides into rounds."""

    sampler: Any
    kernel: StepsKernel

    def init(self, key: jax.Array, num_warmup: Any, temperature: jax.Array, start: Any, data: Data) -> KernelState:
        key_chain, key_init, key_level = jax.random.split(key, 3)
        steps = self.kernel.sampler
        inner = steps.init(key_init, self.kernel.model, *data) if start is None else start
        inner = inner._replace(temperature=temperature)
        info = jax.eval_shape(lambda s: steps.step(key_level, s, self.kernel.model, *data)[1], inner)
        info = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), info)
        count = jnp.asarray(num_warmup) * steps.rounds(inner)[1]  # a copy counts its moves; a step has several
        return KernelState(jnp.zeros_like(count), count, {}, inner, info, key_chain)

    def given(self, states: KernelState) -> Any:
        return states.inner

    def rounds(self, states: KernelState) -> int:
        return self.kernel.sampler.rounds(states.inner)[1]

    def move(self, state: KernelState, temperature: jax.Array, data: Data) -> KernelState:
        key_chain, key_step = jax.random.split(state.rng_key)
        inner = state.inner._replace(temperature=temperature)
        steps, _ = self.kernel.sampler.rounds(inner)
        inner, info = steps.step(key_step, inner, self.kernel.model, *data)
        adapted = self.kernel.sampler.adapt(inner, info, state.i)
        inner = jax.tree.map(lambda new, old: jnp.where(state.i < state.num_warmup, new, old), adapted, inner)
        return KernelState(state.i + 1, state.num_warmup, {}, inner, info, key_chain)

    def level(self, state: KernelState) -> jax.Array:
        level: Any = state.info.log_likelihood
        return level

    def exchange(self, states: KernelState, source: jax.Array, temperatures: jax.Array) -> KernelState:
        inner = jax.tree.map(lambda a: a[source], states.inner)
        stay = {name: getattr(states.inner, name) for name in self.kernel.sampler.tuned}
        info = states.info._replace(log_likelihood=self.level(states)[source])
        return states._replace(inner=inner._replace(temperature=temperatures, **stay), info=info)

    def draw(self, state: KernelState, data: Data) -> Any:
        return self.kernel.sampler.sites(state.inner, self.kernel.model, data[0])

    def stats(self, state: KernelState) -> Stats:
        return self.sampler.stats(state)


class GradientState(NamedTuple):
    """The state of NumPyro's kernel, and -log prior and log likelihood of its point with their gradients."""

    hmc: Any
    prior: jax.Array
    level: jax.Array
    prior_gradient: Any
    level_gradient: Any


@dataclass(frozen=True)
class TemperedModel:
    """A NumPyro model with its likelihood raised to the power `temperature`, its first argument."""

    target: Any

    def __call__(self, temperature: jax.Array, *data: Any) -> Any:
        """Issue the statements of the model."""
        return WeightedLikelihood(self.target, temperature)(*data)


@dataclass(frozen=True)
class GradientCopies(Copies):
    """Copies of NumPyro's HMC or NUTS, each with a step size and mass matrix of its own temperature."""

    sampler: Chains
    kernel: MCMCKernel
    model: TemperedModel

    def init(self, key: jax.Array, num_warmup: Any, temperature: jax.Array, start: Any, data: Data) -> GradientState:
        return self._with_parts(self.kernel.init(key, num_warmup, start, (temperature, *data), {}), data)

    def given(self, states: Any) -> Any:
        return states.z

    def move(self, state: GradientState, temperature: jax.Array, data: Data) -> GradientState:
        return self._with_parts(self.kernel.sample(state.hmc, (temperature, *data), {}), data)

    def level(self, state: GradientState) -> jax.Array:
        return state.level

    def exchange(self, states: GradientState, source: jax.Array, temperatures: jax.Array) -> GradientState:
        z, prior, level, g_prior, g_level = jax.tree.map(
            lambda a: a[source],
            (states.hmc.z, states.prior, states.level, states.prior_gradient, states.level_gradient),
        )

        def gradient(of_prior: jax.Array, of_level: jax.Array) -> jax.Array:
            return of_prior - temperatures.reshape(-1, *(1,) * (of_prior.ndim - 1)) * of_level

        z_grad = jax.tree.map(gradient, g_prior, g_level)
        hmc = states.hmc._replace(z=z, potential_energy=prior - temperatures * level, z_grad=z_grad)
        return GradientState(hmc, prior, level, g_prior, g_level)

    def draw(self, state: GradientState, data: Data) -> Any:
        return state.hmc.z

    def postprocess(self, data: Data) -> Any:
        return self.kernel.postprocess_fn((jnp.ones(()), *data), {})

    def stats(self, state: GradientState) -> Stats:
        return self.sampler.stats(state.hmc)

    def _with_parts(self, hmc: Any, data: Data) -> GradientState:
        """The state with prior and likelihood of its point apart, from the potential at temperatures 0 and 1."""

        def potential(z: Any, temperature: float) -> jax.Array:
            return potential_energy(self.model, (temperature, *data), {}, z)

        prior, g_prior = jax.value_and_grad(potential)(hmc.z, 0.0)
        both, g_both = jax.value_and_grad(potential)(hmc.z, 1.0)
        return GradientState(hmc, prior, prior - both, g_prior, jax.tree.map(jnp.subtract, g_prior, g_both))


def copies_of(sampler: Chains, model: Any) -> Copies:
    """The copies of a sampler for a model.

    Raises
    ------
    ValueError
        If the sampler cannot be tempered.
    """
    kernel = sampler.kernel(model) if isinstance(sampler, Chains) else None
    if isinstance(kernel, StepsKernel) and kernel.sampler.tempers:
        return StepsCopies(sampler, kernel)
    if isinstance(kernel, infer.HMC):
        wrapped = TemperedModel(model)
        return GradientCopies(sampler, sampler.kernel(wrapped), wrapped)
    raise ValueError(f'Tempered is for the samplers "gibbs", "nuts" and "hmc", got {sampler}')
