"""Formulas: new rows are coded as those of the fit, and what a formula may not say is refused in words."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("formulaic", reason='formulaic is not installed: pip install "bayesnn[formula]"')

import bayesnn as bnn  # noqa: E402
from bayesnn.data.formulas.formula import Formula  # noqa: E402
from bayesnn.data.formulas.read import read_formula  # noqa: E402
from bayesnn.fitting.binding import bind  # noqa: E402

RNG = np.random.default_rng(0)
ROWS = 30
TABLE = pd.DataFrame(
    {
        "price": RNG.normal(size=ROWS),
        "area": RNG.normal(100.0, 20.0, size=ROWS),
        "region": RNG.choice(list("abc"), size=ROWS),
        "n": RNG.integers(1, 9, size=ROWS),
        "my col": RNG.gamma(2.0, size=ROWS),
        "new": RNG.choice([True, False], size=ROWS),
    },
    index=[f"house {i}" for i in range(ROWS)],
)
LINEAR = bnn.Model([], likelihood=bnn.Poisson(), linear=True)
PARTS = [
    "area", "standardize(area)", "C(region)", "region", "region:area", "poly(area, 2)", "bs(area, df=4)", "C(n)", "new",
    "cr(area, df=3)", "log(`my col`)", "`my col`", "I(area**2)", "np.sqrt(n)", "C(region, contr.sum)", "area*n",
]  # fmt: skip


@pytest.fixture(scope="module")
def counted(fake_fit):
    table = TABLE.assign(price=np.arange(ROWS) % 5)
    read = read_formula("price ~ standardize(area) + C(region) + offset(log(n))", table)
    return table, with_formula(fake_fit(LINEAR, read.x, read.y, offset=read.offset), read.formula)


def with_formula(fit, formula):
    columns = replace(fit.data.columns, formula=formula)
    return replace(fit, data=replace(fit.data, columns=columns))


@pytest.mark.parametrize("part", PARTS)
def test_new_rows_are_coded_as_those_of_the_fit(part):
    read = read_formula(f"price ~ {part}", TABLE)
    some = TABLE.iloc[[7, 3]][TABLE.columns[::-1]]  # means and categories are those of all rows, columns in any order
    pd.testing.assert_frame_equal(read.formula.table(some), read.x.iloc[[7, 3]])
    same = Formula(**{name: getattr(read.formula, name) for name in Formula.__dataclass_fields__})
    pd.testing.assert_frame_equal(same.table(some), read.x.iloc[[7, 3]])


def test_columns_are_those_of_the_definition():
    read = read_formula("price ~ standardize(area) + C(region) + area:n", TABLE)
    area = TABLE["area"]
    np.testing.assert_allclose(read.x["standardize(area)"], (area - area.mean()) / area.std(ddof=0))
    np.testing.assert_array_equal(read.x["C(region)[T.b]"], TABLE["region"] == "b")
    np.testing.assert_array_equal(read.x["area:n"], area * TABLE["n"])
    assert list(read.x.columns) == ["standardize(area)", "C(region)[T.b]", "C(region)[T.c]", "area:n"]
    assert read.x.index.equals(TABLE.index)


def test_target_and_all_other_columns():
    assert read_formula("price ~ .", TABLE).formula.columns == ("area", "region", "n", "my col", "new")
    np.testing.assert_allclose(read_formula("log(area) ~ n", TABLE).y, np.log(TABLE["area"]))
    assert read_formula("region ~ n", TABLE).y.tolist() == TABLE["region"].tolist()
    both = read_formula("price + area ~ n", TABLE).y
    assert list(both.columns) == ["price", "area"]


def test_a_category_of_weight_zero_alone_is_not_learnt():
    table = pd.DataFrame({"y": np.arange(8.0), "g": list("aabcbcbc"), "w": [0.0, 0.0, *[1.0] * 6]})
    for kind in (str, "category"):
        typed = table.astype({"g": kind})
        read, part = read_formula("y ~ g", typed, weights="w"), read_formula("y ~ g", typed[2:])
        assert read.formula.names == part.formula.names == ("g[T.c]",)
        assert read.formula.state == part.formula.state and len(read.x) == 8
        with pytest.raises(ValueError, match="column 'g' must hold the categories of the fit, .* got also .'a'"):
            read.formula.table(typed)


def test_weights_and_offsets_by_the_names_of_columns():
    read = read_formula("price ~ area + offset(n)", TABLE, weights="n", offset="my col")
    np.testing.assert_array_equal(read.weights, TABLE["n"])
    np.testing.assert_allclose(read.offset, TABLE["n"] + TABLE["my col"])
    np.testing.assert_allclose(read.formula.offset(TABLE.iloc[2:4]), read.offset.iloc[2:4])
    with pytest.raises(ValueError, match="weights must be the name of a column .* got 'w'"):
        read_formula("price ~ area", TABLE, weights="w")


def test_missing_values_are_refused_or_counted():
    table = TABLE.astype({"n": "Int64"})
    table.loc["house 3", "area"] = np.nan
    table.loc["house 3", "n"] = pd.NA
    table.loc["house 5", "region"] = None
    with pytest.raises(ValueError, match=r"some in 2 of 30 rows: 'area' \(1\), 'region' \(1\); missing=\"drop\""):
        read_formula("price ~ area + region", table)
    with pytest.warns(
        bnn.BayesnnWarning, match=r"2 of 30 rows are left out, .* 'area' \(1\), 'region' \(1\), 'n' \(1\)"
    ):
        read = read_formula("price ~ area + region + C(n)", table, missing="drop")
    assert read.formula.dropped == 2 and len(read.x) == len(read.y) == 28
    assert (
        read_formula("price ~ new", table).formula.dropped == 0
    )  # columns that the formula does not name do not matter
    table["area"] = np.nan
    with pytest.raises(ValueError, match="some in every row"):
        read_formula("price ~ area", table, missing="drop")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("price ~ aera", "got 'aera': did you mean 'area'"),
        ("price ~ zzzz", "the table has 'price', 'area'"),
        ("prise ~ area", "got 'prise': did you mean 'price'"),
        ("price ~ foo(area)", "must use known functions, got foo"),
        ("price ~ np.load(area)", "must use known functions, got np.load"),
        ("price ~ I(area.__class__)", "must use known functions, got area.__class__"),
        ("price ~ I((lambda: 1)())", "must be columns, arithmetic and functions|cannot be read|known functions"),
        ("price ~ __import__('os').system('true')", "cannot be read|known functions"),
        ("price ~ lag(area)", "bnn.lagged makes the lags"),
        ("price ~ area | n", "one right side"),
        ("price ~ 1", "at least one input"),
        ("price ~ offset(n)", "at least one input"),
        ("price", "target and inputs"),
        ("price ~ area + (", "cannot be read"),
        ("price ~ price", "must name the target on the left alone, got 'price' among the inputs and offsets"),
        ("price ~ area + log(price)", "got 'price' among the inputs"),
        ("price ~ area:price", "got 'price' among the inputs"),
        ("price ~ area + offset(price)", "got 'price' among the inputs"),
        ("log(price) ~ area + price", "got 'price' among the inputs"),
        ("price + n ~ area * n", "got 'n' among the inputs"),
    ],
)
def test_what_a_formula_may_not_say(formula, words):
    with pytest.raises(ValueError, match=words):
        read_formula(formula, TABLE)


def test_the_target_is_no_offset_and_no_weight():
    with pytest.raises(ValueError, match="got 'price' among the inputs and offsets too: leave it out there"):
        read_formula("price ~ area", TABLE, offset="price")
    with pytest.raises(ValueError, match="weights must be another column than the target of .* got 'price'"):
        read_formula("price ~ area", TABLE, weights="price")
    # a dot stands for the other columns, and the target may be taken out of them again
    assert "price" not in read_formula("log(price) ~ . - n", TABLE).formula.columns


def test_a_formula_from_a_file_runs_no_code(tmp_path):
    read = read_formula("price ~ area", TABLE)
    planted = replace(read.formula, inputs=f"area + I(open('{tmp_path / 'planted'}', 'w'))", names=("planted",))
    with pytest.raises(ValueError, match="known functions|cannot be read"):
        planted.table(TABLE)
    assert not (tmp_path / "planted").exists()


def test_predictions_of_new_tables_and_after_loading(counted):
    table, fit = counted
    new = table.drop(columns="price").iloc[[4, 1]]
    found = bnn.predict(fit, new)
    assert found["obs"].to_numpy().tolist() == ["house 4", "house 1"]
    # the offset is found in the table: twice the exposure, twice the mean
    twice = bnn.predict(fit, new.assign(n=2 * new["n"]))
    np.testing.assert_allclose(twice, 2 * found)
    np.testing.assert_allclose(bnn.predict(fit, new, offset=0.0), found / new["n"].to_numpy())
    with tempfile.TemporaryDirectory() as folder:
        bnn.save(fit, Path(folder) / "fit.npz")
        loaded = bnn.load(Path(folder) / "fit.npz")
    assert loaded.data.columns.formula == fit.data.columns.formula
    np.testing.assert_array_equal(bnn.predict(loaded, new), found)
    assert np.isfinite(bnn.evaluate(fit, table, table["price"])["log_density"])
    assert bnn.partial_dependence(fit, "standardize(area)").sizes["grid"] > 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="area"), "missing \\['area'\\]"),
        (lambda t: t.rename(columns={"area": "size"}), "missing \\['area'\\]"),
        (
            lambda t: t.assign(region="z"),
            "column 'region' must hold the categories .*'a', 'b', 'c'.* got also \\['z'\\]",
        ),
        (lambda t: t.assign(area="wide"), "column 'area' must hold numbers"),
        (lambda t: t.assign(area=np.nan), "column 'area' must have no missing values, got 2, the first at row 0"),
        (lambda t: t.assign(n=0), "offset must be finite"),
        (lambda t: t.assign(n=[-1, 2]), "offset must be finite, got 1 NaN"),  # the logarithm is no number
        (lambda t: pd.concat([t, t[["area"]]], axis=1), "several called \\['area'\\]"),
        (lambda t: t.to_numpy(), "x must be a DataFrame with the columns \\['area', 'region', 'n'\\]"),
    ],
    ids=["absent", "renamed", "category", "type", "missing", "offset", "no number", "twice", "array"],
)
def test_new_rows_that_do_not_fit_the_formula(counted, change, words):
    table, fit = counted
    with pytest.raises(ValueError, match=words):
        bnn.predict(fit, change(table.iloc[:2]))


def test_new_values_of_numbers_taken_as_categories():
    read = read_formula("price ~ C(n)", TABLE)
    with pytest.raises(ValueError, match="column 'n' must hold the categories of the fit"):
        read.formula.table(TABLE.assign(n=100))


def test_arguments_that_go_with_a_formula():
    x, y = TABLE[["area"]], TABLE["price"]
    for arguments, words in (
        ({"x": x, "y": y, "table": TABLE}, "data goes with a formula"),
        ({"x": x, "y": y, "missing": "drop"}, "missing goes with a formula"),
        ({"x": "price ~ area", "y": y, "table": TABLE}, "y must not be given with a formula"),
        ({"x": "price ~ area"}, "data must be a table"),
        ({"x": "price ~ area", "table": TABLE, "missing": "ignore"}, "unknown missing 'ignore'"),
    ):
        with pytest.raises(ValueError, match=words):
            bind(bnn.shallow(1), **arguments)


def test_a_formula_with_an_offset_for_a_standardised_target():
    _, data = bind(bnn.shallow(1), "price ~ standardize(area) + C(region) + offset(log(n))", table=TABLE)
    left = TABLE["price"] - np.log(TABLE["n"])
    np.testing.assert_allclose(data.scaled()[1] - data.shift, (left - left.mean()) / left.std(ddof=0), atol=1e-12)


@pytest.mark.parametrize("part", ["offset(log(n))", "offset(log(n)) + offset(area)"])
def test_an_offset_that_is_no_number_is_refused_and_never_left_out(part):
    with pytest.raises(ValueError, match="offset must be finite, got 1 NaN"):
        bind(bnn.shallow(1), f"price ~ area + {part}", table=TABLE.assign(n=[-1, *TABLE["n"][1:]]))


def test_formulas_of_priors_and_of_the_evidence():
    formula, counts = "price ~ standardize(area) + C(region) + offset(log(n))", TABLE.assign(price=1)
    prior = bnn.prior_predictive(LINEAR, formula, data=counts, draws=3)
    assert prior["prior"]["predictor"].to_numpy().tolist() == ["standardize(area)", "C(region)[T.b]", "C(region)[T.c]"]
    x = read_formula("price ~ standardize(area) + C(region)", TABLE).x
    same = bnn.prior_predictive(LINEAR, x, draws=3)["prior"]["f"]  # without the offset
    np.testing.assert_allclose(
        prior["prior"]["f"].to_numpy() - same.to_numpy(), np.broadcast_to(np.log(TABLE["n"]), (1, 3, ROWS))
    )
    with pytest.raises(ValueError, match="formula must have no offset"):
        bnn.prior_predictive(bnn.shallow(1), formula, data=TABLE)
    options = {"temperatures": 3, "particles": 4, "progress": False}
    found = bnn.log_marginal_likelihood(LINEAR, formula, data=counts, **options)
    assert (
        found.estimate
        == bnn.log_marginal_likelihood(LINEAR, x, counts["price"], offset=np.log(TABLE["n"]), **options).estimate
    )
    with pytest.raises(ValueError, match="needs x and y"):
        bnn.log_marginal_likelihood(LINEAR, x)


def test_without_formulaic_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "formulaic", None)
    with pytest.raises(
        ModuleNotFoundError, match=r'formulas need the library formulaic: pip install "bayesnn\[formula\]"'
    ):
        bind(bnn.shallow(1), "price ~ area", table=TABLE)


@pytest.mark.slow
@pytest.mark.parametrize("offset", ["", " + offset(base)"])
def test_a_linear_model_agrees_with_statsmodels(offset):
    """With a wide prior, posterior means and sds are estimates and standard errors, but for Monte Carlo error."""
    smf = pytest.importorskip("statsmodels.formula.api", reason="statsmodels is not installed")
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"a": rng.normal(5, 2, 200), "g": rng.choice(list("xyz"), 200), "base": rng.normal(0, 9, 200)})
    table["y"] = 1.5 * table["a"] - 2.0 * (table["g"] == "y") + rng.normal(size=200)
    table["y"] += table["base"] if offset else 0.0
    model = bnn.Model([], bnn.Gaussian(), bnn.Normal(extra=1000.0), linear=True)
    formula = "y ~ standardize(a) + C(g)"
    fit = bnn.fit(model, formula + offset, data=table, draws=1000, progress=False)
    # ordinary least squares has no offset: there it is subtracted
    least = smf.ols(formula, table.assign(y=table["y"] - table["base"]) if offset else table).fit()
    names = ["standardize(a)", "C(g)[T.y]", "C(g)[T.z]"]
    found, error = bnn.summary(fit).loc[[f"linear[{name}]" for name in names]], least.bse[names].to_numpy()
    drawn = found["ess_bulk"].to_numpy()
    assert (drawn > 400).all()
    assert (abs(found["mean"] - least.params[names].to_numpy()) < 4 * error / np.sqrt(drawn)).all()
    # the prior of the noise counts for one row, which is less than 1% of the sd
    assert (abs(found["sd"] / error - 1) < 4 / np.sqrt(2 * drawn) + 0.01).all()
    new = table.iloc[:5]
    mean, at = bnn.predict(fit, new), least.get_prediction(new)
    expected = at.predicted_mean + (new["base"].to_numpy() if offset else 0.0)
    assert (abs(mean.mean(("chain", "draw")) - expected) < 4 * at.se_mean / np.sqrt(400)).all()
    np.testing.assert_allclose(mean.std(("chain", "draw")), at.se_mean, rtol=4 / np.sqrt(800) + 0.01)
