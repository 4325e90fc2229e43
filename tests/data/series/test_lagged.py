"""Rows of a series' own past: against plain loops, in every form a series comes, and with bad series refused."""

import numpy as np
import pandas as pd
import pytest
from made import made_fit

import bayesnn as bnn
from bayesnn.data.series import dates
from bayesnn.data.series.lagged import lagged
from bayesnn.fitting.binding import bind

RNG = np.random.default_rng(4)
VALUES = np.exp(RNG.normal(size=30))
MONTHS = pd.period_range("2020-01", periods=30, freq="M")
SERIES = pd.Series(VALUES, index=MONTHS, name="sales")
TABLE = pd.DataFrame({"price": RNG.normal(size=30), "rain": RNG.normal(size=30)}, index=MONTHS)


@pytest.mark.parametrize("lags", [1, 3, [1, 2, 12], [5], np.array([4, 2]), range(1, 3)])
def test_windows_are_those_of_a_loop(lags):
    data = lagged(VALUES, lags)
    used = list(range(1, lags + 1)) if isinstance(lags, int) else sorted(lags)
    assert data.lags == tuple(used)
    assert list(data.x.columns) == [f"lag {k}" for k in used]
    rows = [[VALUES[t - k] for k in used] for t in range(max(used), 30)]
    np.testing.assert_array_equal(data.x, rows)
    np.testing.assert_array_equal(data.y, VALUES[max(used) :])
    assert data.y.index.tolist() == list(range(max(used), 30))


def test_rows_are_of_the_transformed_series():
    data = lagged(SERIES, [1, 3], transform=("log", "difference", "seasonal_difference"))
    assert data.period == 12 and data.window == 3 + 13
    u = np.log(VALUES)
    w = {t: u[t] - u[t - 1] - (u[t - 12] - u[t - 13]) for t in range(13, 30)}
    np.testing.assert_allclose(data.y, [w[t] for t in range(16, 30)], rtol=1e-12)
    np.testing.assert_allclose(data.x, [[w[t - 1], w[t - 3]] for t in range(16, 30)], rtol=1e-12)
    assert data.y.index.equals(MONTHS[16:])
    np.testing.assert_array_equal(data.series["sales"], VALUES)


def test_exogenous_columns_stand_beside_the_target_they_belong_to():
    data = lagged(SERIES, 1, exogenous=TABLE, exogenous_lags={"rain": [0, 3]})
    assert list(data.x.columns) == ["lag 1", "price", "rain", "rain, lag 3"]
    assert data.x.index[0] == MONTHS[3]  # the first date with all of them
    for date, row in data.x.iterrows():
        assert row["price"] == TABLE.loc[date, "price"]
        assert row["rain"] == TABLE.loc[date, "rain"]
        assert row["rain, lag 3"] == TABLE.loc[date - 3, "rain"]
        assert row["lag 1"] == SERIES[date - 1]


def long_table():
    parts = [("a", MONTHS, VALUES), ("b", MONTHS[5:], 2 + VALUES[5:] ** 2)]
    return pd.concat([pd.DataFrame({"unique_id": n, "ds": ds, "y": y}) for n, ds, y in parts], ignore_index=True)


def test_a_panel_has_the_rows_of_its_series_below_each_other():
    table = long_table()
    each = {name: rows.set_index("ds")["y"] for name, rows in table.groupby("unique_id")}
    data = lagged(table, 2, transform="standardize")
    for other in (each, pd.DataFrame(each)):  # a dictionary, and a wide table with missing values before the start
        same = lagged(other, 2, transform="standardize")
        pd.testing.assert_frame_equal(data.x, same.x, check_freq=False)
        pd.testing.assert_series_equal(data.y, same.y, check_freq=False)
    assert data.panel and data.x.index.names == ["unique_id", "ds"]
    for name, values in each.items():
        alone = lagged(values, 2, transform="standardize")
        np.testing.assert_allclose(data.x.loc[name], alone.x, rtol=1e-12)
        assert data.transforms[name] == alone.transform
    bound, rows = bind(bnn.shallow(2), data)
    assert rows.obs[0] == "a 2020-03" and len(rows.obs) == 28 + 23


def test_panel_inputs_by_series_or_for_all():
    table = long_table()
    own = table[["unique_id", "ds"]].assign(price=RNG.normal(size=len(table)))
    indexed = own.set_index(["unique_id", "ds"])
    each = {"a": indexed.loc["a"], "b": indexed.loc["b"]}
    rows = [lagged(table, 2, exogenous=given).x for given in (own, indexed, each)]
    pd.testing.assert_frame_equal(rows[0], rows[1], check_freq=False)
    pd.testing.assert_frame_equal(rows[0], rows[2], check_freq=False)
    assert rows[0].loc[("b", MONTHS[9]), "price"] == indexed.loc[("b", MONTHS[9]), "price"]
    shared = lagged(table, 2, exogenous=TABLE[["price"]]).x
    assert shared.loc[("b", MONTHS[9]), "price"] == shared.loc[("a", MONTHS[9]), "price"] == TABLE["price"].iloc[9]


def test_a_fit_knows_its_series():
    data = lagged(SERIES, 2)
    fit = made_fit(bnn.shallow(2), data, draws=3)
    assert fit.data.series is data
    assert fit.data.columns.inputs == ("lag 1", "lag 2")
    assert fit.idata["observed_data"]["obs"].to_numpy()[0] == "2020-03"
    assert bnn.predict(fit, data.x).sizes["obs"] == 28
    assert repr(data) == "<Lagged: 28 rows, lags 1, 2>"


# Time


@pytest.mark.parametrize(
    ("index", "period", "following"),
    [
        (pd.RangeIndex(5), 1, [5, 6]),
        (pd.Index([1900, 1905, 1910]), 1, [1915, 1920]),
        (pd.period_range("2020-11", periods=3, freq="M"), 12, ["2021-02", "2021-03"]),
        (pd.period_range("2020Q1", periods=3, freq="Q"), 4, ["2020Q4", "2021Q1"]),
        (pd.date_range("2020-01-31", periods=3, freq="ME"), 12, ["2020-04-30", "2020-05-31"]),
        (pd.date_range("2020-01-01", periods=4, freq="2MS"), 6, ["2020-09-01", "2020-11-01"]),
        (pd.date_range("2020-01-01", periods=3, freq="QS"), 4, ["2020-10-01", "2021-01-01"]),
        (pd.date_range("2020-01-01 22:00", periods=3, freq="h"), 1, ["2020-01-02 01:00:00", "2020-01-02 02:00:00"]),
        (pd.date_range("2020-01-01", periods=3, freq="15min"), 1, ["2020-01-01 00:45:00", "2020-01-01 01:00:00"]),
        (pd.bdate_range("2020-01-01", periods=8), 1, ["2020-01-13", "2020-01-14"]),
    ],
)
def test_dates_go_on(index, period, following):
    for given in (index, index[:0].append(index)):  # also without the frequency that the constructor knows
        step = dates.step_of("y", given)
        assert dates.seasonal_period(step) == period
        after = dates.next_dates(given, step, 2)
        assert type(after) is type(given) or index.dtype.kind == "i"
        expected = after.astype(str).str.removesuffix(" 00:00:00") if index.dtype.kind == "M" else after.astype(str)
        assert list(expected) == list(map(str, following))


def test_time_zones_are_kept_over_a_change_of_the_clock():
    index = pd.date_range("2020-03-25", periods=4, freq="D", tz="Europe/Madrid")
    after = dates.next_dates(index, dates.step_of("y", index[:0].append(index)), 2)
    assert after.tz is not None
    assert list(after.astype(str)) == ["2020-03-29 00:00:00+01:00", "2020-03-30 00:00:00+02:00"]


def test_labels_are_plain_values():
    zone = pd.date_range("2020-03-28", periods=2, freq="D", tz="Europe/Madrid")
    assert dates.labels(zone).tolist() == ["2020-03-28 00:00:00+01:00", "2020-03-29 00:00:00+01:00"]
    assert dates.labels(MONTHS[:1]).tolist() == ["2020-01"]
    assert dates.labels(zone.tz_localize(None)).dtype.kind == "M"


# What is refused


def with_index(index, values=None):
    return pd.Series(VALUES[: len(index)] if values is None else values, index=index, name="s")


def day(*days):
    return pd.DatetimeIndex([f"2020-01-{d:02d}" for d in days])


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (with_index([1, 2, 2, 3]), "dates of series 's' must differ, got more than one value for 2"),
        (with_index([1, 3, 2]), "must increase, got them out of order: use series.sort_index"),
        (with_index([1, 2, 5, 6]), "one every 1, got no 3, 4: give every date a value"),
        (with_index(MONTHS.delete([3])), "got no 2020-04"),
        (with_index(day(1, 2, 3, 7, 8)), "irregular steps after 2020-01-03"),
        (with_index(day(1, 2)), "cannot be inferred from 2 date"),
        (with_index([0.5, 1.5, 2.5]), "must hold dates, periods or whole numbers, got float64"),
        (with_index(["a", "b", "c"]), "must hold dates, periods or whole numbers"),
        (with_index([1, 2, 3, 4], [1.0, np.nan, 2.0, np.nan]), "no missing values, got 2, at 2, 4"),
        (with_index([1, 2, 3], [1.0, np.inf, 2.0]), "must be finite, got infinite value.s. at 2"),
        (with_index([1, 2, 3, 4], [2.0, 2.0, 2.0, 2.0]), "series 's' must vary, got 2.0 in every one of 4"),
        (with_index([1, 2, 3, 4], list("abcd")), "series 's' must hold numbers"),
        ([], "series 'y' is empty"),
        (np.ones((3, 2)), "a series must have shape .T,., got .3, 2.: give several as a dictionary or a DataFrame"),
        ({}, "at least one series, got none"),
        (pd.DataFrame({"unique_id": ["a"], "ds": [1]}), r"columns unique_id, ds, y, got none called \['y'\]"),
        ({"a": VALUES, "short": VALUES[:3]}, "series 'short' is too short: lags up to 2 leave 1 of its 3 value"),
        ({"a": SERIES, "b": with_index(day(1, 2, 3, 4))}, "one frequency, got .* for 'a' and 'D' for 'b'"),
        ({"a": with_index([1, 2, 3]), "b": with_index([1, 3, 5])}, "one frequency, got '1' for 'a' and '2' for 'b'"),
    ],
)
def test_bad_series_are_refused(series, message):
    with pytest.raises(ValueError, match=message):
        lagged(series, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lags": 30}, "series 'sales' is too short: lags up to 30 leave 0 of its 30"),
        (
            {"lags": 16, "transform": ("difference", "seasonal_difference")},
            "and differences of 1, 12 leave 1 of its 30",
        ),
        ({"lags": 0}, "lags must be a whole number of at least 1, got 0"),
        ({"lags": [1, -2]}, "each of the lags must be a whole number of at least 1, got -2"),
        ({"lags": [1, 1.5]}, "each of the lags must be a whole number of at least 1, got 1.5"),
        ({"lags": [2, 1, 2]}, r"lags must differ, got \[2, 1, 2\]"),
        ({"lags": []}, r"lags must be a whole number, or whole numbers such as \[1, 2, 12\], got \[\]"),
        ({"lags": True}, "lags must be a whole number, or whole numbers"),
        ({"transform": "cube"}, "unknown transform 'cube'"),
        ({"transform": "seasonal_difference", "seasonal": 1}, "needs a period of at least 2"),
        ({"seasonal": 0}, "seasonal must be a whole number of at least 1"),
        ({"missing": "drop"}, "unknown missing 'drop'"),
        ({"exogenous_lags": {"price": [1]}}, "exogenous_lags needs exogenous, got lags of .'price'. without it"),
        ({"exogenous": TABLE.drop(MONTHS[[7, 9]])}, "column 'price' must have a finite value .* 2020-08, 2020-10"),
        ({"exogenous": TABLE.drop(MONTHS[7]).reindex(MONTHS)}, "finite value at every date used .* 2020-08"),
        ({"exogenous": TABLE, "exogenous_lags": {"wind": [1]}}, "unknown exogenous column 'wind'"),
        ({"exogenous": TABLE, "exogenous_lags": {"rain": [-1]}}, "each lag of exogenous column 'rain' must be a whole"),
        ({"exogenous": TABLE, "exogenous_lags": {"rain": [1, 1]}}, "'rain' must be different whole numbers"),
        (
            {"exogenous": TABLE.set_axis(range(30))},
            "indexed by dates like those of series 'sales', period.M., got whole",
        ),
        ({"exogenous": TABLE.assign(price="high")}, "exogenous must hold numbers: .* code categories as indicators"),
        ({"exogenous": TABLE.to_numpy()}, "must be a pandas.DataFrame by date, got ndarray"),
        ({"exogenous": pd.concat([TABLE, TABLE[:1]])}, "one row per date for series 'sales', got several for 2020-01"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        lagged(SERIES, **({"lags": 2} | settings))


@pytest.mark.parametrize(("transform", "bad"), [("log", 0.0), ("log10", -1.0), ("sqrt", -1.0)])
def test_values_a_curve_cannot_take_are_named(transform, bad):
    series = SERIES.copy()
    series.iloc[4] = bad
    with pytest.raises(ValueError, match=f"above zero|at least zero for the transform '{transform}', got 1 .*2020-05"):
        lagged(series, 2, transform=transform)


@pytest.mark.parametrize(
    ("model", "x", "y", "settings", "message"),
    [
        (bnn.shallow(2), lagged(SERIES, 2), VALUES, {}, "y must not be given with lagged data"),
        (bnn.shallow(2), VALUES[:, None], None, {}, "y must be given with a table x: only fit"),
        (bnn.shallow(2), lagged(SERIES, 2), None, {"offset": 0.0}, "offset must not be given with lagged data"),
        (bnn.shallow(2, likelihood=bnn.Bernoulli()), lagged(SERIES, 2), None, {}, "likelihood of numbers, got Bern"),
        (
            bnn.shallow(2, likelihood=bnn.Poisson()),
            lagged(SERIES, 2, transform="log"),
            None,
            {},
            "with the transform .'log',. needs a likelihood of continuous numbers, got Poisson",
        ),
    ],
)
def test_fits_that_cannot_be(model, x, y, settings, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(model, x, y, **settings)


def test_series_of_a_panel_have_the_same_exogenous_columns():
    """The columns are those of the first table: others would be left out without a word."""
    panel, price = {"a": SERIES, "b": SERIES}, TABLE[["price"]]
    for other in (TABLE, TABLE[["rain"]]):
        with pytest.raises(ValueError, match=r"same columns for every series, got .*'rain'\] for 'b' and \['price'\]"):
            lagged(panel, 1, exogenous={"a": price, "b": other})
    names = {("a", 1): SERIES, ("a", 2): SERIES}  # which series bear as text
    assert lagged(names, 1, exogenous=dict.fromkeys(names, price)).x.shape[1] == 2
