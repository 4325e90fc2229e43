"""Softmax classification of the iris flowers, with model comparison, cross-validation and decisions under a loss.

Question: which species is a flower with these four measurements, how sure can we be, and how many hidden units are
needed (iris, 150 flowers)?
Model: `bnn.shallow(hidden, likelihood=bnn.Categorical())`, logistic units with readout weights for each class and the
hierarchical prior of Müller and Ríos Insua (1998), by the default sampler until the chains agree; the probability of a
class is the average of the softmax over posterior draws.
Result: comparison of one to three units, tenfold cross-validated log loss, the flowers with the most uncertain
predictions, decisions when missing a virginica costs five times as much, and a picture of probabilities and of
reliability.

Run: python examples/iris_softmax.py [--quick] [--output iris_softmax.png]
"""

import argparse

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402


def main(quick: bool, output: str) -> None:
    table = bnn.datasets.iris()
    x, y = table.drop(columns="species"), table["species"]
    few = {"draws": "auto", "max_seconds": 60} if quick else {}
    settings = few | {"progress": not quick}
    fits = {
        f"{hidden} units": bnn.fit(bnn.shallow(hidden, likelihood=bnn.Categorical()), x, y, key=hidden, **settings)
        for hidden in ((1, 2) if quick else (1, 2, 3))
    }
    fit = fits["2 units"]
    print(bnn.diagnose(fit))
    print("\n", bnn.compare(fits, method="loo" if quick else "auto"))

    folds = bnn.cross_validate(fit.model, x, y, folds=3 if quick else 10, key=1, **few)
    print(f"\n{folds}\nlog loss per flower: {-folds.elpd / len(y):.3f}")

    uncertainty = bnn.decompose(fit, x).sort_values("total", ascending=False)
    probability = bnn.predict(fit, x, kind="probability").mean(("chain", "draw")).to_pandas()
    unsure = uncertainty.index[:6]
    print("\nleast sure (entropy in nats: total = parameter + noise):")
    print(probability.loc[unsure].join(uncertainty.loc[unsure]).assign(species=y.loc[unsure]).round(3).to_string())

    costly = [[0, 1, 1], [1, 0, 1], [5, 5, 0]]  # rows: true species; missing a virginica costs five
    plain, careful = bnn.decide(fit, x).action, bnn.decide(fit, x, loss=costly).action
    print(
        f"\ncalled virginica: {int((plain == 'virginica').sum())}, and {int((careful == 'virginica').sum())}", end=" "
    )
    print("when missing one costs five times as much")

    pair = bnn.fit(fit.model, x[["petal_length", "petal_width"]], y, key=2, **settings)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    bnn.plots.probability_map(pair, ax=axes[0]).set_title("petals alone", fontsize="medium")
    bnn.plots.reliability(fit, x, y, ax=axes[1]).set_title("all four measurements, training rows", fontsize="medium")
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer units and folds, at most a minute per fit")
    parser.add_argument("--output", default="iris_softmax.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
