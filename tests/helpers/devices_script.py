"""Fits on all devices that JAX has: `python devices_script.py FILE CASES` writes draws and chain methods."""

import sys

import jax
import numpy as np

import bayesnn as bnn

X = np.linspace(-1.5, 1.5, 15)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
SHALLOW, DEEP = bnn.shallow(2), bnn.Model([bnn.Dense(2, "tanh")])
GIBBS, WALK = bnn.Gibbs(candidates=3, sweeps=2), bnn.HMC(trajectory_length=1.0)
CASES = {
    "even": (SHALLOW, {"sampler": GIBBS, "chains": 6, "draws": 20}),
    "uneven": (SHALLOW, {"sampler": GIBBS, "chains": 5, "draws": 20}),
    "rows": (DEEP, {"sampler": WALK, "chains": 2, "draws": 3, "chain_method": "rows"}),
    "rows by Gibbs": (SHALLOW, {"sampler": GIBBS, "chains": 2, "draws": 20, "chain_method": "rows"}),
}


def draws(cases):
    """Posterior draws of every case by "case site", and its chain method by "case method"."""
    found = {"devices": jax.device_count()}
    for case in cases:
        model, settings = CASES[case]
        fit = bnn.fit(model, X, Y, warmup=3, key=3, progress=False, **settings)
        if case == "even":
            fit = bnn.extend(fit, 5, progress=False)
        posterior = fit.idata["posterior"]
        found |= {f"{case} {name}": values.to_numpy() for name, values in posterior.data_vars.items()}
        found[f"{case} method"] = posterior.attrs["chain_method"]
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], **draws(sys.argv[2].split(",")))
