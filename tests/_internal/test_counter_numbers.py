"""The counter-based generator against JAX's own, and gamma numbers against their distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry2x32_p
from scipy import stats

from bayesnn._internal import counter_numbers
from bayesnn._internal.counter_numbers import gamma_numbers, log_acceptance, threefry, uniform_numbers
from bayesnn._internal.runtime import computing

LEVEL = 1e-5  # probability that a right generator fails one comparison


def test_twenty_rounds_give_the_words_of_jax():
    key, counter = jnp.array([0x13198A2E, 0x03707344], jnp.uint32), jnp.arange(5, dtype=jnp.uint32)
    expected = threefry2x32_p.bind(key[0], key[1], counter, jnp.zeros(5, jnp.uint32))
    np.testing.assert_array_equal(threefry(key, counter, rounds=20), expected)


@pytest.mark.parametrize(("rounds", "words"), [(13, [0x9D1C5EC6, 0x8BD50731]), (20, [0x6B200159, 0x99BA4EFE])])
def test_the_words_are_the_published_ones(rounds, words):
    """The known answers for key and counter zero that the authors ship with Random123."""
    found = threefry(jnp.zeros(2, jnp.uint32), jnp.zeros(1, jnp.uint32), rounds)
    assert [int(word[0]) for word in found] == words


def test_uniform_numbers_are_inside_the_unit_interval():
    words = jnp.array([0, 1, 2**31, 2**32 - 1], jnp.uint32)
    for dtype in (jnp.float32, jnp.float64):
        with jax.enable_x64(dtype == jnp.float64):
            numbers = np.asarray(uniform_numbers(words, dtype))
        assert (numbers > 0).all()
        assert (numbers < 1).all()
        assert numbers[2] == pytest.approx(0.5, abs=1e-6)


@computing
def gammas(shape, count=100_000):
    return np.asarray(jax.jit(gamma_numbers)(jax.random.key(5), jnp.full(count, shape)))


@pytest.mark.parametrize("shape", [0.02, 0.4, 1.0, 1.7, 30.0, 1e6])
def test_gamma_numbers_have_their_distribution(shape):
    assert stats.kstest(gammas(shape), stats.gamma(shape).cdf).pvalue > LEVEL


@pytest.mark.parametrize("d", [2 / 3, 2.0, 50.0, 1e4])
def test_acceptance_in_single_precision_is_that_of_the_formula(d):
    """x^2/2 + d - d v + d log(v) of Marsaglia and Tsang in double precision, over all x that occur."""
    x = np.linspace(-5.4, 5.4, 1000)
    y = (x / np.sqrt(9 * d)).astype(np.float32)
    y = y[y > -0.95]
    v = (1.0 + y.astype(float)) ** 3
    expected = 9 * d * y.astype(float) ** 2 / 2 + d - d * v + d * np.log(v)
    found = log_acceptance(jnp.asarray(y), jnp.float32(d))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.isfinite(log_acceptance(jnp.float32(-1.0), jnp.float32(d)))


def test_gamma_numbers_of_shape_zero_are_zero_and_shapes_are_kept():
    assert not gammas(0.0, 5).any()
    with jax.enable_x64(True):
        assert gamma_numbers(jax.random.key(0), jnp.ones((2, 3))).shape == (2, 3)


def test_the_step_to_small_shapes_is_needed(monkeypatch):
    monkeypatch.setattr(counter_numbers, "other_stream", lambda key: (key[0] * 0, key[1] * 0))
    assert stats.kstest(gammas(0.4), stats.gamma(1.4).cdf).pvalue < LEVEL
