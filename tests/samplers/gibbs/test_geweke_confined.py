"""The sweep of a prior that is confined to a region leaves the joint distribution invariant, planted errors do not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke
import test_geweke_structure

import bayesnn as bnn
from bayesnn import Geometric, Gibbs, Model, shallow
from bayesnn.fitting.binding import bind_lags
from bayesnn.priors.autoregression import LagRegion
from bayesnn.samplers.gibbs import confined, confined_sweep
from bayesnn.samplers.gibbs.gibbs import Gibbs as Sampler

X = test_geweke_structure.X_LAGS
WIDTH = X.shape[1]
HYPER = bnn.ShallowHyperparameters(
    **vars(test_geweke_structure.WIDE) | {"linear_mean": (0.9, 0.2), "linear_variance": (0.5, 0.3)}
)
CANDIDATES = 64  # of the prior's linear term, of which the first inside is taken: some 30% are
REPLICAS, ROUNDS = 6000, 12


def confined_to(model: Model, root: float = 0.95) -> Model:
    prior = replace(model.prior, region=LagRegion((1, 2), root, 0.4))
    return bind_lags(replace(model, prior=prior), WIDTH)


FIXED = confined_to(shallow(2, hyper=HYPER, intercept=True, linear=True))
TERMS = confined_to(shallow(Geometric(0.7, 3), hyper=HYPER, linear="random"))
LAGS = confined_to(shallow(Geometric(0.7, 2), hyper=HYPER, linear="random", lags="random"))


def stationary(first: jax.Array, second: jax.Array, root: float) -> jax.Array:
    """Whether both roots of an autoregression of order two are smaller than `root`, by the triangle of textbooks."""
    first, second = first / root, second / root**2
    return (jnp.abs(second) < 1) & (second + first < 1) & (second - first < 1)


def prior_of(key: jax.Array, model: Model) -> dict[str, jax.Array]:
    """Every site, the linear term and what is random in it by rejection from the prior without the region."""
    key, *keys = jax.random.split(key, 6)
    plain = replace(model, linear=False)
    sites = geweke.shallow_prior(key, plain, WIDTH)
    random, prior, region = model.architecture, model.prior, model.prior.region
    if random is not None and random.hidden is not None:
        sites["M"] = jax.random.categorical(keys[0], jnp.asarray(random.hidden.log_probabilities()))
        sites["beta"] = jnp.where(jnp.arange(len(sites["beta"])) < sites["M"], sites["beta"], 0.0)
    mean, variance = np.array(prior.linear_mean), np.array(prior.linear_variance)
    linear = mean + np.sqrt(variance) * jax.random.normal(keys[1], (CANDIDATES, WIDTH))
    included = jnp.ones(CANDIDATES, int)
    order = jnp.full(CANDIDATES, WIDTH)
    if random is not None and random.linear:
        included = jax.random.randint(keys[2], (CANDIDATES,), 0, 2)
    if random is not None and random.lags:
        order = jax.random.randint(keys[3], (CANDIDATES,), 1, WIDTH + 1)
    kept = included[:, None] * (jnp.arange(WIDTH) < order[:, None])
    density = jnp.sqrt(1 + kept @ variance / region.sum_variance)
    density *= jnp.exp(-0.5 * jnp.sum(kept * (linear - mean), axis=1) ** 2 / region.sum_variance)
    accepted = jax.random.uniform(keys[4], (CANDIDATES,)) < density / np.sqrt(1 + variance.sum() / region.sum_variance)
    linear = linear * kept
    chosen = jnp.argmax(accepted & stationary(linear[:, 0], linear[:, 1], region.largest_root))
    sites["linear"] = linear[chosen]
    if random is not None and random.linear:
        sites["linear_in"] = included[chosen]
    if random is not None and random.lags:
        sites["lag_order"] = order[chosen]
    return sites


@functools.cache
def joint_of(model: Model, trajectories: bool) -> geweke.Joint:
    units = model.terms((WIDTH,)).units
    sites = functools.partial(Gibbs().sites, model=model, x=X)

    def start(key: jax.Array) -> Any:
        found = prior_of(key, model)
        if model.architecture is None:
            state = geweke.gibbs_state(found, jnp.asarray(test_geweke.LOG_SCALE))
        else:
            state = test_geweke_structure.state_of(found, model, WIDTH)
        assert state.gamma.shape[0] == units
        return state._replace(log_step=jnp.asarray(np.log(0.3))) if trajectories else state

    def statistics(state: Any, y: jax.Array) -> dict[str, jax.Array]:
        found = sites(state)
        values = test_geweke_structure.statistics(model, found, X, y)
        product, total = found["linear"][0] * found["linear"][1], found["linear"].sum()
        values |= {"product of linear": product, "sum of linear": total, "linear and f": total * jnp.tanh(y[0])}
        values |= {"linear and gamma": total * jnp.tanh(found["beta"] @ found["gamma"][:, 1])}
        return values | ({"intercept": found["intercept"]} if model.intercept else {})

    return geweke.Joint(start, lambda key, state: geweke.simulated(key, model, sites(state), X), statistics)


def scores_of(model: Model, sampler: Gibbs, replicas: int = REPLICAS) -> dict[str, float]:
    def transition(key: jax.Array, state: Any, y: jax.Array) -> Any:
        return sampler.step(key, state, model, jnp.asarray(X), y)[0]

    joint = joint_of(model, bool(sampler.trajectory))
    return geweke.compare(jax.random.key(40), joint, transition, replicas=replicas, rounds=ROUNDS)


slow = pytest.mark.slow
SWEEP = Gibbs(sweeps=2, candidates=4, trajectory=0)
GOOD = [
    pytest.param(FIXED, SWEEP, id="fixed"),
    pytest.param(FIXED, replace(SWEEP, trajectory=3), id="trajectories", marks=slow),
    pytest.param(FIXED, replace(SWEEP, proposal="random_walk"), id="random-walk", marks=slow),
    pytest.param(TERMS, SWEEP, id="exact", marks=slow),
    pytest.param(TERMS, replace(SWEEP, structure="birth_death"), id="birth-death", marks=slow),
    pytest.param(LAGS, SWEEP, id="lags", marks=slow),
]


@pytest.mark.parametrize(("model", "sampler"), GOOD)
def test_the_confined_sweep_keeps_the_joint_distribution(model, sampler):
    scores = scores_of(model, sampler)
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def always_accepted(monkeypatch):
    """Whole moves whose readout is outside are accepted; the draw given the units then starts outside."""
    monkeypatch.setattr(confined_sweep, "if_inside", lambda new, old, model, x: new)


def region_forgotten(monkeypatch):
    monkeypatch.setattr(confined, "shrink_to_slice", lambda bracket, current, is_in, smallest: bracket.value)


def linear_term_not_taken_off(monkeypatch):
    monkeypatch.setattr(confined_sweep, "less_linear", lambda state, model, x, working: working)


def readout_of_old_units(monkeypatch):
    """The products of the design are those before the units moved given the linear term."""
    right = Sampler.move_units

    def wrong(self, source, state, model, x, working, backwards=None):
        found = right(self, source, state, model, x, working, backwards)
        return (
            found
            if backwards is None
            else found._replace(readout=found.readout._replace(whitened=found.readout.whitened * 0.9))
        )

    monkeypatch.setattr(Sampler, "move_units", wrong)


@pytest.mark.slow
@pytest.mark.parametrize("error", [always_accepted, region_forgotten, linear_term_not_taken_off, readout_of_old_units])
def test_a_planted_error_is_seen(error: Callable[[Any], None], monkeypatch):
    error(monkeypatch)
    scores = scores_of(FIXED, SWEEP)
    assert not geweke.passes(scores), test_geweke.report(scores)
