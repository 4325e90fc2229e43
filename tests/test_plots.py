"""Every picture returns Axes with what it promises drawn in it."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

X = np.linspace(0.0, 10.0, 40)[:, None]
Y = np.sin(X[:, 0])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_fit_band_draws_mean_bands_and_data(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    ax = bnn.plots.fit_band(fit, levels=(50, 90))
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == ["90% of new y", "90% of f", "50% of f", "posterior mean of f", "data"]
    grid, mean = ax.lines[0].get_data()
    assert (grid[0], grid[-1]) == (0.0, 10.0)
    np.testing.assert_allclose(mean, bnn.predict(fit, grid[:, None]).mean(("chain", "draw")), rtol=1e-10)
    assert ax.get_xlabel() == "x0"


def test_fit_band_of_a_chosen_input_holds_the_others_at_their_medians(fake_fit):
    table = np.column_stack([X[:, 0], X[::-1, 0] ** 2])
    fit = fake_fit(bnn.shallow(2), table, Y)
    ax = bnn.plots.fit_band(fit, input="x1", data=False)
    grid, mean = ax.lines[0].get_data()
    rows = np.column_stack([np.full(len(grid), np.median(table[:, 0])), grid])
    np.testing.assert_allclose(mean, bnn.predict(fit, rows).mean(("chain", "draw")), rtol=1e-10)
    with pytest.raises(ValueError, match="'x0', 'x1'"):
        bnn.plots.fit_band(fit, input="x2")


def test_units_add_up_to_the_function(fake_fit):
    fit = fake_fit(bnn.shallow(3), X, Y)
    ax = bnn.plots.units(fit)
    grid = ax.lines[0].get_xdata()
    total = sum(line.get_ydata() for line in ax.lines) + Y.mean()
    np.testing.assert_allclose(total, bnn.predict(fit, grid[:, None]).mean(("chain", "draw")), rtol=1e-9, atol=1e-9)


def test_diagnostics_draw_every_chain(fake_fit):
    ax = bnn.plots.diagnostics(fake_fit(bnn.shallow(2), X, Y))
    assert len(ax.lines) == 4
    assert "worst R-hat of f" in ax.get_title()


def test_calibration_runs_from_none_to_all(fake_fit):
    ax = bnn.plots.calibration(fake_fit(bnn.shallow(2), X, Y), X, Y)
    covered = ax.lines[1].get_ydata()
    assert np.all(np.diff(covered) >= 0)
    assert 0.0 <= covered[0] <= covered[-1] <= 1.0


def test_prior_draws_so_many_functions():
    ax = bnn.plots.prior(bnn.shallow(2), X, draws=7)
    assert len(ax.lines) == 7
    with pytest.raises(ValueError, match="one input, got 2"):
        bnn.plots.prior(bnn.shallow(2), np.column_stack([X, X]))


def test_given_axes_are_used(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    _, ax = plt.subplots()
    for draw in (bnn.plots.fit_band, bnn.plots.units, bnn.plots.diagnostics):
        assert draw(fit, ax=ax) is ax
