"""Are the verdicts of `diagnose` honest? Short fits judged by long references.

Run: python tests/benchmarks/verdicts.py [--problems N] [--only NAME ...] [--keys N] [--folder FOLDER], or --chance

With a folder, references and results are kept there, one file a problem, and a run that was stopped goes on.

Twenty problems of 40 rows: shallow networks of one or two units with Gaussian and Student t errors, classes and counts,
a deep network and a GRU. "hat" is the same from left and from right, so a network with one unit has two modes, equal by
symmetry. Each has a long reference, by parallel tempering where plain chains disagree on the function. From it follows
how many draws a sampler needs for the 400 effective draws that `diagnose` asks for; each run of chains is judged after
a quarter of so many draws, after as many, and after twice as many. Runs with draws="auto" end by themselves. NUTS and
HMC have their own length: the reference of a shallow network is made by the Gibbs sampler, and says nothing about it.

A fit is off if a mean of its function values is more than four standard errors from the reference, those of both runs
counted; this also finds missed modes, if these differ in the function. It is right if it is not off and all these means
are within a fifth of a posterior sd of the reference: chains in different modes have large errors of their own. It is
warned of if the verdict says that the chains have not converged, or has warnings of the sampler. That more draws are
needed for 400 effective ones is a statement about length, and is counted on its own. R-hat has errors of its own: how
often that of independent draws is above the limit, of as many as are wanted and of more, is shown by `--chance`.
"""

import argparse
import json
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn
from bayesnn.evaluation.agreement import function_values
from bayesnn.evaluation.convergence import statistics
from bayesnn.fitting.inference_data import take_draws
from bayesnn.fitting.pointwise import log_likelihood_by_draw
from bayesnn.fitting.until_converged import CHAINS, ESS_PER_CHAIN, R_HAT_LIMIT

ROWS = 40
LIMIT = 4.0  # standard errors
NEAR = 0.2  # posterior standard deviations
WANTED = CHAINS * ESS_PER_CHAIN
SHARES = (0.25, 1.0, 2.0)  # of the draws that give so many effective ones
LONGEST = 6000  # draws of a short fit and of a chain of a reference
AUTO_SECONDS = 200.0
RNG = np.random.default_rng(0)
X = np.linspace(-2.0, 2.0, ROWS)[:, None]
LINE = X[:, 0]
GAP = np.r_[np.linspace(-2.0, -1.2, ROWS // 2), np.linspace(1.2, 2.0, ROWS // 2)][:, None]
NOISE = 0.3 * RNG.normal(size=(6, ROWS))
SEQUENCES = RNG.normal(size=(ROWS, 4, 1))
DATA = {
    "line": (X, LINE + NOISE[0]),
    "wave": (X, np.sin(2.5 * LINE) + NOISE[1]),
    "step": (X, np.sign(LINE - 0.4) + NOISE[2]),
    "noise": (X, NOISE[3]),
    "gap": (GAP, np.abs(GAP[:, 0]) + np.sin(4.0 * GAP[:, 0]) + NOISE[4]),
    "hat": (X, np.where(np.abs(LINE) < 0.8, 1.0, -1.0) + NOISE[5] + NOISE[5][::-1]),
    "last": (SEQUENCES, np.tanh(SEQUENCES[:, -1, 0]) + NOISE[0]),
    "sum": (SEQUENCES, np.tanh(SEQUENCES.sum(axis=(1, 2))) + NOISE[1]),
}
MODELS = {
    "1 unit": bnn.shallow(1),
    "2 units": bnn.shallow(2),
    "Student t": bnn.shallow(2, likelihood=bnn.StudentT()),
    "classes": bnn.shallow(2, likelihood=bnn.Bernoulli()),
    "counts": bnn.shallow(1, likelihood=bnn.Poisson()),
    "deep": bnn.Model([bnn.Dense(3, "tanh"), bnn.Dense(3, "tanh")], prior=bnn.Normal()),
    "GRU": bnn.Model([bnn.GRU(2)], prior=bnn.Normal()),
}
PLAIN = dict.fromkeys(MODELS, "gibbs") | {"deep": "nuts", "GRU": "nuts"}
WARMUP = {"gibbs": 200, "nuts": 300, "hmc": 300}
# models in turn, so that those of the first problems already differ
PROBLEMS = [
    ("hat", "1 unit"),
    ("wave", "2 units"),
    ("step", "Student t"),
    ("wave", "classes"),
    ("line", "counts"),
    ("line", "deep"),
    ("last", "GRU"),
    ("step", "1 unit"),
    ("gap", "2 units"),
    ("wave", "Student t"),
    ("step", "classes"),
    ("wave", "counts"),
    ("wave", "deep"),
    ("sum", "GRU"),
    ("gap", "1 unit"),
    ("line", "2 units"),
    ("hat", "classes"),
    ("noise", "deep"),
    ("noise", "2 units"),
    ("step", "2 units"),
]
NAMES = {" ".join(problem): problem for problem in PROBLEMS}
OTHER_SAMPLERS = {"1 unit": ("nuts",), "deep": ("hmc",)}


def target(problem):
    """The target of a problem: numbers, labels, or counts."""
    data, model = problem
    y = DATA[data][1]
    if model == "classes":
        return np.where(y > np.median(y), "up", "down")
    return np.random.default_rng(1).poisson(np.exp(1.0 + 0.5 * y)) if model == "counts" else y


def run(problem, sampler, key, **settings):
    """One fit of a problem; the number of chains and of warm-up steps is that of all its runs, for one program."""
    plain = sampler if isinstance(sampler, str) else PLAIN[problem[1]]
    return bnn.fit(
        MODELS[problem[1]],
        DATA[problem[0]][0],
        target(problem),
        sampler=sampler,
        warmup=WARMUP[plain],
        chains=CHAINS,
        chain_method="vectorized",
        key=key,
        progress=False,
        **settings,
    )


def moments(f):
    """Means (k,) of values (chain, draw, k), their standard errors, and the standard deviations."""
    return f.mean(axis=(0, 1)), np.asarray(statistics(f, 0)["mcse"]), f.std(axis=(0, 1))


def values_of(fit):
    """Function values and, as the last one, the log likelihood of a fit: (chain, draw, k)."""
    return np.concatenate([function_values(fit), log_likelihood_by_draw(fit.idata)[..., None]], axis=-1)


def reference(problem):
    """Moments of two long fits together, their worst R-hat, effective draws per draw, and the name of the sampler."""
    kind = PLAIN[problem[1]]
    length = LONGEST if kind == "gibbs" else LONGEST // 4
    tempered = bnn.Tempered(bnn.Gibbs() if kind == "gibbs" else bnn.NUTS())
    for sampler, draws in ((kind, length), (tempered, length // 2)):
        values = np.concatenate([values_of(run(problem, sampler, key, draws=draws)) for key in (1000, 1001)])
        found = statistics(values[..., :-1], 0)
        effective = float(min(found["ess_bulk"].min(), found["ess_tail"].min()))
        if found["r_hat"].max() <= R_HAT_LIMIT:
            break
    name = kind if sampler == kind else "tempered"
    return *moments(values), float(found["r_hat"].max()), effective / (values.shape[0] * values.shape[1]), name


def verdict(problem, fit, known):
    """What `diagnose` says of a fit, and how far it is from the reference."""
    center, error, sd, r_hat, rate, name = known
    found, own, spread = moments(values_of(fit))
    said = bnn.diagnose(fit)
    worst = said.table.loc["f, worst"]
    effective = float(min(worst["ess_bulk"], worst["ess_tail"]))
    if said.ok:
        kind = "converged"
    elif not worst["r_hat"] <= R_HAT_LIMIT:
        kind = "groups" if len(said.modes) > 1 else "not mixed"
    else:
        kind = "few draws" if effective < WANTED else "sampler"
    z = np.abs(found - center) / np.sqrt(own**2 + error**2)
    return {
        "problem": " ".join(problem),
        "reference": name,
        "reference r_hat": r_hat,
        "draws": fit.idata["posterior"].sizes["draw"],
        "said": kind,
        "verdict": said.verdict,
        "r_hat": float(worst["r_hat"]),
        "effective": effective,
        "off": float(np.nanmax(z[:-1])),
        "off level": float(z[-1]),
        "distance": float(np.nanmax(np.abs(found - center)[:-1] / sd[:-1])),
        "sd ratio": float(np.nanmin(spread[:-1] / sd[:-1])),
    }


def fits_of(problem, keys):
    """One row per short fit of a problem."""
    known = reference(problem)
    plain = PLAIN[problem[1]]
    for sampler in (plain, *OTHER_SAMPLERS.get(problem[1], ())):
        rate = known[4]
        if sampler != plain or known[-1] == "tempered":  # its own length, from a run of its own
            pilot = statistics(function_values(run(problem, sampler, 999, draws=400)), 0)
            rate = float(min(pilot["ess_bulk"].min(), pilot["ess_tail"].min())) / (CHAINS * 400)
        most = LONGEST if sampler == "gibbs" else 1500
        needed = int(np.clip(WANTED / rate / CHAINS, 50, most / max(SHARES)))
        for key in range(keys if sampler == "gibbs" else keys - 1):
            fit = run(problem, sampler, key, draws=int(max(SHARES) * needed))
            for share in SHARES:
                rows = np.tile(np.arange(int(share * needed)), (CHAINS, 1))
                part = replace(fit, idata=take_draws(fit.idata, rows))
                yield verdict(problem, part, known) | {"sampler": sampler, "share": share, "key": key}
    for key in range(100, 99 + keys):
        fit = run(problem, None, key, draws="auto", max_seconds=AUTO_SECONDS)
        yield verdict(problem, fit, known) | {"sampler": "auto", "share": np.nan, "key": key}


def table_of(frame):
    """Counts of verdicts, among all fits and among those that are right, by sampler and by length."""
    said = frame["said"]
    off = frame["off"] > LIMIT
    right = ~off & (frame["distance"] <= NEAR)
    lengths = frame["share"].map(lambda share: "by itself" if np.isnan(share) else f"{share:g} x")
    groups = {f"{name} {n}": part.index for (name, n), part in frame.groupby([frame["sampler"], lengths])}
    groups |= {f"all {n}": part.index for n, part in frame.groupby(lengths)} | {"all": frame.index}
    warned = said.isin(["groups", "not mixed", "sampler"])
    return pd.DataFrame(
        {
            name: {
                "fits": len(i),
                "converged": (said[i] == "converged").sum(),
                "of these off": ((said[i] == "converged") & off[i]).sum(),
                "off": off[i].sum(),
                "right": right[i].sum(),
                "warned of": (right[i] & warned[i]).sum(),
                "as groups": (right[i] & (said[i] == "groups")).sum(),
                "as not mixed": (right[i] & (said[i] == "not mixed")).sum(),
                "by sampler": (right[i] & (said[i] == "sampler")).sum(),
                "few draws": (right[i] & (said[i] == "few draws")).sum(),
            }
            for name, i in groups.items()
        }
    ).T


def by_chance(values=(1, 3, 8), repeats=150):
    """Shares of runs of independent draws whose worst R-hat is above the limit, by effective draws and by values."""
    rng, rows = np.random.default_rng(0), {}
    for wanted in (WANTED, 1.5 * WANTED, 2 * WANTED, 3 * WANTED):
        draws = rng.normal(size=(CHAINS, int(wanted) // CHAINS, repeats * max(values)))
        r_hat = statistics(draws, 0)["r_hat"].reshape(repeats, -1)
        rows[int(wanted)] = {f"{k} values": (r_hat[:, :k].max(axis=1) > R_HAT_LIMIT).mean() for k in values}
    return pd.DataFrame(rows).T.rename_axis("independent draws")


def main():
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=len(PROBLEMS), help="the first of the problems")
    parser.add_argument("--only", nargs="+", choices=list(NAMES), metavar="NAME", help='these in turn, as "wave deep"')
    parser.add_argument("--keys", type=int, default=3, help="runs of the Gibbs sampler; of others one fewer")
    parser.add_argument("--folder", type=Path, help="where results are kept, one file a problem")
    parser.add_argument("--chance", action="store_true", help="the same limits for independent draws, nothing else")
    given = parser.parse_args()
    if given.chance:
        print(by_chance().round(2).to_string())
        return
    rows = []
    chosen = PROBLEMS[: given.problems] if given.only is None else [NAMES[name] for name in given.only]
    for problem in chosen:
        kept = None if given.folder is None else given.folder / f"{'-'.join(problem).replace(' ', '_')}.json"
        if kept is not None and kept.exists():
            rows += json.loads(kept.read_text())
            continue
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(fits_of(problem, given.keys))
        rows += found
        last, seconds = rows[-1], time.process_time() - begun
        print(
            f"{last['problem']}: {last['reference']}, R-hat {last['reference r_hat']:.3f}, {seconds:.0f} s", flush=True
        )
        if kept is not None:
            given.folder.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found, indent=1))
    frame = pd.DataFrame(rows)
    print(table_of(frame).to_string())
    print(frame[(frame["said"] == "converged") & (frame["off"] > LIMIT)].drop(columns="verdict").to_string())


if __name__ == "__main__":
    main()
