"""Trajectories of all units leave the joint distribution invariant, and planted errors do not."""

from __future__ import annotations

import geweke
import jax.numpy as jnp
import pytest
import test_geweke
import test_geweke_structure

from bayesnn import Gibbs
from bayesnn.samplers.gibbs import trajectories

SAMPLER = Gibbs(sweeps=1, candidates=1, trajectory=8)
LOG_STEP = -1.2


def step(*arguments):
    """One sweep with its trajectory, the step of which is a constant once warm-up is over."""
    key, state, *rest = arguments
    state, _ = SAMPLER.step(key, state._replace(log_step=jnp.asarray(LOG_STEP)), *rest)
    return state._replace(log_step=None)


@pytest.mark.slow
@pytest.mark.parametrize("model", [test_geweke.SMALL, test_geweke.FULL], ids=["units", "intercept-linear"])
def test_trajectories_keep_the_joint_distribution(model):
    scores = test_geweke.scores_of(step, model)
    assert geweke.passes(scores), test_geweke.report(scores)


@pytest.mark.slow
@pytest.mark.parametrize("model", [test_geweke_structure.TERMS, test_geweke_structure.LAGS], ids=["terms", "lags"])
def test_trajectories_keep_the_joint_distribution_of_random_architectures(model):
    scores = test_geweke_structure.scores_of(model, step)
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def degrees_of_the_prior(monkeypatch):
    """c_g without the number of units."""
    right = trajectories.log_prior

    def wrong(gamma, target):
        return right(gamma, target._replace(size=target.size - gamma.shape[0]))

    monkeypatch.setattr(trajectories, "log_prior", wrong)


def readout_without_determinant(monkeypatch):
    right = trajectories.log_likelihood

    def wrong(gamma, target):
        z = trajectories.activations(gamma, target.inputs)
        rows = jnp.concatenate([z, target.extra])
        precision = rows @ rows.T * target.noise_precision + target.prior.matrix
        density = right(gamma, target)
        return density._replace(value=density.value + jnp.log(jnp.diag(jnp.linalg.cholesky(precision))).sum())

    monkeypatch.setattr(trajectories, "log_likelihood", wrong)


def mass_of_the_current_units(monkeypatch):
    """A metric that depends on where the trajectory starts, as if that did not matter."""
    right = trajectories.move_together

    def wrong(source, gamma, target, log_step, steps):
        return right(source, gamma, target, log_step - 0.5 * jnp.log1p(jnp.sum(gamma**2)), steps)

    monkeypatch.setattr(trajectories, "move_together", wrong)


WRONG = {
    plant.__name__: plant for plant in (degrees_of_the_prior, readout_without_determinant, mass_of_the_current_units)
}


@pytest.mark.slow
@pytest.mark.parametrize("error", WRONG)
def test_a_wrong_trajectory_is_seen(error, monkeypatch):
    WRONG[error](monkeypatch)
    scores = test_geweke.scores_of(step)
    assert not geweke.passes(scores), test_geweke.report(scores)
