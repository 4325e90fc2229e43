"""Arrays that a user gives for the weights of a layer, kept in its spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.frozen_array import Vectors
from bayesnn._internal.weights import Shape
from bayesnn.layers.base import Layer

Given = tuple[tuple[str, Any], ...]


def given_weights(what: str, weights: Any) -> Given:
    """Arrays by name as pairs that hash, in the order of their names; `what` is named in errors."""
    items = weights.items() if isinstance(weights, Mapping) else weights
    try:
        pairs = tuple(sorted((name, v if isinstance(v, Vectors) else Vectors(np.asarray(v))) for name, v in items))
    except (TypeError, ValueError):
        raise ValueError(f"{what} takes arrays by name, as convert_weights returns them, got {weights!r}") from None
    for name, vectors in pairs:
        checks.finite(name, vectors.values)
    return pairs


def check_given(given: Given, layer: Layer, shape: Shape) -> None:
    """Refuse arrays that are not those of the layer for examples of this shape."""
    wanted = {name: weight.shape for name, weight in layer.weights(shape).items()}
    found = {name: vectors.values.shape for name, vectors in given}
    if found != wanted:
        wrong = [n for n in sorted(wanted.keys() | found.keys()) if wanted.get(n) != found.get(n)]
        told = (f"{n} of shape {wanted.get(n, 'none')}, got {found.get(n, 'none')}" for n in wrong)
        raise ValueError(f"{layer} after examples of shape {shape} needs {'; '.join(told)}")


def as_weights(given: Given) -> dict[str, jax.Array]:
    """The arrays in the present precision."""
    return {name: jnp.asarray(vectors.values, jnp.zeros(()).dtype) for name, vectors in given}
