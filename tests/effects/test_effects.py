"""Effects against plain loops over rows and draws, finite differences and closed forms."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn

RNG = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(40.0, 10.0, 24),
        "dose": RNG.uniform(0.0, 5.0, 24),
        "smoker": np.array([0, 1] * 12),
        "colour": np.array(["red", "green", "blue"] * 8),
        "sex": np.array(["f", "m", "m", "f"] * 6),
    }
)
Y = 100.0 + TABLE["age"].to_numpy() + 5.0 * RNG.normal(size=24)


@pytest.fixture(scope="module")
def table_fit(fake_fit):
    return fake_fit(bnn.shallow(3, linear=True), TABLE, Y, chains=2, draws=4)


def mean_with(fit, rows=TABLE, **values):
    """Average prediction (chain, draw) with columns set."""
    return bnn.predict(fit, rows.assign(**values)).mean("obs").to_numpy()


@pytest.mark.parametrize(
    ("name", "grid"), [("age", [20.0, 60.0]), ("smoker", [0, 1]), ("colour", ["red", "blue"]), ("sex", ["m", "f"])]
)
def test_partial_dependence_is_a_loop_over_the_grid(table_fit, name, grid):
    got = bnn.partial_dependence(table_fit, name, grid=grid)
    assert got.dims == ("chain", "draw", "grid")
    for k, value in enumerate(grid):
        assert got["grid"].to_numpy()[k] == value
        np.testing.assert_allclose(got[..., k], mean_with(table_fit, **{name: value}), rtol=1e-10)


def test_partial_dependence_of_two_inputs_over_given_rows(table_fit):
    rows = TABLE.iloc[:5]
    grid = {"age": [20.0, 60.0], "colour": ["red", "green", "blue"]}
    got = bnn.partial_dependence(table_fit, ["age", "colour"], grid=grid, rows=rows)
    assert got.dims == ("chain", "draw", "grid", "grid2")
    for i, age in enumerate(grid["age"]):
        for j, colour in enumerate(grid["colour"]):
            expected = mean_with(table_fit, rows, age=age, colour=colour)
            np.testing.assert_allclose(got[:, :, i, j], expected, rtol=1e-10)


def test_default_grids(table_fit):
    age = bnn.partial_dependence(table_fit, "age", points=4)["grid"].to_numpy()
    np.testing.assert_allclose(age, np.linspace(TABLE["age"].min(), TABLE["age"].max(), 4))
    assert list(bnn.partial_dependence(table_fit, "colour")["grid"].to_numpy()) == ["blue", "green", "red"]
    assert list(bnn.partial_dependence(table_fit, "smoker")["grid"].to_numpy()) == [0.0, 1.0]


def test_the_average_of_individual_curves_is_the_partial_dependence(table_fit):
    curves = bnn.individual_curves(table_fit, "dose", grid=[1.0, 2.0], rows=TABLE)
    assert curves.dims == ("chain", "draw", "obs", "grid")
    average = bnn.partial_dependence(table_fit, "dose", grid=[1.0, 2.0])
    np.testing.assert_allclose(curves.mean("obs"), average, rtol=1e-10)
    np.testing.assert_allclose(curves[..., 0], bnn.predict(table_fit, TABLE.assign(dose=1.0)), rtol=1e-10)
    np.testing.assert_array_equal(curves["own"], TABLE["dose"])


def test_default_rows_of_individual_curves_span_the_input(table_fit):
    own = bnn.individual_curves(table_fit, "dose", count=3, points=2)["own"].to_numpy()
    assert len(own) == 3
    assert (own.min(), own.max()) == (TABLE["dose"].min(), TABLE["dose"].max())


def test_marginal_effects_are_finite_differences_and_contrasts(table_fit):
    got = bnn.average_marginal_effects(table_fit)
    labels = ["age", "dose", "smoker[1 - 0]", "colour[green - blue]", "colour[red - blue]", "sex[m - f]"]
    assert list(got["input"].to_numpy()) == labels
    for name, step in (("age", 1e-3), ("dose", 1e-4)):
        up, down = (mean_with(table_fit, **{name: TABLE[name] + s}) for s in (step, -step))
        # the error of a central difference is step^2 f'''/6, and rounding about 1e-16 * 100 / step
        np.testing.assert_allclose(got.sel(input=name), (up - down) / (2 * step), rtol=1e-5, atol=1e-7)
    for label, name, a, b in (
        ("smoker[1 - 0]", "smoker", 0, 1),
        ("colour[red - blue]", "colour", "blue", "red"),
        ("sex[m - f]", "sex", "f", "m"),
    ):
        expected = mean_with(table_fit, **{name: b}) - mean_with(table_fit, **{name: a})
        np.testing.assert_allclose(got.sel(input=label), expected, rtol=1e-9, atol=1e-9)


def test_effect_of_a_linear_model_is_its_slope_in_units(fake_fit):
    x = RNG.normal(5.0, 3.0, (20, 2))

    def straight(values):
        values["beta"][...] = 0.0
        values["linear"][...] = [0.5, -2.0]

    fit = fake_fit(bnn.shallow(2, linear=True), x, Y[:20], change=straight)
    got = bnn.average_marginal_effects(fit).mean(("chain", "draw"))
    np.testing.assert_allclose(got, np.array([0.5, -2.0]) * Y[:20].std() / x.std(0), rtol=1e-10)
    move = bnn.contrast(fit, {"x0": (1.0, 3.0), "x1": (0.0, -1.0)})
    np.testing.assert_allclose(move, 2.0 * float(got[0]) - float(got[1]), rtol=1e-10)


def test_contrast_of_several_inputs_moves_them_together(table_fit):
    got = bnn.contrast(table_fit, {"age": (30, 50), "colour": ("red", "blue")}, rows=TABLE.iloc[3:9])
    rows = TABLE.iloc[3:9]
    expected = mean_with(table_fit, rows, age=50, colour="blue") - mean_with(table_fit, rows, age=30, colour="red")
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_arrays_have_numbered_inputs(fake_fit):
    x = RNG.normal(size=(20, 2))
    fit = fake_fit(bnn.shallow(2), x, Y[:20], chains=2, draws=3)
    got = bnn.partial_dependence(fit, "x1", grid=[0.5])
    moved = x.copy()
    moved[:, 1] = 0.5
    np.testing.assert_allclose(got[..., 0], bnn.predict(fit, moved).mean("obs"), rtol=1e-10)


@pytest.fixture(scope="module")
def class_fit(fake_fit):
    labels = np.array(["low", "mid", "high"] * 8)
    model = bnn.Model([bnn.Dense(2, "tanh")], likelihood=bnn.Categorical())
    return fake_fit(model, TABLE, labels, chains=2, draws=3)


def test_effects_on_classes_are_changes_of_probability(class_fit):
    def probability(**values):
        return bnn.predict(class_fit, TABLE.assign(**values), kind="probability").mean("obs").to_numpy()

    got = bnn.average_marginal_effects(class_fit, ["dose", "sex"])
    assert got.dims == ("chain", "draw", "input", "class")
    assert list(got["class"].to_numpy()) == ["high", "low", "mid"]
    step = 1e-4
    difference = (probability(dose=TABLE["dose"] + step) - probability(dose=TABLE["dose"] - step)) / (2 * step)
    np.testing.assert_allclose(got.sel(input="dose"), difference, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(got.sel(input="sex[m - f]"), probability(sex="m") - probability(sex="f"), atol=1e-10)
    np.testing.assert_allclose(got.sum("class"), 0.0, atol=1e-12)
    curve = bnn.partial_dependence(class_fit, "dose", grid=[1.0, 4.0])
    assert curve.dims == ("chain", "draw", "grid", "class")
    np.testing.assert_allclose(curve[:, :, 1], probability(dose=4.0), rtol=1e-10)
    frame = bnn.to_frame(got, levels=(80,))
    assert frame.index.names == ["input", "class"]
    assert frame.loc[("dose", "mid"), "mean"] == pytest.approx(float(got.sel(input="dose")[..., 2].mean()), rel=1e-10)
    assert bnn.decide(class_fit, TABLE.iloc[:4]).expected_loss.shape == (4, 3)


def test_effects_on_several_outputs_keep_their_units(fake_fit):
    y = np.column_stack([Y, 0.01 * RNG.normal(size=24)])
    fit = fake_fit(bnn.Model([bnn.Dense(2, "tanh")]), TABLE, y, chains=2, draws=3)
    got = bnn.average_marginal_effects(fit, "age")
    assert got.dims == ("chain", "draw", "input", "output")
    step = 1e-3
    up, down = (bnn.predict(fit, TABLE.assign(age=TABLE["age"] + s)).mean("obs").to_numpy() for s in (step, -step))
    np.testing.assert_allclose(got[:, :, 0], (up - down) / (2 * step), rtol=1e-5, atol=1e-9)


def test_rows_keep_their_offset(fake_fit):
    counts, offset = RNG.poisson(3, 24), RNG.normal(size=24)
    model = bnn.Model([bnn.Dense(2, "tanh")], likelihood=bnn.Poisson())
    fit = fake_fit(model, TABLE, counts, chains=2, draws=3, offset=offset)
    got = bnn.contrast(fit, {"age": (30, 50)})
    a, b = (bnn.predict(fit, TABLE.assign(age=v), offset=offset).mean("obs").to_numpy() for v in (30, 50))
    np.testing.assert_allclose(got, b - a, rtol=1e-9)
    given = bnn.contrast(fit, {"age": (30, 50)}, rows=TABLE.iloc[:3], offset=0.5)
    a, b = (bnn.predict(fit, TABLE.iloc[:3].assign(age=v), offset=0.5).mean("obs").to_numpy() for v in (30, 50))
    np.testing.assert_allclose(given, b - a, rtol=1e-9)
    effect = bnn.average_marginal_effects(fit, "age")[:, :, 0]
    step = 1e-3
    up, down = (bnn.predict(fit, TABLE.assign(age=TABLE["age"] + s), offset=offset) for s in (step, -step))
    np.testing.assert_allclose(effect, (up - down).mean("obs") / (2 * step), rtol=1e-5, atol=1e-9)
    with pytest.raises(ValueError, match="offset goes with rows"):
        bnn.contrast(fit, {"age": (30, 50)}, offset=0.5)
    with pytest.raises(ValueError, match="offset must be given as it was to the fit"):
        bnn.contrast(fit, {"age": (30, 50)}, rows=TABLE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: bnn.partial_dependence(fit, "weight"), "unknown input 'weight': choose one of 'age'"),
        (lambda fit: bnn.partial_dependence(fit, ["age", "dose", "sex"]), "one or two columns"),
        (lambda fit: bnn.partial_dependence(fit, None), "one or two columns"),
        (lambda fit: bnn.partial_dependence(fit, "colour", grid=["pink"]), "unknown category of 'colour' 'pink'"),
        (lambda fit: bnn.partial_dependence(fit, "age", grid=[np.nan]), "grid of 'age' must be finite"),
        (lambda fit: bnn.partial_dependence(fit, "age", grid=3.0), "non-empty list of values, got 3.0"),
        (lambda fit: bnn.partial_dependence(fit, ["age", "dose"], grid=[1.0]), "mapping from name to values"),
        (lambda fit: bnn.partial_dependence(fit, "age", grid={"dose": [1.0]}), "unknown input in grid 'dose'"),
        (lambda fit: bnn.partial_dependence(fit, "age", points=1), "points must be a whole number of at least 2"),
        (lambda fit: bnn.partial_dependence(fit, "age", rows=TABLE.iloc[:0]), "rows is empty"),
        (lambda fit: bnn.partial_dependence(fit, "age", rows=TABLE[["age"]]), r"must have the 5 column\(s\)"),
        (lambda fit: bnn.individual_curves(fit, ["age", "dose"]), "the name of one column"),
        (lambda fit: bnn.average_marginal_effects(fit, ["age", "age"]), "different names"),
        (lambda fit: bnn.contrast(fit, {}), "must map names of inputs to pairs"),
        (lambda fit: bnn.contrast(fit, {"age": 3.0}), "a pair of values"),
        (lambda fit: bnn.contrast(fit, {"age": (1.0, "two")}), "value of 'age' must be a finite number"),
        (lambda fit: bnn.contrast(fit, {"sex": ("f", "x")}), "unknown category of 'sex' 'x'"),
        (lambda fit: bnn.relevance(fit, method="magic"), "unknown method 'magic'"),
        (lambda fit: bnn.relevance(fit, score="crps"), "unknown score 'crps'"),
        (lambda fit: bnn.relevance(fit, TABLE), "x and y go together"),
    ],
)
def test_bad_input_is_told(table_fit, call, message):
    with pytest.raises(ValueError, match=message):
        call(table_fit)


def test_an_input_of_one_category_has_no_effect(fake_fit):
    table = TABLE[["age", "colour"]].assign(colour="red")
    fit = fake_fit(bnn.shallow(1), table, Y)
    assert bnn.average_marginal_effects(fit)["input"].to_numpy().tolist() == ["age"]
    with pytest.raises(ValueError, match=r"\['colour'\] have one category each"):
        bnn.average_marginal_effects(fit, "colour")


def test_weights_of_training_rows_count_them(fake_fit):
    """A row of weight zero counts as absent, though it has a category of its own; one of weight two counts twice."""
    weights = np.arange(24) % 3
    table = TABLE.assign(colour=["pink", *TABLE["colour"][1:]])
    fit = fake_fit(bnn.shallow(3, linear=True), table, Y, chains=2, draws=4, weights=weights)
    rows = table.iloc[np.repeat(np.arange(24), weights)].reset_index(drop=True)
    changes = {"age": (30.0, 50.0)}
    for got, expected in (
        (bnn.average_marginal_effects(fit), bnn.average_marginal_effects(fit, rows=rows)),
        (bnn.contrast(fit, changes), bnn.contrast(fit, changes, rows=rows)),
        (bnn.partial_dependence(fit, "age", points=2), bnn.partial_dependence(fit, "age", points=2, rows=rows)),
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-9)
        assert got.attrs == expected.attrs
    scales = bnn.relevance(fit, method="sensitivity") / bnn.relevance(fit, rows, method="sensitivity")
    np.testing.assert_allclose(scales, 1.0, rtol=1e-9)
