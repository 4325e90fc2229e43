"""Fits that keep the log likelihood of every row, and fits that keep its sums alone."""

import tracemalloc

import numpy as np
import pytest
from test_chains import SAMPLER, X, Y

import bayesnn as bnn
from bayesnn.evaluation.linear_reference import against_linear
from bayesnn.fitting import pointwise
from bayesnn.fitting.inference_data import groups_of

RNG = np.random.default_rng(0)
ARGUMENTS = {"sampler": SAMPLER, "draws": 30, "warmup": 20, "chains": 2, "progress": False}


def make(**given):
    return bnn.fit(bnn.shallow(2), X, Y, **ARGUMENTS | given)


@pytest.fixture(scope="module")
def both():
    return make(), make(log_likelihood=False)


@pytest.mark.slow
def test_the_sums_are_those_of_the_rows_and_the_draws_are_the_same(both):
    whole, sums = both
    assert "log_likelihood" in groups_of(whole.idata)
    assert "log_likelihood" not in groups_of(sums.idata)
    for name, values in whole.sites().items():
        np.testing.assert_array_equal(sums.sites()[name], values)
    rows = whole.idata["log_likelihood"]["y"].to_numpy()
    np.testing.assert_allclose(sums.idata["sample_stats"]["log_likelihood"], rows.sum(axis=-1), rtol=1e-10)
    np.testing.assert_allclose(
        pointwise.log_likelihood_by_draw(sums.idata), pointwise.log_likelihood_by_draw(whole.idata), rtol=1e-10
    )
    assert not np.allclose(pointwise.log_likelihood_by_draw(sums.idata), rows[..., 1:].sum(axis=-1), rtol=1e-10)


def test_verdict_and_picture_do_not_need_the_rows(both):
    whole, sums = (bnn.diagnose(fit) for fit in both)
    assert sums.verdict == whole.verdict
    np.testing.assert_allclose(sums.table, whole.table, rtol=1e-8)
    lines = [bnn.plots.diagnostics(fit).get_lines()[0].get_ydata() for fit in both]
    np.testing.assert_allclose(*lines, rtol=1e-10)


def test_each_chain_is_judged_without_the_rows(both, monkeypatch):
    expected = against_linear(both[0])
    monkeypatch.setattr(pointwise, "SLICE_NUMBERS", 7 * 2 * len(Y))  # seven draws at a time, and two left over
    ours = against_linear(both[1])
    np.testing.assert_allclose(ours.chains, expected.chains, rtol=1e-10)
    assert ours.linear == expected.linear


@pytest.mark.parametrize("use", [bnn.loo, bnn.stack_chains, lambda fit: bnn.compare({"a": fit, "b": fit})])
def test_what_needs_the_rows_says_what_to_do(both, use):
    with pytest.raises(ValueError, match=r"log_likelihood=True, or use cross_validate"):
        use(both[1])


@pytest.mark.slow
def test_weights_and_classes_have_sums_too():
    labels = np.where(Y > 0, "up", "down")
    given = {"weights": np.arange(len(Y)) % 3, "sampler": bnn.MAP(steps=20), "draws": 1}
    model = bnn.Model([bnn.Dense(2, "tanh")], bnn.Categorical())
    whole, sums = (bnn.fit(model, X, labels, **ARGUMENTS | given, log_likelihood=keep).idata for keep in (True, False))
    np.testing.assert_allclose(
        pointwise.log_likelihood_by_draw(sums), pointwise.log_likelihood_by_draw(whole), rtol=1e-10
    )


def test_it_stays_so_when_a_fit_is_extended_kept_in_a_folder_and_saved(both, tmp_path):
    longer = bnn.extend(both[1], 5, progress=False)
    assert "log_likelihood" not in groups_of(longer.idata)
    assert longer.idata["sample_stats"]["log_likelihood"].sizes["draw"] == 35
    make(log_likelihood=False, path=tmp_path / "run")
    read = bnn.open_run(tmp_path / "run")
    assert "log_likelihood" not in groups_of(read)
    np.testing.assert_array_equal(
        pointwise.log_likelihood_by_draw(read), pointwise.log_likelihood_by_draw(both[1].idata)
    )
    bnn.save(both[1], tmp_path / "fit.npz")
    loaded = bnn.load(tmp_path / "fit.npz")
    assert bnn.diagnose(loaded).verdict == bnn.diagnose(both[1]).verdict


@pytest.mark.slow
def test_memory_does_not_grow_with_draws_times_rows():
    rows, draws = 4000, 300
    x = RNG.normal(size=(rows, 1))
    arguments = ARGUMENTS | {"draws": draws, "warmup": 1, "sampler": bnn.Gibbs(sweeps=1), "chains": 2}

    def peak(keep):
        tracemalloc.start()
        bnn.fit(bnn.shallow(1), x, x[:, 0], **arguments, log_likelihood=keep)
        return tracemalloc.get_traced_memory()[1], tracemalloc.stop()

    peak(False)  # what is imported and compiled
    numbers = 8 * rows * draws * 2
    assert peak(False)[0] < 0.5 * numbers
    assert peak(True)[0] > numbers  # so the limit is one that would be seen
