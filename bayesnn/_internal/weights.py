"""What a layer says of its weights, and all that a prior sees of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax

Shape = tuple[int, ...]
Weights = dict[str, jax.Array]


@dataclass(frozen=True)
class Weight:
    """One weight array of a layer: what a prior needs to know about it, and no more.

    shape, dims (one name an axis), role ("kernel", "bias", ...), fan_in (inputs feeding one unit).
    """

    shape: Shape
    dims: tuple[str, ...]
    role: str
    fan_in: int


def of_part(values: dict[str, Any], part: str) -> dict[str, Any]:
    """What belongs to one part of a layer made of layers, by its own names: `part_kernel` -> `kernel`."""
    return {name.removeprefix(f"{part}_"): v for name, v in values.items() if name.startswith(f"{part}_")}


def table_of_part(table: dict[str, Weight], part: str) -> dict[str, Weight]:
    """The weights of one part under the names of the whole, axes included: `kernel` -> `part_kernel`."""
    return {
        f"{part}_{name}": replace(weight, dims=tuple(f"{part}_{dim}" for dim in weight.dims))
        for name, weight in table.items()
    }
