"""Breast cancer from measurements of cell nuclei: probabilities that can be used for decisions.

Question: which of 171 held-out tumours are malignant, how sure is that, and which cases should a person look at again
if to miss a malignant one costs ten times as much as to examine a benign one?
Model: `bnn.shallow(4, likelihood=bnn.Bernoulli())` on 30 inputs, everything by default, beside the cross-validated
logistic regression of scikit-learn.
Result: accuracy, log loss and calibration of both, the cost of their decisions, the five least certain cases, and a
picture: reliability, and the probability of every held-out case with its interval.

The data (W. Wolberg, W. Street and O. Mangasarian, 1995) come with scikit-learn: `pip install "bayesnn[sklearn]"`.

Run: python examples/breast_cancer.py [--quick] [--output breast_cancer.png]
"""

import argparse

import matplotlib
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

COST = {"benign": [0, 1], "malignant": [10, 0]}  # of "leave alone" and of "examine", by what the tumour is


def main(quick: bool, output: str) -> None:
    data = load_breast_cancer(as_frame=True)
    diagnosis = pd.Series(data.target_names, name="diagnosis").loc[data.target].reset_index(drop=True)
    x, x_new, y, y_new = train_test_split(data.data, diagnosis, test_size=0.3, stratify=data.target, random_state=0)

    few = {"max_seconds": 60} if quick else {}
    fit = bnn.fit(bnn.shallow(4, likelihood=bnn.Bernoulli()), x, y, key=0, progress=not quick, **few)
    print(bnn.diagnose(fit).verdict)
    draws = bnn.predict(fit, x_new, kind="probability").sel({"class": "malignant"})
    settings = {
        "Cs": 10,
        "max_iter": 5000,
        "scoring": "neg_log_loss",
        "use_legacy_attributes": False,
        "l1_ratios": (0,),
    }
    logistic = make_pipeline(StandardScaler(), LogisticRegressionCV(**settings)).fit(x, y)
    probability = {
        "network": draws.mean(("chain", "draw")).to_numpy(),
        "logistic regression": logistic.predict_proba(x_new)[:, list(logistic.classes_).index("malignant")],
    }
    print(pd.DataFrame({name: scores(p, y_new) for name, p in probability.items()}).round(3).to_string())

    table = pd.DataFrame(
        {
            "probability": probability["network"],
            "lo-90": draws.quantile(0.05, ("chain", "draw")).to_numpy(),
            "hi-90": draws.quantile(0.95, ("chain", "draw")).to_numpy(),
            "diagnosis": y_new.to_numpy(),
        },
        index=x_new.index,
    )
    unsure = table.loc[(table["probability"] - 0.5).abs().sort_values().index].head(5)
    print(f"\nleast certain cases, by row of the table\n{unsure.round(2).to_string()}")

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    bnn.plots.reliability(fit, x_new, y_new, ax=axes[0]).set_title("171 held-out cases", fontsize="medium")
    draw_cases(table.sort_values("probability"), axes[1])
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


def scores(probability: np.ndarray, y: pd.Series) -> pd.Series:
    """Scores of probabilities of "malignant", and the mean cost of the actions that are best under them."""
    malignant = (y == "malignant").to_numpy()
    of_truth = np.where(malignant, probability, 1 - probability)
    examine = probability * (COST["malignant"][0] - COST["malignant"][1]) > (1 - probability) * COST["benign"][1]
    cost = np.where(malignant, np.where(examine, 0, COST["malignant"][0]), np.where(examine, COST["benign"][1], 0))
    return pd.Series(
        {
            "accuracy": np.mean(of_truth > 0.5),
            "log loss": -np.mean(np.log(of_truth)),
            "Brier score": np.mean((1 - of_truth) ** 2),
            "cost per case": cost.mean(),
            "malignant ones missed": np.sum(malignant & ~examine),
        }
    )


def draw_cases(table: pd.DataFrame, ax) -> None:
    """The probability of each case in increasing order, with its 90% interval, coloured by what it was."""
    place = np.arange(len(table))
    for name, color in (("benign", "C0"), ("malignant", "C1")):
        part = (table["diagnosis"] == name).to_numpy()
        ax.vlines(place[part], table["lo-90"][part], table["hi-90"][part], color=color, alpha=0.4, linewidth=1)
        ax.plot(place[part], table["probability"][part], "o", markersize=3, color=color, label=name)
    threshold = COST["benign"][1] / (COST["benign"][1] + COST["malignant"][0])
    ax.axhline(threshold, color="k", linewidth=0.8, linestyle=":", label="examine above")
    ax.set(xlabel="held-out cases in order", ylabel="probability of malignant, 90% interval")
    ax.legend(loc="upper left", frameon=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most a minute per fit")
    parser.add_argument("--output", default="breast_cancer.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
