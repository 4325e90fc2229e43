"""What the padding of short texts costs: a gradient of a minibatch whole and split by length.

Run: python tests/benchmarks/lengths.py [NETWORK ...] [--turns 5]

Networks: lstm (Embedding(32), LSTM(32)), block (Embedding(16), a transformer block of two heads, their mean). Sentences
of MR polarity (B. Pang and L. Lee, 2005), up to 60 words; batches of 100. Medians of turns that alternate, processor
time, the same batches; and the largest difference of the points that 100 steps of gradient descent reach.
"""

import argparse
import time
import warnings

warnings.filterwarnings("ignore", category=FutureWarning)

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from reviews import mr  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.samplers.by_length import parts_for, split  # noqa: E402
from bayesnn.samplers.density import make_density, take_rows  # noqa: E402

BATCH, STEPS, LONGEST = 100, 100, 60


def networks(vocabulary):
    """Layers by name."""
    block = [bnn.PositionalEncoding(), bnn.TransformerBlock(2, 32), bnn.MeanPool()]
    return {"lstm": [bnn.Embedding(vocabulary, 32), bnn.LSTM(32)], "block": [bnn.Embedding(vocabulary, 16), *block]}


def descent(density, rows):
    """The end of some steps of gradient descent on these minibatches."""

    @jax.jit
    def run(point, data):
        def step(point, chosen):
            return point - 1e-6 * jax.grad(density.potential)(point, take_rows(data, chosen), 60.0), None

        return jax.lax.scan(step, point, rows)[0]

    return run


def main():
    """Run the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["lstm", "block"])
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    train, _ = mr(False, 0)
    vocabulary = bnn.text.learn_vocabulary(train.text, minimum=2, maximum=5000)
    data = (
        jnp.asarray(vocabulary.ids(list(train.text), LONGEST)),
        jnp.asarray(train.label.to_numpy(float)),
        None,
        None,
    )
    random = np.random.default_rng(0)
    rows = jnp.asarray(random.integers(len(data[0]), size=(STEPS, BATCH)))
    for name in chosen.networks:
        model = bnn.Model(networks(vocabulary)[name], bnn.Bernoulli(), bnn.Normal(readout_scale=4.0))
        whole = make_density(model, data)
        parts = parts_for(model, data, BATCH)
        point = jnp.asarray(0.1 * random.normal(size=whole.size), jnp.float32)
        runs = {"whole": descent(whole, rows), "split": descent(split(whole, parts), rows)}
        first, ends, times = {}, {}, {way: [] for way in runs}
        for way, run in runs.items():
            begun = time.process_time()
            ends[way] = np.asarray(run(point, data))
            first[way] = time.process_time() - begun
        for _ in range(chosen.turns):
            for way, run in runs.items():
                begun = time.process_time()
                jax.block_until_ready(run(point, data))
                times[way].append(time.process_time() - begun)
        step = {way: float(np.median(t)) / STEPS * 1e3 for way, t in times.items()}
        compiling = {way: round(first[way] - step[way] * STEPS / 1e3, 1) for way in runs}
        apart = np.abs(ends["whole"] - ends["split"]).max()
        print(
            name,
            parts,
            {way: f"{ms:.2f} ms" for way, ms in step.items()},
            f"ratio {step['split'] / step['whole']:.2f},",
        )
        print(f"  compiling {compiling} s, largest difference {apart:.1e}", flush=True)


if __name__ == "__main__":
    main()
