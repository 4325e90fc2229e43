"""K-fold scores against closed forms through a stand-in for `fit`, interruption, and one real run."""

import importlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import jax
import numpy as np
import pandas as pd
import pytest
from made import recorded
from pools import Lost
from scipy import stats

import bayesnn as bnn

module = importlib.import_module("bayesnn.evaluation.cross_validation")
binding = importlib.import_module("bayesnn.fitting.binding")
fit_module = importlib.import_module("bayesnn.fitting.fit")
RNG = np.random.default_rng(7)
X = pd.DataFrame({"a": RNG.normal(size=23)}, index=[f"r{i}" for i in range(23)])
Y = 30.0 + 5.0 * RNG.normal(size=23)
OPTIONS = {"draws": 30, "warmup": 0, "chains": 2, "progress": False}


@pytest.fixture
def constant_fit(monkeypatch):
    """In place of `fit`: every draw says the mean and sd of the training rows; the calls are kept."""
    calls = []

    def stand_in(model, x, y, *, key, draws, warmup, chains, sampler, progress, weights=None, offset=None):
        calls.append({"model": model, "x": x, "y": y, "key": key, "weights": weights, "offset": offset})
        bound, data = binding.bind(model, x, y, weights=weights, offset=offset)
        drawn = recorded(bound, data.scaled()[0], (chains, draws), np.random.default_rng(0))
        values = {name: np.zeros_like(value) for name, value in drawn.items()}
        for name in bound.likelihood.dims:
            values[name] += 1.0
        values["stat acceptance_rate"] = np.ones((chains, draws))
        idata = fit_module.assemble_inference_data(bound, data, values, {"complete": 1})
        return bnn.Fit(bound, data, bnn.Gibbs(), idata)

    monkeypatch.setattr(module, "fit", stand_in)
    return calls


def test_held_out_rows_are_scored_by_the_other_folds(constant_fit):
    result = bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, **OPTIONS)
    for fold in range(4):
        held, train = result.folds == fold, result.folds != fold
        expected = stats.norm.logpdf(Y[held], Y[train].mean(), Y[train].std())
        np.testing.assert_allclose(result.pointwise[held], expected, rtol=1e-10)
        assert result.scores["rows"][fold] == held.sum()
        assert result.scores["elpd"][fold] == pytest.approx(expected.sum())
        assert result.scores["log_density"][fold] == pytest.approx(expected.mean())
        np.testing.assert_array_equal(constant_fit[fold]["x"].index, X.index[train])
    assert result.elpd == pytest.approx(result.scores["elpd"].sum())
    assert result.se == pytest.approx(np.sqrt(23) * result.pointwise.std(ddof=1).item())
    assert result.log_loss == pytest.approx(-result.elpd / 23)
    assert list(result.pointwise["obs"]) == list(X.index)
    assert len({str(jax.random.key_data(call["key"])) for call in constant_fit}) == 4
    assert "4-fold cross-validation: elpd" in str(result)


def test_a_formula_goes_through_every_fold(constant_fit):
    pytest.importorskip("formulaic", reason='formulaic is not installed: pip install "bayesnn[formula]"')
    plain = bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, **OPTIONS)
    table = X.assign(target=Y)
    result = bnn.cross_validate(bnn.shallow(1), "target ~ standardize(a)", data=table, folds=4, **OPTIONS)
    np.testing.assert_allclose(result.pointwise, plain.pointwise)
    assert list(constant_fit[-1]["x"].columns) == ["standardize(a)"]


def test_folds_can_be_used_again(constant_fit):
    first = bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, **OPTIONS)
    again = bnn.cross_validate(bnn.shallow(1), X, Y, folds=first.folds, key=5, **OPTIONS)
    np.testing.assert_array_equal(first.folds, again.folds)
    np.testing.assert_allclose(first.pointwise, again.pointwise)


@pytest.mark.slow
def test_a_category_of_one_row_is_known_to_every_fold(constant_fit):
    table = pd.DataFrame({"kind": ["common"] * 22 + ["rare"]})
    result = bnn.cross_validate(bnn.shallow(1), table, Y, folds=3, **OPTIONS)
    assert result.complete
    assert {tuple(call["x"].columns) for call in constant_fit} == {("kind[rare]",)}


def test_classes_are_stratified_and_scored_by_their_probability(constant_fit, monkeypatch):
    monkeypatch.setattr(module, "evaluate", lambda fit, x, y, **_: pd.Series({"rows scored": len(y)}))
    labels = np.array(["no"] * 17 + ["yes"] * 6)
    result = bnn.cross_validate(bnn.shallow(1, likelihood=bnn.Bernoulli()), X, labels, folds=3, **OPTIONS)
    np.testing.assert_allclose(result.pointwise, np.log(0.5))
    assert result.log_loss == pytest.approx(np.log(2))
    assert [int((labels[result.folds == k] == "yes").sum()) for k in range(3)] == [2, 2, 2]
    assert {label for call in constant_fit for label in call["y"]} == {"no", "yes"}
    with pytest.raises(ValueError, match="class True would be missing"):
        bnn.cross_validate(bnn.shallow(1, likelihood=bnn.Bernoulli()), X, X.index == "r3", folds=3, **OPTIONS)


def test_weights_and_offsets_go_with_their_rows(constant_fit, monkeypatch):
    monkeypatch.setattr(module, "evaluate", lambda fit, x, y, **_: pd.Series({"rows scored": len(y)}))
    counts, offset, weights = np.arange(23) % 4, np.linspace(-1, 1, 23), np.linspace(0.5, 2.0, 23)
    model = bnn.shallow(1, likelihood=bnn.Poisson(baseline=0.0))
    result = bnn.cross_validate(model, X, counts, folds=3, weights=weights, offset=offset, **OPTIONS)
    np.testing.assert_allclose(result.pointwise, weights * stats.poisson.logpmf(counts, np.exp(offset)), rtol=1e-6)
    train = result.folds != 0
    np.testing.assert_array_equal(constant_fit[0]["weights"], weights[train])
    np.testing.assert_array_equal(constant_fit[0]["offset"], offset[train])
    bnn.cross_validate(bnn.shallow(1, likelihood=bnn.Poisson()), X, counts, folds=3, **OPTIONS)
    assert constant_fit[-1]["model"].likelihood.baseline is None, "each fold learns it from its own rows"


def test_weights_multiply_densities_in_units_of_y(constant_fit):
    weights = np.linspace(0.5, 2.0, 23)
    result = bnn.cross_validate(bnn.shallow(1), X, Y, folds=3, weights=weights, **OPTIONS)
    for fold in range(3):
        held, train = result.folds == fold, result.folds != fold
        mean = np.average(Y[train], weights=weights[train])
        sd = np.average((Y[train] - mean) ** 2, weights=weights[train]) ** 0.5
        expected = weights[held] * stats.norm.logpdf(Y[held], mean, sd)
        np.testing.assert_allclose(result.pointwise[held], expected, rtol=1e-10)


@pytest.mark.parametrize("inside", [False, True])
def test_an_interruption_keeps_the_folds_that_were_finished(constant_fit, monkeypatch, inside):
    whole = module.fit

    def interrupted(*args, **kwargs):
        result = whole(*args, **kwargs)
        if len(constant_fit) < 3:
            return result
        if not inside:
            raise KeyboardInterrupt
        result.idata["posterior"].attrs["complete"] = 0
        return result

    monkeypatch.setattr(module, "fit", interrupted)
    result = bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, **OPTIONS)
    assert not result.complete
    assert len(result.scores) == 2
    np.testing.assert_array_equal(np.isnan(result.pointwise), result.folds >= 2)
    assert np.isfinite([result.elpd, result.se]).all()
    assert "Interrupted after 2 of 4 folds" in result.verdict
    constant_fit.extend([{}] * 3)
    with pytest.raises(KeyboardInterrupt):
        bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, **OPTIONS)


@pytest.mark.parametrize("pool", [ThreadPoolExecutor(2), Lost()])
def test_an_executor_changes_no_score(constant_fit, pool):
    here = bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, **OPTIONS)
    there = bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, executor=pool, **OPTIONS)
    np.testing.assert_array_equal(there.pointwise, here.pointwise)
    pd.testing.assert_frame_equal(there.scores, here.scores)
    keys = [jax.random.key_data(call["key"]).tolist() for call in constant_fit]
    assert sorted(keys[:4]) == sorted(keys[4:]) and len(constant_fit) == 8


def test_an_error_of_a_fold_is_raised_where_there_is_an_executor(constant_fit):
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError, match="unknown"):
        bnn.cross_validate(bnn.shallow(1), X, Y, folds=4, executor=pool, unknown=1, **OPTIONS)


REAL = {"folds": 3, "draws": 40, "warmup": 40, "chains": 2, "progress": False}


@pytest.mark.slow
def test_processes_give_the_scores_of_this_one():
    here = bnn.cross_validate(bnn.shallow(1), X, Y, **REAL)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        there = bnn.cross_validate(bnn.shallow(1), X, Y, executor=pool, **REAL)
    np.testing.assert_allclose(there.pointwise, here.pointwise, rtol=1e-9)
    pd.testing.assert_frame_equal(there.scores, here.scores, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_of_dask_gives_the_scores_of_this_process():
    distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'bayesnn[dask]'")
    here = bnn.cross_validate(bnn.shallow(1), X, Y, **REAL)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = bnn.cross_validate(bnn.shallow(1), X, Y, executor=client.get_executor(), **REAL)
    np.testing.assert_allclose(there.pointwise, here.pointwise, rtol=1e-9)


@pytest.mark.slow
def test_a_real_run_scores_a_line_better_than_noise():
    x = np.linspace(-1, 1, 24)[:, None]
    noise = np.random.default_rng(0).normal(size=24)
    options = {"folds": 2, "draws": 100, "warmup": 100, "chains": 2, "progress": False}
    line, blind = (
        bnn.cross_validate(bnn.shallow(1), inputs, x[:, 0] + 0.1 * noise, **options) for inputs in (x, 0 * x)
    )
    assert line.elpd > blind.elpd + 10
    assert (line.folds == blind.folds).all()
    assert (line.scores["rmse"] < blind.scores["rmse"]).all()
    assert line.complete


def test_missing_values_of_a_series_are_not_taken_for_observed_ones(constant_fit):
    gaps = np.sin(np.arange(30.0))
    gaps[7] = np.nan
    with pytest.raises(ValueError, match="does not know the missing values of a series, got 1"):
        bnn.cross_validate(bnn.shallow(1), bnn.lagged(gaps, 2, missing="latent"), folds=2)


def test_folds_in_which_no_row_counts_are_refused_before_the_first_fit(constant_fit):
    weights, folds = np.repeat([1.0, 0.0], [15, 8]), np.repeat([0, 1], [15, 8])
    with pytest.raises(ValueError, match="a row of positive weight, but the 8 of fold 1 have weight 0"):
        bnn.cross_validate(bnn.shallow(1), X, Y, folds=folds, weights=weights, **OPTIONS)
    assert not constant_fit
