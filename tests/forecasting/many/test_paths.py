"""Densities of what follows: they integrate to one and have the moments of the paths."""

import jax
import numpy as np
import pytest

from bayesnn.forecasting.many.bucket import Bucket, posteriors_of
from bayesnn.forecasting.many.paths import log_density, sample_paths
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid
from bayesnn.forecasting.many.simulate import draw

PRIOR = StructuralPrior()
VALUES = np.exp(1 + 0.1 * np.random.default_rng(0).normal(size=30).cumsum())


@pytest.fixture(scope="module")
def drawn():
    with jax.enable_x64(True):
        one = posteriors_of(Bucket((VALUES,), (1,), 3, 4000, ((0,),), PRIOR))[0]
    return draw(one, make_grid(PRIOR, (1,)), 4000, np.random.default_rng(1), positive=True)


@pytest.mark.parametrize("step", [0, 2])
def test_the_density_integrates_to_one_and_has_the_moments_of_the_paths(drawn, step):
    paths = sample_paths(drawn, VALUES, PRIOR, 3, (0,))
    y = np.linspace(-5, 25, 1501)
    density = np.exp([log_density(drawn, paths, np.full(3, value))[step] for value in y])
    assert np.trapezoid(density, y) == pytest.approx(1.0, abs=2e-3)
    mean, sd = paths.values[:, step].mean(), paths.values[:, step].std()
    assert np.trapezoid(density * y, y) == pytest.approx(mean, abs=5 * sd / np.sqrt(4000))
    below = np.trapezoid(np.where(y <= np.quantile(paths.values[:, step], 0.9), density, 0.0), y)
    assert below == pytest.approx(0.9, abs=0.03)


def test_what_is_unknown_has_no_density(drawn):
    paths = sample_paths(drawn, VALUES, PRIOR, 3, (0,))
    found = log_density(drawn, paths, np.array([3.0, np.nan, 3.0]))
    assert np.isfinite(found[[0, 2]]).all() and np.isnan(found[1])


def test_paths_that_leave_the_region_are_replaced_by_others(drawn):
    near = sample_paths(drawn, VALUES, StructuralPrior(region=0.2), 3, (0,))
    whole = near.kept[:, -1]
    assert 0 < whole.sum() < len(whole) and (near.values > 0).all()
    kept = {tuple(path) for path in near.values[whole]}
    assert all(tuple(path) in kept for path in near.values)
