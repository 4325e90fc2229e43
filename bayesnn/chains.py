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
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpyro.infer.mcmc import MCMCKernel
from tqdm.auto import tqdm

from bayesnn import _checks
from bayesnn._runtime import precision as precision_of

CHAIN_METHODS = ("auto", "parallel", "vectorized", "sequential")
CHUNK = 100  # most draws one compiled call collects
CHUNK_SECONDS = 0.4  # what a call should take: progress moves and Ctrl-C is heard this often

Record = Callable[[jax.Array, Any, tuple[jax.Array, ...]], dict[str, jax.Array]]


@dataclass(frozen=True)
class Plan:
    """How many draws to take and how to spread the chains."""

    draws: int
    warmup: int
    chains: int
    thinning: int = 1
    method: str = "auto"
    progress: bool = True

    def __post_init__(self) -> None:
        """Refuse impossible counts and unknown methods."""
        for name in ("draws", "chains", "thinning"):
            _checks.positive_integer(name, getattr(self, name))
        _checks.positive_integer("warmup", self.warmup, minimum=0)
        _checks.known("chain_method", self.method, CHAIN_METHODS)

    def groups(self) -> list[np.ndarray]:
        """Which chains run as one vectorised batch; the groups run side by side unless the method is sequential."""
        workers = {"sequential": self.chains, "vectorized": 1}.get(self.method, parallel_workers())
        return np.array_split(np.arange(self.chains), min(self.chains, workers))

    @property
    def description(self) -> str:
        """The choice in words: how many batches of how many chains, and whether they run side by side."""
        sizes = [len(group) for group in self.groups()]
        return f"{len(sizes)} batch(es) of {max(sizes)} chain(s), {'side by side' if self.side_by_side else 'in turn'}"

    @property
    def side_by_side(self) -> bool:
        """Whether the groups run at the same time."""
        return self.method != "sequential"


@dataclass(frozen=True)
class Run:
    """What a sampler gave: recorded values (chain, draw, ...), seconds by phase, whether it ran to its end, and notes.

    `attrs` become attributes of the posterior: what the sampler found out that is not a draw.
    """

    values: dict[str, np.ndarray]
    seconds: dict[str, float]
    complete: bool
    attrs: dict[str, Any] = field(default_factory=dict)


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
    precision of the arithmetic, values are recorded in double.
    """
    started = time.perf_counter()
    with precision_of(precision):
        workers = _start(kernel, record, key, as_precision(data), plan, as_precision(start), precision)
    compiled = time.perf_counter() - started
    draws: list[dict[str, np.ndarray]] = []
    seconds = {"compile": compiled, "warmup": 0.0, "sampling": 0.0}
    complete = True
    with tqdm(total=plan.warmup + plan.draws * plan.thinning, disable=not plan.progress, unit="step") as bar:
        try:
            seconds["warmup"] = _phase(workers, plan, "warmup", plan.warmup, 1, bar, None)
            started = time.perf_counter()
            _phase(workers, plan, "sampling", plan.draws, plan.thinning, bar, draws)
        except KeyboardInterrupt:
            if not draws:
                raise
            complete = False
        finally:
            seconds["sampling"] = time.perf_counter() - started if draws else 0.0
    return Run(_joined(draws), seconds, complete)


def as_precision(tree: Any) -> Any:
    """Arrays as JAX keeps them in the present precision."""
    return jax.tree.map(lambda a: jnp.asarray(np.asarray(a)), tree)


def _joined(draws: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    values = {name: np.concatenate([d[name] for d in draws], axis=1) for name in draws[0]}
    return {name: v.astype(np.float64) if v.dtype == np.float32 else v for name, v in values.items()}


def _phase(
    workers: list[_Worker], plan: Plan, label: str, total: int, thinning: int, bar: Any, draws: list[Any] | None
) -> float:
    started = time.perf_counter()
    bar.set_description(f"{label}, {plan.chains} chain{'s' if plan.chains > 1 else ''}")
    done, count = 0, 1
    while done < total:
        count = min(count, CHUNK, total - done)
        begun = time.perf_counter()
        values = _advance_all(workers, count, thinning, plan.side_by_side)
        pace = (time.perf_counter() - begun) / count
        done += count
        if draws is not None:
            draws.append(values)
        bar.set_postfix_str(_postfix(values), refresh=False)
        bar.update(count * thinning)
        count = max(1, int(CHUNK_SECONDS / pace))
    return time.perf_counter() - started


def _advance_all(workers: list[_Worker], count: int, thinning: int, side_by_side: bool) -> dict[str, np.ndarray]:
    """One chunk of every group; a chunk that is interrupted is dropped for all of them."""
    results = call_all(lambda worker: worker.advance(count, thinning), workers, side_by_side)
    for worker, (carry, _) in zip(workers, results, strict=True):
        worker.carry = carry
    return {name: np.concatenate([values[name] for _, values in results]) for name in results[0][1]}


def call_all(function: Callable[[Any], Any], items: Sequence[Any], side_by_side: bool) -> list[Any]:
    """The function of every item, in a thread each where they may run side by side."""
    if not side_by_side or len(items) == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))


class _Worker:
    """A batch of chains on one device: the compiled loop, its data, and where the chains are."""

    def __init__(self, loop: Any, carry: Any, data: tuple[jax.Array, ...], precision: str) -> None:
        self.loop, self.carry, self.data, self.precision = loop, carry, data, precision

    def advance(self, count: int, thinning: int) -> tuple[Any, dict[str, np.ndarray]]:
        """The batch after `count` draws, and what was recorded, (chain, draw, ...)."""
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
) -> list[_Worker]:
    key_chains, key_record = jax.random.split(key)
    chain_keys = jax.random.split(key_chains, plan.chains)
    record_keys = jax.random.split(key_record, plan.chains)
    devices = jax.local_devices()
    state = jax.jit(jax.vmap(lambda k, z: kernel.init(k, plan.warmup, z, data, {})))(chain_keys, start)
    loop = jax.jit(lambda carry, count, thinning, data: _loop(kernel, record, carry, count, thinning, data))
    compiled: dict[int, Any] = {}
    workers = []
    for i, group in enumerate(plan.groups()):
        place = devices[i % len(devices)] if plan.side_by_side else devices[0]
        carry = jax.device_put(jax.tree.map(lambda a, g=group: a[g], (state, record_keys)), place)
        local = jax.device_put(data, place)
        if len(devices) > 1 or len(group) not in compiled:
            compiled[len(group)] = loop.lower(carry, 1, 1, local).compile()
        workers.append(_Worker(compiled[len(group)], carry, local, precision))
    return workers


def _loop(
    kernel: MCMCKernel, record: Record, carry: Any, count: jax.Array, thinning: jax.Array, data: tuple[jax.Array, ...]
) -> tuple[Any, dict[str, jax.Array]]:
    """`count` recorded draws of a batch of chains, `thinning` steps apart; (draw, chain, ...) in buffers of CHUNK."""

    def step(state: Any) -> Any:
        return jax.vmap(lambda one: kernel.sample(one, data, {}))(state)

    def observe(keys: jax.Array, state: Any) -> dict[str, jax.Array]:
        return jax.vmap(lambda key, one: record(key, one, data))(keys, state)

    def body(i: jax.Array, carry: Any) -> Any:
        state, keys, buffers = carry
        state = lax.fori_loop(0, thinning, lambda _, s: step(s), state)
        pairs = jax.vmap(jax.random.split)(keys)
        values = observe(pairs[:, 0], state)
        return state, pairs[:, 1], {name: b.at[i].set(values[name]) for name, b in buffers.items()}

    state, keys = carry
    shapes = jax.eval_shape(observe, keys, state)
    buffers = {name: jnp.zeros((CHUNK, *s.shape), s.dtype) for name, s in shapes.items()}
    state, keys, buffers = lax.fori_loop(0, count, body, (state, keys, buffers))
    return (state, keys), buffers


def _postfix(values: dict[str, np.ndarray]) -> str:
    parts = [f"acceptance {values['acceptance_rate'].mean():.2f}"] if "acceptance_rate" in values else []
    if "diverging" in values and values["diverging"].any():
        parts.append(f"{int(values['diverging'].sum())} divergences in the last chunk")
    return ", ".join(parts)
