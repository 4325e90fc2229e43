"""A probability map and its decision boundary for two overlapping classes.

Question: where is the boundary between the classes, and where is it uncertain (Ripley's synthetic problem, 250 training
rows, 1000 test rows; the best possible error rate is 8%)?
Model: `bnn.shallow(4, likelihood=bnn.Bernoulli())` by the default sampler, compared with a logistic regression, which
is a linear term without a network.
Result: test error, log loss and calibration of both, and a picture: the posterior predictive probability with its
boundary, the boundaries of single posterior draws, and reliability on the test rows.

Run: python examples/ripley_boundary.py [--quick] [--output ripley_boundary.png]
"""

import argparse

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402


def main(quick: bool, output: str) -> None:
    data = bnn.datasets.ripley_synth()
    inputs = ["xs", "ys"]
    x, y = data.train[inputs], data.train["yc"]
    few = {"max_seconds": 60} if quick else {}
    network = bnn.fit(bnn.shallow(4, likelihood=bnn.Bernoulli()), x, y, key=0, progress=not quick, **few)
    logistic = bnn.fit(bnn.Model([], bnn.Bernoulli(), linear=True), x, y, key=0, progress=not quick, **few)
    for name, fit in {"network": network, "logistic regression": logistic}.items():
        print(f"\n{name}: {bnn.diagnose(fit).verdict}")
        print(bnn.evaluate(fit, data.test[inputs], data.test["yc"]).round(3).to_string())

    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    bnn.plots.probability_map(network, ax=axes[0]).set_title("posterior predictive probability", fontsize="medium")
    draw_boundaries(network, data.train, inputs, axes[1])
    bnn.plots.reliability(network, data.test[inputs], data.test["yc"], ax=axes[2]).set_title(
        "1000 test rows", fontsize="medium"
    )
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


def draw_boundaries(fit: bnn.Fit, table, inputs: list[str], ax) -> None:
    """The lines of equal class probability of 40 posterior draws."""
    sides = [np.linspace(table[name].min() - 0.2, table[name].max() + 0.2, 60) for name in inputs]
    mesh = np.stack(np.meshgrid(*sides), axis=-1)
    rows = type(table)(mesh.reshape(-1, 2), columns=inputs)
    second = bnn.predict(fit, rows, kind="probability").isel({"class": 1}).to_numpy().reshape(-1, *mesh.shape[:2])
    for surface in second[:: max(1, len(second) // 40)][:40]:
        ax.contour(*sides, surface, levels=[0.5], colors="k", linewidths=0.5, alpha=0.4)
    for label, marker in ((0, "o"), (1, "^")):
        part = table[table["yc"] == label]
        ax.plot(part[inputs[0]], part[inputs[1]], marker, ms=3, alpha=0.7, color=f"C{label}")
    ax.set(xlabel=inputs[0], ylabel=inputs[1])
    ax.set_title("boundaries of 40 posterior draws", fontsize="medium")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most a minute per fit")
    parser.add_argument("--output", default="ripley_boundary.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
