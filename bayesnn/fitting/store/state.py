"""State of the chains at the end of a fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn.fitting.store.manifest import software
from bayesnn.samplers.engine.checkpoint import Artifact, Checkpoint
from bayesnn.samplers.engine.plan import Plan


@dataclass(frozen=True, eq=False)
class State:
    """The state from which `extend` continues.

    `plan` has the numbers of draws, chains and batches of the run; `key` is its key as implementation ("raw" for the
    old kind) and numbers; `kept` has the starting points of the chains; `path` is the folder of the run, if it has one.
    """

    checkpoint: Checkpoint
    plan: Plan
    key: tuple[str, tuple[int, ...]]
    software: dict[str, str] = field(default_factory=software)
    kept: dict[str, Artifact] = field(default_factory=dict)
    path: str | None = None


def key_numbers(key: jax.Array) -> tuple[str, tuple[int, ...]]:
    """A JAX key as implementation ("raw" for the old kind) and numbers."""
    typed = jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    numbers = np.asarray(jax.random.key_data(key) if typed else key)
    return str(jax.random.key_impl(key)) if typed else "raw", tuple(numbers.tolist())


def key_from(impl: str, numbers: tuple[int, ...]) -> jax.Array:
    """The inverse of `key_numbers`."""
    data = jnp.asarray(numbers, dtype=jnp.uint32)
    return data if impl == "raw" else jax.random.wrap_key_data(data, impl=impl)
