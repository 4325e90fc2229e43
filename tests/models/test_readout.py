"""The readout integrated out, against multivariate normals and formulas with n x n matrices."""

from typing import NamedTuple

import jax
import numpy as np
import pytest
from quadrature import LIMIT, many, z_of_moments
from scipy import stats

from bayesnn._internal.runtime import computing
from bayesnn.models import readout
from bayesnn.priors import GaussianPrior

RTOL = 1e-10  # exact algebra in double precision


class Problem(NamedTuple):
    """Design D (n, k), target, prior mean and covariance of the readout, error variance."""

    design: np.ndarray
    y: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    variance: float

    @property
    def marginal(self):
        """Covariance of y (n, n)."""
        return self.design @ self.covariance @ self.design.T + self.variance * np.eye(len(self.y))

    def log_density(self):
        return stats.multivariate_normal.logpdf(self.y, self.design @ self.mean, self.marginal)

    def posterior(self):
        """Mean and covariance of the readout given y, by conditioning in n dimensions."""
        gain = self.covariance @ self.design.T @ np.linalg.inv(self.marginal)
        mean = self.mean + gain @ (self.y - self.design @ self.mean)
        return mean, self.covariance - gain @ self.design @ self.covariance

    def arguments(self):
        return readout.products(self.design, self.y), normal(self.mean, self.covariance), 1 / self.variance


def normal(mean, covariance):
    return GaussianPrior(mean, covariance, np.linalg.inv(covariance))


def solve(data, prior, noise_precision):
    return readout.solve(data, readout.precision_of(prior), noise_precision)


def make(n, units, intercept, predictors, common):
    """`common` is the variance of mu_beta: zero where it is given, positive where it is integrated out."""
    rng = np.random.default_rng([n, units, predictors])
    x = rng.normal(size=(n, max(predictors, 1)))
    columns = [1 / (1 + np.exp(-rng.normal(size=(n, units)))), np.ones((n, int(intercept))), x[:, :predictors]]
    design = np.concatenate(columns, axis=1)
    mean = np.concatenate([np.full(units, 0.4), np.zeros(intercept + predictors)])
    of_unit = np.arange(len(mean)) < units
    covariance = np.diag(np.where(of_unit, 0.7, 2.0)) + common * np.outer(of_unit, of_unit)
    return Problem(design, rng.normal(size=n), mean, covariance, 0.3)


SHAPES = [
    (6, 1, False, 0, 0.0),
    (6, 1, True, 0, 1.5),
    (9, 3, False, 0, 1.5),
    (9, 3, False, 2, 0.0),
    (9, 3, True, 2, 1.5),
    (4, 7, True, 3, 1.5),  # more columns than rows
    (1, 2, False, 0, 1.5),
]
problems = pytest.mark.parametrize("problem", [make(*shape) for shape in SHAPES], ids=map(str, SHAPES))


@computing
def compute(function, *arguments):
    return jax.tree.map(np.asarray, function(*arguments))


@problems
def test_the_marginal_density_is_the_multivariate_normal(problem):
    assert compute(readout.log_marginal, *problem.arguments()) == pytest.approx(problem.log_density(), rel=RTOL)


@pytest.mark.parametrize("field", ["y", "mean", "covariance", "variance"])
def test_the_comparison_notices_every_part(field):
    problem = make(9, 3, True, 2, 1.5)
    other = problem._replace(**{field: getattr(problem, field) * (1 + 1e-6)})
    assert compute(readout.log_marginal, *problem.arguments()) != pytest.approx(other.log_density(), rel=RTOL)


def test_constants_are_right_when_the_number_of_units_varies():
    """Ratios of densities between models of 1 to 6 units: a constant (2 pi)^(k/2) dropped or doubled would show."""
    largest = make(9, 6, False, 0, 1.5)
    models = [
        Problem(largest.design[:, :k], largest.y, largest.mean[:k], largest.covariance[:k, :k], largest.variance)
        for k in range(1, 7)
    ]
    ours = np.array([compute(readout.log_marginal, *model.arguments()) for model in models])
    exact = np.array([model.log_density() for model in models])
    np.testing.assert_allclose(np.diff(ours), np.diff(exact), rtol=0, atol=RTOL * np.abs(exact).max())
    assert np.abs(np.diff(exact)).min() > 1e-4  # so that the comparison is not one of zeros


@problems
def test_the_posterior_is_that_of_conditioning(problem):
    solved = compute(solve, *problem.arguments())
    mean, covariance = problem.posterior()
    inverse = np.linalg.inv(solved.cholesky @ solved.cholesky.T)
    np.testing.assert_allclose(np.linalg.solve(solved.cholesky.T, solved.whitened), mean, rtol=RTOL, atol=RTOL)
    np.testing.assert_allclose(inverse, covariance, rtol=RTOL, atol=RTOL)


@problems
def test_draws_are_exact(problem, monkeypatch):
    """A draw is affine in its normal noise: noise of zeros and unit vectors reads off mean and covariance."""
    solved = compute(solve, *problem.arguments())

    def draw(noise):
        monkeypatch.setattr(jax.random, "normal", lambda key, shape: noise.reshape(shape))
        return compute(readout.draw, None, solved)

    mean, covariance = problem.posterior()
    centre = draw(np.zeros(len(mean)))
    root = np.stack([draw(noise) - centre for noise in np.eye(len(mean))], axis=1)
    np.testing.assert_allclose(centre, mean, rtol=RTOL, atol=RTOL)
    np.testing.assert_allclose(root @ root.T, covariance, rtol=RTOL, atol=RTOL)


def test_draws_have_the_moments_of_the_posterior():
    problem = make(9, 3, True, 2, 1.5)
    draws = many(readout.draw, compute(solve, *problem.arguments()), seed=0)
    mean, covariance = problem.posterior()
    assert z_of_moments(draws, mean, covariance) < LIMIT
    assert z_of_moments(draws, mean, 1.1 * covariance) > LIMIT


@problems
def test_the_moments_of_the_function_are_those_of_conditioning(problem):
    rows = make(5, problem.design.shape[1], False, 0, 0.0).design
    mean, variance = compute(readout.moments, compute(solve, *problem.arguments()), rows)
    b, covariance = problem.posterior()
    np.testing.assert_allclose(mean, rows @ b, rtol=RTOL, atol=RTOL)
    np.testing.assert_allclose(variance, np.diag(rows @ covariance @ rows.T), rtol=RTOL, atol=RTOL)
