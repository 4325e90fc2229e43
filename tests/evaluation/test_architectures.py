"""The table and the picture of posterior probabilities of architectures."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.fitting.binding import bind_lags  # noqa: E402

X = np.random.default_rng(0).normal(size=(30, 2))
Y = np.sin(X[:, 0])
MODEL = bind_lags(bnn.shallow(bnn.Geometric(0.6, 4), linear="random", lags="random"), 2)


@pytest.fixture(scope="module")
def fit(fake_fit):
    return fake_fit(MODEL, X, Y, chains=4, draws=500)


@pytest.mark.slow
def test_probabilities_are_shares_of_draws(fit):
    table = bnn.architectures(fit)
    posterior = fit.idata["posterior"]
    for (units, linear, lags), row in table.iterrows():
        inside = (posterior["M"] == units) & (posterior["linear_in"] == linear) & (posterior["lag_order"] == lags)
        np.testing.assert_allclose(row["probability"], inside.mean(), rtol=1e-12)
        np.testing.assert_allclose(row["prior"], bnn.Geometric(0.6, 4).probabilities()[units] / 4, rtol=1e-12)
    np.testing.assert_allclose(table["probability"].sum(), 1, rtol=1e-12)
    assert table["probability"].is_monotonic_decreasing
    # independent draws of the prior: the table errs by its standard errors
    z = (table["probability"] - table["prior"]) / table["se"]
    assert z.abs().max() < 4.5
    assert 0.5 < z.std() < 1.6


def test_standard_errors_know_that_draws_depend(fake_fit):
    def stick(values):
        for name in ("M", "linear_in", "lag_order"):
            values[name] = np.repeat(values[name][:, ::10], 10, axis=1)

    sticky, free = (fake_fit(MODEL, X, Y, chains=4, draws=500, change=c) for c in (stick, None))
    ratio = bnn.architectures(sticky, by="linear_in")["ess"] / bnn.architectures(free, by="linear_in")["ess"]
    assert (ratio < 0.2).all()


def test_marginal_tables_have_every_value(fit):
    table = bnn.architectures(fit, by="M")
    assert table.index.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(table["prior"], bnn.Geometric(0.6, 4).probabilities(), rtol=1e-12)
    joint = bnn.architectures(fit).groupby("M")["probability"].sum()
    np.testing.assert_allclose(table["probability"], joint.reindex(table.index, fill_value=0.0), rtol=1e-12)
    assert bnn.architectures(fit, by="lag_order").index.tolist() == [1, 2]


def test_what_is_never_or_always_visited_has_no_standard_error(fake_fit):
    def only_two(values):
        values["M"][:] = 2

    table = bnn.architectures(fake_fit(bnn.shallow(bnn.Geometric(0.5, 3)), X, Y, change=only_two), by="M")
    assert table["probability"].tolist() == [0, 0, 1, 0]
    assert table[["se", "ess"]].isna().all(axis=None)


def test_refusals(fit, fake_fit):
    with pytest.raises(ValueError, match="must have a random architecture"):
        bnn.architectures(fake_fit(bnn.shallow(2), X, Y))
    with pytest.raises(ValueError, match="unknown by 'units': choose one of 'M', 'linear_in', 'lag_order'"):
        bnn.architectures(fit, by="units")
    with pytest.raises(ValueError, match="ax must have 3 Axes"):
        bnn.plots.architecture(fit, ax=plt.subplots()[1])
    plt.close("all")


def test_the_picture_shows_posterior_and_prior(fit, fake_fit):
    axes = bnn.plots.architecture(fit)
    assert [ax.get_xlabel() for ax in axes] == ["hidden units", "linear term", "lags"]
    heights = [bar.get_height() for bar in axes[0].patches]
    table = bnn.architectures(fit, by="M")
    np.testing.assert_allclose(heights, [*table["probability"], *table["prior"]], rtol=1e-12)
    single = fake_fit(bnn.shallow(bnn.Geometric(0.5, 3)), X, Y)
    given = plt.subplots()[1]
    assert bnn.plots.architecture(single, ax=given) is given
    plt.close("all")


def test_units_leave_unused_lags_out(fit):
    ax = bnn.plots.units(fit)
    assert len(ax.lines) == 4
    plt.close("all")
