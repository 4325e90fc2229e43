"""The table and the verdict from known densities, the fall-back to K-fold, and what is refused."""

import importlib

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesnn as bnn

compare_module = importlib.import_module("bayesnn.evaluation.compare")
stacking = importlib.import_module("bayesnn.evaluation.stacking")
RNG = np.random.default_rng(11)
X = np.zeros((120, 1))
Y = 10.0 + 2.0 * RNG.normal(size=120)


def noise(factor):
    """Draws that all but agree on y ~ N(mean, (factor sd)^2)."""

    def change(values):
        values["gamma"][...] = 0.0
        values["beta"][...] = 0.01 * RNG.normal(size=values["beta"].shape)
        values["sigma"][...] = factor * np.exp(0.01 * RNG.normal(size=values["sigma"].shape))

    return change


@pytest.fixture
def fits(fake_fit):
    return {name: fake_fit(bnn.shallow(1), X, Y, change=noise(f)) for name, f in (("wide", 2.0), ("right", 1.0))}


@pytest.fixture
def refits(monkeypatch):
    """In place of `cross_validate`: densities from the model's number of units; the calls are kept."""
    calls = []

    def stand_in(model, x, y, **settings):
        calls.append({"model": model, "x": x, "y": y} | settings)
        folds = settings["folds"] if not isinstance(settings["folds"], int) else np.arange(len(y)) % settings["folds"]
        values = xr.DataArray(-2.0 - 0.1 * len(calls) + 0.01 * np.sin(np.arange(len(y))), dims=("obs",))
        scores = pd.DataFrame({"r_hat": [1.0] * (folds.max() + 1)})
        return bnn.CrossValidation(values, scores, folds)

    monkeypatch.setattr(compare_module, "cross_validate", stand_in)
    return calls


@pytest.mark.slow
def test_table_follows_from_the_pointwise_densities(fits):
    result = bnn.compare(fits)
    left = {name: bnn.loo(fit) for name, fit in fits.items()}
    table = result.table
    assert list(table.index) == ["right", "wide"]
    assert list(table["rank"]) == [0, 1]
    difference = left["wide"].pointwise - left["right"].pointwise
    assert table.loc["wide", "elpd_diff"] == pytest.approx(float(difference.sum()))
    assert table.loc["wide", "dse"] == pytest.approx(np.sqrt(120) * float(difference.std(ddof=1)))
    assert table.loc["right", ["elpd_diff", "dse"]].tolist() == [0.0, 0.0]
    for name, one in left.items():
        np.testing.assert_allclose(table.loc[name, ["elpd", "se", "p"]].astype(float), [one.elpd, one.se, one.p])
        np.testing.assert_allclose(result.pointwise[name], one.pointwise)
    weights = stacking.mixture_weights(result.pointwise.to_numpy())
    np.testing.assert_allclose(table.loc[["wide", "right"], "weight"], weights)
    assert (table["method"] == "PSIS-LOO").all()
    assert (table["warning"] == "").all()
    assert result.notes == ()
    assert "'right' predicts best" in result.verdict
    assert "'wide' is" in result.verdict
    assert "clearly worse" in result.verdict
    assert "PSIS-LOO" in str(result)


@pytest.mark.slow
def test_models_that_predict_alike_are_said_to(fake_fit):
    fits = {f: fake_fit(bnn.shallow(1), X, Y, change=noise(f)) for f in (1.0, 1.02)}
    assert "they predict equally well" in bnn.compare(fits).verdict
    few = {f: fake_fit(bnn.shallow(1), X[:30], Y[:30], change=noise(f)) for f in (1.0, 2.0)}
    assert "With 30 rows the standard errors are too small" in bnn.compare(few).verdict
    alone = bnn.compare({"one": fits[1.0]})
    assert alone.verdict.startswith("'one' alone")
    assert alone.table["weight"].tolist() == [1.0]


@pytest.mark.slow
def test_high_k_falls_back_to_the_same_folds_for_all(fits, fake_fit, refits):
    def hasty(values):
        noise(1.0)(values)
        values["beta"][...] += 2.0 * RNG.standard_cauchy(size=values["beta"].shape)

    fits["hasty"] = fake_fit(bnn.shallow(2), X, Y, change=hasty)
    count = len(bnn.loo(fits["hasty"]).bad)
    assert count > 0, "this fit was made to have high k-hats"
    result = bnn.compare(fits, folds=5, key=3, draws=77, progress=False)
    assert len(refits) == 3
    assert all((call["folds"] == np.arange(120) % 5).all() for call in refits[1:])
    assert {call["draws"] for call in refits} == {77}
    assert {call["chains"] for call in refits} == {4}
    assert {call["key"] for call in refits} == {3}
    assert refits[2]["model"] == bnn.shallow(2)
    assert (result.table["method"] == "5-fold").all()
    assert f"k-hat is above 0.7 for 'hasty' in {count} row(s)" in result.notes[0]
    assert "5-fold cross-validation of every model, with the same folds" in result.notes[0]
    assert list(result.table.index) == ["wide", "right", "hasty"]
    forced = bnn.compare(fits, method="loo")
    assert forced.table.loc["hasty", "warning"] == f"{count} rows with k-hat > 0.7"
    assert forced.notes[0].startswith("hasty:")
    assert len(refits) == 3


def test_k_fold_can_be_asked_for_and_takes_the_settings_of_the_fits(fits, refits):
    result = bnn.compare({"right": fits["right"]}, method="k-fold", progress=False)
    (call,) = refits
    assert (call["draws"], call["chains"], call["standardize"], call["marginalize"]) == (50, 4, True, False)
    np.testing.assert_array_equal(call["y"], Y)
    assert (result.table["method"] == "10-fold").all()
    assert result.notes == ()


def test_chains_that_disagree_in_folds_are_noted(fits, monkeypatch):
    def stand_in(model, x, y, **settings):
        values = xr.DataArray(np.full(len(y), -2.0), dims=("obs",))
        return bnn.CrossValidation(values, pd.DataFrame({"r_hat": [1.0, 1.3]}), np.arange(len(y)) % 2)

    monkeypatch.setattr(compare_module, "cross_validate", stand_in)
    result = bnn.compare(fits, method="k-fold", folds=2, progress=False)
    assert len(result.notes) == 2
    assert "In 1 of 2 folds the chains do not agree" in result.notes[0]
    assert (
        result.table["warning"] == "In 1 of 2 folds the chains do not agree on the function (R-hat up to 1.30)"
    ).all()


def test_what_is_noted_does_not_hang_on_the_words_of_a_verdict(fits, refits, monkeypatch):
    monkeypatch.setattr(bnn.CrossValidation, "verdict", property(lambda result: "All is well."))
    result = bnn.compare(fits, method="k-fold", progress=False)
    assert result.notes == ()
    assert (result.table["warning"] == "").all()


@pytest.mark.parametrize(
    ("r_hat", "ok"),
    [([1.0, 1.0], True), ([np.nan, np.nan], True), ([1.0, 1.3], False), ([1.0, np.nan], False), ([1.0], False)],
)
def test_a_cross_validation_is_in_order_if_it_is_complete_and_its_chains_agree(r_hat, ok):
    result = bnn.CrossValidation(xr.DataArray(np.zeros(4)), pd.DataFrame({"r_hat": r_hat}), np.arange(4) % 2)
    assert result.ok is ok


@pytest.mark.slow
def test_fits_must_share_their_target(fits, fake_fit):
    with pytest.raises(ValueError, match=r"on the same y.*'wide' \(120 rows\) and 'fewer' \(119 rows\)"):
        bnn.compare(fits | {"fewer": fake_fit(bnn.shallow(1), X[:-1], Y[:-1])})
    with pytest.raises(ValueError, match="on the same y"):
        bnn.compare(fits | {"shifted": fake_fit(bnn.shallow(1), X, Y + 1e-3)})
    for nothing in ({}, [fits["wide"]], {"a": fits["wide"].idata}):
        with pytest.raises(ValueError, match="fits must be a dict of fits"):
            bnn.compare(nothing)
    with pytest.raises(ValueError, match="unknown method 'waic'"):
        bnn.compare(fits, method="waic")


@pytest.mark.slow
def test_units_that_a_real_series_needs_win():
    table = bnn.datasets.mcycle()
    options = {"draws": 200, "warmup": 200, "progress": False}
    fits = {m: bnn.fit(bnn.shallow(m), table[["times"]], table["accel"], **options) for m in (1, 2)}
    result = bnn.compare(fits, folds=3, method="k-fold", progress=False)
    assert result.table.index[0] == 2
    assert result.table.loc[1, "elpd_diff"] < -5 * result.table.loc[1, "dse"]
    assert (result.results[1].folds == result.results[2].folds).all()


@pytest.mark.slow
def test_a_wild_reading_of_a_real_series_sends_the_comparison_to_refits():
    # A reading far above and beyond the others: k-hat 1.3 to 1.9 with each of four keys, so that no one draw decides.
    table = bnn.datasets.mcycle()
    times, accel = np.append(table["times"], 70.0), np.append(table["accel"], 250.0)
    fit = bnn.fit(bnn.shallow(2), times[:, None], accel, draws=200, warmup=200, progress=False)
    result = bnn.compare({"two units": fit}, folds=2, progress=False)
    assert "k-hat is above 0.7 for 'two units' in" in result.notes[0]
    assert (result.table["method"] == "2-fold").all()
