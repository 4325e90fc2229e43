"""Every picture returns Axes with what it promises drawn in it."""

from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from bands import band_ends, central
from scipy.stats import binom

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.data.formulas.formula import Formula  # noqa: E402
from bayesnn.evaluation.scores.calibration import probability_transform  # noqa: E402
from bayesnn.plots import effects  # noqa: E402

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
    for band, kind, level in zip(ax.collections, ("response", "mean", "mean"), (90, 90, 50), strict=True):
        draws = bnn.predict(fit, grid[:, None], kind=kind).to_numpy().reshape(-1, len(grid))
        np.testing.assert_allclose(band_ends(band), (grid, *central(draws, level)), rtol=1e-10)
    assert ax.get_xlabel() == "x0"


def test_fit_band_names_the_target_of_a_formula_and_holds_the_offset(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y + 5.0, offset=np.full(len(X), 5.0))
    formula = Formula("log(a) ~ b", "log(a)", "b", ("b",), (None,), ("x0",), (), "({}, {})")
    named = replace(fit, data=replace(fit.data, columns=replace(fit.data.columns, formula=formula)))
    ax = bnn.plots.fit_band(named)
    assert (bnn.plots.fit_band(fit).get_ylabel(), ax.get_ylabel()) == ("y", "log(a)")
    grid, mean = ax.lines[0].get_data()
    expected = bnn.predict(fit, grid[:, None], offset=5.0).mean(("chain", "draw"))
    np.testing.assert_allclose(mean, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (pd.Series(Y, name="head (g)"), "head (g)"),
        (pd.DataFrame({"accel": Y}), "accel"),
        (pd.Series(Y), "y"),
        (Y, "y"),
    ],
)
def test_fit_band_names_the_target_of_a_table(fake_fit, tmp_path, y, name):
    fit = fake_fit(bnn.shallow(1), pd.DataFrame({"a": X[:, 0]}), y)
    assert bnn.plots.fit_band(fit).get_ylabel() == name
    bnn.save(fit, tmp_path / "fit.npz")
    assert bnn.load(tmp_path / "fit.npz").data.target == name


@pytest.mark.slow
def test_fit_band_of_a_table_with_categories(fake_fit):
    table = pd.DataFrame({"a": np.linspace(-1, 1, 20), "c": ["u", "v"] * 10})
    ax = bnn.plots.fit_band(fake_fit(bnn.shallow(1), table, np.sin(table["a"])))
    assert ax.get_xlabel() == "a"


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


def test_pictures_of_one_function_refuse_several(fake_fit):
    fit = fake_fit(
        bnn.shallow(1), np.ones((4, 1)) * np.arange(4.0)[:, None], np.arange(8.0).reshape(4, 2) ** 2, draws=2
    )
    for picture in (bnn.plots.fit_band, bnn.plots.units):
        with pytest.raises(ValueError, match="this fit has several"):
            picture(fit)


def test_diagnostics_draw_every_chain(fake_fit):
    ax = bnn.plots.diagnostics(fake_fit(bnn.shallow(2), X, Y))
    assert len(ax.lines) == 4
    assert "worst R-hat of f" in ax.get_title()


def test_temperature_walk_draws_every_copy_at_its_temperature(fake_fit):
    """Three copies over four draws: copy 2 goes from the hot end to the cold one and back."""
    copies = np.array([[0, 1, 2], [0, 2, 1], [2, 0, 1], [0, 2, 1]])

    def change(values):
        values["stat copy"] = np.tile(copies, (2, 1, 1))
        values["stat temperatures"] = np.tile([1.0, 0.5, 0.1], (2, 4, 1))
        values["stat round_trips"] = np.tile([3, 3, 4, 4], (2, 1))

    ax = bnn.plots.temperature_walk(fake_fit(bnn.shallow(1), X, Y, chains=2, draws=4, change=change), chain=1)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines if line.get_label().startswith("copy")}
    assert {name: list(places) for name, places in drawn.items()} == {
        "copy 0": [0, 0, 1, 0],
        "copy 1": [1, 2, 2, 2],
        "copy 2": [2, 1, 0, 1],
    }
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "0.5", "0.1"]
    assert ax.get_title() == "chain 1: 1 round trip in 4 draws"
    with pytest.raises(ValueError, match=r"bnn\.Tempered"):
        bnn.plots.temperature_walk(fake_fit(bnn.shallow(1), X, Y))


def test_calibration_runs_from_none_to_all(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    ax = bnn.plots.calibration(fit, X, Y)
    covered = ax.lines[1].get_ydata()
    assert np.all(np.diff(covered) >= 0)
    assert 0.0 <= covered[0] <= covered[-1] <= 1.0
    pit = probability_transform(fit, X, Y)
    for level in (20, 50, 80):
        assert covered[level - 1] == np.mean((pit >= 0.5 - level / 200) & (pit <= 0.5 + level / 200))


@pytest.mark.slow
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


TABLE = pd.DataFrame({"a": X[:, 0], "b": np.cos(X[:, 0]), "c": np.array(["u", "v"] * 20)})


@pytest.fixture(scope="module")
def table_fit(fake_fit):
    return fake_fit(bnn.shallow(2), TABLE, Y, chains=2, draws=5)


@pytest.fixture(scope="module")
def class_fit(fake_fit):
    labels = np.array(["x", "y", "z", "y"] * 10)
    model = bnn.Model([bnn.Dense(2, "tanh")], likelihood=bnn.Categorical())
    return fake_fit(model, TABLE[["a", "b"]], labels, chains=2, draws=5)


@pytest.fixture(scope="module")
def binary_fit(fake_fit):
    model = bnn.Model([bnn.Dense(2, "tanh")], likelihood=bnn.Bernoulli())
    return fake_fit(model, TABLE[["a", "b"]], Y > 0, chains=2, draws=5)


@pytest.mark.slow
def test_partial_dependence_draws_mean_and_bands(table_fit):
    ax = bnn.plots.partial_dependence(table_fit, "a", levels=(50, 80, 95), points=7)
    effect = bnn.partial_dependence(table_fit, "a", points=7)
    grid, mean = ax.lines[0].get_data()
    np.testing.assert_allclose(grid, effect["grid"])
    np.testing.assert_allclose(mean, effect.mean(("chain", "draw")), rtol=1e-10)
    assert len(ax.collections) == 3
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "y")


def test_partial_dependence_of_categories_and_of_two_inputs(table_fit):
    ax = bnn.plots.partial_dependence(table_fit, "c")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["u", "v"]
    ax = bnn.plots.partial_dependence(table_fit, ["c", "a"], points=4)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["u", "v"]
    assert ax.get_xlabel() == "a"
    ax = bnn.plots.partial_dependence(table_fit, ["a", "b"], points=4)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert len(ax.figure.axes) == 2  # a colour bar


def test_partial_dependence_of_classes(class_fit):
    ax = bnn.plots.partial_dependence(class_fit, "a", points=4)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["x", "y", "z"]
    ax = bnn.plots.partial_dependence(class_fit, "a", points=4, output="z")
    assert ax.get_ylabel() == "P(z)"
    with pytest.raises(ValueError, match="unknown output None: choose one of 'x', 'y', 'z'"):
        bnn.plots.partial_dependence(class_fit, ["a", "b"], points=4)


def test_individual_curves_draw_every_row_and_the_average(table_fit):
    ax = bnn.plots.individual_curves(table_fit, "b", count=3, points=5)
    curves = bnn.individual_curves(table_fit, "b", count=3, points=5)
    average = ax.lines[-2].get_ydata()  # the last line holds the marks of the training rows
    np.testing.assert_allclose(average, curves.mean(("chain", "draw", "obs")), rtol=1e-10)
    assert len(ax.collections) == 3
    with pytest.raises(ValueError, match="'c' is categorical"):
        bnn.plots.individual_curves(table_fit, "c")


@pytest.mark.parametrize(
    ("values", "discrete"),
    [
        (np.array([0.0, 0.5]), False),
        (np.array(["a", "b"], dtype=object), True),
        (np.array(["a", "b"]), True),
        (pd.Index(["a", "b"], dtype="string"), True),  # what pandas 3 makes of strings
        (np.array([False, True]), True),
    ],
    ids=["numbers", "objects", "strings", "pandas strings", "booleans"],
)
def test_a_grid_is_discrete_unless_it_holds_numbers(values, discrete):
    grid = xr.DataArray(np.zeros(2), {"grid": values}, ("grid",))["grid"]
    assert effects._discrete(grid) == discrete


def test_marginal_effects_and_relevance_name_every_input(table_fit, class_fit):
    ax = bnn.plots.marginal_effects(table_fit)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c[v - u]"]
    effects = bnn.average_marginal_effects(table_fit).mean(("chain", "draw"))
    np.testing.assert_allclose(ax.lines[0].get_xdata(), effects, rtol=1e-10)
    ax = bnn.plots.relevance(table_fit, repeats=2)
    shown = ax.lines[0].get_xdata()
    assert list(shown) == sorted(shown, reverse=True)
    ax = bnn.plots.marginal_effects(class_fit)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["x", "y", "z"]
    assert len(bnn.plots.relevance(class_fit, method="sensitivity").get_yticklabels()) == 2
    assert len(bnn.plots.relevance(class_fit, score="predictive", repeats=2).get_yticklabels()) == 2


def test_pit_histogram_counts_every_row(fake_fit):
    ax = bnn.plots.pit_histogram(fake_fit(bnn.shallow(2), X, Y), X, Y, bins=5)
    bars = [patch.get_height() for patch in ax.patches if patch.get_width() < 0.5]
    assert len(bars) == 5
    assert sum(bars) == 40


def test_reliability_shows_shares_counts_and_chance(binary_fit, class_fit):
    truth = Y > 0
    ax = bnn.plots.reliability(binary_fit, TABLE[["a", "b"]], truth, bins=5)
    p = bnn.predict(binary_fit, TABLE[["a", "b"]], kind="probability").mean(("chain", "draw")).to_numpy()[:, 1]
    number = np.minimum((p * 5).astype(int), 4)
    kept = np.unique(number)
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(x, [p[number == b].mean() for b in kept], rtol=1e-10)
    np.testing.assert_allclose(y, [truth[number == b].mean() for b in kept], rtol=1e-10)
    assert [t.get_text() for t in ax.texts] == [str((number == b).sum()) for b in kept]
    counts = np.array([(number == b).sum() for b in kept])
    chance = np.array([bar[:, 1] for bar in ax.collections[0].get_segments()])
    np.testing.assert_allclose(chance.T, binom.ppf([[0.025], [0.975]], counts, x) / counts)
    assert ax.get_xlabel() == "predictive probability of True"
    labels = np.array(["x", "y", "z", "y"] * 10)
    assert "most probable" in bnn.plots.reliability(class_fit, TABLE[["a", "b"]], labels).get_xlabel()
    assert bnn.plots.reliability(class_fit, TABLE[["a", "b"]], labels, output="z").get_xlabel().endswith(" z")


def test_probability_map_draws_points_and_boundary(binary_fit, class_fit):
    ax = bnn.plots.probability_map(binary_fit, points=6)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["False", "True"]
    assert sum(len(line.get_xdata()) for line in ax.lines) == 40
    ax = bnn.plots.probability_map(class_fit, ["b", "a"], points=6)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "a")
    assert len(ax.images) == 1
    ax = bnn.plots.probability_map(class_fit, output="y", points=6, data=False)
    assert len(ax.lines) == 0


def test_pictures_of_classes_refuse_numbers(table_fit):
    for call in (
        lambda: bnn.plots.probability_map(table_fit),
        lambda: bnn.plots.reliability(table_fit, TABLE, Y),
    ):
        with pytest.raises(ValueError, match="for classifiers, got a fit with Gaussian"):
            call()


def test_pareto_k_names_the_rows_that_cannot_be_trusted(fake_fit):
    table = pd.DataFrame({"x0": X[:, 0]}, index=[f"row {i}" for i in range(len(X))])
    fit = fake_fit(bnn.shallow(2), table, Y)  # draws from the prior: no row can be reweighted
    result = bnn.loo(fit)
    ax = bnn.plots.pareto_k(fit)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), result.pareto_k)
    assert len(result.bad)
    assert [text.get_text() for text in ax.texts] == list(result.bad[:10])  # as many as a warning names
