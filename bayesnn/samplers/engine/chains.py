"""The loop over chains: compiled once for warm-up and sampling, called in chunks between which Ctrl-C can act.

NumPyro's kernels are used unchanged; only the loop around them is replaced. `numpyro.infer.MCMC` either steps from
Python (with a progress bar) or runs to the end in one call that Ctrl-C cannot stop, and compiles again for every phase.
Here a chunk of any number of steps is one call of the same compiled function.
"""

from __future__ import annotations

import functools
import importlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding
from numpyro.infer.mcmc import MCMCKernel
from tqdm.auto import tqdm

from bayesnn._internal.runtime import as_precision, deferred_interrupts, no_collection
from bayesnn._internal.runtime import precision as precision_of
from bayesnn._internal.turns import between_turns
from bayesnn.samplers.engine.checkpoint import Checkpoint, DrawStore, InMemoryStore, Progress, Values, unpack
from bayesnn.samplers.engine.compiled_programs import Record, program_for
from bayesnn.samplers.engine.expected_time import warn_of_long_run
from bayesnn.samplers.engine.multihost import broadcast_from_first, is_multiprocess
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.engine.sharding import put_on, shapes_at
from bayesnn.samplers.engine.stopping import EXTENDED, FEWEST, Standing, Stopping, is_position, position_after, spacing

CHUNK = 100  # draws per compiled call, at most
CHUNK_SECONDS = 0.4  # intended duration of a call: how often the progress bar moves and Ctrl-C can take effect


@dataclass(frozen=True)
class Run:
    """What a sampler returns: recorded values (chain, draw, ...), seconds per phase, and whether it ran to its end.

    `attrs` become attributes of the posterior: what the sampler has to say beside the draws. `checkpoint` is the state
    of the chains at the end, None if the sampler has no chains that could be continued.
    """

    values: dict[str, np.ndarray]
    seconds: dict[str, float]
    complete: bool
    attrs: dict[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None

    def after(self, seconds: dict[str, float], attrs: dict[str, Any]) -> Run:
        """The run with these attributes, and with the seconds per phase of what was done before it added."""
        added = {name: value + seconds.get(name, 0.0) for name, value in self.seconds.items()}
        return replace(self, seconds=added, attrs=attrs)


def run_chains(
    kernel: MCMCKernel,
    record: Record,
    key: jax.Array,
    data: tuple[jax.Array, ...],
    plan: Plan,
    *,
    start: Any = None,
    precision: str = "double",
    quick: bool = False,
) -> Run:
    """Run every chain of the plan, recording `record(key, state, data)` at each kept draw.

    Chain i has the same key under every method and chunking, so the draws do not depend on either (except for rounding,
    which depends on the batching of the arithmetic). `start` (chain, ...) is passed to the kernel as initial
    parameters. Values are recorded in double precision, whatever the precision of the arithmetic. If the draw store of
    the plan has a checkpoint, the run continues from there. A plan with `stopping` says by itself when it ends. `quick`
    is for kernels of many small operations, see `compiled_programs.quick_options`.
    """
    keeper = InMemoryStore() if plan.keeper is None else plan.keeper
    before = keeper.checkpoint
    if before is not None and _is_done(before, plan):
        return Run(keeper.values(), dict(before.seconds), True, checkpoint=before)
    seconds = dict.fromkeys(("compile", "warmup", "sampling"), 0.0) | ({} if before is None else before.seconds)
    started = time.perf_counter()
    steps = plan.draws if plan.stopping is None else position_after(0 if before is None else before.draws, plan.kept)
    total = plan.warmup + steps * plan.thinning
    complete = True
    with ThreadPoolExecutor(1) as pool:  # for slow work that can run beside tracing, compiling and sampling
        with precision_of(precision), no_collection():
            given = as_precision(data), plan, as_precision(start)
            workers = _start(kernel, record, key, *given, precision, before, quick, pool)
        seconds["compile"] += time.perf_counter() - started
        progress = Progress(0, 0, tuple(worker.carry for worker in workers), seconds)
        if before is not None:
            done = before.warmup, before.draws, progress.carries, seconds
            progress = Progress(*done, before.every, before.ended, before.dropped)
        initial = progress.warmup + progress.draws * plan.thinning
        with tqdm(total=total, initial=initial, disable=not plan.progress, unit="step") as bar:
            try:
                with deferred_interrupts() as check_interrupt:
                    loop = _Loop(workers, plan, keeper, bar, check_interrupt)
                    progress = _phase(loop, "warmup", progress, plan.warmup)
                    if plan.stopping is not None:
                        _until_ended(loop, progress, plan.stopping, plan.kept)
                    else:
                        progress = progress._replace(ended=EXTENDED) if plan.kept else progress
                        _phase(loop, "sampling", progress, plan.draws)
            except KeyboardInterrupt:
                keeper.flush()
                if is_multiprocess() or keeper.checkpoint is None or not keeper.checkpoint.draws:
                    raise
                complete = False
    keeper.flush()
    checkpoint = keeper.checkpoint
    assert checkpoint is not None
    return Run(keeper.values(), dict(checkpoint.seconds), complete, checkpoint=checkpoint)


def _is_done(before: Checkpoint, plan: Plan) -> bool:
    """Whether there is nothing left to do, so that nothing needs to be compiled."""
    if before.warmup < plan.warmup:
        return False
    if plan.stopping is None:
        return before.draws >= plan.draws
    return bool(before.ended) or plan.stopping.is_over(before)


class _Loop(NamedTuple):
    """What the phases of a run share. `check_interrupt` raises KeyboardInterrupt if Ctrl-C was pressed."""

    workers: list[_Worker]
    plan: Plan
    keeper: DrawStore
    bar: Any
    check_interrupt: Callable[[], None]


def _until_ended(loop: _Loop, progress: Progress, stopping: Stopping, kept: int) -> Progress:
    """Sampling from one position to the next, until the chains are judged to be done or the time is over."""
    note = ""
    while True:
        if is_position(progress.draws, kept):
            progress, standing = _judged(loop, progress, stopping)
            if standing.ended:
                return progress
            note = f"{standing}, "
            steps = stopping.expected(progress, standing, kept) * loop.plan.thinning
            loop.bar.total = loop.plan.warmup + steps
        target = _next_stop(progress, stopping, kept)
        if target <= progress.draws:
            return progress
        progress = progress._replace(every=spacing(progress.draws + 1, kept))
        progress = _phase(loop, "sampling", progress, target, note)


def _judged(loop: _Loop, progress: Progress, stopping: Stopping) -> tuple[Progress, Standing]:
    """The chains judged by the kept draws, the first half of all dropped if they rise: half at most, however often.

    The time this takes is time of sampling.
    """
    begun = time.perf_counter()
    loop.keeper.flush()
    values = loop.keeper.values()
    standing = stopping.judge(values, progress.draws)
    if standing.rising and progress.dropped < progress.draws // 2:
        gone = progress.draws // 2 // progress.every - progress.dropped // progress.every
        progress = progress._replace(dropped=progress.draws // 2)
        standing = stopping.judge({name: value[:, gone:] for name, value in values.items()}, progress.draws)
    seconds = progress.seconds | {"sampling": progress.seconds["sampling"] + time.perf_counter() - begun}
    progress = progress._replace(seconds=seconds, ended=standing.ended)
    loop.keeper.add(None, progress)
    return progress, standing


def _next_stop(progress: Progress, stopping: Stopping, kept: int) -> int:
    """Number of draws up to which to go on; that of now if the time is over.

    Where several processes share the chains, they must stop at the same draw whatever their clocks say: the first one
    says how far to go. Otherwise the clock is asked after every chunk.
    """
    now, position = progress.draws, position_after(progress.draws, kept)
    if not is_multiprocess():
        return now if stopping.is_over(progress) else position
    if now < FEWEST:  # how long a draw takes is not known yet
        return min(position, FEWEST)
    every = spacing(now + 1, kept)
    return broadcast_from_first(min(position, now + stopping.room(progress, position) // every * every))


def _phase(loop: _Loop, phase: str, progress: Progress, total: int, note: str = "") -> Progress:
    """Go on with warm-up or sampling up to `total`, and put each chunk into the draw store with the progress after it.

    Sampling ends before where the time of the plan is over; `note` is shown beside the statistics of the chunk.
    """
    plan, warming = loop.plan, phase == "warmup"
    every, thinning = (1, 1) if warming else (progress.every, progress.every * plan.thinning)
    stopping = None if warming or is_multiprocess() else plan.stopping
    loop.bar.set_description(f"{phase}, {plan.chains} chain{'s' if plan.chains > 1 else ''}")
    count, mark = 1, time.perf_counter()
    while (done := progress.warmup if warming else progress.draws) < total:
        count = min(count, CHUNK, (total - done) // every)
        begun = time.perf_counter()
        here = [worker._replace(carry=carry) for worker, carry in zip(loop.workers, progress.carries, strict=True)]
        carries, values = _advance_all(here, count, thinning, plan.side_by_side)
        now = time.perf_counter()
        spent = progress.seconds | {phase: progress.seconds[phase] + now - mark}
        mark = now
        before, after = progress, done + count * every
        progress = progress._replace(carries=tuple(carries), seconds=spent)
        progress = progress._replace(warmup=after) if warming else progress._replace(draws=after)
        warn_of_long_run(before, progress, plan)
        loop.keeper.add(None if warming else values, progress)
        loop.bar.set_postfix_str(note + _postfix(values), refresh=False)
        loop.bar.update(count * thinning)
        loop.check_interrupt()
        if stopping is not None and stopping.is_over(progress):
            break
        count = max(1, int(CHUNK_SECONDS * count / (now - begun)))
        if is_multiprocess() and plan.method == "rows":  # all processes must make the same calls of the loop
            count = broadcast_from_first(count)
    return progress


def _advance_all(workers: list[_Worker], count: int, thinning: int, side_by_side: bool) -> tuple[list[Any], Values]:
    """One chunk of every batch: the new carries, and the values (chain, draw, ...) of all chains."""
    with between_turns():
        results = call_all(lambda worker: worker.advance(count, thinning), workers, side_by_side)
    joined = {name: np.concatenate([values[name] for _, values in results]) for name in results[0][1]}
    return [carry for carry, _ in results], joined


def call_all(function: Callable[[Any], Any], items: Sequence[Any], side_by_side: bool) -> list[Any]:
    """Apply the function to every item, each in a thread of its own if they may run side by side."""
    if not side_by_side or len(items) == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(function, items))


class _Worker(NamedTuple):
    """A batch of chains on one device or sharded over several: the compiled loop, its carry and its data."""

    loop: Any
    carry: Any
    data: tuple[jax.Array, ...]
    precision: str

    def advance(self, count: int, thinning: int) -> tuple[Any, Values]:
        """The carry after `count` draws, and the recorded values (chain, draw, ...)."""
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
    quick: bool,
    pool: Executor,
) -> list[_Worker]:
    """All batches of chains at their start or at the checkpoint; slow work outside Python's lock is done in `pool`."""
    devices, sharding = jax.local_devices(), plan.device_sharding
    numbers, starts = plan.chain_numbers(), None if plan.superchains is None else plan.chain_numbers(plan.superchains)
    groups = plan.groups() if sharding is None else [np.arange(plan.chains)]
    rest = key, numbers, starts, start, data
    program = program_for(kernel, record, plan.warmup, CHUNK, rest, (precision, tuple(map(str, devices))), quick)
    likes, compiling = program.start(pool, plan.total_chains, groups, *rest)
    meanwhile = functools.partial(pool.submit, importlib.import_module, "arviz")  # a fit needs it at its end
    workers = []
    for i, (group, like) in enumerate(zip(groups, likes, strict=True)):
        device = devices[i % len(devices)] if plan.side_by_side else devices[0]
        single = SingleDeviceSharding(device)
        of_carry, of_data = (single, single) if sharding is None else (sharding.of_carry, sharding.over())
        like, local = shapes_at(like, of_carry), put_on(data, of_data)
        loop = program.loop(like, local, len(group), sharding or device, meanwhile)
        workers.append(_Worker(loop, like, local, precision))
    for i, carry in enumerate(compiling.result()(groups, *rest)):
        carry = jax.tree.map(lambda a, like: put_on(a, like.sharding), carry, workers[i].carry)
        carry = carry if before is None else unpack(before, carry, groups[i])
        workers[i] = workers[i]._replace(carry=carry)
    return workers


# statistics that the progress bar shows, and their names there
SHOWN = {"acceptance_rate": "acceptance", "loss": "loss", "held_out_log_density": "held-out log density"}
SHOWN |= {"held_out_accuracy": "held-out accuracy"}


def _postfix(values: dict[str, np.ndarray]) -> str:
    """Means over a chunk of the statistics that the progress bar shows, as far as the sampler has them."""
    stats = {name.removeprefix("stat "): value for name, value in values.items()}
    parts = [f"{word} {stats[name].mean():.2f}" for name, word in SHOWN.items() if name in stats]
    if "diverging" in stats and stats["diverging"].any():
        parts.append(f"{int(stats['diverging'].sum())} divergences in the last chunk")
    return ", ".join(parts)
