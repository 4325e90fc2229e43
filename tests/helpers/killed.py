"""Fits that another process kills: `python killed.py FOLDER CASE` runs one, printing a line at every write."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

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


def run_many(place, case, numbers, talk, compare):
    """Fits in as many threads at once, each in a folder of its own: a kill of the process ends all of them.

    `talk` gets ("write", 0) at every write and ("end", number) for each fit that is done; with `compare`, whether its
    draws are those of a fit that was never stopped.
    """
    lock = threading.Lock()

    def tell(*message):
        with lock:
            talk.send(message)

    announce(lambda: tell("write", 0))
    straight = run(None, case, 60).idata if compare else None

    def one(number):
        found = run(f"{place}/{number}", case, 60)
        tell("end", number)
        if compare:
            same = all(
                np.array_equal(found.idata[group][name], values)
                for group in ("posterior", "sample_stats", "log_likelihood")
                for name, values in straight[group].data_vars.items()
            )
            tell("same" if same and found.complete else "other", number)

    with ThreadPoolExecutor(len(numbers)) as pool:
        list(pool.map(one, numbers))


def announce(tell):
    """Call a function before every write of every run."""
    import warnings

    warnings.simplefilter("ignore")
    from bayesnn.fitting.store import run_store

    write = run_store.RunStore.write

    def announced(self, *arguments):
        tell()
        write(self, *arguments)

    run_store.RunStore.write = announced


if __name__ == "__main__":
    announce(lambda: print("write", flush=True))
    run(sys.argv[1], sys.argv[2])
