"""Baselines against their formulas, simulation against closed forms, and the future, which none may see."""

import numpy as np
import pytest
from scipy import stats

from bayesnn.data.series.transforms import make_transform
from bayesnn.forecasting.baselines import NAMES, Drift, LinearAR, Naive, Naive2, SeasonalNaive, Task, make_baselines
from bayesnn.forecasting.baselines.seasons import is_seasonal, seasonal_indices

Y = 50 + np.cumsum(np.random.default_rng(3).normal(0.3, 1.0, 80))
SEASON = np.tile([0.8, 1.3, 1.0, 0.9], 20)


def task(values=Y, learn_to=60, origins=(60, 65, 70), horizon=5, period=1):
    return Task(np.asarray(values), learn_to, np.asarray(origins), horizon, period)


def test_naive_is_the_last_value_with_the_root_of_the_horizon():
    predictive = Naive().forecast(task())
    sd = np.sqrt(np.mean(np.diff(Y[:60]) ** 2))
    for i, origin in enumerate((60, 65, 70)):
        np.testing.assert_allclose(predictive.mean[i], Y[origin - 1], rtol=1e-12)
        np.testing.assert_allclose(predictive.sd[i], sd * np.sqrt([1, 2, 3, 4, 5]), rtol=1e-12)


def test_drift_follows_the_line_from_first_to_last():
    predictive = Drift().forecast(task(origins=(60,)))
    slope = (Y[59] - Y[0]) / 59
    np.testing.assert_allclose(predictive.mean[0], Y[59] + slope * np.arange(1, 6), rtol=1e-12)
    sd = np.sqrt(np.sum((np.diff(Y[:60]) - slope) ** 2) / 58)
    h = np.arange(1, 6)
    np.testing.assert_allclose(predictive.sd[0], sd * np.sqrt(h * (1 + h / 59)), rtol=1e-12)


def test_seasonal_naive_repeats_the_last_season():
    predictive = SeasonalNaive().forecast(task(period=4, origins=(60, 62)))
    for i, origin in enumerate((60, 62)):
        season = Y[origin - 4 : origin]
        np.testing.assert_array_equal(predictive.mean[i], np.r_[season, season[:1]])
    sd = np.sqrt(np.mean((Y[4:60] - Y[:56]) ** 2))
    np.testing.assert_allclose(predictive.sd[0], sd * np.sqrt([1, 1, 1, 1, 2]), rtol=1e-12)
    plain, seasonal = Naive().forecast(task()), SeasonalNaive().forecast(task())
    np.testing.assert_allclose(plain.mean, seasonal.mean, rtol=1e-12)
    np.testing.assert_allclose(plain.sd, seasonal.sd, rtol=1e-12)


@pytest.mark.parametrize("additive", [False, True])
def test_naive2_finds_the_season_and_puts_it_back(additive):
    level = np.linspace(10.0, 30.0, 80)
    values = level + 8 * (SEASON - 1) - 15 if additive else level * SEASON
    season, added = seasonal_indices(values[:60], 4)
    assert added == additive
    np.testing.assert_allclose(season, 8 * (SEASON[:4] - 1) if additive else SEASON[:4], atol=0.02)
    predictive = Naive2().forecast(task(values, period=4, origins=(60, 63)))
    steps = np.arange(80)[60:65]
    expected = values[59] + 8 * (SEASON[steps] - SEASON[59]) if additive else level[59] * SEASON[steps]
    np.testing.assert_allclose(predictive.mean[0], expected, atol=0.5)
    assert (np.diff(predictive.sd[0] / (1 if additive else season[steps % 4])) > 0).all()


def test_naive2_without_a_season_is_naive():
    assert not is_seasonal(np.random.default_rng(0).normal(size=80), 4)
    values = np.exp(np.random.default_rng(0).normal(size=80))
    for ours, theirs in zip(
        Naive2().forecast(task(values, period=4)).__dict__.values(),
        Naive().forecast(task(values)).__dict__.values(),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.first_case
@pytest.mark.parametrize("names", [(), ("log",), ("sqrt", "difference"), ("log", "standardize", "difference")])
def test_linear_ar_simulates_what_its_closed_form_says_one_step_ahead(names):
    predictive = LinearAR((1, 2), make_transform(names, 1), draws=10_000).forecast(task(horizon=1, origins=(60, 70)))
    grid = np.linspace(Y.min() - 15, Y.max() + 15, 601)
    density = np.exp([predictive.log_density(np.full((2, 1), y))[:, 0] for y in grid])
    np.testing.assert_allclose(np.trapezoid(density, grid, axis=0), 1.0, atol=1e-3)
    mean = np.trapezoid(density * grid[:, None], grid, axis=0)
    sd = np.sqrt(np.trapezoid(density * grid[:, None] ** 2, grid, axis=0) - mean**2)
    assert (np.abs(predictive.mean[:, 0] - mean) < 4 * sd / np.sqrt(10_000)).all()
    np.testing.assert_allclose(predictive.draws.std(axis=0)[:, 0], sd, rtol=0.03)


def test_linear_ar_of_a_random_walk_with_known_parameters_spreads_as_its_formula():
    """Many rows, so that parameters are nearly known: location and sd of h steps follow from the AR(1) itself."""
    rng = np.random.default_rng(0)
    y = np.zeros(20_000)
    for t in range(1, len(y)):
        y[t] = 2.0 + 0.8 * y[t - 1] + rng.normal()
    predictive = LinearAR((1,), draws=10_000).forecast(task(y, learn_to=19_990, origins=(19_990,), horizon=6))
    h = np.arange(1, 7)
    mean = 10 + 0.8**h * (y[19_989] - 10)
    sd = np.sqrt(np.cumsum(0.64 ** (h - 1)))
    np.testing.assert_allclose(predictive.mean[0], mean, atol=0.06)
    np.testing.assert_allclose(predictive.draws.std(axis=0)[0], sd, rtol=0.03)
    np.testing.assert_allclose(predictive.log_density(mean[None])[0], stats.norm.logpdf(0, scale=sd), atol=0.03)


def test_linear_ar_of_differences_is_that_of_levels_with_the_same_roots():
    """A difference is undone exactly: simulated levels, differenced again, are the simulated differences."""
    levels = LinearAR((1, 2), make_transform("difference", 1), draws=50).forecast(task(horizon=4, origins=(60, 66)))
    changes = LinearAR((1, 2), draws=50).forecast(Task(np.diff(Y), learn_to=59, origins=np.array([59, 65]), horizon=4))
    last = Y[[59, 65]]
    np.testing.assert_allclose(levels.draws, last[:, None] + np.cumsum(changes.draws, axis=2), rtol=1e-9)


def test_linear_ar_uses_exogenous_inputs_of_the_target_date():
    rng = np.random.default_rng(1)
    z = rng.normal(size=80)
    y = 3 * z + 0.01 * rng.normal(size=80)
    predictive = LinearAR((1,), exogenous=z[:, None]).forecast(task(y))
    expected = np.stack([3 * z[t : t + 5] for t in (60, 65, 70)])
    np.testing.assert_allclose(predictive.mean, expected, atol=0.02)


LINEAR = LinearAR((1, 2), make_transform(("log", "standardize", "difference"), 1), draws=200)
NUMPY_ONLY = [name for name in NAMES if not name.startswith("auto")]


@pytest.mark.parametrize("name", NUMPY_ONLY)
def test_no_baseline_sees_the_future(name):
    baseline = make_baselines([name], LINEAR)[name]
    other = Y.copy()
    other[65:] *= 3  # after the first two origins
    one, two = (baseline.forecast(task(values * 1.0, period=4)) for values in (Y, other))
    np.testing.assert_array_equal(one.quantile(0.3)[:2], two.quantile(0.3)[:2])
    assert (one.quantile(0.3)[2] != two.quantile(0.3)[2]).all()


@pytest.mark.parametrize("name", ["auto_arima", "auto_ets"])
def test_automatic_models_forecast_or_say_what_to_install(name):
    baseline = make_baselines([name], LINEAR)[name]
    try:
        import statsforecast  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"pip install .bayesnn\[forecast\]"):
            baseline.forecast(task())
        return
    predictive = baseline.forecast(task())
    assert predictive.mean.shape == predictive.sd.shape == (3, 5)
    assert (np.diff(predictive.sd, axis=1) >= 0).all()
    assert (np.abs(predictive.mean[:, 0] - Y[[59, 64, 69]]) < 5).all()
    other = Y.copy()
    other[65:] *= 3
    np.testing.assert_array_equal(baseline.forecast(task(other)).mean[:2], predictive.mean[:2])


def test_what_cannot_be_forecast_is_refused():
    with pytest.raises(ValueError, match="unknown baseline 'naiv': choose one of 'naive'"):
        make_baselines(["naiv"], LINEAR)
    with pytest.raises(ValueError, match="'seasonal_naive' must have at least 13"):
        SeasonalNaive().forecast(task(learn_to=12, origins=(12,), period=12))
    with pytest.raises(ValueError, match="'linear_ar' must have at least two rows"):
        LinearAR((1, 9)).forecast(task(learn_to=10, origins=(10,)))


def test_exogenous_lags_beyond_those_of_the_series_leave_rows_out():
    """Rows before the first known input are no rows: the same forecast as from the part where inputs are known."""
    inputs = np.full((80, 1), np.nan)
    inputs[4:, 0] = np.cos(np.arange(76.0))
    whole = LinearAR((1,), exogenous=inputs).forecast(task(origins=(60,)))
    part = LinearAR((1,), exogenous=inputs[3:]).forecast(task(Y[3:], 57, (57,)))
    np.testing.assert_allclose(whole.mean, part.mean, rtol=1e-10)
