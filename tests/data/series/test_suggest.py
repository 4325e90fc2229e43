"""The choice of lags and transform: densities that are comparable, and the right choice where the truth is known."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.data.series.linear_regression import linear_regression
from bayesnn.data.series.suggest import default_lags, log_marginal, shared_log_marginal
from bayesnn.data.series.transforms import make_transform
from bayesnn.forecasting.baselines import LinearAR, Task

RNG = np.random.default_rng(0)
WALK = 200 + np.cumsum(RNG.normal(0.5, 2.0, 120))


@pytest.mark.parametrize("names", [(), ("log",), ("difference",), ("log", "difference")])
def test_marginal_likelihood_is_a_density_of_the_series_itself(names):
    """The last row's share, the density of y given all before, integrates to one over y whatever the transform."""
    transform = make_transform(names, 1)
    grid = np.linspace(100.0, 400.0, 601)
    line = log_marginal(WALK[:-1], transform, (1, 2), 10)
    logs = []
    for y in grid:
        logs.append(log_marginal(np.r_[WALK[:-1], y], transform, (1, 2), 10) - line)
    # Standardising by the rows makes the prior depend on them a little, hence not exactly one.
    assert np.trapezoid(np.exp(logs), grid) == pytest.approx(1.0, abs=0.05)


def test_the_transform_that_made_the_series_is_found():
    t = np.arange(160)
    stationary = np.zeros(160)
    for i in range(1, 160):
        stationary[i] = 0.5 * stationary[i - 1] + RNG.normal()
    seasonal = np.tile(RNG.normal(0, 5, 4), 40) + np.cumsum(RNG.normal(0, 0.3, 160)) + 40
    cases = {
        (): 50 + stationary,
        ("difference",): 500 + np.cumsum(stationary),
        ("log", "difference"): 1e6 * np.exp(0.02 * t + 0.1 * np.cumsum(stationary)),
    }
    for expected, values in cases.items():
        assert bnn.suggest(values, lags=1).transform == expected
    found = bnn.suggest(seasonal, lags=2, seasonal=4).transform
    assert "seasonal_difference" in found


def test_units_do_not_change_the_choice():
    one, two = bnn.suggest(WALK, lags=3), bnn.suggest(WALK * 1000.0, lags=3)
    assert one.transform == two.transform
    shift = one.table["log_marginal"] - two.table["log_marginal"].loc[one.table.index]
    np.testing.assert_allclose(shift, (len(WALK) - 3 - 1) * np.log(1000.0), rtol=1e-8)
    assert one.table["probability"].sum() == pytest.approx(1.0)
    assert one.table.index[0] in str(one)


def test_logarithms_need_values_above_zero_and_seasons_enough_of_them():
    assert not any("log" in name for name in bnn.suggest(WALK - 230.0).table.index)
    short = pd.Series(WALK[:24], pd.period_range("2001-01", periods=24, freq="M"))
    found = bnn.suggest(short)
    assert not any("seasonal" in name for name in found.table.index)
    assert found.lags == (1, 2, 3, 4, 12)
    assert default_lags(12, 100) == tuple(range(1, 14))
    assert default_lags(1, 5) == (1,)


def test_lagged_and_backtest_take_auto():
    data = bnn.lagged(WALK, "auto", transform="auto")
    chosen = bnn.suggest(WALK)
    assert (data.lags, data.transform.names) == (chosen.lags, chosen.transform)
    assert bnn.lagged(WALK, 2, transform="auto").lags == (1, 2)


def test_series_of_a_panel_share_one_regression():
    """A walk and the same walk backwards: the evidence of the rows of both together."""
    walks = [np.diff(WALK), np.diff(WALK[::-1])]
    x = np.concatenate([np.stack([w[1:-1], w[:-2]], axis=1) for w in walks])
    expected = linear_regression(x, np.concatenate([w[2:] for w in walks])).log_marginal
    found = shared_log_marginal([WALK, WALK[::-1]], make_transform("difference", 1), (1, 2), 3)
    assert found == pytest.approx(expected)


def test_a_panel_of_different_sizes_gets_scales_of_its_own():
    rng = np.random.default_rng(0)
    walks = {f"s{i}": 100 * i + 10.0**i * rng.normal(size=60).cumsum() for i in range(4)}
    chosen = bnn.suggest(walks, lags=2)
    assert chosen.transform == ("scale", "difference")
    assert chosen.table["log_marginal"].iloc[0] > chosen.table.loc["difference", "log_marginal"] + 100
    level = {name: 10.0**i * rng.normal(size=60) for i, name in enumerate(walks)}
    assert bnn.suggest(level, lags=2).transform == ("standardize",)
    alike = {f"s{i}": rng.normal(size=60).cumsum() for i in range(4)}
    assert not {"scale", "standardize"} & set(bnn.suggest(alike, lags=2).transform)  # one scale does, and costs less
    line = bnn.suggest(walks | {"line": np.arange(60.0)}, lags=2)  # its differences have no scale
    assert not any("scale" in name for name in line.table.index)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="too short to compare transforms"):
        bnn.suggest(WALK[:5], lags=4)
    with pytest.raises(ValueError, match="must be finite"):
        bnn.suggest(np.r_[WALK, np.nan])


def test_marginal_likelihood_and_the_baseline_share_one_regression():
    """The baseline's one-step density at the end of the series is the last factor of the same kind of model."""
    predictive = LinearAR((1, 2)).forecast(Task(WALK, 119, np.array([119]), 1))
    inside = log_marginal(WALK, make_transform((), 1), (1, 2), 2) - log_marginal(
        WALK[:-1], make_transform((), 1), (1, 2), 2
    )
    assert predictive.log_density(WALK[None, -1:])[0, 0] == pytest.approx(inside, abs=0.05)


@pytest.mark.parametrize(("lags", "message"), [([1, 1, 2], "lags must differ"), ("3", "lags must be a whole number")])
def test_lags_are_refused_alike_whether_the_transform_is_given_or_not(lags, message):
    series = np.cumsum(np.ones(40)) + np.sin(np.arange(40))
    for ask in (
        lambda: bnn.suggest(series, lags=lags),
        lambda: bnn.lagged(series, lags, transform="auto"),
        lambda: bnn.lagged(series, lags),
    ):
        with pytest.raises(ValueError, match=message):
            ask()
