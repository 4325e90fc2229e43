"""Exogenous columns of many series: the exact regression, forecasts that know them, and input that does not fit."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.forecasting.many.bucket import Bucket, posteriors_of
from bayesnn.forecasting.many.columns import standardised
from bayesnn.forecasting.many.curve_arrays import curve_arrays
from bayesnn.forecasting.many.outliers import one_step_errors
from bayesnn.forecasting.many.prior import StructuralPrior

FEW = {"draws": 200, "progress": False}
INDEX = pd.period_range("2015-01", periods=66, freq="M")
RNG = np.random.default_rng(4)
CAMPAIGN = pd.DataFrame({"campaign": (RNG.uniform(size=66) < 0.3) * 1.0}, index=INDEX)


def made(count, effect, seed=0):
    """A random walk of small steps, plus `effect` in the months with a campaign."""
    walk = 0.3 * np.random.default_rng(seed).normal(size=count).cumsum()
    return pd.Series(50 + walk + effect * CAMPAIGN["campaign"].to_numpy()[:count], INDEX[:count])


SERIES = {"b": made(60, 8.0), "a": made(57, -5.0, 1), "flat": pd.Series(2.0, INDEX[:50])}


@pytest.fixture(scope="module")
def paths():
    return bnn.auto_forecast(SERIES, 6, exogenous=CAMPAIGN, **FEW)


def test_the_evidence_is_that_of_the_regression_with_columns():
    """Errors of one step are linear in the coefficients: the marginal density of the values is a Student t."""
    values, prior = RNG.normal(size=14).cumsum(), StructuralPrior(points=4)
    raw = RNG.normal(size=(16, 2))
    x = standardised(raw, values)
    bucket = Bucket((values,), (1,), 2, 10, ((0,),), prior, exogenous=(raw,))
    with double():
        one, grid = posteriors_of(bucket)[0], bucket.grid.part(network=False)
    curves = curve_arrays([values], 64, (1,), [x[:14]])
    u, kind = curves.u[0, 0], curves.kind[0, 0]
    for scale, point in ((0, 0), (5, 1), (len(grid.log_weight) - 1, 2)):
        zero = one_step_errors(u, kind, grid, point, np.zeros(3))[-14:]
        design = [one_step_errors(0 * u, kind, grid, point, -unit)[-14:] for unit in np.eye(3)]
        for column in curves.x[0].T:
            design.append(one_step_errors(column, kind, grid, point, np.zeros(3))[-14:])
        design = np.array(design).T
        cov = np.eye(14) + design @ np.diag(1 / grid.precision[:, scale]) @ design.T
        exact = stats.multivariate_t(
            np.zeros(14), prior.noise_rate / prior.noise_shape * cov, 2 * prior.noise_shape
        ).logpdf(zero)
        power = prior.trust / (prior.trust + 14)
        expected = power * (exact + curves.log_slope[0, 0]) + grid.log_weight[scale]
        assert one.log_weight[0, scale, point] == pytest.approx(expected, abs=1e-6)


def test_forecasts_follow_a_column_that_matters(paths):
    known = CAMPAIGN["campaign"].to_numpy()
    for name, effect in (("b", 8.0), ("a", -5.0)):
        end = len(SERIES[name])
        median = paths.sel(unique_id=name).median(("chain", "draw")).to_numpy()
        truth = made(66, effect, {"b": 0, "a": 1}[name]).to_numpy()[end : end + 6]
        assert np.abs(median - truth).max() < 2.0, (name, known[end : end + 6])
    without = bnn.auto_forecast(SERIES, 6, **FEW)
    widths = [one.sel(unique_id="b").std(("chain", "draw")).mean() for one in (paths, without)]
    assert widths[0] < 0.6 * widths[1]
    assert (paths.sel(unique_id="flat") == 2.0).all()


def test_a_column_of_noise_changes_little():
    noise = pd.DataFrame({"noise": np.random.default_rng(9).normal(size=66)}, index=INDEX)
    series = made(60, 0.0)
    with_it, without = (bnn.auto_forecast(series, 6, **(FEW | extra)) for extra in ({"exogenous": noise}, {}))
    apart = (with_it.median(("chain", "draw")) - without.median(("chain", "draw"))) / without.std(("chain", "draw"))
    assert float(np.abs(apart).max()) < 0.35
    ratio = with_it.std(("chain", "draw")) / without.std(("chain", "draw"))
    assert 0.8 < float(ratio.min()) <= float(ratio.max()) < 1.3


def test_all_forms_give_the_same_paths(paths):
    long = pd.concat([CAMPAIGN.rename_axis("ds").reset_index().assign(unique_id=name) for name in SERIES])
    tables = {name: CAMPAIGN.sample(frac=1, random_state=0) for name in SERIES}
    for form in (long.sample(frac=1, random_state=1), tables, CAMPAIGN["campaign"]):
        np.testing.assert_array_equal(bnn.auto_forecast(SERIES, 6, exogenous=form, **FEW), paths)
    fits = bnn.auto_fit(SERIES, exogenous=CAMPAIGN, **FEW)
    np.testing.assert_array_equal(fits.forecast(6), paths)
    np.testing.assert_array_equal(bnn.forecast(fits["a"], 6), paths.sel(unique_id="a"))
    effect = fits["b"].idata["posterior"]["effect"]
    assert effect.dims == ("chain", "draw", "column") and list(effect["column"]) == ["campaign"]
    assert np.isfinite(fits["b"].idata["log_likelihood"]["y"]).all()
    with pytest.raises(ValueError, match="series 'b' are known for 6 date"):
        fits.forecast(7)
    with pytest.raises(ValueError, match="series 'a' are known for 9 date"):
        fits["a"].forecast(10)


def test_arrays_beside_arrays():
    y = made(60, 8.0).to_numpy()
    known = CAMPAIGN["campaign"].to_numpy()
    one = bnn.auto_forecast(y, 6, seasonal=12, exogenous=known, **FEW)
    two = bnn.auto_forecast({"y": y}, 6, seasonal=12, exogenous={"y": known[:, None]}, **FEW)
    np.testing.assert_allclose(two.sel(unique_id="y"), one)


def test_later_values_of_the_series_change_nothing_but_columns_do():
    """A backtest knows columns ahead of each origin, and no values; scales of columns come from before it."""
    settings = {"horizon": 2, "windows": 2, "baselines": ["naive"], **FEW}
    plain = bnn.auto_backtest({"b": SERIES["b"]}, exogenous=CAMPAIGN, **settings)
    changed = SERIES["b"].copy()
    changed.iloc[-2:] += 30
    again = bnn.auto_backtest({"b": changed}, exogenous=CAMPAIGN, **settings)
    first = [one.forecasts.query("method == 'auto_forecast' and window == 0") for one in (plain, again)]
    np.testing.assert_array_equal(first[0]["median"], first[1]["median"])
    other = CAMPAIGN.copy()
    other.iloc[57] = 1 - other.iloc[57]
    moved = bnn.auto_backtest({"b": SERIES["b"]}, exogenous=other, **settings).forecasts
    assert abs(moved["median"].iloc[0] - first[0]["median"].iloc[0]) > 4
    fits = bnn.auto_fit({"b": SERIES["b"]}, exogenous=CAMPAIGN, **FEW)
    same = bnn.backtest(fits, horizon=2, windows=2, baselines=["naive"], progress=False)
    pd.testing.assert_frame_equal(same.forecasts, plain.forecasts)


HOLE = CAMPAIGN.copy()
HOLE.iloc[58] = np.nan


@pytest.mark.parametrize(
    ("exogenous", "message"),
    [
        (CAMPAIGN.iloc[:62], "finite value at every date used for series 'b', got none at 2020-03"),
        (HOLE, "finite value at every date used for series 'b', got none at 2019-11"),
        ({"b": CAMPAIGN, "flat": CAMPAIGN}, "exogenous must be given for every series, got none for 'a'"),
        (CAMPAIGN.rename_axis("ds").reset_index().assign(unique_id="b"), "got none for 'a'"),
        ({"b": CAMPAIGN, "a": CAMPAIGN.assign(more=1.0), "flat": CAMPAIGN}, "same columns for every series.*'a'"),
        (CAMPAIGN.set_axis(range(66)), "indexed by dates like those of series 'b'"),
        (pd.concat([CAMPAIGN, CAMPAIGN.iloc[:1]]), "one row per date for series 'b'"),
        (CAMPAIGN.to_numpy(), "series 'b', which has dates, must be a pandas.DataFrame"),
        (CAMPAIGN.assign(campaign="much"), "exogenous must hold numbers"),
    ],
)
def test_columns_that_do_not_fit_are_refused_with_the_series(exogenous, message):
    with pytest.raises(ValueError, match=message):
        bnn.auto_forecast(SERIES, 6, exogenous=exogenous, **FEW)


@pytest.mark.parametrize("rows", [60, 65, 67])
def test_an_array_of_another_length_is_refused(rows):
    with pytest.raises(ValueError, match=r"exogenous of series 'y' must have 66 rows, for its 60 values"):
        bnn.auto_forecast({"y": np.arange(60.0)}, 6, exogenous={"y": np.zeros(rows)}, **FEW)


def test_a_column_without_a_past_has_no_effect():
    new = CAMPAIGN * 0
    new.iloc[60:] = 1.0
    with_it = bnn.auto_forecast(made(60, 0.0), 6, exogenous=new, **FEW)
    assert float(np.abs(with_it.median(("chain", "draw")) - made(60, 0.0).iloc[-1]).max()) < 3
    assert not standardised(new.to_numpy(), np.arange(60.0)).any()
