"""The pass over a series and the evidence of its members, against loops, a Student t and numerical integration."""

from functools import partial

import jax
import numpy as np
import pytest
from scipy.stats import invgamma, multivariate_t, norm

from bayesnn.forecasting.many.evidence import MOST_WRITTEN_OUT, eliminate, evidence, filtered
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid

PRIOR = StructuralPrior(points=8)


def errors_of(u, kind, dynamics, basis, coefficients):
    """Errors of the rows of the regression, and the states after them, by a loop over one point and one vector."""
    alpha, beta, phi, gamma, rho = dynamics
    level, drift, trend = coefficients[:3]
    season, last, errors = basis @ coefficients[3:], 0.0, []
    for t in range(len(u)):
        phase = (t - len(u)) % len(season)
        level, trend = level + drift + phi * trend, phi * trend
        r = u[t] - level - season[phase]
        if kind[t] == 2:
            errors.append(r - rho * last)
        if kind[t] == 1:
            r = rho * last
        level, trend, last = level + alpha * r, trend + beta * r, r
        season[phase] += gamma * r
    return np.array(errors), np.array([level, trend, last]), season


@pytest.fixture(scope="module")
def passed():
    """14 quarters with a gap and a shift, after two rows of padding, and what the pass leaves of them."""
    grid = make_grid(PRIOR, (4,))
    u, kind = np.random.default_rng(0).normal(size=16).cumsum(), np.full(16, 2)
    kind[:2], kind[7], kind[10] = 0, 1, 3
    with jax.enable_x64(True):
        result = jax.device_get(jax.jit(partial(filtered, periods=(4,)))(u, kind, 2, grid.dynamics, grid.basis))
        shape, rate = PRIOR.noise_shape, PRIOR.noise_rate
        found = jax.device_get(jax.jit(evidence)(result.products, 12.0, grid.precision, shape, rate))
    return grid, u[2:], kind[2:], result, found


@pytest.mark.parametrize("point", range(8))
def test_the_pass_is_the_loop(passed, point):
    grid, u, kind, result, _ = passed
    k = len(grid.precision)
    b = np.random.default_rng(point).normal(size=k)
    errors, state, season = errors_of(u, kind, grid.dynamics[:, point], grid.basis, b)
    own = np.r_[b, 1.0]
    assert errors @ errors == pytest.approx(own @ result.products[:, :, point] @ own, rel=1e-10)
    np.testing.assert_allclose(result.state[:, :, point] @ own, state, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(result.season[:, :, point] @ own, season, rtol=1e-10, atol=1e-12)


def test_evidence_is_a_student_density(passed):
    grid, u, kind, _, found = passed
    k = len(grid.precision)
    for point in range(3):
        at = [errors_of(u, kind, grid.dynamics[:, point], grid.basis, b)[0] for b in np.r_[np.zeros((1, k)), np.eye(k)]]
        target, design = at[0], (at[0] - np.array(at[1:])).T
        for scale in (0, 7):
            covariance = np.eye(12) + design / grid.precision[:, scale] @ design.T
            shape = PRIOR.noise_rate / PRIOR.noise_shape * covariance
            expected = multivariate_t(shape=shape, df=2 * PRIOR.noise_shape).logpdf(target)
            assert found.log[scale, point] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("k", [3, MOST_WRITTEN_OUT + 1])
def test_elimination_is_that_of_a_cholesky_factor(k):
    rng = np.random.default_rng(k)
    roots, right = rng.normal(size=(5, k, k + 3)), rng.normal(size=(k, 5))
    matrices = roots @ np.swapaxes(roots, 1, 2)
    with jax.enable_x64(True):
        log_det, solved = jax.jit(eliminate)(np.moveaxis(matrices, 0, -1), right)
    factors = np.linalg.cholesky(matrices)
    np.testing.assert_allclose(solved, np.linalg.solve(factors, right.T[..., None])[..., 0].T, rtol=1e-9)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(matrices)[1], rtol=1e-10)


def test_evidence_is_the_integral_of_the_likelihood():
    x, y, precision = np.array([1.0, -0.5, 2.0]), np.array([0.3, 0.4, 1.1]), 1.7
    rows = np.column_stack([-x, y])
    with jax.enable_x64(True):
        found = evidence((rows.T @ rows)[..., None], 3.0, np.array([[precision]]), 1.5, 0.6)
    b, log_variance = np.meshgrid(np.linspace(-12, 12, 601), np.linspace(-6, 9, 401), indexing="ij")
    s2 = np.exp(log_variance)
    density = norm.pdf(b, 0, np.sqrt(s2 / precision)) * invgamma.pdf(s2, 1.5, scale=0.6) * s2
    for xi, yi in zip(x, y, strict=True):
        density = density * norm.pdf(yi, xi * b, np.sqrt(s2))
    integral = density.sum() * (24 / 600) * (15 / 400)
    assert float(found.log[0, 0]) == pytest.approx(np.log(integral), abs=1e-4)
