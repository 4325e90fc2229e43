"""A system of copies of a chain at several temperatures, as a NumPyro kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn.samplers.base import Stats
from bayesnn.samplers.kernel import SingleChainKernel
from bayesnn.samplers.tempering.copies import Copies
from bayesnn.samplers.tempering.ladder import Ladder, exchange, respaced, start_ladder

FIRST = 8  # warm-up steps after which the ladder is spaced for the first time; then after twice as many, and so on
# axes of the statistics that have one value per temperature, or per pair of neighbours, at each draw
STAT_DIMS = {"swap_rate": ("pair",)} | {
    name: ("temperature",) for name in ("copy", "temperatures", "log_likelihood_at")
}


class Start(NamedTuple):
    """Where a system starts: temperatures (K,), and states of the copies (K, ...), None for the sampler's own."""

    temperatures: jax.Array
    states: Any = None


class System(NamedTuple):
    """Iteration, warm-up length, cold draw, copies (K, ...) by temperature, ladder, statistics of the draw, and key."""

    i: jax.Array
    num_warmup: jax.Array
    z: Any
    copies: Any
    ladder: Ladder
    stats: Stats
    rng_key: jax.Array


@dataclass(frozen=True)
class SystemKernel(SingleChainKernel):
    """The kernel of a system; z is the draw of the copy at temperature 1.

    A step is one round or several; in each every copy moves once, and neighbours exchange their states.
    """

    copies: Copies
    temperatures: tuple[float, ...]
    adapts: bool

    def postprocess_fn(self, model_args: Any, model_kwargs: Any) -> Any:
        """The function that gives all sites from a draw."""
        return self.copies.postprocess(model_args)

    def init_one(self, rng_key: jax.Array, num_warmup: Any, init_params: Any, model_args: Any) -> System:
        """Start at `init_params`, a `Start`; without it at the kernel's own temperatures."""
        start = Start(jnp.asarray(self.temperatures)) if init_params is None else init_params
        key_chain, key_copies = jax.random.split(rng_key)
        keys = jax.random.split(key_copies, len(start.temperatures))
        states = jax.vmap(lambda key, t, state: self.copies.init(key, num_warmup, t, state, model_args))(keys, *start)
        swaps, i = jnp.zeros(len(start.temperatures) - 1), jnp.zeros((), int)
        return self._system(i, i + num_warmup, states, start_ladder(start.temperatures), swaps, key_chain, model_args)

    def sample_one(self, state: System, model_args: Any) -> System:
        """One step, after which the ladder is spaced anew where that is due."""

        def one(carry: Any, inputs: Any) -> Any:
            states, ladder = carry
            key, odd = inputs
            states = jax.vmap(lambda s, t: self.copies.move(s, t, model_args))(states, ladder.temperatures)
            ladder, source, rates = exchange(key, ladder, jax.vmap(self.copies.level)(states), odd)
            return (self.copies.exchange(states, source, ladder.temperatures), ladder), rates

        key_chain, key_rounds = jax.random.split(state.rng_key)
        count = self.copies.rounds(state.copies)
        odd = (state.i * count + jnp.arange(count)) % 2
        (states, ladder), rates = lax.scan(
            one, (state.copies, state.ladder), (jax.random.split(key_rounds, count), odd)
        )
        ladder = self._adapt(ladder, state.i + 1, state.num_warmup) if self.adapts else ladder
        return self._system(state.i + 1, state.num_warmup, states, ladder, rates.mean(axis=0), key_chain, model_args)

    def _adapt(self, ladder: Ladder, done: jax.Array, num_warmup: jax.Array) -> Ladder:
        """The ladder, spaced anew after FIRST, 2 FIRST, 4 FIRST, ... steps of warm-up, and at its end."""
        doubled = (done >= FIRST) & ((done & (done - 1)) == 0)
        due = (doubled & (done < num_warmup)) | (done == num_warmup)
        return jax.tree.map(lambda new, old: jnp.where(due, new, old), respaced(ladder), ladder)

    def _system(
        self,
        i: jax.Array,
        num_warmup: jax.Array,
        states: Any,
        ladder: Ladder,
        swaps: jax.Array,
        key: jax.Array,
        data: Any,
    ) -> System:
        cold = jax.tree.map(lambda a: a[0], states)
        stats = self.copies.stats(cold) | {
            "swap_rate": swaps,
            "round_trips": ladder.trips,
            "copy": ladder.copy,
            "temperatures": ladder.temperatures,
            "log_likelihood_at": jax.vmap(self.copies.level)(states),
        }
        return System(i, num_warmup, self.copies.draw(cold, data), states, ladder, stats, key)
