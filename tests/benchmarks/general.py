"""Classes, robust errors, several outputs and real tables against published scores.

Run: python tests/benchmarks/general.py [JOB ...] [--quick] [--json general.json]

Jobs: ripley, iris, rdata, odata, robot, boston, concrete (all by default). Data come from BAYESNN_SHARED_DATA, or
`shared/data` beside the repository; iris is embedded. Every job prints what was measured beside what others report.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
# The hyperpriors of R. Neal's FBM examples: precisions of mean 1/0.05^2 and shape 0.5.
VAGUE = bnn.Hierarchical(guess=0.05**2, readout_guess=0.05**2, size=0.5)
WEIGHTS = bnn.Gibbs(sweeps=30, steps=30)


def ripley(quick):
    """Two classes in two dimensions, 250 rows to train and 1000 to test (B. Ripley, 1994); the Bayes error is 8%."""
    train, test = (pd.read_csv(FOLDER / "mass" / f"synth.{part}.csv") for part in ("tr", "te"))
    settings = {"draws": 100, "warmup": 100} if quick else {"draws": 1000, "warmup": 1000}
    result = {}
    for likelihood in (bnn.Bernoulli(), bnn.Categorical()):
        model = bnn.shallow(hidden=4, likelihood=likelihood)
        fit = bnn.fit(model, train[["xs", "ys"]], train["yc"].astype(int), key=0, progress=False, **settings)
        scores = bnn.evaluate(fit, test[["xs", "ys"]], test["yc"].astype(int))
        name = type(likelihood).__name__
        result |= {f"{name} error": 1 - scores["accuracy"], f"{name} log loss": scores["log_loss"]}
        result |= {f"{name} ece": scores["ece"], f"{name} verdict": bnn.diagnose(fit).verdict}
    return result | {"asked": "error at most .095, log loss at most .225; plain NUTS by hand .097, .222"}


def iris(quick):
    """Three species, tenfold cross-validation stratified by species."""
    table = bnn.datasets.iris()
    few = 50 if quick else 300
    result = {}
    for hidden in (2,) if quick else (2, 4):
        model = bnn.shallow(hidden, likelihood=bnn.Categorical())
        folds = bnn.cross_validate(
            model, table.iloc[:, :4], table["species"], folds=10, draws=few, warmup=few, key=0, progress=False
        )
        result[f"log loss, {hidden} units"] = -folds.elpd / len(table)
    return result | {"asked": "at most .12"}


def fbm(name, likelihood, sampler, quick, **settings):
    """R. Neal's FBM example with eight tanh units: error of all chains, of each, and of each group that agrees."""
    table = np.loadtxt(FOLDER / "fbm_examples" / name)
    x, y, x_test, y_test = table[:100, :1], table[:100, 1], table[-1000:, :1], table[-1000:, 1]
    model = bnn.Model([bnn.Dense(8, "tanh")], likelihood=likelihood, prior=VAGUE)
    few = 50 if quick else 500
    fit = bnn.fit(model, x, y, sampler=sampler, draws=few, warmup=few, chains=8, key=0, progress=False, **settings)
    mean = bnn.predict(fit, x_test).to_numpy()
    diagnosis = bnn.diagnose(fit)

    def error(chains):
        return round(float(np.mean((mean[list(chains)].mean(axis=(0, 1)) - y_test) ** 2)), 4)

    return {
        "mse": error(range(8)),
        "mse by chain": [error([chain]) for chain in range(8)],
        "mse by group of chains": {str(group): error(group) for group in diagnosis.modes},
        "log density": float(bnn.evaluate(fit, x_test, y_test)["log_density"]),
        "verdict": diagnosis.verdict,
        "groups": diagnosis.mode_table.round(3).to_dict(),
    }


def rdata(quick):
    """Bimodal: the sampler that starts at the prior's guesses stays in the mode of FBM's first 1000 iterations."""
    gibbs = fbm("rdata", bnn.Gaussian(), WEIGHTS, quick)
    nuts = fbm("rdata", bnn.Gaussian(), bnn.NUTS(max_tree_depth=8), quick, marginalize=True)
    named = {f"{name}, {key}": value for name, one in (("Gibbs", gibbs), ("NUTS", nuts)) for key, value in one.items()}
    return named | {"asked": "at most .0108 in the better mode; FBM .0103 (first 1000 iterations), .0187 (50,000)"}


def odata(quick):
    """With outliers."""
    return fbm("odata", bnn.StudentT(), WEIGHTS, quick) | {"asked": "at most .07; FBM .0609"}


def robot(quick):
    """D. MacKay's robot arm, two outputs; the summed mean squared error of the truth is about .0050.

    Its coordinates are sines of sums of angles, so sine units are the physicist's choice beside the usual tanh ones.
    """
    x, y = (np.loadtxt(FOLDER / "mackay_robot_arm" / f"{part}.data") for part in ("inputs", "outputs"))
    few = 20 if quick else 300
    result = {}
    for units, activation in ((8, "sin"), (16, "tanh")):
        model = bnn.Model([bnn.Dense(units, activation)], prior=bnn.Hierarchical())
        sampler = bnn.Gibbs(sweeps=5, steps=100)
        fit = bnn.fit(model, x[:200], y[:200], sampler=sampler, draws=few, warmup=few, key=0, progress=False)
        mean = bnn.predict(fit, x[200:400]).mean(("chain", "draw")).to_numpy()
        name = f"{units} {activation} units"
        result[f"summed mse, {name}"] = float(np.mean((mean - y[200:400]) ** 2, axis=0).sum())
        result[f"verdict, {name}"] = bnn.diagnose(fit).verdict
    return result | {"asked": "at most .0056; MacKay .00557, Müller and Ríos Insua .00620, Neal .00549"}


def uci(name, quick):
    """One hidden layer of 50 on the 20 standard splits."""
    folder = FOLDER / f"uci_{name}"
    table, splits = np.loadtxt(folder / "data.txt"), np.load(folder / "splits.npz")
    model = bnn.Model([bnn.Dense(50, "tanh")], prior=bnn.Hierarchical())
    sampler = bnn.Gibbs(sweeps=1, steps=50)
    few = 20 if quick else 200
    scores = []
    for split in range(2 if quick else 20):
        train, test = (table[splits[f"{part}_{split}"]] for part in ("train", "test"))
        x, y = train[:, :-1], train[:, -1]
        settings = {"draws": few, "warmup": 3 * few // 2, "chains": 8, "key": split, "progress": False}
        fit = bnn.fit(model, x, y, sampler=sampler, **settings)
        scores.append(bnn.evaluate(fit, test[:, :-1], test[:, -1])[["rmse", "log_density"]].tolist())
        print(f"  {name} split {split}: rmse {scores[-1][0]:.3f}, log density {scores[-1][1]:.3f}", flush=True)
    mean, error = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1) / np.sqrt(len(scores))
    return {"rmse": mean[0], "rmse se": error[0], "log density": mean[1], "log density se": error[1]}


def boston(quick):
    """506 rows, 13 inputs."""
    return uci("boston", quick) | {"asked": "2.80 and -2.32; MC dropout 2.83 and -2.40"}


def concrete(quick):
    """1030 rows, 8 inputs."""
    return uci("concrete", quick) | {"asked": "4.4 and -2.80; MC dropout 4.93 and -2.97"}


JOBS = {job.__name__: job for job in (ripley, iris, rdata, odata, robot, boston, concrete)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=f"of {', '.join(JOBS)}")
    parser.add_argument("--quick", action="store_true", help="a few draws, to see that everything runs")
    parser.add_argument("--json", help="where to save the results")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.jobs or JOBS:
        started = time.perf_counter()
        results[name] = JOBS[name](arguments.quick) | {"seconds": time.perf_counter() - started}
        print(f"\n{name}")
        for key, value in results[name].items():
            print(f"  {key}: {round(value, 4) if isinstance(value, float) else value}", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
