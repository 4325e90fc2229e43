"""Which inputs matter: automatic relevance determination, permutation and effects, each with its uncertainty.

Question: of ten inputs, five of which have no effect, which matter, how much and in which direction (Friedman's first
problem, y = 10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4 + N(0, 1), x uniform on [0, 1]; J. Friedman, 1991)?
Model: ten tanh units under `bnn.Hierarchical()`, whose source-unit precisions switch inputs off, by NUTS with the
readout integrated out.
Result: three tables of relevance, average marginal effects in units of y with their true values, one contrast, and a
picture: scales, permutation importance, and partial dependence of two inputs.

Run: python examples/relevance.py [--quick] [--output relevance.png]
"""

import argparse

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402


def friedman(rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """A table of ten uniform inputs and its target."""
    random = np.random.default_rng(seed)
    x = pd.DataFrame(random.uniform(size=(rows, 10)), columns=[f"x{i}" for i in range(10)])
    mean = 10 * np.sin(np.pi * x["x0"] * x["x1"]) + 20 * (x["x2"] - 0.5) ** 2 + 10 * x["x3"] + 5 * x["x4"]
    return x, mean + random.normal(size=rows)


def main(quick: bool, output: str) -> None:
    x, y = friedman(100 if quick else 200, seed=0)
    new_x, new_y = friedman(500, seed=1)
    few = 200 if quick else 800
    model = bnn.Model([bnn.Dense(5 if quick else 10, "tanh")], prior=bnn.Hierarchical())
    fit = bnn.fit(
        model,
        x,
        y,
        sampler=bnn.NUTS(max_tree_depth=7),
        marginalize=True,
        draws=few,
        warmup=few,
        key=0,
        progress=not quick,
    )
    print(bnn.diagnose(fit).verdict)
    print(bnn.evaluate(fit, new_x, new_y).round(3).to_string())

    for method in ("ard", "permutation"):
        scores = bnn.relevance(fit, method=method, key=1)
        print(f"\n{method} ({scores.attrs['units']}):\n{bnn.to_frame(scores, levels=(90,)).round(2).to_string()}")
    effects = bnn.to_frame(bnn.average_marginal_effects(fit), levels=(90,))
    product = np.pi * np.cos(np.pi * x["x0"] * x["x1"]) * 10
    truth = [(product * x["x1"]).mean(), (product * x["x0"]).mean(), (40 * (x["x2"] - 0.5)).mean(), 10, 5, *[0] * 5]
    print("\naverage marginal effects, y per unit of x:\n", effects.assign(truth=truth).round(2).to_string())
    change = bnn.contrast(fit, {"x3": (0.2, 0.8)})
    low, high = np.quantile(change, [0.05, 0.95])
    print(f"\nx3 from 0.2 to 0.8 moves y by {float(change.mean()):.2f}, 90% interval {low:.2f} to {high:.2f}; truth 6")

    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    bnn.plots.relevance(fit, method="ard", ax=axes[0, 0])
    bnn.plots.relevance(fit, method="permutation", key=1, ax=axes[0, 1])
    bnn.plots.partial_dependence(fit, "x2", ax=axes[1, 0])
    bnn.plots.partial_dependence(fit, ("x0", "x1"), points=15, ax=axes[1, 1])
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows, units and draws")
    parser.add_argument("--output", default="relevance.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
