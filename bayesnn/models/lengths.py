"""Examples by their length: what of the padding of some sequences a network need not see."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from bayesnn._internal.weights import Shape
from bayesnn.data.sequences import PADDING
from bayesnn.models.model import Model

UNIT = 8  # lengths are rounded up to a multiple of it
PART = 4_000_000  # numbers whose padding is looked for at a time


def real_lengths(model: Model, x: Any) -> Any:
    """The number of steps (n,) up to the last real one of sequences x (n, time, ...): NumPy in, NumPy out, else JAX."""
    numbers: Any = np if isinstance(x, np.ndarray) else jnp
    real = x != PADDING if model.network.tokens is not None else ~numbers.isnan(x).all(axis=-1)
    return x.shape[1] - real[:, ::-1].argmax(axis=1)


def lengths_of_rows(model: Model, x: Any) -> np.ndarray:
    """`real_lengths` of all rows of an array of any kind, read some rows at a time."""
    size = max(1, PART // math.prod(x.shape[1:]))
    return np.concatenate([real_lengths(model, np.asarray(x[i : i + size])) for i in range(0, len(x), size)])


def shorter_widths(model: Model, shape: Shape) -> tuple[int, ...]:
    """Widths below shape[0] to which examples of this shape may be cut; none where that would change anything.

    It would where a layer has weights for each step, or gives its outputs at other steps than it reads.
    """
    sequences = len(shape) == 2 or model.network.tokens is not None
    if not (sequences and model.layers and model.padded):
        return ()
    first = model.network.reads.source + UNIT
    try:
        return tuple(w for w in range(-(-first // UNIT) * UNIT, shape[0], UNIT) if _same(model, shape, w))
    except ValueError:  # too short for a layer
        return ()


def _same(model: Model, shape: Shape, width: int) -> bool:
    short = (width, *shape[1:])
    steps = not model.per_step(shape) or model.network.output_shape(short)[0] == width
    return steps and model.weight_specs(short) == model.weight_specs(shape) and model.terms(short) == model.terms(shape)


def cut(model: Model, arrays: tuple[Any, ...], width: int) -> tuple[Any, ...]:
    """Inputs, targets and so on, the first being the inputs, without the steps from `width` on."""
    shape, per_step = arrays[0].shape[:2], model.per_step(arrays[0].shape[1:])

    def one(place: int, a: Any) -> Any:
        has_steps = place == 0 or (per_step and not isinstance(a, dict | None) and np.shape(a)[:2] == shape)
        return a[:, :width] if has_steps else a

    return tuple(one(place, a) for place, a in enumerate(arrays))


def work(model: Model, shape: Shape, width: int) -> float:
    """Array elements that one example of this shape takes, cut to this width."""
    return float(model.network.workspace_size((width, *shape[1:])))
