"""Seconds of a forecast from all posterior draws, compiled before, by horizon and number of draws.

Run: python tests/benchmarks/forecast_speed.py [--repeat 5] [--json forecast_speed.json]

shallow(5) on the lynx series, two lags of its logarithm; the target is one second for 4000 draws and 100 steps.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import bayesnn as bnn

CASES = [(1000, 10), (1000, 100), (4000, 10), (4000, 100)]


def seconds(fit, horizon, repeat):
    """First call, compilation included, and the median of the calls after it."""
    taken = []
    for key in range(repeat + 1):
        start = time.perf_counter()
        bnn.forecast(fit, horizon, key=key)
        taken.append(time.perf_counter() - start)
    return {"first": taken[0], "median": statistics.median(taken[1:]), "most": max(taken[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", default="forecast_speed.json")
    arguments = parser.parse_args()
    data = bnn.lagged(bnn.datasets.lynx(), lags=2, transform="log10")
    rows = []
    for draws, horizon in CASES:
        fit = bnn.fit(bnn.shallow(5), data, draws=draws // 4, warmup=200, progress=False)
        rows.append({"draws": draws, "horizon": horizon} | seconds(fit, horizon, arguments.repeat))
        print(
            "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()), flush=True
        )
    Path(arguments.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
