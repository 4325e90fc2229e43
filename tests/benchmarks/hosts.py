"""Draws per second of one fit by one process and by two, a core each, that share its chains.

Run: python tests/benchmarks/hosts.py [--draws 4000] [--rows 0] [--repeat 3] [--json hosts.json]

Sunspots, lags 2 (287 rows), or a made-up table of so many rows and five inputs; shallow(5), eight chains, the
collapsed Gibbs sampler; sampling alone, compiled before. Processes are pinned to cores (Linux). The ratio is of "two,
a core each" over "one, one core"; "one, two cores" is what one process does by itself, a batch of chains in a thread
on each core. On few rows what costs is the number of operations, which eight chains in one batch share and four in
each of two do not, so that the ratio stays below two.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

CASES = {"one, one core": [{0}], "two, a core each": [{0}, {1}], "one, two cores": [{0, 1}]}


def problem(rows):
    """Arguments of the fit."""
    import numpy as np

    import bayesnn as bnn

    if not rows:
        return (bnn.lagged(bnn.datasets.sunspots(), lags=2),)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 5))
    return x, np.tanh(x[:, 0]) + 0.3 * x[:, 1] + 0.2 * rng.normal(size=rows)


def child(port, processes, process, draws, rows):
    """The slowest process' seconds of sampling, by way of the first."""
    import numpy as np

    import bayesnn as bnn
    from bayesnn.samplers.engine.multihost import gather_bytes

    if processes > 1:
        bnn.join_hosts(f"localhost:{port}", processes, process)
    fit = bnn.fit(bnn.shallow(5), *problem(rows), draws=draws, warmup=200, chains=8, progress=False)
    assert fit.idata["posterior"].sizes["chain"] == 8
    seconds = np.array([fit.idata["posterior"].attrs["sampling_seconds"]])
    slowest = max(np.frombuffer(raw)[0] for raw in gather_bytes(seconds)) if processes > 1 else seconds[0]
    print(f"RESULT {8 * draws / slowest}", flush=True)


def measured(cores, draws, rows):
    """Draws per second of all chains, one process per set of cores."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", __file__, "--draws", str(draws), "--port", str(port)]
    command += ["--rows", str(rows)]
    command += ["--processes", str(len(cores))]
    running = [
        subprocess.Popen(
            [*command, "--child", str(i)],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda own=own: os.sched_setaffinity(0, own),
        )
        for i, own in enumerate(cores)
    ]
    outputs = [process.communicate(timeout=600)[0] for process in running]
    return float(next(line for line in outputs[0].splitlines() if line.startswith("RESULT")).split()[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", default="hosts.json")
    for hidden in ("--child", "--processes", "--port"):
        parser.add_argument(hidden, type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child is not None:
        child(chosen.port, chosen.processes, chosen.child, chosen.draws, chosen.rows)
        return
    begun, rows = time.perf_counter(), {name: [] for name in CASES}
    for _ in range(chosen.repeat):
        for name, cores in CASES.items():
            rows[name].append(measured(cores, chosen.draws, chosen.rows))
    result = {name: statistics.median(values) for name, values in rows.items()}
    result["ratio"] = statistics.median(
        two / one for one, two in zip(rows["one, one core"], rows["two, a core each"], strict=True)
    )
    for name, value in result.items():
        print(f"{name:18s} {value:10.2f}")
    print(f"{time.perf_counter() - begun:.0f} s in all")
    Path(chosen.json).write_text(json.dumps({"runs": rows, "median": result}, indent=1))


if __name__ == "__main__":
    main()
