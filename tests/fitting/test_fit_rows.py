"""Fits to classes, counts and weighted rows: what is refused at the door, and what the inference data hold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.evaluation.coded_rows import coded_rows
from bayesnn.evaluation.cross_validation import _score
from bayesnn.evaluation.linear_reference import against_linear
from bayesnn.fitting.pointwise import log_likelihood_by_row
from bayesnn.samplers import Gibbs
from bayesnn.samplers.engine import chains
from bayesnn.samplers.gibbs.weight_moves import WeightGibbs

RNG = np.random.default_rng(1)
X = RNG.normal(size=(12, 2))
Y = np.tanh(X[:, 0]) + 0.1 * RNG.normal(size=12)
LABELS, COUNTS = ["a", "b", "c"] * 4, RNG.poisson(2.0, 12)
WEIGHTS = np.array([0.0, 2.0] + [1.0] * 10)
OFFSET = np.linspace(-1.0, 1.0, 12)
TINY = {"draws": 2, "warmup": 2, "chains": 1, "progress": False}


def network(likelihood=None, **options):
    return bnn.Model([bnn.Dense(2, "tanh")], likelihood or bnn.Gaussian(), **options)


@pytest.fixture
def no_chains(monkeypatch):
    """Anything that reaches the chains fails the test."""

    def run_chains(*args, **given):
        raise AssertionError("the chains were started")

    monkeypatch.setattr(chains, "run_chains", run_chains)


@pytest.mark.parametrize(
    ("likelihood", "y", "options", "message"),
    [
        (bnn.Categorical(), Y, {}, r"y must hold class labels .*got 12 float\(s\)"),
        (bnn.Categorical(), ["a"] * 12, {}, "at least two classes, got 'a' in every row"),
        (bnn.Bernoulli(), LABELS, {}, "Bernoulli is for two classes"),
        (bnn.Categorical(("a", "b")), LABELS, {}, r"the classes of the fit, \['a', 'b'\], got also 'c'"),
        (bnn.Poisson(), Y, {}, "y must hold counts"),
        (bnn.Poisson(), COUNTS - 5, {}, "y must hold counts"),
        (bnn.NegativeBinomial(), COUNTS * 0, {}, "at least one count above zero"),
        (bnn.Gaussian(), LABELS, {}, "y must hold numbers"),
        (bnn.StudentT(), np.stack([Y, Y], 1), {}, r"y must have shape \(n,\) for StudentT, got \(12, 2\)"),
        (
            bnn.Gaussian(),
            np.stack([Y, Y], 1),
            {"marginalize": True, "sampler": "nuts"},
            "one output, got Gaussian with 2",
        ),
        (
            bnn.Poisson(),
            COUNTS,
            {"marginalize": True, "sampler": "nuts"},
            "needs a Gaussian likelihood with one output",
        ),
        (bnn.Gaussian(), Y, {"weights": -WEIGHTS}, "weights must be at least zero and not all zero, got 11 negative"),
        (bnn.Gaussian(), Y, {"weights": 0 * WEIGHTS}, "not all zero, got zeros only"),
        (bnn.Gaussian(), Y, {"weights": np.ones(11)}, r"weights must have shape \(12,\)"),
        (bnn.Heteroskedastic(), Y, {"offset": OFFSET}, "offset must not be given for Heteroskedastic"),
        (bnn.Gaussian(), np.stack([Y, Y], 1), {"offset": OFFSET}, "offset must not be given for several outputs"),
        (bnn.Poisson(), COUNTS, {"offset": np.ones(3)}, "offset must be a number or have shape"),
        (bnn.Categorical(), None, {}, "y must be given with a table x"),
        (bnn.Poisson(), None, {"offset": 1.0}, "y must be given with a table x"),
        (bnn.Categorical(), LABELS[:5], {}, "the same number of rows, got 12 and 5"),
    ],
)
def test_rows_that_do_not_fit_the_likelihood(no_chains, likelihood, y, options, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(network(likelihood), X, y, **options)


ROWS = {"weights": {"weights": WEIGHTS}, "both": {"weights": WEIGHTS, "offset": OFFSET}}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nuts", "gibbs", "hmc weights"])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_weighted_rows_of_a_shallow_network_are_fitted(sampler, rows):
    specs = {"nuts": bnn.NUTS(max_tree_depth=2), "gibbs": None, "hmc weights": Gibbs(weights="hmc", steps=2, sweeps=1)}
    fit = bnn.fit(bnn.shallow(2), X, Y, sampler=specs[sampler], **rows, **TINY)
    if sampler != "nuts":
        sweep = Gibbs() if sampler == "gibbs" else WeightGibbs("hmc", 2, 1)
        assert fit.sampler.kernel(fit.model).sampler == sweep
    for name, value in rows.items():
        np.testing.assert_array_equal(fit.idata["constant_data"][name], value)
        assert fit.idata["constant_data"][name].dims == ("obs",)
    log_likelihood = fit.idata["log_likelihood"]["y"].to_numpy()
    assert np.isfinite(log_likelihood).all()
    assert not log_likelihood[..., 0].any()  # a row of weight zero says nothing
    assert log_likelihood[..., 1:].all()


def test_an_offset_of_a_standardised_target_is_that_of_y(fake_fit):
    """The same draws with y + offset, and with y alone, are the same fit, in units far from one."""
    y, offset = 40.0 * Y + 7.0, 300.0 * OFFSET
    model = bnn.shallow(2)
    plain, shifted = fake_fit(model, X, y), fake_fit(model, X, y + offset, offset=offset)
    shifted = replace(shifted, idata=plain.idata)
    same = {"rtol": 1e-9, "atol": 1e-9}
    assert shifted.data.scaling.y_scale == pytest.approx(plain.data.scaling.y_scale)
    by_row = [log_likelihood_by_row(fit.model, fit.data, fit.sites()) for fit in (plain, shifted)]
    np.testing.assert_allclose(*by_row, **same)
    new, at = X[:5] + 0.3, offset[:5] - 11.0
    for kind in ("mean", "response"):
        found = bnn.predict(shifted, new, kind=kind, offset=at)
        np.testing.assert_allclose(found - at, bnn.predict(plain, new, kind=kind), **same)
    scores = [bnn.evaluate(plain, new, y[:5]), bnn.evaluate(shifted, new, y[:5] + at, offset=at)]
    pd.testing.assert_series_equal(*scores, rtol=1e-9)
    effects = [bnn.average_marginal_effects(fit) for fit in (plain, shifted)]
    np.testing.assert_allclose(*effects, **same)
    parts = bnn.decompose(plain, new), bnn.decompose(shifted, new, offset=at)
    pd.testing.assert_frame_equal(*(p.drop(columns="mean", errors="ignore") for p in parts), rtol=1e-9)
    losses = [bnn.relevance(fit, score=s, repeats=2) for s in ("log_density", "rmse") for fit in (plain, shifted)]
    np.testing.assert_allclose(losses[0], losses[1], **same)
    np.testing.assert_allclose(losses[2], losses[3], **same)
    np.testing.assert_allclose(*(against_linear(fit).linear for fit in (plain, shifted)), **same)
    held = [_score(coded_rows(fit.model, fit.data), fit, np.arange(3))[0] for fit in (plain, shifted)]
    np.testing.assert_allclose(*held, **same)  # as cross-validation scores them


def test_labels_live_in_the_coordinates(fake_fit):
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    fit = fake_fit(bnn.shallow(3, likelihood=bnn.Categorical()), table, LABELS, draws=3)
    posterior = fit.idata["posterior"]
    assert fit.model.likelihood.classes == ("a", "b", "c")
    assert posterior["class"].to_numpy().tolist() == ["a", "b", "c"]
    assert posterior["beta"].dims == ("chain", "draw", "unit", "class")
    for name in ("intercept", "mu_beta", "sigma_beta"):
        assert posterior[name].dims == ("chain", "draw", "class"), name
    assert fit.idata["observed_data"]["y"].to_numpy().tolist() == [0, 1, 2] * 4
    assert (np.diff(posterior["gamma"].to_numpy()[..., 1], axis=-1) > 0).all()


def test_sorting_units_keeps_the_function_of_every_class(fake_fit):
    """Sorted and unsorted draws give the same probabilities."""
    model = bnn.shallow(3, likelihood=bnn.Categorical(), linear=False)
    fit = fake_fit(model, X, LABELS, draws=3)
    raw = bnn.as_sampled(fit.idata)
    posterior = fit.idata["posterior"]
    assert not np.array_equal(raw["beta"], posterior["beta"])
    for sites in (raw, posterior):
        gamma, beta, intercept = (np.asarray(sites[name]) for name in ("gamma", "beta", "intercept"))
        z = fit.data.scaled()[0]
        units = 1 / (1 + np.exp(-(gamma[..., :1] + gamma[..., 1:] @ z.T)))
        f = np.einsum("cdun,cduk->cdnk", units, beta) + intercept[:, :, None]
        e = np.exp(f)
        np.testing.assert_allclose(
            bnn.predict(fit, X, kind="probability"), e / e.sum(-1, keepdims=True), rtol=1e-8, atol=1e-12
        )
