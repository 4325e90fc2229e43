"""auto_forecast from the outside: forms of input, names, order, dates, seeds, fall-backs and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn

FEW = {"draws": 200, "progress": False}


def made(lengths, seed=0, period=4):
    """Positive series with a season, by name."""
    rng = np.random.default_rng(seed)
    return {
        f"s{i}": 50 + rng.normal(size=n).cumsum() + 4 * np.cos(2 * np.pi * np.arange(n) / period)
        for i, n in enumerate(lengths)
    }


@pytest.fixture(scope="module")
def quarters():
    """Three series of quarters that end together, and their paths."""
    index = pd.period_range("2010Q1", periods=30, freq="Q")
    values = made([30, 25, 20])
    series = {name: pd.Series(v, index=index[30 - len(v) :]) for name, v in values.items()}
    return series, bnn.auto_forecast(series, 3, **FEW)


def long_table(series):
    """Rows of several series in the order of their dates, so that names alternate."""
    parts = [pd.DataFrame({"unique_id": name, "ds": v.index, "y": v.to_numpy()}) for name, v in series.items()]
    return pd.concat(parts).sort_values(["ds", "unique_id"], ascending=[False, True], ignore_index=True)


def test_paths_have_dates_names_and_finite_values(quarters):
    series, paths = quarters
    assert paths.dims == ("chain", "draw", "unique_id", "time") and paths.shape == (1, 200, 3, 3)
    assert paths["unique_id"].to_numpy().tolist() == list(series)
    assert [str(date) for date in paths["time"].to_index()] == ["2017Q3", "2017Q4", "2018Q1"]
    assert np.isfinite(paths.to_numpy()).all() and paths.failures.empty
    table = bnn.to_frame(paths)
    assert list(table) == ["unique_id", "ds", "mean", "sd", "median", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert table["unique_id"].tolist() == np.repeat(list(series), 3).tolist()


def test_the_season_is_found_from_the_dates(quarters):
    series, paths = quarters
    given = bnn.auto_forecast(series, 3, seasonal=4, **FEW)
    np.testing.assert_array_equal(paths, given)
    first, _, third = paths.sel(unique_id="s0").median(("chain", "draw")).to_numpy()
    assert third - first == pytest.approx(8, abs=3)  # from the trough to the peak of the season; the walk steps by 1


def test_tables_give_what_a_dictionary_gives(quarters):
    series, paths = quarters
    table = long_table(series)
    long = bnn.auto_forecast(table, 3, **FEW)
    wide = bnn.auto_forecast(pd.DataFrame(series), 3, **FEW)
    assert long["unique_id"].to_numpy().tolist() == table["unique_id"].drop_duplicates().tolist()
    for other in (long, wide):
        np.testing.assert_array_equal(other.sel(unique_id=list(series)), paths)


def test_a_series_does_not_depend_on_the_others(quarters):
    series, paths = quarters
    turned = {"new": 10 * series["s1"], "s2": series["s2"], "s0": series["s0"]}
    again = bnn.auto_forecast(turned, 3, **FEW)
    assert again["unique_id"].to_numpy().tolist() == list(turned)
    np.testing.assert_allclose(again.sel(unique_id=["s0", "s2"]), paths.sel(unique_id=["s0", "s2"]), rtol=1e-6)


def test_one_series_is_an_array_over_time(quarters):
    series, paths = quarters
    one = bnn.auto_forecast(series["s1"].rename("s1"), 3, **FEW)
    assert one.dims == ("chain", "draw", "time") and one["unique_id"] == "s1"
    np.testing.assert_allclose(one, paths.sel(unique_id="s1"), rtol=1e-6)
    other = bnn.auto_forecast(series["s1"].rename("s1"), 3, key=1, **FEW)
    assert not np.allclose(one, other)


def test_a_change_of_units_changes_units_alone(quarters):
    y = quarters[0]["s1"]
    plain, scaled = (bnn.auto_forecast({"a": one}, 2, **FEW).to_numpy() for one in (y, 1e6 * y))
    np.testing.assert_allclose(scaled, 1e6 * plain, rtol=1e-6)


def test_series_that_cannot_be_fitted_get_the_documented_fall_back():
    bad = {
        "constant": np.full(6, 3.0),
        "one": [7.0],
        "two": [1.0, 2.0],
        "empty": [np.nan, np.nan],
        "infinite": [1.0, np.inf, 2.0],
        "short": [1.0, 2.0, 4.0],
    }
    paths = bnn.auto_forecast(bad | {"good": made([20])["s0"]}, 2, seasonal=12, **FEW)
    table = paths.failures.set_index("unique_id")["fallback"]
    assert table.to_dict() == {
        "constant": "constant", "one": "constant", "two": "random walk", "empty": "none", "infinite": "none",
    }  # fmt: skip
    assert paths["unique_id"].to_numpy().tolist() == ["constant", "one", "two", "short", "good"]
    assert (paths.sel(unique_id="constant") == 3.0).all() and (paths.sel(unique_id="one") == 7.0).all()
    assert float(paths.sel(unique_id="two").std()) == pytest.approx(np.sqrt(1.5), rel=0.15)  # of one and two steps
    assert "infinite value" in paths.failures.set_index("unique_id").loc["infinite", "reason"]


def test_missing_values_and_dates_count_as_unknown():
    index = pd.date_range("2020-01-31", periods=30, freq="ME")
    y = pd.Series(made([30])["s0"], index=index)
    gap = y.copy()
    gap.iloc[[5, 12]] = np.nan
    marked = bnn.auto_forecast({"a": gap, "b": y}, 2, seasonal=1, **FEW)
    absent = bnn.auto_forecast({"a": gap.dropna(), "b": y}, 2, seasonal=1, **FEW)
    np.testing.assert_array_equal(marked, absent)
    alone = bnn.auto_forecast(gap.dropna().rename("a"), 2, seasonal=1, **FEW)
    np.testing.assert_allclose(alone, marked.sel(unique_id="a"), rtol=1e-6)
    with pytest.raises(ValueError, match="evenly spaced"):
        bnn.auto_forecast(pd.Series([1.0, 3.0, 2.0, 5.0], index[:4] + pd.to_timedelta([0, 3, 1, 8], "h")), 2, **FEW)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({1: [1.0, 2.0, 3.0], "1": [1.0, 2.0, 4.0]}, "different names"),
        (pd.DataFrame({"unique_id": ["a"], "ds": [1]}), "must have the columns"),
        ({"a": ["x", "y"]}, "no series can be forecast"),
        ({}, "at least one series"),
    ],
)
def test_what_cannot_be_read_is_refused(series, message):
    with pytest.raises(ValueError, match=message):
        bnn.auto_forecast(series, 2, **FEW)


def test_two_values_of_a_date_fail_alone():
    table = pd.DataFrame(
        {"unique_id": ["a"] * 3 + ["b"] * 4, "ds": [1, 1, 2, 4, 2, 1, 3], "y": [1, 2, 3, 9, 5, 4, 8.0]}
    )
    paths = bnn.auto_forecast(table, 2, **FEW)
    assert paths["unique_id"].to_numpy().tolist() == ["b"] and paths["time"].to_numpy().tolist() == [5, 6]
    assert paths.failures["unique_id"].tolist() == ["a"] and "more than one value" in paths.failures["reason"][0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seasonal": 0}, "seasonal"),
        ({"draws": 0}, "draws"),
        ({"pool": "all"}, "pool"),
        ({"pool": "shared"}, r"bnn\.lagged\("),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        bnn.auto_forecast([1.0, 2.0, 4.0], 2, **{"progress": False} | settings)


def test_growth_stays_above_zero():
    """An exponential curve: the logarithm has all the probability, and paths keep the sign."""
    y = np.exp(0.2 * np.arange(25) + 0.05 * np.random.default_rng(0).normal(size=25))
    paths = bnn.auto_forecast({"a": y}, 5, **FEW)
    assert float(paths.min()) > 0
    assert float(paths.median(("chain", "draw"))[0, -1]) == pytest.approx(np.exp(0.2 * 29), rel=0.3)


def test_what_may_be_a_curve_above_zero_stays_there():
    """Small positive numbers, of which roots and logarithms are as likely as none; with a zero, paths may go below."""
    y = np.random.default_rng(1).gamma(1.5, size=30)
    free = np.r_[0.0, y]
    paths = bnn.auto_forecast({"above": y, "free": free}, 3, **FEW)
    assert float(paths.sel(unique_id="above").min()) > 0 > float(paths.sel(unique_id="free").min())


def test_learnt_probabilities_change_the_forecasts_but_not_their_names(quarters):
    series, paths = quarters
    pooled = bnn.auto_forecast(series, 3, pool="hierarchical", **FEW)
    assert pooled["unique_id"].equals(paths["unique_id"]) and not np.allclose(pooled, paths)


def test_a_logarithm_that_walks_stays_within_ranges_of_the_values():
    """The lynx at a trough, by orders of magnitude below their peaks: paths do not go as far above these."""
    past = bnn.datasets.lynx().iloc[:-12]
    paths = bnn.auto_forecast(past, 12, progress=False)
    ranges = (paths - past.iloc[-1]) / float(np.ptp(past))
    assert float(paths.min()) > 0 and float(ranges.max()) < 8 * (1 + 12 / len(past))
    assert float(paths.mean()) < float(past.max())
