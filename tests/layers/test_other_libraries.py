"""Layers against Keras and PyTorch, by numbers these made: tests/golden/make_layers.py says how, and what differs."""

from pathlib import Path

import jax
import numpy as np
import pytest

from bayesnn._internal.runtime import double
from bayesnn.layers import GRU, LSTM, DecoderBlock, Elman, SelfAttention, TransformerBlock

FILE = Path(__file__).resolve().parents[1] / "golden" / "layers.npz"
TIGHT = {"rtol": 1e-10, "atol": 1e-12}
SINGLE = 1e-6  # Keras multiplies matrices in single precision


def case(name):
    with np.load(FILE) as arrays:
        return {key.removeprefix(f"{name} "): arrays[key] for key in arrays.files if key.startswith(f"{name} ")}


def outputs(layer, weights, made):
    """The layer's value for every row, with its mask."""
    with double():
        return jax.vmap(lambda x, mask: layer.apply(weights, x, mask))(made["x"], made["mask"])


def gates(values, order):
    """Keras keeps (input, gate x unit): as (gate, unit, input), in our order."""
    parts = np.split(values, len(order), axis=-1)
    return np.stack([parts[i].T for i in order])


def of_keras(made, order, signs):
    """Input kernel, recurrent kernel and bias in our order; `signs` turns gates that are meant the other way."""
    flip = np.array(signs, float)
    return {
        "input_kernel": gates(made["kernel"], order) * flip[:, None, None],
        "recurrent_kernel": gates(made["recurrent"], order) * flip[:, None, None],
        "bias": gates(made["bias"], order) * flip[:, None],
    }


@pytest.mark.parametrize(
    ("name", "layer", "order", "signs"),
    [
        ("keras LSTM", LSTM(3, return_sequences=True), (1, 0, 3, 2), (1, 1, 1, 1)),
        ("keras GRU", GRU(3, return_sequences=True), (0, 1, 2), (-1, 1, 1)),
        ("keras SimpleRNN", Elman(3, return_sequences=True), (0,), (1,)),
    ],
)
def test_recurrent_layers_agree_with_keras(name, layer, order, signs):
    made = case(name)
    found = outputs(layer, of_keras(made, order, signs), made)
    np.testing.assert_allclose(found[made["mask"]], made["output"][made["mask"]], atol=SINGLE)


@pytest.mark.parametrize(
    ("name", "layer", "order", "signs"),
    [
        ("torch LSTM", LSTM(3, return_sequences=True), (1, 0, 3, 2), (1, 1, 1, 1)),
        ("torch GRU", GRU(3, return_sequences=True), (1, 0, 2), (-1, 1, 1)),
    ],
)
def test_gated_layers_agree_with_torch(name, layer, order, signs):
    made = case(name)

    def rows(values):
        parts = np.split(values, len(order))
        return np.stack([sign * parts[i] for i, sign in zip(order, signs, strict=True)])

    weights = {
        "input_kernel": rows(made["weight_ih_l0"]),
        "recurrent_kernel": rows(made["weight_hh_l0"]),
        "bias": rows(made["bias_ih_l0"] + made["bias_hh_l0"]),
    }
    np.testing.assert_allclose(outputs(layer, weights, made), made["output"], **TIGHT)


def attention_weights(made, part=""):
    """Weights of torch's attention by head; the rows of its projection are query, key and value, head after head."""
    width = made[f"{part}out_proj.weight"].shape[0]
    projections = np.split(made[f"{part}in_proj_weight"], 3)
    weights = {role: w.reshape(2, width // 2, width) for role, w in zip(("query", "key", "value"), projections)}
    output = made[f"{part}out_proj.weight"].reshape(width, 2, width // 2)
    return weights | {"output": output, "bias": made[f"{part}out_proj.bias"]}


@pytest.mark.parametrize(("name", "causal"), [("torch attention", False), ("torch causal attention", True)])
def test_attention_agrees_with_torch(name, causal):
    made, layer = case(name), SelfAttention(2, causal=causal)
    weights = attention_weights(made)
    np.testing.assert_allclose(outputs(layer, weights, made), made["output"], **TIGHT)
    with double():
        share = jax.vmap(lambda x, mask: layer.attention(weights, x, mask))(made["x"], made["mask"])
    np.testing.assert_allclose(share, made["share"], **TIGHT)


def named(part, weights):
    return {f"{part}_{name}": values for name, values in weights.items()}


def dense(made, up, down):
    return {
        "up_kernel": made[f"{up}.weight"],
        "up_bias": made[f"{up}.bias"],
        "down_kernel": made[f"{down}.weight"],
        "down_bias": made[f"{down}.bias"],
    }


def norms(made, names):
    """torch multiplies by its gain, we by one more than ours."""
    table = {}
    for i, name in enumerate(names, start=1):
        table |= named(name, {"gain": made[f"norm{i}.weight"] - 1.0, "bias": made[f"norm{i}.bias"]})
    return table


def test_encoder_block_agrees_with_torch():
    made = case("torch encoder block")
    weights = named("attention", attention_weights(made, "self_attn."))
    weights |= dense(made, "linear1", "linear2") | norms(made, ("first_norm", "second_norm"))
    found = outputs(TransformerBlock(2, hidden=6), weights, made)
    np.testing.assert_allclose(found[made["mask"]], made["output"][made["mask"]], **TIGHT)


def test_decoder_block_agrees_with_torch():
    made, layer = case("torch decoder block"), DecoderBlock(2, hidden=6)
    weights = named("attention", attention_weights(made, "self_attn."))
    weights |= named("cross", attention_weights(made, "multihead_attn."))
    weights |= dense(made, "linear1", "linear2") | norms(made, ("first_norm", "second_norm", "third_norm"))
    with double():
        found = jax.vmap(lambda x, memory, real: layer.decode(weights, x, memory, None, real))(
            made["x"], made["memory"], made["mask"]
        )
    np.testing.assert_allclose(found, made["output"], **TIGHT)
