"""Moves on the likelihood under a prior that is confined to a region: from its border none goes outside."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke_confined as confined_cases

from bayesnn import StudentT, shallow
from bayesnn._internal.runtime import double
from bayesnn.samplers.gibbs import likelihood_moves
from bayesnn.samplers.gibbs.collapsed import start_of

ROOT = 0.95
MODEL = confined_cases.confined_to(shallow(2, likelihood=StudentT(4.0), linear=True, intercept=True), ROOT)
KEYS = 200
X = np.random.default_rng(0).normal(size=(40, confined_cases.WIDTH))
Y = 1.3 * X[:, 0]  # a series that grows: the likelihood pulls outwards
LINEAR = np.array([ROOT - 0.01, *np.zeros(confined_cases.WIDTH - 1)])  # just inside


@pytest.fixture(scope="module")
def state():
    """Units that say nothing, a large intercept, and a linear term at the border."""
    with double():
        start = start_of(jax.random.key(0), MODEL, jnp.asarray(X))
        latents = {"noise_precision": jnp.asarray(4.0)}
        return start._replace(coefficients=jnp.r_[jnp.zeros(2), 1.4, LINEAR], latents=latents)


def inside(coefficients):
    region = MODEL.prior.region
    return np.asarray(jax.vmap(lambda c: region.inside(c[-len(LINEAR) :]))(coefficients))


def of_keys(move):
    with double():
        found = jax.jit(jax.vmap(move))(jax.random.split(jax.random.key(1), KEYS))
        return np.asarray(found), inside(found)


def moved_rest(state, model=MODEL):
    """Intercept and linear term after one move of these alone, and whether they are inside."""

    def move(key):
        new = likelihood_moves.move_on_likelihood(key, state, model, jnp.asarray(X), jnp.asarray(Y), 8)
        return new.coefficients[2:]

    return of_keys(move)


def moved_scale(state, model=MODEL):
    """Intercept and linear term after a move of the scale alone, the intercept being zero."""
    state = state._replace(coefficients=np.r_[np.zeros(3), LINEAR])

    def move(key):
        likelihood = likelihood_moves.likelihood_of(state, model, jnp.asarray(Y), None)
        f = jnp.asarray(X @ LINEAR)
        return likelihood_moves.move_scale(key, state, model, f, None, likelihood).coefficients[2:]

    return of_keys(move)


@pytest.mark.parametrize("moved", [moved_rest, moved_scale])
def test_no_move_leaves_the_region_and_most_would(moved, state):
    found, within = moved(state)
    assert within.all()
    assert np.ptp(found[:, 1]) > 1e-3  # they do move
    free = replace(MODEL, prior=replace(MODEL.prior, region=None))
    assert moved(state, free)[1].mean() < 0.5
