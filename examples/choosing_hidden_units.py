"""How many hidden units does a curve need?

Question: the head acceleration of a motorcycle dummy (mcycle, 133 points) is flat, falls, overshoots and settles. How
many logistic units does the hierarchical shallow network need for it?
Model: `bnn.shallow(m)` for m = 1..6, each fitted by the Gibbs sampler; compared by PSIS-LOO (expected log density of a
new observation) through ArviZ.
Result: a table of verdicts, the ArviZ comparison, and a picture of the fits. One or two units are clearly too few
(and with two the posterior is multimodal, as the verdict says); three lose about three nats; beyond four, more units do
no harm but explain nothing more.

Run: python examples/choosing_hidden_units.py [--quick] [--output choosing_hidden_units.png]
"""

import argparse
import warnings

import arviz as az
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402


def main(quick: bool, output: str) -> None:
    table = bnn.datasets.mcycle()
    x, y = table[["times"]], table["accel"]
    sizes = range(1, 4) if quick else range(1, 7)
    few = {"max_seconds": 60} if quick else {}
    fits = {m: bnn.fit(bnn.shallow(m), x, y, key=m, **few) for m in sizes}

    for m, fit in fits.items():
        print(f"m = {m}: {bnn.diagnose(fit).verdict}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ warns of high k-hat; the column `warning` of the table says so too
        comparison = az.compare({f"m={m}": fit.idata for m, fit in fits.items()})
    print(comparison.to_string())

    size = (11, 3.2 * len(fits) / 3)
    figure, axes = plt.subplots(len(fits) // 3, 3, figsize=size, sharex=True, sharey=True, layout="constrained")
    for (m, fit), ax in zip(fits.items(), axes.flat, strict=True):
        bnn.plots.fit_band(fit, ax=ax)
        ax.set_title(f"{m} hidden unit{'s' if m > 1 else ''}")
        ax.set_xlabel("time after impact (ms)" if m > len(fits) - 3 else "")
        ax.set_ylabel("acceleration (g)" if m % 3 == 1 else "")
        if m > 1:
            ax.get_legend().remove()
    figure.savefig(output, dpi=120)
    print(f"picture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, at most a minute per fit")
    parser.add_argument("--output", default="choosing_hidden_units.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
