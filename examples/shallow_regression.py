"""The hierarchical shallow network, fitted by two samplers that must agree.

Question: how does the head of a motorcycle dummy accelerate in the 57 ms after the impact (mcycle, 133 points)?
Model: `bnn.shallow(5)`, five logistic units with the hierarchical prior of Müller and Ríos Insua (1998), once by the
Gibbs/Metropolis sampler and once by NUTS with the readout integrated out.
Result: two verdicts, the ArviZ summary and comparison of both fits (the difference is Monte Carlo error), predictions
with intervals, and a picture: posterior bands, the units, the chains, and calibration.

Run: python examples/shallow_regression.py [--quick] [--output shallow_regression.png]
"""

import argparse

import arviz as az
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402


def main(quick: bool, output: str) -> None:
    table = bnn.datasets.mcycle()
    x, y = table[["times"]], table["accel"]
    model = bnn.shallow(hidden=5)
    few = 200 if quick else 1000
    gibbs = bnn.fit(model, x, y, sampler="gibbs", draws=1000, warmup=1000, chains=4, key=0)
    nuts = bnn.fit(model, x, y, sampler="nuts", marginalize=True, draws=few, warmup=few, chains=4, key=1)

    for name, fit in {"gibbs": gibbs, "nuts": nuts}.items():
        attrs = fit.idata["posterior"].attrs
        seconds = ", ".join(f"{phase} {attrs[f'{phase}_seconds']:.1f} s" for phase in ("compile", "warmup", "sampling"))
        print(f"\n{name} ({seconds})\n{bnn.diagnose(fit)}")
    print("\n", az.summary(gibbs.idata, var_names=["sigma", "mu_beta", "sigma_beta", "mu_gamma"]).to_string())
    print("\n", az.compare({"gibbs": gibbs.idata, "nuts": nuts.idata}).to_string())

    new = table[["times"]].iloc[::26]
    prediction = bnn.predict(gibbs, new, kind="response", key=2)
    print("\npredictions at some times:\n", bnn.to_frame(prediction, levels=(80, 95)).round(1).to_string())
    print("\nscores on the training data:\n", bnn.evaluate(gibbs, x, y).round(3).to_string())

    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    bnn.plots.fit_band(gibbs, ax=axes[0, 0]).set_ylabel("acceleration (g)")
    mean = bnn.predict(nuts, x).mean(("chain", "draw"))
    axes[0, 0].plot(x["times"], mean, "C1--", lw=1.2, label="posterior mean by NUTS")
    axes[0, 0].set_xlabel("time after impact (ms)")
    axes[0, 0].legend(frameon=False, fontsize="small")
    bnn.plots.units(gibbs, ax=axes[0, 1]).set_xlabel("time after impact (ms)")
    bnn.plots.diagnostics(gibbs, ax=axes[1, 0])
    bnn.plots.calibration(gibbs, x, y, ax=axes[1, 1])
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer draws by NUTS")
    parser.add_argument("--output", default="shallow_regression.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
