"""What a step of SGHMC or SGLD costs beside a step of SGD: same network, same batch, same gradient.

Run: python tests/benchmarks/sgmcmc.py [--quick] [--json sgmcmc.json]

All run 32-bit loops of many steps that are compiled beforehand, in turns. Times are processor seconds of all threads,
which a busy machine does not change much; the ratio is that of the fastest turns. Asked: at most 1.3.
"""

import argparse
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import bayesnn as bnn
from bayesnn._internal.runtime import compilation_cache_on, precision
from bayesnn.samplers.density import make_density, take_rows

NETWORKS = {
    "2 x 50, batch 100": ([bnn.Dense(50, "relu"), bnn.Dense(50, "relu")], 20, 100),
    "2 x 200, batch 100": ([bnn.Dense(200, "relu"), bnn.Dense(200, "relu")], 50, 100),
    "GRU 32 over 30 steps, batch 50": ([bnn.AsSequence(), bnn.GRU(32)], 30, 50),
}


def programs(layers, width, batch, steps):
    """Loops of `steps` steps by name: state -> state; and their first states."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, width)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    model = bnn.Model(layers, bnn.Bernoulli((0, 1)))
    data = (jnp.asarray(x), jnp.asarray(y))
    density = make_density(model, data)

    def descend(_, carry):
        key, z = carry
        key, key_rows = jax.random.split(key)
        rows = take_rows(data, jax.random.randint(key_rows, (batch,), 0, len(x)))
        return key, z - 1e-5 * jax.grad(lambda z: density.potential(z, rows, len(x) / batch))(z)

    key = jax.random.key(0)
    start = density.start(key, take_rows(data, slice(0, 100)))
    loops = {"sgd": (jax.jit(lambda carry: lax.fori_loop(0, steps, descend, carry)), (key, start))}
    for name, spec in (("sgld", bnn.SGLD), ("sghmc", bnn.SGHMC)):
        kernel = spec(batch_size=batch, steps=steps, step_size=1e-5, start=None).kernel(model)
        state = jax.jit(lambda key, start, kernel=kernel: kernel.init(key, 0, start, data, {}))(key, start)
        loops[name] = (jax.jit(lambda state, kernel=kernel: kernel.sample(state, data, {})), state)
    return loops, start.size


def measure(layers, width, batch, steps, turns):
    """Milliseconds per step, and ratios to SGD."""
    loops, size = programs(layers, width, batch, steps)
    for loop, state in loops.values():
        jax.block_until_ready(loop(state))
    times = {name: [] for name in loops}
    for _ in range(turns):
        for name, (loop, state) in loops.items():
            begun = time.process_time()
            jax.block_until_ready(loop(state))
            times[name].append(time.process_time() - begun)
    best = {name: 1e3 * min(values) / steps for name, values in times.items()}
    ratios = {f"{name} / sgd": best[name] / best["sgd"] for name in ("sgld", "sghmc")}
    return {"weights": size} | {f"{name} ms": value for name, value in best.items()} | ratios


def main():
    """Measure all networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    steps, turns = (20, 3) if arguments.quick else (100, 15)
    with precision("single"), compilation_cache_on():
        found = {name: measure(*network, steps, turns) for name, network in NETWORKS.items()}
    for name, row in found.items():
        print(name, {k: round(v, 4) for k, v in row.items()})
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
