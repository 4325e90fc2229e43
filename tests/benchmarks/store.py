"""What keeping a run in a folder costs, and what a second fit of the same shapes costs: ratios within one process.

Run: python tests/benchmarks/store.py [--repeat 5] [--scale 1] [--json store.json]

Seconds are of sampling, without warm-up and compilation, runs with and without a folder taking turns; a write every 2
s of sampling, as by default, and one every 0.2 s; `--scale` makes all runs longer or shorter. "second fit" has other
data and another key; "compile" is its part in tracing, compiling and starting chains; "first" has JAX's cache on disk
alone.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import bayesnn as bnn
from bayesnn.fitting.store import run_store
from bayesnn.samplers.engine import compiled_programs

CASES = {
    "mcycle, shallow(5), Gibbs": (bnn.shallow(5), bnn.Gibbs(), 20_000),
    "the same, one sweep per draw": (bnn.shallow(5), bnn.Gibbs(sweeps=1), 50_000),
    "mcycle, 16 tanh, Gibbs by HMC": (bnn.Model([bnn.Dense(16, "tanh")], prior=bnn.Hierarchical()), bnn.Gibbs(), 1000),
}


def seconds(model, sampler, draws, path, every):
    """Sampling seconds of a fit, and its files."""
    table = bnn.datasets.mcycle()
    run_store.WRITE_SECONDS = every
    arguments = {"sampler": sampler, "draws": draws, "warmup": 200, "chains": 4, "key": 0, "progress": False}
    fit = bnn.fit(model, table[["times"]], table["accel"], path=path, **arguments)
    return fit.idata["posterior"].attrs["sampling_seconds"]


def cost(model, sampler, draws, repeat):
    """Median seconds with and without a folder, and the median of their ratios."""
    rows = []
    for _ in range(repeat):
        row = {"memory": seconds(model, sampler, draws, None, 2.0)}
        for every in (2.0, 0.2):
            with tempfile.TemporaryDirectory() as folder:
                row[f"folder, {every:g} s"] = seconds(model, sampler, draws, f"{folder}/run", every)
                row[f"files, {every:g} s"] = len(list(Path(folder, "run").glob("draws-*")))
        rows.append(row)
    result = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    for every in ("2", "0.2"):
        ratios = [row[f"folder, {every} s"] / row["memory"] for row in rows]
        result[f"ratio, {every} s"] = statistics.median(ratios)
    return result


def second(model, sampler):
    """Seconds of a fit whose program is not kept, and of the next, on other numbers."""
    table = bnn.datasets.mcycle()
    x, y = table[["times"]].to_numpy(), table["accel"].to_numpy()
    result = {}
    for name, key in (("warm", 0), ("first", 1), ("second", 2)):
        if name != "second":
            compiled_programs._cache.clear()  # what a fit was before programs were kept: JAX's cache on disk alone
        begun = time.perf_counter()
        settings = {"draws": 20, "warmup": 20, "chains": 4, "progress": False}
        fit = bnn.fit(model, x + 0.01 * key, y + np.sin(key * x[:, 0]), sampler=sampler, key=key, **settings)
        result[name] = time.perf_counter() - begun
        result[f"{name} compile"] = fit.idata["posterior"].attrs["compile_seconds"]
    return result | {"ratio": result["first"] / result["second"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--json", default="store.json")
    arguments = parser.parse_args()
    result = {"folder": {}, "second fit": {}}
    for name, (model, sampler, draws) in CASES.items():
        result["folder"][name] = cost(model, sampler, int(draws * arguments.scale), arguments.repeat)
        print(name, json.dumps(result["folder"][name]), flush=True)
    for name, sampler in {"gibbs": bnn.Gibbs(), "nuts": bnn.NUTS(), "hmc": bnn.HMC()}.items():
        result["second fit"][name] = second(bnn.shallow(5), sampler)
        print(name, json.dumps(result["second fit"][name]), flush=True)
    Path(arguments.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
