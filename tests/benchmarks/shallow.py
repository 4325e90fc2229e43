"""Function-space effective draws per second of every sampler on the shallow network, in one process.

Run: python tests/benchmarks/shallow.py [--quick] [--only sunspots_2,mcycle] [--json shallow.json]

Each row fits the same posterior (same hyperparameters, same standardised data), scored on the function at 40 rows:
minimum and median bulk ESS (ArviZ) over those rows, divided by the seconds of the sampling phase alone, compilation and
warm-up apart. The yardstick is NumPyro's NUTS on the model as a user would write it by hand, below: once as printed in
the paper (centred), once non-centred, each with NumPyro's own driver. Ratios are over the faster of the two that has
R-hat under 1.01, and counted only for rows that have it too; in brackets over the faster of the two whatever its R-hat,
and over this package's own NUTS on the full model, the same algorithm with chains side by side on all cores.
"""

import argparse
import json
import os
import platform
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", category=FutureWarning)

import arviz as az  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import numpyro  # noqa: E402
import numpyro.distributions as dist  # noqa: E402
from numpyro import infer  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.samplers import PROPOSALS  # noqa: E402

HYPER = bnn.ShallowHyperparameters()
POINTS = 40
WARMUP = 1000


def textbook(x, y, hidden, centred):
    """The model as printed: Müller and Ríos Insua (1998), section 2."""
    design = jnp.column_stack([jnp.ones(len(x)), x])
    q = design.shape[1]
    mu_beta = numpyro.sample("mu_beta", dist.Normal(HYPER.readout_mean, HYPER.readout_mean_variance**0.5))
    half = HYPER.readout_size / 2
    sigma_beta = numpyro.sample("beta_precision", dist.Gamma(half, half * HYPER.readout_guess)) ** -0.5
    mu_gamma = numpyro.sample("mu_gamma", dist.Normal(0.0, 1.0).expand([q]).to_event(1))
    root = numpyro.sample("gamma_precision", dist.WishartCholesky(float(q), scale_matrix=jnp.eye(q)))
    if centred:
        beta = numpyro.sample("beta", dist.Normal(mu_beta, sigma_beta).expand([hidden]).to_event(1))
        units = dist.MultivariateNormal(mu_gamma, precision_matrix=root @ root.T)
        gamma = numpyro.sample("gamma", units.expand([hidden]).to_event(1))
    else:
        beta = mu_beta + sigma_beta * numpyro.sample("raw_b", dist.Normal(0.0, 1.0).expand([hidden]).to_event(1))
        raw = numpyro.sample("raw_g", dist.Normal(0.0, 1.0).expand([hidden, q]).to_event(2))
        gamma = mu_gamma + jax.scipy.linalg.solve_triangular(root.T, raw.T, lower=False).T
    half = HYPER.noise_size / 2
    sigma = numpyro.deterministic(
        "sigma", numpyro.sample("noise_precision", dist.Gamma(half, half * HYPER.noise_guess)) ** -0.5
    )
    f = numpyro.deterministic("f", jax.nn.sigmoid(design @ gamma.T) @ beta)
    numpyro.sample("y", dist.Normal(f, sigma), obs=y)


def lag_rows(values, lags):
    """Rows of the last `lags` values, most recent first, and what follows."""
    rows = [values[lags - k - 1 : len(values) - k - 1] for k in range(lags)]
    return np.column_stack(rows), values[lags:]


def problems():
    """Name -> (x, y, hidden units); the FBM example only where its file is at hand."""
    sunspots = bnn.datasets.sunspots().loc[:1988].to_numpy(dtype=float)
    mcycle = bnn.datasets.mcycle()
    found = {
        "sunspots_2": (*lag_rows(sunspots, 2), 5),
        "mcycle": (mcycle[["times"]].to_numpy(dtype=float), mcycle["accel"].to_numpy(dtype=float), 4),
        "sunspots_9": (*lag_rows(sunspots, 9), 8),
    }
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    rdata = Path(os.environ.get("BAYESNN_SHARED_DATA") or default) / "fbm_examples" / "rdata"
    if rdata.is_file():
        table = np.loadtxt(rdata)[:100]
        found["rdata"] = (table[:, :1], table[:, 1], 8)
    else:
        print(f"rdata left out: no file {rdata} (set BAYESNN_SHARED_DATA)")
    return found


def score(f, sigma, seconds):
    """ESS and R-hat of function values f (chain, draw, point)."""
    data = az.convert_to_dataset({"f": f, "sigma": sigma})
    ess, r_hat = az.ess(data)["f"].to_numpy(), az.rhat(data)["f"].to_numpy()
    low, middle = ess.min(), np.median(ess)
    return {
        "chains": f.shape[0],
        "draws": f.shape[1],
        "sampling_seconds": seconds,
        "ess_min": low,
        "ess_median": middle,
        "ess_min_per_second": low / seconds,
        "ess_median_per_second": middle / seconds,
        "r_hat": r_hat.max(),
        "sigma": float(sigma.mean()),
    }


def by_hand(x, y, hidden, centred, warmup, draws, chains, method):
    """NumPyro's own driver on the textbook model, in double precision, vectorised or in turn."""
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    rows = np.linspace(0, len(y) - 1, POINTS).astype(int)
    with jax.enable_x64(True):
        mcmc = infer.MCMC(
            infer.NUTS(textbook),
            num_warmup=warmup,
            num_samples=draws,
            num_chains=chains,
            chain_method=method,
            progress_bar=False,
        )
        arguments = jnp.asarray(x), jnp.asarray(y), hidden, centred
        mcmc.warmup(jax.random.key(0), *arguments)

        def sampling(keys, state):
            mcmc.post_warmup_state = state
            mcmc.run(keys, *arguments)
            return mcmc.get_samples(group_by_chain=True)

        state = mcmc.last_state
        compiled = jax.jit(sampling).lower(state.rng_key, state).compile()  # NumPyro alone compiles at every run
        started = time.perf_counter()
        samples = jax.block_until_ready(compiled(state.rng_key, state))
        seconds = time.perf_counter() - started
        return score(np.asarray(samples["f"])[:, :, rows], np.asarray(samples["sigma"]), seconds)


def packaged(x, y, hidden, sampler, warmup, draws, chains, marginalize=False):
    """This package's fit with default settings."""
    rows = np.linspace(0, len(y) - 1, POINTS).astype(int)
    fit = bnn.fit(
        bnn.shallow(hidden, hyper=HYPER),
        x,
        y,
        sampler=sampler,
        draws=draws,
        warmup=warmup,
        chains=chains,
        marginalize=marginalize,
        progress=False,
    )
    f = bnn.predict(fit, x[rows]).to_numpy()
    sigma = fit.sites()["sigma"]
    attrs = fit.idata["posterior"].attrs
    return score(f, sigma, attrs["sampling_seconds"]) | {"compile_seconds": attrs["compile_seconds"]}


def methods(x, y, hidden, nuts, gibbs):
    """Rows of the table, name -> function that gives the figures, for so many draws per chain after WARMUP steps."""
    problem = x, y, hidden
    rows = {
        f"textbook NUTS, {'' if centred else 'non-'}centred": lambda c=centred: by_hand(
            *problem, c, WARMUP, nuts, 4, "vectorized"
        )
        for centred in (True, False)
    }
    for proposal in PROPOSALS:
        rows[f"Gibbs {proposal}"] = lambda p=proposal: packaged(*problem, bnn.Gibbs(p), WARMUP, gibbs, 4)
    rows["Gibbs slice, 16 chains"] = lambda: packaged(*problem, bnn.Gibbs(), WARMUP, gibbs, 16)
    rows["NUTS"] = lambda: packaged(*problem, bnn.NUTS(), WARMUP, nuts, 4)
    rows["NUTS, marginalize=True"] = lambda: packaged(*problem, bnn.NUTS(), WARMUP, nuts, 4, marginalize=True)
    return rows


def add_ratios(rows):
    """Ratios over the faster qualifying yardstick, and (marked) over the faster one whatever its R-hat."""
    yardsticks = [row for name, row in rows.items() if name.startswith("textbook")]
    honest = [row for row in yardsticks if row["r_hat"] < 1.01]
    for row in rows.values():
        for which in ("min", "median"):
            key = f"ess_{which}_per_second"
            good = honest and row["r_hat"] < 1.01
            row[f"ratio_{which}"] = row[key] / max(r[key] for r in honest) if good else None
            row[f"ratio_{which}_any_r_hat"] = row[key] / max(r[key] for r in yardsticks)
            row[f"ratio_{which}_own_nuts"] = row[key] / rows["NUTS"][key]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="300 draws by NUTS, 500 by Gibbs")
    parser.add_argument("--nuts-draws", type=int, default=1000, help="draws of a NUTS chain")
    parser.add_argument("--gibbs-draws", type=int, default=2000, help="draws of a Gibbs chain")
    parser.add_argument("--only", default="", help="problems, separated by commas")
    parser.add_argument("--json", default="shallow.json", help="where to write the figures")
    arguments = parser.parse_args()
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }
    draws = (300, 500) if arguments.quick else (arguments.nuts_draws, arguments.gibbs_draws)
    results = {"machine": machine, "problems": {}}
    for name, (x, y, hidden) in problems().items():
        if arguments.only and name not in arguments.only.split(","):
            continue
        rows = {}
        print(f"\n{name}: n = {len(y)}, inputs = {x.shape[1]}, hidden = {hidden}", flush=True)
        print(f"{'':28s}{'R-hat':>7}{'seconds':>9}{'ESS min':>9}{'median':>9}{'min/s':>9}{'median/s':>10}", flush=True)
        for method, run in methods(x, y, hidden, *draws).items():
            row = rows[method] = run()
            print(
                f"{method:28s}{row['r_hat']:7.3f}{row['sampling_seconds']:9.2f}{row['ess_min']:9.0f}"
                f"{row['ess_median']:9.0f}{row['ess_min_per_second']:9.1f}{row['ess_median_per_second']:10.1f}",
                flush=True,
            )
        add_ratios(rows)
        for method, row in rows.items():
            honest = (
                "not comparable" if row["ratio_min"] is None else f"{row['ratio_min']:.1f} / {row['ratio_median']:.1f}"
            )
            loose = f"{row['ratio_min_any_r_hat']:.1f} / {row['ratio_median_any_r_hat']:.1f}"
            own = f"{row['ratio_min_own_nuts']:.1f} / {row['ratio_median_own_nuts']:.1f}"
            print(f"  {method:28s} ratio min / median {honest:16s} [any R-hat {loose}; own NUTS {own}]", flush=True)
        results["problems"][name] = rows
    Path(arguments.json).write_text(json.dumps(results, indent=1))
    print(f"\nfigures: {arguments.json}")


if __name__ == "__main__":
    main()
