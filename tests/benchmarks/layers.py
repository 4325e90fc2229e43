"""Sequence layers beside the same layers of flax and equinox: the gradient of the log posterior of one network.

Run: python tests/benchmarks/layers.py [LAYER ...] [--steps 20 200 1000] [--turns 9] [--json layers.json]

It needs `pip install "bayesnn[bench]"`. Every network is one layer, its last state or its mean over time, and a linear
readout with Gaussian errors; ours goes through the density that samplers use, the others through a loss written by hand
with the same prior. In every turn each program runs once; a ratio is the median, over the turns, of our time over that
of the faster peer. Processor seconds are those of all threads, which a busy machine changes little; wall seconds are
beside them.
"""

import argparse
import json
import statistics
import time

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import bayesnn as bnn
from bayesnn._internal.runtime import precision
from bayesnn.samplers.density import make_density

UNITS, HEADS, WIDTH = 32, 4, 8  # of recurrent layers; of attention, whose steps have UNITS features; inputs of a step
ROWS = {20: 256, 200: 128, 1000: 16}  # by steps
RECURRENT = ("lstm", "gru", "elman")
OURS = {
    "lstm": [bnn.LSTM(UNITS)],
    "gru": [bnn.GRU(UNITS)],
    "elman": [bnn.Elman(UNITS)],
    "attention": [bnn.SelfAttention(HEADS), bnn.MeanPool()],
    "transformer": [bnn.TransformerBlock(HEADS), bnn.MeanPool()],
}


class FlaxBlock(nn.Module):
    """Attention, and for the transformer the rest of the block, averaged over time."""

    whole: bool
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x):
        options = {"dtype": self.dtype, "param_dtype": self.dtype}
        found = nn.MultiHeadDotProductAttention(HEADS, use_bias=False, **options)(x)
        if self.whole:
            x = nn.LayerNorm(**options)(x + found)
            inner = nn.Dense(UNITS, **options)(nn.relu(nn.Dense(4 * UNITS, **options)(x)))
            found = nn.LayerNorm(**options)(x + inner)
        return found.mean(axis=1)


def of_flax(name, x):
    """Parameters and the function (parameters, x) -> (n, units)."""
    if name in RECURRENT:
        cell = {"lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell, "elman": nn.SimpleCell}[name]
        network = nn.RNN(cell(UNITS, dtype=x.dtype, param_dtype=x.dtype), return_carry=True)

        def function(parameters, x):
            carry, _ = network.apply(parameters, x)
            return carry[1] if name == "lstm" else carry

    else:
        network = FlaxBlock(name == "transformer", x.dtype)
        function = network.apply
    return network.init(jax.random.key(0), x[:2]), function


def of_equinox(name, x):
    """The same by equinox, which has no simple recurrent cell: None there."""
    key = jax.random.split(jax.random.key(0), 3)
    if name == "elman":
        return None
    if name in RECURRENT:
        cell = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}[name](WIDTH, UNITS, key=key[0], dtype=x.dtype)
        zero = jnp.zeros(UNITS, x.dtype)

        def one(cell, x):
            first = (zero, zero) if name == "lstm" else zero
            last, _ = lax.scan(lambda state, x: (cell(x, state), None), first, x)
            return last[0] if name == "lstm" else last

        module = cell
    else:
        module = [eqx.nn.MultiheadAttention(HEADS, UNITS, use_output_bias=True, key=key[0], dtype=x.dtype)]
        if name == "transformer":
            module += [eqx.nn.LayerNorm(UNITS, dtype=x.dtype) for _ in range(2)]
            module += [eqx.nn.Linear(UNITS, 4 * UNITS, key=key[1], dtype=x.dtype)]
            module += [eqx.nn.Linear(4 * UNITS, UNITS, key=key[2], dtype=x.dtype)]

        def one(module, x):
            found = module[0](x, x, x)
            if name == "transformer":
                first, second, up, down = (jax.vmap(part) for part in module[1:])
                x = first(x + found)
                found = second(x + down(jax.nn.relu(up(x))))
            return found.mean(axis=0)

    parameters, static = eqx.partition(module, eqx.is_array)
    return parameters, lambda p, x: jax.vmap(lambda row: one(eqx.combine(p, static), row))(x)


def of_peer(made, x, y):
    """The gradient of -log posterior by hand: standard normal weights, the readout and log sigma among them."""
    parameters, function = made
    parameters = (parameters, jnp.zeros(UNITS, x.dtype), jnp.zeros((), x.dtype))

    def loss(parameters, x, y):
        inner, beta, log_sigma = parameters
        error = (y - function(inner, x) @ beta) * jnp.exp(-log_sigma)
        prior = sum(0.5 * jnp.sum(leaf**2) for leaf in jax.tree.leaves(parameters))
        return 0.5 * jnp.sum(error**2) + len(y) * log_sigma + prior

    return jax.jit(jax.grad(loss)), (parameters, x, y)


def of_ours(name, x, y):
    """The gradient of -log posterior that samplers use, at a draw of the prior; no row here is padded."""
    model = bnn.Model(OURS[name], padded=False)
    density = make_density(model, (x, y))
    return jax.jit(jax.grad(lambda z, x, y: density.potential(z, (x, y)))), (
        density.start(jax.random.key(0), (x, y)),
        x,
        y,
    )


def measure(name, steps, turns):
    """Milliseconds of ours and of the peers, and the ratios to the faster peer."""
    rng = np.random.default_rng(0)
    width = WIDTH if name in RECURRENT else UNITS
    x, y = jnp.asarray(rng.normal(size=(ROWS[steps], steps, width))), jnp.asarray(rng.normal(size=ROWS[steps]))
    programs = {"ours": of_ours(name, x, y), "flax": of_peer(of_flax(name, x), x, y)}
    if (made := of_equinox(name, x)) is not None:
        programs["equinox"] = of_peer(made, x, y)
    for program, arguments in programs.values():
        jax.block_until_ready(program(*arguments))
    clocks = {"processor": time.process_time, "wall": time.perf_counter}
    spent = {clock: {which: [] for which in programs} for clock in clocks}
    for _ in range(turns):
        for which, (program, arguments) in programs.items():
            begun = {clock: read() for clock, read in clocks.items()}
            jax.block_until_ready(program(*arguments))
            for clock, read in clocks.items():
                spent[clock][which].append(read() - begun[clock])
    peer = min(set(programs) - {"ours"}, key=lambda which: statistics.median(spent["processor"][which]))
    ratios = {
        clock: statistics.median(a / b for a, b in zip(times["ours"], times[peer])) for clock, times in spent.items()
    }
    return {which: 1e3 * statistics.median(times) for which, times in spent["processor"].items()} | ratios


def main():
    """Measure layers, lengths and precisions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layers", nargs="*", help=f"of {', '.join(OURS)}; all by default")
    parser.add_argument("--steps", nargs="*", type=int, default=sorted(ROWS))
    parser.add_argument("--precision", nargs="*", default=["double", "single"])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.layers or OURS:
        for kind in arguments.precision:
            for steps in arguments.steps:
                with precision(kind):
                    row = measure(name, steps, arguments.turns)
                found[f"{name}, {kind}, {steps} steps"] = row
                print(f"{name}, {kind}, {steps} steps:", {k: round(v, 2) for k, v in row.items()}, flush=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
