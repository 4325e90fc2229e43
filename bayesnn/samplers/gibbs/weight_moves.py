"""Gibbs sampling for any prior and likelihood: a joint move of all weights, exact conditionals for everything else.

Given the hyperparameters every weight is Gaussian; in whitened coordinates u the target of the move is
N(u | 0, I) p(y | f(u), nuisance), whatever the prior. Then the hyperparameters are drawn given the weights, and the
nuisance parameters given function and data. R. Neal (1996), Bayesian Learning for Neural Networks, section 3.1.
NumPyro's `HMCGibbs` does not serve here: its inner kernel is HMC alone, on sites that are not whitened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from bayesnn._internal.conditionals import Bracket, shrink_to_slice
from bayesnn._internal.hamiltonian import acceptance_probability, leapfrog
from bayesnn.likelihoods import weighted
from bayesnn.models.model import Model
from bayesnn.models.readout import shifted
from bayesnn.priors import Sites
from bayesnn.samplers.base import Info, Stats, Steps, summary_of
from bayesnn.samplers.kernel import KernelState, StepsKernel

LogLikelihood = Callable[[jax.Array], jax.Array]
SMALLEST_ANGLE = 1e-12  # a bracket this narrow has shrunk to the current point


class WeightState(NamedTuple):
    """Weights by site, hyperparameters, latent sites of the likelihood, log step size (), and temperature () if any."""

    weights: Sites
    hyper: Any
    latents: Sites
    log_step: jax.Array
    temperature: jax.Array | None = None


class Move(NamedTuple):
    """Whitened weights after a move, and its acceptance probability."""

    noise: jax.Array
    acceptance: jax.Array


def hamiltonian(key: jax.Array, u: jax.Array, log_step: jax.Array, target: LogLikelihood, steps: int) -> Move:
    """One trajectory of `steps` leapfrog steps, with the step size jittered by up to 20%.

    R. Neal (2011), MCMC using Hamiltonian dynamics, section 5.2.
    """
    key_momentum, key_size, key_accept = jax.random.split(key, 3)
    log_density = jax.value_and_grad(lambda u: target(u) - 0.5 * u @ u)
    size = jnp.exp(log_step) * jax.random.uniform(key_size, minval=0.8, maxval=1.2)
    momentum = jax.random.normal(key_momentum, u.shape)
    start = log_density(u)
    proposal, p, (proposed, _) = leapfrog(log_density, u, momentum, start, size, steps)
    acceptance = acceptance_probability(0.5 * momentum @ momentum - start[0] + proposed - 0.5 * p @ p)
    taken = jax.random.uniform(key_accept) < acceptance
    return Move(jnp.where(taken, proposal, u), acceptance)


def elliptical(key: jax.Array, u: jax.Array, log_step: jax.Array, target: LogLikelihood, steps: int) -> Move:
    """`steps` elliptical slice moves of all weights; there is nothing to tune.

    I. Murray, R. Adams and D. MacKay (2010), Elliptical slice sampling, AISTATS, figure 2.
    """

    def one(u: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        key_level, key_ellipse, key_angle = jax.random.split(key, 3)
        level = target(u) - jax.random.exponential(key_level)
        other = jax.random.normal(key_ellipse, u.shape)
        key_first, key_rest = jax.random.split(key_angle)
        angle = jax.random.uniform(key_first, maxval=2 * jnp.pi)

        def point(angle: jax.Array) -> jax.Array:
            return u * jnp.cos(angle) + other * jnp.sin(angle)

        bracket = Bracket(key_rest, angle - 2 * jnp.pi, angle, angle)
        inside = lambda angle: target(point(angle)) >= level  # noqa: E731
        return point(shrink_to_slice(bracket, jnp.zeros(()), inside, SMALLEST_ANGLE)), jnp.ones(())

    u, acceptance = lax.scan(one, u, jax.random.split(key, steps))
    return Move(u, jnp.mean(acceptance))


def random_walk(key: jax.Array, u: jax.Array, log_step: jax.Array, target: LogLikelihood, steps: int) -> Move:
    """`steps` Metropolis moves to u sqrt(1 - b^2) + b times noise, a proposal that leaves the prior invariant.

    R. Neal (1999), Regression and classification using Gaussian process priors, equation (15).
    """
    b = jnp.minimum(jnp.exp(log_step), 1.0)

    def one(state: tuple[jax.Array, jax.Array], key: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        u, value = state
        key_noise, key_accept = jax.random.split(key)
        proposal = u * jnp.sqrt(1.0 - b**2) + b * jax.random.normal(key_noise, u.shape)
        proposed = target(proposal)
        acceptance = acceptance_probability(proposed - value)
        taken = jax.random.uniform(key_accept) < acceptance
        return (jnp.where(taken, proposal, u), jnp.where(taken, proposed, value)), acceptance

    (u, _), acceptance = lax.scan(one, (u, target(u)), jax.random.split(key, steps))
    return Move(u, jnp.mean(acceptance))


class Kind(NamedTuple):
    """A move of all weights, the acceptance that its step size is tuned for (0: no tuning), and a first step size."""

    move: Callable[[jax.Array, jax.Array, jax.Array, LogLikelihood, int], Move]
    target: float
    start: float


MOVES: dict[str, Kind] = {
    "hmc": Kind(hamiltonian, 0.8, 0.1),
    "slice": Kind(elliptical, 0.0, 1.0),
    "random_walk": Kind(random_walk, 0.25, 0.1),
}


@dataclass(frozen=True)
class WeightGibbs(Steps):
    """The sweep over weights, hyperparameters and nuisance parameters that `Gibbs` uses if the readout stays in."""

    tempers: ClassVar[bool] = True
    tuned: ClassVar[tuple[str, ...]] = ("log_step",)

    weights: str = "hmc"
    steps: int = 20
    sweeps: int = 10

    def kernel(self, model: Model) -> StepsKernel:
        return StepsKernel(self, model)

    def rounds(self, state: WeightState) -> tuple[Steps, int]:
        """An exchange after every sweep."""
        return replace(self, sweeps=1), self.sweeps

    def stats(self, state: KernelState) -> Stats:
        """Mean acceptance probability of the moves, and the step size."""
        return {"acceptance_rate": state.info.acceptance, "step_size": jnp.exp(state.inner.log_step)}

    def init(self, key: jax.Array, model: Model, x: jax.Array, y: jax.Array, *rows: Any) -> WeightState:
        """Hyperparameters at their guesses, and weights drawn from their prior given these."""
        key_hyper, key_weights, key_latents = jax.random.split(key, 3)
        table, terms = model.weight_specs(x.shape[1:]), model.terms(x.shape[1:])
        hyper = model.prior.start(key_hyper, table, terms)
        shapes = model.prior.shapes(table, terms)
        keys = jax.random.split(key_weights, len(shapes))
        noise = {name: jax.random.normal(k, shape) for k, (name, shape) in zip(keys, shapes.items(), strict=True)}
        weights = model.prior.unwhiten(hyper, noise, table, terms)
        if terms.predictors and model.prior.log_factor(weights["linear"]) is not None:
            weights["linear"] = jnp.zeros_like(weights["linear"])  # inside any region
        start = jnp.log(jnp.asarray(MOVES[self.weights].start))
        state = WeightState(weights, hyper, model.likelihood.start(key_latents), start)
        return jax.tree.map(lambda a: lax.convert_element_type(a, a.dtype), state)  # weak types would trace twice

    def step(
        self, key: jax.Array, state: WeightState, model: Model, x: jax.Array, y: jax.Array, *rows: Any
    ) -> tuple[WeightState, Info]:
        """Run `sweeps` sweeps."""

        def one(state: WeightState, key: jax.Array) -> tuple[WeightState, Info]:
            return self.sweep(key, state, model, x, y, *rows)

        state, infos = lax.scan(one, state, jax.random.split(key, self.sweeps))
        return state, summary_of(infos)

    def sweep(
        self,
        key: jax.Array,
        state: WeightState,
        model: Model,
        x: jax.Array,
        y: jax.Array,
        offset: jax.Array | None = None,
        weights: jax.Array | None = None,
    ) -> tuple[WeightState, Info]:
        """Update weights, then hyperparameters, then nuisance parameters."""
        key_move, key_hyper, key_latents = jax.random.split(key, 3)
        table, terms = model.weight_specs(x.shape[1:]), model.terms(x.shape[1:])
        noise, unravel = ravel_pytree(model.prior.whiten(state.hyper, state.weights, table, terms))
        nuisance = model.likelihood.report(state.latents)

        def function(u: jax.Array) -> tuple[Sites, jax.Array]:
            sites = model.prior.unwhiten(state.hyper, unravel(u), table, terms)
            return sites, shifted(model.function(sites, x), offset)

        def level(f: jax.Array, nuisance: Sites) -> jax.Array:
            return weighted(model.distribution(f, x, nuisance).log_prob(y), weights).sum()

        power: Any = 1.0
        shares = weights
        if state.temperature is not None:
            power = state.temperature
            shares = power * (jnp.ones(y.shape[0]) if weights is None else weights)

        def tempered_level(u: jax.Array) -> jax.Array:
            sites, f = function(u)
            factor = model.prior.log_factor(sites["linear"]) if terms.predictors else None
            return power * level(f, nuisance) + (0.0 if factor is None else factor)

        move = MOVES[self.weights].move(key_move, noise, state.log_step, tempered_level, self.steps)
        sites, f = function(move.noise)
        hyper = model.prior.update(key_hyper, state.hyper, sites, table, terms)
        latents = model.likelihood.update(key_latents, state.latents, *model.flatten_steps(x, f, y, shares))
        info = Info(move.acceptance, move.acceptance)
        if state.temperature is not None:
            info = info._replace(log_likelihood=level(f, model.likelihood.report(latents)))
        return state._replace(weights=sites, hyper=hyper, latents=latents), info

    def adapt(self, state: WeightState, info: Info, iteration: jax.Array) -> WeightState:
        """A Robbins-Monro step on the log step size."""
        target = MOVES[self.weights].target
        if not target:
            return state
        gain = (iteration + 1.0) ** -0.6
        return state._replace(log_step=state.log_step + gain * (info.acceptance - target))

    def sites(self, state: WeightState, model: Model, x: jax.Array) -> Sites:
        table, terms = model.weight_specs(x.shape[1:]), model.terms(x.shape[1:])
        nuisance = model.likelihood.report(state.latents)
        return state.weights | model.prior.report(state.hyper, table, terms) | nuisance
