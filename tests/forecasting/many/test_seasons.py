"""Several seasons: how they are read, their bases, and series of hours with days and weeks."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid
from bayesnn.forecasting.many.seasons import read_seasons, season_basis, seen_often_enough

FEW = {"draws": 200, "progress": False}
WEEKS = pd.date_range("2024-01-01", periods=28 * 10, freq="6h")


def quarters_of_days(seed=0):
    """A daily cycle, lower weekends, and noise."""
    t = np.arange(len(WEEKS))
    weekend = np.where((t // 4) % 7 >= 5, -6.0, 1.0)
    return pd.Series(100 + 5 * np.sin(np.pi * t / 2) + weekend + np.random.default_rng(seed).normal(size=len(t)), WEEKS)


@pytest.mark.parametrize("periods", [(24, 168), (7, 365), (4, 12)])
def test_bases_of_several_seasons_share_no_wave(periods):
    basis, columns = season_basis(periods)
    assert basis.shape == (sum(periods), sum(columns))
    steps = np.arange(np.lcm(*periods))
    rows = basis[steps % periods[0]] + basis[periods[0] + steps % periods[1]]
    assert np.linalg.matrix_rank(rows) == sum(columns)
    np.testing.assert_allclose(rows.sum(axis=0), 0.0, atol=1e-9)


def test_scales_of_each_season_are_crossed():
    prior = StructuralPrior()
    grid, one = make_grid(prior, (4, 12)), make_grid(prior, (4,))
    assert len(grid.log_weight) == len(one.log_weight) * len(prior.season_sds)
    assert np.exp(grid.log_weight).sum() == pytest.approx(1.0)


def test_seasons_are_read_and_ignored_where_there_are_fewer_than_two():
    assert read_seasons([168, 24]) == (24, 168) and read_seasons(None) is None
    assert seen_often_enough((24, 168), 335) == (24,) and seen_often_enough((24, 168), 40) == (1,)
    for bad in ([24, 24], [], [2, 3, 4, 5], 1.5, "day"):
        with pytest.raises(ValueError, match="seasonal"):
            bnn.auto_forecast([1.0, 2.0, 4.0, 3.0], 1, seasonal=bad, **FEW)


def test_days_and_weeks():
    """A Saturday and a Sunday ahead: with the weeks, the fall is foreseen."""
    series = quarters_of_days()
    past, later = series.iloc[: 28 * 9 + 20], series.iloc[28 * 9 + 20 :].to_numpy()
    error = {}
    for seasonal in (4, (4, 28)):
        paths = bnn.auto_forecast(past, 8, seasonal=seasonal, **FEW)
        error[seasonal] = float(np.abs(paths.median(("chain", "draw")) - later).mean())
    assert error[4, 28] < 1.5 < 3 < error[4]
    low, high = paths.quantile([0.025, 0.975], ("chain", "draw")).to_numpy()
    assert np.mean((low <= later) & (later <= high)) > 0.7 and np.mean(high - low) < 10


def test_sites_of_several_seasons_have_names_of_their_own():
    one = bnn.auto_fit(quarters_of_days(), seasonal=[28, 4], **FEW)["y"]
    assert "season 4 and 28" in repr(one)
    posterior = one.idata["posterior"]
    assert posterior["season_4"].dims == ("chain", "draw", "phase_4") and posterior.sizes["phase_28"] == 28
    day = posterior["season_4"].mean(("chain", "draw")).to_numpy()
    assert np.corrcoef(day, np.sin(np.pi * np.arange(4) / 2))[0, 1] > 0.95  # the next value begins a day
    assert np.isfinite(one.idata["log_likelihood"]["y"]).all()


@pytest.mark.slow
def test_hours_have_days_and_weeks_by_default():
    hours = quarters_of_days().resample("h").interpolate()
    found = bnn.auto_forecast(hours, 3, **FEW)
    np.testing.assert_array_equal(found, bnn.auto_forecast(hours, 3, seasonal=[24, 168], **FEW))


@pytest.mark.parametrize(
    ("freq", "period"), [("30min", (48, 336)), ("min", (60,)), ("W", (52,)), ("D", (7,)), ("QS", (4,))]
)
def test_default_seasons_of_the_dates(freq, period):
    from bayesnn.forecasting.many.reading import read_tasks

    values = pd.Series(np.random.default_rng(0).normal(size=700), pd.date_range("1800-01-01", periods=700, freq=freq))
    tasks, _, _ = read_tasks(values, 1, None)
    assert tasks[0].seasons == period and tasks[0].season == period[0]
