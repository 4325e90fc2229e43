"""This package beside its peers on one posterior: effective draws per second, and the whole way to converged draws.

Run: python tests/benchmarks/peers.py [--only bayesnn_gibbs,nutpie] [--keys 0,1,2] [--limit 900] [--json peers.json]

Needs the extra `bench`; a peer that is not installed is named as missing. Sunspots of 1700-1988, lags 2, 5 hidden
units, the hyperparameters and standardised data of `shallow.py`, four chains, 1000 warm-up steps; every peer is a fresh
process on all cores with its own defaults otherwise. Columns:

    first draw    seconds from process start, imports and compilation included, to the end of warm-up
    converged     seconds from process start to R-hat < 1.01 and 400 effective draws (bulk) of every function value, by
                  the shortest start of the run that has both, sampling taken as linear in draws; more draws are taken
                  until there are enough or the limit is reached
    min, median   effective draws per second of sampling, over all function values
    memory        peak resident memory in MB, of the process or the largest that it started

At the end: how far means and standard deviations of function values are from those of the first peer.

The function is scored at all 287 rows. The textbook model is written once for NumPyro (BlackJAX samples its density),
once for PyMC (nutpie samples that), with the Wishart prior of the units' precision as its Bartlett factor in both.
"bayesnn_gibbs" starts with an empty cache of compiled programs, "again" with what that left on the disk, as every
start but a user's first. "airfoil" is another comparison: sklearn-contrib-bde on the rows and with the scores of
`airfoil.py`.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402

HIDDEN, CHAINS, WARMUP = 5, 4, 1000
ENOUGH = 400
PACKAGES = {"pymc": ["pymc"], "nutpie": ["nutpie", "pymc"], "blackjax": ["blackjax"], "bde": ["bde"]}


def rows():
    """Standardised lag rows and targets."""
    import bayesnn as bnn

    values = bnn.datasets.sunspots().loc[:1988].to_numpy(dtype=float)
    x, y = np.column_stack([values[1:-1], values[:-2]]), values[2:]
    return x, y


def scaled():
    x, y = rows()
    return (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()


# Each peer yields (seconds from process start to the end of warm-up, seconds of sampling so far, f (chain, draw, row))


def bayesnn_peer(sampler, **settings):
    def run(draws, since, key):
        import bayesnn as bnn

        x, y = rows()
        fit = bnn.fit(
            bnn.shallow(HIDDEN),
            x,
            y,
            sampler=sampler,
            draws=draws,
            warmup=WARMUP,
            chains=CHAINS,
            key=key,
            progress=False,
            **settings,
        )
        before = since() - fit.idata["posterior"].attrs["sampling_seconds"]
        while True:
            seconds = fit.idata["posterior"].attrs["sampling_seconds"]
            yield before, seconds, (bnn.predict(fit, x).to_numpy() - y.mean()) / y.std()
            fit = bnn.extend(fit, fit.idata["posterior"].sizes["draw"], progress=False)

    return run


def numpyro_peer(centred):
    def run(draws, since, key):
        import numpyro
        from shallow import textbook

        numpyro.set_host_device_count(CHAINS)
        import jax
        from numpyro.infer import MCMC, NUTS

        arguments = *map(jax.numpy.asarray, scaled()), HIDDEN, centred
        mcmc = MCMC(NUTS(textbook), num_warmup=WARMUP, num_samples=draws, num_chains=CHAINS, progress_bar=False)
        mcmc.warmup(jax.random.key(key), *arguments)
        jax.block_until_ready(mcmc.post_warmup_state)
        before, seconds, f = since(), 0.0, []
        while True:
            begun = time.perf_counter()
            mcmc.run(mcmc.post_warmup_state.rng_key, *arguments)
            f.append(np.asarray(mcmc.get_samples(group_by_chain=True)["f"]))
            seconds += time.perf_counter() - begun
            yield before, seconds, np.concatenate(f, axis=1)
            mcmc.post_warmup_state = mcmc.last_state

    return run


def pymc_model(centred):
    import pymc as pm
    import pytensor.tensor as pt

    x, y = scaled()
    design = np.column_stack([np.ones(len(x)), x])
    q = design.shape[1]
    with pm.Model() as model:
        mu_beta = pm.Normal("mu_beta", 0.0, 1.0)
        hyper = hyperparameters()
        half = hyper.readout_size / 2
        sigma_beta = pm.Gamma("beta_precision", half, half * hyper.readout_guess) ** -0.5
        mu_gamma = pm.Normal("mu_gamma", 0.0, 1.0, shape=q)
        diagonal = pt.sqrt(pm.ChiSquared("diagonal", np.arange(q, 0, -1.0), shape=q))  # Bartlett, q degrees of freedom
        below = pm.Normal("below", 0.0, 1.0, shape=q * (q - 1) // 2)
        root = pt.set_subtensor(pt.diag(diagonal)[np.tril_indices(q, -1)], below)
        if centred:
            beta = pm.Normal("beta", mu_beta, sigma_beta, shape=HIDDEN)
            gamma = pm.MvNormal("gamma", mu_gamma, tau=root @ root.T, shape=(HIDDEN, q))
        else:
            beta = mu_beta + sigma_beta * pm.Normal("raw_b", 0.0, 1.0, shape=HIDDEN)
            raw = pm.Normal("raw_g", 0.0, 1.0, shape=(HIDDEN, q))
            gamma = mu_gamma + pt.slinalg.solve_triangular(root.T, raw.T, lower=False).T
        half = hyper.noise_size / 2
        sigma = pm.Gamma("noise_precision", half, half * hyper.noise_guess) ** -0.5
        f = pm.Deterministic("f", pm.math.sigmoid(design @ gamma.T) @ beta)
        pm.Normal("y", f, sigma, observed=y)
    return model


def hyperparameters():
    from shallow import HYPER

    assert (HYPER.readout_mean, HYPER.readout_mean_variance) == (0.0, 1.0)
    return HYPER


def from_trace(trace):
    return trace.posterior["f"].to_numpy()


def pymc_peer(centred):
    def run(draws, since, key):
        import pymc as pm

        marks = []

        def watch(trace, draw):
            if not draw.tuning and not marks:
                marks.append(since())

        model, count = pymc_model(centred), draws
        while True:  # PyMC cannot go on from where it was
            marks.clear()
            begun = since()
            with model:
                trace = pm.sample(
                    count,
                    tune=WARMUP,
                    chains=CHAINS,
                    progressbar=False,
                    random_seed=1 + key,
                    callback=watch,
                    compute_convergence_checks=False,
                )
            extra = begun if count > draws else 0.0  # what an earlier, shorter run cost is not counted
            yield marks[0] - extra, since() - marks[0], from_trace(trace)
            count *= 2

    return run


def nutpie_peer(centred):
    def run(draws, since, key):
        import nutpie

        compiled = nutpie.compile_pymc_model(pymc_model(centred))
        count, ready = draws, since()
        while True:
            begun = time.perf_counter()
            trace = nutpie.sample(compiled, draws=count, tune=WARMUP, chains=CHAINS, seed=1 + key, progress_bar=False)
            seconds = time.perf_counter() - begun
            steps = [trace.warmup_sample_stats["n_steps"].sum().item(), trace.sample_stats["n_steps"].sum().item()]
            warm = seconds * steps[0] / sum(steps)  # seconds by leapfrog steps, of which both phases consist
            yield ready + warm, seconds - warm, from_trace(trace)
            count *= 2

    return run


def blackjax_density(centred, key):
    import jax
    from numpyro.infer import init_to_sample
    from numpyro.infer.util import initialize_model
    from shallow import textbook

    arguments = *map(jax.numpy.asarray, scaled()), HIDDEN, centred
    keys = jax.random.split(jax.random.key(2 * key), CHAINS)
    info = initialize_model(keys, textbook, model_args=arguments, init_strategy=init_to_sample)
    return info.param_info.z, lambda z: -info.potential_fn(z), jax.vmap(jax.vmap(lambda z: info.postprocess_fn(z)["f"]))


def blackjax_peer(algorithm, centred=False):
    def run(draws, since, key):
        import blackjax
        import jax

        starts, density, function = blackjax_density(centred, key)
        keys = jax.random.split(jax.random.key(1 + 2 * key), CHAINS)

        def warm_nuts(key, start):
            adapt = blackjax.window_adaptation(blackjax.nuts, density)
            (state, parameters), _ = adapt.run(key, start, num_steps=WARMUP)
            return state, parameters

        def warm_mclmc(key, start):
            first, second = jax.random.split(key)
            state = blackjax.mcmc.mclmc.init(start, density, first)

            def kernel(sqrt_diag_cov):
                return blackjax.mcmc.mclmc.build_kernel(
                    density, sqrt_diag_cov, blackjax.mcmc.integrators.isokinetic_mclachlan
                )

            state, found = blackjax.mclmc_find_L_and_step_size(kernel, 10 * WARMUP, state, second)
            return state, {"L": found.L, "step_size": found.step_size, "sqrt_diag_cov": found.sqrt_diag_cov}

        nuts = algorithm == "nuts"
        states, parameters = jax.jit(jax.vmap(warm_nuts if nuts else warm_mclmc))(keys, starts)
        jax.block_until_ready(states)
        before, seconds, f = since(), 0.0, []
        steps = 1 if nuts else 10  # MCLMC keeps every tenth

        def chain(key, state, parameters):
            kernel = (blackjax.nuts if nuts else blackjax.mclmc)(density, **parameters)

            def one(state, key):
                for_steps = jax.random.split(key, steps)
                state, _ = jax.lax.scan(lambda s, k: (kernel.step(k, s)[0], None), state, for_steps)
                return state, state.position

            return jax.lax.scan(one, state, jax.random.split(key, draws))

        advance = jax.jit(jax.vmap(chain)).lower(keys, states, parameters).compile()
        compiled = since() - before
        before += compiled
        for i in range(100):
            begun = time.perf_counter()
            states, positions = advance(jax.vmap(lambda k, i=i: jax.random.fold_in(k, i))(keys), states, parameters)
            jax.block_until_ready(positions)
            seconds += time.perf_counter() - begun
            f.append(np.asarray(function(positions)))
            yield before, seconds, np.concatenate(f, axis=1)

    return run


def peers():
    """Name -> function of (draws, clock, key)."""
    import bayesnn as bnn

    return {
        "bayesnn_gibbs": bayesnn_peer(bnn.Gibbs()),
        "bayesnn_gibbs_again": bayesnn_peer(bnn.Gibbs()),
        "bayesnn_nuts_marginal": bayesnn_peer(bnn.NUTS(), marginalize=True),
        "bayesnn_nuts": bayesnn_peer(bnn.NUTS()),
        "numpyro_centred": numpyro_peer(True),
        "numpyro_noncentred": numpyro_peer(False),
        "nutpie_centred": nutpie_peer(True),
        "nutpie_noncentred": nutpie_peer(False),
        "pymc_centred": pymc_peer(True),
        "pymc_noncentred": pymc_peer(False),
        "blackjax_nuts": blackjax_peer("nuts"),
        "blackjax_mclmc": blackjax_peer("mclmc"),
    }


def judged(f, count):
    """Largest R-hat and smallest bulk ESS of the first `count` draws of every function value."""
    import arviz as az

    data = az.convert_to_dataset({"f": f[:, :count]})
    ess = az.ess(data)["f"].to_numpy()
    return float(az.rhat(data)["f"].max()), float(ess.min()), float(np.median(ess))


def child(name, draws, limit, started, key):
    """Run one peer in this process until it has converged or the limit is over, and print what was seen."""

    def since():
        return time.time() - started

    result = {}
    for before, seconds, f in peers()[name](draws, since, key):
        total = f.shape[1]
        r_hat, low, middle = judged(f, total)
        result = {"first_draw": before, "sampling_seconds": seconds, "draws": total, "r_hat": r_hat, "ess_min": low}
        result |= {"min": low / seconds, "median": middle / seconds, "converged": None}
        f_50 = f[..., ::50]  # for a look at whether all sample the same posterior
        result |= {"mean of f": f_50.mean(axis=(0, 1)).tolist(), "sd of f": f_50.std(axis=(0, 1)).tolist()}
        if r_hat < 1.01 and low >= ENOUGH:
            grid = [int(total * k / 20) for k in range(1, 21)]
            need = next(n for n in grid if (s := judged(f, n))[0] < 1.01 and s[1] >= ENOUGH)
            result |= {"converged": before + seconds * need / total, "draws_needed": need}
            break
        if since() + 2 * seconds > limit:  # the next run would be twice as long
            break
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print("RESULT " + json.dumps(result | {"memory_mb": max(peaks) / 1024}), flush=True)


def airfoil(members=10, warmup=50_000):
    """sklearn-contrib-bde with four relu layers of 16, as in `airfoil.py`."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={os.cpu_count()}"
    started = time.perf_counter()
    from airfoil import rows as airfoil_rows
    from bde import BdeRegressor
    from scipy.special import logsumexp
    from scipy.stats import norm

    train, test = airfoil_rows()
    centre, scale = train.mean(0), train.std(0)
    train, test = (train - centre) / scale, (test - centre) / scale
    model = BdeRegressor(
        n_members=members, hidden_layers=[16] * 4, epochs=1000, patience=20, lr=5e-3, warmup_steps=warmup,
        n_samples=1000, n_thinning=10, desired_energy_var_start=0.5, desired_energy_var_end=0.1, seed=0,
    )  # fmt: skip
    model.fit(train[:, :5], train[:, 5])
    raw = np.asarray(model.predict(test[:, :5], raw=True))
    raw = raw.reshape(-1, *raw.shape[-2:])
    mean, sd = raw[..., 0], np.logaddexp(0.0, raw[..., 1]) + 1e-6
    density = logsumexp(norm.logpdf(test[:, 5], mean, sd), axis=0) - np.log(len(raw))
    rmse = float(np.sqrt(np.mean((mean.mean(axis=0) - test[:, 5]) ** 2)))
    seconds = time.perf_counter() - started
    print("RESULT " + json.dumps({"rmse": rmse, "nll": float(-density.mean()), "seconds": seconds}))


def launched(arguments, limit, cache):
    """The result of a fresh process."""
    command = [sys.executable, "-W", "ignore", __file__, *map(str, arguments), "--started", repr(time.time())]
    environment = os.environ | {"BAYESNN_CACHE": cache}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit + 600)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {limit + 600} s"}
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        return {"failed": (done.stderr.strip() or "no output").splitlines()[-1][:300]}
    return json.loads(found[0].removeprefix("RESULT "))


def missing(name):
    """The package that a peer needs and that is not installed."""
    needed = PACKAGES.get(name.split("_")[0], [])
    return next((package for package in needed if importlib.util.find_spec(package) is None), None)


def show(name, row, ours):
    if "converged" not in row:
        print(f"{name:24s} {row}", flush=True)
        return
    way = (
        f"{row['converged']:8.1f} s"
        if row["converged"]
        else f"  not in {row['first_draw'] + row['sampling_seconds']:.0f} s"
    )
    ratio = f"{row['converged'] / ours:5.1f} x" if row["converged"] and ours else ""
    print(
        f"{name:24s} first draw {row['first_draw']:6.1f} s  converged {way} {ratio:8s} R-hat {row['r_hat']:.3f}"
        f"  ESS/s min {row['min']:7.1f} median {row['median']:7.1f}  {row['memory_mb']:6.0f} MB",
        flush=True,
    )


def versions():
    names = ("jax", "numpyro", "pymc", "nutpie", "blackjax", "sklearn-contrib-bde")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="peers, separated by commas")
    parser.add_argument("--draws", type=int, default=1000, help="draws per chain of the first run")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one peer to converge")
    parser.add_argument("--keys", default="0", help="one run a key, separated by commas; ratios are of medians")
    parser.add_argument("--json", default="peers.json")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child == "airfoil":
        airfoil()
        return
    if chosen.child:
        child(chosen.child, chosen.draws, chosen.limit, chosen.started, int(chosen.keys))
        return
    names = chosen.only.split(",") if chosen.only else [*peers(), "airfoil"]
    table, ours, keys = {}, None, chosen.keys.split(",")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            table[name] = []
            for key in keys[:1] if name == "airfoil" else keys:
                cache = f"{folder}/{key}"  # "again" finds what "bayesnn_gibbs" of the same key has left
                if package := missing("bde" if name == "airfoil" else name):
                    row = {"missing": f"{package} is not installed: pip install bayesnn[bench]"}
                else:
                    arguments = ["--child", name, "--draws", chosen.draws, "--limit", chosen.limit, "--keys", key]
                    row = launched(arguments, chosen.limit, cache)
                table[name].append(row)
                show(f"{name} {key}" if len(keys) > 1 else name, row, ours)
            middle = middle_of(table[name])
            ours = ours or (middle if name == "bayesnn_gibbs" else None)
            if middle and ours and len(keys) > 1:
                print(f"{name:24s} median of {len(keys)}: converged {middle:.1f} s, {middle / ours:.1f} x", flush=True)
            machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
            Path(chosen.json).write_text(json.dumps({"machine": machine | versions(), "peers": table}, indent=1))
    agreement(table)


def agreement(table):
    """Print how far function values of each peer, all keys together, are from those of the first."""
    moments = {}
    for name, rows in table.items():
        if rows := [row for row in rows if "mean of f" in row]:
            moments[name] = [np.mean([row[of] for row in rows], axis=0) for of in ("mean of f", "sd of f")]
    for name, (mean, sd) in list(moments.items())[1:]:
        first_mean, first_sd = next(iter(moments.values()))
        apart, ratio = np.max(np.abs(mean - first_mean) / first_sd), sd / first_sd
        print(f"{name:24s} means within {apart:.3f} sd of the first, sd {ratio.min():.3f} to {ratio.max():.3f} times")


def middle_of(rows):
    """Median seconds to converged draws; None if half the runs did not get there."""
    seconds = [row.get("converged") or float("inf") for row in rows]
    middle = statistics.median(seconds)
    return middle if middle < float("inf") else None


if __name__ == "__main__":
    main()
