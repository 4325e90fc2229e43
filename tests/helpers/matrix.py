"""Every sampler x likelihood x prior x kind of body, as cells of short fits.

`python tests/helpers/matrix.py [--pairwise] [--every N] [--start N]` runs cells and prints what became of each.
"""

import argparse
import itertools
import sys
import time
import warnings

import numpy as np

import bayesnn as bnn

ROWS = 8
RNG = np.random.default_rng(0)
TABLE, SEQUENCES = RNG.normal(size=(ROWS, 2)), RNG.normal(size=(ROWS, 3, 2))
NUMBERS = np.sin(np.arange(ROWS) * 1.7)
CLASSES = np.array(["a", "b", "c", "a", "b", "c", "a", "b"])
MODE = bnn.MAP(steps=20, validation=None, restarts=2)

SAMPLERS = {
    "gibbs": bnn.Gibbs(candidates=2, steps=2, sweeps=1),
    "nuts": bnn.NUTS(max_tree_depth=2),
    "hmc": bnn.HMC(trajectory_length=0.1),
    "mclmc": bnn.MCLMC(steps=2, start=None),
    "sgld": bnn.SGLD(batch_size=4, steps=2, start=None),
    "sghmc": bnn.SGHMC(batch_size=4, steps=2, start=None),
    "map": MODE,
    "ensemble": bnn.Ensemble(2, MODE),
    "laplace": bnn.Laplace(MODE),
    "variational": bnn.Variational(steps=20, start=None),
    "tempered": bnn.Tempered(bnn.NUTS(max_tree_depth=2), 2),
}
LIKELIHOODS = {
    "gaussian": (bnn.Gaussian(), NUMBERS),
    "student": (bnn.StudentT(), NUMBERS),
    "heteroskedastic": (bnn.Heteroskedastic(), NUMBERS),
    "bernoulli": (bnn.Bernoulli(), NUMBERS > 0),
    "categorical": (bnn.Categorical(), CLASSES),
    "poisson": (bnn.Poisson(), np.arange(ROWS) % 4),
    "negative binomial": (bnn.NegativeBinomial(), np.arange(ROWS) % 4),
}
PRIORS = {
    "muller": bnn.MuellerRiosInsua(),
    "normal": bnn.Normal(),
    "hierarchical": bnn.Hierarchical(),
    "horseshoe": bnn.Horseshoe(),
    "heavy": bnn.HeavyTailed(),
}
BODIES = {
    "table": ([bnn.Dense(2, "tanh")], TABLE),
    "deep": ([bnn.Dense(2, "tanh"), bnn.Dense(2, "relu")], TABLE),
    "gru": ([bnn.GRU(2)], SEQUENCES),
    "attention": ([bnn.SelfAttention(2), bnn.MeanPool()], SEQUENCES),
}
AXES = (SAMPLERS, LIKELIHOODS, PRIORS, BODIES)
Cell = tuple[str, ...]
ALL: list[Cell] = list(itertools.product(*AXES))
REFUSED = [cell for cell in ALL if cell[2] == "muller" and cell[3] != "table"]  # a prior of one hidden layer
CELLS = [cell for cell in ALL if cell not in set(REFUSED)]


def pairwise(cells: list[Cell]) -> list[Cell]:
    """A few of the cells in which every pair of their values occurs: the one with most new pairs, again and again."""
    pairs = {cell: set(itertools.combinations(enumerate(cell), 2)) for cell in cells}
    missing = set().union(*pairs.values())
    chosen = []
    while missing:
        best = max(cells, key=lambda cell: len(pairs[cell] & missing))
        missing -= pairs[best]
        chosen.append(best)
    return chosen


def fit_of(cell: Cell) -> bnn.Fit:
    """A short fit of one cell."""
    sampler, likelihood, prior, body = cell
    layers, x = BODIES[body]
    kind, y = LIKELIHOODS[likelihood]
    model = bnn.Model(layers, kind, PRIORS[prior])
    return bnn.fit(model, x, y, sampler=SAMPLERS[sampler], draws=2, warmup=2, chains=2, progress=False)


def not_finite(fit: bnn.Fit, cell: Cell) -> list[str]:
    """What of a fit is no number: draws, statistics, log likelihoods and predictions, by name."""
    groups = [name for name in ("posterior", "sample_stats", "log_likelihood") if hasattr(fit.idata, name)]
    arrays = {f"{group} {name}": values for group in groups for name, values in fit.idata[group].data_vars.items()}
    kind = "probability" if fit.model.likelihood.kind == "class" else "mean"
    arrays["prediction"] = bnn.predict(fit, BODIES[cell[3]][1][:3], kind=kind)
    return [name for name, values in arrays.items() if not np.isfinite(np.asarray(values, dtype=float)).all()]


def main() -> int:
    """Run every Nth cell with warnings as errors, and print what became of each; 1 where one went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="run one cell out of this many")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--pairwise", action="store_true", help="only as many as every pair of values needs")
    given = parser.parse_args()
    warnings.simplefilter("error")
    wrong = 0
    for cell in (pairwise(CELLS) if given.pairwise else CELLS)[given.start :: given.every]:
        begun = time.process_time()
        try:
            outcome = ", ".join(not_finite(fit_of(cell), cell)) or "numbers"
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        wrong += outcome != "numbers"
        print(f"{' '.join(cell)}: {outcome} ({time.process_time() - begun:.1f} s)", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
