"""A fit that another process kills: `python killed.py FOLDER CASE` runs it, printing a line at every write."""

import sys

import numpy as np

X = np.linspace(-1.5, 1.5, 14)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])


def cases():
    import bayesnn as bnn

    deep = bnn.Model([bnn.Dense(2, "tanh")], bnn.StudentT(), bnn.Hierarchical())
    return {
        "gibbs": (bnn.shallow(2), bnn.Gibbs("adaptive", candidates=3, sweeps=1)),
        "auto": (bnn.shallow(2), bnn.Gibbs(candidates=3, sweeps=1)),
        "gibbs weights": (deep, bnn.Gibbs(steps=3, sweeps=1)),
        "nuts": (bnn.shallow(1), bnn.NUTS(max_tree_depth=4)),
        "hmc": (deep, bnn.HMC(trajectory_length=0.5)),
        "mclmc": (deep, bnn.MCLMC(steps=2, start=bnn.MAP(steps=100))),
        "map": (deep, bnn.MAP(steps=300)),
    }


def run(folder, case, draws=150):
    """Fit and write after every chunk of a few draws; without a folder, fit in memory."""
    import bayesnn as bnn
    from bayesnn.fitting import until_converged
    from bayesnn.fitting.store import run_store
    from bayesnn.samplers.engine import chains

    length = {"draws": draws}
    if case == "auto":  # of its own length, and thinned several times
        until_converged.KEPT = until_converged.FEWEST_KEPT = 32
        until_converged.R_HAT_LIMIT, until_converged.ESS_PER_CHAIN = 1.2, 9
        length = {"draws": "auto", "max_seconds": float("inf")}
    chains.CHUNK_SECONDS, chains.CHUNK, run_store.WRITE_SECONDS = 1e9, 7, 0.0
    model, sampler = cases()[case]
    return bnn.fit(
        model, X, Y, sampler=sampler, **length, warmup=60, chains=2, key=4, thinning=2, progress=False, path=folder
    )


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    from bayesnn.fitting.store import run_store

    write = run_store.RunStore.write

    def announced(self, *arguments):
        print("write", flush=True)
        write(self, *arguments)

    run_store.RunStore.write = announced
    run(sys.argv[1], sys.argv[2])
