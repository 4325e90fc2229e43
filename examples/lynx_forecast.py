"""Forecasting the lynx cycle with a nonlinear autoregression whose size is not fixed beforehand.

Question: how do the lynx trappings of the Mackenzie River go on after 1920, and does their map have a cycle of its own?
Model: y_t = linear term + M logistic units of (y_{t-1}, y_{t-2}) + error on the base-10 logarithm; the number of units
and whether there is a linear term are random, `bnn.shallow(bnn.Geometric(0.5, 8), linear="random")`.
Result: posterior of M, sample paths for the 14 years held out (80% band beside what was observed), one-step scores of
those years beside the linear autoregression, and a picture: the fan, and the skeleton of the map.

Run: python examples/lynx_forecast.py [--quick] [--output lynx_forecast.png]
"""

import argparse

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

HELD_OUT = 14


def main(quick: bool, output: str) -> None:
    series = np.log10(bnn.datasets.lynx()).rename("log10 of lynx trapped")
    past, later = series.iloc[:-HELD_OUT], series.iloc[-HELD_OUT:]
    model = bnn.shallow(hidden=bnn.Geometric(0.5, 8), linear="random")
    few = 200 if quick else 1000
    settings = {"draws": few, "warmup": few, "chains": 4, "key": 0}

    # One fit serves all windows: each one-step forecast sees the years up to its own.
    result = bnn.backtest(model, series, lags=2, horizon=1, windows=HELD_OUT, **settings)
    print(result)
    fit = result.fits["network"]
    print(f"\n{bnn.diagnose(fit)}")
    units = fit.idata["posterior"]["M"].to_numpy().ravel().astype(int)
    shares = np.bincount(units) / len(units)
    print("\nP(M = m):", ", ".join(f"{m}: {share:.2f}" for m, share in enumerate(shares)))

    # All 14 years from the end of 1920: every draw rolls its own path on.
    paths = bnn.forecast(fit, HELD_OUT, key=1)
    table = bnn.to_frame(paths, levels=(80,)).set_index("ds")[["mean", "lo-80", "hi-80"]]
    print("\nforecasts:\n", table.assign(observed=later).round(2).to_string())
    skeleton = bnn.skeleton(fit)
    print(f"\nskeleton: {skeleton}")
    assert past.index[-1] == fit.data.series.y.index[-1]  # nothing of the years held out was learnt from

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=[1.4, 1])
    bnn.plots.forecast(fit, paths, history=60, observed=later, ax=axes[0])
    bnn.plots.skeleton(fit, ax=axes[1])
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument("--output", default="lynx_forecast.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
