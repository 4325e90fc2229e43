"""Forecasting the lynx cycle by a nonlinear autoregression with a random number of hidden units.

Question: how do the lynx trappings of the Mackenzie River continue after 1920, and does the fitted map have a limit
cycle?
Model: y_t = linear term + M logistic units of (y_{t-1}, y_{t-2}) + error, where y is a base-10 logarithm; the number of
units and the presence of the linear term are random, `bnn.shallow(bnn.Geometric(0.5, 8), linear="random")`.
Result: the posterior of M, sample paths for the 14 held-out years (80% band and observed values), one-step scores in
those years against the linear autoregression, and a picture: the fan of paths, and the skeleton of the map.

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
    few = 600 if quick else 1000
    settings = {"draws": few, "warmup": few, "chains": 4, "key": 0}

    # One fit serves all windows: each one-step forecast is given the years before its own.
    result = bnn.backtest(model, series, lags=2, horizon=1, windows=HELD_OUT, **settings)
    print(result)
    fit = result.fits["network"]
    print(f"\n{bnn.diagnose(fit)}")
    units = fit.idata["posterior"]["M"].to_numpy().ravel().astype(int)
    shares = np.bincount(units) / len(units)
    print("\nP(M = m):", ", ".join(f"{m}: {share:.2f}" for m, share in enumerate(shares)))

    # All 14 years from the end of 1920: each posterior draw simulates its own path.
    paths = bnn.forecast(fit, HELD_OUT, key=1)
    table = bnn.to_frame(paths, levels=(80,)).set_index("ds")[["mean", "lo-80", "hi-80"]]
    print("\nforecasts:\n", table.assign(observed=later).round(2).to_string())
    skeleton = bnn.skeleton(fit)
    print(f"\nskeleton: {skeleton}")
    assert past.index[-1] == fit.data.series.y.index[-1]  # the fit has not seen the held-out years

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
