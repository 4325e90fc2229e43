"""Seconds from process start to import, first draw and summary, cold and warm, for the fit of the README.

Run: python tests/benchmarks/startup.py [--repeat 3] [--json startup.json]

Each start is a new process; "cold" has an empty compilation cache, "warm" the cache that the cold start left behind.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHILD = """
import time, sys
started = float(sys.argv[1])
import bayesnn as bnn
imported = time.time() - started
table = bnn.datasets.mcycle()
before = time.time() - started
fit = bnn.fit(bnn.shallow(hidden=5), table[["times"]], table["accel"], draws=1000, chains=4, key=0, progress=False)
fitted = time.time() - started
import arviz as az
print(bnn.diagnose(fit))
print(az.summary(fit.idata, var_names=["sigma", "mu_gamma"]))
first = before + fit.idata["posterior"].attrs["compile_seconds"]
print("SECONDS", imported, first, fitted, time.time() - started)
"""
NAMES = ("import", "first_draw", "fit", "summary")


def start(cache):
    """Seconds of one fresh process."""
    environment = os.environ | {"BAYESNN_CACHE": cache}
    command = [sys.executable, "-W", "ignore", "-c", CHILD, repr(time.time())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("SECONDS"))
    return dict(zip(NAMES, map(float, line.split()[1:]), strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", default="startup.json")
    arguments = parser.parse_args()
    rows = {"cold": [], "warm": []}
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as folder:
            rows["cold"].append(start(folder))
            rows["warm"].append(start(folder))
    result = {k: {n: statistics.median(r[n] for r in v) for n in NAMES} for k, v in rows.items()}
    result["ratio"] = {n: result["cold"][n] / result["warm"][n] for n in NAMES}
    for kind, row in result.items():
        print(f"{kind:6s}" + "".join(f"  {n} {row[n]:6.2f}" for n in NAMES))
    Path(arguments.json).write_text(json.dumps({"runs": rows, "median": result}, indent=1))


if __name__ == "__main__":
    main()
