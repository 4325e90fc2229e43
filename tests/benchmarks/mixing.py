"""Do chains reach the posterior: R-hat, effective draws and levels of chains, by problem and by way of sampling.

Run: python tests/benchmarks/mixing.py [PROBLEM ...] [--ways plain tempered default nuts] [--minutes 10] [--chains 4]
     [--quick] [--json mixing.json]

Problems: galaxy, rdata, mcycle4, mcycle2, lynx, sunspots2, arm, sunspots9, boston, concrete, airfoil (all by default);
those that are not embedded come from BAYESNN_SHARED_DATA, or `shared/data` beside the repository. Ways: `plain`, the
Gibbs sampler with 1000 draws after 1000; `tempered`, the same sampler tempered; `default`, `fit(model, x, y)`; `nuts`,
NUTS with the readout integrated out. All but `plain` and `nuts` end after --minutes. Function values at 40
rows; levels are mean log likelihoods by chain, in nats and units of y. Where a problem is sampled in several ways,
ratios to the first one follow. Whether the default costs much where plain chains do, on a machine that does nothing
else:

    python tests/benchmarks/mixing.py galaxy rdata mcycle4 lynx sunspots2 --ways plain default --minutes 5

twice, since the first run compiles what the second finds. Seconds of processors are those of sampling with
compiling, on a machine that is shared the fair measure.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn
from bayesnn.fitting.pointwise import log_likelihood_by_draw

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
ROWS = 40


def lags(series, count):
    """Rows of the last `count` values, most recent first, and what followed."""
    y = np.asarray(series, float)
    return np.stack([y[count - 1 - k : -1 - k] for k in range(count)], axis=1), y[count:]


def table(name):
    """A table of UCI: its last column is the target."""
    values = np.loadtxt(FOLDER / f"uci_{name}" / "data.txt")
    return values[:, :-1], values[:, -1]


def rdata():
    """FBM's example of one input, its first 100 rows."""
    values = np.loadtxt(FOLDER / "fbm_examples" / "rdata")[:100]
    return values[:, :1], values[:, 1]


def mcycle():
    """Head acceleration after an impact."""
    data = bnn.datasets.mcycle()
    return np.asarray(data["times"], float)[:, None], np.asarray(data["accel"], float)


def galaxy():
    """Velocities of NGC 7531 along one slit."""
    data = pd.read_csv(FOLDER / "galaxy_ngc7531" / "slot_102_5.csv")
    return data[["x_std"]].to_numpy(), data["y_minus_1400"].to_numpy()


def arm():
    """The first output of MacKay's robot arm."""
    folder = FOLDER / "mackay_robot_arm"
    return np.loadtxt(folder / "inputs.data")[:200], np.loadtxt(folder / "outputs.data")[:200, 0]


PROBLEMS = {
    "galaxy": (galaxy, 3),
    "rdata": (rdata, 8),
    "mcycle4": (mcycle, 4),
    "mcycle2": (mcycle, 2),
    "lynx": (lambda: lags(np.log10(bnn.datasets.lynx()), 2), 3),
    "sunspots2": (lambda: lags(bnn.datasets.sunspots().loc[:1988], 2), 5),
    "arm": (arm, 8),
    "sunspots9": (lambda: lags(bnn.datasets.sunspots().loc[:1988], 9), 8),
    "boston": (lambda: table("boston"), 8),
    "concrete": (lambda: table("concrete"), 8),
    "airfoil": (lambda: table("airfoil"), 8),
}


def options(way, minutes, few):
    """Arguments of `fit`."""
    length = {"draws": "auto", "max_seconds": 60.0 * minutes}
    if way == "plain":
        return {"sampler": "gibbs", "draws": few, "warmup": few}
    if way == "nuts":
        return {"sampler": "nuts", "marginalize": True, "draws": few, "warmup": few}
    return (length | {"sampler": bnn.Tempered(bnn.Gibbs()), "warmup": few // 2}) if way == "tempered" else length


def measure(name, way, chains, minutes, few):
    """One row of the table."""
    load, units = PROBLEMS[name]
    x, y = load()
    start, used = time.perf_counter(), time.process_time()
    fit = bnn.fit(bnn.shallow(units), x, y, chains=chains, progress=False, **options(way, minutes, few))
    seconds, used = time.perf_counter() - start, time.process_time() - used
    rows = np.unique(np.linspace(0, len(x) - 1, ROWS).astype(int))
    found = convergence(bnn.predict(fit, x[rows], kind="mean").to_numpy())
    levels = log_likelihood_by_draw(fit.idata)
    half = levels.shape[1] // 2
    stats = fit.idata["sample_stats"]
    trips = stats["round_trips"][:, -1].to_numpy() if "round_trips" in stats else None
    return found | {
        "problem": name,
        "way": way,
        "ess_per_second": found["ess_min"] / seconds,
        "levels": np.round(np.sort(levels[:, half:].mean(axis=1)), 1).tolist(),
        "rise": float((levels[:, half:].mean(axis=1) - levels[:, :half].mean(axis=1)).mean()),
        "draws": int(levels.shape[1]),
        "seconds": seconds,
        "processor_seconds": used,
        "sampler": str(fit.sampler),
        "temperatures": fit.idata["posterior"].attrs.get("temperatures"),
        "round_trips": None if trips is None else trips.tolist(),
        "verdict": bnn.diagnose(fit).verdict.split(":")[0],
    }


def ratios(row, first):
    """One way beside the first one: effective draws by seconds, by seconds of processors, and both times."""
    each = row["ess_min"] / row["processor_seconds"], first["ess_min"] / first["processor_seconds"]
    per_second = row["ess_per_second"] / first["ess_per_second"]
    return (
        f"    {row['way']} to {first['way']}: ESS min per second {per_second:.2f}, "
        f"per second of processors {each[0] / each[1]:.2f}; seconds {row['seconds'] / first['seconds']:.2f}, "
        f"of processors {row['processor_seconds'] / first['processor_seconds']:.2f}"
    )


def convergence(f):
    """Worst R-hat, fewest and median effective draws of function values (chain, draw, row), by ArviZ."""
    import arviz as az
    import xarray as xr

    data = xr.Dataset({"f": (("chain", "draw", "row"), f)})
    bulk, tail = (az.ess(data, method=method)["f"].to_numpy() for method in ("bulk", "tail"))
    ess = np.minimum(bulk, tail)
    return {
        "r_hat": float(az.rhat(data)["f"].max()),
        "ess_min": float(ess.min()),
        "ess_median": float(np.median(ess)),
    }


def main():
    """Print one row after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", choices=[[], *PROBLEMS], default=[])
    parser.add_argument("--ways", nargs="+", default=["plain", "tempered", "default", "nuts"])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = []
    print("problem, way: R-hat, ESS min and median, ESS min per second, levels, seconds, verdict")
    for name in arguments.problems or PROBLEMS:
        first = None
        for way in arguments.ways:
            row = measure(name, way, arguments.chains, arguments.minutes, 50 if arguments.quick else 1000)
            found.append(row)
            print(
                f"{name}, {way}: {row['r_hat']:.3f}, {row['ess_min']:.0f} {row['ess_median']:.0f}, "
                f"{row['ess_per_second']:.2f}, {row['levels']} (rise {row['rise']:.1f}), {row['seconds']:.0f} s "
                f"({row['processor_seconds']:.0f} of processors), {row['draws']} draws, "
                f"{row['temperatures']} temperatures, trips {row['round_trips']}, {row['sampler']}, {row['verdict']}",
                flush=True,
            )
            first = first or row
            if row is not first:
                print(ratios(row, first), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
