"""The weights of all gates of a recurrent cell as one matrix."""

from __future__ import annotations

from typing import NamedTuple

import jax
from jax.ad_checkpoint import checkpoint_name

SUMS = "sums at the gates"


class Joined(NamedTuple):
    """The weights of several gates side by side, gate after gate.

    input (d, gates x units), recurrent (units, gates x units), bias (gates x units,); recurrent_bias (units,) of layers
    that have one.
    """

    input: jax.Array
    recurrent: jax.Array
    bias: jax.Array
    recurrent_bias: jax.Array | None = None

    def sums(self, x: jax.Array, state: jax.Array) -> jax.Array:
        """Weighted sums (gates x units,) of the inputs x (d,) and of a state (units,), biases included."""
        return checkpoint_name(x @ self.input + state @ self.recurrent + self.bias, SUMS)

    def split(self, place: int) -> tuple[Joined, Joined]:
        """The columns before this place, and the others."""
        w, u, b, own = self
        first = Joined(w[:, :place], u[:, :place], b[:place], own)
        return first, Joined(w[:, place:], u[:, place:], b[place:], own)
