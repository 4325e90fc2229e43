"""The one adapter between this package's samplers and NumPyro's `MCMCKernel`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.infer.mcmc import MCMCKernel

from bayesnn.models.model import Model
from bayesnn.samplers.base import Info, Steps


class KernelState(NamedTuple):
    """A chain's state as NumPyro sees it: iteration, warm-up length, sites, own state, info and key."""

    i: jax.Array
    num_warmup: jax.Array
    z: dict[str, jax.Array]
    inner: Any
    info: Info
    rng_key: jax.Array


@dataclass(frozen=True)
class StepsKernel(MCMCKernel):
    """Makes `numpyro.infer.MCMC(StepsKernel(sampler, model), ...).run(key, x, y)` work for any of our samplers."""

    sampler: Steps
    model: Model

    @functools.cached_property
    def step(self) -> Any:
        """The sampler's step (key, state, model_args) -> state, info, traced once for `init` and `sample`."""
        return jax.jit(lambda key, inner, args: self.sampler.step(key, inner, self.model, *args))

    @property
    def sample_field(self) -> str:
        """Where the draws are."""
        return "z"

    def init(self, rng_key: Any, num_warmup: int, init_params: Any, model_args: Any, model_kwargs: Any) -> KernelState:
        """Start one chain, or a batch of chains when given a batch of keys."""

        def one(key: jax.Array) -> KernelState:
            key_chain, key_init, key_shape = jax.random.split(key, 3)
            inner = self.sampler.init(key_init, self.model, *model_args)
            shapes = jax.eval_shape(lambda s: self.step(key_shape, s, model_args)[1], inner)
            info = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
            count = jnp.asarray(num_warmup)
            return KernelState(
                jnp.zeros_like(count),
                count,
                self.sampler.sites(inner, self.model, model_args[0]),
                inner,
                info,
                key_chain,
            )

        single = jnp.ndim(rng_key) == (0 if jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key) else 1)
        return one(rng_key) if single else jax.vmap(one)(rng_key)

    def sample(self, state: KernelState, model_args: Any, model_kwargs: Any) -> KernelState:
        """One step, adapted while in warm-up, of one chain or of the batch of chains that `init` gave."""
        if jnp.ndim(state.i):
            return jax.vmap(lambda one: self.sample(one, model_args, model_kwargs))(state)
        key_chain, key_step = jax.random.split(state.rng_key)
        inner, info = self.step(key_step, state.inner, model_args)
        adapted = self.sampler.adapt(inner, info, state.i)
        warming = state.i < state.num_warmup
        inner = jax.tree.map(lambda new, old: jnp.where(warming, new, old), adapted, inner)
        return KernelState(
            state.i + 1, state.num_warmup, self.sampler.sites(inner, self.model, model_args[0]), inner, info, key_chain
        )
