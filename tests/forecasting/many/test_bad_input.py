"""What users bring: odd ids, dates, values and sizes. A clear error or the documented fall-back, never a wrong id."""

import datetime

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn

FEW = {"draws": 100, "progress": False}
MONTHS = pd.date_range("2019-01-01", periods=30, freq="MS")
RNG = np.random.default_rng(0)
WALK = 50 + RNG.normal(size=30).cumsum()


def long_of(levels, index=MONTHS):
    """A long table whose series differ by their levels, so that forecasts tell whose they are."""
    parts = [pd.DataFrame({"unique_id": name, "ds": index, "y": WALK + level}) for name, level in levels.items()]
    return pd.concat(parts, ignore_index=True)


LEVELS = {"b": 1000.0, "a": 0.0, "c": -500.0}
TABLE = long_of(LEVELS)


@pytest.fixture(scope="module")
def plain():
    return bnn.auto_forecast(TABLE, 3, **FEW)


def belongs(paths, levels=LEVELS):
    """Whether the median of each series lies near its own level."""
    medians = paths.median(("chain", "draw"))
    return all(abs(float(medians.sel(unique_id=n)[0]) - WALK[-1] - level) < 50 for n, level in levels.items())


def test_every_form_gives_the_same_paths_under_the_same_names(plain):
    """Long and wide tables, dictionaries, rows and columns in other orders; other packages' tables."""
    by_name = {name: pd.Series(WALK + level, MONTHS) for name, level in LEVELS.items()}
    forms = {
        "shuffled": TABLE.sample(frac=1, random_state=1),
        "other columns": TABLE.assign(extra="x")[["y", "extra", "ds", "unique_id"]],
        "odd index": TABLE.set_axis(np.arange(len(TABLE))[::-1]),
        "ids in the index": TABLE.set_index("unique_id"),
        "wide": pd.DataFrame(by_name),
        "wide, turned": pd.DataFrame(by_name).iloc[::-1, ::-1],
        "dictionary": by_name,
        "dictionary, turned": {name: by_name[name][::-1] for name in reversed(by_name)},
    }
    assert belongs(plain)
    for form in forms.values():
        paths = bnn.auto_forecast(form, 3, **FEW).sel(unique_id=list(LEVELS))
        np.testing.assert_allclose(paths, plain, rtol=1e-6)
        assert paths["time"].to_index().equals(plain["time"].to_index())


@pytest.mark.parametrize("kind", ["string", "category", "string[pyarrow]"])
def test_ids_of_any_type_of_text(plain, kind):
    if "pyarrow" in kind:
        pytest.importorskip("pyarrow")
    paths = bnn.auto_forecast(TABLE.astype({"unique_id": kind}), 3, **FEW)
    np.testing.assert_array_equal(paths, plain)
    assert bnn.to_frame(paths)["unique_id"].tolist() == np.repeat(list(LEVELS), 3).tolist()


def test_categories_without_rows_are_no_series(plain):
    ids = pd.Categorical(TABLE["unique_id"], categories=["c", "z", "a", "b"])
    np.testing.assert_array_equal(bnn.auto_forecast(TABLE.assign(unique_id=ids), 3, **FEW), plain)


def test_tables_of_polars_and_arrow(plain):
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    for form in (polars.from_pandas(TABLE), polars.from_pandas(TABLE).to_arrow()):
        np.testing.assert_allclose(bnn.auto_forecast(form, 3, **FEW), plain, rtol=1e-6)
    one = bnn.auto_forecast(polars.Series("a", WALK), 3, **FEW)
    assert one["unique_id"] == "a" and one["time"].values.tolist() == [30, 31, 32]


def test_dates_with_a_time_zone_go_on_in_it():
    zoned = TABLE.assign(ds=TABLE["ds"].dt.tz_localize("Europe/Madrid"))
    last = bnn.to_frame(bnn.auto_forecast(zoned, 3, **FEW))["ds"].iloc[-1]
    assert last == pd.Timestamp("2021-09-01", tz="Europe/Madrid") and str(last.tz) == "Europe/Madrid"


def test_whole_numbers_as_dates():
    years = long_of(LEVELS, np.arange(1990, 2020))
    paths = bnn.auto_forecast(years.sample(frac=1, random_state=0), 2, **FEW)
    assert paths["time"].values.tolist() == [2020, 2021] and belongs(paths)
    gap = bnn.auto_forecast(years[~years["ds"].isin([1995, 2004])], 2, **FEW)
    assert gap["time"].values.tolist() == [2020, 2021] and gap.failures.empty and belongs(gap)


@pytest.mark.parametrize("freq", ["MS", "ME", "QS", "W", "D", "h", "B"])
def test_dates_missing_in_the_middle_are_missing_values(freq):
    index = pd.date_range("2020-01-06", periods=60, freq=freq)
    values = pd.Series(50 + np.random.default_rng(1).normal(size=60).cumsum(), index, name="a")
    gaps = values.drop(index[[20, 33, 34]])
    paths = bnn.auto_forecast(gaps, 2, seasonal=1, **FEW)
    marked = bnn.auto_forecast(gaps.reindex(index), 2, seasonal=1, **FEW)
    assert paths["time"].to_index().equals(marked["time"].to_index())
    np.testing.assert_allclose(paths, marked, rtol=1e-6)


def test_business_days_with_holidays_are_not_days_without_weekends():
    index = pd.bdate_range("2021-01-04", periods=80).delete([10, 41, 60])
    paths = bnn.auto_forecast(pd.Series(np.arange(77.0) + np.sin(np.arange(77.0)), index), 3, **FEW)
    assert paths["time"].to_index().equals(pd.bdate_range(index[-1], periods=4)[1:])


@pytest.mark.parametrize(
    ("series", "horizon", "message"),
    [
        (pd.DataFrame(np.c_[WALK, WALK], columns=["a", "a"]), 2, "must have different names, got 'a'"),
        (TABLE.assign(unique_id=[1] * 30 + ["1"] * 60), 2, "must have different names, got 1 and '1'"),
        (TABLE.assign(unique_id=[None, *TABLE["unique_id"][1:]]), 2, "every series must have a name"),
        (TABLE.drop(columns="ds"), 2, "must have the columns unique_id, ds, y"),
        (TABLE.assign(ds=TABLE["ds"].astype(str)), 2, "must hold dates, periods or whole numbers"),
        (TABLE.iloc[:0], 2, "at least one series"),
        (np.c_[WALK, WALK], 2, "give several as a dictionary or a DataFrame"),
        ({"a": WALK}, 10**9, "GB of memory: ask for fewer draws"),
        ({"a": np.full(4, np.nan)}, 2, "'a': series 'a' has no observed value"),
        ({"a": ["x", "y", "z"]}, 2, "must hold numbers"),
        ({"a": WALK * 1e80}, 2, "use other units"),
        ({"a": [1.0, np.inf, 2.0]}, 2, r"infinite value\(s\) at 1"),
        ({"a": WALK}, 0, "horizon must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_forecast_is_refused_with_a_reason(series, horizon, message):
    with pytest.raises(ValueError, match=message):
        bnn.auto_forecast(series, horizon, **FEW)


def test_what_fails_in_a_panel_leaves_the_others_alone(plain):
    """Infinite values, dates that come twice or are unknown, nothing observed: rows of the failures."""
    odd = {"infinite": {5: np.inf}, "twice": {}, "unknown": {}, "empty": dict.fromkeys(range(30), np.nan)}
    parts = [TABLE]
    for name, changes in odd.items():
        part = pd.DataFrame(
            {"unique_id": name, "ds": MONTHS, "y": pd.Series(WALK).mask(pd.Series(range(30)).isin(changes))}
        )
        part.loc[list(changes), "y"] = list(changes.values())
        parts.append(part)
    parts[2].loc[3, "ds"] = MONTHS[2]
    parts[3].loc[3, "ds"] = pd.NaT
    paths = bnn.auto_forecast(pd.concat(parts), 3, **FEW)
    np.testing.assert_allclose(paths, plain, rtol=1e-6)
    assert set(paths.failures["unique_id"]) == set(odd) and (paths.failures["fallback"] == "none").all()


def test_values_that_curves_do_not_suit():
    """Below zero, zeros with a season, seldom above zero, one season or less, hardly any observed: finite paths."""
    season = 10 + 8 * np.cos(np.pi * np.arange(40) / 2)
    bad = {
        "below": WALK - 100,
        "zeros": np.where(season < 3, 0.0, season) + RNG.integers(0, 2, 40),
        "seldom": (RNG.random(40) < 0.15) * RNG.integers(1, 6, 40),
        "short": WALK[:5],
        "season and a bit": WALK[:6],
        "seen seldom": np.where(np.arange(30) % 7 == 0, WALK, np.nan),
        "jump": np.r_[np.full(20, 2.0), np.full(20, 3.0)],
        "line": np.arange(30.0),
        "tiny": 1e-60 * WALK,
        "large": 1e70 * WALK,
    }
    paths = bnn.auto_forecast(bad, 6, seasonal=4, **FEW)
    assert paths.failures.empty and np.isfinite(paths.to_numpy()).all()
    median = paths.median(("chain", "draw"))
    for name, values in bad.items():
        near = np.nanmax(np.abs(values)) * 2
        assert float(abs(median.sel(unique_id=name)).max()) < near, name
    np.testing.assert_allclose(median.sel(unique_id="line"), np.arange(30.0, 36), rtol=0.1)


def test_objects_of_datetime_are_dates_or_refused():
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(days=i) for i in range(30)]
    try:
        paths = bnn.auto_forecast(pd.Series(WALK, days), 1, **FEW)
    except ValueError as error:
        assert "must hold dates" in str(error)
    else:
        assert paths["time"].to_index()[0] == pd.Timestamp("2020-01-31")
