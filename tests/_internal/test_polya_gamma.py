"""Pólya-Gamma numbers against their moments, their Laplace transform, and a long series."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn._internal import polya_gamma as module
from bayesnn._internal.polya_gamma import polya_gamma
from bayesnn._internal.runtime import computing

COUNT = 200_000
FEWER = 50_000  # with shapes: one program serves all tests of these
OPTIMISED = {"xla_backend_optimization_level": 2}  # unlike other tests, these run longer than they compile
TILTS = [0.0, 0.7, 2.3, 2.5, 6.0, 30.0]  # on both sides of the turn at |c| = 2.4, and where only the left part is left
LEVEL = 1e-5  # probability that a right generator fails one comparison


@computing
def draws(c, b=None, *, seed=0, generate=polya_gamma):
    """Numbers of the tilt c and the shape b, a number or one for each (FEWER,)."""
    count = COUNT if b is None else FEWER
    shape = None if b is None else jnp.asarray(np.broadcast_to(np.asarray(b, float), count))
    program = jax.jit(generate, compiler_options=OPTIMISED)
    return np.asarray(program(jax.random.key(seed), jnp.asarray(np.full(count, float(c))), shape))


def cumulants(c):
    """Mean and variance of PG(1, c)."""
    if c == 0:
        return 1 / 4, 1 / 24
    return np.tanh(c / 2) / (2 * c), (np.tanh(c / 2) - c / 2 / np.cosh(c / 2) ** 2) / (2 * c**3)


def log_transform(t, c):
    """log E exp(-t omega) of PG(1, c): log cosh(c/2) - log cosh(sqrt((c^2/2 + t)/2))."""

    def log_cosh(x):
        return x + np.log1p(np.exp(-2 * x)) - np.log(2)

    return log_cosh(c / 2) - log_cosh(np.sqrt((c**2 / 2 + t) / 2))


def series(rng, c, b, count, terms=300):
    """PG(b, c) as a sum of gamma numbers, with the mean of the terms left out."""
    d = 2 * np.pi**2 * (np.arange(1, terms + 1) - 0.5) ** 2 + c**2 / 2
    total = sum(rng.gamma(b, size=count) / rate for rate in d)
    return total + b * (cumulants(c)[0] - np.sum(1 / d))


def agree(values, mean, sd):
    """Whether the mean of these values is the expected one, within sampling error."""
    return abs(values.mean() - mean) < stats.norm.isf(LEVEL / 2) * sd / len(values) ** 0.5


def matches(omega, c, b):
    """Whether mean, variance and Laplace transform are those of PG(b, c)."""
    mean, variance = (b * value for value in cumulants(c))
    squares = (omega - mean) ** 2
    t = 1.0 / mean
    transformed = np.exp(-t * omega)
    return (
        agree(omega, mean, variance**0.5)
        and agree(squares, variance, squares.std())
        and agree(transformed, np.exp(b * log_transform(t, c)), transformed.std())
    )


@pytest.mark.parametrize("c", TILTS)
def test_moments_and_laplace_transform(c):
    assert matches(draws(c), c, 1.0)
    assert matches(draws(-c, seed=1), c, 1.0)


@pytest.mark.parametrize("c", [0.0, 2.3, 2.5, 9.0])
def test_the_distribution_is_that_of_a_long_series(c):
    expected = series(np.random.default_rng(3), c, 1.0, 20_000)
    assert stats.ks_2samp(draws(c), expected).pvalue > LEVEL


@pytest.mark.parametrize("b", [0.3, 1.0, 2.5, 40.0, 1e6])
@pytest.mark.parametrize("c", [0.0, 1.5, 8.0])
def test_real_shapes(b, c):
    assert matches(draws(c, b), c, b)


@pytest.mark.parametrize("b", [0.3, 3.7])
def test_the_distribution_of_real_shapes_is_that_of_a_long_series(b):
    expected = series(np.random.default_rng(4), 2.0, b, 20_000)
    assert stats.ks_2samp(draws(2.0, b), expected).pvalue > LEVEL


def test_the_error_of_the_series_is_what_the_documentation_says():
    f = np.linspace(-20, 20, 2001)
    error = np.abs(module.log_error(f))
    for largest, bound in ((4, 2e-9), (10, 5e-8), (20, 4e-4)):
        assert error[np.abs(f) <= largest].max() <= bound


def test_large_shapes_get_more_numbers():
    """The error stays small where |f| is as large as counts of that size make it."""
    assert (np.diff(module.LARGEST_B) >= 0).all()
    assert module.LARGEST_B[0] > 1000 and module.LARGEST_B[-1] > 1e9
    for level, b in enumerate(module.LARGEST_B):
        f = np.linspace(0.0, np.log1p(b) + 5.0, 200)
        assert np.abs(b * module.log_error(f, level)).max() < 1.5 * module.LARGEST_ERROR
    assert np.abs(1e6 * module.log_error(np.array([16.0]))) > 1.0  # what four numbers would do to a count of a million
    assert matches(draws(16.0, 1e6), 16.0, 1e6)
    half = FEWER // 2
    omega = draws(3.0, np.repeat([1.0, 1e6], half), seed=3)  # the numbers that one row needs serve all rows
    assert matches(omega[:half], 3.0, 1.0) and matches(omega[half:], 3.0, 1e6)


@pytest.mark.parametrize("level", range(len(module.LEVELS)))
def test_the_few_gamma_numbers_have_the_transform_and_the_first_moments_of_the_series(level):
    """All are positive; value and slope of the transform agree at `nodes` points, so the error has one sign."""
    nodes, largest = module.LEVELS[level]
    rates, shapes = module.RATES[level], module.SHAPES[level]
    assert (rates > 0).all() and (shapes[:nodes] > 0).all() and not shapes[nodes:].any()
    assert shapes @ (1 / rates) == pytest.approx(1 / 4, rel=1e-6)  # the mean, which 10^12 numbers would tell as well
    assert shapes @ (1 / rates**2) == pytest.approx(1 / 24, rel=1e-6)
    error = module.log_error(np.linspace(0.0, largest, 200), level)
    assert error.min() > -1e-12


def test_the_two_forms_of_the_density_agree_where_they_meet():
    """Between both cuts the left and the right form of the series are the same function."""
    x = np.linspace(0.64, 2.0, 50)
    k = np.arange(5)
    signs = (-1.0) ** k * (2 * k + 1)
    left = (np.pi / 2) * (2 / (np.pi * x)) ** 1.5 * np.exp(-0.5 / x)
    right = (np.pi / 2) * np.exp(-(np.pi**2) * x / 8)
    powers = (k * (k + 1) // 2)[:, None]
    of_left = left * (signs @ np.exp(-4 / x) ** powers)
    of_right = right * (signs @ np.exp(-(np.pi**2) * x) ** powers)
    np.testing.assert_allclose(of_left, of_right, rtol=1e-11)


def test_limits():
    """A shape of zero gives zero; a large tilt gives a small number near its mean 1/(2 |c|); all are positive."""
    assert not draws(1.0, 0.0).any()
    large = draws(1e6)
    np.testing.assert_allclose(large, 0.5e-6, rtol=0.01)
    assert (draws(0.0) > 0).all()


def wrong_share(monkeypatch):
    right = module.attempted

    def attempted(words, counter, envelope):
        return right(words, counter, envelope._replace(left=0.9 * envelope.left))

    monkeypatch.setattr(module, "attempted", attempted)


def tilt_forgotten(monkeypatch):
    right = module.attempted

    def attempted(words, counter, envelope):
        return right(words, counter, envelope._replace(z=jnp.zeros_like(envelope.z)))

    monkeypatch.setattr(module, "attempted", attempted)


def last_number_forgotten(monkeypatch):
    monkeypatch.setattr(module, "SHAPES", module.SHAPES * (np.arange(module.SHAPES.shape[1]) != module.BLOCK - 1))


def tilt_of_the_numbers_forgotten(monkeypatch):
    right = module.series_numbers
    monkeypatch.setattr(module, "series_numbers", lambda key, b, c: right(key, b, 0.0 * c))


PLANTED = [
    (wrong_share, None),
    (tilt_forgotten, None),
    (last_number_forgotten, 2.5),
    (tilt_of_the_numbers_forgotten, 2.5),
]


@pytest.mark.parametrize(("plant", "b"), PLANTED)
def test_a_planted_error_is_seen(plant, b, monkeypatch):
    plant(monkeypatch)
    assert not matches(draws(1.5, b, generate=lambda *given: polya_gamma(*given)), 1.5, b or 1.0)  # traced anew
