"""Every layer against a loop over its formula, and the promises all layers make."""

import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sequence_loops import SEQUENCES

from bayesnn._internal.runtime import double
from bayesnn._internal.weights import Shape
from bayesnn.layers import ACTIVATIONS, Dense, Layer, Residual
from bayesnn.models.network import Network

RTOL = 1e-10  # float64 on both sides


def softplus(e):
    return jnp.log1p(jnp.exp(e))


def dense(psi: Callable[[float], float]) -> Callable:
    """psi(sum_i kernel_ji x_i + bias_j), unit by unit."""

    def loop(weights, x):
        units, width = weights["kernel"].shape
        outputs = []
        for j in range(units):
            e = weights["bias"][j]
            for i in range(width):
                e += weights["kernel"][j, i] * x[i]
            outputs.append(psi(e))
        return np.array(outputs)

    return loop


def residual(inner: Callable) -> Callable:
    """x_i + inner(x)_i, number by number."""

    def loop(weights, x):
        added = inner(weights, x)
        return np.array([x[i] + added[i] for i in range(len(x))])

    return loop


def gelu(e: float) -> float:
    """D. Hendrycks and K. Gimpel (2016), Gaussian error linear units, in their tanh form."""
    return 0.5 * e * (1 + math.tanh(math.sqrt(2 / math.pi) * (e + 0.044715 * e**3)))


def gelu_exact(e: float) -> float:
    """The same with the normal distribution function itself."""
    return 0.5 * e * (1 + math.erf(e / math.sqrt(2)))


class Case(NamedTuple):
    """A layer, the shape of one example, and the loop it must equal."""

    layer: Layer
    shape: Shape
    loop: Callable


LAYERS = {
    "logistic": Case(Dense(3), (2,), dense(lambda e: 1 / (1 + math.exp(-e)))),
    "tanh": Case(Dense(4, "tanh"), (3,), dense(math.tanh)),
    "relu": Case(Dense(5, "relu"), (2,), dense(lambda e: max(e, 0.0))),
    "leaky_relu": Case(Dense(5, "leaky_relu"), (2,), dense(lambda e: e if e > 0 else 0.01 * e)),
    "elu": Case(Dense(5, "elu"), (2,), dense(lambda e: e if e > 0 else math.exp(e) - 1)),
    "softplus": Case(Dense(3, "softplus"), (2,), dense(lambda e: math.log(1 + math.exp(e)))),
    "gelu": Case(Dense(4, "gelu"), (3,), dense(gelu)),
    "gelu_exact": Case(Dense(4, "gelu_exact"), (3,), dense(gelu_exact)),
    "silu": Case(Dense(3, "silu"), (2,), dense(lambda e: e / (1 + math.exp(-e)))),
    "sin": Case(Dense(3, "sin"), (3,), dense(math.sin)),
    "residual": Case(Residual(Dense(3, "tanh")), (3,), residual(dense(math.tanh))),
    "residual twice": Case(
        Residual(Residual(Dense(2, "relu"))), (2,), residual(residual(dense(lambda e: max(e, 0.0))))
    ),
    "identity": Case(Dense(1, "identity"), (1,), dense(lambda e: e)),
    "callable": Case(Dense(2, softplus), (3,), dense(lambda e: math.log(1 + math.exp(e)))),
}
LAYERS |= {name: Case(*row) for name, row in SEQUENCES.items()}
cases = pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)


def values(case: Case) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Random weights and one random example."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=w.shape) for name, w in case.layer.weights(case.shape).items()}
    return weights, rng.normal(size=case.shape)


def apply(layer: Layer, weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    with double():
        return np.asarray(jax.jit(layer.apply)({name: jnp.asarray(w) for name, w in weights.items()}, jnp.asarray(x)))


@cases
def test_the_layer_equals_a_loop(case):
    weights, x = values(case)
    result = apply(case.layer, weights, x)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, case.loop(weights, x), rtol=RTOL)


@pytest.mark.slow
@cases
def test_the_comparison_notices_every_weight(case):
    weights, x = ({n: np.abs(w) for n, w in values(case)[0].items()}, np.abs(values(case)[1]))  # rectifiers are open
    for name in weights:
        nudged = weights | {name: weights[name] * (1 + 1e-6)}  # a common shift of all may change nothing
        assert not np.allclose(apply(case.layer, nudged, x), case.loop(weights, x), rtol=RTOL, atol=0)


@cases
def test_shapes_are_as_declared(case):
    shape = jax.eval_shape(case.layer.apply, *values(case)).shape
    assert shape == case.layer.output_shape(case.shape)
    for weight in case.layer.weights(case.shape).values():
        assert len(weight.dims) == len(weight.shape)
        assert weight.fan_in >= 1


@cases
def test_specs_are_frozen_hashable_and_pickle(case):
    layer = case.layer
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert hash(dataclasses.replace(layer)) == hash(layer)
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.units = 7  # of those that have none, too


def test_every_named_activation_has_a_row():
    activations = [case.layer.activation for case in LAYERS.values() if isinstance(case.layer, Dense)]
    assert {name for name in activations if isinstance(name, str)} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_finite_slopes_far_out(name):
    """A gradient sampler that strays must not meet NaN."""
    e = np.array([-1e3, -40.0, 0.0, 40.0, 1e3])
    with double():
        values, slopes = (np.asarray(jax.vmap(g)(e)) for g in (ACTIVATIONS[name], jax.grad(ACTIVATIONS[name])))
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()


# Residual connections


def test_a_residual_connection_hands_on_the_weights_of_its_layer():
    assert Residual(Dense(3)).weights((3,)) == Dense(3).weights((3,))
    names = Network((Dense(3, "tanh"), Residual(Dense(3, "tanh")))).weights((2,))
    assert {n: w.shape for n, w in names.items() if n.startswith("residual1")} == {
        "residual1_kernel": (3, 3),
        "residual1_bias": (3,),
    }


@pytest.mark.parametrize("units", [2, 4])
def test_a_residual_connection_must_keep_the_shape(units):
    with pytest.raises(ValueError, match=rf"keeps the shape \(3,\), got .*units={units}.* with shape \({units},\)"):
        Residual(Dense(units)).output_shape((3,))
    with pytest.raises(ValueError, match="Residual needs a layer that keeps the shape"):
        Network((Dense(3), Residual(Dense(units)))).weights((2,))


@pytest.mark.parametrize("layer", [3, None, Dense, "tanh", [Dense(3)]])
def test_a_residual_connection_wraps_a_layer(layer):
    with pytest.raises(ValueError, match="Residual must wrap a layer such as Dense"):
        Residual(layer)


# Dense


def test_dense_tells_a_prior_what_it_needs():
    table = Dense(3).weights((2,))
    assert {n: (w.shape, w.dims, w.role, w.fan_in) for n, w in table.items()} == {
        "kernel": ((3, 2), ("unit", "input"), "kernel", 2),
        "bias": ((3,), ("unit",), "bias", 2),
    }


@pytest.mark.parametrize("e", [-1e4, -800.0, 800.0, 1e4])
def test_the_logistic_unit_saturates_without_overflow(e):
    weights = {"kernel": np.ones((1, 1)), "bias": np.zeros(1)}
    assert apply(Dense(1), weights, np.array([e]))[0] == (0.0 if e < 0 else 1.0)


@pytest.mark.parametrize("units", [0, -2, 1.5, "3", None, True])
def test_impossible_units_are_refused(units):
    with pytest.raises(ValueError, match="units must be a whole number of at least 1, got"):
        Dense(units)


@pytest.mark.parametrize("activation", ["sigmoid", None, ["tanh"], 1])
def test_an_unknown_activation_lists_the_known_ones(activation):
    with pytest.raises(ValueError, match=f"unknown activation .*: choose one of {', '.join(map(repr, ACTIVATIONS))}$"):
        Dense(3, activation)


@cases
def test_no_weight_is_called_like_an_axis(case):
    """Inference data keeps weights and the labels of their axes side by side."""
    table = case.layer.weights(case.shape)
    assert not set(table) & {dim for weight in table.values() for dim in weight.dims}
