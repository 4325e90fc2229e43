"""Adapters to NumPyro's `MCMCKernel`: kernels written for one chain, and the kernel of a sampler of this package."""

from __future__ import annotations

import abc
import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.infer.mcmc import MCMCKernel

from bayesnn.models.model import Model
from bayesnn.samplers.base import Info, Steps


class SingleChainKernel(MCMCKernel, abc.ABC):
    """A kernel that is written for one chain and also runs a batch of chains, as NumPyro's vectorised chains need.

    Implement `init_one` and `sample_one`. The state is a NamedTuple with the fields `i` (), the iteration, and `z`, the
    draw.
    """

    @property
    def sample_field(self) -> str:
        """Name of the state's field that holds the draw."""
        return "z"

    @abc.abstractmethod
    def init_one(self, rng_key: jax.Array, num_warmup: Any, init_params: Any, model_args: Any) -> Any:
        """The state at the start of a chain."""

    @abc.abstractmethod
    def sample_one(self, state: Any, model_args: Any) -> Any:
        """The state one draw later."""

    def init(self, rng_key: Any, num_warmup: Any, init_params: Any, model_args: Any, model_kwargs: Any) -> Any:
        """Start one chain, or a batch of chains if given a batch of keys, of the typed or of the raw kind."""
        if jnp.ndim(rng_key) == (0 if jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key) else 1):
            return self.init_one(rng_key, num_warmup, init_params, model_args)
        return jax.vmap(lambda key, z: self.init_one(key, num_warmup, z, model_args))(rng_key, init_params)

    def sample(self, state: Any, model_args: Any, model_kwargs: Any) -> Any:
        """One draw of one chain, or of each chain of a batch."""
        if not jnp.ndim(state.i):
            return self.sample_one(state, model_args)
        return jax.vmap(lambda one: self.sample_one(one, model_args))(state)


class KernelState(NamedTuple):
    """A chain as NumPyro sees it: iteration, warm-up length, sites, the sampler's own state, info and key."""

    i: jax.Array
    num_warmup: jax.Array
    z: dict[str, jax.Array]
    inner: Any
    info: Info
    rng_key: jax.Array


@dataclass(frozen=True)
class StepsKernel(SingleChainKernel):
    """The kernel of a sampler and a model: `numpyro.infer.MCMC(StepsKernel(sampler, model), ...).run(key, x, y)`."""

    sampler: Steps
    model: Model

    @functools.cached_property
    def step(self) -> Any:
        """The sampler's step (key, state, model_args) -> state, info, traced once for `init` and `sample`."""
        return jax.jit(lambda key, inner, args: self.sampler.step(key, inner, self.model, *args))

    def init_one(self, rng_key: jax.Array, num_warmup: Any, init_params: Any, model_args: Any) -> KernelState:
        """Start at the sampler's own starting point; `init_params` are not used."""
        key_chain, key_init, key_shape = jax.random.split(rng_key, 3)
        inner = self.sampler.init(key_init, self.model, *model_args)
        shapes = jax.eval_shape(lambda s: self.step(key_shape, s, model_args)[1], inner)
        info = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
        count = jnp.asarray(num_warmup)
        sites = self.sampler.sites(inner, self.model, model_args[0])
        return KernelState(jnp.zeros_like(count), count, sites, inner, info, key_chain)

    def sample_one(self, state: KernelState, model_args: Any) -> KernelState:
        """One step, tuned during warm-up."""
        key_chain, key_step = jax.random.split(state.rng_key)
        inner, info = self.step(key_step, state.inner, model_args)
        adapted = self.sampler.adapt(inner, info, state.i)
        warming = state.i < state.num_warmup
        inner = jax.tree.map(lambda new, old: jnp.where(warming, new, old), adapted, inner)
        return KernelState(
            state.i + 1, state.num_warmup, self.sampler.sites(inner, self.model, model_args[0]), inner, info, key_chain
        )
