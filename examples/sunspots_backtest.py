"""A backtest of sunspot forecasts against simple methods: which is best, by how much, and are its intervals calibrated?

Question: one to five years ahead, does a nonlinear autoregression forecast the sunspot numbers of 1980-2008 better than
the linear autoregression on the same lags, the last value, or a drift?
Model: `bnn.shallow(bnn.Geometric(0.5, 8), linear="random")` on nine lags of sqrt(1 + y), the transform of Tong, 1990;
the forecasts are of y + 1, by simulated paths, from a single fit to the years before the first origin.
Result: a table of scores by method and horizon, paired differences with standard errors, and a picture: coverage by
horizon, the probability integral transform one year ahead, and the fan of paths from the last origin.

Run: python examples/sunspots_backtest.py [--quick] [--output sunspots_backtest.png]
"""

import argparse

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

HORIZON = 5


def main(quick: bool, output: str) -> None:
    series = (bnn.datasets.sunspots() + 1.0).rename("sunspot number + 1")
    # `suggest` compares none, log and differences; the square root used below is Tong's choice.
    print(bnn.suggest(series.loc[:1979], lags=9), "\n")
    few = 200 if quick else 1000
    result = bnn.backtest(
        bnn.shallow(hidden=bnn.Geometric(0.5, 8), linear="random"),
        series,
        lags=9,
        transform="sqrt",
        horizon=HORIZON,
        windows=29 - HORIZON + 1,  # the first forecast is for 1980, the last reaches 2008
        draws=few,
        warmup=few,
        key=0,
    )
    print(result)
    for horizon in (1, HORIZON):
        apart = result.difference("network", "linear_ar", "crps", horizon)
        print(
            f"CRPS of the network less that of the linear AR, horizon {horizon}: {apart.mean:.2f} (se {apart.se:.2f})"
        )
    fit = result.fits["network"]
    print(f"\n{bnn.diagnose(fit)}")

    paths = bnn.forecast(fit, HORIZON, history=series.loc[:2003], key=1)
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    bnn.plots.coverage(result, ax=axes[0])
    bnn.plots.pit(result, ax=axes[1], bins=5)
    bnn.plots.forecast(series.loc[:2003], paths, history=40, observed=series.loc[2004:], ax=axes[2])
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument("--output", default="sunspots_backtest.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
