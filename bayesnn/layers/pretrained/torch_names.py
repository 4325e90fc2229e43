"""The layers of PyTorch: names, order and signs of their weights, as in `module.state_dict()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesnn.layers.attention import SelfAttention
from bayesnn.layers.base import Layer
from bayesnn.layers.bidirectional import Bidirectional
from bayesnn.layers.convolution import Conv1D
from bayesnn.layers.dense import Dense
from bayesnn.layers.embedding import Embedding
from bayesnn.layers.norm import LayerNorm
from bayesnn.layers.pretrained.source import Source, vectors
from bayesnn.layers.recurrent import GRU, LSTM, Elman
from bayesnn.layers.transformer import DecoderBlock, TransformerBlock

Arrays = dict[str, np.ndarray]
Convert = Callable[[Any, Source], Arrays]
GATES: dict[Any, tuple[int, ...]] = {
    LSTM: (1, 0, 3, 2),
    GRU: (1, 0, 2),
    Elman: (0,),
}  # torch has i, f, g, o and r, z, n; here f, i, o, g and z, r, g
ROLES = ("query", "key", "value")


def linear(layer: Dense, source: Source) -> Arrays:
    """nn.Linear."""
    kernel = source("weight")
    return {"kernel": kernel, "bias": source.or_zeros("bias", len(kernel))}


def embedding(layer: Embedding, source: Source) -> Arrays:
    """nn.Embedding; the row of id 0 is that of padding here, and is not used."""
    return vectors(layer, source("weight"))


def norm(layer: LayerNorm, source: Source) -> Arrays:
    """nn.LayerNorm, whose gain is one more than here."""
    gain = source("weight")
    return {"gain": gain - 1.0, "bias": source.or_zeros("bias", len(gain))}


def convolution(layer: Conv1D, source: Source) -> Arrays:
    """nn.Conv1d with padding="same", or padded before the sequence where the layer is causal."""
    kernel = source("weight")
    return {"kernel": kernel.transpose(0, 2, 1), "bias": source.or_zeros("bias", len(kernel))}


def recurrent(layer: Any, source: Source, ending: str = "_l0") -> Arrays:
    """nn.RNN, nn.LSTM, nn.GRU of one layer, whose two biases are one here, but for the proposal of a GRU."""
    order, units = GATES[type(layer)], layer.units
    kernel, back = source(f"weight_ih{ending}"), source(f"weight_hh{ending}")
    if back.shape != (len(order) * units, units):
        raise ValueError(
            f"{layer} needs {source.prefix}weight_hh{ending} of shape {(len(order) * units, units)}, got {back.shape}"
        )
    biases = [source.or_zeros(f"bias_{part}{ending}", len(back)) for part in ("ih", "hh")]
    of_input, of_state = (_gates(b, order) for b in biases)
    found = {"input_kernel": _gates(kernel, order), "recurrent_kernel": _gates(back, order)}
    if not isinstance(layer, GRU):
        return found | {"bias": of_input + of_state}
    if not layer.reset_after:
        raise ValueError("the GRU of torch applies the reset gate after the recurrent weights: GRU(reset_after=True)")
    sums = of_input + of_state
    found |= {"bias": np.stack([sums[0], sums[1], of_input[2]]), "recurrent_bias": of_state[2]}
    for name in ("input_kernel", "recurrent_kernel", "bias"):  # there z weighs the old state, here the new one
        found[name] = found[name] * np.array([-1.0, 1.0, 1.0]).reshape(-1, *(1,) * (found[name].ndim - 1))
    return found


def bidirectional(layer: Bidirectional, source: Source) -> Arrays:
    """A recurrent layer with bidirectional=True."""
    found: Arrays = {}
    for part, ending in (("forward", "_l0"), ("backward", "_l0_reverse")):
        found |= {f"{part}_{name}": v for name, v in recurrent(layer.layer, source, ending).items()}
    return found


def attention(layer: SelfAttention, source: Source) -> Arrays:
    """nn.MultiheadAttention, whose queries, keys and values have biases, or zeros in their place."""
    projections = np.split(source("in_proj_weight"), 3)
    output = source("out_proj.weight")
    inner = output.shape[1]
    if inner % layer.heads:
        raise ValueError(f"{layer} has {layer.heads} heads, and the width {inner} of the arrays is no multiple of them")
    shape = layer.heads, inner // layer.heads
    found = {role: values.reshape(*shape, -1) for role, values in zip(ROLES, projections, strict=True)}
    found |= {"output": output.reshape(-1, *shape), "bias": source.or_zeros("out_proj.bias", len(output))}
    biases = np.split(source.or_zeros("in_proj_bias", 3 * inner), 3)
    if layer.bias:
        return found | {f"{role}_bias": b.reshape(shape) for role, b in zip(ROLES, biases, strict=True)}
    if np.any(biases):
        raise ValueError("the arrays have biases of queries, keys and values: give bias=True")
    return found


def encoder_block(layer: TransformerBlock, source: Source) -> Arrays:
    """nn.TransformerEncoderLayer; norm_first=True is norm="pre" here."""
    return _block(layer, source, {"attention": "self_attn."}, ("first_norm", "second_norm"))


def decoder_block(layer: DecoderBlock, source: Source) -> Arrays:
    """nn.TransformerDecoderLayer."""
    parts = {"attention": "self_attn.", "cross": "multihead_attn."}
    return _block(layer, source, parts, ("first_norm", "second_norm", "third_norm"))


def _block(layer: Any, source: Source, attentions: dict[str, str], norms: tuple[str, ...]) -> Arrays:
    width = len(source("norm1.weight"))
    parts = layer.parts(width)
    found: Arrays = {}
    names = attentions | {"up": "linear1.", "down": "linear2."}
    names |= {norm: f"norm{i}." for i, norm in enumerate(norms, start=1)}
    for part, name in names.items():
        arrays = LAYERS[type(parts[part])](parts[part], source.under(name))
        found |= {f"{part}_{key}": values for key, values in arrays.items()}
    return found


def _gates(values: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Rows gate after gate as (gate, unit, ...), in another order."""
    parts = np.split(values, len(order))
    return np.stack([parts[i] for i in order])


LAYERS: dict[type[Layer], Convert] = {
    Bidirectional: bidirectional,
    Conv1D: convolution,
    DecoderBlock: decoder_block,
    Dense: linear,
    Elman: recurrent,
    Embedding: embedding,
    GRU: recurrent,
    LSTM: recurrent,
    LayerNorm: norm,
    SelfAttention: attention,
    TransformerBlock: encoder_block,
}
