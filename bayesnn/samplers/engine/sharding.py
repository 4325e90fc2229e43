"""Several devices at once, by JAX's shardings: over the chains, or over the rows of the data.

Chains are independent, so each device runs the loop of its own chains at its own pace: one program, mapped over the
devices. Rows enter every density as a sum: each device sums over its own rows and XLA adds up the sums, so all devices
step together and hold the same chains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

AXIS = "devices"
# (carry, count, thinning, data) -> carry, values (draw, chain, ...)
Loop = Callable[[Any, jax.Array, jax.Array, Any], Any]


@dataclass(frozen=True)
class DeviceSharding:
    """What is sharded, "chains" or "rows", and over which devices, which may belong to several processes."""

    what: str
    devices: tuple[Any, ...]

    @property
    def mesh(self) -> Mesh:
        """The devices as a mesh with one axis."""
        return Mesh(np.array(self.devices), (AXIS,))

    def over(self, *parts: str | None) -> NamedSharding:
        """A sharding over the axes that are named; other axes are replicated."""
        return NamedSharding(self.mesh, PartitionSpec(*parts))

    @property
    def of_carry(self) -> NamedSharding:
        """The sharding of the states of chains (chain, ...)."""
        return self.over(AXIS) if self.what == "chains" else self.over()

    def loop(self, loop: Loop) -> Any:
        """The loop of chains, jitted for these devices."""
        if self.what == "chains":
            chains, whole = PartitionSpec(AXIS), PartitionSpec()
            specs = (chains, whole, whole, whole), (chains, PartitionSpec(None, AXIS))
            mapped = jax.shard_map(loop, mesh=self.mesh, in_specs=specs[0], out_specs=specs[1], check_vma=False)
            return jax.jit(mapped)

        def by_rows(carry: Any, count: jax.Array, thinning: jax.Array, data: Any) -> Any:
            rows = len(data[0])

            def by_device(array: Any) -> Any:
                """The number of rows need not be a multiple of the devices: XLA pads the part of the last one."""
                by_row = array.ndim > 0 and array.shape[0] == rows
                return jax.lax.with_sharding_constraint(array, self.over(AXIS)) if by_row else array

            return loop(carry, count, thinning, jax.tree.map(by_device, data))

        return jax.jit(by_rows, out_shardings=self.over())


def put_on(tree: Any, sharding: Sharding) -> Any:
    """Place host arrays on `sharding`; if that spans several processes, each of them must hold the full array."""
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
    """Shapes, types and this sharding of arrays, as jax.ShapeDtypeStruct."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), tree)
