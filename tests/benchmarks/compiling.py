"""What a way of compiling costs and gains: seconds to compile, and milliseconds per step, by XLA's options.

Run: python tests/benchmarks/compiling.py [--cases sunspots,nuts] [--ways chosen,xla,quick] [--repeat 2] [--json f.json]

Every figure is of a fresh process without a cache of programs, four chains; the ways take turns. Ways:

    chosen      what the package does
    xla         XLA as it is
    quick       `programs.QUICK` for every loop, whether the package would or not
    emitters    the first of these options alone, `level` the second, `both` the two without wide vectors
    level0, 1   LLVM's levels below it
    threads     as chosen, but triangular solves of any size in one piece, which OpenBLAS shares among threads
    one         the same with OPENBLAS_NUM_THREADS=1

A step of "sunspots", "rows_...", "inputs_..." and "units_..." is one sweep of the collapsed Gibbs sampler; of
"hmc_in_gibbs", ten with twenty gradients each; of "nuts" and "lstm", one draw.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.filterwarnings("ignore")

NAMES = "xla_cpu_use_fusion_emitters", "xla_backend_optimization_level", "xla_cpu_prefer_vector_width"
WAYS = {
    "chosen": None,
    "xla": {},
    "quick": dict(zip(NAMES, (False, 2, 512))),
    "emitters": {NAMES[0]: False},
    "level": {NAMES[1]: 2},
    "both": {NAMES[0]: False, NAMES[1]: 2},
    "level1": {NAMES[1]: 1},
    "level0": {NAMES[1]: 0},
    "threads": None,
    "one": None,
}
CASES = {
    "sunspots": 2000,
    "rows_16": 2000,
    "rows_5000": 100,
    "rows_20000": 40,
    "rows_100000": 10,
    "inputs_31": 100,
    "inputs_40": 100,
    "inputs_64": 60,
    "units_32": 30,
    "units_48": 15,
    "nuts": 100,
    "lstm": 5,
    "hmc_in_gibbs": 40,
}  # draws


def problem(case):
    """Model, rows and sampler."""
    import numpy as np

    import bayesnn as bnn

    kind, _, size = case.partition("_")
    collapsed = bnn.Gibbs()
    if case == "sunspots":
        return bnn.shallow(5), bnn.lagged(bnn.datasets.sunspots().loc[:1988], lags=2), None, collapsed
    rng = np.random.default_rng(0)

    def table(n, p):
        x = rng.normal(size=(n, p))
        return x, np.tanh(x[:, 0]) + 0.3 * x[:, -1] + 0.2 * rng.normal(size=n)

    if kind == "rows":
        return bnn.shallow(5), *table(int(size), 5), collapsed
    if kind == "inputs":
        return bnn.shallow(5), *table(2000, int(size)), collapsed
    if kind == "units":
        return bnn.shallow(int(size)), *table(2000, 5), collapsed
    if case == "nuts":
        return bnn.shallow(5), *table(500, 3), bnn.NUTS()
    if case == "lstm":
        x = rng.normal(size=(200, 30, 2))
        return bnn.Model([bnn.LSTM(8)]), x, x[:, :, 0].sum(axis=1), bnn.NUTS(max_tree_depth=5)
    deep = [bnn.Dense(16, "tanh"), bnn.Dense(16, "tanh")]
    return bnn.Model(deep, prior=bnn.Hierarchical()), *table(1000, 4), bnn.Gibbs()


def child(case, way, draws):
    """Compile and sample in this process; seconds to compile and milliseconds per step."""
    import bayesnn as bnn
    from bayesnn._internal import conditionals
    from bayesnn.samplers import Chains, Gibbs
    from bayesnn.samplers.engine import compiled_programs

    if WAYS[way] is not None:
        compiled_programs.QUICK = WAYS[way]
        for cls in (Chains, Gibbs):
            cls.quick = lambda self, target: True
    if way in ("threads", "one"):
        conditionals.FEW_NUMBERS = 10**9
    model, x, y, sampler = problem(case)
    fit = bnn.fit(model, x, y, sampler=sampler, draws=draws, warmup=10, chains=4, progress=False)
    attrs = fit.idata["posterior"].attrs
    sweeps = sampler.sweeps if isinstance(sampler, Gibbs) and sampler.collapsed(model) else 1
    step = 1000 * attrs["sampling_seconds"] / (draws * sweeps)
    print("RESULT " + json.dumps([attrs["compile_seconds"], step]), flush=True)


def launched(case, way, draws):
    command = [sys.executable, "-W", "ignore", __file__, "--child", case, way, str(draws)]
    environment = os.environ | {"BAYESNN_CACHE": "off"} | ({"OPENBLAS_NUM_THREADS": "1"} if way == "one" else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise SystemExit(f"{case}, {way}: {(done.stderr.strip() or 'no output').splitlines()[-1][:300]}")
    return json.loads(found[0].removeprefix("RESULT "))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--ways", default="chosen,xla,quick")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="times the draws of every case")
    parser.add_argument("--json", default="compiling.json")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        case, way, draws = chosen.child
        child(case, way, int(draws))
        return
    result = {}
    for case in chosen.cases.split(","):
        draws, ways = max(1, int(CASES[case] * chosen.scale)), chosen.ways.split(",")
        runs = {way: [] for way in ways}
        for _ in range(chosen.repeat):
            for way in ways:
                runs[way].append(launched(case, way, draws))
        result[case] = runs
        for way, values in runs.items():
            compiling, step = (statistics.median(column) for column in zip(*values, strict=True))
            print(f"{case:14s} {way:10s} compiling {compiling:6.2f} s   a step {step:9.4f} ms", flush=True)
        Path(chosen.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
