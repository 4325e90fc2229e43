"""How chains are run: how many, of what length, on which devices, with which keys."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field, replace

import jax
import numpy as np

from bayesnn._internal import checks, memory
from bayesnn.samplers.engine.checkpoint import DrawStore
from bayesnn.samplers.engine.sharding import DeviceSharding
from bayesnn.samplers.engine.stopping import Stopping

CHAIN_METHODS = ("auto", "parallel", "vectorized", "sequential", "rows")


@dataclass(frozen=True)
class Plan:
    """How many draws to take, how to run the chains, and where to put the draws.

    `batches` is the largest number of batches that run side by side, None for a number that suits this machine.
    `keeper` is the draw store, None for one in memory. If other processes run other chains of the same run, the plan is
    for `chains` chains, of which `first` is the number of the first, out of `of` chains in all. `superchains` is the
    number of groups of chains that start at the same point (for nested R-hat).

    A run whose length was not given has `kept`, the most draws that are kept of a chain (0 elsewhere): when more are
    made, every second one is dropped. Its `stopping` says when it ends; `draws` is then a number that is never reached.
    `gives_up`, of some of these runs, is from how many draws on, and above which R-hat, they also end.
    """

    draws: int
    warmup: int
    chains: int
    thinning: int = 1
    method: str = "auto"
    progress: bool = True
    batches: int | None = field(default=None, compare=False)
    keeper: DrawStore | None = field(default=None, compare=False, repr=False)
    first: int = 0
    of: int | None = None
    superchains: int | None = None
    kept: int = 0
    gives_up: tuple[int, float] | None = None
    stopping: Stopping | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raise a ValueError for counts out of range and unknown methods."""
        for name in ("draws", "chains", "thinning"):
            checks.positive_integer(name, getattr(self, name))
        # each chain has a key and at least one number
        memory.check_memory(f"{self.chains} chains take at least", 16 * int(self.chains), "use fewer chains")
        checks.positive_integer("warmup", self.warmup, minimum=0)
        checks.known("chain_method", self.method, CHAIN_METHODS)
        if self.superchains is not None:
            checks.positive_integer("superchains", self.superchains, minimum=2)
            if self.total_chains % self.superchains:
                raise ValueError(
                    "superchains must divide the chains into equal groups, got "
                    f"{self.superchains} of {self.total_chains}"
                )

    def less(self, seconds: float) -> Plan:
        """The plan with its limit of time, if it has one, reduced by `seconds`."""
        if self.stopping is None:
            return self
        left = max(0.0, self.stopping.max_seconds - seconds)
        return replace(self, stopping=replace(self.stopping, max_seconds=left))

    @property
    def total_chains(self) -> int:
        """Number of chains of the run, those of other processes included."""
        return self.chains if self.of is None else self.of

    def keys(self, key: jax.Array, superchains: int | None = None) -> jax.Array:
        """A key per chain of this plan, the same however chains are divided; with `superchains`, one per superchain."""
        return keys_of(key, self.total_chains, self.chain_numbers(superchains))

    def chain_numbers(self, superchains: int | None = None) -> np.ndarray:
        """Numbers in the run of these chains; with `superchains`, of the first chain of the superchain of each."""
        numbers = np.arange(self.first, self.first + self.chains)
        size = 1 if superchains is None else self.total_chains // superchains
        return numbers - numbers % size

    def groups(self) -> list[np.ndarray]:
        """Numbers of the chains of each vectorised batch; batches run side by side unless the method is sequential."""
        return np.array_split(np.arange(self.chains), min(self.chains, self.max_batches))

    @property
    def max_batches(self) -> int:
        """Number of batches if there are at least as many chains."""
        if self.batches is not None:
            return self.batches
        return {"sequential": self.chains, "vectorized": 1, "rows": 1}.get(self.method, parallel_workers())

    @property
    def device_sharding(self) -> DeviceSharding | None:
        """How one program is sharded over devices; None if each batch has a program of its own on one device.

        Chains are sharded over devices of this process if each gets equally many, rows over those of all processes.
        """
        if self.method == "rows":
            return DeviceSharding("rows", tuple(jax.devices())) if jax.device_count() > 1 else None
        devices, batches = jax.local_devices(), len(self.groups())
        even = batches > 1 and batches <= len(devices) and self.chains % batches == 0
        return DeviceSharding("chains", tuple(devices[:batches])) if even and self.side_by_side else None

    @property
    def description(self) -> str:
        """The plan in words: the number and size of batches, whether they run side by side, and on which devices."""
        sizes = [len(group) for group in self.groups()]
        how = "side by side" if self.side_by_side else "in turn"
        sharding = self.device_sharding
        devices = "" if sharding is None else f", {sharding.what} sharded over {len(sharding.devices)} devices"
        processes = "" if self.of is None else f", in each of {jax.process_count()} processes"
        return f"{len(sizes)} batch(es) of {max(sizes)} chain(s), {how}{devices}{processes}"

    @property
    def side_by_side(self) -> bool:
        """Whether batches run at the same time."""
        return self.method != "sequential"


def parallel_workers() -> int:
    """Batches worth running at once: one per device, or one per core if JAX has a single CPU device."""
    devices = jax.local_devices()
    if len(devices) > 1 or devices[0].platform != "cpu":
        return len(devices)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


@functools.partial(jax.jit, static_argnums=1)
def keys_of(key: jax.Array, count: int, rows: np.ndarray) -> jax.Array:
    """Keys number `rows` of the `count` that `key` splits into."""
    return jax.random.split(key, count)[rows]
