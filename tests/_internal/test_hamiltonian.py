"""The leapfrog integrator against a loop in NumPy, and the acceptance probability."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayesnn._internal.hamiltonian import acceptance_probability, leapfrog
from bayesnn._internal.runtime import computing

STEP, COUNT = 0.2, 7
EXACT = 1e-12  # relative: the same sums in another order


def log_density(position):
    """Not quadratic, and with a part beside it: of a scalar and a vector that depend on each other."""
    value = -jnp.sum(position["a"] ** 4) - position["b"] ** 2 * (1 + jnp.sum(position["a"]) ** 2)
    return value, 3 * value


def gradient(a, b):
    """By hand: d/da, d/db."""
    total = a.sum()
    return -4 * a**3 - 2 * b**2 * total, -2 * b * (1 + total**2)


@pytest.mark.parametrize("scaled", [False, True])
@computing
def test_leapfrog_is_the_loop_of_neal(scaled):
    """R. Neal (2011), equations (2.28) to (2.30); step sizes by coordinate as in his section 4.1."""
    rng = np.random.default_rng(0)
    (a, b), (p, r) = ((rng.normal(size=2), rng.normal()) for _ in range(2))
    scale_a, scale_b = (np.array([0.5, 2.0]), 1.5) if scaled else (np.ones(2), 1.0)
    start, momentum = ({"a": jnp.asarray(u), "b": jnp.asarray(v)} for u, v in ((a, b), (p, r)))
    for _ in range(COUNT):
        slope_a, slope_b = gradient(a, b)
        p, r = p + STEP * scale_a * slope_a / 2, r + STEP * scale_b * slope_b / 2
        a, b = a + STEP * scale_a * p, b + STEP * scale_b * r
        slope_a, slope_b = gradient(a, b)
        p, r = p + STEP * scale_a * slope_a / 2, r + STEP * scale_b * slope_b / 2
    density = jax.value_and_grad(log_density, has_aux=True)
    scales = {"a": jnp.asarray(scale_a), "b": jnp.asarray(scale_b)} if scaled else None
    end, last, ((value, beside), slope) = leapfrog(density, start, momentum, density(start), STEP, COUNT, scales)
    for ours, expected in ((end["a"], a), (end["b"], b), (last["a"], p), (last["b"], r), (slope["a"], slope_a)):
        np.testing.assert_allclose(ours, expected, rtol=EXACT)
    expected = -np.sum(a**4) - b**2 * (1 + a.sum() ** 2)
    np.testing.assert_allclose([value, beside], [expected, 3 * expected], rtol=EXACT)


@pytest.mark.parametrize(
    ("log_ratio", "probability"), [(0.5, 1.0), (0.0, 1.0), (-np.log(4), 0.25), (-np.inf, 0.0), (np.nan, 0.0)]
)
def test_acceptance_probability(log_ratio, probability):
    np.testing.assert_allclose(acceptance_probability(jnp.asarray(log_ratio)), probability, rtol=EXACT)
