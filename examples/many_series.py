"""Forecasting a thousand series in one call, each with a fit of its own, without tuning.

Question: what comes next in each of many short series of business and economics, and how sure is that?
Model: per series a structural autoregression (level, drift, damped trend, season, errors with a memory) on the values,
their roots or logarithms, or without a season also a network on the last values; its posterior is exact, on a grid of
dynamics and hidden weights, averaged by evidence: `bnn.auto_forecast`.
Result: errors of the median over those of the seasonal naive forecast in the training part (MASE) and coverage of the
80 and 95% intervals, beside naive, seasonal naive and drift; and a picture of six series. The series are those of the
M1 competition with their official test parts if the folder of shared data is there, else 60 simulated ones.

Run: python examples/many_series.py [--quick] [--data shared/data/m1/M1.csv.xz] [--output many_series.png]
"""

import argparse
import os
import time
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from scipy.signal import lfilter

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

SHARED = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
NAMES = {1: "yearly", 4: "quarterly", 12: "monthly"}


def simulated(rng):
    """Twenty series of each frequency: a walk with a damped trend and a season on the logarithmic scale."""
    rows = []
    for period, horizon in ((1, 6), (4, 8), (12, 18)):
        for number in range(20):
            count = int(rng.integers(20, 30)) + 4 * period + horizon
            trend = lfilter([0.05 / np.sqrt(period)], [1.0, -0.9], rng.normal(size=count))
            season = rng.normal(size=period)[np.arange(count) % period] * 0.15 * (period > 1)
            walk = np.cumsum(0.02 / period + 0.3 * trend + 0.1 * rng.normal(size=count) / np.sqrt(period))
            values = 100 * np.exp(walk + season)
            rows.append((f"{NAMES[period]} {number}", period, horizon, values[:-horizon], values[-horizon:]))
    return pd.DataFrame(rows, columns=["id", "freq", "h", "train", "test"])


def competition(path, quick):
    table = pd.read_csv(path)
    for part in ("train", "test"):
        table[part] = [np.array(text.split(), dtype=float) for text in table[part]]
    return table.iloc[::20] if quick else table


def baselines(train, period, horizon):
    steps = np.arange(1, horizon + 1)
    return {
        "naive": np.full(horizon, train[-1]),
        "seasonal naive": train[len(train) - period + (steps - 1) % period],
        "drift": train[-1] + steps * (train[-1] - train[0]) / (len(train) - 1),
    }


def main(quick: bool, data: str, output: str) -> None:
    table = competition(data, quick) if Path(data).is_file() else simulated(np.random.default_rng(0))
    rows, forecasts = [], {}
    started = time.perf_counter()
    for period, part in table.groupby("freq"):
        series = dict(zip(part["id"], part["train"], strict=True))
        forecasts[period] = bnn.auto_forecast(series, int(part["h"].iloc[0]), seasonal=int(period), progress=False)
    print(f"{len(table)} series in {time.perf_counter() - started:.0f} s\n")
    for period, part in table.groupby("freq"):
        summary = bnn.to_frame(forecasts[period]).set_index("unique_id")
        for one in part.itertuples():
            mine = summary.loc[one.id]
            scale = np.abs(one.train[period:] - one.train[:-period]).mean()
            methods = {"auto_forecast": mine["median"].to_numpy()} | baselines(one.train, period, one.h)
            row = {name: np.abs(one.test - values).mean() / scale for name, values in methods.items()}
            for level in (80, 95):
                row[f"in {level}%"] = 100 * mine[f"lo-{level}"].le(one.test).mul(mine[f"hi-{level}"] >= one.test).mean()
            rows.append({"period": NAMES[period], "series": 1} | row)
    scores = pd.DataFrame(rows).groupby("period", sort=False)
    print("mean MASE by method, and coverage of the intervals\n")
    print(scores.mean(numeric_only=True).assign(series=scores.size()).round(2).to_string())

    figure, axes = plt.subplots(2, 3, figsize=(13, 6.4), layout="constrained")
    thirds = [part.iloc[[len(part) // 3, 2 * len(part) // 3]] for _, part in table.groupby("freq")]
    shown = pd.concat(thirds).itertuples()
    for one, ax in zip(shown, axes.T.ravel(), strict=True):
        past = pd.Series(one.train, name=one.id)
        later = pd.Series(one.test, index=len(past) + np.arange(one.h))
        paths = forecasts[one.freq].sel(unique_id=one.id)
        paths = paths.drop_vars("ds", errors="ignore").assign_coords(time=later.index.to_numpy())
        bnn.plots.forecast(past, paths, observed=later, history=4 * one.h, ax=ax)
        ax.set_title(one.id)
        ax.set_ylabel("")
        ax.legend().set_visible(ax is axes[0, 0])
    figure.savefig(output, dpi=110)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every twentieth series of the competition")
    parser.add_argument("--data", default=str(SHARED / "m1" / "M1.csv.xz"), help="file of the competition")
    parser.add_argument("--output", default="many_series.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.data, arguments.output)
