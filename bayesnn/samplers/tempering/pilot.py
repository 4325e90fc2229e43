"""A short run of a few systems that finds how many temperatures are needed, and how they are spaced."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from bayesnn.samplers.base import Data
from bayesnn.samplers.engine.chains import run_chains
from bayesnn.samplers.engine.compiled_programs import Record
from bayesnn.samplers.engine.multihost import gather_bytes, is_multiprocess
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.tempering.ladder import spread
from bayesnn.samplers.tempering.system import Start, SystemKernel

LADDER = "ladder"  # name of the artifact, and of the file that holds it in a run folder
CHAINS, WARMUP, DRAWS = 2, 96, 32
FEWEST, MOST = 3, 40  # temperatures


def measured_ladder(
    kernel: SystemKernel, record: Record, key: jax.Array, data: Data, plan: Plan
) -> tuple[np.ndarray, dict[str, float]]:
    """Temperatures (K,) for the systems of a plan, and the seconds this took; found again in a resumed run."""
    kept = None if plan.keeper is None else plan.keeper.load_artifact(LADDER)
    if kept is not None:
        return kept[0]["temperatures"], kept[1]
    short = Plan(DRAWS, WARMUP, CHAINS, progress=plan.progress, batches=plan.batches)
    run = run_chains(kernel, record, key, data, short)
    if not run.complete:
        raise KeyboardInterrupt
    ladder = best_ladder(run.values["stat temperatures"][:, -1], 1.0 - run.values["stat swap_rate"].mean(axis=1))
    if is_multiprocess():  # rounding may differ between machines
        ladder = np.frombuffer(gather_bytes(ladder)[0], ladder.dtype)
    if plan.keeper is not None:
        plan.keeper.save_artifact(LADDER, ({"temperatures": ladder}, run.seconds))
    return ladder, run.seconds


def best_ladder(temperatures: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """The ladder for rejection rates (chain, K - 1) measured at temperatures (chain, K).

    With the barrier b, the sum of the rejection rates, 2 b + 1 temperatures give the most round trips for a given
    number of moves: Syed et al. (2022), section 5.2. Chains are averaged.
    """
    count = int(np.clip(np.ceil(2.0 * rates.sum(axis=1).mean()) + 1, FEWEST, MOST))
    return np.mean([spread(t, r, count, np) for t, r in zip(temperatures, rates, strict=True)], axis=0)


def starts(ladder: np.ndarray, plan: Plan) -> Any:
    """The `Start` of every chain of the plan, all with the same ladder."""
    every: Any = np.tile(ladder, (plan.chains, 1))  # a NumPy array: JAX's would be in single precision here
    return Start(every)
