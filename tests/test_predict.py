"""Predictions: against a plain loop over draws, in units of y, and with the input checked."""

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (30, 2))
Y = 50.0 + 20.0 * np.sin(X[:, 0])


def test_mean_is_the_function_of_every_draw_in_units_of_y(fake_fit):
    fit = fake_fit(bnn.shallow(3, intercept=True, linear=True), X, Y, chains=2, draws=4)
    new = RNG.normal(3.0, 2.0, (5, 2))
    got = bnn.predict(fit, new)
    posterior = {n: v.to_numpy() for n, v in fit.idata["posterior"].data_vars.items()}
    z = (new - X.mean(0)) / X.std(0)
    for c in range(2):
        for d in range(4):
            f = np.full(5, posterior["intercept"][c, d]) + z @ posterior["linear"][c, d]
            for j in range(3):
                e = posterior["gamma"][c, d, j, 0] + z @ posterior["gamma"][c, d, j, 1:]
                f += posterior["beta"][c, d, j] / (1.0 + np.exp(-e))
            np.testing.assert_allclose(got[c, d], Y.mean() + Y.std() * f, rtol=1e-10)


def test_response_adds_noise_of_the_right_size(fake_fit):
    def quiet(values):
        values["beta"][...] = 0.0
        values["sigma"][...] = 0.5

    fit = fake_fit(bnn.shallow(2), X, Y, chains=4, draws=500, change=quiet)
    mean, response = bnn.predict(fit, X), bnn.predict(fit, X, kind="response", key=1)
    residual = ((response - mean) / (0.5 * Y.std())).to_numpy().ravel()
    count = residual.size
    assert abs(residual.mean()) < 4 / np.sqrt(count)
    assert abs(residual.var() - 1.0) < 4 * np.sqrt(2 / count)
    np.testing.assert_array_equal(response, bnn.predict(fit, X, kind="response", key=1))
    assert not np.array_equal(response, bnn.predict(fit, X, kind="response", key=2))


def test_labels_of_new_rows_are_kept(fake_fit):
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    fit = fake_fit(bnn.shallow(2), table, Y)
    new = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}, index=["first", "second"])
    prediction = bnn.predict(fit, new)
    assert list(prediction["obs"].to_numpy()) == ["first", "second"]
    assert list(bnn.to_frame(prediction).index) == ["first", "second"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 3)), r"2 column\(s\) of the fit.*got 3"),
        (np.zeros(3), r"two-dimensional"),
        (np.array([[np.nan, 1.0]]), r"1 NaN or infinite"),
        (pd.DataFrame({"b": [1.0], "a": [2.0]}), r"another order"),
        (pd.DataFrame({"a": [1.0], "c": [2.0]}), r"missing \['b'\], unknown \['c'\]"),
    ],
)
def test_other_columns_are_refused(fake_fit, x, message):
    fit = fake_fit(bnn.shallow(2), pd.DataFrame({"a": X[:, 0], "b": X[:, 1]}), Y)
    with pytest.raises(ValueError, match=message):
        bnn.predict(fit, x)


def test_unknown_kind_lists_the_known_ones(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    with pytest.raises(ValueError, match="'mean', 'response'"):
        bnn.predict(fit, X, kind="median")


def test_frame_has_the_quantiles_of_the_draws(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    prediction = bnn.predict(fit, X)
    frame = bnn.to_frame(prediction, levels=(80, 95))
    assert list(frame.columns) == ["mean", "sd", "median", "lo-80", "hi-80", "lo-95", "hi-95"]
    draws = prediction.to_numpy().reshape(-1, len(X))
    np.testing.assert_allclose(frame["lo-80"], np.quantile(draws, 0.1, axis=0), rtol=1e-10)
    np.testing.assert_allclose(frame["hi-95"], np.quantile(draws, 0.975, axis=0), rtol=1e-10)
    np.testing.assert_allclose(frame["sd"], draws.std(axis=0, ddof=1), rtol=1e-10)
    with pytest.raises(ValueError, match="between 0 and 100"):
        bnn.to_frame(prediction, levels=(0.8,) + (100,))
