"""Trajectories of all units: densities against direct formulas, gradients against autodiff, tuning, who has them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn import Gibbs, ShallowHyperparameters, shallow
from bayesnn._internal import runtime
from bayesnn.likelihoods.working_rows import gaussian_rows
from bayesnn.models import readout
from bayesnn.priors import GaussianPrior, MuellerRiosInsua
from bayesnn.samplers.gibbs import trajectories
from bayesnn.samplers.gibbs.trajectories import UnitsTarget

RNG = np.random.default_rng(4)
M, Q, N = 3, 4, 12
GAMMA = RNG.normal(size=(M, Q))
INPUTS = np.vstack([np.ones(N), RNG.normal(size=(Q - 1, N))])
Y = RNG.normal(size=N)
GUESS = np.diag([0.5, 1.0, 2.0, 0.7]) + 0.1
SIZE, TAU, MEAN = 6.0, 3.0, RNG.normal(size=Q)


@runtime.computing
def target_of(active=None):
    """Three units, an intercept and a linear term."""
    extra = jnp.asarray(INPUTS)
    k = M + len(extra)
    covariance = jnp.eye(k) + 0.3
    prior = GaussianPrior(jnp.linspace(-1.0, 1.0, k), covariance, jnp.linalg.inv(covariance))
    target = UnitsTarget(
        jnp.asarray(INPUTS),
        extra,
        jnp.asarray(Y),
        readout.precision_of(prior),
        jnp.asarray(TAU),
        jnp.asarray(MEAN),
        SIZE,
        np.linalg.inv(SIZE * GUESS),
        active,
    )
    return target, prior


def direct_likelihood(gamma, prior, used=M):
    """The normal density of y, whose covariance is s2 I + D V D'."""
    z = 1 / (1 + np.exp(-gamma @ INPUTS)) * (np.arange(M) < used)[:, None]
    design = np.concatenate([z, INPUTS]).T
    covariance = np.eye(N) / TAU + design @ np.asarray(prior.covariance) @ design.T
    return stats.multivariate_normal(design @ np.asarray(prior.mean), covariance).logpdf(Y)


def direct_prior(gamma, used=M):
    """Units one after the other, each a multivariate t given those before it."""
    total, scatter = 0.0, SIZE * GUESS
    for i in range(used):
        degrees = SIZE + i - Q + 1
        total += stats.multivariate_t(MEAN, scatter / degrees, degrees).logpdf(gamma[i])
        scatter = scatter + np.outer(gamma[i] - MEAN, gamma[i] - MEAN)
    return total


def differences(function, start):
    """Central differences of a function of gamma."""
    result = np.zeros_like(start)
    for place in np.ndindex(*start.shape):
        step = np.zeros_like(start)
        step[place] = 1e-5
        result[place] = (function(start + step) - function(start - step)) / 2e-5
    return result


@pytest.mark.parametrize("used", [M, 2])
def test_the_densities_and_their_gradients_are_those_of_the_direct_formulas(used):
    target, prior = target_of(None if used == M else jnp.asarray([1.0, 1.0, 0.0]))
    other = GAMMA + 0.3 * RNG.normal(size=GAMMA.shape)
    directs = (lambda gamma: direct_likelihood(gamma, prior, used)), (lambda gamma: direct_prior(gamma, used))
    with runtime.double():
        for density, direct in zip((trajectories.log_likelihood, trajectories.log_prior), directs, strict=True):
            compiled = jax.jit(lambda gamma, density=density: density(gamma, target))
            here, there = (compiled(jnp.asarray(gamma)) for gamma in (GAMMA, other))
            # the logistic function is rounded to single precision
            np.testing.assert_allclose(there.value - here.value, direct(other) - direct(GAMMA), rtol=1e-4)
            np.testing.assert_allclose(here.gradient, differences(direct, GAMMA), rtol=1e-4, atol=1e-4)


def test_a_row_of_weight_two_is_as_two_rows():
    """Value and gradient of weighted rows, by repeating rows; of weight zero, by leaving them out."""
    target, _ = target_of()
    weights = np.array([2.0, 0.0, *np.ones(N - 2)])
    rows = np.repeat(np.arange(N), weights.astype(int))
    with runtime.double():
        repeated = target._replace(
            inputs=target.inputs[:, rows], extra=target.extra[:, rows], y=jnp.asarray(Y[rows]), weights=None
        )
        weighted = target._replace(y=jnp.asarray(weights * Y), weights=jnp.asarray(weights))
        for density in (trajectories.log_likelihood, trajectories.log_density):
            both = jax.jit(lambda gamma, density=density: [density(gamma, each) for each in (repeated, weighted)])
            for one, other in zip(*both(jnp.asarray(GAMMA)), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-9)
        np.testing.assert_allclose(trajectories.metric(repeated, M), trajectories.metric(weighted, M), rtol=1e-12)


def test_the_density_of_several_outputs_is_the_sum():
    first, _ = target_of()
    with runtime.double():
        second = first._replace(y=jnp.cos(first.y), noise_precision=jnp.asarray(0.7))
        second = second._replace(prior=second.prior._replace(shift=-0.5 * second.prior.shift))
        own = ("y", "prior", "noise_precision")
        both = {n: jax.tree.map(lambda *each: jnp.stack(each), getattr(first, n), getattr(second, n)) for n in own}
        targets = first._replace(**both), first, second
        every = jax.jit(lambda gamma: [trajectories.log_likelihood(gamma, target) for target in targets])
        found, one, other = every(jnp.asarray(GAMMA))
        np.testing.assert_allclose(found.value, one.value + other.value, rtol=1e-9)
        np.testing.assert_allclose(found.gradient, one.gradient + other.gradient, rtol=1e-9, atol=1e-12)


def trajectory(target, log_step):
    with runtime.double():
        move = jax.jit(lambda step: trajectories.move_together(jax.random.key(0), jnp.asarray(GAMMA), target, step, 5))
        return jax.tree.map(np.asarray, move(jnp.asarray(log_step)))


def test_a_short_trajectory_keeps_its_energy():
    """The error of leapfrog steps is of third order, so that all of twenty are accepted; any wrong one is of first."""
    target, _ = target_of()

    def acceptance(key):
        return trajectories.move_together(key, jnp.asarray(GAMMA), target, jnp.log(1e-2), 5).acceptance

    with runtime.double():
        assert jax.jit(jax.vmap(acceptance))(jax.random.split(jax.random.key(0), 20)).min() > 0.999


def test_units_that_are_not_in_use_stay():
    target, _ = target_of(jnp.asarray([1.0, 1.0, 0.0]))
    end = trajectory(target, np.log(1e-3))
    assert (np.abs(end.gamma - GAMMA) > 0).tolist() == [[True] * Q, [True] * Q, [False] * Q]


def test_an_endless_step_is_rejected():
    target, _ = target_of()
    end = trajectory(target, 800.0)
    assert end.acceptance == 0
    np.testing.assert_array_equal(end.gamma, GAMMA)


def test_the_step_is_tuned_towards_the_target():
    assert trajectories.tuned(0.0, 0.9, 0) == pytest.approx(0.9 - trajectories.TARGET_ACCEPTANCE)
    assert trajectories.tuned(0.0, 0.5, 31) == pytest.approx((0.5 - trajectories.TARGET_ACCEPTANCE) / 8)


@runtime.computing
def start(sampler, units, inputs):
    x = jnp.asarray(RNG.normal(size=(9, inputs)))
    return sampler.init(jax.random.key(0), shallow(units, hyper=ShallowHyperparameters()), x, x[:, 0])


def test_s_gamma_is_drawn_given_the_units_that_have_moved(monkeypatch):
    model, x = shallow(3), jnp.asarray(INPUTS[1:].T)
    seen = {}

    def draw(self, source, mu, gamma, used=None):
        seen.update(mu=mu, gamma=gamma)
        return "drawn"

    with runtime.double():
        state = Gibbs(trajectory=3).init(jax.random.key(1), model, x, jnp.asarray(Y))
        monkeypatch.setattr(MuellerRiosInsua, "draw_unit_covariance", draw)
        arguments = jax.random.key(2), state, model, x, gaussian_rows(jnp.asarray(Y)), 3
        moved, _ = trajectories.move_and_redraw(*arguments)
    assert (np.asarray(moved.gamma) != np.asarray(state.gamma)).all()
    np.testing.assert_array_equal(seen["gamma"], moved.gamma)
    np.testing.assert_array_equal(seen["mu"], state.hyper.mu_gamma)
    assert moved.hyper.s_gamma == "drawn"


def test_small_networks_have_no_trajectories_unless_asked_for():
    assert start(Gibbs(), 3, 1).log_step is None
    assert start(Gibbs(trajectory=4), 3, 1).log_step is not None
    assert start(Gibbs(), 8, 9).log_step is not None
    assert start(Gibbs(trajectory=0), 8, 9).log_step is None


@pytest.mark.parametrize("wrong", [-1, 2.5])
def test_a_wrong_number_of_steps_is_refused(wrong):
    with pytest.raises(ValueError, match="trajectory must be a whole number"):
        Gibbs(trajectory=wrong)
