"""The noise of minibatch steps: JAX's own words, and the moments of a standard normal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn._internal.counter_numbers import words_of
from bayesnn.samplers.sgmcmc.noise import random_rows, standard_noise, words_of_steps

COUNT = 200_001


@pytest.fixture(scope="module")
def noise():
    return np.asarray(standard_noise(words_of(jax.random.key(0)), jnp.zeros(COUNT, jnp.float32)), float)


@pytest.mark.parametrize(("power", "expected"), [(1, 0.0), (2, 1.0), (3, 0.0), (4, 2.7)])
def test_moments(noise, power, expected):
    error = (noise**power).std() / COUNT**0.5
    assert abs((noise**power).mean() - expected) < 4 * error


def test_numbers_are_independent_of_their_neighbours_and_of_other_keys(noise):
    other = np.asarray(standard_noise(words_of(jax.random.key(1)), jnp.zeros(COUNT, jnp.float32)), float)
    pairs = {"next": noise[1:] * noise[:-1], "other key": noise * other}
    for name, products in pairs.items():
        assert abs(products.mean()) < 4 / len(products) ** 0.5, name


def test_sums_of_a_dozen_are_normal(noise):
    sums = noise[: COUNT // 12 * 12].reshape(-1, 12).sum(axis=1) / 12**0.5
    assert stats.kstest(sums, "norm").pvalue > 1e-3


def test_rows_are_uniform():
    rows = np.asarray(random_rows(words_of(jax.random.key(2)), 50_000, 7))
    assert stats.chisquare(np.bincount(rows, minlength=7)).pvalue > 1e-3


def test_steps_have_words_of_their_own():
    rows, noise = words_of_steps(words_of(jax.random.key(3)), 50)
    found = {tuple(map(int, pair)) for words in (rows, noise) for pair in zip(*words)}
    assert len(found) == 100
