"""auto_fit: the draws behind auto_forecast, one series as inference data, and diagnoses and scores of all."""

import arviz as az
import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.evaluation.scores import crps

FEW = {"draws": 200, "progress": False}
INDEX = pd.period_range("2012Q1", periods=34, freq="Q")


def made(name, count, seed):
    rng = np.random.default_rng(seed)
    values = 50 + rng.normal(size=count).cumsum() + 4 * np.cos(np.pi * np.arange(count) / 2)
    return pd.Series(values, INDEX[30 - count : 30], name=name)


SERIES = {"b": made("b", 30, 0), "a": made("a", 25, 1), "still": pd.Series(3.0, INDEX[20:30])}
LATER = {name: pd.Series(np.arange(4.0) + 50 + i, INDEX[30:]) for i, name in enumerate(SERIES)}


class Foreign:
    """A table of another library."""

    def __init__(self, table):
        self.table = table

    def to_pandas(self):
        return self.table


@pytest.fixture(scope="module")
def fits():
    return bnn.auto_fit(SERIES, **FEW)


def test_forecasts_are_those_of_auto_forecast(fits):
    again = bnn.auto_forecast(SERIES, 4, **FEW)
    paths = fits.forecast(4)
    np.testing.assert_array_equal(paths, again)
    assert bnn.to_frame(paths).equals(bnn.to_frame(again)) and paths.failures.equals(again.failures)
    other = bnn.auto_fit(SERIES, key=3, **FEW).forecast(4, key=3)
    np.testing.assert_array_equal(other, bnn.auto_forecast(SERIES, 4, key=3, **FEW))
    np.testing.assert_array_equal(fits["a"].forecast(4)[0], paths.sel(unique_id="a")[0])
    np.testing.assert_array_equal(bnn.forecast(fits, 4), paths)
    with pytest.raises(ValueError, match="neither future nor history"):
        bnn.forecast(fits, 4, history=SERIES)


def test_the_fits_are_a_mapping_of_what_was_fitted(fits):
    assert list(fits) == ["b", "a"] and len(fits) == 2 and "still" not in fits
    assert repr(fits) == "<SeriesFits: 2 series, 200 independent draws each, 1 with a fall-back>"
    with pytest.raises(KeyError, match="all 10 observed values are equal"):
        fits["still"]
    with pytest.raises(KeyError, match="no such series"):
        fits["c"]
    assert fits.failures["unique_id"].tolist() == ["still"]


def test_one_series_is_inference_data_with_named_sites(fits):
    one = fits["a"]
    assert repr(one).startswith("series 'a': 25 observed values to 2019Q2\nstructural autoregression, season 4")
    posterior = one.idata["posterior"]
    assert posterior["season"].dims == ("chain", "draw", "phase") and posterior.sizes == {
        "chain": 4,
        "draw": 50,
        "phase": 4,
    }
    level, season = posterior["level"], posterior["season"]
    assert float(level.mean()) == pytest.approx(SERIES["a"].iloc[-4:].mean(), abs=4)
    truth = 4 * np.cos(np.pi * np.arange(25, 29) / 2)
    assert np.corrcoef(season.mean(("chain", "draw")), truth)[0, 1] > 0.9
    assert one.idata["log_likelihood"]["y"].sizes == {"chain": 4, "draw": 50, "obs": 25}
    assert np.isfinite(one.idata["log_likelihood"]["y"]).all()
    np.testing.assert_array_equal(one.idata["observed_data"]["y"], SERIES["a"])
    table = az.summary(one.idata, var_names=["alpha", "level", "sigma"])
    assert (table["r_hat"].astype(float) < 1.1).all() and (table["ess_bulk"].astype(float) > 50).all()
    assert one.curves.to_numpy().sum() == pytest.approx(1.0) and one.outlier is None


def test_an_outlier_is_named_by_its_date():
    odd = SERIES["b"].copy()
    odd.iloc[12] += 60
    one = bnn.auto_fit(odd, **FEW)["b"]
    assert one.outlier == INDEX[12] and float(one.curves["passed"].sum()) > 0.9
    assert (one.idata["posterior"]["outlier"] == 1).mean() > 0.9


def test_diagnose_says_what_was_not_fitted_and_where_the_grid_is_coarse(fits):
    found = fits.diagnose()
    assert not found.ok and found.share_fitted == pytest.approx(2 / 3)
    assert found.table.index.tolist() == list(SERIES)
    assert found.table["fallback"].tolist() == ["", "", "constant"]
    assert found.table.loc["a", "ess"] == 200 and found.table.loc["a", "points"] > 1
    for text in ("2 of 3 series fitted", "no chains", "at least 400", "NOT FITTED, fall-back 'constant': 1"):
        assert text in found.verdict
    assert bnn.to_frame(found).equals(found.table)
    assert bnn.auto_fit({"b": SERIES["b"]}, draws=400, progress=False).diagnose().ok


def test_scores_are_those_of_the_paths(fits):
    scores = fits.evaluate(LATER)
    paths = fits.forecast(4).sel(unique_id="a").to_numpy()[0]
    y, train = LATER["a"].to_numpy(), SERIES["a"].to_numpy()
    scale = np.abs(train[4:] - train[:-4]).mean()
    low, high = np.quantile(paths, [0.025, 0.975], axis=0)
    missed = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    row, error = scores.table.loc["a"], np.abs(np.median(paths, axis=0) - y)
    assert row["mase"] == pytest.approx(error.mean() / scale)
    assert row["smape"] == pytest.approx(np.mean(200 * error / (y + np.abs(np.median(paths, axis=0)))))
    assert row["msis"] == pytest.approx(np.mean(high - low + 40 * missed) / scale)
    assert row["crps"] == pytest.approx(crps(paths, y).mean() / scale)
    assert row["coverage_95"] == np.mean(missed == 0)
    assert np.isnan(scores.table.loc["still", "mase"])  # a constant has no scale
    assert scores.mean["mase"] == pytest.approx(scores.table["mase"].mean())


def test_free_functions_take_the_fits_of_all_and_of_one(fits):
    assert bnn.diagnose(fits).table.equals(fits.diagnose().table)
    pd.testing.assert_frame_equal(bnn.evaluate(fits, LATER).table, fits.evaluate(LATER).table)
    one = fits["a"]
    assert bnn.diagnose(one).table.loc["a"].equals(fits.diagnose().table.loc["a"])
    assert not bnn.diagnose(one).ok and "1 of 1 series fitted" in bnn.diagnose(one).verdict
    mine = bnn.evaluate(one, LATER["a"]).table
    pd.testing.assert_frame_equal(mine, fits.evaluate({"a": LATER["a"]}).table, rtol=1e-12)
    with pytest.raises(ValueError, match="leave out reference and check"):
        bnn.diagnose(fits, check=True)
    for more in ({"y": [1.0]}, {"weights": [1.0]}, {"levels": (80,)}):
        with pytest.raises(ValueError, match="leave out all others but key"):
            bnn.evaluate(fits, LATER, **more)


def test_a_backtest_of_all_has_the_model_of_the_fits(fits):
    settings = {"horizon": 2, "windows": 2, "baselines": ["naive"], "key": 3, "progress": False}
    result = bnn.backtest(fits, **settings)
    expected = bnn.auto_backtest(SERIES, draws=200, **settings)
    pd.testing.assert_frame_equal(result.forecasts, expected.forecasts)
    assert result.failures.equals(expected.failures)
    again = fits.backtest(2, n_windows=2, baselines=["naive"], key=3, progress=False)
    pd.testing.assert_frame_equal(again.forecasts, expected.forecasts)
    for more in ({"lags": 2}, {"refit": True}, {"series": SERIES}, {"draws": 10}, {"inits": 1}):
        with pytest.raises(ValueError, match="each series has its own model"):
            bnn.backtest(fits, **settings, **more)
    with pytest.raises(ValueError, match="series and lags must be given"):
        bnn.backtest(bnn.shallow(1), SERIES["a"], windows=2)


def test_later_values_are_found_by_name_and_date(fits):
    """A long table in any order, a wide one, a dictionary of arrays, and a part of the dates."""
    whole = fits.evaluate(LATER).table
    parts = [pd.DataFrame({"unique_id": n, "ds": v.index, "y": v.to_numpy()}) for n, v in LATER.items()]
    long = pd.concat(parts).sample(frac=1, random_state=0)
    forms = [long, pd.DataFrame(LATER), {name: values.to_numpy() for name, values in LATER.items()}]
    for form in forms:
        pd.testing.assert_frame_equal(fits.evaluate(form).table.loc[list(LATER)], whole)
    pd.testing.assert_frame_equal(fits.evaluate(Foreign(long)).table.loc[list(LATER)], whole)
    plain = pd.DataFrame({name: values.to_numpy() for name, values in LATER.items()})
    plain.loc[0, "a"] = np.nan  # without dates, the first value that is known is still the second step
    second = fits.evaluate(Foreign(plain)).table.loc["a"]
    assert second.equals(fits.evaluate({"a": LATER["a"].iloc[1:]}).table.loc["a"])
    part = fits.evaluate({"a": LATER["a"].iloc[[1, 3]]})
    gaps = LATER["a"].where([False, True, False, True])
    pd.testing.assert_frame_equal(part.table, fits.evaluate({"a": gaps}).table)
    assert part.table["steps"].tolist() == [2]
    draws = fits.forecast(4).sel(unique_id="a").to_numpy()[0]
    error = np.abs(np.median(draws, axis=0) - LATER["a"].to_numpy())[[1, 3]].mean()
    train = SERIES["a"].to_numpy()
    assert part.table["mase"].item() == pytest.approx(error / np.abs(train[4:] - train[:-4]).mean())


@pytest.mark.parametrize(
    ("future", "message"),
    [
        ({"c": [1.0]}, "series 'c', which has no forecast"),
        ({"a": SERIES["a"]}, "dates that follow 2019Q2"),
        ({"a": pd.Series([1.0], [30])}, "got an index of int64"),
        ([1.0, 2.0], "must be a panel"),
        ({"a": [np.nan]}, "at least one observed value"),
    ],
)
def test_later_values_that_do_not_follow_are_refused(fits, future, message):
    with pytest.raises(ValueError, match=message):
        fits.evaluate(future)


def test_one_series_alone(fits):
    one = bnn.auto_fit(SERIES["a"], **FEW)
    assert one.forecast(2).dims == ("chain", "draw", "time") and list(one) == ["a"]
    np.testing.assert_allclose(one.forecast(2), fits.forecast(2).sel(unique_id="a"), rtol=1e-6)
    pd.testing.assert_frame_equal(one.evaluate(LATER["a"]).table, fits.evaluate({"a": LATER["a"]}).table, rtol=1e-5)


def test_draws_are_kept_in_a_folder(fits, tmp_path):
    again = [bnn.auto_fit(SERIES, path=tmp_path, **FEW).forecast(2) for _ in range(2)]
    for one in again:
        np.testing.assert_array_equal(one, fits.forecast(2))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "names", [(1, "b"), (pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")), (("a", 1), ("a", 2))]
)
def test_names_that_tables_hold_as_text_are_scored(names):
    values = SERIES["a"].to_numpy()
    columns = {name: np.cos(np.arange(27.0)) + i for i, name in enumerate(names)}
    fits = bnn.auto_fit(dict.fromkeys(names, values), exogenous=columns, draws=20, progress=False)
    table = fits.evaluate({names[1]: [50.0, 51.0]}).table
    assert list(table.index) == [list(fits)[1]] and table["steps"].tolist() == [2]
