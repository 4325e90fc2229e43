"""Log likelihoods of single draws: with prior and posterior densities they give back the evidence of the member."""

import jax
import numpy as np
import pytest
from scipy.stats import invgamma, norm

from bayesnn.forecasting.many.bucket import Bucket, posteriors_of
from bayesnn.forecasting.many.curve_arrays import curve_arrays
from bayesnn.forecasting.many.evidence import evidence
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid
from bayesnn.forecasting.many.replay import PASSED, log_likelihood
from bayesnn.forecasting.many.simulate import draw

PRIOR = StructuralPrior(points=8)
VALUES = 30 + np.random.default_rng(0).normal(size=23).cumsum()
VALUES[[4, 11]] = np.nan


def one_member(curve, scale, point):
    """The posterior of the series, all of it on one member, with its own log evidence."""
    with jax.enable_x64(True):
        posterior = posteriors_of(Bucket((VALUES,), (4,), 1, 5, ((0,),), PRIOR))[0]
        count = np.isfinite(VALUES).sum()
        precision = make_grid(PRIOR, (4,)).precision
        found = evidence(posterior.products[curve], count, precision, PRIOR.noise_shape, PRIOR.noise_rate)
    weight = np.full_like(posterior.log_weight, -np.inf)
    weight[curve, scale, point] = 0.0
    slope = curve_arrays([VALUES], 64, (4,)).log_slope[0, curve]
    return posterior._replace(log_weight=weight), float(found.log[scale, point]) + slope


@pytest.mark.parametrize(("curve", "scale", "point"), [(0, 1, 2), (1, 6, 5), (2, 10, 7)])
def test_likelihood_times_prior_over_posterior_is_the_evidence(curve, scale, point):
    """Of every draw the same: S. Chib (1995), Marginal likelihood from the Gibbs output, JASA 90, equation (5)."""
    posterior, log_evidence = one_member(curve, scale, point)
    grid, rng = make_grid(PRIOR, (4,)), np.random.default_rng(1)
    drawn = draw(posterior, grid, 5, rng)
    total = np.nansum(log_likelihood(VALUES, drawn, grid.basis, PRIOR.outlier_size), axis=1)
    precision, k = grid.precision[:, scale], len(grid.precision)
    products = posterior.products[curve, :, :, point]
    whole = products[:k, :k] + np.diag(precision)
    mean = np.linalg.solve(whole, -products[:k, k])
    for i in range(5):
        b, s2 = drawn.coefficients[i], drawn.noise[i] ** 2
        prior = invgamma.logpdf(s2, PRIOR.noise_shape, scale=PRIOR.noise_rate)
        prior += norm.logpdf(b, 0, np.sqrt(s2 / precision)).sum()
        after = invgamma.logpdf(s2, posterior.shape[curve], scale=posterior.rate[curve, scale, point])
        z = b - mean
        after += (np.linalg.slogdet(whole / (2 * np.pi * s2))[1] - z @ whole @ z / s2) / 2
        assert total[i] + prior - after == pytest.approx(log_evidence, rel=1e-9)


def test_an_outlier_has_a_wide_density_and_moves_nothing():
    """The values after one that passed are as likely as if it had been missing."""
    grid, place = make_grid(PRIOR, (4,)), 15
    drawn = draw(one_member(0, 1, 2)[0], grid, 3, np.random.default_rng(2))
    odd, gone = VALUES.copy(), VALUES.copy()
    odd[place], gone[place] = 1e3, np.nan
    marked = drawn._replace(curve=np.full(3, 3 * PASSED), place=np.array(place))
    found = log_likelihood(odd, marked, grid.basis, 8.0)
    later = log_likelihood(gone, drawn, grid.basis, 8.0)
    np.testing.assert_allclose(np.delete(found, place, 1), np.delete(later, place, 1), rtol=1e-12)
    plain = log_likelihood(odd, drawn, grid.basis, 8.0)
    assert (found[:, place] > plain[:, place]).all() and (found[:, place + 1] > plain[:, place + 1]).all()
