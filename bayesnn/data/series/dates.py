"""The time axis of a series: its step, whether it is regular, its next dates, and the steps per season."""

from __future__ import annotations

import datetime
import warnings
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.data.series.steps import ClockStep, MonthStep, calendar_dates, find_step

GAP = 1.6  # a gap is longer than this many median distances; the lengths of months differ by less
SEASONS = {"M": 12, "Q": 4}
CYCLES = {"W": 52, "D": 7, "B": 5}  # the usual number of steps per cycle of weeks, days and business days
DAY = 24 * 3600


def step_of(name: str, index: Any) -> Any:
    """Step from one date to the next of a sorted, regular index: a frequency of pandas or of `steps`, a whole number.

    index is a PeriodIndex, a DatetimeIndex or an index of whole numbers.
    """
    import pandas as pd

    _check_order(name, index)
    if isinstance(index, pd.PeriodIndex):
        step = index.freq
    elif isinstance(index, pd.DatetimeIndex):
        found = index.freq or _inferred(index)
        own = find_step(index) if found is None and len(index) > 2 else None
        if found is None and own is None:
            _refuse_gaps(name, index)
        step = own or pd.tseries.frequencies.to_offset(found)
    else:
        step = int(np.min(np.diff(index))) if len(index) > 1 else 1
    check_step(name, index, step)
    return step


def plain_index(index: Any) -> Any:
    """Dates and whole numbers as pandas' own index of them: those of PyArrow, nullable numbers, objects of `datetime`.

    Anything else stays as it is, to be refused.

    Examples
    --------
    >>> import datetime, pandas as pd
    >>> plain_index(pd.Index([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)])).dtype.kind
    'M'
    """
    import pandas as pd

    kind = index.dtype.kind
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex, pd.RangeIndex, pd.MultiIndex)) or index.hasnans:
        return index
    if kind in "iu":
        native = isinstance(index.dtype, np.dtype) and index.dtype.isnative
        return index if native else pd.Index(index.to_numpy("int64"))
    if kind == "M" or (kind == "O" and all(isinstance(value, datetime.date) for value in index)):
        zones = {None if value.tzinfo is None else str(value.tzinfo) for value in index if hasattr(value, "tzinfo")}
        if len(zones) > 1:
            raise ValueError(
                f"dates must have one time zone, got {', '.join(sorted(map(str, zones)))}: convert the index with "
                "pd.to_datetime(index, utc=True)"
            )
        return pd.DatetimeIndex(list(index))
    return index


def check_step(name: str, index: Any, step: Any) -> None:
    """Refuse an index that does not have this step throughout, naming dates that are missing or out of place."""
    _check_order(name, index)
    expected = date_range(index[0], step, len(index), index)
    if index.equals(expected):
        return
    longer = expected
    while longer[-1] < index[-1]:
        longer = date_range(index[0], step, 2 * len(longer), index)
    missing, odd = list(longer[longer < index[-1]].difference(index)), list(index.difference(longer))
    what = f"no {checks.some(missing)}" if missing else f"{checks.some(odd)}"
    raise ValueError(
        f"the dates of {name} must be evenly spaced, one every {step_name(step)}, got {what}: give every date a value, "
        "NaN where it was not observed, as series.asfreq(...) or series.reindex(...) do"
    )


def step_name(step: Any) -> str:
    """The name of a step: that of its frequency, or the number."""
    return str(getattr(step, "freqstr", step))


def date_range(start: Any, step: Any, count: int, like: Any) -> Any:
    """`count` dates from `start` on, as an index of the same type, name and time zone as `like`."""
    import pandas as pd

    if isinstance(step, (MonthStep, ClockStep)):
        return calendar_dates(step, start, count, like)
    if isinstance(like, pd.PeriodIndex):
        return pd.period_range(start, periods=count, freq=step, name=like.name)
    if isinstance(like, pd.DatetimeIndex):
        return pd.date_range(start, periods=count, freq=step, name=like.name, unit=like.unit)
    return pd.Index(int(start) + int(step) * np.arange(count), name=like.name)


def next_dates(index: Any, step: Any, count: int) -> Any:
    """The next `count` dates after the end of an index."""
    try:
        return date_range(index[-1], step, count + 1, index)[1:]
    except (ValueError, OverflowError, MemoryError) as error:  # of pandas, each for its own reason
        raise ValueError(
            f"{count} steps of {step_name(step)} after {index[-1]} cannot be dates ({error}): ask for a shorter horizon"
        ) from None


def seasonal_period(step: Any) -> int:
    """Steps per year for monthly and quarterly series, else 1."""
    if isinstance(step, (MonthStep, ClockStep)):
        return step.steps_per_year
    letter = step_name(step).lstrip("0123456789").removeprefix("B")[:1]  # business months and quarters too
    year, every = SEASONS.get(letter, 1), int(getattr(step, "n", 1))
    return year // every if year % every == 0 else 1


def usual_period(step: Any) -> int:
    """Steps of the season that a series of this step most often has, 1 if there is none.

    Months have 12, quarters 4, weeks 52, days 7, business days 5; hours and parts of an hour from a quarter on a day
    (24, 48, 96), shorter ones an hour (minutes: 60), seconds a minute.

    Examples
    --------
    >>> import pandas as pd
    >>> [usual_period(pd.tseries.frequencies.to_offset(name)) for name in ("h", "30min", "min", "D", "W")]
    [24, 48, 60, 7, 52]
    """
    import pandas as pd

    period = seasonal_period(step)
    if period > 1 or isinstance(step, (MonthStep, int)):
        return period
    offset = pd.tseries.frequencies.to_offset(step.frequency) if isinstance(step, ClockStep) else step
    every = int(getattr(offset, "n", 1))
    letter = step_name(offset).lstrip("0123456789")[:1]
    if letter in CYCLES:
        return CYCLES[letter] // every if CYCLES[letter] % every == 0 else 1
    if not isinstance(offset, pd.tseries.offsets.Tick):
        return 1
    seconds = offset.nanos / 1e9
    cycle = next((c for least, c in ((900, DAY), (60, 3600), (1, 60)) if seconds >= least), 1)
    return int(cycle / seconds) if cycle % seconds == 0 and cycle > seconds else 1


def labels(index: Any) -> np.ndarray:
    """Dates as values that any file format can hold: numbers, datetime64, or text for periods and time zones."""
    values = np.asarray(index)
    return values if values.dtype.kind in "iuM" else np.array([str(value) for value in index])


def _check_order(name: str, index: Any) -> None:
    import pandas as pd

    if index.hasnans:
        raise ValueError(f"the dates of {name} must be known, got {int(index.isna().sum())} missing")
    if not isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)) and index.dtype.kind not in "iu":
        raise ValueError(
            f"the index of {name} must hold dates, periods or whole numbers, got {index.dtype}: convert it, for "
            "example with pd.to_datetime(index) or pd.PeriodIndex(index, freq='M'), or drop it with series.to_numpy()"
        )
    if not index.is_unique:
        twice = checks.some(list(index[index.duplicated()].unique()))
        raise ValueError(f"the dates of {name} must differ, got more than one value for {twice}: drop or average them")
    if not index.is_monotonic_increasing:
        raise ValueError(f"the dates of {name} must increase, got them out of order: use series.sort_index()")


def _inferred(index: Any) -> Any:
    import pandas as pd

    if len(index) < 3:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas will return an offset in place of its name; both will do
        return pd.infer_freq(index)


def _refuse_gaps(name: str, index: Any) -> None:
    """Raise the error that says where a DatetimeIndex without a frequency is irregular."""
    if len(index) < 3:
        raise ValueError(
            f"the frequency of {name} cannot be inferred from {len(index)} date(s): set it, such as index.freq = 'D'"
        )
    distance = np.diff(index.asi8)
    usual = np.median(distance)
    after = index[:-1][(distance > GAP * usual) | (distance * GAP < usual)]
    if not len(after):
        after = index[:-1][distance != usual]
    raise ValueError(
        f"the dates of {name} must be evenly spaced, got irregular steps after {checks.some(list(after))}: give every "
        "date a value, NaN where it was not observed, as series.asfreq(...) does, drop the dates with "
        "series.to_numpy(), or say which months they stand for with series.to_period('M')"
    )
