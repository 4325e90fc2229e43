"""Layers with given weights: fixed at them, or changed by matrices of low rank."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.layers import LSTM, Dense, LowRank, fix

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 2))
GIVEN = {"kernel": RNG.normal(size=(3, 2)), "bias": RNG.normal(size=3)}


@pytest.mark.parametrize(
    "sampler", [bnn.MAP(steps=50), *(pytest.param(s, marks=pytest.mark.slow) for s in ("nuts", "gibbs", "laplace"))]
)
def test_every_sampler_serves_a_layer_fixed_at_given_weights(sampler):
    """The readout is all that is sampled, from units that are those of the given weights."""
    y = np.tanh(X @ GIVEN["kernel"].T + GIVEN["bias"]) @ np.array([1.0, -1.0, 0.5])
    few = {"draws": 30, "warmup": 30, "chains": 1, "progress": False, "standardize": False}
    fit = bnn.fit(bnn.Model([fix(Dense(3, "tanh"), GIVEN)]), X, y, sampler=sampler, **few)
    assert set(fit.idata["posterior"].data_vars) == {"beta", "intercept", "sigma"}
    units = np.tanh(X @ GIVEN["kernel"].T + GIVEN["bias"])
    f = fit.sites()["beta"] @ units.T + fit.sites()["intercept"][..., None]
    np.testing.assert_allclose(bnn.predict(fit, X), f, rtol=1e-10)


def test_a_fit_with_given_weights_is_saved(tmp_path):
    layers = [LowRank(Dense(3, "tanh"), GIVEN, rank=1), fix(Dense(1), {"kernel": np.ones((1, 3)), "bias": np.zeros(1)})]
    fit = bnn.fit(bnn.Model(layers), X, X[:, 0], sampler=bnn.MAP(steps=5, restarts=1), progress=False)
    bnn.save(fit, tmp_path / "fit.npz")
    loaded = bnn.load(tmp_path / "fit.npz")
    assert loaded.model == fit.model
    np.testing.assert_array_equal(bnn.predict(loaded, X), bnn.predict(fit, X))


def test_a_low_rank_change_is_added_to_every_matrix():
    inner = LSTM(3)
    rng = np.random.default_rng(0)
    given = {name: rng.normal(size=w.shape) for name, w in inner.weights((5, 2)).items()}
    layer = LowRank(inner, given, rank=2, scale=0.7)
    weights = {name: rng.normal(size=w.shape) for name, w in layer.weights((5, 2)).items()}
    assert set(weights) == {f"{kind}_kernel_{side}" for kind in ("input", "recurrent") for side in ("down", "up")}
    changed = dict(given)
    for name in ("input_kernel", "recurrent_kernel"):
        up, down = weights[f"{name}_up"], weights[f"{name}_down"]
        assert np.linalg.matrix_rank(up @ down) <= 2
        for place in np.ndindex(given[name].shape):
            row = place[0] * 3 + place[1]
            changed[name] = np.array(changed[name])
            changed[name][place] += 0.7 * sum(up[row, r] * down[r, place[2]] for r in range(2))
    x = rng.normal(size=(5, 2))
    with double():
        np.testing.assert_allclose(layer.apply(weights, x), inner.apply(changed, x), rtol=1e-12)


@pytest.mark.parametrize("make", [lambda values: fix(Dense(3), values), lambda values: LowRank(Dense(3), values)])
def test_weights_of_another_shape_or_layer_are_refused(make):
    def refused(values, message):
        with pytest.raises(ValueError, match=message):
            bnn.Model([make(values)]).weight_specs((2,))

    refused({"kernel": np.ones((3, 4)), "bias": np.ones(3)}, r"kernel of shape \(3, 2\), got \(3, 4\)")
    refused({"kernel": np.ones((3, 2))}, r"bias of shape \(3,\), got none")
    refused(GIVEN | {"gain": np.ones(3)}, r"gain of shape none, got \(3,\)")
    refused({"kernel": np.full((3, 2), np.inf), "bias": np.ones(3)}, "kernel must be finite")
    refused(3, "takes arrays by name, as convert_weights returns them, got 3")
    refused({"kernel": "ones"}, "takes arrays by name")


def test_a_low_rank_layer_wraps_a_layer():
    with pytest.raises(ValueError, match="LowRank must wrap a layer such as Dense"):
        LowRank("dense", GIVEN)
    with pytest.raises(ValueError, match="rank must be a whole number of at least 1"):
        LowRank(Dense(3), GIVEN, rank=0)
