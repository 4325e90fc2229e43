"""The layers of flax (linen and nnx): names, axes and signs of their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesnn.layers.attention import SelfAttention
from bayesnn.layers.base import Layer
from bayesnn.layers.convolution import Conv1D
from bayesnn.layers.dense import Dense
from bayesnn.layers.embedding import Embedding
from bayesnn.layers.norm import LayerNorm
from bayesnn.layers.pretrained.source import Source, vectors
from bayesnn.layers.recurrent import GRU, LSTM, Elman

Arrays = dict[str, np.ndarray]
Convert = Callable[[Any, Source], Arrays]


def dense(layer: Dense, source: Source) -> Arrays:
    """Dense and Linear, whose kernel is (inputs, units)."""
    kernel = source("kernel").T
    return {"kernel": kernel, "bias": source.or_zeros("bias", len(kernel))}


def embedding(layer: Embedding, source: Source) -> Arrays:
    """Embed."""
    return vectors(layer, source("embedding"))


def norm(layer: LayerNorm, source: Source) -> Arrays:
    """LayerNorm, whose gain is one more than here, and whose epsilon is 1e-6 unless it is given."""
    gain = source("scale")
    return {"gain": gain - 1.0, "bias": source.or_zeros("bias", len(gain))}


def convolution(layer: Conv1D, source: Source) -> Arrays:
    """Conv over one axis, kernel (window, inputs, units), with padding "SAME" or "CAUSAL"."""
    kernel = source("kernel").transpose(2, 0, 1)
    return {"kernel": kernel, "bias": source.or_zeros("bias", len(kernel))}


def elman(layer: Elman, source: Source) -> Arrays:
    """SimpleCell."""
    return _recurrent(source, (("i",), ("h",)))


def lstm(layer: LSTM, source: Source) -> Arrays:
    """LSTMCell and OptimizedLSTMCell."""
    return _recurrent(source, *((_names("i", gate), _names("h", gate)) for gate in "fiog"))


def gru(layer: GRU, source: Source) -> Arrays:
    """GRUCell, whose update gate weighs the old state."""
    if not layer.reset_after:
        raise ValueError("the GRU of flax applies the reset gate after the recurrent weights: GRU(reset_after=True)")
    found = _recurrent(source, *((_names("i", gate), _names("h", gate)) for gate in "zr"))
    found = {name: np.stack([-values[0], values[1]]) for name, values in found.items()}
    proposal, back = (_part(source, _names(side, "n")) for side in "ih")
    own = {"input_kernel": proposal("kernel").T, "recurrent_kernel": back("kernel").T}
    own["bias"] = proposal.or_zeros("bias", len(own["input_kernel"]))
    found = {name: np.concatenate([values, own[name][None]]) for name, values in found.items()}
    return found | {"recurrent_bias": back.or_zeros("bias", len(own["bias"]))}


def attention(layer: SelfAttention, source: Source) -> Arrays:
    """MultiHeadDotProductAttention and MultiHeadAttention: query (d, head, size), out (head, size, d)."""
    found, biases = {}, {}
    for role in ("query", "key", "value"):
        found[role] = source(f"{role}.kernel").transpose(1, 2, 0)
        given = source.get(f"{role}.bias")
        biases[f"{role}_bias"] = np.zeros(found[role].shape[:2]) if given is None else given
    found["output"] = source("out.kernel").transpose(2, 0, 1)
    found["bias"] = source.or_zeros("out.bias", len(found["output"]))
    if layer.bias:
        return found | biases
    if any(np.any(values) for values in biases.values()):
        raise ValueError("the arrays have biases of queries, keys and values: give bias=True")
    return found


def _recurrent(source: Source, *gates: tuple[tuple[str, ...], tuple[str, ...]]) -> Arrays:
    """Weights gate after gate, from the names of their input's and their state's dense layers."""
    parts = [(_part(source, of_input), _part(source, of_state)) for of_input, of_state in gates]
    kernels, backs = (np.stack([part[side]("kernel").T for part in parts]) for side in (0, 1))
    units = kernels.shape[1]
    biases = np.stack(
        [of_input.or_zeros("bias", units) + of_state.or_zeros("bias", units) for of_input, of_state in parts]
    )
    return {"input_kernel": kernels, "recurrent_kernel": backs, "bias": biases}


def _names(side: str, gate: str) -> tuple[str, ...]:
    """The names of a gate's dense layer: "in" and "if" are words of Python, so that nnx writes "in_" and "if_"."""
    return f"{side}{gate}", f"{side}{gate}_"


def _part(source: Source, names: tuple[str, ...]) -> Source:
    """The dense layer of the first of these names that has a kernel; of the first where none has."""
    there = (n for n in names if f"{source.prefix}{n}.kernel" in source.arrays)
    return source.under(f"{next(there, names[0])}.")


LAYERS: dict[type[Layer], Convert] = {
    Conv1D: convolution,
    Dense: dense,
    Elman: elman,
    Embedding: embedding,
    GRU: gru,
    LSTM: lstm,
    LayerNorm: norm,
    SelfAttention: attention,
}
