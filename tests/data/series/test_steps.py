"""Dates once a month, quarter or year, and by the clock across a change of it: found, checked and continued."""

import numpy as np
import pandas as pd
import pytest

from bayesnn.data.series import dates
from bayesnn.data.series.lagged import lagged
from bayesnn.data.series.steps import ClockStep, MonthStep, find_step
from bayesnn.fitting.store import codec

MONTHS = pd.period_range("2019-01", "2021-05", freq="M")


def on_day(day, hour=0, months=MONTHS, zone=None):
    days = np.minimum(day, months.days_in_month)
    index = pd.DatetimeIndex([f"{m}-{d:02d} {hour:02d}:00" for m, d in zip(months.astype(str), days, strict=True)])
    return index if zone is None else index.tz_localize(zone)


def middle(months=MONTHS, floor=False):
    half = pd.DatetimeIndex(months.to_timestamp()) + pd.to_timedelta(np.asarray(months.days_in_month) * 12, "h")
    return half.normalize() + pd.Timedelta(12, "h") if floor else half


MONTHLY = {
    "15th": on_day(15),
    "30th, 28 or 29 February": on_day(30),
    "29th": on_day(29),
    "15th at noon": on_day(15, 12),
    "15th at noon in Berlin": on_day(15, 12, zone="Europe/Berlin"),
    "exact middle": middle(),
    "noon of the middle day": middle(floor=True),
    "quarters on the 15th": on_day(15, months=MONTHS[1::3]),
    "quarters on the 30th": on_day(30, months=MONTHS[1::3]),
    "half years on the 5th": on_day(5, months=MONTHS[::6]),
    "15 July": on_day(15, months=pd.period_range("2000-07", periods=9, freq="12M")),
    "29 February": on_day(29, months=pd.period_range("2000-02", periods=9, freq="12M")),
    "every second year": on_day(15, months=pd.period_range("2000-07", periods=9, freq="24M")),
}
SEASONS = {"quarters on the 15th": 4, "quarters on the 30th": 4, "half years on the 5th": 2}
YEARS = ("15 July", "29 February", "every second year")


@pytest.mark.parametrize("unit", ["ns", "s"])
@pytest.mark.parametrize("name", MONTHLY)
def test_one_date_a_month_a_quarter_or_a_year(name, unit):
    whole = MONTHLY[name].as_unit(unit)
    seen, later = whole[:-2], whole[-2:]
    assert seen.freq is None
    step = dates.step_of("series", seen)
    following = dates.next_dates(seen, step, 2)
    assert list(following) == list(later)
    assert following.unit == unit
    assert dates.seasonal_period(step) == (1 if name in YEARS else SEASONS.get(name, 12))
    if len(seen) > 8:
        with pytest.raises(ValueError, match="evenly spaced"):
            dates.step_of("series", seen.delete(4))
        dates.check_step("history", seen[3:], step)


def test_a_series_on_the_30th_is_a_table_of_lags_and_is_kept():
    index = on_day(30)
    data = lagged(pd.Series(np.sin(np.arange(len(index)) ** 1.5), index=index), lags=2)
    assert data.period == 12
    assert data.step == MonthStep(1, 30)
    arrays: dict = {}
    kept = codec.decode(codec.encode(data, arrays, "data"), arrays)
    assert kept.step == data.step
    assert list(kept.x.index) == list(data.x.index)


@pytest.mark.parametrize("start", ["2021-03-26", "2021-10-29"])
@pytest.mark.parametrize("hours", [6, 12])
def test_hours_by_the_clock_across_a_change_of_it(start, hours):
    local = pd.date_range(start, periods=16, freq=f"{hours}h")
    whole = pd.DatetimeIndex(local).tz_localize("Europe/Berlin")
    step = dates.step_of("series", whole[:12])
    following = dates.next_dates(whole[:12], step, 4)
    assert list(following) == list(whole[12:])


def test_hours_that_are_even_in_world_time_stay_so():
    whole = pd.DatetimeIndex(list(pd.date_range("2021-03-26", periods=16, freq="6h", tz="Europe/Berlin")))
    step = dates.step_of("series", whole[:12])
    assert not isinstance(step, ClockStep)
    assert list(dates.next_dates(whole[:12], step, 4)) == list(whole[12:])


def test_a_time_that_the_clock_leaves_out_is_moved_on():
    whole = pd.DatetimeIndex(["2021-03-26 02:30", "2021-03-27 02:30", "2021-03-28 03:00", "2021-03-29 02:30"])
    whole = whole.tz_localize("Europe/Berlin")
    assert find_step(whole) is None  # 03:00 for 02:30 is irregular
    known = whole[[0, 1]].append(pd.DatetimeIndex(["2021-03-28 12:30"]).tz_localize("Europe/Berlin"))
    assert find_step(known) is None
    step = ClockStep("24h")
    assert dates.date_range(whole[0], step, 4, whole).hour.tolist() == [2, 2, 3, 2]


def test_dates_at_any_day_of_the_month_are_irregular():
    index = pd.DatetimeIndex(["2020-01-03", "2020-02-08", "2020-03-05", "2020-04-09", "2020-05-02"])
    with pytest.raises(ValueError, match=r"irregular steps .* which months they stand for with series.to_period"):
        dates.step_of("series", index)


@pytest.mark.parametrize("bad", [{"months": 0, "place": 3}, {"months": 1, "place": 0}, {"months": 1, "place": "end"}])
def test_steps_that_cannot_be(bad):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        MonthStep(**bad)
