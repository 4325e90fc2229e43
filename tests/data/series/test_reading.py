"""Series and panels in every form: names keep their type, and what is no series is refused in words."""

import datetime

import numpy as np
import pandas as pd
import pytest

from bayesnn.data.series.lagged import lagged
from bayesnn.data.series.reading import read_series
from bayesnn.data.series.suggest import suggest

A, B = np.sin(np.arange(12.0)), np.cos(np.arange(12.0)) + 3.0


def wide(one, other):
    return pd.DataFrame(np.stack([A, B], axis=1), columns=pd.Index([one, other], dtype=object))


def long(one, other):
    ids = pd.Series([one] * 12 + [other] * 12, dtype=object)
    return pd.DataFrame({"unique_id": ids, "ds": list(range(12)) * 2, "y": np.r_[A, B]})


FORMS = {"wide": wide, "long": long, "dictionary": lambda one, other: {one: A, other: B}}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [(1, 2), ("1", "2"), (1.5, 2), (1, "b"), (True, False)])
def test_names_of_a_panel_keep_their_types(form, names):
    found, panel = read_series(FORMS[form](*names))
    assert panel
    assert list(map(type, found)) == list(map(type, names))
    assert list(found) == list(names)
    np.testing.assert_array_equal(found[names[1]], B)
    x = lagged(FORMS[form](*names), lags=1).x
    assert list(x.index.get_level_values(0).unique()) == list(names)


def test_numbers_of_numpy_become_plain_ones():
    assert [type(name) for name in read_series({np.int64(1): A, np.float64(2.5): B})[0]] == [int, float]
    assert [type(name) for name in read_series(long(1, 2).astype({"unique_id": np.int32}))[0]] == [int, int]


@pytest.mark.parametrize("form", ["wide", "long", "dictionary"])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((1, "1"), "series must have different names, got 1 and '1': rename one"),
        ((1.0, 1), "series must have different names, got 1.0 and 1: rename one"),
        ((True, 1), "series must have different names, got True and 1"),
        (("a", None), "every series must have a name, got the missing one"),
        (("a", np.nan), "every series must have a name, got the missing one nan"),
        ((pd.NaT, "a"), "every series must have a name, got the missing one NaT"),
    ],
)
def test_names_that_clash_or_are_missing(form, names, message):
    if form == "dictionary" and names[0] == names[1]:
        pytest.skip("a dictionary cannot hold both")
    with pytest.raises(ValueError, match=message):
        lagged(FORMS[form](*names), lags=1)


def test_exogenous_tables_are_found_by_names_of_any_type():
    tables = {1: pd.DataFrame({"z": -A}), 2: pd.DataFrame({"z": -B})}
    data = lagged({1: A, 2: B}, lags=1, exogenous=tables)
    np.testing.assert_array_equal(data.x["z"], -np.r_[A[1:], B[1:]])
    stacked = pd.concat(tables, names=["unique_id", "ds"]).reset_index()
    pd.testing.assert_frame_equal(lagged(long(1, 2), lags=1, exogenous=stacked).x, data.x)
    with pytest.raises(ValueError, match="got none for 1, but for '1', of another type"):
        lagged({1: A, 2: B}, lags=1, exogenous={"1": tables[1], "2": tables[2]})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (A.astype(str), "exogenous must hold numbers: column 'z' .* numbers as text .*code categories"),
        (pd.date_range("2020", periods=12), "exogenous must hold numbers: column 'z' .* got dates or durations"),
        (A * 1e200, r"exogenous must hold numbers: column 'z' .* at most 1e\+75"),
    ],
)
def test_exogenous_inputs_that_are_no_numbers(column, message):
    with pytest.raises(ValueError, match=message):
        lagged(A, lags=1, exogenous=pd.DataFrame({"z": column}))


def test_a_series_of_several_levels_is_told_what_form_a_panel_has():
    levels = pd.MultiIndex.from_product([["a", "b"], range(12)])
    series = pd.Series(np.r_[A, B], index=levels)
    for given in (series, {"one": series}, series.to_frame(), series.unstack(0).T.unstack()):
        with pytest.raises(ValueError, match=r"as series.unstack\(0\) makes it, or as a long table with the columns"):
            lagged(given, lags=1)
    assert list(read_series(series.unstack(0))[0]) == ["a", "b"]
    table = series.rename("y").rename_axis(["unique_id", "ds"]).reset_index()
    assert list(read_series(table)[0]) == ["a", "b"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (A.astype(str), "series 'y' must hold numbers, got <U32, numbers as text"),
        (np.arange(12).astype("M8[D]"), "series 'y' must hold numbers, got dates or durations"),
        (np.arange(12).astype("m8[D]"), "series 'y' must hold numbers, got dates or durations"),
        (pd.Series(pd.date_range("2020", periods=12, tz="UTC")), "must hold numbers, got dates or durations"),
        (np.ma.masked_array(A, mask=np.arange(12) == 3), "must have no missing values, got 1, at 3"),
        ([*A[:3], None, *A[4:]], "must have no missing values, got 1, at 3"),
        (pd.Series(A, dtype="Float64").where(np.arange(12) != 3), "must have no missing values, got 1, at 3"),
        (A * 1e200, r"must hold numbers of at most 1e\+75 in size"),
        (np.tile([0.3, 0.1 + 0.2], 6), "series 'y' must vary"),
    ],
)
def test_values_that_are_no_series_of_numbers(values, message):
    with pytest.raises(ValueError, match=message):
        lagged(values, lags=1)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_standardizing_cannot_overflow(size):
    with pytest.raises(ValueError, match=r"at most 1e\+75 in size|must vary by at least 1e-75"):
        lagged(A * size, lags=1, transform="standardize")


def test_differences_that_are_constant_but_for_rounding():
    line = 0.1 * np.arange(30.0)
    with pytest.raises(ValueError, match="series 'y' must vary once it is differenced, got 0.1 everywhere but for"):
        lagged(line, lags=1, transform="difference")
    lagged(line + 1e-9 * A[np.arange(30) % 12], lags=1, transform="difference")


def test_gaps_leave_a_choice_of_lags_and_transform():
    index = pd.period_range("2000-01", periods=60, freq="M")
    series = pd.Series(np.exp(np.sin(np.arange(60.0))) + 0.1 * np.cos(7 * np.arange(60.0)) + 1.0, index=index)
    gaps = series.copy()
    gaps.iloc[[20, 21]] = np.nan
    data = lagged(gaps, lags="auto", missing="latent")
    assert data.lags == (*range(1, 10), 12)  # of 58 values, a sixth and the season's own
    assert suggest(series).lags == (*range(1, 11), 12)
    assert int(data.y.isna().sum()) == 2
    chosen = lagged(gaps, lags="auto", transform="auto", missing="latent")
    assert not chosen.transform.differences
    with pytest.raises(ValueError, match="must be finite"):
        lagged(gaps, lags="auto")


DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(12)]


@pytest.mark.parametrize(
    ("index", "plain"),
    [
        (pd.Index(range(12), dtype="Int64"), pd.RangeIndex(12)),
        (pd.Index(np.arange(12, dtype=">i4")), pd.RangeIndex(12)),
        (pd.Index(pd.arrays.SparseArray(np.arange(12))), pd.RangeIndex(12)),
        (pd.Index(DAYS), pd.date_range("2020-01-01", periods=12)),
        (pd.CategoricalIndex(pd.to_datetime(DAYS)), pd.date_range("2020-01-01", periods=12)),
    ],
)
def test_dates_of_every_type_are_dates(index, plain):
    series = pd.Series(A, index=index)
    expected = lagged(pd.Series(A, index=plain), lags=2, exogenous=pd.DataFrame({"e": B}, index=plain))
    found = lagged(series, lags=2, exogenous=pd.DataFrame({"e": B}, index=index))
    assert found.step == expected.step
    assert found.x.index.tolist() == expected.x.index.tolist()
    np.testing.assert_array_equal(found.x, expected.x)


@pytest.mark.parametrize("index", [list("zyxwvutsrqpo"), A, [True] * 12, [f"{day}" for day in reversed(DAYS)]])
def test_an_index_of_no_dates_is_refused_for_what_it_holds(index):
    with pytest.raises(ValueError, match="the index of series 'y' must hold dates, periods or whole numbers"):
        lagged(pd.Series(A, index=index), lags=1)


@pytest.mark.parametrize("name", [[1], {"a": 1}])
def test_names_that_are_no_labels(name):
    frame = long(1, 2).assign(unique_id=[name] * 24)
    with pytest.raises(ValueError, match="names of series must be text, numbers or the like, got"):
        read_series(frame)


def test_rounding_of_single_precision_is_no_variation():
    single = np.full(12, 0.3, np.float32)
    single[::2] = np.nextafter(single[0], np.float32(1.0))
    with pytest.raises(ValueError, match="series 'y' must vary, got 0.3"):
        lagged(single, lags=1)
    found = lagged(A, lags=1, exogenous=pd.DataFrame({"e": single}))
    assert found.x["e"].nunique() == 1
