"""The tokens that one draw adds to a sequence: read again as a whole for each token, or step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn.fitting.draws import function_value
from bayesnn.likelihoods import class_probabilities
from bayesnn.models.model import Model
from bayesnn.models.readout import coefficients
from bayesnn.priors import Sites

KEYS = "keys of the draw"  # an entry beside the sites, so that every draw has its own keys


class Choice(NamedTuple):
    """How probabilities are changed before a token is drawn: see `generate`."""

    temperature: float
    top_k: int | None
    top_p: float | None

    def log_weights(self, p: jax.Array) -> jax.Array:
        """Probabilities (n, classes) -> unnormalised log probabilities, minus infinity for what cannot be drawn."""
        log_p = jax.nn.log_softmax(jnp.log(p) / self.temperature)
        descending = jnp.argsort(-log_p, axis=-1)
        rank = jnp.argsort(descending, axis=-1)
        allowed = rank < (p.shape[-1] if self.top_k is None else self.top_k)
        if self.top_p is not None:
            likeliest = jnp.where(jnp.take_along_axis(allowed, descending, -1), jnp.exp(jnp.sort(log_p)[:, ::-1]), 0.0)
            share = likeliest / likeliest.sum(axis=-1, keepdims=True)
            before = jnp.cumsum(share, axis=-1) - share  # of the likelier ones: below top_p for all that are needed
            allowed &= jnp.take_along_axis(before < self.top_p, rank, -1)
        return jnp.where(allowed, log_p, -jnp.inf)


def goes_stepwise(model: Model) -> bool:
    """Whether the function can be computed step by step: all layers allow it, and draws drop no units."""
    return model.network.stepwise and not model.dropout


@dataclass(frozen=True)
class Continue:
    """Tokens (n, length) of one draw after the first tokens of x (n, time), its own keys being among the sites."""

    choice: Choice | None

    def __call__(self, model: Model, sites: Sites, x: jax.Array, first: jax.Array, order: jax.Array) -> jax.Array:
        """Draw the tokens one after the other."""
        keys = jax.random.wrap_key_data(sites[KEYS])
        sites = {name: values for name, values in sites.items() if name != KEYS}
        labels = jnp.asarray(model.likelihood.classes, x.dtype)  # type: ignore[attr-defined]
        source, rows = model.network.reads.source, jnp.arange(len(x))

        def step(x: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            key, place = now
            f = function_value(model, sites, x)[rows, first + place - 1 - source]
            own = jax.vmap(lambda row: jax.random.fold_in(key, row))(order)  # whatever parts rows are split into
            token = labels[jax.vmap(lambda key, f: self.code(model, key, f))(own, f)]
            return x.at[rows, first + place].set(token, mode="drop"), token

        _, tokens = lax.scan(step, x, (keys, jnp.arange(len(keys))))
        return tokens.T

    def code(self, model: Model, key: jax.Array, f: jax.Array) -> jax.Array:
        """The code of one token, given its function values."""
        if self.choice is None:
            return model.likelihood.distribution(f).sample(key)
        p = class_probabilities(f[None], model.likelihood.outputs)
        return jax.random.categorical(key, self.choice.log_weights(p)[0])


@dataclass(frozen=True)
class ContinueStepwise(Continue):
    """The same tokens, from what the layers keep of earlier steps: every step is computed once."""

    def __call__(self, model: Model, sites: Sites, x: jax.Array, first: jax.Array, order: jax.Array) -> jax.Array:
        """Go through prompt and continuation alike; tokens of the prompt are not replaced."""
        keys = jax.random.wrap_key_data(sites[KEYS])
        labels = jnp.asarray(model.likelihood.classes, x.dtype)  # type: ignore[attr-defined]
        network, readout = model.network, coefficients(sites, model.likelihood.outputs)
        weights = model.prior.unpack(sites, network.weights(x.shape[1:]))
        count, (rows, time) = len(keys), x.shape
        x = jnp.pad(x, ((0, 0), (0, 1)))  # room for the last token, which is never fed back

        def one(kept: Any, row: jax.Array, first: jax.Array, order: jax.Array, place: jax.Array) -> Any:
            kept, units = network.step(weights, kept, row[place], place)
            design = jnp.append(units, 1.0) if model.intercept else units
            key = jax.random.fold_in(keys[jnp.clip(place + 1 - first, 0, count - 1)], order)
            token = labels[self.code(model, key, design @ readout)]
            return kept, row.at[place + 1].set(jnp.where(place + 1 < first, row[place + 1], token))

        def step(state: tuple[Any, jax.Array], place: jax.Array) -> tuple[tuple[Any, jax.Array], None]:
            kept, x = state
            return jax.vmap(one, in_axes=(0, 0, 0, 0, None))(kept, x, first, order, place), None

        beginning = network.before(weights, (time,))
        kept = jax.tree.map(lambda a: jnp.broadcast_to(a, (rows, *a.shape)), beginning)
        (_, x), _ = lax.scan(step, (kept, x), jnp.arange(time))
        return jnp.take_along_axis(x, first[:, None] + jnp.arange(count), axis=1)
