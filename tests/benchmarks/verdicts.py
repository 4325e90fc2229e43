"""Are the verdicts of `diagnose` honest? Short fits judged by long references.

Run: python tests/benchmarks/verdicts.py [--problems N] [--samplers gibbs nuts] [--keys N] [--folder FOLDER]

With a folder, references and results are kept there, one file a problem, and a run that was stopped goes on.

Twenty problems: five sets of 40 rows with one input (a line, a wave, a step, noise alone, two groups with a gap) by
four models. Each has a long reference, by parallel tempering where the chains of the default sampler disagree, and
short fits of several lengths by each sampler. A short fit is off if a mean of its function values, or of the log
likelihood, is more than four standard errors from the reference, those of both runs counted. It is right if it is not
off and all these means are within a fifth of a posterior sd of the reference: a fit of few draws is within its own,
large errors, but not right, and the verdict that it needs more draws is no false alarm. Printed are the numbers of fits
that are called converged though they are off, and of fits that are right and are not called converged, by sampler and
reason.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn
from bayesnn.evaluation.agreement import function_values
from bayesnn.evaluation.convergence import statistics
from bayesnn.fitting.pointwise import log_likelihood_by_draw

ROWS = 40
LIMIT = 4.0  # standard errors
NEAR = 0.2  # posterior standard deviations
LENGTHS = {"gibbs": (50, 200, 800), "nuts": (100, 300)}
REFERENCE = 4000
X = np.linspace(-2.0, 2.0, ROWS)[:, None]
NOISE = 0.3 * np.random.default_rng(0).normal(size=(5, ROWS))
GAP = np.r_[np.linspace(-2.0, -1.2, ROWS // 2), np.linspace(1.2, 2.0, ROWS // 2)][:, None]
DATA = {
    "line": (X, X[:, 0] + NOISE[0]),
    "wave": (X, np.sin(2.5 * X[:, 0]) + NOISE[1]),
    "step": (X, np.sign(X[:, 0] - 0.4) + NOISE[2]),
    "noise": (X, NOISE[3]),
    "gap": (GAP, np.abs(GAP[:, 0]) + np.sin(4.0 * GAP[:, 0]) + NOISE[4]),
}
MODELS = {
    "2 units": bnn.shallow(2),
    "5 units": bnn.shallow(5),
    "Student t": bnn.shallow(2, likelihood=bnn.StudentT()),
    "classes": bnn.shallow(2, likelihood=bnn.Bernoulli()),
}
# the problems in an order in which the first few already differ in data and in model
PROBLEMS = [(name, list(MODELS)[(i + j) % 4]) for j in range(4) for i, name in enumerate(DATA)]


def judged(fit):
    """Function values and log likelihood (chain, draw, k) of a fit."""
    return np.concatenate([function_values(fit), log_likelihood_by_draw(fit.idata)[..., None]], axis=-1)


def means(values):
    """Means (k,) of values (chain, draw, k), and their standard errors."""
    return values.mean(axis=(0, 1)), np.asarray(statistics(values, 0)["mcse"])


def run(problem, sampler, draws, key, **settings):
    """One fit of a problem."""
    data, model = problem
    x, y = DATA[data]
    y = np.where(y > np.median(y), "up", "down") if model == "classes" else y
    return bnn.fit(
        MODELS[model], x, y, sampler=sampler, draws=draws, warmup=min(draws, 1000), key=key, progress=False, **settings
    )


def reference(problem):
    """Means, standard errors, sds and R-hat of a long run; by tempering if plain chains disagree on the function."""
    for sampler in ("gibbs", bnn.Tempered(bnn.Gibbs())):
        fit = run(problem, sampler, REFERENCE, key=1000, chains=4)
        worst = bnn.diagnose(fit).table.loc["f, worst", "r_hat"]
        if worst <= 1.01:
            break
    values = judged(fit)
    return *means(values), values.std(axis=(0, 1)), float(worst), type(fit.sampler).__name__


def short_fits(problem, samplers, keys):
    """One row per short fit: what `diagnose` said, and how many standard errors it is off."""
    center, error, sd, r_hat, kind = reference(problem)
    for sampler in samplers:
        for draws, key in itertools.product(LENGTHS[sampler], range(keys)):
            fit = run(problem, sampler, draws, key, chains=4)
            found, own = means(judged(fit))
            said = bnn.diagnose(fit)
            yield {
                "data": problem[0],
                "model": problem[1],
                "reference": kind,
                "reference r_hat": r_hat,
                "sampler": sampler,
                "draws": draws,
                "key": key,
                "converged": said.ok,
                "reason": said.verdict.split(":")[0].split("(")[0][:40],
                "off": float(np.nanmax(np.abs(found - center) / np.sqrt(own**2 + error**2))),
                "distance": float(np.nanmax(np.abs(found - center) / sd)),
            }


def table_of(rows):
    """By sampler: fits, those called converged, of these the ones that are off, those that are right, false alarms."""
    frame = pd.DataFrame(rows)
    frame["is off"] = frame["off"] > LIMIT
    frame["right"] = ~frame["is off"] & (frame["distance"] <= NEAR)
    groups = {name: part for name, part in frame.groupby("sampler")} | {"all": frame}
    return pd.DataFrame(
        {
            name: {
                "fits": len(part),
                "called converged": int(part["converged"].sum()),
                "of these off": int((part["converged"] & part["is off"]).sum()),
                "off": int(part["is off"].sum()),
                "right": int(part["right"].sum()),
                "of these not mixed": int((part["right"] & part["reason"].str.startswith("NOT")).sum()),
                "of these few draws": int((part["right"] & part["reason"].str.startswith("The chains agree")).sum()),
            }
            for name, part in groups.items()
        }
    ).T


def main():
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=len(PROBLEMS))
    parser.add_argument("--samplers", nargs="+", choices=LENGTHS, default=list(LENGTHS))
    parser.add_argument("--keys", type=int, default=2, help="fits of each problem, sampler and length")
    parser.add_argument("--folder", type=Path, help="where results are kept, one file a problem")
    given = parser.parse_args()
    rows = []
    for problem in PROBLEMS[: given.problems]:
        kept = None if given.folder is None else given.folder / f"{'-'.join(problem).replace(' ', '_')}.json"
        if kept is not None and kept.exists():
            rows += pd.read_json(kept).to_dict("records")
            continue
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(short_fits(problem, given.samplers, given.keys))
        rows += found
        seconds = time.process_time() - begun
        last = rows[-1]
        print(
            f"{' '.join(problem)}: {last['reference']}, R-hat {last['reference r_hat']:.3f}, {seconds:.0f} s",
            flush=True,
        )
        if kept is not None:
            given.folder.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(found).to_json(kept, orient="records", indent=1)
    print(table_of(rows).to_string())
    print(pd.DataFrame(rows)[lambda frame: frame["converged"] & (frame["off"] > LIMIT)].to_string())


if __name__ == "__main__":
    main()
