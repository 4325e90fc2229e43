"""Backtests of many series: what each origin may know, the frame, baselines that fail, and the table of methods."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.evaluation.scores import paired_difference

FEW = {"draws": 200, "progress": False, "horizon": 2, "windows": 3}
INDEX = pd.period_range("2010-01", periods=40, freq="M")
COLUMNS = [
    "unique_id", "window", "origin", "cutoff", "ds", "horizon", "method", "y", "mean", "median",
    "lo-50", "hi-50", "lo-80", "hi-80", "lo-95", "hi-95", "crps", "log_score", "pit", "scale",
]  # fmt: skip


def made(count=40, seed=0):
    rng = np.random.default_rng(seed)
    return pd.Series(50 + rng.normal(size=count).cumsum(), INDEX[:count])


SERIES = {"b": made(), "a": made(33, 1), "short": made(4, 2), "still": pd.Series(2.0, INDEX[:9])}


@pytest.fixture(scope="module")
def result():
    return bnn.auto_backtest(SERIES, baselines=["naive", "seasonal_naive", "drift"], **FEW)


def test_the_frame_is_that_of_backtest(result):
    rows = result.forecasts
    assert list(rows) == COLUMNS
    assert result.methods == ("auto_forecast", "naive", "seasonal_naive", "drift")
    mine = rows[(rows["method"] == "auto_forecast") & (rows["unique_id"] == "a")]
    assert mine["cutoff"].tolist() == [INDEX[i] for i in (28, 28, 29, 29, 30, 30)]
    assert mine["ds"].tolist() == [INDEX[i] for i in (29, 30, 30, 31, 31, 32)]
    assert mine["y"].tolist() == SERIES["a"].loc[mine["ds"].tolist()].tolist()
    assert mine["window"].tolist() == [0, 0, 1, 1, 2, 2] and result.overlap == 2
    assert np.isfinite(mine[["crps", "log_score", "pit"]]).all(axis=None)


def test_every_method_has_the_same_rows(result):
    key = ["unique_id", "window", "horizon"]
    sets = {method: set(map(tuple, part[key].to_numpy())) for method, part in result.forecasts.groupby("method")}
    assert len(set(map(frozenset, sets.values()))) == 1
    assert {one[0] for one in sets["naive"]} == {"b", "a", "still"}


def test_what_has_no_forecasts_and_what_was_replaced_is_told(result):
    table = result.failures
    assert table.loc[table["unique_id"] == "short", "fallback"].tolist() == ["none"]
    assert "too short" in table.loc[table["unique_id"] == "short", "reason"].item()
    replaced = table[table["fallback"] == "naive"]
    assert set(replaced["unique_id"]) == {"still"} and replaced["reason"].str.startswith("seasonal_naive").all()


def test_later_values_change_no_forecast(result):
    """The last values of a series, beyond the first origin, are changed: the first forecasts stay."""
    changed = dict(SERIES)
    changed["b"] = SERIES["b"].copy()
    changed["b"].iloc[-3:] += 100
    again = bnn.auto_backtest(changed, baselines=["drift"], **FEW).forecasts
    shown = ["mean", "lo-80", "hi-95", "scale"]
    for method in ("auto_forecast", "drift"):
        first = [f[(f["method"] == method) & (f["window"] == 0)][shown] for f in (again, result.forecasts)]
        np.testing.assert_allclose(*first, rtol=1e-6)
        last = [f[(f["method"] == method) & (f["window"] == 2)][shown] for f in (again, result.forecasts)]
        assert not np.allclose(*last, rtol=1e-6)


def test_forecasts_are_those_of_the_series_up_to_the_origin(result):
    paths = bnn.auto_forecast(SERIES["b"].iloc[:38], 2, draws=4000, progress=False)
    rows = result.forecasts[(result.forecasts["method"] == "auto_forecast") & (result.forecasts["unique_id"] == "b")]
    sd = float(paths.std(("chain", "draw"))[-1])
    last = rows[rows["window"] == 2]
    np.testing.assert_allclose(last["median"], paths.median(("chain", "draw")), atol=5 * sd / np.sqrt(200))


def test_missing_values_are_not_scored():
    gap = made()
    gap.iloc[[5, 38]] = np.nan
    result = bnn.auto_backtest({"a": gap}, baselines=["naive"], **FEW)
    rows = result.forecasts
    for level in (80, 95):
        inside = rows["y"].between(rows[f"lo-{level}"], rows[f"hi-{level}"]).where(rows["y"].notna())
        expected = inside.astype(float).groupby([rows["method"], rows["horizon"]], sort=False).mean()
        np.testing.assert_allclose(result.table[f"coverage_{level}"], expected)
    unknown = rows["y"].isna()
    assert unknown.sum() == 2 * 2  # of both methods, at both horizons
    assert rows.loc[unknown, ["crps", "log_score", "pit"]].isna().all(axis=None)
    assert rows.loc[~unknown, ["crps", "log_score", "pit"]].notna().all(axis=None)


def test_the_table_of_methods_is_ordered_and_paired(result):
    table = result.comparison("mase")
    assert table["mase"].is_monotonic_increasing and table.iloc[0][["behind", "se"]].tolist() == [0.0, 0.0]
    rows = result.forecasts[result.forecasts["scale"].notna()]
    error = (rows["y"] - rows["median"]).abs() / rows["scale"]
    means = error.groupby([rows["method"], rows["window"]]).mean()
    best, other = table.index[0], table.index[-1]
    expected = paired_difference((means[other] - means[best]).to_numpy(), 2)
    assert table.loc[other, ["behind", "se"]].tolist() == pytest.approx([expected.mean, expected.se])
    assert (table["seconds"] > 0).all()
    by_series = error.groupby([rows["method"], rows["unique_id"]]).mean().groupby("method").mean()
    assert table["mase"].to_dict() == pytest.approx(by_series.to_dict())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"windows": 60}, "no series can be backtested"),
        ({"windows": None}, "must be given"),
        ({"baselines": ["linear_ar"]}, "baseline"),
        ({"pool": "all"}, "pool"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        bnn.auto_backtest(SERIES, **FEW | settings)


@pytest.mark.parametrize("name", ["auto_theta", "auto_ces"])
def test_automatic_methods_stand_beside(name):
    pytest.importorskip("statsforecast", reason="needs the extra: pip install 'bayesnn[forecast]'")
    result = bnn.auto_backtest({"b": SERIES["b"]}, baselines=[name], **FEW)
    assert result.methods == ("auto_forecast", name) and result.failures.empty
    assert result.comparison().notna().all(axis=None)
