"""Layers of PyTorch and flax give the same outputs here from their own weights, which their own programs wrote down."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayesnn._internal.runtime import double
from bayesnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Conv1D,
    DecoderBlock,
    Dense,
    Elman,
    Embedding,
    LayerNorm,
    Residual,
    SelfAttention,
    TransformerBlock,
)
from bayesnn.layers.pretrained import convert_weights, read_weights

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
ALL = {"return_sequences": True}
TORCH = {
    "RNN": Elman(3, **ALL),
    "LSTM": LSTM(3, **ALL),
    "LSTM without biases": LSTM(3, **ALL),
    "LSTM both ways": Bidirectional(LSTM(3, **ALL)),
    "GRU": GRU(3, reset_after=True, **ALL),
    "Linear": Dense(3, "identity"),
    "LayerNorm": LayerNorm(),
    "Conv1d": Conv1D(3, activation="identity"),
    "Embedding": Embedding(7, 3),
    "MultiheadAttention": SelfAttention(2, bias=True),
    "TransformerEncoderLayer": TransformerBlock(2, hidden=6, bias=True),
    "TransformerEncoderLayer, norm first": TransformerBlock(
        2, hidden=6, activation="gelu_exact", norm="pre", bias=True
    ),
}
FLAX = {
    "SimpleCell": Elman(3, **ALL),
    "LSTMCell": LSTM(3, **ALL),
    "OptimizedLSTMCell": LSTM(3, **ALL),
    "GRUCell": GRU(3, reset_after=True, **ALL),
    "Dense": Dense(3, "identity"),
    "LayerNorm": LayerNorm(epsilon=1e-6),
    "Conv": Conv1D(3, activation="identity"),
    "Embed": Embedding(7, 3),
    "MultiHeadDotProductAttention": SelfAttention(2, bias=True),
}


def case(library, name):
    """The state of a layer, and the arrays made with it."""
    arrays = read_weights(GOLDEN / f"{library}.npz")
    own = {key.removeprefix(f"{name}/"): v for key, v in arrays.items() if key.startswith(f"{name}/")}
    state = {key.removeprefix("state/"): v for key, v in own.items() if key.startswith("state/")}
    return state, {key: v for key, v in own.items() if not key.startswith("state/")}


def agree(layer, weights, made):
    with double():
        weights = {name: jnp.asarray(values) for name, values in weights.items()}
        found = jax.jit(jax.vmap(lambda x, mask: layer.apply(weights, x, mask)))(made["x"], made["mask"])
    np.testing.assert_allclose(np.asarray(found)[made["mask"]], made["output"][made["mask"]], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", TORCH)
def test_layers_of_torch_give_the_same_outputs(name):
    state, made = case("torch", name)
    agree(TORCH[name], convert_weights(TORCH[name], state), made)


@pytest.mark.parametrize("name", FLAX)
def test_layers_of_flax_give_the_same_outputs(name):
    state, made = case("flax", name)
    agree(FLAX[name], convert_weights(FLAX[name], state, "flax"), made)


def test_the_decoder_block_of_torch_gives_the_same_output():
    state, made = case("torch", "TransformerDecoderLayer")
    layer = DecoderBlock(2, hidden=6, norm="pre", bias=True)
    weights = convert_weights(layer, state)
    with double():
        found = jax.vmap(lambda x, real: layer.decode(weights, x, x + 1.0, None, real))(made["x"], made["mask"])
    np.testing.assert_allclose(found, made["output"], rtol=1e-10, atol=1e-12)


def test_a_layer_is_found_by_its_prefix_and_others_are_left_alone():
    state, made = case("torch", "LSTM")
    several = {f"encoder.{name}": v for name, v in state.items()} | {"head.weight": np.zeros((2, 3))}
    agree(LSTM(3, **ALL), convert_weights(LSTM(3, **ALL), several, prefix="encoder."), made)


def test_nested_arrays_and_slashes_are_names_too():
    state, _ = case("flax", "Dense")
    plain = convert_weights(Dense(3), state, "flax")
    nested = convert_weights(Dense(3), {"params": {"head": state}}, "flax", prefix="params/head/")
    for name in plain:
        np.testing.assert_array_equal(plain[name], nested[name])


@pytest.mark.parametrize(
    ("layer", "name", "message"),
    [
        (LSTM(4), "LSTM", r"LSTM\(units=4.* needs weight_hh_l0 of shape \(16, 4\), got \(12, 3\)"),
        (LSTM(3), "GRU", r"no torch weights of LSTM.*needs weight_hh_l0 of shape \(12, 3\), got \(9, 3\)"),
        (LSTM(3), "Linear", "there is no array 'weight_ih_l0' among bias, weight"),
        (LSTM(3), "LSTM both ways", "has no place for .*_l0_reverse"),
        (GRU(3), "GRU", r"GRU\(reset_after=True\)"),
        (Dense(4), "Linear", r"kernel of shape \(4, 4\), got \(3, 4\)"),
        (SelfAttention(2), "MultiheadAttention", "biases of queries, keys and values: give bias=True"),
        (SelfAttention(3, bias=True), "MultiheadAttention", "has 3 heads, and the width 4"),
        (TransformerBlock(2, bias=True), "TransformerEncoderLayer", r"up_kernel of shape \(16, 4\), got \(6, 4\)"),
        (Embedding(9, 3), "Embedding", r"vectors of shape \(9, 3\), got \(7, 3\)"),
        (Embedding(7, initial=np.zeros((7, 3))), "Embedding", "without initial= and scale="),
        (Residual(Dense(3)), "Linear", "layer must be one of Bidirectional, Conv1D, .* got Residual"),
        ("lstm", "LSTM", "layer must be one of .* got 'lstm'"),
    ],
)
def test_weights_of_another_layer_or_size_are_refused(layer, name, message):
    with pytest.raises(ValueError, match=message):
        convert_weights(layer, case("torch", name)[0])


def test_what_is_not_an_array_or_a_library_is_refused():
    with pytest.raises(ValueError, match="the array 'weight' must hold numbers, got str"):
        convert_weights(Dense(3), {"weight": "ones"})
    with pytest.raises(ValueError, match="unknown library 'keras': choose one of 'torch', 'flax'"):
        convert_weights(Dense(3), {}, "keras")
    with pytest.raises(ValueError, match="no array 'head.weight' among no arrays"):
        convert_weights(Dense(3), {}, prefix="head.")
