"""The mean of heteroskedastic errors integrated out: its density, gradients and draws against direct formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn import Heteroskedastic, ShallowHyperparameters, shallow
from bayesnn._internal.runtime import double
from bayesnn.models.readout import precision_of
from bayesnn.priors import GaussianPrior
from bayesnn.samplers.gibbs import mean_collapsed
from bayesnn.samplers.gibbs.joint import JointGibbs
from bayesnn.samplers.gibbs.joint_density import log_density
from bayesnn.samplers.gibbs.joint_state import point_of, target_of

RNG = np.random.default_rng(2)
N, K = 9, 4
DESIGN, Y, LOG_SD = RNG.uniform(size=(K, N)), RNG.normal(size=N), 0.5 * RNG.normal(size=N)
COVARIANCE = np.eye(K) + 0.4
PRIOR = GaussianPrior(np.linspace(-1.0, 1.0, K), COVARIANCE, np.linalg.inv(COVARIANCE))
WEIGHTS = np.array([2.0, 1.0, 0.0, *np.ones(N - 3)])


@pytest.fixture(autouse=True)
def precise():
    with double():
        yield


def marginal(log_sd, design, weights=None):
    given = (jnp.asarray(a) for a in (log_sd, design, Y))
    return mean_collapsed.marginal(*given, None if weights is None else jnp.asarray(weights), precision_of(PRIOR))


def direct(log_sd, design):
    """The normal density of y, whose covariance is D'VD plus the variances of the errors."""
    covariance = design.T @ COVARIANCE @ design + np.diag(np.exp(2 * log_sd))
    return stats.multivariate_normal(design.T @ PRIOR.mean, covariance).logpdf(Y)


def test_the_density_is_that_of_a_normal_distribution():
    for log_sd, design in ((LOG_SD, DESIGN), (0.7 - LOG_SD, DESIGN**2)):
        difference = marginal(log_sd, design)[0] - marginal(np.zeros(N), DESIGN)[0]
        np.testing.assert_allclose(difference, direct(log_sd, design) - direct(np.zeros(N), DESIGN), rtol=1e-9)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_the_gradients_are_those_of_the_density(weights):
    _, of_log_sd, of_design = jax.jit(lambda g, d: marginal(g, d, weights))(LOG_SD, DESIGN)
    value = jax.jit(jax.grad(lambda g, d: marginal(g, d, weights)[0], argnums=(0, 1)))
    for ours, right in zip((of_log_sd, of_design), value(jnp.asarray(LOG_SD), jnp.asarray(DESIGN)), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-9, atol=1e-12)


def test_a_row_of_weight_two_is_as_two_rows():
    rows = np.repeat(np.arange(N), WEIGHTS.astype(int))
    repeated = mean_collapsed.marginal(LOG_SD[rows], DESIGN[:, rows], Y[rows], None, precision_of(PRIOR))[0]
    np.testing.assert_allclose(repeated, marginal(LOG_SD, DESIGN, WEIGHTS)[0], rtol=1e-12)


def some_state(offset):
    hyper = ShallowHyperparameters(readout_guess=0.7, readout_mean=0.4, readout_size=5.0)
    model = shallow(3, likelihood=Heteroskedastic(), hyper=hyper, intercept=True)
    x = jnp.asarray(RNG.normal(size=(N, 2)))
    state = JointGibbs().init(jax.random.key(0), model, x, jnp.asarray(Y))
    state = state._replace(coefficients=jnp.asarray(RNG.normal(size=state.coefficients.shape)))
    return state, model, target_of(state, model, x, jnp.asarray(Y), offset, None)


@pytest.mark.parametrize("offset", [None, np.linspace(-1.0, 1.0, N)], ids=["plain", "offset"])
def test_the_density_of_a_point_without_the_mean_has_the_right_gradient(offset):
    state, model, target = some_state(None if offset is None else jnp.asarray(offset))
    point, precision = point_of(state), jnp.asarray(1.3)
    rest = point._replace(coefficients=point.coefficients[:, 1:], mu_beta=point.mu_beta[1:])
    target = mean_collapsed.without_mean(target, jnp.asarray(Y), None, precision, model.terms((2,)))
    density = jax.jit(lambda p: log_density(p, target))
    _, gradient = density(rest)
    for name in rest._fields:
        step = RNG.normal(size=getattr(rest, name).shape)
        ends = [density(rest._replace(**{name: getattr(rest, name) + h * step}))[0] for h in (1e-3, -1e-3)]
        # psi is in single precision, so differences of the likelihood are good to about 1e-7 / 1e-3
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-3, jnp.sum(getattr(gradient, name) * step), rtol=3e-3)


def test_the_mean_is_drawn_from_its_normal_distribution():
    """Moments of the readout and of mu_beta after a move that moves nothing, against a joint normal of both."""
    offset = jnp.linspace(-1.0, 1.0, N)
    state, model, target = some_state(offset)
    point, precisions, terms = point_of(state), jnp.array([1.3, 0.8]), model.terms((2,))

    def stay(source, point, target):
        return point, jnp.zeros(())

    def drawn(key):
        arguments = key, point, target, jnp.asarray(Y), None, precisions, terms, stay
        moved = mean_collapsed.move_without_mean(*arguments)[0]
        return jnp.append(moved.coefficients[:, 0], moved.mu_beta[0])

    draws = np.asarray(jax.jit(jax.vmap(drawn))(jax.random.split(jax.random.key(1), 20000)))
    design = np.asarray(target.design(point.gamma))
    log_sd = np.asarray(point.coefficients[:, 1] @ design + offset)
    # the prior of (readout, mu_beta): beta = mu_beta + noise, and the intercept
    of_beta, fixed = np.array([1.0, 1.0, 1.0, 0.0]), np.array([1 / 1.3, 1 / 1.3, 1 / 1.3, 1.0])
    covariance = np.block([[np.diag(fixed) + np.outer(of_beta, of_beta), of_beta[:, None]], [of_beta[None], 1.0]])
    mean, rows = 0.4 * np.append(of_beta, 1.0), np.concatenate([design, np.zeros((1, N))]).T
    precision = np.linalg.inv(covariance) + rows.T @ (rows * np.exp(-2 * log_sd)[:, None])
    posterior = np.linalg.inv(precision)
    target_mean = np.linalg.inv(covariance) @ mean + rows.T @ (np.exp(-2 * log_sd) * (Y - np.asarray(offset)))
    z = (draws.mean(axis=0) - posterior @ target_mean) / np.sqrt(np.diag(posterior) / len(draws))
    assert np.abs(z).max() < 4.5
    np.testing.assert_allclose(np.cov(draws.T), posterior, atol=5 * np.diag(posterior).max() * np.sqrt(2 / len(draws)))
