"""The table of what a report states."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn

X = pd.DataFrame({"a": np.linspace(10.0, 30.0, 20), "b": np.cos(np.arange(20.0))})
Y = 5.0 + 3.0 * X["a"] + np.sin(np.arange(20.0))


def test_rows_and_columns(fake_fit):
    table = bnn.summary(fake_fit(bnn.shallow(2), X, Y), level=80)
    assert list(table.columns) == ["mean", "sd", "lo-80", "hi-80", "r_hat", "ess_bulk", "ess_tail"]
    assert list(table.index) == ["R^2", "sigma", "log likelihood", "f, worst", "f, median"]
    assert table.attrs["verdict"] == bnn.diagnose(fake_fit(bnn.shallow(2), X, Y)).verdict
    assert (
        table.loc["f, worst", ["r_hat", "ess_bulk"]].notna().all()
        and table.loc["f, worst", ["mean", "sd"]].isna().all()
    )
    assert 0.0 < table.loc["R^2", "lo-80"] < table.loc["R^2", "hi-80"] < 1.0
    with pytest.raises(ValueError, match="percentages"):
        bnn.summary(fake_fit(bnn.shallow(2), X, Y), level=180)


def test_units_of_y(fake_fit):
    """Coefficients and R^2 of a linear model with known draws, by hand."""

    def change(values):
        values["linear"][:] = [0.9, 0.1]
        values["intercept"][:] = 0.0
        values["sigma"][:] = 0.5  # of y on the standardised scale

    fit = fake_fit(bnn.Model([], linear=True), X, Y, change=change)
    table = bnn.summary(fit)
    np.testing.assert_allclose(table.loc["linear[a]", "mean"], 0.9 * Y.std(ddof=0) / X["a"].std(ddof=0))
    np.testing.assert_allclose(table.loc["linear[b]", "mean"], 0.1 * Y.std(ddof=0) / X["b"].std(ddof=0))
    z = (X - X.mean()) / X.std(ddof=0)
    explained = (0.9 * z["a"] + 0.1 * z["b"]).var(ddof=0)
    sigma = fit.sites()["sigma"].mean()
    np.testing.assert_allclose(table.loc["R^2", "mean"], explained / (explained + sigma**2))
    np.testing.assert_allclose(table.loc["sigma", "mean"], sigma * Y.std(ddof=0))


def test_weights_count_rows(fake_fit):
    weights = np.where(np.arange(20) < 10, 2.0, 0.0)
    half = bnn.summary(fake_fit(bnn.Model([], linear=True), X[:10], Y[:10]))
    whole = bnn.summary(fake_fit(bnn.Model([], linear=True), X, Y, weights=weights))
    np.testing.assert_allclose(whole.loc["R^2", "mean"], half.loc["R^2", "mean"])


def test_several_outputs_and_classes(fake_fit):
    both = bnn.summary(fake_fit(bnn.Model([], linear=True), X, pd.DataFrame({"u": Y, "v": -Y})))
    assert {"R^2[u]", "R^2[v]", "sigma[u]", "linear[a, u]"} <= set(both.index)
    classes = bnn.summary(fake_fit(bnn.shallow(1, likelihood=bnn.Bernoulli()), X, Y.gt(Y.median())))
    assert not any(name.startswith("R^2") for name in classes.index)
    counts = bnn.summary(fake_fit(bnn.shallow(1, likelihood=bnn.Poisson()), X, np.arange(20) % 4))
    assert "R^2" in counts.index
