"""Forecasts: dates, panels, exogenous inputs at their own time, other pasts, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from made import made_fit

import bayesnn as bnn
from bayesnn.data.series.lagged import lagged
from bayesnn.forecasting.paths import make_origins, simulate

RNG = np.random.default_rng(5)
DAYS = pd.date_range("2020-03-10", periods=24, freq="D", tz="Europe/Madrid")
VALUES = np.exp(0.3 * RNG.normal(size=24))
SERIES = pd.Series(VALUES, index=DAYS, name="sales")
AHEAD = pd.date_range("2020-03-10", periods=30, freq="D", tz="Europe/Madrid")
TABLE = pd.DataFrame({"price": RNG.normal(size=30), "rain": RNG.normal(size=30)}, index=AHEAD)
FUTURE = TABLE[24:]
MODEL = bnn.shallow(2, linear=True)


def line(data, slopes, sigma=1e-6):
    """A change after which w_t = w_bar + sum of slopes times centred inputs, with hardly any noise."""

    def edit(values):
        values["beta"][...] = 0.0
        values["linear"][...] = np.asarray(slopes) * data.x.to_numpy().std(0) / data.y.std(ddof=0)
        values["sigma"][...] = sigma

    return edit


@pytest.fixture(scope="module")
def plain():
    return made_fit(bnn.shallow(2), lagged(SERIES, 2), chains=2, draws=5)


@pytest.fixture(scope="module")
def driven():
    data = lagged(SERIES, 1, exogenous=TABLE[:24], exogenous_lags={"price": [0], "rain": [1, 2]})
    return made_fit(MODEL, data, chains=1, draws=2, change=line(data, [0.0, 1.0, 10.0, 100.0]))


@pytest.fixture(scope="module")
def panel():
    data = lagged({"a": SERIES, "b": 3 * SERIES[4:] ** 2}, 2, transform=("log", "standardize"))
    return made_fit(bnn.shallow(2), data, chains=2, draws=5)


# Fits of a mode


@pytest.mark.parametrize(("chains", "paths_each"), [(1, 1000), (4, 250)])
def test_a_mode_is_forecast_with_its_errors(chains, paths_each):
    """One path of a single draw would give intervals without width, and an error in place of the mean."""
    data = lagged(SERIES, 1, transform=())
    fit = made_fit(MODEL, data, chains=chains, draws=1, change=line(data, [0.0], sigma=0.5))
    paths = bnn.forecast(fit, 2, key=3)
    assert paths.shape == (chains, paths_each, 2)
    frame = bnn.to_frame(paths)
    expected = float(bnn.predict(fit, data.x.iloc[-1:], kind="mean").mean())
    sd = 0.5 * data.y.std(ddof=0)
    assert frame["mean"].iloc[0] == pytest.approx(expected, abs=4 * sd / np.sqrt(1000))
    assert frame["sd"].iloc[0] == pytest.approx(sd, rel=4 / np.sqrt(2000))
    assert ((frame["lo-80"] < frame["median"]) & (frame["median"] < frame["hi-80"])).all()


# Dates and tables


def test_a_forecast_continues_the_dates(plain):
    paths = bnn.forecast(plain, 6, key=1)
    assert paths.dims == ("chain", "draw", "time") and paths.shape == (2, 5, 6)
    assert paths["time"].to_index().equals(AHEAD[24:].rename("time"))
    np.testing.assert_array_equal(paths, bnn.forecast(plain, 6, key=1))
    assert not np.allclose(paths, bnn.forecast(plain, 6, key=2))


def test_a_table_of_a_forecast_is_long(plain):
    paths = bnn.forecast(plain, 3)
    table = bnn.to_frame(paths, levels=(80, 95))
    columns = ["unique_id", "ds", "mean", "sd", "median", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert list(table.columns) == columns
    assert table["unique_id"].tolist() == ["sales"] * 3
    assert table["ds"].tolist() == list(AHEAD[24:27])
    draws = paths.to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(table["hi-95"], np.quantile(draws, 0.975, axis=0), rtol=1e-10)
    np.testing.assert_allclose(table["mean"], draws.mean(axis=0), rtol=1e-10)


def test_an_array_is_called_y_and_goes_on_counting():
    fit = made_fit(bnn.shallow(2), lagged(VALUES, 2), chains=1, draws=3)
    table = bnn.to_frame(bnn.forecast(fit, 2))
    assert table["unique_id"].tolist() == ["y", "y"] and table["ds"].tolist() == [24, 25]


# Panels


def test_a_panel_rolls_every_series_by_itself(panel):
    paths = bnn.forecast(panel, 4, key=3)
    assert paths.dims == ("chain", "draw", "unique_id", "time")
    assert paths["unique_id"].to_numpy().tolist() == ["a", "b"]
    together = paths.to_numpy().reshape(10, 2, 4)
    data = panel.data.series
    pasts = [(name, values.to_numpy()) for name, values in data.series.items()]
    # draws of one key are drawn for all origins at once: two of them, each twice, have the same noise in their places
    crossed = simulate(panel, make_origins(data, [pasts[0], pasts[0]]), 4, 3).values
    np.testing.assert_allclose(together[:, 0], crossed[:, 0], rtol=1e-10)
    crossed = simulate(panel, make_origins(data, [pasts[1], pasts[1]]), 4, 3).values
    np.testing.assert_allclose(together[:, 1], crossed[:, 1], rtol=1e-10)
    table = bnn.to_frame(paths)
    assert table["unique_id"].tolist() == ["a"] * 4 + ["b"] * 4
    assert table["ds"].tolist() == 2 * list(AHEAD[24:28])
    np.testing.assert_allclose(table["mean"].to_numpy(), together.mean(axis=0).ravel(), rtol=1e-10)


def test_a_panel_that_ends_at_different_dates_counts_steps():
    data = lagged({"a": SERIES, "b": SERIES[:-3]}, 2)
    paths = bnn.forecast(made_fit(bnn.shallow(2), data, chains=1, draws=3), 2)
    assert paths["time"].to_numpy().tolist() == [1, 2]
    table = bnn.to_frame(paths)
    assert table["ds"].tolist() == [AHEAD[24], AHEAD[25], AHEAD[21], AHEAD[22]]
    turned = bnn.to_frame(paths.transpose("time", "unique_id", "draw", "chain"))
    pd.testing.assert_frame_equal(turned, table)


# Exogenous inputs


def centred(column):
    return TABLE[column].to_numpy()


def test_exogenous_inputs_are_those_of_their_own_date(driven):
    """w_t = mean + price_t + 10 rain_{t-1} + 100 rain_{t-2}, all centred as in the rows of the fit."""
    data = driven.data.series

    def expected(shift=0):
        at = np.arange(24, 28) + shift
        rows = np.stack([centred("price")[at], centred("rain")[at - 1], centred("rain")[at - 2]], axis=1)
        return data.y.mean() + (rows - data.x.to_numpy().mean(0)[1:]) @ [1.0, 10.0, 100.0]

    future = FUTURE.assign(rain=FUTURE["rain"].where(np.arange(6) < 3))  # rain is needed up to one day before
    got = bnn.forecast(driven, 4, future=future).to_numpy()
    np.testing.assert_allclose(got, np.broadcast_to(expected(), got.shape), atol=1e-4)
    for shift in (-1, 1):  # the check sees inputs that come a day early or late
        assert np.abs(got - expected(shift)).max() > 1


def test_lagged_inputs_need_no_future_up_to_their_lag():
    data = lagged(SERIES, 1, exogenous=TABLE[["rain"]][:24], exogenous_lags={"rain": [2, 3]})
    fit = made_fit(MODEL, data, chains=1, draws=2)
    assert bnn.forecast(fit, 2).shape == (1, 2, 2)
    with pytest.raises(ValueError, match="column 'rain' must have a finite value .* none at 2020-04-03"):
        bnn.forecast(fit, 3)
    assert bnn.forecast(fit, 3, future=FUTURE[["rain"]][:1]).shape == (1, 2, 3)


def test_inputs_of_a_panel_come_by_series():
    both = pd.concat({"a": TABLE[["price"]], "b": -TABLE[["price"]]}, names=["unique_id", "ds"])
    data = lagged({"a": SERIES, "b": 2 * SERIES}, 1, exogenous=both)
    fit = made_fit(MODEL, data, chains=1, draws=2, change=line(data, [0.0, 1.0]))
    got = bnn.forecast(fit, 3, future=both.reset_index()).to_numpy()[0]
    price = TABLE["price"].to_numpy()[24:27] - 0.0
    expected = data.y.mean() - data.x["price"].mean() + np.stack([price, -price])
    np.testing.assert_allclose(got, np.broadcast_to(expected, got.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("future", "message"),
    [
        (None, "column 'price' must have a finite value .* none at 2020-04-03 .*, 2020-04-04 .* and 1 more"),
        (FUTURE[["rain"]], "exogenous column 'price' must have a finite value"),
        (FUTURE.drop(AHEAD[25]), "column 'price' .* none at 2020-04-04"),
        (FUTURE.assign(rain=np.nan), "column 'rain' .* none at 2020-04-03"),
        (FUTURE.assign(wind=1.0, snow=2.0), r"unknown column.s. \['wind', 'snow'\]: the fit has \['price', 'rain'\]"),
        (
            FUTURE.tz_localize(None),
            "future must be indexed by dates like those of series 'sales', times with time zone",
        ),
        (FUTURE.set_axis(range(6)), "got whole numbers"),
        (FUTURE.to_numpy(), "must be a pandas.DataFrame by date"),
    ],
)
def test_bad_futures_are_refused(driven, future, message):
    with pytest.raises(ValueError, match=message):
        bnn.forecast(driven, 4, future=future)


def test_a_future_that_is_not_needed(plain):
    with pytest.raises(ValueError, match="unknown column.*the fit has no exogenous column"):
        bnn.forecast(plain, 2, future=FUTURE)


# Other pasts


def test_another_past_replaces_the_series(plain):
    later = pd.Series([1.0, 2.0, 3.0], index=pd.date_range("2021-01-01", periods=3, freq="D", tz="Europe/Madrid"))
    got = bnn.forecast(plain, 2, history=later, key=4)
    assert got["time"].to_index()[0] == pd.Timestamp("2021-01-04", tz="Europe/Madrid")
    origins = make_origins(plain.data.series, [("sales", np.array([2.0, 3.0]))])
    np.testing.assert_allclose(got.to_numpy().reshape(10, 2), simulate(plain, origins, 2, 4).values[:, 0], rtol=1e-12)
    assert bnn.to_frame(got)["unique_id"].tolist() == ["sales"] * 2
    np.testing.assert_array_equal(
        bnn.forecast(plain, 2, history=SERIES, key=4), bnn.forecast(plain, 2, history=SERIES[-2:], key=4)
    )


def test_a_standardised_series_keeps_its_scale_and_a_new_one_learns_its_own(panel):
    got = bnn.forecast(panel, 2, history={"a": SERIES * 2, "new": SERIES})
    assert got["unique_id"].to_numpy().tolist() == ["a", "new"]
    data = panel.data.series.with_series({"a": SERIES * 2, "new": SERIES})
    assert data.transforms["a"] == panel.data.series.transforms["a"]
    assert data.transforms["new"] == data.transforms["a"]  # the same numbers as those of "a" in the fit


def test_inputs_of_another_past_come_with_the_future(driven):
    history = SERIES[2:].set_axis(AHEAD[8:])
    with pytest.raises(ValueError, match="none at 2020-04-09"):
        bnn.forecast(driven, 1, history=history)
    late = TABLE.set_axis(TABLE.index + pd.Timedelta("1D"))
    assert bnn.forecast(driven, 1, history=history, future=late).shape == (1, 2, 1)
    data = lagged({"a": SERIES}, 2, exogenous={"a": TABLE})
    several = made_fit(bnn.shallow(2), data, chains=1, draws=2)
    with pytest.raises(ValueError, match=f"must be given for series 'new', got no column '{TABLE.columns[0]}'"):
        bnn.forecast(several, 1, history={"new": history})
    mine = bnn.forecast(several, 1, history={"new": history}, future={"new": late})
    np.testing.assert_allclose(mine, bnn.forecast(several, 1, history={"a": history}, future={"a": late}))


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (
            SERIES[:1],
            "history of series 'sales' must have at least 2 values, as far as lags and differences reach, got 1",
        ),
        ({"sales": SERIES}, "history must be one series like the data of the fit, got a panel"),
        (VALUES, "must be indexed like the fit's"),
        (SERIES[::2], "the dates of history of series 'sales' must be evenly spaced, one every D, got no 2020-03-11"),
        (SERIES.where(SERIES.index != DAYS[-1]), "no missing values, got 1, at 2020-04-02"),
    ],
)
def test_bad_histories_are_refused(plain, history, message):
    with pytest.raises(ValueError, match=message):
        bnn.forecast(plain, 2, history=history)


@pytest.mark.parametrize("horizon", [0, -1, 1.5, "2", True])
def test_bad_horizons_are_refused(plain, horizon):
    with pytest.raises(ValueError, match="horizon must be a whole number of at least 1, got"):
        bnn.forecast(plain, horizon)


def test_a_fit_of_a_table_has_no_forecast():
    fit = made_fit(bnn.shallow(2), VALUES[:-1, None], VALUES[1:], chains=1, draws=2)
    with pytest.raises(
        ValueError, match="forecasts need a fit of a series, got one of a table: fit with bnn.fit.model"
    ):
        bnn.forecast(fit, 2)


@pytest.mark.slow
def test_a_real_fit_forecasts():
    data = lagged(bnn.datasets.lynx(), 2, transform="log10")
    fit = bnn.fit(bnn.shallow(2), data, draws=50, warmup=50, chains=2, progress=False)
    paths = bnn.forecast(fit, 12)
    assert paths["time"].to_numpy().tolist() == list(range(1935, 1947))
    assert (paths > 0).all()
    assert bnn.evaluate(fit, data.x, data.y)["rmse"] < data.y.std()
