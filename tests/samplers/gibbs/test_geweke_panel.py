"""The collapsed sweep where each series of a panel has an error variance of its own: joint distribution, and errors."""

import functools
from dataclasses import replace

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke
from numpyro import handlers

from bayesnn import Gaussian, Gibbs, PanelGaussian, shallow
from bayesnn.likelihoods import panel_gaussian

X = test_geweke.X
CODES = np.array([0, 1, 0, 1, 1, 0])
OFFSET = jnp.stack([jnp.linspace(-0.3, 0.4, len(X)), jnp.asarray(CODES, float)], axis=-1)
LIKELIHOOD = PanelGaussian(0.3, 5.0, ("a", "b"))
MODEL = shallow(2, likelihood=LIKELIHOOD, hyper=test_geweke.HYPER, intercept=True, linear=True)
REPLICAS, ROUNDS = 5000, 10
LATENTS = ("typical_sigma", "likeness", "noise_precision")


def prior(key):
    key_sites, key_latents = jax.random.split(key)
    sites = geweke.shallow_prior(key_sites, replace(MODEL, likelihood=Gaussian(0.02, 9.0)), X.shape[1])
    trace = handlers.trace(handlers.seed(LIKELIHOOD.nuisance, key_latents)).get_trace()
    state = geweke.gibbs_state(sites | {"sigma": jnp.ones(())}, jnp.asarray(test_geweke.LOG_SCALE))
    return state._replace(latents={name: trace[name]["value"] for name in LATENTS})


def simulate(key, state):
    f = MODEL.function(Gibbs().sites(state, MODEL, X), X) + OFFSET[:, 0]
    return f + LIKELIHOOD.report(state.latents)["sigma"][CODES] * jax.random.normal(key, f.shape)


def statistics(state, y):
    sites = Gibbs().sites(state, MODEL, X)
    f = MODEL.function(sites, X)
    found = geweke.shallow_statistics(MODEL, sites | {"sigma": jnp.ones(())}, X, y)
    found = {n: v for n, v in found.items() if "sigma" not in n.replace("sigma_beta", "") and n != "residuals"}
    t, a, logs = (jnp.log(state.latents[name]) for name in LATENTS)
    found |= {"t": t, "t squared": t**2, "a": a, "a times t": a * t}
    for g in range(3):
        found |= {f"log sigma {g}": logs[g], f"log sigma {g} squared": logs[g] ** 2, f"f and sigma {g}": logs[g] * f[0]}
    for g in range(2):
        size = jnp.log(jnp.sum(jnp.where(g == CODES, (y - f - OFFSET[:, 0]) ** 2, 0.0))) + logs[g]
        found |= {f"residuals {g}": size, f"residuals {g} squared": size**2}
    return found


@functools.cache
def joint():
    return geweke.Joint(prior, simulate, statistics)


def scores():
    def transition(key, state, y):
        return Gibbs(sweeps=1, candidates=6, trajectory=0).step(key, state, MODEL, jnp.asarray(X), y, OFFSET)[0]

    return geweke.compare(jax.random.key(43), joint(), transition, replicas=REPLICAS, rounds=ROUNDS)


@pytest.mark.slow
def test_the_sweep_keeps_the_joint_distribution():
    found = scores()
    assert geweke.passes(found), test_geweke.report(found)


def shape_of_another_count(monkeypatch):
    right = panel_gaussian.gamma_numbers
    monkeypatch.setattr(panel_gaussian, "gamma_numbers", lambda key, shape: right(key, shape + 0.5))


def rows_with_the_precision_of_the_other_series(monkeypatch):
    right = PanelGaussian.augment

    def augment(self, key, latents, f, *rest):
        return right(self, key, latents, f.at[..., 1].set(1.0 - f[..., 1]), *rest)

    monkeypatch.setattr(PanelGaussian, "augment", augment)


@pytest.mark.slow
@pytest.mark.parametrize("plant", [shape_of_another_count, rows_with_the_precision_of_the_other_series])
def test_a_planted_error_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    found = scores()
    assert not geweke.passes(found), test_geweke.report(found)
