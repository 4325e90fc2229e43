"""Weights of layers of PyTorch and flax as weights of the same layers here."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.layers.base import Layer
from bayesnn.layers.pretrained import flax_names, torch_names
from bayesnn.layers.pretrained.source import Source, flat

LIBRARIES = {"torch": torch_names.LAYERS, "flax": flax_names.LAYERS}
READS_WIDTH = {"kernel": -1, "input_kernel": -1, "query": -1, "gain": -1, "forward_input_kernel": -1}
READS_WIDTH |= {"attention_query": -1}


def convert_weights(layer: Layer, arrays: Any, library: str = "torch", prefix: str = "") -> dict[str, np.ndarray]:
    """The weights of a layer of PyTorch or flax as those of the same layer here, for `fix` and `Model.prior_at`.

    The function is then the same to rounding error. Names, axes, the order of gates and the signs of update gates
    differ between libraries:

    | here | torch | flax |
    |---|---|---|
    | Dense | Linear | Dense, Linear |
    | Embedding | Embedding | Embed |
    | LayerNorm | LayerNorm | LayerNorm |
    | Conv1D | Conv1d | Conv |
    | Elman | RNN | SimpleCell |
    | LSTM | LSTM | LSTMCell, OptimizedLSTMCell (linen) |
    | GRU(reset_after=True) | GRU | GRUCell (linen) |
    | Bidirectional | bidirectional=True | |
    | SelfAttention(bias=True) | MultiheadAttention | MultiHeadDotProductAttention |
    | TransformerBlock(bias=True, norm=...) | TransformerEncoderLayer | |
    | DecoderBlock(bias=True, norm=...) | TransformerDecoderLayer | |

    Activations, dropout, epsilon and whether attention is causal are no weights: give them to the layer here.

    Parameters
    ----------
    layer : Layer
    arrays : mapping
        Arrays by name, as `read_weights` and `module.state_dict()` return them, or nested, as in flax.
    library : {"torch", "flax"}
    prefix : str
        The beginning of the names of this layer's arrays, such as "encoder.layers.0."; other arrays are not looked at.

    Returns
    -------
    dict from str to array

    Raises
    ------
    ValueError
        If there is no rule for the layer, an array is missing, left over or of another shape.

    See Also
    --------
    read_weights : weights from a file
    fix : layers with known weights

    Examples
    --------
    >>> from bayesnn.layers import Dense
    >>> state = {"head.weight": np.ones((3, 2)), "head.bias": np.zeros(3), "body.weight": np.ones((4, 4))}
    >>> {name: w.shape for name, w in convert_weights(Dense(3), state, prefix="head.").items()}
    {'kernel': (3, 2), 'bias': (3,)}
    """
    checks.known("library", library, LIBRARIES)
    rules = LIBRARIES[library]
    if type(layer) not in rules:
        known = ", ".join(sorted(kind.__name__ for kind in rules))
        what = type(layer).__name__ if isinstance(layer, Layer) else repr(layer)
        raise ValueError(f"layer must be one of {known} for library={library!r}, got {what}: convert layers one by one")
    source = Source(flat(arrays), prefix.replace("/", "."))
    try:
        found = rules[type(layer)](layer, source)
    except (ValueError, IndexError, TypeError) as error:
        raise ValueError(f"these are no {library} weights of {layer}: {error}") from None
    if source.left():
        raise ValueError(
            f"{layer} has no place for {checks.some(source.left())}: give the prefix of the layer's arrays"
        )
    _check_shapes(layer, found)
    return found


def _check_shapes(layer: Layer, found: dict[str, np.ndarray]) -> None:
    """Refuse arrays whose shapes are not those of the layer, whatever the width of its input."""
    width = next((found[name].shape[axis] for name, axis in READS_WIDTH.items() if name in found), 1)
    shape = (1,) if "vectors" in found else (1, width)
    try:
        wanted = {name: weight.shape for name, weight in layer.weights(shape).items()}
    except ValueError as error:
        raise ValueError(f"the arrays do not go with {layer}: {error}") from None
    got = {name: values.shape for name, values in found.items()}
    wrong = [name for name in wanted if wanted[name] != got.get(name)]
    if wrong or len(got) != len(wanted):
        told = "; ".join(f"{name} of shape {wanted[name]}, got {got.get(name, 'none')}" for name in wrong)
        raise ValueError(f"{layer} needs {told or ', '.join(wanted)}: the arrays are of another layer or another size")
