"""Driving chains: one compiled loop for warm-up and sampling, in chunks that can be watched, timed and interrupted.

NumPyro's kernels are used as they are; what is replaced is only the loop around them. `numpyro.infer.MCMC` either steps
from Python (with a progress bar) or runs to the end in one call that Ctrl-C cannot stop, and compiles again for every
phase. Here a chunk of any number of steps is one call of the same compiled function.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from numpyro.infer.mcmc import MCMCKernel
from tqdm.auto import tqdm

from bayesnn import _checks
from bayesnn._runtime import as_precision
from bayesnn._runtime import precision as precision_of
from bayesnn.checkpoint import Checkpoint, Keeper, Memory, Place, Values, unpack
from bayesnn.exchange import from_first, several
from bayesnn.programs import Record, program_for
from bayesnn.spread import Spread

CHAIN_METHODS = ("auto", "parallel", "vectorized", "sequential", "rows")
CHUNK = 100  # most draws one compiled call collects
CHUNK_SECONDS = 0.4  # what a call should take: progress moves and Ctrl-C is heard this often


@dataclass(frozen=True)
class Plan:
    """How many draws to take, how to spread the chains, and who keeps the draws.

    `batches` is the most batches that run side by side, None for what this machine is good for; `keeper` takes draws
    and places of the chains as they come, None for memory. Where other processes run other chains of the same run,
    these are the `chains` from number `first` on, `of` so many.
    """

    draws: int
    warmup: int
    chains: int
    thinning: int = 1
    method: str = "auto"
    progress: bool = True
    batches: int | None = field(default=None, compare=False)
    keeper: Keeper | None = field(default=None, compare=False, repr=False)
    first: int = 0
    of: int | None = None
    superchains: int | None = None

    def __post_init__(self) -> None:
        """Refuse impossible counts and unknown methods."""
        for name in ("draws", "chains", "thinning"):
            _checks.positive_integer(name, getattr(self, name))
        _checks.positive_integer("warmup", self.warmup, minimum=0)
        _checks.known("chain_method", self.method, CHAIN_METHODS)
        if self.superchains is not None:
            _checks.positive_integer("superchains", self.superchains, minimum=2)
            if self.all_chains % self.superchains:
                raise ValueError(
                    f"superchains must divide the chains into equal groups, got {self.superchains} of {self.all_chains}"
                )

    @property
    def all_chains(self) -> int:
        """Chains of the run, those of other processes included."""
        return self.chains if self.of is None else self.of

    def keys(self, key: jax.Array, superchains: int | None = None) -> jax.Array:
        """A key for each chain here, whoever runs the others; one for all of a superchain if so many are given."""
        numbers = np.arange(self.first, self.first + self.chains)
        size = 1 if superchains is None else self.all_chains // superchains
        return _rows(jax.random.split(key, self.all_chains), numbers - numbers % size)

    def groups(self) -> list[np.ndarray]:
        """Which chains run as one vectorised batch; the groups run side by side unless the method is sequential."""
        return np.array_split(np.arange(self.chains), min(self.chains, self.most_batches))

    @property
    def most_batches(self) -> int:
        """How many batches there are, if there are as many chains."""
        if self.batches is not None:
            return self.batches
        return {"sequential": self.chains, "vectorized": 1, "rows": 1}.get(self.method, parallel_workers())

    @property
    def spread(self) -> Spread | None:
        """How JAX spreads one program over devices; None where each batch has a program of its own on one device.

        Chains are spread where every device of this process gets as many; rows over the devices of all processes.
        """
        if self.method == "rows":
            return Spread("rows", tuple(jax.devices())) if jax.device_count() > 1 else None
        devices, batches = jax.local_devices(), len(self.groups())
        even = batches > 1 and batches <= len(devices) and self.chains % batches == 0
        return Spread("chains", tuple(devices[:batches])) if even and self.side_by_side else None

    @property
    def description(self) -> str:
        """The choice in words: how many batches of how many chains, whether they run side by side, and on what."""
        sizes = [len(group) for group in self.groups()]
        how = "side by side" if self.side_by_side else "in turn"
        spread = self.spread
        devices = "" if spread is None else f", {spread.what} spread over {len(spread.devices)} devices"
        processes = "" if self.of is None else f", in each of {jax.process_count()} processes"
        return f"{len(sizes)} batch(es) of {max(sizes)} chain(s), {how}{devices}{processes}"

    @property
    def side_by_side(self) -> bool:
        """Whether the groups run at the same time."""
        return self.method != "sequential"


@dataclass(frozen=True)
class Run:
    """What a sampler gave: recorded values (chain, draw, ...), seconds by phase, whether it ran to its end, and notes.

    `attrs` become attributes of the posterior: what the sampler found out that is not a draw. `checkpoint` is where the
    chains stand at the end, None where there are no chains to go on from.
    """

    values: dict[str, np.ndarray]
    seconds: dict[str, float]
    complete: bool
    attrs: dict[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None


def parallel_workers() -> int:
    """Batches worth running at once: one a device, or one a core where JAX has a single CPU device."""
    devices = jax.local_devices()
    if len(devices) > 1 or devices[0].platform != "cpu":
        return len(devices)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def run_chains(
    kernel: MCMCKernel,
    record: Record,
    key: jax.Array,
    data: tuple[jax.Array, ...],
    plan: Plan,
    *,
    start: Any = None,
    precision: str = "double",
) -> Run:
    """Run every chain of the plan, recording `record(key, state, data)` at each kept draw.

    Chain i has the same key under every method and chunking, so the draws do not depend on either (but for the rounding
    of differently batched arithmetic). `start` (chain, ...) is handed to the kernel as initial parameters; whatever the
    precision of the arithmetic, values are recorded in double. A plan whose keeper has a checkpoint goes on from there.
    """
    keeper = Memory() if plan.keeper is None else plan.keeper
    before = keeper.checkpoint
    if before is not None and before.warmup >= plan.warmup and before.draws >= plan.draws:
        return Run(keeper.values(), dict(before.seconds), True, checkpoint=before)
    seconds = dict.fromkeys(("compile", "warmup", "sampling"), 0.0) | ({} if before is None else before.seconds)
    started = time.perf_counter()
    with precision_of(precision):
        workers = _start(kernel, record, key, as_precision(data), plan, as_precision(start), precision, before)
    seconds["compile"] += time.perf_counter() - started
    done = (0, 0) if before is None else (before.warmup, before.draws)
    place = Place(*done, tuple(worker.carry for worker in workers), seconds)
    complete = True
    total = plan.warmup + plan.draws * plan.thinning
    with tqdm(total=total, initial=done[0] + done[1] * plan.thinning, disable=not plan.progress, unit="step") as bar:
        try:
            for phase in ("warmup", "sampling"):
                place = _phase(phase, workers, place, plan, keeper, bar)
        except KeyboardInterrupt:
            keeper.flush()
            if several() or keeper.checkpoint is None or not keeper.checkpoint.draws:
                raise
            complete = False
    keeper.flush()
    checkpoint = keeper.checkpoint
    assert checkpoint is not None
    return Run(keeper.values(), dict(checkpoint.seconds), complete, checkpoint=checkpoint)


def _phase(phase: str, workers: list[_Worker], place: Place, plan: Plan, keeper: Keeper, bar: Any) -> Place:
    """The rest of warm-up or sampling, chunk by chunk; each goes to the keeper with the place it leads to."""
    warming = phase == "warmup"
    total, thinning = (plan.warmup, 1) if warming else (plan.draws, plan.thinning)
    bar.set_description(f"{phase}, {plan.chains} chain{'s' if plan.chains > 1 else ''}")
    count, mark = 1, time.perf_counter()
    while (done := place.warmup if warming else place.draws) < total:
        count = min(count, CHUNK, total - done)
        begun = time.perf_counter()
        here = [worker._replace(carry=carry) for worker, carry in zip(workers, place.carries, strict=True)]
        carries, values = _advance_all(here, count, thinning, plan.side_by_side)
        now = time.perf_counter()
        spent = place.seconds | {phase: place.seconds[phase] + now - mark}
        mark = now
        position = (place.warmup + count, place.draws) if warming else (place.warmup, place.draws + count)
        place = Place(*position, tuple(carries), spent)
        keeper.add(None if warming else values, place)
        bar.set_postfix_str(_postfix(values), refresh=False)
        bar.update(count * thinning)
        count = max(1, int(CHUNK_SECONDS * count / (now - begun)))
        if several() and plan.method == "rows":  # all take part in every call of the loop
            count = from_first(count)
    return place


def _advance_all(workers: list[_Worker], count: int, thinning: int, side_by_side: bool) -> tuple[list[Any], Values]:
    """One chunk of every group: their carries, and the values of all chains."""
    results = call_all(lambda worker: worker.advance(count, thinning), workers, side_by_side)
    joined = {name: np.concatenate([values[name] for _, values in results]) for name in results[0][1]}
    return [carry for carry, _ in results], joined


def call_all(function: Callable[[Any], Any], items: Sequence[Any], side_by_side: bool) -> list[Any]:
    """The function of every item, in a thread each where they may run side by side."""
    if not side_by_side or len(items) == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))


class _Worker(NamedTuple):
    """A batch of chains on one device: the compiled loop, where the chains are, and their data."""

    loop: Any
    carry: Any
    data: tuple[jax.Array, ...]
    precision: str

    def advance(self, count: int, thinning: int) -> tuple[Any, Values]:
        """The carry after `count` draws, and what was recorded, (chain, draw, ...)."""
        with precision_of(self.precision):  # the context is thread-local
            carry, values = self.loop(self.carry, count, thinning, self.data)
            return carry, {name: np.moveaxis(np.asarray(v)[:count], 0, 1) for name, v in values.items()}


def _start(
    kernel: MCMCKernel,
    record: Record,
    key: jax.Array,
    data: tuple[jax.Array, ...],
    plan: Plan,
    start: Any,
    precision: str,
    before: Checkpoint | None,
) -> list[_Worker]:
    """Every batch of chains at its start, or at the checkpoint."""
    key_chains, key_record = jax.random.split(key)
    chain_keys, record_keys = plan.keys(key_chains), plan.keys(key_record)
    devices, spread = jax.local_devices(), plan.spread
    shapes = (chain_keys, start, data)
    program = program_for(kernel, record, plan.warmup, CHUNK, shapes, (precision, tuple(map(str, devices))))
    state = program.init(plan.keys(key_chains, plan.superchains), start, data)
    if plan.superchains is not None:  # one start for all chains of a superchain, and a future of its own for each
        state = state._replace(rng_key=chain_keys)
    workers = []
    for i, group in enumerate(plan.groups() if spread is None else [np.arange(plan.chains)]):
        carry = _rows((state, record_keys), group)
        device = devices[i % len(devices)] if plan.side_by_side else devices[0]
        if spread is None:
            carry, local = jax.device_put((carry, data), device)
        else:
            carry, local = spread.carry(carry), spread.data(data)
        loop = program.loop(carry, local, len(group), spread or device)
        workers.append(_Worker(loop, carry if before is None else unpack(before, carry, group), local, precision))
    return workers


@jax.jit
def _rows(tree: Any, rows: np.ndarray) -> Any:
    """These rows of every array; in one program, where each array would be one."""
    return jax.tree.map(lambda a: a[rows], tree)


SHOWN = {"acceptance_rate": "acceptance", "loss": "loss", "held_out_log_density": "held-out log density"}
SHOWN |= {"held_out_accuracy": "held-out accuracy"}


def _postfix(values: dict[str, np.ndarray]) -> str:
    """Means of a chunk's statistics, as far as the sampler has them."""
    stats = {name.removeprefix("stat "): value for name, value in values.items()}
    parts = [f"{word} {stats[name].mean():.2f}" for name, word in SHOWN.items() if name in stats]
    if "diverging" in stats and stats["diverging"].any():
        parts.append(f"{int(stats['diverging'].sum())} divergences in the last chunk")
    return ", ".join(parts)
