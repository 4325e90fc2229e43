"""Where systems start: the ladder, found by a short run of a few systems, and the states of chains that ran before."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer.mcmc import MCMCKernel

from bayesnn._internal.runtime import as_precision, precision
from bayesnn.samplers.base import Data
from bayesnn.samplers.engine.chains import run_chains
from bayesnn.samplers.engine.checkpoint import Artifact, from_artifact
from bayesnn.samplers.engine.compiled_programs import Record
from bayesnn.samplers.engine.multihost import gather_bytes, is_multiprocess
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.tempering.ladder import spread
from bayesnn.samplers.tempering.system import Start, SystemKernel

LADDER = "ladder"  # name of the artifact, and of the file that holds it in a run folder
CHAINS, WARMUP, DRAWS = 2, 96, 32
FEWEST, MOST = 3, 40  # numbers of temperatures


def measured_ladder(
    kernel: SystemKernel, record: Record, key: jax.Array, data: Data, plan: Plan, states: Any = None
) -> tuple[np.ndarray, dict[str, float]]:
    """Temperatures (K,) for the systems of a plan, and the seconds this took; read from the store in a resumed run.

    `states` (chain, ...) are those of chains that ran before, None where none did.
    """
    kept = None if plan.keeper is None else plan.keeper.load_artifact(LADDER)
    if kept is not None:
        return kept[0]["temperatures"], kept[1]
    short = Plan(DRAWS, WARMUP, CHAINS, progress=plan.progress, batches=plan.batches)
    start = starts(np.asarray(kernel.temperatures), short.chain_numbers(), states)
    run = run_chains(kernel, record, key, data, short, start=start)
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


def starts(ladder: np.ndarray, numbers: np.ndarray, states: Any = None) -> Any:
    """The `Start` of the chains with these numbers: the same ladder, and for each system the state of its own chain.

    All copies of system c start at the state of chain c of `states` (chain, ...), from the first one again if there are
    more systems. Systems that shared their starts would agree on the modes found so far, whatever the posterior is, and
    R-hat could not tell. Arrays are NumPy's: JAX would make them single precision here.
    """
    every: Any = np.tile(ladder, (len(numbers), 1))
    if states is None:
        return Start(every)
    own = numbers % len(jax.tree.leaves(states)[0])
    place = np.repeat(own[:, None], len(ladder), axis=1)
    return Start(every, jax.tree.map(lambda a: a[place], states))


def states_from(artifact: Artifact, kernel: MCMCKernel, data: Data) -> Any:
    """The states (chain, ...) of an artifact of `as_artifact`, as `kernel`, that of the plain chains, has them.

    Raises
    ------
    ValueError
        If they belong to another kernel.
    """
    checkpoint = from_artifact(artifact)
    leaves, keys = checkpoint.leaves, checkpoint.keys
    with precision("double"):
        arrays = as_precision(data)
        like = jax.eval_shape(lambda key: (kernel.init(key, 0, None, arrays, {}), key), jax.random.key(0))
    shapes, structure = jax.tree.flatten(like)
    same = len(shapes) == len(leaves) and all(
        key or a.shape[1:] == b.shape for a, b, key in zip(leaves, shapes, keys, strict=False)
    )
    if not same:
        raise ValueError("start must be a fit of the same model by the sampler that is tempered: leave start out")
    found: list[Any] = [
        jax.random.wrap_key_data(jnp.asarray(a), impl=key) if key else a for a, key in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(structure, found)[0]
