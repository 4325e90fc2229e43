"""The confined sweep with errors of a t distribution, at a temperature, and with a missing value of the series."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke
import test_geweke_confined as confined_cases
import test_geweke_structure

from bayesnn import Gaussian, Gibbs, Model, StudentT
from bayesnn.models.missing_values import MissingValuesModel, SeriesArrays
from bayesnn.samplers.gibbs import collapsed, confined, confined_sweep, missing_values
from bayesnn.samplers.gibbs.missing_values import MissingValuesSteps

X, WIDTH, FIXED = confined_cases.X, confined_cases.WIDTH, confined_cases.FIXED
SWEEP = Gibbs(sweeps=2, candidates=4, trajectory=0)
REPLICAS, ROUNDS = 5000, 10
SCALE = jnp.asarray(test_geweke.LOG_SCALE)
slow = pytest.mark.slow


def numbers(model: Model, sites: dict[str, jax.Array], x: Any, y: jax.Array) -> dict[str, jax.Array]:
    """What `test_geweke_structure` compares, and the linear term alone and with the data."""
    found = test_geweke_structure.statistics(model, sites, x, y)
    linear = sites["linear"]
    found |= {"product of linear": linear[0] * linear[1], "sum of linear": linear.sum()}
    return found | {"linear and f": linear.sum() * jnp.tanh(y[0]), "linear and y": linear[0] * jnp.tanh(y[-1])}


# Errors of a t distribution, whose sweep draws one variance per row

ROBUST = replace(FIXED, likelihood=StudentT(4.0, noise_guess=0.02, noise_size=9.0))
ROBUST_NOISE = replace(FIXED, likelihood=Gaussian(noise_guess=0.02, noise_size=9.0))


@functools.cache
def robust_joint() -> geweke.Joint:
    def prior(key: jax.Array) -> Any:
        return robust_state(confined_cases.prior_of(key, ROBUST_NOISE))

    def simulate(key: jax.Array, state: Any) -> jax.Array:
        sites = Gibbs().sites(state, ROBUST, jnp.asarray(X))
        f = ROBUST.function(sites, X)
        return f + sites["sigma"] * jax.random.t(key, 4.0, f.shape)

    return geweke.Joint(prior, simulate, lambda state, y: numbers(ROBUST, SWEEP.sites(state, ROBUST, X), X, y))


def robust_state(sites: dict[str, jax.Array]) -> Any:
    latents = {"noise_precision": sites["sigma"] ** -2}
    return geweke.gibbs_state(sites | {"sigma": jnp.ones(())}, SCALE)._replace(latents=latents)


def robust_scores() -> dict[str, float]:
    def transition(key: jax.Array, state: Any, y: jax.Array) -> Any:
        return SWEEP.step(key, state, ROBUST, jnp.asarray(X), y)[0]

    return geweke.compare(jax.random.key(41), robust_joint(), transition, replicas=REPLICAS, rounds=ROUNDS)


# Prior times likelihood^t: the power of the precision that is missing joins its gamma prior

TEMPERATURE = 0.5


@functools.cache
def powered_joint() -> geweke.Joint:
    noise = FIXED.likelihood
    size = noise.noise_size + len(X) * (TEMPERATURE - 1.0)
    powered = replace(noise, noise_size=size, noise_guess=noise.noise_size * noise.noise_guess / size)
    other = replace(FIXED, likelihood=powered)

    def simulate(key: jax.Array, state: Any) -> jax.Array:
        sites = SWEEP.sites(state, FIXED, X)
        return geweke.simulated(key, FIXED, sites | {"sigma": sites["sigma"] * TEMPERATURE**-0.5}, X)

    return geweke.Joint(
        lambda key: geweke.gibbs_state(confined_cases.prior_of(key, other), SCALE),
        simulate,
        lambda state, y: numbers(FIXED, SWEEP.sites(state, FIXED, X), X, y),
    )


def powered_scores() -> dict[str, float]:
    def transition(key: jax.Array, state: Any, y: jax.Array) -> Any:
        state = state._replace(temperature=jnp.asarray(TEMPERATURE))
        return SWEEP.step(key, state, FIXED, jnp.asarray(X), y)[0]._replace(temperature=None)

    return geweke.compare(jax.random.key(42), powered_joint(), transition, replicas=REPLICAS, rounds=ROUNDS)


# A series in which one value before the first target, and one target, are missing

LAGS, COUNT, GAPS = (1, 2), 8, (1, 5)
FIRST = 0.4  # the value before, which is given; the second has the prior N(0, 1)


class Gappy(NamedTuple):
    """Parameters, and the missing values; NaN where they are those of the series."""

    state: Any
    missing: jax.Array


GAPPY = MissingValuesModel(FIXED, GAPS, LAGS, len(LAGS))


def arrays_of(z: jax.Array) -> SeriesArrays:
    one = jnp.ones(())
    return SeriesArrays(z, jnp.zeros((COUNT - 2, 0)), jnp.ones(2), jnp.zeros(2), 0.0 * one, one)


@functools.cache
def gappy_joint() -> geweke.Joint:
    def prior(key: jax.Array) -> Gappy:
        sites = confined_cases.prior_of(key, FIXED)
        return Gappy(geweke.gibbs_state(sites, SCALE), jnp.full(len(GAPS), jnp.nan))

    def simulate(key: jax.Array, theta: Gappy) -> jax.Array:
        """The whole series, step by step."""
        sites = SWEEP.sites(theta.state, FIXED, X)
        errors = jax.random.normal(key, (COUNT,), dtype=float)
        z = [jnp.asarray(FIRST), errors[1]]
        for t in range(2, COUNT):
            past = jnp.stack([z[t - 1], z[t - 2]])[None]
            z.append(FIXED.function(sites, past)[0] + sites["sigma"] * errors[t])
        return jnp.stack(z)

    def statistics(theta: Gappy, z: jax.Array) -> dict[str, jax.Array]:
        z = with_missing(theta, z)
        rows = GAPPY.rows(arrays_of(z), z)
        found = numbers(FIXED, SWEEP.sites(theta.state, FIXED, X), *rows)
        near = {f"z {i} and {j}": jnp.tanh(z[i]) * jnp.tanh(z[j]) for i in GAPS for j in (0, 2, 4, 6, 7)}
        return found | near | {f"z {i}": jnp.tanh(z[i]) for i in GAPS} | {"z 1 squared": jnp.log1p(z[1] ** 2)}

    return geweke.Joint(prior, simulate, statistics)


def with_missing(theta: Gappy, z: jax.Array) -> jax.Array:
    where = np.array(GAPS)
    return z.at[where].set(jnp.where(jnp.isnan(theta.missing), z[where], theta.missing))


def gappy_scores() -> dict[str, float]:
    steps = MissingValuesSteps(replace(SWEEP, sweeps=1), 2)

    def transition(key: jax.Array, theta: Gappy, z: jax.Array) -> Gappy:
        """All are moved given what is observed; nothing that is missing is seen but through the state."""
        start = missing_values.MissingValuesState(theta.state, z[np.array(GAPS)])
        observed = z.at[np.array(GAPS)].set(0.0)
        new = steps.step(key, start, GAPPY, arrays_of(observed))[0]
        return Gappy(new.inner, new.missing)

    return geweke.compare(jax.random.key(43), gappy_joint(), transition, replicas=REPLICAS, rounds=ROUNDS)


SCORES: dict[str, Callable[[], dict[str, float]]] = {
    "student-t": robust_scores,
    "tempered": powered_scores,
    "missing": gappy_scores,
}


@slow
@pytest.mark.parametrize("name", SCORES)
def test_the_confined_sweep_keeps_the_joint_distribution(name):
    scores = SCORES[name]()
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def region_forgotten(monkeypatch):
    monkeypatch.setattr(confined, "shrink_to_slice", lambda bracket, current, is_in, smallest: bracket.value)


def weights_of_rows_left_out(monkeypatch):
    """The linear term is taken off as if all rows had one precision."""
    right = confined_sweep.less_linear

    def wrong(state, model, x, working):
        shift = x @ SWEEP.sites(state, model, x)["linear"]
        return right(state, model, x, working)._replace(target=working.target - shift)

    monkeypatch.setattr(confined_sweep, "less_linear", wrong)


def cold_readout(monkeypatch):
    """The linear term is drawn as if the temperature were one; units are not."""
    cold = property(lambda self: self.noise_precision)

    def wrong(source, state, model, x, data, right=confined.draw_inside):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(collapsed.GibbsState, "tempered_precision", cold)
            return right(source, state, model, x, data)

    monkeypatch.setattr(confined_sweep, "draw_inside", wrong)


def early_prior_forgotten(monkeypatch):
    monkeypatch.setattr(MissingValuesModel, "log_prior", lambda self, missing: jnp.zeros(()))


@slow
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("student-t", weights_of_rows_left_out),
        ("tempered", region_forgotten),
        ("tempered", cold_readout),
        ("missing", region_forgotten),
        ("missing", early_prior_forgotten),
    ],
)
def test_a_planted_error_is_seen(name, error, monkeypatch):
    error(monkeypatch)
    scores = SCORES[name]()
    assert not geweke.passes(scores), test_geweke.report(scores)
