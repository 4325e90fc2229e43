"""The conjugate regression against numerical integration and its own definitions."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayesnn.data.series.linear_regression import NormalInverseGamma, linear_regression, student_log_density, update


def data(n=30, p=2, key=0):
    rng = np.random.default_rng(key)
    x = rng.normal(3.0, 2.0, (n, p))
    return x, 5.0 + x @ np.arange(1.0, p + 1) + rng.normal(0.0, 0.7, n)


@pytest.mark.slow
def test_marginal_likelihood_is_the_integral_over_coefficient_and_variance():
    x, y = np.array([[0.5], [-1.0], [2.0]]), np.array([0.3, -0.4, 1.9])
    prior = NormalInverseGamma(np.array([0.2]), np.array([[1.7]]), 1.5, 0.8)

    def joint(b, log_variance):
        variance = np.exp(log_variance)
        return (
            stats.norm.pdf(y, x[:, 0] * b, np.sqrt(variance)).prod()
            * stats.norm.pdf(b, 0.2, np.sqrt(variance / 1.7))
            * stats.invgamma.pdf(variance, 1.5, scale=0.8)
            * variance
        )

    exact, _ = integrate.dblquad(joint, -8, 6, -12, 12, epsabs=1e-12, epsrel=1e-9)
    assert update(prior, x, y)[1] == pytest.approx(np.log(exact), abs=1e-6)


def test_marginal_likelihood_is_the_product_of_one_step_predictives():
    x, y = data()
    design = np.column_stack([np.ones(len(x)), x])
    prior = NormalInverseGamma(np.zeros(3), 0.1 * np.eye(3), 2.0, 1.0)
    total, now = 0.0, prior
    for row, value in zip(design, y, strict=True):
        scale = np.sqrt(now.rate / now.shape * (1 + row @ np.linalg.solve(now.precision, row)))
        total += stats.t.logpdf(value, 2 * now.shape, row @ now.mean, scale)
        now, _ = update(now, row[None], np.array([value]))
    at_once, log_marginal = update(prior, design, y)
    assert log_marginal == pytest.approx(total, rel=1e-10)
    np.testing.assert_allclose(now.mean, at_once.mean, rtol=1e-10)
    assert now.rate == pytest.approx(at_once.rate, rel=1e-10)


@pytest.mark.parametrize("factor", [1e-3, 250.0])
def test_units_change_predictions_and_density_as_they_must(factor):
    x, y = data()
    one, other = linear_regression(x, y), linear_regression(x * 7.0 - 3.0, y * factor + 2.0)
    df, location, scale = one.predictive(x[:4])
    df_other, location_other, scale_other = other.predictive(x[:4] * 7.0 - 3.0)
    assert df == df_other
    np.testing.assert_allclose(location_other, location * factor + 2.0, rtol=1e-9)
    np.testing.assert_allclose(scale_other, scale * factor, rtol=1e-9)
    assert other.log_marginal == pytest.approx(one.log_marginal - len(y) * np.log(factor), rel=1e-9)


def test_draws_have_the_moments_of_the_predictive():
    x, y = data()
    fit = linear_regression(x, y)
    rng = np.random.default_rng(1)
    coefficients, sd = fit.draw(rng, 40_000)
    centre = fit.y_center + fit.y_scale * (coefficients @ fit.design(x[:3]).T)
    simulated = centre + sd[:, None] * rng.standard_normal(centre.shape)
    df, location, scale = fit.predictive(x[:3])
    spread = scale * np.sqrt(df / (df - 2))
    assert (np.abs(simulated.mean(axis=0) - location) < 4 * spread / np.sqrt(40_000)).all()
    np.testing.assert_allclose(simulated.std(axis=0), spread, rtol=4 * np.sqrt(0.6 / 40_000))
    mixture = np.log(stats.norm.pdf(y[:3], centre, sd[:, None]).mean(axis=0))
    np.testing.assert_allclose(mixture, student_log_density(y[:3], (df, location, scale)), atol=0.02)


def test_a_line_without_errors_and_a_constant_target_have_a_density():
    x = np.arange(20.0)[:, None]
    for y in (3.0 * x[:, 0], np.full(20, 4.0)):
        fit = linear_regression(x, y)
        assert np.isfinite(fit.log_marginal)
        np.testing.assert_allclose(fit.predictive(x)[1], y, atol=1e-4)
