"""Where should a ladder end: round trips, R-hat and effective draws of tempered systems at equal processor time.

Run: python tests/benchmarks/ladders.py PROBLEM --hottest 0.3 --temperatures 14 [--seconds 90] [--systems 2] [--seed 0]

Problems are those of `mixing.py`. Systems start from draws of the prior, each with its own key; warm-up steps are the
first quarter of the processor time. Function values at 40 rows, of the cold copy and of the hottest one. Levels are on
the scale the model sees, by quarters of the time after warm-up.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import mixing
import numpy as np

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.samplers.engine.compiled_programs import quick_options
from bayesnn.samplers.gibbs.working_rows import function_values
from bayesnn.samplers.tempering.ladder import respaced

STEPS = 10  # per call of the compiled program
ENDLESS = 10**9  # steps of warm-up as the kernel counts them: here the clock ends it


def prepared(name):
    """The bound model and its rows on the scale the model sees."""
    load, units = mixing.PROBLEMS[name]
    fit = bnn.fit(bnn.shallow(units), *load(), sampler=bnn.Gibbs(sweeps=1), chains=1, draws=2, warmup=2, progress=False)
    x, y = fit.data.scaled()
    return fit.model, jnp.asarray(x), jnp.asarray(y)


@computing
def run(name, hottest, temperatures, seconds, systems, seed):
    """Print what systems do within so much processor time."""
    model, x, y = prepared(name)
    rows = np.unique(np.linspace(0, len(x) - 1, mixing.ROWS).astype(int))
    kernel = bnn.Tempered(bnn.Gibbs(), temperatures, hottest=hottest).kernel(model)
    keys = jax.random.split(jax.random.key(seed), systems)
    state = jax.vmap(lambda key: kernel.init_one(key, ENDLESS, None, (x, y)))(keys)

    def steps(state):
        def one(state, _):
            state = jax.vmap(lambda s: kernel.sample_one(s, (x, y)))(state)
            ends = jax.tree.map(lambda a: a[:, jnp.array([0, -1])], state.copies.inner)
            values = jax.vmap(jax.vmap(lambda s: function_values(s, model, x[rows])))(ends)
            return state, (values, state.stats["log_likelihood_at"][:, 0])

        return jax.lax.scan(one, state, length=STEPS)

    program = jax.jit(steps).lower(state).compile(compiler_options=quick_options())
    begun = time.process_time()
    done = 0
    while time.process_time() - begun < seconds / 4:
        state, _ = jax.block_until_ready(program(state))
        done += STEPS
    ladder = jax.vmap(respaced)(state.ladder)
    ladder = ladder._replace(trips=jnp.zeros_like(ladder.trips))
    # step sizes and ladder stay as they are from here on
    over = state.copies._replace(num_warmup=jnp.zeros_like(state.copies.num_warmup))
    state = state._replace(num_warmup=jnp.zeros_like(state.num_warmup), ladder=ladder, copies=over)
    warmed = time.process_time()
    found = []
    while time.process_time() - begun < seconds:
        state, values = jax.block_until_ready(program(state))
        found.append([np.asarray(value) for value in values])
    used = time.process_time() - warmed
    f, levels = (np.concatenate(values) for values in zip(*found, strict=True))
    quarters = levels[: len(levels) // 4 * 4].reshape(4, -1, systems).mean(axis=1).T
    print(f"{name}, {temperatures} temperatures to {hottest}: {len(f)} steps in {used:.0f} s after {done}")
    print(f"round trips {np.asarray(state.ladder.trips)}, levels {quarters.round(1).tolist()}")
    for place, end in enumerate(("cold", "hot")):
        what = mixing.convergence(f[:, :, place].transpose(1, 0, 2))
        print(f"{end}: R-hat {what['r_hat']:.3f}, ESS min {what['ess_min']:.0f}, median {what['ess_median']:.0f}")
    print(f"temperatures {np.asarray(state.ladder.temperatures).round(2).tolist()}")
    print(f"rejections {np.asarray(state.ladder.rejected / state.ladder.rounds[:, None]).round(2).tolist()}")


def main():
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=mixing.PROBLEMS)
    parser.add_argument("--hottest", type=float, default=0.1)
    parser.add_argument("--temperatures", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--systems", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    run(given.problem, given.hottest, given.temperatures, given.seconds, given.systems, given.seed)


if __name__ == "__main__":
    main()
