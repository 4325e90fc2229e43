"""Every picture of ArviZ that a statistician would try, on fits of many kinds, after `add_groups` and `identified`."""

import warnings

import arviz as az
import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

NEW = int(az.__version__.split(".")[0]) >= 1
RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": np.linspace(0.0, 10.0, 24), "b": RNG.normal(size=24)})
Y = 100.0 + 5.0 * np.sin(X["a"]) + RNG.normal(size=24)
SERIES = pd.Series(np.sin(np.arange(30.0)) + 0.1 * RNG.normal(size=30))


def energy(values):
    """Statistics that NUTS records."""
    values["stat energy"] = RNG.normal(size=values["sigma"].shape)
    values["stat diverging"] = np.zeros(values["sigma"].shape, dtype=bool)


KINDS = {
    "nuts": (bnn.Model([bnn.Dense(3)], prior=bnn.Normal()), (X, Y), energy),
    "shallow": (bnn.shallow(2, linear=True), (X, Y), None),
    "classes": (bnn.shallow(2, likelihood=bnn.Categorical()), (X, np.array(list("uvwu") * 6)), None),
    "two outputs": (bnn.shallow(2, linear=True), (X, np.column_stack([Y, -(Y**2)])), None),
    "counts": (bnn.shallow(1, likelihood=bnn.Poisson()), (X, np.arange(24) % 5), None),
    "deep": (bnn.Model([bnn.Dense(8), bnn.Dense(8)], prior=bnn.Hierarchical()), (X, Y), None),
    "lstm": (bnn.Model([bnn.AsSequence(), bnn.LSTM(2)], prior=bnn.Normal()), (bnn.lagged(SERIES, lags=3), None), None),
    "random": (bnn.shallow(bnn.Geometric(0.5, 3)), (X, Y), None),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pictures(idata, chosen, name):
    """The pictures by name, each a call without arguments; those with other names in the two lines of ArviZ apart."""
    first = list(chosen["posterior"].data_vars)[0]
    rows = {"row": chosen["posterior"]["row"].to_numpy()[:2]}
    found = {
        n: lambda n=n: getattr(az, f"plot_{n}")(chosen) for n in ("trace", "rank", "forest", "ess", "mcse", "autocorr")
    }
    found |= {
        "pair": lambda: az.plot_pair(chosen, var_names=[first], coords=rows),
        "khat": lambda: az.plot_khat(az.loo(idata, pointwise=True)),
        "compare": lambda: az.plot_compare(az.compare({"one": idata, "other": chosen})),
    }
    if name != "two outputs":  # the log likelihood is of rows, and ArviZ wants one of every number
        found["loo_pit"] = lambda: az.plot_loo_pit(idata, **({} if NEW else {"y": "y"}))
    if name == "nuts":
        found["energy"] = lambda: az.plot_energy(idata)
    if NEW:
        found |= {
            n: lambda n=n: getattr(az, f"plot_{n}")(chosen)
            for n in ("trace_dist", "dist", "prior_posterior", "ridge", "ess_evolution", "rank_dist")
        }
        found |= {
            "ppc": lambda: az.plot_ppc_dist(idata),
            "prior ppc": lambda: az.plot_ppc_dist(idata, group="prior_predictive"),
            "ppc_pit": lambda: az.plot_ppc_pit(idata),
            "ppc_tstat": lambda: az.plot_ppc_tstat(idata),
        }
    else:
        found |= {n: lambda n=n: getattr(az, f"plot_{n}")(chosen) for n in ("posterior", "dist_comparison", "density")}
        found |= {"ppc": lambda: az.plot_ppc(idata), "prior ppc": lambda: az.plot_ppc(idata, group="prior")}
    return found


@pytest.mark.first_case
@pytest.mark.parametrize("name", KINDS)
def test_every_picture_is_drawn(name, fake_fit):
    model, data, change = KINDS[name]
    fit = bnn.add_groups(fake_fit(model, *data, change=change), draws=20)
    chosen = bnn.identified(fit, rows=2)
    assert len(az.summary(chosen)) < 30
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ and pandas warn of high k-hats, of few draws, of discrete data
        for picture, draw in pictures(fit.idata, chosen, name).items():
            assert draw() is not None, picture
            assert plt.get_fignums(), picture
            plt.close("all")
