"""Sunspots forecast by four networks that read the last years as a sequence: Elman, GRU, LSTM and attention.

Question: one year ahead, does any of them forecast the sunspot numbers of 1980-2008 better than the linear
autoregression on the same nine lags, and does the type of network matter?
Model: for the square root of 1 + y (Tong, 1990), a linear term of its lags plus a small network that reads them in
order of time (`AsSequence`), with normal priors scaled by fan-in; the readout is integrated out, the rest sampled by
NUTS. All four use the same lags, prior and sampler.
Result: a table with the number of weights, R-hat of the function, CRPS, log score and coverage, the difference in CRPS
from the linear autoregression, and seconds; a picture of the forecasts of each network for the next eleven years.

Run: python examples/lstm_forecast.py [--quick] [--output lstm_forecast.png]
"""

import argparse

import matplotlib
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

LAGS, YEARS = 9, 29
BODIES = {
    "Elman": [bnn.AsSequence(), bnn.Elman(2)],
    "GRU": [bnn.AsSequence(), bnn.GRU(2)],
    "LSTM": [bnn.AsSequence(), bnn.LSTM(2)],
    "attention": [
        bnn.AsSequence(),
        bnn.Dense(2, "tanh"),
        bnn.PositionalEncoding(),
        bnn.SelfAttention(),
        bnn.Last(),
    ],
}


def main(quick: bool, output: str) -> None:
    series = (bnn.datasets.sunspots() + 1.0).rename("sunspot number + 1")
    few = 30 if quick else 300
    settings = {"lags": LAGS, "transform": "sqrt", "windows": YEARS, "baselines": ["linear_ar"]}
    settings |= {"sampler": bnn.NUTS(max_tree_depth=4 if quick else 6), "marginalize": True}
    settings |= {"draws": few, "warmup": few, "key": 0, "progress": not quick}

    rows = {}
    figure, axes = plt.subplots(2, 2, figsize=(12, 7.5), layout="constrained", sharey=True)
    for (name, body), ax in zip(BODIES.items(), axes.flat, strict=True):
        model = bnn.Model(body, linear=True)
        # The fit uses the years before 1980; each forecast is given all years before its own.
        result = bnn.backtest(model, series, **settings)
        fit = result.fits["network"]
        found, attrs = bnn.diagnose(fit), fit.idata["posterior"].attrs
        apart = result.difference("network", "linear_ar")
        rows[name] = {
            "weights": sum(fit.model.sizes(fit.data.x.shape[1:]).values()),
            "R-hat": found.table.loc["f, worst", "r_hat"],
            **result.table.loc[("network", 1), ["crps", "log_score", "coverage_80"]],
            "CRPS less linear": f"{apart.mean:.2f} (se {apart.se:.2f})",
            "seconds": sum(attrs[f"{part}_seconds"] for part in ("compile", "warmup", "sampling")),
        }
        rows["linear AR"] = dict(result.table.loc[("linear_ar", 1), ["crps", "log_score", "coverage_80"]])
        print(f"{name}: {found.verdict}")
        paths = bnn.forecast(fit, 11, key=1)
        bnn.plots.forecast(fit, paths, history=40, observed=series.loc[1980:1990], ax=ax)
        ax.set_title(name)
        ax.label_outer(remove_inner_ticks=False)
        ax.get_legend().set_visible(ax in axes[1])  # once for each column
    table = pd.DataFrame(rows).T
    print(f"\none year ahead, {YEARS} years:\n{table.to_string(na_rep='', float_format='{:.3f}'.format)}")
    figure.savefig(output, dpi=120)
    print(f"\npicture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument("--output", default="lstm_forecast.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
