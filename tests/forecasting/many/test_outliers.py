"""The worst fitted observation: how it is found, and what it does to a forecast as an outlier and as a shift."""

from functools import partial

import jax
import numpy as np
import pytest
from scipy.stats import norm

import bayesnn as bnn
from bayesnn.forecasting.many.bucket import Bucket, posteriors_of
from bayesnn.forecasting.many.evidence import filtered
from bayesnn.forecasting.many.outliers import one_step_errors, outlier_log_density
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid

FEW = {"draws": 400, "progress": False, "seasonal": 1}
CALM = 20 + np.random.default_rng(0).normal(size=40).cumsum() * 0.3


def changed(place, by):
    values = CALM.copy()
    values[place] += by
    return values


def members(values):
    """Curves of the posterior of a series: 3, or 9 if an observation is suspect."""
    with jax.enable_x64(True):
        return posteriors_of(Bucket((values,), (1,), 1, 10, ((0,),), StructuralPrior()))[0]


def test_the_loop_is_the_pass():
    grid = make_grid(StructuralPrior(points=4), (4,))
    rng = np.random.default_rng(1)
    u, kind, b = rng.normal(size=15).cumsum(), np.full(15, 2), rng.normal(size=len(grid.precision))
    kind[:2], kind[6], kind[9] = 0, 1, 3
    with jax.enable_x64(True):
        products = jax.device_get(
            jax.jit(partial(filtered, periods=(4,)))(u, kind, 2, grid.dynamics, grid.basis)
        ).products
    for point in range(4):
        errors = one_step_errors(u, kind, grid, point, b)[kind == 2]
        own = np.r_[b, 1.0]
        assert errors @ errors == pytest.approx(own @ products[:, :, point] @ own, rel=1e-10)


@pytest.mark.parametrize(("values", "count"), [(CALM, 3), (changed(20, 6.0), 9), (changed(slice(25, None), 6.0), 9)])
def test_only_what_lies_far_off_is_looked_at(values, count):
    assert len(members(values).scale) == count


def test_what_passed_and_what_stayed_are_told_apart():
    """A jump that returns is an outlier, one that stays a shift (or a step of a walk)."""
    passed, stayed = (
        members(v).probability.sum(axis=(1, 2)) for v in (changed(20, 8.0), changed(slice(25, None), 8.0))
    )
    assert passed[3:6].sum() > 0.9
    assert stayed[3:6].sum() < 0.1


def test_an_outlier_at_the_end_does_not_carry_the_forecast_away():
    plain, odd = (bnn.auto_forecast(v, 4, **FEW).median(("chain", "draw")) for v in (CALM, changed(-1, 6.0)))
    assert float(abs(odd - plain).max()) < 3.5  # of 6: it may also be a shift
    low, high = bnn.auto_forecast(changed(-1, 6.0), 1, **FEW).quantile([0.05, 0.95], ("chain", "draw")).to_numpy()[:, 0]
    assert low < CALM[-1] + 1 and high > CALM[-1] + 5  # both remain possible


def test_the_density_of_an_outlier_is_normal_around_its_expectation():
    values, place = changed(20, 6.0), 20
    u, kind = np.zeros((3, 64)), np.zeros((3, 64), int)
    u[0, 24:], kind[0, 24:] = values - values[0], 2
    grid, prior = make_grid(StructuralPrior(), (1,)), StructuralPrior()
    one = members(values)
    found = outlier_log_density(u, kind, np.zeros((u.shape[1], 0)), one, grid, 24 + place, 8.0)
    weight = one.log_weight[0, : np.count_nonzero(~grid.network)]
    scale, point = np.unravel_index(int(np.argmax(weight)), weight.shape)
    products = one.products[0, :, :, point]
    mean = np.linalg.solve(products[:3, :3] + np.diag(grid.precision[:3, scale]), -products[:3, -1])
    error = one_step_errors(u[0], kind[0], grid, point, mean)[24 + place]
    noise = np.sqrt(one.rate[0, scale, point] / (prior.noise_shape + 20))
    assert found[0] == pytest.approx(norm.logpdf(error, 0, 8 * noise), rel=1e-10)
    assert (found[1:] == 0).all()


@pytest.mark.parametrize("period", [1, 4, 12])
def test_an_outlier_at_the_end_moves_forecasts_by_a_small_part_of_it(period):
    """Series with a trend, a season and a walk, whose last value is off by 20 error sds."""
    rng, t = np.random.default_rng(period), np.arange(72)
    cycle = 5 * np.cos(2 * np.pi * t / period) * (period > 1)
    plain = {
        f"s{i}": 100 + 0.2 * t + cycle + 0.3 * rng.normal(size=72).cumsum() + rng.normal(size=72) for i in range(6)
    }
    odd = {name: np.r_[values[:-1], values[-1] + 20] for name, values in plain.items()}
    settings = FEW | {"seasonal": period}
    medians = [bnn.auto_forecast(s, 6, **settings).median(("chain", "draw")) for s in (plain, odd)]
    moved = (medians[1] - medians[0]) / 20
    assert float(abs(moved).mean()) < 0.15 and float(abs(moved).max()) < 0.4


def test_heavy_tails_keep_the_coverage():
    """Errors of Student's t with three degrees of freedom: intervals hold, and are not those of the outliers."""
    rng = np.random.default_rng(7)
    errors = rng.standard_t(3, size=(40, 68)) / np.sqrt(3)
    whole = 100 + 0.3 * errors.cumsum(axis=1) + 0.7 * errors
    fits = bnn.auto_fit({f"s{i}": y[:60] for i, y in enumerate(whole)}, **FEW)
    scores = fits.evaluate({f"s{i}": y[60:] for i, y in enumerate(whole)}).mean
    assert 0.75 < scores["coverage_80"] < 0.93 and 0.91 < scores["coverage_95"] < 0.995
    assert scores["mase"] < 1.15
