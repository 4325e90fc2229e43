"""The description of weight arrays that layers give and priors use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax

CONSTANT = "const"  # the name of the constant among the inputs of a unit
Shape = tuple[int, ...]
Weights = dict[str, jax.Array]


@dataclass(frozen=True)
class Weight:
    """One weight array of a layer: what a prior needs to know about it, and no more.

    shape, dims (one name per axis), role ("kernel", "bias", ...), fan_in (number of inputs that feed one unit).
    """

    shape: Shape
    dims: tuple[str, ...]
    role: str
    fan_in: int


def without_prefix(values: dict[str, Any], part: str) -> dict[str, Any]:
    """Entries of one part of a layer made of layers, without the part's prefix: `part_kernel` -> `kernel`."""
    return {name.removeprefix(f"{part}_"): v for name, v in values.items() if name.startswith(f"{part}_")}


def with_prefix(table: dict[str, Weight], part: str) -> dict[str, Weight]:
    """The weights of one part, its prefix before their names and those of their axes: `kernel` -> `part_kernel`."""
    return {
        f"{part}_{name}": replace(weight, dims=tuple(f"{part}_{dim}" for dim in weight.dims))
        for name, weight in table.items()
    }
