"""The prior around given weights: its density, its exact updates, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from scipy import stats

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.layers import Dense
from bayesnn.priors import Horseshoe, MuellerRiosInsua, Normal
from bayesnn.priors.around import Around

SLOW = pytest.mark.slow
RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 2))
KERNEL, BIAS, BETA = RNG.normal(size=(3, 2)), RNG.normal(size=3), RNG.normal(size=3)
GIVEN = {"dense0": {"kernel": KERNEL, "bias": BIAS}, "readout": {"beta": BETA}}


def network(prior=None):
    return bnn.Model([Dense(3, "tanh"), Dense(3, "tanh")], prior=Normal() if prior is None else prior)


@computing
def simulated(model, count=4000):
    """Draws of all sites by the model function."""

    def one(key):
        trace = handlers.trace(handlers.seed(model, key)).get_trace(jnp.asarray(X))
        return {name: site["value"] for name, site in trace.items()}

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), count)))


def test_given_weights_are_normal_around_their_values_and_others_keep_their_prior():
    model = network().prior_at(GIVEN, scale={"dense0": 0.2, "dense0_bias": 0.3, "readout": 0.1})
    sites = simulated(model)
    for name, mean, sd in (
        ("dense0_kernel", KERNEL, 0.2),
        ("dense0_bias", BIAS, 0.3),
        ("beta", BETA, 0.1),
        ("dense1_kernel", np.zeros((3, 3)), 3**-0.5),
        ("intercept", np.zeros(()), 1.0),
    ):
        values = ((sites[name] - mean) / sd).ravel()
        assert stats.kstest(values, "norm").pvalue > 1e-4, name
        assert stats.kstest(values + 0.2, "norm").pvalue < 1e-4, name


def test_without_a_scale_the_prior_is_moved_and_keeps_its_hyperparameters():
    prior = Horseshoe(0.3, 0.6)  # whose scales are quick to compile
    plain, moved = simulated(network(prior), 20), simulated(network(prior).prior_at(GIVEN), 20)
    np.testing.assert_allclose(moved["dense0_kernel"], plain["dense0_kernel"] + KERNEL, rtol=1e-12)
    np.testing.assert_allclose(moved["beta"], plain["beta"] + BETA, rtol=1e-12)
    np.testing.assert_array_equal(moved["dense0_kernel_scale"], plain["dense0_kernel_scale"])


@pytest.mark.parametrize(
    "sampler", [bnn.MAP(steps=50), pytest.param(bnn.NUTS(), marks=SLOW), pytest.param(bnn.Gibbs(), marks=SLOW)]
)
def test_a_sharp_prior_predicts_what_the_given_network_does(sampler):
    model = bnn.Model([Dense(3, "tanh")], bnn.Gaussian()).prior_at(
        {"dense0": {"kernel": KERNEL, "bias": BIAS}, "readout": {"beta": BETA, "intercept": 0.5}}, scale=1e-6
    )
    f = np.tanh(X @ KERNEL.T + BIAS) @ BETA + 0.5
    y = f + 0.01 * RNG.normal(size=40)
    fit = bnn.fit(model, X, y, sampler=sampler, standardize=False, draws=20, warmup=20, chains=1, progress=False)
    np.testing.assert_allclose(bnn.predict(fit, X).mean(("chain", "draw")), f, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", [bnn.NUTS(), bnn.Gibbs(), bnn.Laplace()])
def test_the_posterior_of_a_linear_model_is_the_conjugate_one(sampler):
    """sigma is nearly known, so coefficients are normal with precision X'X/sigma^2 + I/scale^2."""
    mean, scale, sigma = np.array([1.0, -2.0]), 0.05, 0.5
    model = bnn.Model([], bnn.Gaussian(sigma**2, 1e6), linear=True, intercept=False)
    model = model.prior_at({"readout": {"linear": mean}}, scale=scale)
    y = X @ np.array([1.2, -1.7]) + sigma * RNG.normal(size=40)
    fit = bnn.fit(model, X, y, sampler=sampler, standardize=False, draws=2000, warmup=500, chains=2, progress=False)
    precision = X.T @ X / sigma**2 + np.eye(2) / scale**2
    wanted = np.linalg.solve(precision, X.T @ y / sigma**2 + mean / scale**2)
    found = fit.idata["posterior"]["linear"].to_numpy().reshape(-1, 2)
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    assert np.all(np.abs(found.mean(axis=0) - wanted) < 4.5 * sd / np.sqrt(1000))
    np.testing.assert_allclose(found.std(axis=0), sd, rtol=0.1)
    assert np.all(np.abs(mean - wanted) > 4.5 * sd / np.sqrt(1000))


def test_a_fit_around_given_weights_is_saved(tmp_path, fake_fit):
    fit = fake_fit(network().prior_at(GIVEN, scale=0.1), X, X[:, 0])
    bnn.save(fit, tmp_path / "fit.npz")
    assert bnn.load(tmp_path / "fit.npz").model == fit.model


@pytest.mark.parametrize(
    ("weights", "scale", "message"),
    [
        ({}, None, "weights must be arrays by name"),
        ([KERNEL], None, "weights must be arrays by name"),
        ({"lstm0": {}}, None, "prior_at got weights of 'lstm0', and the model has dense0, dense1, readout"),
        (GIVEN, -1.0, "scale must be a finite number above zero, got -1.0"),
        (GIVEN, {"lstm0": 1.0}, "'lstm0', and the model has"),
        ({"dense0_bias": np.array([1.0, np.nan, 0.0])}, None, "dense0_bias must be finite"),
        ({"dense0_bias": None}, None, "dense0_bias must be finite"),
        ({"dense0": None}, None, "weights of 'dense0' must be arrays by name, such as .*, got None"),
        ({"readout": {}}, None, "weights of 'readout' must be arrays by name, such as .*, got {}"),
    ],
)
def test_impossible_weights_and_scales_are_refused(weights, scale, message):
    with pytest.raises(ValueError, match=message):
        network().prior_at(weights, scale)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"dense0_kernel": KERNEL.T}, r"needs dense0_kernel of shape \(3, 2\), got \(2, 3\)"),
        ({"dense0_gain": BIAS}, "got weights dense0_gain, and the model has dense0_kernel, dense0_bias"),
        ({"beta": BETA[:2]}, r"needs beta of shape \(3,\), got \(2,\)"),
        ({"linear": BETA}, "got linear, and the readout has beta, intercept"),
    ],
)
@pytest.mark.parametrize("sampler", ["map", "gibbs"])
def test_weights_that_are_not_those_of_the_network_are_refused_by_fit(weights, message, sampler):
    with pytest.raises(ValueError, match=message):
        bnn.fit(network().prior_at(weights), X, X[:, 0], sampler=sampler, progress=False)


def test_only_priors_of_independent_weights_can_be_moved():
    with pytest.raises(ValueError, match="Normal, Hierarchical, Horseshoe and HeavyTailed, got MuellerRiosInsua"):
        Around(MuellerRiosInsua(), ())
    with pytest.raises(ValueError, match="got Around"):
        network().prior_at(GIVEN).prior_at(GIVEN)


def test_a_readout_around_the_vectors_of_the_tokens_is_a_tied_one():
    """The mean of both priors is the network in which embedding and readout are one array, written by hand."""
    vectors, tokens = RNG.normal(size=(5, 3)), np.array([[2, 4, 1], [3, 3, 0]])
    layers = [bnn.Embedding(5, initial=vectors), bnn.MeanPool()]
    classes = (1, 2, 3, 4)
    tied = bnn.Model(layers, bnn.Categorical(classes), Normal()).prior_at(
        {"readout": {"beta": vectors[1:].T}}, scale=0.1
    )

    @computing
    def at_the_means():
        free = handlers.trace(handlers.seed(tied, jax.random.key(0))).get_trace(jnp.asarray(tokens))
        zero = {n: jnp.zeros_like(s["value"]) for n, s in free.items() if s["type"] == "sample" and n != "y"}
        fixed = handlers.substitute(handlers.seed(tied, jax.random.key(0)), zero)
        return np.asarray(handlers.trace(fixed).get_trace(jnp.asarray(tokens))["f"]["value"])

    for found, row in zip(at_the_means(), tokens, strict=True):
        words = [vectors[token] for token in row if token]
        mean = sum(words) / len(words)
        np.testing.assert_allclose(found, [mean @ vectors[k] for k in classes], rtol=1e-10)
