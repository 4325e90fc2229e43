"""How cost grows: seconds of a sweep against rows, inputs, units, layers, chains, steps of a sequence.

Run: python tests/benchmarks/growth.py [--quick] [--only rows,big] [--json growth.json] [--picture growth.png]

Seconds are of sampling alone, four chains unless these are what grows; the exponent is the slope of the log of seconds
on the log of the size over the upper half of the sizes. "draws" times a whole fit. "big" is 1000 sweeps of 4 chains
with 100,000 rows, 20 inputs and 10 units: its peak memory, and a sweep beside the bare matrix products that it needs
(the candidates of each unit times the inputs, and the design times the candidates' columns), both in double precision
and in one process, taking turns.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.filterwarnings("ignore", category=FutureWarning)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import bayesnn as bnn  # noqa: E402

SIZES = {
    "rows": [100, 1000, 10_000, 100_000],
    "inputs": [1, 4, 16, 64],
    "units": [2, 4, 8, 16, 32],
    "layers": [1, 2, 4, 8],
    "chains": [1, 4, 16, 64, 256],
    "draws": [250, 1000, 4000, 16_000],
    "steps": [8, 32, 128],
}
COLLAPSED = bnn.Gibbs(sweeps=1)
LEAPFROG = bnn.Gibbs(weights="hmc", sweeps=1)  # twenty gradients per sweep


def table(n, p):
    """Rows of a smooth function with noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, p))
    return x, np.tanh(x[:, 0]) + 0.3 * x[:, -1] + 0.2 * rng.normal(size=n)


def problem(axis, size):
    """Model, rows, sampler and chains."""
    hierarchy = {"prior": bnn.Hierarchical()}
    if axis == "rows":
        return bnn.shallow(5), table(size, 5), COLLAPSED, 4
    if axis == "inputs":
        return bnn.shallow(5), table(2000, size), COLLAPSED, 4
    if axis == "units":
        return bnn.shallow(size), table(2000, 5), COLLAPSED, 4
    if axis == "layers":
        return bnn.Model([bnn.Dense(16, "tanh")] * size, **hierarchy), table(500, 5), LEAPFROG, 4
    if axis == "chains":
        return bnn.shallow(5), table(500, 5), COLLAPSED, size
    if axis == "draws":
        return bnn.shallow(5), table(500, 5), COLLAPSED, 4
    return bnn.Model([bnn.AsSequence(), bnn.GRU(4)], **hierarchy), table(200, size), LEAPFROG, 4


def seconds(axis, size, least):
    """Seconds of one sweep of all chains, from a run of at least so many seconds; of a whole fit for "draws"."""
    model, (x, y), sampler, chains = problem(axis, size)
    settings = {"sampler": sampler, "chains": chains, "warmup": 5, "progress": False}
    if axis == "draws":
        bnn.fit(model, x, y, draws=10, **settings)
        begun = time.perf_counter()
        bnn.fit(model, x, y, draws=size, **settings)
        return time.perf_counter() - begun
    draws = 5
    while True:
        fit = bnn.fit(model, x, y, draws=draws, **settings)
        spent = fit.idata["posterior"].attrs["sampling_seconds"]
        if spent > least or draws >= 20_000:
            return spent / draws
        draws = min(20_000, max(2 * draws, int(1.2 * draws * least / spent)))


def exponent(sizes, values):
    """Slope of log value on log size over the upper half."""
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(values[half:]), 1)[0])


def products(n, p, m, candidates, chains):
    """A compiled function that does a sweep's matrix products and nothing else, for all chains."""
    rng = np.random.default_rng(1)
    inputs, rows = jnp.asarray(rng.normal(size=(p + 1, n))), jnp.asarray(rng.normal(size=(chains, m + 2, n)))
    gammas = jnp.asarray(rng.normal(size=(chains, m, candidates, p + 1)))

    def chain(rows, gammas):
        def unit(j, total):
            return total + rows @ (gammas[j] @ inputs).T

        start = jnp.zeros((m + 2, candidates))
        return jax.lax.fori_loop(0, m, unit, start).sum() + (rows @ rows.T).sum()

    return jax.jit(jax.vmap(chain)), (rows, gammas)


def big(n=100_000, p=20, m=10, draws=100, sweeps=10):
    """Peak memory and seconds of the large fit, and of the bare products."""
    x, y = table(n, p)
    sampler = bnn.Gibbs(sweeps=sweeps)
    begun = time.perf_counter()
    fit = bnn.fit(bnn.shallow(m), x, y, sampler=sampler, draws=draws, warmup=10, chains=4, progress=False)
    whole = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sweep, bare = [fit.idata["posterior"].attrs["sampling_seconds"] / (draws * sweeps)], []
    with jax.enable_x64(True):
        function, arguments = products(n, p, m, sampler.candidates, 4)
        jax.block_until_ready(function(*arguments))
    for _ in range(3):
        with jax.enable_x64(True):
            begun = time.perf_counter()
            for _ in range(10):
                jax.block_until_ready(function(*arguments))
            bare.append((time.perf_counter() - begun) / 10)
        before = fit.idata["posterior"].attrs["sampling_seconds"]
        more = bnn.extend(fit, 5, progress=False)
        sweep.append((more.idata["posterior"].attrs["sampling_seconds"] - before) / (5 * sweeps))
    return {
        "seconds, 1000 sweeps and all": whole,
        "peak_gib": peak,
        "sweep": float(np.median(sweep)),
        "products": float(np.median(bare)),
        "ratio": float(np.median(sweep) / np.median(bare)),
    }


def draw(result, file):
    """Seconds against size, one panel an axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = [axis for axis in SIZES if axis in result]
    figure, panels = plt.subplots(1, len(axes), figsize=(2.6 * len(axes), 2.8), layout="constrained", squeeze=False)
    for panel, axis in zip(panels[0], axes):
        row = result[axis]
        panel.loglog(row["sizes"], row["seconds"], "o-", color="tab:blue")
        panel.set_title(f"{axis}: exponent {row['exponent']:.2f}", fontsize=9)
        panel.set_xlabel(axis)
        panel.set_xticks(row["sizes"], [f"{size:g}" for size in row["sizes"]], fontsize=7, rotation=45)
        panel.minorticks_off()
    panels[0][0].set_ylabel("seconds per sweep (draws: per fit)")
    figure.savefig(file, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two sizes each, no time to speak of")
    parser.add_argument("--only", default="", help="axes, and big, separated by commas")
    parser.add_argument("--json", default="growth.json")
    parser.add_argument("--picture", help="file for a picture")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print("RESULT " + json.dumps(big(n=1000, draws=10) if chosen.quick else big()))
        return
    result = {}
    for axis in chosen.only.split(",") if chosen.only else [*SIZES, "big"]:
        if axis == "big":
            command = [sys.executable, "-W", "ignore", __file__, "--child", *(["--quick"] if chosen.quick else [])]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
            result["big"] = json.loads(line.removeprefix("RESULT "))
            print("big", {k: round(v, 4) for k, v in result["big"].items()}, flush=True)
        else:
            sizes = SIZES[axis][:2] if chosen.quick else SIZES[axis]
            values = [seconds(axis, size, 0.1 if chosen.quick else 1.5) for size in sizes]
            result[axis] = {"sizes": sizes, "seconds": values, "exponent": exponent(sizes, values)}
            shown = "  ".join(f"{size}: {value:.3g} s" for size, value in zip(sizes, values))
            print(f"{axis:7s} exponent {result[axis]['exponent']:.2f}   {shown}", flush=True)
        Path(chosen.json).write_text(json.dumps(result, indent=1))
    if chosen.picture:
        draw(result, chosen.picture)


if __name__ == "__main__":
    main()
