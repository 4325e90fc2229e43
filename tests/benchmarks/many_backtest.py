"""Rolling origins over series of the M1 competition: `auto_backtest` beside simple and automatic methods.

Run: python tests/benchmarks/many_backtest.py [--every 10] [--periods 1 4 12] [--windows 2] [--json many_backtest.json]

Of every tenth series of a frequency, in the order of the names, training and test parts are joined; origins are a
horizon apart, the last one that of the competition. The automatic methods are those of the package statsforecast (extra
`forecast`), fitted again at each origin. Differences to the best method have standard errors over series.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
METHODS = ("naive2", "auto_ets", "auto_arima", "auto_theta", "auto_ces")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=10, help="take one series out of this many")
    parser.add_argument("--periods", type=int, nargs="+", default=[1, 4, 12], help="1 yearly, 4 quarterly, 12 monthly")
    parser.add_argument("--windows", type=int, default=2, help="origins per series")
    parser.add_argument("--json", help="where to save the table")
    arguments = parser.parse_args()
    table = pd.read_csv(FOLDER / "m1" / "M1.csv.xz").sort_values("id", kind="stable")
    parts = []
    for period, part in table[table["freq"].isin(arguments.periods)].groupby("freq"):
        part = part.iloc[:: arguments.every]
        series = {
            row.id: np.array(f"{row.train} {row.test}".split(), dtype=float) for row in part.itertuples(index=False)
        }
        horizon = int(part["h"].iloc[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = bnn.auto_backtest(
                series, horizon=horizon, windows=arguments.windows, stride=horizon, seasonal=int(period),
                baselines=METHODS, progress=False,
            )  # fmt: skip
        replaced = result.failures["reason"].str.split(":").str[0].value_counts().to_dict()
        print(f"period {period}: {len(series)} series, replaced or left out: {replaced}", flush=True)
        one = result.comparison("mase")
        print(one.round(3).to_string(), flush=True)
        parts.append(one.assign(period=period).reset_index())
    if arguments.json:
        Path(arguments.json).write_text(pd.concat(parts).to_json(orient="records", indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
