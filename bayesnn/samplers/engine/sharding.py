"""Several devices at once, by JAX's shardings: chains spread over them, or the rows of the data.

Chains know nothing of each other, so each device runs the loop of its own chains, at its own pace: one program, mapped
over the devices. Rows are one sum in every density: each device adds up its own rows and XLA puts the sums together, so
all devices step together and hold the same chains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

AXIS = "devices"
Loop = Callable[
    [Any, jax.Array, jax.Array, Any], Any
]  # carry, count, thinning, data -> carry, values (draw, chain, ...)


@dataclass(frozen=True)
class DeviceSharding:
    """What is spread, "chains" or "rows", and over which devices; of all processes where there are several."""

    what: str
    devices: tuple[Any, ...]

    @property
    def mesh(self) -> Mesh:
        """The devices in a row."""
        return Mesh(np.array(self.devices), (AXIS,))

    def over(self, *parts: str | None) -> NamedSharding:
        """A sharding whose axes are spread where named, whole elsewhere."""
        return NamedSharding(self.mesh, PartitionSpec(*parts))

    @property
    def of_carry(self) -> NamedSharding:
        """Where states of chains (chain, ...) lie."""
        return self.over(AXIS) if self.what == "chains" else self.over()

    def loop(self, loop: Loop) -> Any:
        """The compiled loop of chains, over these devices."""
        if self.what == "chains":
            chains, whole = PartitionSpec(AXIS), PartitionSpec()
            specs = (chains, whole, whole, whole), (chains, PartitionSpec(None, AXIS))
            mapped = jax.shard_map(loop, mesh=self.mesh, in_specs=specs[0], out_specs=specs[1], check_vma=False)
            return jax.jit(mapped)

        def by_rows(carry: Any, count: jax.Array, thinning: jax.Array, data: Any) -> Any:
            rows = len(data[0])

            def parted(array: Any) -> Any:
                """Rows need not divide by the devices: XLA fills up the last device's part."""
                by_row = array.ndim > 0 and array.shape[0] == rows
                return jax.lax.with_sharding_constraint(array, self.over(AXIS)) if by_row else array

            return loop(carry, count, thinning, jax.tree.map(parted, data))

        return jax.jit(by_rows, out_shardings=self.over())


def put_on(tree: Any, sharding: Sharding) -> Any:
    """Arrays that this process has, where they belong; every process has them if devices of others are among these."""
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def place(leaf: Any) -> Any:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            impl = jax.random.key_impl(leaf)
            return jax.random.wrap_key_data(place(jax.random.key_data(leaf)), impl=impl)
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(place, tree)


def shapes_at(tree: Any, sharding: Sharding) -> Any:
    """Shapes and types of arrays (jax.ShapeDtypeStruct) that will lie there."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), tree)
