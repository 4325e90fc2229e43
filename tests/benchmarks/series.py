"""Forecasts of series beside the linear autoregression and automatic methods, and their calibration.

Run: python tests/benchmarks/series.py [JOB ...] [--quick] [--json series.json]
     python tests/benchmarks/series.py maps [--maps NAME ...] [--counts 400 100] [--seeds 2] [--draws N]

Jobs: lynx, sunspots, coverage, lstar, passengers, cutoffs, maps, members, speed, m1 (all by default). The M1
competition comes from BAYESNN_SHARED_DATA, or `shared/data` beside the repository, and its comparison needs the package
statsforecast; everything else is embedded.
"""

import argparse
import json
import os
import time
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

import bayesnn as bnn
from bayesnn.evaluation.scores import score_table
from bayesnn.forecasting.many import prepare
from bayesnn.forecasting.many.prior import StructuralPrior

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
RANDOM = bnn.shallow(hidden=bnn.Geometric(0.5, 8), linear="random")


def summary(result, horizons=None):
    """The main columns of a backtest's table, by method and horizon, and who is best."""
    columns = ["rmse", "mase", "crps", "log_score", "coverage_50", "coverage_80", "coverage_95"]
    table = result.table[columns].round(4)
    rows = {f"{m}, h={h}": list(map(float, row)) for (m, h), row in zip(table.index, table.to_numpy(), strict=True)}
    return {"columns": columns} | rows | {score: result.best(score) for score in ("crps", "log_score")}


def verdict(fit):
    """Whether the chains agree, in a line."""
    return bnn.diagnose(fit).verdict


def lynx(quick):
    """Base-10 logarithm, lags 2, the last 14 years one step ahead (and up to three)."""
    few = 100 if quick else 1000
    y = np.log10(bnn.datasets.lynx())
    result = bnn.backtest(RANDOM, y, lags=2, horizon=1, windows=14, draws=few, warmup=few, progress=False)
    return summary(result) | {"verdict": verdict(result.fits["network"])}


def sunspots(quick):
    """1980-2008 one step ahead; transform and lags chosen by PSIS-LOO of the years before, never by these."""
    few = 100 if quick else 1000
    series = bnn.datasets.sunspots() + 1.0  # Tong's sqrt(1 + y), up to a linear map
    training = series.loc[:1979]
    chosen, scores = None, {}
    for transform in ((), ("sqrt",), ("log",)):
        for lags in (3, 9):
            data = bnn.lagged(training, lags, transform=transform)
            fit = bnn.fit(RANDOM, data, draws=few // 2, warmup=few // 2, progress=False)
            # The same years for all lags, and the Jacobian, so that densities are of y.
            rows = np.asarray(data.y.index) >= 1700 + 9
            slope = data.transform.log_slope(training.loc[data.y.index].to_numpy())
            total = float((np.asarray(bnn.loo(fit).pointwise) + slope)[rows].sum())
            scores[f"loo {'+'.join(transform) or 'none'}, lags {lags}"] = total
            if chosen is None or total > chosen[0]:
                chosen = total, transform, lags
    _, transform, lags = chosen
    result = bnn.backtest(
        RANDOM, series, lags=lags, transform=transform, windows=29, draws=few, warmup=few, progress=False
    )
    return (
        scores
        | {"chosen": f"{transform}, lags {lags}"}
        | summary(result)
        | {"verdict": verdict(result.fits["network"])}
    )


def coverage(quick):
    """What limits the coverage of the few windows above: longer stretches, and errors whose size may vary."""
    few = 100 if quick else 500
    lynx_, spots = np.log10(bnn.datasets.lynx()), bnn.datasets.sunspots() + 1.0
    varying = bnn.Model([bnn.Dense(5, "tanh")], likelihood=bnn.Heteroskedastic(), linear=True)
    cases = {
        "lynx, second half": (RANDOM, lynx_, {"lags": 2, "windows": 57}),
        "lynx, last 14, errors that vary": (varying, lynx_, {"lags": 2, "windows": 14}),
        "sunspots, from 1850": (RANDOM, spots, {"lags": 3, "windows": 159, "transform": "sqrt"}),
        "sunspots, from 1980, lags 3": (RANDOM, spots, {"lags": 3, "windows": 29, "transform": "sqrt"}),
        "sunspots, from 1980, errors that vary": (varying, spots, {"lags": 3, "windows": 29, "transform": "sqrt"}),
    }
    found = {}
    for name, (model, series, settings) in cases.items():
        result = bnn.backtest(model, series, draws=few, warmup=few, progress=False, **settings)
        columns = ["coverage_50", "coverage_80", "coverage_95", "crps", "log_score"]
        for (method, _), row in result.table[columns].round(3).iterrows():
            found[f"{name}, {method}"] = dict(row)
        found[f"{name}, verdict"] = verdict(result.fits["network"])[:120]
    return found


def lstar_centre(last, before):
    """A logistic smooth-transition autoregression of order 2: two regimes, the logistic function between them.

    T. Terasvirta (1994), Specification, estimation, and evaluation of smooth transition autoregressive models, JASA 89.
    """
    regime = expit(4.0 * before)
    return (0.3 + 0.9 * last - 0.2 * before) * (1 - regime) + (-0.3 - 0.5 * last + 0.3 * before) * regime


def lstar_series(count, key, sd=0.3, burn=200):
    """Simulated values, and the log density of each given its past."""
    rng = np.random.default_rng(key)
    y = np.zeros(count + burn)
    for t in range(2, len(y)):
        y[t] = lstar_centre(y[t - 1], y[t - 2]) + sd * rng.standard_normal()
    y = y[burn:]
    return y, np.r_[np.nan, np.nan, norm.logpdf(y[2:], lstar_centre(y[1:-1], y[:-2]), sd)]


def lstar_coverage(y, origins, sd=0.3, paths=4000):
    """Coverage (h, level) of the true model's own simulated intervals at the same origins: what chance allows."""
    rng, inside = np.random.default_rng(0), np.zeros((8, 3))
    for origin in origins:
        last, before = np.full(paths, y[origin - 1]), np.full(paths, y[origin - 2])
        for h in range(8):
            last, before = lstar_centre(last, before) + sd * rng.standard_normal(paths), last
            tail = np.quantile(last, [0.25, 0.75, 0.1, 0.9, 0.025, 0.975]).reshape(3, 2)
            inside[h] += (tail[:, 0] <= y[origin + h]) & (y[origin + h] <= tail[:, 1])
    return inside / len(origins)


def lstar(quick):
    """Train on 1000; origins 8 apart: log score one step ahead against the truth's, coverage at horizons 1, 2, 4, 8."""
    few, origins = (100, 50) if quick else (250, 2000)
    y, exact = lstar_series(1000 + 8 * origins, key=1)
    settings = {"draws": few, "warmup": 4 * few, "progress": False, "baselines": ["linear_ar"]}
    result = bnn.backtest(RANDOM, y, lags=2, horizon=8, windows=origins, stride=8, **settings)
    rows = result.forecasts
    first = rows[(rows["method"] == "network") & (rows["horizon"] == 1)]
    gap = exact[first["ds"].to_numpy()] - first["log_score"].to_numpy()
    columns = ["coverage_50", "coverage_80", "coverage_95"]
    truth = pd.DataFrame(lstar_coverage(y, first["ds"].to_numpy()), range(1, 9), columns)
    ours = result.table.loc["network", columns]
    return {
        "log score of the truth less that of the network, 500 points": float(gap[:500].mean()),
        "its standard error": float(gap[:500].std(ddof=1) / np.sqrt(len(gap[:500]))),
        f"over all {origins} points": float(gap.mean()),
        "of the linear AR": float(exact[first["ds"]].mean() - result.table.loc[("linear_ar", 1), "log_score"]),
        "coverage at horizons 1, 2, 4, 8": ours.loc[[1, 2, 4, 8]].round(3).to_dict("index"),
        "of the truth": truth.loc[[1, 2, 4, 8]].round(3).to_dict("index"),
        "largest distance from nominal": float(np.abs(ours.loc[[1, 2, 4, 8]] - [0.5, 0.8, 0.95]).to_numpy().max()),
        "verdict": verdict(result.fits["network"]),
        "asked": "at most .02; coverage within .03",
    }


def passengers(quick):
    """Two years of air passengers held out, logarithm, lags 1, 2, 12, 13 and one exogenous column: errors of forecasts.

    A linear map of the past that runs away shows in the mean of the paths, not in their median.
    """
    few = 100 if quick else 500
    series = bnn.datasets.air_passengers()
    month = np.arange(len(series)) % 12
    columns = {"trend": np.arange(len(series)) / 12.0, "summer": np.isin(month, [6, 7]) * 1.0, "cycle": np.sin(month)}
    past, test, found = series.iloc[:-24], series.iloc[-24:].to_numpy(), {}
    for name, values in columns.items():
        table = pd.DataFrame({name: values}, index=series.index)
        data = bnn.lagged(past, [1, 2, 12, 13], transform="log", exogenous=table.iloc[:-24])
        fit = bnn.fit(
            bnn.shallow(3, linear=True), data, sampler="gibbs", draws=few, warmup=few, chains=4, progress=False
        )
        paths = bnn.forecast(fit, 24, future=table.iloc[-24:], key=1).to_numpy().reshape(-1, 24)
        low, high = np.quantile(paths, [0.1, 0.9], axis=0)
        found[name] = {
            "MAE of the mean": round(float(np.abs(paths.mean(axis=0) - test).mean()), 1),
            "of the median": round(float(np.abs(np.median(paths, axis=0) - test).mean()), 1),
            "within 80%": round(float(np.mean((low <= test) & (test <= high))), 2),
            "largest value of a path": round(float(paths.max())),
            "verdict": verdict(fit)[:60],
        }
    return found


def cutoffs(quick):
    """Coverage of 80% and log width of these forecasts from 25 origins, one fit to the 96 months before the first."""
    few = 100 if quick else 300
    series = bnn.datasets.air_passengers()
    trend = pd.DataFrame({"trend": np.arange(len(series)) / 12.0}, index=series.index)
    settings = {"horizon": 24, "windows": 25, "draws": few, "warmup": few, "progress": False}
    settings |= {"baselines": ["linear_ar", "seasonal_naive"], "exogenous": trend, "transform": "log"}
    rows = bnn.backtest(bnn.shallow(3, linear=True), series, lags=[1, 2, 12, 13], **settings).forecasts
    rows["within 80%"] = (rows["lo-80"] <= rows["y"]) & (rows["y"] <= rows["hi-80"])
    rows["log width"] = np.log(rows["hi-80"] / rows["lo-80"])
    rows["MAE"] = (rows["y"] - rows["median"]).abs()
    found = {}
    for name, part in (("months", pd.cut(rows["horizon"], [0, 6, 12, 24])), ("windows", rows["window"] // 6 * 6)):
        means = rows.groupby(["method", part], observed=True)[["within 80%", "log width", "MAE"]].mean().round(3)
        found |= {f"{method}, {name} {one}": dict(row) for (method, one), row in means.iterrows()}
    return found


MAPS = {  # the centre given the values before, and the sd of the errors
    "quadratic": (lambda y: 0.9 - 1.2 * y[-1] ** 2, 0.05),
    "Henon": (lambda y: 1 - 1.2 * y[-1] ** 2 + 0.3 * y[-2], 0.03),
    "SETAR": (
        lambda y: np.where(y[-2] <= 3.25, 0.62 + 1.25 * y[-1] - 0.43 * y[-2], 2.25 + 1.52 * y[-1] - 1.24 * y[-2]),
        0.2,
    ),
    "exponential AR": (
        lambda y: (1.5 + 0.28 * np.exp(-4 * y[-1] ** 2)) * y[-1] - (0.96 + 0.24 * np.exp(-4 * y[-1] ** 2)) * y[-2],
        0.2,
    ),
    "Mackey-Glass": (lambda y: 0.9 * y[-1] + 0.2 * y[-17] / (1 + y[-17] ** 10), 0.02),
}
MAP_TEST = 300


def map_series(name, count, key, burn=300):
    """Simulated values (count,), and the log density of each given its past."""
    centre, sd = MAPS[name]
    rng = np.random.default_rng(key)
    y, density = list(0.5 + 0.1 * rng.standard_normal(20)), [np.nan] * 20
    for _ in range(count + burn):
        mean = float(centre(y))
        y.append(mean + sd * rng.standard_normal())
        density.append(norm.logpdf(y[-1], mean, sd))
    return np.array(y[-count:]), np.array(density[-count:])


def map_coverage(name, y, origins, paths=1000):
    """Coverage of 80% at horizons 1 to 8 by the true model's own intervals at the same origins."""
    centre, sd = MAPS[name]
    rng, inside = np.random.default_rng(0), np.zeros(8)
    for origin in origins:
        past = [np.full(paths, value) for value in y[origin - 17 : origin]]
        for h in range(8):
            past.append(centre(past) + sd * rng.standard_normal(paths))
            low, high = np.quantile(past[-1], [0.1, 0.9])
            inside[h] += low <= y[origin + h] <= high
    return inside / len(origins)


def map_row(name, count, key, few):
    """One fit to the first values of a simulated map, everything automatic, scored from the 300 origins after them."""
    y, exact = map_series(name, count + MAP_TEST + 7, key)
    settings = {"draws": few, "warmup": 1000 if few is None else few, "progress": False, "key": key}
    choice = {"lags": "auto", "transform": "auto", "horizon": 8, "windows": MAP_TEST, "baselines": ["linear_ar"]}
    used = time.process_time()
    result = bnn.backtest(bnn.shallow(5, linear=True), y, **choice, **settings)
    first = result.forecasts[result.forecasts["horizon"] == 1]
    gap = {m: exact[one["ds"]].mean() - one["log_score"].mean() for m, one in first.groupby("method")}
    origins = first.loc[first["method"] == "network", "ds"].to_numpy()
    ours, truth = result.table.loc["network", "coverage_80"], map_coverage(name, y, origins)
    fit = result.fits["network"]
    found = bnn.diagnose(fit)
    return {
        "gap": gap["network"],
        "linear AR": gap["linear_ar"],
        **{f"h={h}": ours.loc[h] - truth[h - 1] for h in (1, 4, 8)},
        "converged": float(found.ok),
        "agree": float(found.table.loc["f, worst", "r_hat"] <= 1.01),
        "r_hat": found.table.loc["f, worst", "r_hat"],
        "processor seconds": time.process_time() - used,
        "lags": fit.data.series.lags,
        "transform": fit.data.series.transform.names,
    }


def maps(quick, names=None, counts=(400, 100), seeds=2, draws=None):
    """Simulated maps, lags, transform and draws automatic, one fit to 400 or 100 values, then 300 origins."""
    few, seeds = (100, 1) if quick else (draws, seeds)
    found = {}
    for name in names or MAPS:
        for count in counts:
            table = pd.DataFrame([map_row(name, count, key, few) for key in range(seeds)])
            print(table.round(3).to_string(), flush=True)
            numbers = table.drop(columns=["lags", "transform"]).mean().round(3).to_dict()
            found[f"{name}, {count}"] = numbers | {"lags": table["lags"].tolist()}
            print(f"  {name}, {count}: {found[f'{name}, {count}']}", flush=True)
    return found | {"asked": "gap at 400: .02, .02, .05, .02, .05; coverage within .04 of the truth's own"}


def speed(quick):
    """Seconds of a backtest of 100 windows with one fit, sunspots, lags 2, four chains of 1000."""
    few = 100 if quick else 1000
    model = bnn.shallow(5, linear=True)
    seconds, processor = [], []
    for _ in range(2):
        started, used = time.perf_counter(), time.process_time()
        settings = {"draws": few, "warmup": few, "progress": False}
        result = bnn.backtest(model, bnn.datasets.sunspots(), lags=2, horizon=5, windows=100, **settings)
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    attrs = result.fits["network"].idata["posterior"].attrs
    parts = {phase: round(attrs[f"{phase}_seconds"], 1) for phase in ("compile", "warmup", "sampling")}
    return {"seconds, first and second": seconds, "processor seconds": processor, "fit": parts, "asked": "under 30 s"}


def m1(quick):
    """Yearly and quarterly series with at least 30 training points: the default without tuning, one fit each.

    Series lose up to three of their first values, so that few lengths have to be compiled for.
    """
    table = pd.read_csv(FOLDER / "m1" / "M1.csv.xz")
    table = table[table["period"].isin(["YEARLY", "QUARTERLY"]) & (table["n"] >= 30)]
    table = table.sort_values(["period", "n"])  # series of one length share a compiled program, so they come together
    table = table.iloc[::20] if quick else table
    frames = []
    started = time.perf_counter()
    for number, row in enumerate(table.itertuples(), start=1):
        train, test = (np.array(text.split(), dtype=float) for text in (row.train, row.test))
        frames.append(m1_series(row.id, row.period, train, test))
        if number % 10 == 0:
            print(f"  {number} of {len(table)} series, {time.perf_counter() - started:.0f} s", flush=True)
    rows = pd.concat(frames)
    result = {"series": len(table)}
    for period, part in [("all", rows), *rows.groupby("period")]:
        scores = score_table(part.assign(horizon=0)).droplevel("horizon")
        by_series = part.assign(error=(part["y"] - part["median"]).abs() / part["scale"])
        mase = by_series.groupby(["method", "unique_id"])["error"].mean().unstack("method")
        for method in scores.index:
            result[f"{period}, {method}"] = {
                "mase": round(float(mase[method].mean()), 4),
                "median mase": round(float(mase[method].median()), 4),
                "coverage 80": round(float(scores.loc[method, "coverage_80"]), 3),
                "coverage 95": round(float(scores.loc[method, "coverage_95"]), 3),
            }
        apart = mase["network"] - mase["naive2"]
        z = apart.mean() / (apart.std(ddof=1) / np.sqrt(len(apart)))
        result[f"{period}, network less naive2 in standard errors"] = round(float(z), 2)
    return result


def m1_series(name, period, train, test):
    """Long frame of the network and the automatic methods for one series."""
    season = 4 if period == "QUARTERLY" else 1
    chosen = bnn.suggest(train, seasonal=season)
    loss = bnn.lagged(train, chosen.lags, transform=chosen.transform, seasonal=season).reach
    whole = np.r_[train[(len(train) - loss) % 4 :], test]
    result = bnn.backtest(
        bnn.shallow(bnn.Geometric(0.5, 5), linear=True),
        whole,
        lags=chosen.lags,
        transform=chosen.transform,
        seasonal=season,
        horizon=len(test),
        windows=1,
        draws=250,
        warmup=250,
        chains=2,
        baselines=["naive2", "linear_ar", "auto_ets", "auto_arima"],
        progress=False,
    )
    frame = result.forecasts.drop(columns=["origin", "ds"])
    return frame.assign(unique_id=name, period=period, transform=" ".join(chosen.transform))


def members(quick):
    """`auto_forecast` with and without its members that have a network, from rolling origins.

    The maps: 200 values, 60 more scored one step ahead, mean gap to the true log density over three series.
    """
    found = {}
    for label, settings in (("without", {"network_sds": (0.0,), "network_weights": (1.0,)}), ("with", {})):
        with mock.patch.object(prepare, "StructuralPrior", partial(StructuralPrior, **settings)):
            for name in list(MAPS)[: 1 if quick else None]:
                gaps = []
                for key in range(1 if quick else 3):
                    y, exact = map_series(name, 260, 100 + key)
                    rows = bnn.auto_backtest(y, horizon=1, windows=60, baselines=(), progress=False).forecasts
                    gaps.append(exact[200:].mean() - rows["log_score"].mean())
                found[f"{name}, {label} a network"] = {"gap": round(float(np.mean(gaps)), 3)}
            for name in ("lynx", "sunspots"):
                y = getattr(bnn.datasets, name)()
                result = bnn.auto_backtest(y, horizon=3, windows=5 if quick else 30, baselines=(), progress=False)
                columns = result.table[["mase", "crps", "log_score", "coverage_80"]].round(3)
                found[f"{name}, {label} a network"] = columns.droplevel("method").to_dict("index")
    return found


JOBS = {job.__name__: job for job in (lynx, sunspots, coverage, lstar, passengers, cutoffs, maps, members, speed, m1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(JOBS)}")
    parser.add_argument("--quick", action="store_true", help="a few draws, to see that everything runs")
    parser.add_argument("--json", help="where to save the results")
    parser.add_argument("--maps", nargs="+", choices=list(MAPS), metavar="NAME", help=f"of {', '.join(MAPS)}")
    parser.add_argument("--counts", nargs="+", type=int, default=[400, 100], help="values of a map that are fitted")
    parser.add_argument("--seeds", type=int, default=2, help="series of each map")
    parser.add_argument("--draws", type=int, help="draws per chain; by default until they have converged")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.jobs or JOBS:
        started = time.perf_counter()
        chosen = (arguments.maps, arguments.counts, arguments.seeds, arguments.draws) if name == "maps" else ()
        results[name] = JOBS[name](arguments.quick, *chosen) | {"seconds": time.perf_counter() - started}
        print(f"\n{name}")
        for key, value in results[name].items():
            print(f"  {key}: {round(value, 4) if isinstance(value, float) else value}", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
