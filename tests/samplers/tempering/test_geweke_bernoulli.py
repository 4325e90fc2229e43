"""The collapsed sweep of 0/1 targets at a power of the likelihood keeps the joint distribution; planted errors do not.

Prior times p(y | f)^t is a joint distribution of units and data whose constant depends on f: given f, y is 1 with
probability 1/(1 + exp(-t f)), and f has the prior times prod_i Z(f_i), Z(f) = p(0 | f)^t + p(1 | f)^t, which is between
1 and 2^(1 - t). Draws of the prior are therefore kept with probability prod_i Z(f_i) 2^(t - 1).
"""

from __future__ import annotations

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke

from bayesnn import Bernoulli, Gaussian, Gibbs, shallow
from bayesnn.samplers.gibbs import likelihood_moves, working_rows

HYPER = test_geweke.HYPER
X = jnp.asarray(np.array([-1.5, -0.6, 0.3, 1.1])[:, None])
TEMPERATURE = 0.4
MODEL = shallow(2, likelihood=Bernoulli((0, 1)), hyper=HYPER, intercept=True, linear=True)
NETWORK = shallow(2, likelihood=Gaussian(), hyper=HYPER, intercept=True, linear=True)  # of which the prior is drawn
TRIES = 60  # draws of the prior, of which the first one kept is taken; all are lost once in 10^5
OF_ERRORS = ("log sigma", "log sigma squared", "residuals")


def state_of(sites):
    return geweke.gibbs_state(sites | {"sigma": jnp.ones(())}, jnp.zeros(2))._replace(latents={})


def prior(key):
    key_sites, key_kept = jax.random.split(key)
    draws = jax.vmap(lambda k: geweke.shallow_prior(k, NETWORK, 1))(jax.random.split(key_sites, TRIES))
    f = jax.vmap(lambda sites: MODEL.function(sites, X))(draws)
    p = jax.nn.sigmoid(f)
    log_z = jnp.log(p**TEMPERATURE + (1 - p) ** TEMPERATURE).sum(axis=1)
    kept = jnp.log(jax.random.uniform(key_kept, (TRIES,))) < log_z - len(X) * (1 - TEMPERATURE) * np.log(2.0)
    return state_of(jax.tree.map(lambda a: a[jnp.argmax(kept)], draws))


def sites_of(state):
    return Gibbs().sites(state, MODEL, X)


def simulate(key, state):
    return jax.random.bernoulli(key, jax.nn.sigmoid(TEMPERATURE * MODEL.function(sites_of(state), X))) * 1.0


def statistics(state, y):
    sites = sites_of(state)
    f = MODEL.function(sites, X)
    found = geweke.shallow_statistics(NETWORK, sites | {"sigma": jnp.ones(())}, X, y)
    found = {name: value for name, value in found.items() if name not in OF_ERRORS}
    return found | {f"y {i} times f": y[i] * jnp.tanh(f[i]) for i in range(len(X))} | {"sum of y": y.sum()}


JOINT = geweke.Joint(prior, simulate, statistics)


def scores(replicas=5000, rounds=8):
    """z-scores of sweeps at a temperature between 0 and 1."""

    def transition(key, state, y):
        state = state._replace(temperature=jnp.asarray(TEMPERATURE))
        return Gibbs(sweeps=1, candidates=4).step(key, state, MODEL, X, y)[0]._replace(temperature=None)

    return geweke.compare(jax.random.key(33), JOINT, transition, replicas=replicas, rounds=rounds)


@pytest.mark.slow
def test_a_hot_sweep_of_0_and_1_keeps_the_joint_distribution():
    found = scores()
    assert geweke.worst(found) < 4, test_geweke.report(found)


# Planted errors


def cold_auxiliary_variables(monkeypatch):
    """Drawn and weighted as if the power were 1."""
    monkeypatch.setattr(working_rows, "tempered", lambda weights, state, y: weights)


def cold_moves_on_the_likelihood(monkeypatch):
    monkeypatch.setattr(likelihood_moves, "tempered", lambda weights, state, y: weights)


@pytest.mark.slow
@pytest.mark.parametrize("plant", [cold_auxiliary_variables, cold_moves_on_the_likelihood])
def test_a_temperature_left_out_for_0_and_1_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    found = scores()
    assert not geweke.passes(found), test_geweke.report(found)
