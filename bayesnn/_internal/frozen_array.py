"""Arrays inside frozen specs."""

import hashlib
from dataclasses import dataclass

import numpy as np

from bayesnn._internal.numbers import real_numbers


@dataclass(frozen=True, eq=False)
class Vectors:
    """An array of numbers of any shape that compares and hashes by its content, as specs do."""

    values: np.ndarray

    def __post_init__(self) -> None:
        """Keep a read-only copy and a hash of its content."""
        values = np.array(real_numbers("an array of a spec", self.values))
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "digest", hashlib.sha256(values.tobytes()).hexdigest() + str(values.shape))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vectors) and self.digest == other.digest  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.digest)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Vectors(shape={self.values.shape})"
