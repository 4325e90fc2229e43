"""Monte Carlo dropout against closed forms: a linear model whose inputs are dropped, and sequences."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.layers import LSTM, Dense, Dropout, Residual, Sequential

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * RNG.normal(size=50)
RATE = 0.3
QUICK = bnn.MCDropout(bnn.MAP(steps=300, restarts=1))
FEW = {"sampler": QUICK, "standardize": False, "progress": False}


@pytest.fixture(scope="module")
def found():
    return bnn.fit(bnn.Model([Dropout(RATE)], intercept=False), X, Y, draws=4000, chains=2, **FEW)


def test_draws_have_the_moments_of_dropped_inputs(found):
    """f = sum_j z_j beta_j x_j / (1 - p), z_j Bernoulli(1 - p): mean beta'x, variance p/(1 - p) sum (beta_j x_j)^2."""
    beta = found.sites()["beta"][0, 0]
    f = bnn.predict(found, X[:5]).to_numpy().reshape(-1, 5)
    sd = np.sqrt(RATE / (1 - RATE) * ((beta * X[:5]) ** 2).sum(axis=1))
    assert np.all(np.abs(f.mean(axis=0) - X[:5] @ beta) < 4.5 * sd / np.sqrt(len(f)))
    np.testing.assert_allclose(f.std(axis=0), sd, rtol=0.05)
    assert np.all(found.sites()["beta"] == beta)


def test_a_draw_is_one_function_of_all_rows(found):
    """It is linear in x, so that values at sums are sums; and it is the same whenever it is asked for."""
    rows = np.vstack([X[:2], X[:1] + X[1:2]])
    f = bnn.predict(found, rows).to_numpy()
    np.testing.assert_allclose(f[..., 2], f[..., 0] + f[..., 1], rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(f, bnn.predict(found, rows).to_numpy())
    alone = np.concatenate([bnn.predict(found, rows[i : i + 1]).to_numpy() for i in range(3)], axis=-1)
    np.testing.assert_allclose(alone, f, rtol=1e-12)
    assert len(np.unique(f[..., 0])) == 8  # three inputs, each dropped or not


def test_the_log_likelihood_is_that_of_the_dropped_network(found):
    f, sigma = bnn.predict(found, X).to_numpy(), found.sites()["sigma"][..., None]
    wanted = -0.5 * ((Y - f) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(found.idata["log_likelihood"]["y"], wanted, rtol=1e-8)


def test_diagnose_says_what_it_is(found):
    said = bnn.diagnose(found)
    assert not said.ok
    assert "APPROXIMATION: MCDropout" in said.verdict
    assert "rate that was set and not learnt" in said.verdict


def test_steps_drop_the_same_units_and_padding_changes_nothing():
    """A sequence of equal steps keeps them equal behind dropout; padded steps change no prediction."""
    x = np.repeat(RNG.normal(size=(12, 1, 2)), 4, axis=1)
    model = bnn.Model([Dense(4, "tanh"), Dropout(0.5)])
    found = bnn.fit(model, x, np.repeat(x[:, :1, 0], 4, axis=1), draws=20, chains=1, **FEW)
    f = bnn.predict(found, x).to_numpy()
    np.testing.assert_allclose(f, np.repeat(f[..., :1], 4, axis=-1), rtol=1e-10)
    assert len(np.unique(f[0, :, 0, 0])) > 5


def test_padding_changes_no_draw_and_a_saved_fit_draws_the_same(tmp_path):
    x = RNG.normal(size=(12, 3, 2))
    model = bnn.Model([Residual(Sequential([Dense(2, "tanh"), Dropout(0.4)])), LSTM(2), Dropout(0.5)])
    longer = np.concatenate([x, np.full((12, 2, 2), np.nan)], axis=1)
    longer[0, 3:] = 1.0
    found = bnn.fit(model, longer, x[:, 0, 0], draws=10, chains=1, **FEW)
    np.testing.assert_allclose(bnn.predict(found, x[1:]), bnn.predict(found, longer[1:]), rtol=1e-10)
    bnn.save(found, tmp_path / "fit.npz")
    np.testing.assert_array_equal(bnn.predict(bnn.load(tmp_path / "fit.npz"), x), bnn.predict(found, x))


def test_another_sampler_of_the_same_model_drops_nothing(found):
    again = bnn.fit(found.model, X, Y, sampler=bnn.MAP(steps=50, restarts=1), standardize=False, progress=False)
    assert "dropout" not in again.idata["posterior"]
    np.testing.assert_allclose(bnn.predict(again, X)[0, 0], X @ again.sites()["beta"][0, 0], rtol=1e-10)


def test_a_model_without_dropout_and_a_start_that_is_no_mode_are_refused():
    with pytest.raises(ValueError, match="MCDropout needs a model with a Dropout layer"):
        bnn.fit(bnn.Model([Dense(2)]), X, Y, sampler="mc_dropout")
    with pytest.raises(ValueError, match="start must be a spec such as MAP"):
        bnn.MCDropout(bnn.NUTS())
