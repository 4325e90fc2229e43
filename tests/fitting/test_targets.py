"""One target at every step of a sequence: what is fitted, ignored, predicted and refused."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.evaluation.coded_rows import coded_rows
from bayesnn.evaluation.linear_reference import linear_log_density
from bayesnn.fitting.draws import log_density
from bayesnn.fitting.targets import at_steps, real_values

LENGTHS = (4, 2, 3, 1, 4, 3)
RNG = np.random.default_rng(0)
TOKENS = bnn.pad([RNG.integers(1, 6, size=length) for length in LENGTHS])
REAL = TOKENS != 0
NUMBERS = bnn.pad([RNG.normal(size=length) for length in LENGTHS])
Y = np.where(REAL, RNG.normal(5.0, 2.0, size=REAL.shape), np.nan)
TAGS = np.where(TOKENS > 3, "noun", "verb")
TAGGER = bnn.Model([bnn.Embedding(6, 2), bnn.GRU(2, return_sequences=True)], bnn.Categorical())
FILTER = bnn.Model([bnn.Elman(2, return_sequences=True)])


@pytest.fixture(scope="module")
def tagger(fake_fit):
    return fake_fit(TAGGER, TOKENS, TAGS, chains=2, draws=6)


@pytest.fixture(scope="module")
def filtered(fake_fit):
    return fake_fit(FILTER, NUMBERS, Y, chains=2, draws=6)


def test_a_filter_standardises_and_predicts_real_steps(filtered):
    assert filtered.data.scaling.y_center == pytest.approx(np.nanmean(Y), rel=1e-12)
    assert filtered.data.scaling.y_scale == pytest.approx(np.nanstd(Y), rel=1e-12)
    for kind in ("mean", "response"):
        prediction = bnn.predict(filtered, NUMBERS, kind=kind)
        assert prediction.dims == ("chain", "draw", "obs", "time")
        np.testing.assert_array_equal(np.isnan(prediction), np.broadcast_to(~REAL, prediction.shape))
    assert filtered.idata["observed_data"]["y"].dims == ("obs", "time")


def test_the_log_likelihood_of_a_row_is_the_sum_over_its_real_steps(filtered):
    posterior = filtered.idata["posterior"]
    mean, sigma = bnn.predict(filtered, NUMBERS), posterior["sigma"].to_numpy()[:, :, None, None]
    expected = np.nansum(stats.norm.logpdf(Y, mean, sigma), axis=-1)
    np.testing.assert_allclose(filtered.idata["log_likelihood"]["y"], expected, rtol=1e-10)


def test_the_numpyro_model_scores_the_same(filtered):
    """Whatever stands at padded steps: the density of y is that of the real ones, and so is its gradient."""
    x, y = filtered.data.scaled()
    sites = {name: values[0] for name, values in filtered.draws().items()}
    with double():
        density = jax.jit(lambda s, y: log_density(filtered.model, s, jnp.asarray(x), y))
        rows, other = density(sites, jnp.asarray(y)), density(sites, jnp.asarray(np.where(REAL, y, 77.0)))
        slopes = jax.jit(jax.grad(lambda s: density(s, jnp.asarray(y)).sum()))(sites)
    assert rows.shape == (6,)
    np.testing.assert_array_equal(rows, other)
    assert all(np.isfinite(slope).all() for slope in slopes.values())


@pytest.mark.slow
def test_more_padding_changes_nothing(fake_fit, tagger):
    wider, tags = np.pad(TOKENS, ((0, 0), (0, 2))), np.pad(TAGS, ((0, 0), (0, 2)), constant_values="verb")
    expected = bnn.predict(tagger, TOKENS, kind="probability")
    found = bnn.predict(tagger, wider, kind="probability")
    assert found.shape == (2, 6, 6, 6, 2)
    np.testing.assert_allclose(found[..., :4, :], expected, rtol=1e-12)
    assert np.isnan(found[..., 4:, :]).all()
    again = fake_fit(TAGGER, wider, tags, chains=2, draws=6)
    np.testing.assert_allclose(again.idata["log_likelihood"]["y"], tagger.idata["log_likelihood"]["y"], rtol=1e-10)
    short = bnn.predict(tagger, TOKENS[:, :2], kind="probability")
    np.testing.assert_allclose(short[..., 1, :2, :], expected[..., 1, :2, :], rtol=1e-10)


def test_a_tagger_goes_through_what_follows_a_fit(tagger, tmp_path):
    probability = bnn.predict(tagger, TOKENS, kind="probability")
    mean = probability.mean(("chain", "draw")).to_numpy()[REAL]
    codes = (TAGS == "verb").astype(int)
    scores = bnn.evaluate(tagger, TOKENS, TAGS)
    assert scores["accuracy"] == pytest.approx((mean.argmax(axis=1) == codes[REAL]).mean())
    assert scores["log_loss"] == pytest.approx(-np.log(mean[np.arange(len(mean)), codes[REAL]]).mean(), rel=1e-10)
    drawn = bnn.predict(tagger, TOKENS, kind="response").to_numpy()
    assert set(np.unique(drawn[..., REAL])) <= {0, 1}
    assert (drawn[..., ~REAL] == -1).all()
    assert bnn.diagnose(tagger).table.shape[1] == 4
    assert len(bnn.decompose(tagger, TOKENS)) == sum(LENGTHS)
    assert bnn.decompose(tagger, TOKENS, measure="variance").index.names == ["obs", "time", "class"]
    bnn.save(tagger, tmp_path / "fit.npz")
    np.testing.assert_array_equal(bnn.predict(bnn.load(tmp_path / "fit.npz"), TOKENS, kind="probability"), probability)
    with pytest.raises(ValueError, match="decide takes one target per row"):
        bnn.decide(tagger, TOKENS)


def test_scores_of_a_filter_are_over_real_steps(filtered):
    mean = bnn.predict(filtered, NUMBERS).mean(("chain", "draw")).to_numpy()
    scores = bnn.evaluate(filtered, NUMBERS, Y, weights=np.arange(1.0, 7.0))
    weights = np.repeat(np.arange(1.0, 7.0), LENGTHS)
    expected = np.sqrt(np.average((mean - Y)[REAL] ** 2, weights=weights))
    assert scores["rmse"] == pytest.approx(expected, rel=1e-10)
    assert np.isfinite(scores).all()


def test_steps_are_rows_of_their_own_to_sums_of_squares(filtered):
    """The exact draw of sigma, and the readout integrated out, see each real step once."""
    x, y = (jnp.asarray(a) for a in filtered.data.scaled())
    with double():
        f = jnp.ones(REAL.shape)
        flat, target, weights = filtered.model.flatten_steps(x, f, y, jnp.arange(6.0))
    target, weights = np.asarray(target), np.asarray(weights)
    np.testing.assert_array_equal(weights, (REAL * np.arange(6.0)[:, None]).ravel())
    np.testing.assert_allclose(target[weights > 0], filtered.data.scaled()[1][REAL & (np.arange(6) > 0)[:, None]])
    assert flat.shape == (24,)
    assert np.isfinite(target).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"sampler": "gibbs"}, {"sampler": bnn.MAP(steps=9, validation=None), "marginalize": True}],
    ids=["gibbs", "map"],
)
def test_samplers_fit_a_filter(options):
    fit = bnn.fit(FILTER, NUMBERS, Y, draws=9, warmup=9, chains=1, progress=False, **options)
    assert np.isfinite(fit.idata["log_likelihood"]["y"]).all()
    assert np.isfinite(fit.idata["posterior"]["sigma"]).all()


def test_targets_may_be_lists_as_long_as_the_sequences():
    lists = [list(row[:length]) for row, length in zip(TAGS, LENGTHS, strict=True)]
    bind = importlib.import_module("bayesnn.fitting.binding").bind
    _, data = bind(TAGGER, TOKENS, lists)
    _, same = bind(TAGGER, TOKENS, TAGS)
    np.testing.assert_array_equal(data.y, same.y)
    assert (data.y[~REAL] == -1).all()
    with pytest.raises(ValueError, match=r"a target for every step of x, got 3 for the 4 step\(s\) of row 0"):
        bind(TAGGER, TOKENS, [lists[0][:-1], *lists[1:]])


def moved(place, value):
    y = Y.copy()
    y[place] = value
    return y


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (FILTER, Y[:, :3], r"a target for every step of x, shape \(6, 4\), since the model gives one output per step"),
        (FILTER, Y[:, 0], r"got \(6,\): for one target per row end the layers with Last\(\) or MeanPool\(\)"),
        (FILTER, moved((0, 0), np.nan), "NaN, if any, only where x is padded, got nan at row 0, step 0"),
        (FILTER, moved((1, 3), 1.0), "NaN, if any, only where x is padded, got 1.0 at row 1, step 3"),
        (FILTER, np.where(REAL, 2.0, np.nan), "y must vary"),
        (bnn.Model([bnn.Elman(2)]), Y, r"y must be finite"),
    ],
)
def test_targets_that_do_not_fit_the_steps_are_refused(model, y, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(model, NUMBERS, y)


def test_values_go_to_their_steps_and_back():
    values = np.arange(float(sum(LENGTHS)))
    filled = at_steps(values, REAL)
    np.testing.assert_array_equal(real_values(filled, REAL), values)
    np.testing.assert_array_equal(np.isnan(filled), ~REAL)
    assert at_steps(values, None) is values


def test_rows_of_a_fold_are_whole_sequences(tagger):
    rows = coded_rows(tagger.model, tagger.data)
    x, labels = rows.take(np.array([4, 0]))
    np.testing.assert_array_equal(x, TOKENS[[4, 0]])
    np.testing.assert_array_equal(labels[REAL[[4, 0]]], TAGS[[4, 0]][REAL[[4, 0]]])


@pytest.mark.parametrize("which", ["tagger", "filtered"])
def test_the_bar_of_a_linear_model_sums_over_steps(request, which):
    fit = request.getfixturevalue(which)
    bar = linear_log_density(fit.data, fit.model.likelihood)
    each = fit.data.y[REAL]
    if which == "tagger":
        total = np.log(np.bincount(each) / len(each))[each].sum()
    else:
        total = stats.norm.logpdf(each, each.mean(), each.std()).sum()
    assert bar.shape == (6,)
    assert bar.sum() == pytest.approx(total, rel=1e-9)


def test_prior_predictive_of_steps():
    prior = bnn.prior_predictive(FILTER, NUMBERS, draws=3)
    assert prior["prior"]["f"].dims == ("chain", "draw", "obs", "time")
    assert prior["prior_predictive"]["y"].shape == (1, 3, 6, 4)
