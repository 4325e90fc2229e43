"""UCI airfoil self-noise: ten members of a microcanonical Langevin ensemble, scored on held-out rows.

Run: python tests/benchmarks/airfoil.py [--quick] [--seed 0] [--json airfoil.json]

1503 rows, 5 inputs; the first 80% of `numpy.random.default_rng(0).permutation(1503)` train. Four relu layers of 16
units give the mean and the log standard deviation of normal errors. RMSE of the posterior mean and negative log density
of the posterior predictive, a row, are on the scale of the standardised target. The data folder is BAYESNN_SHARED_DATA,
or `shared/data` beside the repository.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", category=FutureWarning)

import numpy as np  # noqa: E402
from scipy.special import logsumexp  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.fitting.draws import expectation, log_density, over_draws  # noqa: E402

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def rows():
    """Training and test parts of the table, split as above."""
    table = np.loadtxt(FOLDER / "uci_airfoil" / "data.txt")
    order = np.random.default_rng(0).permutation(len(table))
    count = int(0.8 * len(table))
    return table[order[:count]], table[order[count:]]


def model(scale):
    """Four relu layers of 16; weights of the prior have about standard deviation scale/4."""
    prior = bnn.Normal(scale=scale, readout_scale=scale, extra=scale / 4)
    return bnn.Model([bnn.Dense(16, "relu")] * 4, likelihood=bnn.Heteroskedastic(), prior=prior)


def scores(fit, x, y, chain_by_chain=False):
    """RMSE and negative log density of the standardised target, of all chains together or of each."""
    scaling = fit.data.scaling
    sites, target = fit.draws(), scaling.target(y)
    shape = fit.idata["posterior"].sizes["chain"], -1, len(y)
    mean = over_draws(expectation, fit.model, sites, scaling.inputs(x)).reshape(shape)
    density = over_draws(log_density, fit.model, sites, scaling.inputs(x), target).reshape(shape)
    if not chain_by_chain:
        mean, density = mean.reshape(1, -1, len(y)), density.reshape(1, -1, len(y))
    rmse = np.sqrt(np.mean((mean.mean(axis=1) - target) ** 2, axis=-1))
    nll = -np.mean(logsumexp(density, axis=1) - np.log(density.shape[1]), axis=-1)
    return rmse.tolist(), nll.tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that the script runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--scale", type=float, default=2.4, help="of the prior")
    parser.add_argument("--climb", type=int, default=3000, help="steps of Adam, at most")
    parser.add_argument("--warmup", type=int, default=500, help="iterations of 20 steps")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--thinning", type=int, default=2)
    parser.add_argument("--energy", type=float, default=0.05, help="variance of the energy error per dimension")
    parser.add_argument("--energy-start", type=float, default=0.5)
    parser.add_argument("--precision", default="single")
    parser.add_argument("--json", default="airfoil.json")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.climb, chosen.warmup, chosen.draws, chosen.thinning = 300, 10, 20, 1
    train, test = rows()
    sampler = bnn.MCLMC(
        energy_variance=chosen.energy,
        energy_variance_start=chosen.energy_start,
        start=bnn.MAP(learning_rate=0.005, steps=chosen.climb),
        precision=chosen.precision,
    )
    started, used = time.perf_counter(), time.process_time()
    fit = bnn.fit(
        model(chosen.scale),
        train[:, :5],
        train[:, 5],
        sampler=sampler,
        chains=chosen.members,
        warmup=chosen.warmup,
        draws=chosen.draws,
        thinning=chosen.thinning,
        key=chosen.seed,
        progress=False,
    )
    fitted = time.perf_counter() - started
    (rmse,), (nll,) = scores(fit, test[:, :5], test[:, 5])
    seconds = {"fit": fitted, "all": time.perf_counter() - started, "processor": time.process_time() - used}
    attrs = fit.idata["posterior"].attrs
    seconds |= {n: attrs[f"{n}_seconds"] for n in ("compile", "climb", "warmup", "sampling")}
    stats = {n: fit.idata["sample_stats"][n].to_numpy()[:, -1].tolist() for n in ("step_size", "decoherence_length")}
    error = fit.idata["sample_stats"]["energy_variance"].to_numpy().mean(axis=1).tolist()
    members = dict(zip(("rmse", "nll"), scores(fit, test[:, :5], test[:, 5], chain_by_chain=True), strict=True))
    lp = fit.idata["sample_stats"]["lp"].to_numpy()
    quarters = [part.mean(axis=(0, 1)).tolist() for part in np.array_split(lp[..., None], 4, axis=1)]
    result = {"rmse": rmse, "nll": nll, "seconds": seconds, "settings": vars(chosen), "members": members}
    result |= {"stats": stats | {"energy_variance": error, "lp by quarter": quarters}}
    print(f"RMSE {rmse:.4f}  NLL {nll:.3f}  fit {fitted:.0f} s, with scores {seconds['all']:.0f} s")
    Path(chosen.json).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
