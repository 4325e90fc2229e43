"""Steps from date to date that pandas has no frequency for: one date a month, quarter or year; hours by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnn._internal import checks

MIDDLES = ("middle", "middle day", "middle day, early")  # the exact middle of a month, or the day on which it falls


@dataclass(frozen=True)
class MonthStep:
    """A step of `months` months, to the same place in the month and the same time of the day.

    Parameters
    ----------
    months : int
    place : int or str
        The day of the month, its last day where the month is shorter (the 30th: 28 or 29 February); or "middle", half
        of the month after its beginning; or "middle day" (16, 15 in February) and "middle day, early" (16 of 31 days,
        15 of 30, 14 of 28), the day of it.
    """

    months: int
    place: int | str

    def __post_init__(self) -> None:
        checks.positive_integer("months", self.months)
        if self.place not in MIDDLES:
            checks.positive_integer("place", self.place)

    @property
    def freqstr(self) -> str:
        """Months, and the place in the month."""
        every = "month" if self.months == 1 else f"{self.months} months"
        return f"{every} on day {self.place}" if isinstance(self.place, int) else f"{every} in the {self.place}"

    @property
    def steps_per_year(self) -> int:
        """12 for months, 4 for quarters; 1 where a year has no whole number of steps."""
        return 12 // self.months if 12 % self.months == 0 else 1

    def dates(self, start: Any, count: int) -> Any:
        """`count` dates (naive), from `start` on."""
        import pandas as pd

        first = start.year * 12 + start.month - 1
        number = first + self.months * np.arange(count)
        begins = (number - 1970 * 12).astype("M8[M]").astype("M8[ns]")
        days = ((number - 1970 * 12 + 1).astype("M8[M]").astype("M8[D]") - begins.astype("M8[D]")).astype(int)
        hour = start - start.normalize()
        if self.place == "middle":
            return pd.DatetimeIndex(begins + days * np.timedelta64(12, "h"))
        if isinstance(self.place, int):
            day = np.minimum(self.place, days)
        else:
            day = 1 + days // 2 if self.place == "middle day" else (days + 1) // 2
        return pd.DatetimeIndex(begins + (day - 1) * np.timedelta64(1, "D")) + hour


@dataclass(frozen=True)
class ClockStep:
    """Dates evenly spaced by the clock on the wall, which stands still or jumps where daylight saving begins and ends.

    Parameters
    ----------
    frequency : str
        Of pandas, such as "6h".
    """

    frequency: str

    def __post_init__(self) -> None:
        import pandas as pd

        pd.tseries.frequencies.to_offset(self.frequency)

    @property
    def freqstr(self) -> str:
        """The frequency, and that it is by the clock."""
        return f"{self.frequency} by the clock"

    @property
    def steps_per_year(self) -> int:
        return 1

    def dates(self, start: Any, count: int) -> Any:
        """`count` dates (naive), from `start` on."""
        import pandas as pd

        return pd.date_range(start, periods=count, freq=self.frequency)


def calendar_dates(step: MonthStep | ClockStep, start: Any, count: int, like: Any) -> Any:
    """Dates of a step from `start` on, in the time zone, resolution and with the name of `like`.

    A time that a change of the clock leaves out is moved to the first after it; of one that comes twice, the first is
    taken.
    """
    zone = like.tz
    found = step.dates(start.tz_localize(None) if zone is not None else start, count)
    if zone is not None:
        found = found.tz_localize(zone, ambiguous=np.ones(count, dtype=bool), nonexistent="shift_forward")
    return found.as_unit(like.unit).rename(like.name)


def find_step(index: Any) -> MonthStep | ClockStep | None:
    """The step of a sorted DatetimeIndex whose frequency pandas does not see; None if there is none."""
    import pandas as pd

    local = index.tz_localize(None) if index.tz is not None else index
    number = np.asarray(local.year * 12 + local.month)
    months = np.unique(np.diff(number))
    candidates: list[MonthStep | ClockStep] = []
    if len(months) == 1 and months[0] > 0:
        candidates = [MonthStep(int(months[0]), place) for place in (int(local.day.max()), *MIDDLES)]
    elif index.tz is not None and len(distances := np.unique(np.diff(local.asi8))) == 1 and distances[0] > 0:
        step = pd.Timedelta(int(distances[0]), unit=local.unit)
        candidates = [ClockStep(pd.tseries.frequencies.to_offset(step).freqstr)]
    for step in candidates:
        if calendar_dates(step, index[0], len(index), index).equals(index):
            return step
    return None
