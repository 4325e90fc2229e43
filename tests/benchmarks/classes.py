"""Classes, counts, robust errors and weighted rows by the default sampler, beside scikit-learn and NumPyro's NUTS.

Run: python tests/benchmarks/classes.py [JOB ...] [--quick] [--only MODEL] [--json classes.json]

Jobs: cancer, ripley, iris, wine, digits, signs, robot, nuts, sweeps, trajectories, moves, weights, rows (all by
default). Needs scikit-learn; the data of `robot` come from BAYESNN_SHARED_DATA, or ../shared/data beside the
repository.

cancer   Breast cancer of scikit-learn, 30% held out, stratified, seed 0: default settings until converged (R-hat up to
         1.01 and 400 effective draws of every function value), log loss and AUC beside `LogisticRegressionCV`.
ripley   Ripley's synthetic classes, 250 rows to train and 1000 to test, likewise.
iris     Log loss of tenfold cross-validation, each fold until converged, beside `LogisticRegressionCV`.
wine     178 wines of three cultivars, 13 inputs, two units: default settings until converged.
digits   500 images of the digits 0 to 3, 64 inputs, four units: likewise.
signs    Wine: effective draws per second of processor time with the linear term held while signs move, and without.
robot    MacKay's robot arm, two outputs, eight units: R-hat and effective draws of the joint and the collapsed sweep.
nuts     Least effective draws of a function value per second of processor time: the default sampler and NumPyro's NUTS
         on the same model in the same process, each for the second time, so that nothing is compiled; for Bernoulli
         (Ripley), Categorical (iris), StudentT, NegativeBinomial, Poisson, Heteroskedastic (simulated). Takes minutes.
sweeps   The collapsed sweep given auxiliary variables: the default, and other trajectories and numbers of sweeps, by
         two keys each, on the models of `nuts` and (150 rows, three inputs, four units) on others of the same kind.
trajectories
         The joint sweep with 20, 40, 60 (the default) and 100 leapfrog steps, measured as for `nuts`.
moves    Iris, the first of ten folds, 16 chains of 1500 draws after 400: effective draws of function values, bulk and
         tails, by the joint sweep, and without its moves of scales and its shift of all classes.
weights  Seconds of a regression with case weights and an offset over those of the plain one.
rows     Seconds of a Bernoulli model of 100,000 rows, 20 inputs and 10 units over those of the Gaussian one.
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
LIMIT = 300  # seconds after which a run is no longer continued


def logistic_regression(train, test):
    """Log loss and AUC of scikit-learn's cross-validated logistic regression on standardised inputs."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    start = time.perf_counter()
    fit = make_pipeline(StandardScaler(), LogisticRegressionCV(max_iter=5000)).fit(*train)
    probability = fit.predict_proba(test[0])
    scores = {"log loss": log_loss(test[1], probability)}
    scores |= {"auc": roc_auc_score(test[1], probability[:, 1])} if probability.shape[1] == 2 else {}
    return scores | {"seconds": time.perf_counter() - start}


def until_converged(model, x, y, quick, **settings):
    """A fit with default settings, continued until `diagnose` is content; and the seconds it took, those of CPU too."""
    start, cpu = time.perf_counter(), time.process_time()
    few = {"draws": 100, "warmup": 100} if quick else {}
    fit = bnn.fit(model, x, y, key=0, progress=False, **few, **settings)
    while not (done := bnn.diagnose(fit)).ok and not quick and time.perf_counter() - start < LIMIT:
        fit = bnn.extend(fit, fit.idata["posterior"].sizes["draw"], progress=False)
    seconds = {"seconds": time.perf_counter() - start, "cpu seconds": time.process_time() - cpu}
    worst = done.table.loc["f, worst"]
    return fit, seconds | {"draws": fit.idata["posterior"].sizes["draw"], "r_hat": worst["r_hat"], "ok": done.ok}


def classifier(train, test, hidden, quick):
    """Scores of `shallow` until converged, and of logistic regression."""
    from sklearn.metrics import roc_auc_score

    fit, result = until_converged(bnn.shallow(hidden, likelihood=bnn.Bernoulli()), *train, quick)
    scores = bnn.evaluate(fit, *test)
    probability = bnn.predict(fit, test[0], kind="probability").mean(("chain", "draw")).to_numpy()[:, 1]
    result |= {"error": 1 - scores["accuracy"], "log loss": scores["log_loss"]}
    result |= {"auc": roc_auc_score(test[1], probability)}
    return result | {"logistic regression": logistic_regression(train, test)}


def cancer(quick):
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    data = load_breast_cancer()
    x, x_test, y, y_test = train_test_split(data.data, data.target, test_size=0.3, stratify=data.target, random_state=0)
    result = classifier((x, y), (x_test, y_test), 4, quick)
    return result | {"asked": "converged in 60 s; log loss and AUC no worse than logistic regression"}


def ripley_rows():
    data = bnn.datasets.ripley_synth()
    return [(part[["xs", "ys"]].to_numpy(), part["yc"].to_numpy().astype(int)) for part in (data.train, data.test)]


def ripley(quick):
    result = classifier(*ripley_rows(), 4, quick)
    return result | {"asked": "error at most .095, log loss at most .225, converged in 15 s"}


def iris_rows():
    table = bnn.datasets.iris()
    return table.iloc[:, :4].to_numpy(), table["species"].to_numpy()


def iris(quick):
    """Tenfold cross-validation; each fold runs by default settings until it has converged."""
    from sklearn.model_selection import StratifiedKFold

    x, y = iris_rows()
    folds = list(StratifiedKFold(10, shuffle=True, random_state=0).split(x, y))[: 2 if quick else 10]
    start, losses, runs, peers = time.perf_counter(), [], [], []
    for train, test in folds:
        fit, run = until_converged(bnn.shallow(2, likelihood=bnn.Categorical()), x[train], y[train], quick)
        losses.append(bnn.evaluate(fit, x[test], y[test])["log_loss"])
        runs.append(run)
    seconds = time.perf_counter() - start
    for train, test in folds:
        peers.append(logistic_regression((x[train], y[train]), (x[test], y[test]))["log loss"])
    result = {"log loss": float(np.mean(losses)), "seconds": seconds, "cpu": sum(r["cpu seconds"] for r in runs)}
    result |= {"converged folds": sum(bool(r["ok"]) for r in runs), "worst r_hat": max(r["r_hat"] for r in runs)}
    return result | {
        "logistic regression": float(np.mean(peers)),
        "asked": "at most .10, converged in every fold, 60 s in all",
    }


def of_scikit_learn(load, hidden, quick, rows=None, classes=None):
    """A table of scikit-learn by default settings until converged, and the log loss of the rows it was fitted to."""
    data = load()
    keep = np.ones(len(data.target), bool) if classes is None else data.target < classes
    x, y = data.data[keep][:rows], data.target[keep][:rows]
    fit, result = until_converged(bnn.shallow(hidden, likelihood=bnn.Categorical()), x, y, quick)
    return result | {"log loss of training rows": bnn.evaluate(fit, x, y)["log_loss"], "asked": "converged in 300 s"}


def wine(quick):
    from sklearn.datasets import load_wine

    return of_scikit_learn(load_wine, 2, quick)


def digits(quick):
    from sklearn.datasets import load_digits

    return of_scikit_learn(load_digits, 4, quick, rows=500, classes=4)


def signs(quick):
    from sklearn.datasets import load_wine

    from bayesnn.samplers.gibbs import sign_moves

    data, limit, few, result = load_wine(), sign_moves.MOST_COEFFICIENTS, 20 if quick else 300, {}
    for name, most in (("held", 0), ("moved too", 1000)):
        sign_moves.MOST_COEFFICIENTS = most
        model = bnn.shallow(2, likelihood=bnn.Categorical(tuple(range(3))), linear=True)
        sampler = bnn.Gibbs(candidates=8 + (most > 0))  # another sampler, so that its programs are compiled anew
        result[name] = least_effective(model, data.data, data.target, sampler=sampler, draws=few, warmup=few)
    sign_moves.MOST_COEFFICIENTS = limit
    return result


def robot(quick):
    """The joint sweep of before, and the collapsed one that is the default, for the same number of draws."""
    folder = FOLDER / "mackay_robot_arm"
    x, y = (np.loadtxt(folder / f"{part}.data") for part in ("inputs", "outputs"))
    few, result = 50 if quick else 1000, {}
    for weights in ("joint", "collapsed"):
        cpu = time.process_time()
        sampler = bnn.Gibbs(weights=weights)
        settings = {"draws": few, "warmup": few, "key": 0, "progress": False}
        fit = bnn.fit(bnn.shallow(8), x[:200], y[:200], sampler=sampler, **settings)
        cpu, table = time.process_time() - cpu, bnn.diagnose(fit).table
        mean = bnn.predict(fit, x[200:400]).mean(("chain", "draw")).to_numpy()
        found = {"r_hat": table.loc["f, worst", "r_hat"], "ess, worst": table.loc["f, worst", "ess_bulk"]}
        found |= {"ess, median": table.loc["f, median", "ess_bulk"], "cpu seconds": cpu}
        result[weights] = found | {"summed mse": float(np.mean((mean - y[200:400]) ** 2, axis=0).sum())}
    return result


def least_effective(model, x, y, **settings):
    """Least effective draws of a function value per second of processor time, that of a fit without compiling."""
    bnn.fit(model, x, y, key=0, progress=False, **settings)
    return effective(model, x, y, key=1, **settings)[0]


def effective(model, x, y, key, **settings):
    """Least effective draws of a function value per second of processor time of a fit, and the fit."""
    start = time.process_time()
    fit = bnn.fit(model, x, y, key=key, progress=False, **settings)
    seconds = time.process_time() - start
    worst = bnn.diagnose(fit).table.loc["f, worst"]
    found = {"ess": worst["ess_bulk"], "r_hat": worst["r_hat"], "cpu seconds": seconds}
    return found | {"ess/s": worst["ess_bulk"] / seconds}, fit


def simulated():
    """A smooth function of two inputs with errors of three kinds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    f = 2 * np.tanh(2 * x[:, 0]) - x[:, 1]
    counts = rng.poisson(np.exp(0.5 * f) * rng.gamma(3, 1 / 3, 200))
    return {
        "Bernoulli, Ripley": (bnn.Bernoulli(), *ripley_rows()[0], 4),
        "StudentT": (bnn.StudentT(), x, f + 0.3 * rng.standard_t(3, size=200), 3),
        "NegativeBinomial": (bnn.NegativeBinomial(), x, counts, 3),
        "Categorical, iris": (bnn.Categorical(), *iris_rows(), 2),
        "Poisson": (bnn.Poisson(), x, rng.poisson(np.exp(0.5 * f)), 3),
        "Heteroskedastic": (bnn.Heteroskedastic(), x, f + np.exp(0.5 * x[:, 1] - 1) * rng.normal(size=200), 3),
    }


def nuts(quick, only=""):
    draws = 50 if quick else 1000
    result = {}
    for name, (likelihood, x, y, hidden) in simulated().items():
        if only not in name:
            continue
        found = {}
        for sampler in ("gibbs", "nuts"):
            few = draws if sampler == "gibbs" else draws // 4
            model = bnn.shallow(hidden, likelihood=likelihood)
            found[sampler] = least_effective(model, x, y, sampler=sampler, draws=few, warmup=few)
        result[name] = found | {"ratio": found["gibbs"]["ess/s"] / found["nuts"]["ess/s"]}
        print(f"  {name}: {result[name]}", flush=True)
    return result | {"asked": "20 times for Bernoulli, 10 for StudentT and NegativeBinomial, 5 for Categorical"}


def others():
    """Products and waves of three inputs, with targets of the kinds that have auxiliary variables."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(150, 3))
    f = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    classes = (rng.uniform(size=150) < 1 / (1 + np.exp(-2 * f))).astype(int)
    robust = f + 0.3 * rng.standard_t(3, size=150)
    counts = rng.poisson(np.exp(f) * rng.gamma(3, 1 / 3, 150))
    return {
        "Bernoulli, other": (bnn.Bernoulli(), x, classes, 4),
        "StudentT, other": (bnn.StudentT(), x, robust, 4),
        "NegativeBinomial, other": (bnn.NegativeBinomial(), x, counts, 4),
    }


def sweeps(quick, only=""):
    draws, result, cases = 50 if quick else 500, {}, simulated() | others()
    augmented = (bnn.Bernoulli, bnn.StudentT, bnn.NegativeBinomial)
    for name in (name for name in cases if only in name and isinstance(cases[name][0], augmented)):
        likelihood, x, y, hidden = cases[name]
        model = bnn.shallow(hidden, likelihood=likelihood)
        for steps, count in ((None, 10), (20, 10), (30, 5)):
            settings = {"sampler": bnn.Gibbs(trajectory=steps, sweeps=count), "draws": draws, "warmup": draws}
            bnn.fit(model, x, y, key=0, progress=False, **settings)
            for key in (1, 2):
                found = result[f"{name}: {steps} steps, {count} sweeps, key {key}"] = effective(
                    model, x, y, key, **settings
                )[0]
                print(f"  {list(result)[-1]}: {found}", flush=True)
    return result


def trajectories(quick):
    """The joint sweep with trajectories of several lengths, for the same number of draws."""
    draws, cases, result = 50 if quick else 1000, simulated(), {}
    for name in ("Categorical, iris", "Poisson", "Heteroskedastic"):
        likelihood, x, y, hidden = cases[name]
        model = bnn.shallow(hidden, likelihood=likelihood)
        for steps in (20, 40, 60, 100):
            sampler = bnn.Gibbs(trajectory=steps)
            result[f"{name}: {steps} steps"] = least_effective(model, x, y, sampler=sampler, draws=draws, warmup=draws)
    return result


def moves(quick):
    """The joint sweep of iris, and without some of its moves."""
    import arviz as az
    from sklearn.model_selection import StratifiedKFold

    from bayesnn.evaluation.agreement import function_values
    from bayesnn.samplers.gibbs import joint

    x, y = iris_rows()
    rows, _ = next(StratifiedKFold(10, shuffle=True, random_state=0).split(x, y))
    few = {"draws": 50, "warmup": 50, "chains": 4} if quick else {"draws": 1500, "warmup": 400, "chains": 16}
    own, result = (joint.move_scales, joint.shift_classes), {}
    still = (lambda source, point, target, intercept: point), (lambda source, point, target: point)
    for candidates, (name, scales, shift) in enumerate([("all", 0, 0), ("no shift", 0, 1), ("neither", 1, 1)], 8):
        joint.move_scales, joint.shift_classes = (own, still)[scales][0], (own, still)[shift][1]
        start, sampler = (
            time.process_time(),
            bnn.Gibbs(candidates=candidates),
        )  # another one, so that it is compiled anew
        model = bnn.shallow(2, likelihood=bnn.Categorical())
        fit = bnn.fit(model, x[rows], y[rows], sampler=sampler, key=1, progress=False, **few)
        found, f = {"cpu seconds, compiled": time.process_time() - start}, function_values(fit)[..., ::5]
        for method in ("bulk", "tail"):
            ess = [float(az.ess(f[..., i], method=method)) for i in range(f.shape[-1])]
            found |= {f"{method}, worst": min(ess), f"{method}, median": float(np.median(ess))}
        result[name] = found | {"r_hat": max(float(az.rhat(f[..., i])) for i in range(f.shape[-1]))}
    joint.move_scales, joint.shift_classes = own
    return result


def sampling_seconds(model, x, y, **settings):
    """Seconds of sampling on one core."""
    fit = bnn.fit(model, x, y, warmup=20, chains=1, key=0, progress=False, log_likelihood=False, **settings)
    return fit.idata["posterior"].attrs["sampling_seconds"]


def weights(quick):
    _, x, y, _ = simulated()["StudentT"]
    draws = 20 if quick else 500
    model, rows = bnn.shallow(5), {"weights": np.linspace(0.5, 1.5, len(y)), "offset": 0.1 * x[:, 0]}
    plain = sampling_seconds(model, x, y, draws=draws, standardize=False)
    ratio = sampling_seconds(model, x, y, draws=draws, standardize=False, **rows) / plain
    return {"ratio": ratio, "asked": "at most 2"}


def rows(quick):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000 if quick else 100_000, 20))
    f = np.tanh(x[:, 0] + x[:, 1]) - x[:, 2]
    labels = (rng.uniform(size=len(f)) < 1 / (1 + np.exp(-f))).astype(int)
    plain = sampling_seconds(bnn.shallow(10), x, f + 0.3 * rng.normal(size=len(f)), draws=3)
    classes = sampling_seconds(bnn.shallow(10, likelihood=bnn.Bernoulli()), x, labels, draws=3)
    return {"gaussian": plain, "bernoulli": classes, "ratio": classes / plain, "asked": "at most 3"}


JOBS = {
    job.__name__: job
    for job in (cancer, ripley, iris, wine, digits, signs, robot, nuts, sweeps, trajectories, moves, weights, rows)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="of `nuts` and `sweeps`: the models whose name contains this"
    )
    parser.add_argument("--json")
    given = parser.parse_args()
    print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    found = {}
    for name in given.jobs or JOBS:
        found[name] = JOBS[name](given.quick, **({"only": given.only} if name in ("nuts", "sweeps") else {}))
        print(f"\n{name}\n{pd.Series(found[name]).to_string()}", flush=True)
    if given.json:
        with open(given.json, "w") as file:
            json.dump(found, file, indent=1, default=float)


if __name__ == "__main__":
    main()
