"""The arrays of another library's layer, looked up by name; it is known which of them were used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import real_numbers


@dataclass(frozen=True)
class Source:
    """Arrays by name, those of one layer of it, and the names that were read."""

    arrays: Mapping[str, np.ndarray]
    prefix: str = ""
    read: set[str] = field(default_factory=set)

    def __call__(self, *names: str) -> np.ndarray:
        """The array of this name, or of the first of several that is there; refused where there is none."""
        for name in names:
            if (found := self.get(name)) is not None:
                return found
        there = sorted(name for name in self.arrays if name.startswith(self.prefix)) or sorted(self.arrays)
        raise ValueError(f"there is no array {self.prefix + names[0]!r} among {checks.some(there, 8) or 'no arrays'}")

    def get(self, name: str) -> np.ndarray | None:
        """The array of this name, or None."""
        full = self.prefix + name
        if full not in self.arrays:
            return None
        self.read.add(full)
        return self.arrays[full]

    def or_zeros(self, name: str, size: int) -> np.ndarray:
        """The array of this name, or zeros (size,) for a layer without it."""
        values = self.get(name)
        return np.zeros(size) if values is None else values

    def under(self, part: str) -> Source:
        """The arrays of a part, whose names begin with `part`."""
        return replace(self, prefix=self.prefix + part)

    def left(self) -> list[str]:
        """Names with the prefix that were not read."""
        return sorted(name for name in self.arrays if name.startswith(self.prefix) and name not in self.read)


def vectors(layer: Any, values: np.ndarray) -> dict[str, np.ndarray]:
    """The weights of an `Embedding` whose vectors are all its weights."""
    if layer.initial is not None or layer.scale is not None:
        raise ValueError(
            "weights are read into an Embedding without initial= and scale=, whose weights are its vectors"
        )
    return {"vectors": values}


def flat(arrays: Any) -> dict[str, np.ndarray]:
    """Arrays of nested mappings by names with dots; slashes in names become dots too."""
    found = {}
    for name, value in _leaves(arrays, ""):
        if isinstance(value, (str, bytes)):
            raise ValueError(f"the array {name!r} must hold numbers, got {type(value).__name__}")
        found[name] = real_numbers(f"the array {name!r}", value)
        if not np.isfinite(found[name]).all():
            raise ValueError(f"the array {name!r} must be finite, got NaN, masked or infinite values")
    return found


def _leaves(arrays: Any, before: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(arrays, Mapping):
        yield before, arrays
        return
    for name, value in arrays.items():
        plain = str(name).replace("/", ".")
        yield from _leaves(value, f"{before}.{plain}" if before else plain)
