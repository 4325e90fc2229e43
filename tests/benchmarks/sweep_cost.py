"""What a round of a tempered system costs: processor time of sweeps by candidates, and of a trajectory.

Run: python tests/benchmarks/sweep_cost.py [PROBLEM ...] [--copies 14] [--turns 5]

Problems are those of `mixing.py`. All copies move together, as in a system; the times are the least of several turns
that alternate between the ways, in milliseconds of processor time for one round of all copies.
"""

import argparse
import time

import jax
import jax.numpy as jnp
from ladders import prepared

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.samplers.engine.compiled_programs import quick_options

REPEATS = 4  # rounds per timed call
WAYS = {f"5 sweeps, {c} candidates": bnn.Gibbs(sweeps=5, candidates=c, trajectory=0) for c in (8, 4, 2)}
WAYS |= {f"{s} leapfrog steps, 1 sweep of 1": bnn.Gibbs(sweeps=1, candidates=1, trajectory=s) for s in (30, 15)}


def program_of(sampler, model, x, y, copies):
    """A compiled call of some rounds of all copies, and its arguments."""
    temperatures = jnp.linspace(1.0, 0.3, copies)

    def start(key, t):
        return sampler.init(key, model, x, y)._replace(temperature=t)

    def rounds(keys, states):
        def one(states, keys):
            return jax.vmap(lambda k, s: sampler.step(k, s, model, x, y)[0])(keys, states), None

        return jax.lax.scan(one, states, keys)[0]

    keys = jax.random.split(jax.random.key(0), (REPEATS, copies))
    states = jax.vmap(start)(keys[0], temperatures)
    return jax.jit(rounds).lower(keys, states).compile(compiler_options=quick_options()), keys, states


@computing
def run(name, copies, turns):
    """Print the times of one problem."""
    model, x, y = prepared(name)
    programs = {way: program_of(sampler, model, x, y, copies) for way, sampler in WAYS.items()}
    times = dict.fromkeys(WAYS, float("inf"))
    for _ in range(turns):
        for way, (program, *arguments) in programs.items():
            begun = time.process_time()
            jax.block_until_ready(program(*arguments))
            times[way] = min(times[way], (time.process_time() - begun) / REPEATS)
    print(name, ", ".join(f"{way}: {1000 * each:.1f}" for way, each in times.items()))


def main():
    """All problems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=["sunspots9", "boston", "concrete", "airfoil"])
    parser.add_argument("--copies", type=int, default=14)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    for name in given.problems:
        run(name, given.copies, given.turns)


if __name__ == "__main__":
    main()
