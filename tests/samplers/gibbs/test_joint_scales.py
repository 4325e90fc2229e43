"""Moves of the joint sweep that change scales, and the common part of all classes, each by itself."""

from __future__ import annotations

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_joint
from scipy import integrate

from bayesnn._internal.runtime import double
from bayesnn.samplers.gibbs import common_shift, joint_scale_moves, joint_trajectories
from bayesnn.samplers.gibbs.joint_scale_moves import Direction
from bayesnn.samplers.gibbs.joint_state import target_of

CLASSES, X = test_joint.CLASSES, test_joint.X


@pytest.fixture(autouse=True)
def precise():
    with double():
        yield


def target_of_rows(x):
    return target_of(test_joint.state_of(CLASSES), CLASSES, jnp.asarray(x), jnp.asarray(test_joint.CODES), None, None)


@pytest.fixture(scope="module")
def target():
    with double():
        return target_of_rows(X)


def test_a_shift_changes_the_readout_and_no_probability(target):
    point = test_joint.some_point()
    moved = common_shift.shift_classes(jax.random.key(0), point, target)
    np.testing.assert_array_equal(moved.gamma, point.gamma)
    change = moved.coefficients - point.coefficients
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1], change.shape), atol=1e-12)
    assert (np.abs(change) > 1e-3).all()
    before, after = target.log_likelihood(target.function(point)), target.log_likelihood(target.function(moved))
    np.testing.assert_allclose(before, after, rtol=1e-5)


def shift_scores(target):
    """z of three means of the shift, repeated from its own end, for one unit and three classes, against integrals."""
    start, prior, count = jnp.array([[-2.0, 0.5, 4.0]]), CLASSES.prior, 40_000

    def one(d, key):
        d = d + common_shift.shift_of_units(key, start + d, target)
        return d, d[0]

    run = jax.jit(lambda key: jax.lax.scan(one, jnp.zeros(1), jax.random.split(key, count))[1])
    draws = np.asarray(run(jax.random.key(1)))

    def density(d):
        spread = prior.readout_size * prior.readout_guess + (np.asarray(start)[0] + d) ** 2
        return np.prod(spread ** (-0.5 * (prior.readout_size + 1)))

    def mean(h):
        return integrate.quad(lambda d: h(d) * density(d), -30, 30, points=[-4, -0.5, 2], limit=200)[0]

    whole, scores = mean(lambda d: 1.0), []
    for h in (np.tanh, lambda d: np.tanh(d + 3), lambda d: np.tanh(3 * d) ** 2):
        values = h(draws)
        blocks = values.reshape(100, -1).mean(axis=1)
        scores.append((values.mean() - mean(h) / whole) / (blocks.std(ddof=1) / 10))
    return np.abs(scores)


def test_the_shift_of_units_has_the_density_of_the_prior(target):
    assert shift_scores(target).max() < 4.5


def test_a_shift_without_the_density_of_its_candidates_is_seen(target, monkeypatch):
    monkeypatch.setattr(common_shift, "logsumexp", lambda values, axis: 0.0)
    assert shift_scores(target).max() > 4.5


def test_scales_form_a_group_about_the_middle_of_each_unit(target):
    point = test_joint.some_point()
    direction = Direction(jnp.array([0.3, 0.0]), jnp.zeros((5, 3)).at[0].set(-0.8))
    there = joint_scale_moves.scaled(point, direction, jnp.asarray(0.7), True)
    back = joint_scale_moves.scaled(there, direction, jnp.asarray(-0.7), True)
    for a, b in zip(back, point, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    # where a unit is 1/2 its size does not matter
    gamma = np.asarray(point.gamma[0])
    middle = np.concatenate([[-gamma[0] * gamma[1:] / np.sum(gamma[1:] ** 2)], X[1:]])
    at = target_of_rows(middle)
    np.testing.assert_allclose(at.function(there)[:, 0], at.function(point)[:, 0], atol=1e-6)
    assert (np.abs(at.function(there) - at.function(point)).max(axis=0)[1:] > 1e-4).all()


def test_the_jacobian_is_that_of_the_map(target):
    point, by = test_joint.some_point(), 0.4
    directions = joint_scale_moves.directions_of(jnp.array([0.3, 2.0]), point, target)
    assert directions.units.shape == (2 + 3 + 1, 2)
    flat, unravel = jax.flatten_util.ravel_pytree((point.gamma, point.coefficients))

    def mapped(values, direction):
        gamma, coefficients = unravel(values)
        moved = joint_scale_moves.scaled(point._replace(gamma=gamma, coefficients=coefficients), direction, by, True)
        return jax.flatten_util.ravel_pytree((moved.gamma, moved.coefficients))[0]

    determinant = jax.jit(lambda d: jnp.linalg.slogdet(jax.jacobian(mapped)(flat, d))[1], compiler_options=geweke.QUICK)
    for i in range(len(directions.units)):
        direction = jax.tree.map(lambda a, i=i: a[i], directions)
        np.testing.assert_allclose(determinant(direction), by * joint_scale_moves.growth(direction, 3), rtol=1e-9)


def test_points_of_a_slice_shrink_towards_the_current_one():
    uniform = jax.random.uniform(jax.random.key(2), (500, 8))
    steps = np.asarray(joint_scale_moves.shrinking_line(uniform, 2.0))
    low, high = -2.0 * uniform[:, 0], 2.0 - 2.0 * uniform[:, 0]
    for k in range(7):
        step = steps[:, k]
        assert ((low <= step) & (step <= high)).all()
        low, high = np.where(step < 0, step, low), np.where(step < 0, high, step)


def test_coordinates_of_the_units_are_narrower_where_the_readout_is_large(target):
    """By the information that rows of three equal classes have about units of such a readout."""

    def precision(of_beta):
        factor = joint_trajectories.scales_of(target._replace(beta_precision=jnp.full(3, of_beta)), 2, 3).gamma
        return np.linalg.inv(factor @ factor.T)

    information = 3 * (1 / 3) * (2 / 3) * joint_trajectories.SURE * joint_trajectories.SLOPE
    expected = (100.0 - 1.0) * information * target.inputs @ target.inputs.T
    np.testing.assert_allclose(precision(0.01) - precision(1.0), expected, rtol=1e-5)
