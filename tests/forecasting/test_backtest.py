"""Backtests against a plain loop over origins, and against the future, which nothing may see."""

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from pools import Lost

import bayesnn as bnn
from bayesnn.evaluation.scores import crps
from bayesnn.forecasting import refits, rolling
from bayesnn.forecasting.paths import log_density, make_origins, simulate

module = importlib.import_module("bayesnn.forecasting.backtest")  # the package's name `backtest` is the function
FEW = {"draws": 40, "warmup": 40, "chains": 2, "progress": False}
MODEL = bnn.shallow(2, linear=True)
INDEX = pd.period_range("2001-01", periods=72, freq="M")
SERIES = pd.Series(
    np.exp(3 + 0.4 * np.sin(np.arange(72) * 0.9) + 0.1 * np.random.default_rng(0).normal(size=72)), INDEX, name="sales"
)
TRANSFORM = ["log", "standardize"]


@pytest.fixture(scope="module", autouse=True)
def prior_draws_for_fits(fake_fit):
    """Fits are prior draws: what is tested is who sees what and how it is scored. One test below fits in earnest."""

    def quick(model, data, *, draws, chains, key, **settings):
        return fake_fit(model, data, None, draws=draws, chains=chains, key=3, change=calm)

    def calm(values):  # on the scale of the series, of which a logarithm is modelled, paths keep their moments
        for name, value in values.items():
            value *= 1.0 if name.startswith("stat") else 0.3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refits, "fit_model", quick)
        yield


@pytest.fixture(scope="module")
def result():
    return bnn.backtest(
        MODEL, SERIES, lags=2, horizon=3, windows=6, stride=2, transform=TRANSFORM, seasonal=12, key=5, **FEW
    )


@pytest.mark.slow
def test_table_and_frame_have_what_was_promised(result):
    methods = ("network", "naive", "seasonal_naive", "drift", "linear_ar")
    assert result.methods == methods
    assert result.table.index.tolist() == [(m, h) for m in methods for h in (1, 2, 3)]
    scores = ["rmse", "mae", "mase", "crps", "log_score"]
    kinds = [f"{kind}_{level}" for kind in ("coverage", "width") for level in (50, 80, 95)]
    assert result.table.columns.tolist() == scores + kinds
    assert np.isfinite(result.table.to_numpy()).all()
    rows = result.forecasts
    assert len(rows) == 5 * 6 * 3
    assert set(rows["unique_id"]) == {"sales"}
    np.testing.assert_array_equal(rows["y"], SERIES.loc[rows["ds"]])
    assert (rows["lo-95"] < rows["lo-50"]).all() and (rows["median"] < rows["hi-80"]).all()
    assert result.pit.shape == (18, 5)
    assert ((result.pit > 0) & (result.pit < 1)).all().all()


def test_origins_are_those_of_a_plain_loop(result):
    first = result.forecasts[result.forecasts["method"] == "network"]
    expected = []
    for window in range(6):
        seen = 72 - 3 - 2 * (5 - window)
        expected += [(window, INDEX[seen - 1], INDEX[seen + h], h + 1) for h in range(3)]
    assert first["cutoff"].equals(first["origin"].rename("cutoff"))
    found = first[["window", "origin", "ds", "horizon"]].itertuples(index=False, name=None)
    assert list(found) == expected


def test_network_is_scored_as_by_a_plain_loop_over_origins(result):
    """The same fit, an origin at a time by public means; paths differ by their keys, so to Monte Carlo error."""
    fit = result.fits["network"]
    learnt = SERIES.iloc[: 72 - 3 - 10]
    assert fit.data.series.series["sales"].equals(learnt.astype(float))
    rows = result.forecasts[result.forecasts["method"] == "network"]
    for window in (0, 3, 5):
        seen = 72 - 3 - 2 * (5 - window)
        paths = bnn.forecast(fit, 3, history=SERIES.iloc[:seen], key=window).to_numpy().reshape(-1, 3)
        one = rows[rows["window"] == window]
        error = paths.std(axis=0) / np.sqrt(len(paths))
        assert (np.abs(one["mean"].to_numpy() - paths.mean(axis=0)) < 5 * np.sqrt(2) * error).all()
        y = SERIES.iloc[seen : seen + 3].to_numpy()
        assert (np.abs(one["crps"].to_numpy() - crps(paths, y)) < 5 * np.sqrt(2) * error).all()
        np.testing.assert_array_equal(one["y"], y)


def test_network_log_score_is_the_density_of_the_forecast(result):
    """One step ahead nothing is simulated: the average over draws of each draw's density, by the fit's own door."""
    fit = result.fits["network"]
    rows = result.forecasts[(result.forecasts["method"] == "network") & (result.forecasts["horizon"] == 1)]
    transform = fit.data.series.transform
    w = transform.forward(SERIES.to_numpy())
    for seen, score in zip(72 - 3 - 2 * np.arange(5, -1, -1), rows["log_score"], strict=True):
        table = pd.DataFrame([[w[seen - 1], w[seen - 2]]], columns=["lag 1", "lag 2"])
        density = bnn.evaluate(fit, table, np.array([w[seen]]))["log_density"]
        assert score == pytest.approx(density + float(transform.log_slope(SERIES.iloc[seen])), rel=1e-9)


def test_scales_come_from_the_training_part(result):
    learnt = SERIES.iloc[:59].to_numpy()
    scale = np.abs(learnt[12:] - learnt[:-12]).mean()
    np.testing.assert_allclose(result.forecasts["scale"], scale, rtol=1e-12)
    transform = result.fits["network"].data.series.transform
    assert transform.center == pytest.approx(np.log(learnt).mean(), rel=1e-12)
    assert transform.scale == pytest.approx(np.log(learnt).std(), rel=1e-12)


def disturbed(after):
    """The series with another future: what is learnt or scaled by it must not change what was forecast before."""
    other = SERIES.copy()
    other.iloc[after:] = other.iloc[after:] ** 1.3 + 50.0
    return other


def forecast_columns(result, windows):
    rows = result.forecasts[result.forecasts["window"].isin(windows)]
    return rows[["mean", "median", "lo-80", "hi-95"]].to_numpy()


def run(series, refit=False, transform=TRANSFORM, lags=2):
    names = ["naive", "seasonal_naive", "drift", "naive2", "linear_ar"]
    settings = FEW | {"draws": 20, "warmup": 20}
    return bnn.backtest(
        MODEL, series, lags=lags, horizon=2, windows=4, refit=refit, transform=transform, baselines=names, **settings
    )


@pytest.mark.first_case
@pytest.mark.parametrize(
    ("refit", "transform", "lags"), [(False, TRANSFORM, 2), (2, TRANSFORM, 2), (False, "auto", "auto")]
)
def test_the_future_changes_no_forecast(refit, transform, lags):
    """Windows 0, 1 and 2 see at most 69 values; other values after them leave all that was forecast as it was."""
    one, two = (run(series, refit, transform, lags) for series in (SERIES, disturbed(69)))
    np.testing.assert_array_equal(forecast_columns(one, [0, 1, 2]), forecast_columns(two, [0, 1, 2]))
    assert (forecast_columns(one, [3]) != forecast_columns(two, [3])).any(axis=1).mean() > 0.7  # not the last season


@pytest.mark.first_case
@pytest.mark.parametrize("leak", ["transform", "rows", "origin"])
def test_a_planted_leak_of_the_future_is_seen(leak, monkeypatch):
    if leak == "rows":  # the fit sees the whole series
        monkeypatch.setattr(module, "learn_from", lambda full, plan, window, rows: full)
    elif leak == "transform":  # centre and scale of the whole series, the rows those that came before

        def learn_from(full, plan, window, rows, honest=module.learn_from):
            part = honest(full, plan, window, rows)
            return type(part)(**{**part.__dict__, "transforms": full.transforms})

        monkeypatch.setattr(module, "learn_from", learn_from)
    else:  # each forecast starts one step too late
        monkeypatch.setattr(rolling, "make_origins", lambda data, pasts: make_origins(data, late(pasts)))

    def late(pasts):
        longest = max(pasts, key=lambda one: len(one[1]))[1]
        return [(name, np.append(past, longest[len(past) : len(past) + 1])) for name, past in pasts]

    with pytest.raises(AssertionError):
        one, two = (run(series) for series in (SERIES, disturbed(69)))
        np.testing.assert_array_equal(forecast_columns(one, [0, 1, 2]), forecast_columns(two, [0, 1, 2]))


def test_refits_learn_from_what_precedes_each():
    result = run(SERIES, refit=2)
    seen = result.fits["network"].data.series.series["sales"]
    assert len(seen) == 69  # the last group starts at the third of four windows
    same = result.forecasts.groupby("window")["scale"].first()
    assert same[0] == same[1] != same[2] == same[3]


@pytest.mark.slow
def test_a_panel_with_inputs_is_scored_series_by_series():
    rng = np.random.default_rng(1)
    inputs = pd.DataFrame({"z": rng.normal(size=72)}, index=INDEX)
    other = pd.Series(5 + 2 * inputs["z"].to_numpy()[:60] + 0.1 * rng.normal(size=60), INDEX[:60])
    panel = {"sales": SERIES, "other": other}
    result = bnn.backtest(MODEL, panel, lags=1, horizon=2, windows=3, exogenous=inputs, transform="standardize", **FEW)
    rows = result.forecasts[result.forecasts["method"] == "linear_ar"]
    assert rows["unique_id"].tolist() == ["sales"] * 6 + ["other"] * 6
    assert rows["ds"].tolist()[-1] == INDEX[59]
    late = rows[rows["unique_id"] == "other"]
    np.testing.assert_allclose(late["mean"], late["y"], atol=0.6)  # known inputs explain it
    fit = result.fits["network"]
    learnt = fit.data.series.series
    assert [len(values) for values in learnt.values()] == [68, 56]
    paths = simulate(
        fit,
        make_origins(fit.data.series, [("other", other.to_numpy()[:58])]),
        2,
        0,
        inputs.to_numpy()[None, 58:60],
    )
    exact = log_density(fit, paths, other.to_numpy()[None, 58:60])[0, 0]
    network = result.forecasts[result.forecasts["method"] == "network"]
    found = network[(network["unique_id"] == "other") & (network["window"] == 2)]["log_score"].iloc[0]
    assert found == pytest.approx(exact, rel=1e-9)


@pytest.mark.slow
def test_several_models_and_who_is_best(result):
    text = str(result)
    assert text.startswith("6 window(s)")
    assert "standard errors of the paired difference" in text and "nats in all" in text
    better = result.difference("linear_ar", "naive")
    assert better.mean < 0 and better.se > 0
    assert result.difference("naive", "linear_ar").z == pytest.approx(-better.z)
    alone = result.difference("network", "naive", "log_score", horizon=1)
    means = result.table["log_score"]
    assert alone.mean == pytest.approx(means["network", 1] - means["naive", 1])
    two = {"small": bnn.shallow(1), "linear": bnn.shallow(1, linear=True)}
    both = bnn.backtest(two, SERIES, lags=1, windows=2, baselines=[], **FEW)
    assert both.methods == ("small", "linear") == tuple(both.fits)


def made_scores(difference, windows=50, horizons=2):
    """A backtest whose first method is ahead by this log score per window, with little noise."""
    noise = 0.01 * np.random.default_rng(0).normal(size=(windows, horizons))
    rows = [
        {"unique_id": "a", "window": w, "horizon": h + 1, "method": method, "crps": 1.0, "log_score": score}
        for w in range(windows)
        for h in range(horizons)
        for method, score in (("first", noise[w, h] + difference), ("second", 0.0))
    ]
    return bnn.Backtest(None, pd.DataFrame(rows), {}, 1)


@pytest.mark.parametrize(("difference", "words"), [(0.05, "forecast alike"), (0.2, "best by log_score: first")])
def test_who_is_ahead_is_said_where_it_matters(difference, words):
    """50 windows: 2.5 nats in all are many standard errors and yet nothing; 10 nats are something."""
    result = made_scores(difference)
    assert words in result.best("log_score")
    assert result.nats("first", "second") == pytest.approx(50 * difference, abs=0.2)
    assert result.difference("first", "second", "log_score").z > 20


def test_a_difference_within_two_standard_errors_is_not_clear():
    result = made_scores(0.2)
    rows = result.forecasts
    rows.loc[(rows["method"] == "first") & (rows["window"] == 0), "log_score"] += 100.0
    assert "not clearly ahead" in result.best("log_score")


def test_two_names_of_the_windows():
    for settings, message in (
        ({"windows": 2, "n_windows": 2}, "two names of one number"),
        ({}, "must be given"),
        ({"n_windows": 0}, "n_windows must be a whole number"),
        ({"windows": 2, "step_size": 0}, "step_size must be a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            bnn.backtest(MODEL, SERIES, lags=2, **settings, **FEW)


def test_fits_run_until_they_have_converged_unless_a_number_of_draws_is_asked_for(monkeypatch):
    """What nobody chose is left to `bnn.fit`, whose own rule asks for convergence."""
    asked = []

    class Noted(Exception):
        pass

    def noted(model, data, **settings):
        asked.append(settings)
        raise Noted

    monkeypatch.setattr(refits, "fit_model", noted)
    for change in ({}, {"max_seconds": 3.0}, {"draws": 7}):
        with pytest.raises(Noted):
            bnn.backtest(MODEL, SERIES, lags=2, windows=2, progress=False, **change)
    assert [one["draws"] for one in asked] == [None, None, 7]
    assert [one["sampler"] for one in asked] == [None] * 3 and asked[1]["max_seconds"] == 3.0


def test_impossible_backtests_are_refused_before_anything_is_fitted(monkeypatch):
    monkeypatch.setattr(refits, "fit_model", None)
    for change, message in (
        ({"windows": 80}, "'sales' is too short: 80 window"),
        ({"windows": 70}, "'sales' is too short: lags"),
        ({"horizon": 0}, "horizon must be a whole number"),
        ({"refit": 0}, "refit must be a whole number"),
        ({"baselines": ["best"]}, "unknown baseline 'best'"),
    ):
        with pytest.raises(ValueError, match=message):
            bnn.backtest(MODEL, SERIES, **{"lags": 2, "windows": 3, **change}, **FEW)


def test_scores_are_of_the_posterior_predictive(result):
    """Coverage counted by hand from the frame, mean and sd of the table from its rows."""
    rows = result.forecasts[(result.forecasts["method"] == "drift") & (result.forecasts["horizon"] == 2)]
    table = result.table.loc[("drift", 2)]
    inside = (rows["y"] >= rows["lo-80"]) & (rows["y"] <= rows["hi-80"])
    assert table["coverage_80"] == pytest.approx(inside.mean())
    assert table["rmse"] == pytest.approx(np.sqrt(np.mean((rows["y"] - rows["mean"]) ** 2)))
    assert table["mase"] == pytest.approx(np.mean(np.abs(rows["y"] - rows["median"]) / rows["scale"]))


@pytest.mark.slow
def test_one_fit_in_earnest_beats_a_random_walk(monkeypatch):
    monkeypatch.setattr(refits, "fit_model", bnn.fit)
    result = bnn.backtest(bnn.shallow(1, linear=True), SERIES, lags=2, windows=8, baselines=["naive"], **FEW)
    assert result.difference("network", "naive").mean < 0


@pytest.mark.slow
def test_the_default_fits_converge_or_say_why_they_stopped(monkeypatch):
    """Two windows, each with a fit of its own, the second of which starts where the first ended."""
    monkeypatch.setattr(refits, "fit_model", bnn.fit)
    result = bnn.backtest(
        bnn.shallow(1, linear=True), SERIES, lags=2, windows=2, refit=True, baselines=[], progress=False
    )
    attrs = result.fits["network"].idata["posterior"].attrs
    assert attrs["stopped"] == "converged" and attrs["warmup"] == 250
    assert bnn.diagnose(result.fits["network"]).ok


@pytest.mark.parametrize("pool", [ThreadPoolExecutor(2), Lost()])
def test_an_executor_changes_no_forecast(pool, result):
    settings = {"lags": 2, "horizon": 3, "windows": 6, "stride": 2, "transform": TRANSFORM, "seasonal": 12, "key": 5}
    elsewhere = bnn.backtest(MODEL, SERIES, executor=pool, **settings, **FEW)
    pd.testing.assert_frame_equal(elsewhere.forecasts, result.forecasts)


def test_a_backtest_ends_where_a_fit_was_interrupted(monkeypatch, fake_fit):
    """Ctrl-C leaves a fit of the draws so far, whose scores would look like those of all draws."""
    made = []

    def interrupted(model, data, **settings):
        made.append(fake_fit(model, data, None, draws=20, chains=2, complete=not made))
        return made[-1]

    monkeypatch.setattr(refits, "fit_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bnn.backtest(MODEL, SERIES, lags=2, windows=3, refit=True, baselines=["naive"], **FEW)
    assert len(made) == 2
