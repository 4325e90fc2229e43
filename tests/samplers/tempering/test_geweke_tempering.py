"""Tempered samplers leave the joint distribution invariant, cold and hot, and planted errors do not.

The copy at temperature 0 follows the prior whatever the data are: a system with temperatures 1 and 0 therefore has a
joint distribution with the data from which exact draws can be made. In between, prior times likelihood^t of Gaussian
errors is another model of the same kind: with n rows, the power of the precision that likelihood^t lacks against a
normal density goes to the gamma prior of the precision.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer.util import unconstrain_fn

from bayesnn import NUTS, Dense, Gaussian, Gibbs, Model, Normal, ShallowHyperparameters, Tempered, shallow
from bayesnn._internal import runtime
from bayesnn.samplers.gibbs import collapsed, gibbs
from bayesnn.samplers.tempering import system
from bayesnn.samplers.tempering.system import Start

# Large errors and few rows: the data say so little that states of the prior are often exchanged.
HYPER = ShallowHyperparameters(
    noise_guess=1.5,
    noise_size=5.0,
    readout_guess=0.6,
    readout_size=8.0,
    readout_mean=0.7,
    readout_mean_variance=0.5,
    unit_guess=((1.0, 0.3), (0.3, 0.6)),
    unit_size=10,
    unit_mean=(0.3, -0.5),
    unit_mean_variance=((0.8, 0.2), (0.2, 0.5)),
)
X = jnp.asarray(np.array([-1.5, -0.6, 0.3, 1.1])[:, None])
MODEL = shallow(2, hyper=HYPER)
TEMPERATURE = 0.4
BOTH = ("cold", "hot")


def prior_of(model: Model) -> Any:
    return lambda key: geweke.gibbs_state(geweke.shallow_prior(key, model, 1), jnp.zeros(2))


def sites_of(state: Any) -> Any:
    return Gibbs().sites(state, MODEL, X)


@functools.cache
def system_joint() -> geweke.Joint:
    """Gibbs states of a cold and a hot copy, and data of the cold one."""

    def statistics(states: Any, y: jax.Array) -> Any:
        each = {name: geweke.shallow_statistics(MODEL, sites_of(states[name]), X, y) for name in BOTH}
        return {f"{name}: {what}": value for name in BOTH for what, value in each[name].items()}

    return geweke.Joint(
        lambda key: dict(zip(BOTH, map(prior_of(MODEL), jax.random.split(key)), strict=True)),
        lambda key, states: geweke.simulated(key, MODEL, sites_of(states["cold"]), X),
        statistics,
    )


def system_scores() -> dict[str, float]:
    """z-scores of steps of a system at temperatures 1 and 0: one sweep, whose traces an exchange then shows."""
    kernel = Tempered(Gibbs(sweeps=1), (1.0, 0.0)).kernel(MODEL)

    def transition(key: jax.Array, states: Any, y: jax.Array) -> Any:
        key_init, key_step = jax.random.split(key)
        together = jax.tree.map(lambda *a: jnp.stack(a), states["cold"], states["hot"])
        state = kernel.init_one(key_init, 0, Start(jnp.array([1.0, 0.0]), together), (X, y))
        inner = kernel.sample_one(state._replace(rng_key=key_step), (X, y)).copies.inner
        return {
            name: jax.tree.map(lambda a, i=i: a[i], inner._replace(temperature=None)) for i, name in enumerate(BOTH)
        }

    return geweke.compare(jax.random.key(30), system_joint(), transition, replicas=6000, rounds=6)


def report(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {z:.1f}" for name, z in sorted(scores.items(), key=lambda item: -abs(item[1]))[:6])


@pytest.mark.slow
def test_a_system_keeps_the_joint_distribution():
    scores = system_scores()
    assert geweke.worst(scores) < 4, report(scores)


def wrong_sign(monkeypatch):
    right = system.exchange
    monkeypatch.setattr(system, "exchange", lambda key, ladder, levels, odd: right(key, ladder, -levels, odd))


def hyperparameters_left_behind(monkeypatch):
    monkeypatch.setattr(Gibbs, "tuned", ("log_scale", "hyper"))


@pytest.mark.slow
@pytest.mark.parametrize("plant", [wrong_sign, hyperparameters_left_behind])
def test_a_wrong_exchange_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    scores = system_scores()
    assert not geweke.passes(scores), report(scores)


@functools.cache
def powered_joint() -> geweke.Joint:
    """Gibbs states and data of prior times likelihood^t, as a model with other priors and errors."""
    size = HYPER.noise_size + len(X) * (TEMPERATURE - 1.0)
    noise = {"noise_size": size, "noise_guess": HYPER.noise_size * HYPER.noise_guess / size}
    other = shallow(2, hyper=replace(HYPER, **noise))

    def simulate(key: jax.Array, state: Any) -> jax.Array:
        sites = sites_of(state)
        return geweke.simulated(key, MODEL, sites | {"sigma": sites["sigma"] * TEMPERATURE**-0.5}, X)

    return geweke.Joint(
        prior_of(other), simulate, lambda state, y: geweke.shallow_statistics(MODEL, sites_of(state), X, y)
    )


def powered_scores() -> dict[str, float]:
    """z-scores of sweeps at a temperature between 0 and 1."""

    def transition(key: jax.Array, state: Any, y: jax.Array) -> Any:
        state = state._replace(temperature=jnp.asarray(TEMPERATURE))
        return Gibbs(sweeps=2).step(key, state, MODEL, X, y)[0]._replace(temperature=None)

    return geweke.compare(jax.random.key(31), powered_joint(), transition, replicas=6000, rounds=8)


def test_a_hot_sweep_keeps_the_joint_distribution():
    scores = powered_scores()
    assert geweke.worst(scores) < 4, report(scores)


def cold_variance(monkeypatch):
    right = collapsed.draw_hyper

    def draw(source, state, *rest):
        new, level = right(source, state._replace(temperature=None), *rest)
        return new._replace(temperature=state.temperature), level

    monkeypatch.setattr(gibbs, "draw_hyper", draw)


def cold_units(monkeypatch):
    monkeypatch.setattr(collapsed.GibbsState, "tempered_precision", property(lambda self: self.noise_precision))


@pytest.mark.slow
@pytest.mark.parametrize("plant", [cold_variance, cold_units])
def test_a_temperature_left_out_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    scores = powered_scores()
    assert not geweke.passes(scores), report(scores)


# Samplers of any model: the general Gibbs sweep, and NumPyro's gradient kernels

GENERAL = Model([Dense(2, "tanh")], Gaussian(noise_guess=1.5, noise_size=12.0), Normal(scale=1.3, readout_scale=0.8))


@functools.cache
def general_joint() -> geweke.Joint:
    """Sites of a cold and a hot copy, as NumPyro draws and names them, and data of the cold one."""

    def statistics(states: Any, y: jax.Array) -> Any:
        each = {name: geweke.general_statistics(GENERAL, states[name], X, y) for name in BOTH}
        return {f"{name}: {what}": value for name in BOTH for what, value in each[name].items()}

    return geweke.Joint(
        lambda key: {n: geweke.model_prior(k, GENERAL, X) for n, k in zip(BOTH, jax.random.split(key), strict=True)},
        lambda key, states: geweke.simulated(key, GENERAL, states["cold"], X),
        statistics,
    )


def general_start(key: jax.Array, sites: Any, y: jax.Array) -> Any:
    return geweke.weight_state(key, GENERAL, sites, X.shape[1:], jnp.asarray(-1.2))


def gradient_start(key: jax.Array, sites: Any, y: jax.Array) -> Any:
    trace = handlers.trace(handlers.seed(GENERAL, 0)).get_trace(X, jnp.zeros(len(X)))
    latent = [name for name, site in trace.items() if site["type"] == "sample" and not site["is_observed"]]
    return unconstrain_fn(GENERAL, (X, y), {}, {name: sites[name] for name in latent})


def with_step_size(state: Any) -> Any:
    """NumPyro's kernels with a fixed step size."""
    hmc = state.copies.hmc
    sizes = jnp.full_like(hmc.adapt_state.step_size, 0.25)
    hmc = hmc._replace(adapt_state=hmc.adapt_state._replace(step_size=sizes))
    return state._replace(copies=state.copies._replace(hmc=hmc))


@runtime.computing
def general_scores(sampler: Any, replicas: int, rounds: int) -> dict[str, float]:
    """z-scores of one step of a system of copies of the general Gibbs sampler or of NUTS."""
    kernel = Tempered(sampler, (1.0, 0.0)).kernel(GENERAL)
    gradient = isinstance(sampler, NUTS)
    start, prepared = (gradient_start, with_step_size) if gradient else (general_start, lambda state: state)

    def transition(key: jax.Array, sites: Any, y: jax.Array) -> Any:
        key_init, key_state, key_step = jax.random.split(key, 3)
        keys = jax.random.split(key_state)
        each = [start(k, sites[name], y) for k, name in zip(keys, BOTH, strict=True)]
        together = jax.tree.map(lambda *a: jnp.stack(a), *each)
        state = prepared(kernel.init_one(key_init, 0, Start(jnp.array([1.0, 0.0]), together), (X, y)))
        copies = kernel.sample_one(state._replace(rng_key=key_step), (X, y)).copies
        new = {}
        for i, name in enumerate(BOTH):
            draw = kernel.copies.draw(jax.tree.map(lambda a, i=i: a[i], copies), (X, y))
            found = kernel.copies.postprocess((X, y))(draw)
            found = {"noise_precision": found["sigma"] ** -2} | found
            new[name] = {site: found.get(site, value) for site, value in sites[name].items()}
        return new

    return geweke.compare(jax.random.key(32), general_joint(), transition, replicas=replicas, rounds=rounds)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", [Gibbs(weights="hmc", steps=4), NUTS(max_tree_depth=3)], ids=["gibbs", "nuts"])
def test_a_system_of_any_model_keeps_the_joint_distribution(sampler):
    scores = general_scores(sampler, 2000, 4)
    assert geweke.worst(scores) < 4, report(scores)
