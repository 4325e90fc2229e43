"""All 1001 series of the M1 competition in one call per frequency, beside ETS, ARIMA and Theta chosen automatically.

Run: python tests/benchmarks/many_series.py [--quick] [--alone] [--pool hierarchical] [--keep FOLDER] [--json FILE]

The official test parts are scored by the median (MASE, sMAPE), central intervals (coverage of 80 and 95%, MSIS of 95%)
and draws (CRPS over the scale of MASE). Settings were chosen on every second series in the order of the names, starting
with the first; the tables show these, the others and all. The automatic methods are those of the package statsforecast
(extra `forecast`), and take about half an hour, most of it ARIMA; with --keep they are read from a folder if they are
there. For the time of a cold start, set BAYESNN_CACHE to a new folder. M1 comes from BAYESNN_SHARED_DATA, or
`shared/data` beside the repository.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn
from bayesnn.evaluation.scores import NormalPredictive, crps, mase_scale

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
AUTOMATIC = ("AutoETS", "AutoARIMA", "AutoTheta")
SIDES = [0.025, 0.1, 0.5, 0.9, 0.975]
NORMAL_95 = 2 * 1.959964


def read(quick):
    """Table of the series in the order of their names: training and test parts, season, half."""
    table = pd.read_csv(FOLDER / "m1" / "M1.csv.xz").sort_values("id", kind="stable", ignore_index=True)
    table["half"] = np.where(np.arange(len(table)) % 2, "other", "chosen on")
    table = table.iloc[::20].reset_index(drop=True) if quick else table
    for part in ("train", "test"):
        table[part] = [np.array(text.split(), dtype=float) for text in table[part]]
    return table


def ours(table, pool):
    """Quantiles and CRPS by name, seconds by season."""
    found, seconds = {}, {}
    for period, part in table.groupby("freq"):
        started = time.perf_counter()
        series, horizon = dict(zip(part["id"], part["train"], strict=True)), int(part["h"].iloc[0])
        paths = bnn.auto_forecast(series, horizon, seasonal=int(period), pool=pool, progress=False)
        seconds[int(period)] = time.perf_counter() - started
        for row in part.itertuples():
            draws = paths.sel(unique_id=row.id).to_numpy()[0]
            found[row.id] = [*np.quantile(draws, SIDES, axis=0), crps(draws, row.test)]
    return found, seconds


def automatic(name, table, keep):
    """The same of a method of statsforecast, one series after another."""
    file = None if keep is None else Path(keep) / f"{name}.json"
    kept = json.loads(file.read_text()) if file is not None and file.exists() else {}
    if not set(table["id"]) <= set(kept):
        kept = {row.id: automatic_one(name, row) for row in table.itertuples()}
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(kept))
    found, seconds = {}, {}
    for row in table.itertuples():
        forecasts = {key: np.array(values) for key, values in kept[row.id].items()}
        spread = np.maximum((forecasts["hi-95"] - forecasts["lo-95"]) / NORMAL_95, 1e-9)
        score = NormalPredictive(forecasts["mean"][None], spread[None]).crps(row.test[None])[0]
        sides = ("lo-95", "lo-80", "mean", "hi-80", "hi-95")
        found[row.id] = [*(forecasts[side] for side in sides), score]
        seconds[row.freq] = seconds.get(row.freq, 0.0) + float(forecasts["seconds"])
    return found, seconds


def automatic_one(name, row):
    from statsforecast import models

    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(models, name)(season_length=int(row.freq))
        result = model.forecast(y=row.train, h=int(row.h), level=[80, 95])
    forecasts = {key: np.asarray(result[key]).tolist() for key in ("mean", "lo-80", "hi-80", "lo-95", "hi-95")}
    return forecasts | {"seconds": time.perf_counter() - started}


def scores(table, found):
    """One row of scores per series."""
    rows = []
    for row in table.itertuples():
        low95, low80, median, high80, high95, score = found[row.id]
        y, scale = row.test, mase_scale(row.train, int(row.freq))
        error = np.abs(y - median)
        missed = np.maximum(low95 - y, 0) + np.maximum(y - high95, 0)
        rows.append(
            {
                "id": row.id,
                "period": int(row.freq),
                "half": row.half,
                "mase": error.mean() / scale,
                "smape": 200 * np.mean(error / (np.abs(y) + np.abs(median))),
                "in 80": np.mean((low80 <= y) & (y <= high80)),
                "in 95": np.mean((low95 <= y) & (y <= high95)),
                "msis": np.mean(high95 - low95 + 2 / 0.05 * missed) / scale,
                "crps": np.mean(score) / scale,
            }
        )
    return pd.DataFrame(rows)


def summary(by_method, seconds):
    """Mean scores by half, period and method."""
    parts = []
    for method, frame in by_method.items():
        for half, part in [("all", frame), *frame.groupby("half")]:
            groups = part.groupby("period")
            means = groups[["mase", "smape", "in 80", "in 95", "msis", "crps"]].mean()
            extra = {"worst": groups["mase"].max(), "series": groups.size(), "half": half, "method": method}
            means = means.assign(**extra)
            means["seconds"] = pd.Series(seconds[method]) if half == "all" else np.nan
            parts.append(means.reset_index())
    return pd.concat(parts).set_index(["half", "period", "method"]).sort_index()


def margins(result, name):
    """Distances to what is asked for: MASE and MSIS over the best automatic method's, worst over that of AutoETS (3 at
    most), coverage less the nominal one (.04 and .025 at most), and whether all of it holds.
    """
    mine, others = result.xs(name, level="method"), result.drop(index=name, level="method")
    best = others.groupby(level=["half", "period"])[["mase", "msis"]].min()
    table = mine[["mase", "msis"]] / best
    table["worst"] = mine["worst"] / others.xs("AutoETS", level="method")["worst"]
    table[["in 80", "in 95"]] = mine[["in 80", "in 95"]] - [0.8, 0.95]
    most = {"mase": 1.0, "msis": 1.0, "worst": 3.0, "in 80": 0.04, "in 95": 0.025}
    return table.assign(holds=(table.abs() <= pd.Series(most)).all(axis=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every twentieth series")
    parser.add_argument("--alone", action="store_true", help="without the automatic methods")
    parser.add_argument("--pool", help="as for bnn.auto_forecast")
    parser.add_argument("--keep", help="folder in which forecasts of the automatic methods are kept")
    parser.add_argument("--json", help="where to save the table")
    arguments = parser.parse_args()
    table = read(arguments.quick)
    name = "auto_forecast" if arguments.pool is None else f"auto_forecast, {arguments.pool}"
    started = time.perf_counter()
    found, seconds = {}, {}
    found[name], seconds[name] = ours(table, arguments.pool)
    first = time.perf_counter() - started
    started = time.perf_counter()
    ours(table, arguments.pool)
    again = time.perf_counter() - started
    print(
        f"{len(table)} series: {first:.0f} s the first time in this process, {again:.0f} s the second time", flush=True
    )
    for method in () if arguments.alone else AUTOMATIC:
        found[method], seconds[method] = automatic(method, table, arguments.keep)
    result = summary({method: scores(table, one) for method, one in found.items()}, seconds)
    print(result.round(3).to_string())
    if not arguments.alone:
        print(margins(result, name).round(3).to_string())
    if arguments.json:
        Path(arguments.json).write_text(result.reset_index().to_json(orient="records", indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
