"""The model is an ordinary NumPyro model function, and its function is a loop over units."""

import dataclasses
import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer import MCMC, NUTS

from bayesnn._internal.runtime import compilation_cache_on, computing
from bayesnn.layers import LSTM, Dense, Embedding, MeanPool, Residual
from bayesnn.likelihoods import Categorical, Gaussian
from bayesnn.models.model import Model
from bayesnn.priors import MuellerRiosInsua, Normal

X = np.random.default_rng(0).normal(size=(6, 2))
Y = np.random.default_rng(1).normal(size=6)
MODELS = {
    "deep": Model([Dense(3, "relu"), Dense(2, "tanh")], intercept=False),
    "deep, everything": Model((Dense(3, "tanh"), Dense(2, "logistic")), intercept=True, linear=True),
    "hierarchical": Model([Dense(4)], prior=MuellerRiosInsua(), intercept=False),
    "hierarchical, everything": Model([Dense(1)], prior=MuellerRiosInsua(), intercept=True, linear=True),
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
PSI = {"tanh": np.tanh, "relu": lambda e: np.maximum(e, 0), "logistic": lambda e: 1 / (1 + np.exp(-e))}


@computing
def traced(model, *arguments):
    trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(*arguments)
    return {
        name: dict(site, value=np.asarray(site["value"])) for name, site in trace.items() if site["type"] != "plate"
    }


def loop(model, sites, x):
    """f row by row and unit by unit."""
    values = []
    for row in x:
        h = row
        for i, layer in enumerate(model.layers):
            if "gamma" in sites:
                h = PSI[layer.activation](np.array([unit[0] + unit[1:] @ h for unit in sites["gamma"]]))
            else:
                h = PSI[layer.activation](sites[f"dense{i}_kernel"] @ h + sites[f"dense{i}_bias"])
        f = sum(b * value for b, value in zip(sites["beta"], h))
        f += sites.get("intercept", 0.0) + np.dot(sites.get("linear", np.zeros(2)), row)
        values.append(f)
    return np.array(values)


@models
def test_the_model_states_its_sites(model):
    trace = traced(model, X)
    sampled = {name for name, site in trace.items() if site["type"] == "sample"}
    if isinstance(model.prior, Normal):
        body = {f"dense{i}_{kind}" for i in (0, 1) for kind in ("kernel", "bias")}
    else:
        body = {"mu_gamma", "gamma_precision_cholesky", "gamma_raw", "mu_beta", "beta_precision"}
    assert sampled == body | {"readout_raw", "noise_precision", "y"}
    assert set(model.dims((2,))) | {"f"} <= set(trace)
    assert trace["f"]["value"].shape == trace["y"]["value"].shape == (6,)


@models
def test_a_target_is_observed_and_none_is_simulated(model):
    simulated, observed = traced(model, X)["y"], traced(model, X, Y)["y"]
    assert not simulated["is_observed"] and observed["is_observed"]
    np.testing.assert_array_equal(observed["value"], Y)
    assert np.isfinite(simulated["value"]).all() and np.ptp(simulated["value"]) > 0


@models
def test_the_function_of_a_draw_is_a_loop(model):
    sites = {name: site["value"] for name, site in traced(model, X).items()}
    reported = {name: sites[name] for name in model.dims((2,))}
    ours = computing(lambda: np.asarray(model.function(reported, jnp.asarray(X))))()
    np.testing.assert_allclose(ours, loop(model, reported, X), rtol=1e-10)
    np.testing.assert_allclose(sites["f"], ours, rtol=1e-10)  # what the model itself computes, non-centred
    for name in {"beta", "intercept", "linear", "gamma", "dense0_kernel"} & set(reported):
        nudged = reported | {name: reported[name] + 1e-3}
        assert not np.allclose(ours, loop(model, nudged, X), rtol=1e-10), name


@models
def test_the_model_calls_the_likelihood_with_its_function(model):
    trace = traced(model, X, Y)
    f, sigma = trace["f"]["value"], trace["sigma"]["value"]
    np.testing.assert_allclose(trace["y"]["fn"].mean, f, rtol=1e-10)
    np.testing.assert_allclose(trace["y"]["fn"].variance, np.full(6, sigma**2), rtol=1e-10)


@models
def test_reported_axes_and_shapes_agree(model):
    trace = traced(model, X)
    coordinates = model.coordinates(["a", "b"])
    for name, dims in model.dims((2,)).items():
        assert trace[name]["value"].shape == tuple(len(coordinates[dim]) for dim in dims), name
    assert list(coordinates["predictor"]) == ["a", "b"]
    assert list(coordinates["input"]) == list(coordinates["input_"]) == ["const", "a", "b"]


@models
def test_the_design_and_the_split_have_one_order(model):
    """Units, the constant, the inputs: coefficients 0, 1, 2, ... belong to columns in this order."""
    terms = model.terms((2,))
    weights = {name: np.ones(w.shape) for name, w in model.weight_specs((2,)).items()}
    design = computing(lambda: np.asarray(model.design(weights, jnp.asarray(X))))()
    sites = model.readout_sites(terms, np.arange(terms.size))
    assert design.shape == (6, terms.size)
    assert sites["beta"].tolist() == list(range(terms.units))
    assert ("intercept" in sites, "linear" in sites) == (model.intercept, model.linear)
    if model.intercept:
        np.testing.assert_array_equal(design[:, sites["intercept"]], np.ones(6))
    if model.linear:
        np.testing.assert_array_equal(design[:, sites["linear"]], X)


@models
def test_specs_are_frozen_hashable_and_pickle(model):
    assert pickle.loads(pickle.dumps(model)) == model
    assert hash(dataclasses.replace(model)) == hash(model)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.linear = True


@pytest.mark.slow
class Scaled:
    """An activation that compares with others, and so cannot be hashed."""

    def __init__(self, a):
        self.a = a

    def __call__(self, x):
        return self.a * x

    def __eq__(self, other):
        return isinstance(other, Scaled) and self.a == other.a


@dataclasses.dataclass(frozen=True)
class OfList(Dense):
    sizes: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class OfArray(Normal):
    scales: np.ndarray = dataclasses.field(default_factory=lambda: np.ones(2))


@dataclasses.dataclass(frozen=True)
class OfDictionary(Gaussian):
    settings: dict = dataclasses.field(default_factory=dict)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Model([Dense(1), Dense(1, Scaled(2.0))]),
            "layer 1, Dense must be .* the activation of layer 1, Dense, of the class Scaled",
        ),
        (lambda: Model([Residual(Dense(1, Scaled(2.0)))]), "the activation of the layer of layer 0, Residual, of the"),
        (
            lambda: Model([OfList(1)]),
            "the sizes of layer 0, OfList, of the class list, is not: write lists and arrays as",
        ),
        (lambda: Model([Dense(1)], prior=OfArray()), "the scales of prior, of the class ndarray"),
        (lambda: Model([Dense(1)], likelihood=OfDictionary()), "the settings of likelihood, of the class dict"),
    ],
)
def test_parts_that_cannot_be_hashed_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_functions_that_are_hashed_by_who_they_are_serve():
    def power(x, exponents=()):
        return x ** exponents[0]

    activation = functools.partial(power, exponents=[2])
    model = Model([Dense(1, activation)])
    assert hash(model) == hash(Model([Dense(1, activation)]))


def test_numpyro_samples_the_model_outside_the_package():
    """In the user's own precision, without any of this package's machinery; the progress bar saves compile time."""
    kernel = NUTS(MODELS["hierarchical"], max_tree_depth=4)
    mcmc = MCMC(kernel, num_warmup=10, num_samples=20, progress_bar=True)
    with compilation_cache_on():
        mcmc.run(jax.random.key(0), jnp.asarray(X), jnp.asarray(Y))
    draws = mcmc.get_samples()
    assert draws["f"].shape == (20, 6)
    assert {draw.dtype for draw in draws.values()} == {np.dtype(np.float32)}
    assert all(bool(jnp.isfinite(draw).all()) for draw in draws.values())
    assert float(jnp.ptp(draws["f"][:, 0])) > 0


@pytest.mark.parametrize("layers", [Dense(3), [Dense], ["tanh"], [5], "dense", None])
def test_layers_are_a_sequence_of_layers(layers):
    with pytest.raises(ValueError, match=r"layers must be a sequence of layers such as \[Dense\(5\)\], got"):
        Model(layers)


def test_likelihood_and_prior_are_specs():
    with pytest.raises(ValueError, match=r"likelihood must be a spec such as Gaussian\(\), got 'gaussian'"):
        Model([Dense(3)], "gaussian")
    with pytest.raises(ValueError, match=r"prior must be a spec such as Normal\(\), got <class"):
        Model([Dense(3)], Gaussian(), Normal)


def test_the_prior_refuses_a_body_it_cannot_serve():
    with pytest.raises(ValueError, match="the MuellerRiosInsua prior is for one Dense hidden layer"):
        Model([Dense(3), Dense(2)], prior=MuellerRiosInsua()).weight_specs((2,))


def test_a_model_without_layers_is_linear():
    """f = intercept + x' linear, with the prior's standard deviations and nothing else."""
    model = Model([], prior=Normal(extra=3.0), intercept=True, linear=True)
    x = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 4.0]])
    assert model.dims((2,)) == {"intercept": (), "linear": ("predictor",), "sigma": ()}
    sites = {"intercept": jnp.asarray(0.7), "linear": jnp.asarray([2.0, -1.0]), "sigma": jnp.asarray(0.5)}
    np.testing.assert_allclose(model.function(sites, x), 0.7 + x @ [2.0, -1.0], rtol=1e-6)
    with jax.enable_x64(True):
        trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(jnp.asarray(x))
        raw = trace["readout_raw"]["value"]
        np.testing.assert_allclose(trace["f"]["value"], 3.0 * (raw[0] + x @ raw[1:]), rtol=1e-12)


def test_no_layers_and_no_linear_term_is_refused():
    with pytest.raises(ValueError, match="layers must have at least one layer, got none: for a linear model give lin"):
        Model([])


def test_weights_are_counted_by_layer():
    """By the formulas: LSTM 4 (4 (4 + 4) + 4), dense 4 (4 + 1), a column of the readout for each class."""
    body = [Embedding(50, 4), LSTM(4, return_sequences=True), MeanPool(), Dense(4, "relu")]
    assert Model(body, Categorical(("a", "b", "c"))).sizes((7,)) == {
        "embedding0": 200,
        "lstm1": 144,
        "meanpool2": 0,
        "dense3": 20,
        "readout": 15,
    }
    assert Model([], linear=True, intercept=False).sizes((3,)) == {"readout": 3}
    shared = MODELS["hierarchical, everything"].sizes((2,))
    assert shared == {"dense0": 3, "readout": 4}
