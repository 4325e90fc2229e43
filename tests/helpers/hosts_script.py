"""A script that several processes run together: `python hosts_script.py PORT PROCESSES PROCESS CASES FOLDER`.

With one process it runs alone. What it drew goes to FOLDER/CASE-PROCESSES-PROCESS.npz, for each case of a comma list.
"""

import sys
import time
from pathlib import Path

import numpy as np

import bayesnn as bnn
from bayesnn.fitting import until_converged
from bayesnn.samplers.engine import chains

X = np.linspace(-1.5, 1.5, 15)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
COUNTS = {"draws": 20, "warmup": 20, "chains": 5, "key": 3, "progress": False}
NETWORK = bnn.Model([bnn.Dense(2, "tanh")])


def settings(case, process):
    """Model and arguments of `fit`."""
    walk = bnn.HMC(trajectory_length=1.0)
    short = {"draws": 5, "warmup": 5}
    return {
        "gibbs": (bnn.shallow(2), {"sampler": bnn.Gibbs(candidates=3, sweeps=2)}),
        "hmc": (NETWORK, {"sampler": walk, "superchains": 5, "chains": 10}),
        "auto": (bnn.shallow(2), {"draws": "auto", "max_seconds": float("inf")}),
        "time": (bnn.shallow(2), {"draws": "auto", "max_seconds": 1e-9}),
        "rows": (NETWORK, {"sampler": walk, "chain_method": "rows", **short}),
        "ensemble": (NETWORK, {"sampler": bnn.MCLMC(steps=2, start=bnn.MAP(steps=20, validation=None)), **short}),
        "variational": (NETWORK, {"sampler": bnn.Variational(steps=20)}),
        "differ": (bnn.shallow(2), {"key": process}),
        "lost": (bnn.shallow(2), {"draws": 10**7}),
        "early": (bnn.shallow(2), {}),
    }[case]


def hang(process):
    """Print a line when the chains have started; all processes but the first then wait to be killed."""
    advance = chains._advance_all

    def announced(*arguments):
        print("advanced", flush=True)
        if process:
            time.sleep(1000)
        return advance(*arguments)

    chains._advance_all = announced


def run(case, processes, process, folder):
    """Fit one case, in a folder and extended if possible, and write the result."""
    model, changed = settings(case, process)
    if case == "early" and process:
        raise RuntimeError("ended on its own")
    if case == "lost":
        hang(process)
    if case in ("auto", "time"):  # few draws are enough, and some of them are dropped; or the time is over first
        until_converged.KEPT = until_converged.FEWEST_KEPT = 32
        until_converged.R_HAT_LIMIT, until_converged.ESS_PER_CHAIN = 1.5, 8 if case == "auto" else 10**6
    kept = Path(folder) / f"run-{processes}" if case == "gibbs" else None
    fit = bnn.fit(model, X, Y, path=kept, **COUNTS | changed)
    if case in ("gibbs", "hmc"):
        fit = bnn.extend(fit, 5, progress=False)
    posterior, density = fit.idata["posterior"], fit.idata["log_likelihood"]["y"]
    values = {name: v.to_numpy() for name, v in posterior.data_vars.items()} | {"density": density.to_numpy()}
    if case in ("auto", "time"):
        values |= {name: posterior.attrs[name] for name in ("thinning", "stopped")}
    np.savez(Path(folder) / f"{case}-{processes}-{process}.npz", method=posterior.attrs["chain_method"], **values)


def main(port, processes, process, cases, folder):
    """Run all cases in turn."""
    if int(processes) > 1:
        bnn.join_hosts(f"localhost:{port}", int(processes), int(process), lost_after=10)
    for case in cases.split(","):
        run(case, int(processes), int(process), folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
