"""NUTS on a tiny LSTM: this package beside the same model written by hand with NumPyro and flax.

Run: python tests/benchmarks/lstm_nuts.py [--draws 200] [--warmup 200] [--chains 4] [--keys 0 1 2]

Needs flax (extra `bench`). The "spots" task of `sequences.py`: 240 rows of nine years, an LSTM of three units, 64
weights. Both sample one posterior with NumPyro's NUTS, target acceptance .8 and trees of depth 8 at most. The first key
is run twice, so that every run that is measured finds its program compiled. Effective draws are the lesser of bulk and
tail, for the function at every row; the seconds are those of processors, warm-up included.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bayesnn as bnn  # noqa: E402, I001
import jax  # noqa: E402
import numpy as np  # noqa: E402
import numpyro  # noqa: E402
import numpyro.distributions as dist  # noqa: E402
from flax import linen  # noqa: E402
from mixing import convergence  # noqa: E402
from numpyro.infer import MCMC, NUTS  # noqa: E402
from sequences import spots  # noqa: E402

ROWS, UNITS = 240, 3


def ours(x, labels, draws, warmup, chains, key):
    """The fit of this package: its function (chain, draw, row) and the number of gradients."""
    model = bnn.Model([bnn.LSTM(UNITS)], bnn.Bernoulli())
    fit = bnn.fit(model, x, labels, sampler="nuts", draws=draws, warmup=warmup, chains=chains, key=key, progress=False)
    probability = bnn.predict(fit, x, kind="probability").to_numpy()[..., -1]
    return np.log(probability / (1.0 - probability)), int(fit.idata["sample_stats"]["n_steps"].sum())


def by_hand():
    """The sampler of a model as a user writes it; the function is that of `ours`, its prior too."""
    cell = linen.RNN(linen.OptimizedLSTMCell(UNITS, param_dtype=np.float64))
    shapes = jax.eval_shape(cell.init, jax.random.key(0), np.zeros((1, 9, 1), float))["params"]

    def model(x, y=None):
        weights = {
            name: {
                part: numpyro.sample(
                    f"{name}.{part}",
                    dist.Normal(0.0, (array.shape[0] if part == "kernel" else 1) ** -0.5)
                    .expand(array.shape)
                    .to_event(),
                )
                for part, array in parts.items()
            }
            for name, parts in shapes["OptimizedLSTMCell_0" if "OptimizedLSTMCell_0" in shapes else "cell"].items()
        }
        home = next(iter(shapes))
        last = cell.apply({"params": {home: weights}}, x)[:, -1]
        beta = numpyro.sample("beta", dist.Normal(0.0, UNITS**-0.5).expand([UNITS]).to_event())
        constant = numpyro.sample("constant", dist.Normal())
        f = numpyro.deterministic("f", last @ beta + constant)
        numpyro.sample("y", dist.Bernoulli(logits=f), obs=y)

    runs = []

    def sample(x, labels, draws, warmup, chains, key):
        y = (labels == np.unique(labels)[1]).astype(float)
        if not runs:
            kernel = NUTS(model, target_accept_prob=0.8, max_tree_depth=8)
            lengths = {"num_warmup": warmup, "num_samples": draws, "num_chains": chains}
            runs.append(MCMC(kernel, **lengths, chain_method="sequential", progress_bar=False))
        mcmc = runs[0]
        mcmc.run(jax.random.PRNGKey(key), x, y, extra_fields=("num_steps",))
        steps = mcmc.get_extra_fields()["num_steps"].sum()
        return np.asarray(mcmc.get_samples(group_by_chain=True)["f"]), int(steps)

    return sample


def main():
    """Print effective draws per second of processors by key, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--keys", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    x, labels = spots(ROWS)
    standardised = (x - x.mean()) / x.std()
    ways = {"ours": (ours, x), "by hand": (by_hand(), standardised)}
    for key in given.keys:
        rates = {}
        for name, (sample, inputs) in ways.items():
            for _ in range(2 if key == given.keys[0] else 1):
                begun = time.process_time()
                f, steps = sample(inputs, labels, given.draws, given.warmup, given.chains, key)
                seconds = time.process_time() - begun
            found = convergence(f)
            rates[name] = found["ess_min"] / seconds, found["ess_median"] / seconds
            print(
                f"key {key} {name}: R-hat {found['r_hat']:.3f}, ESS {found['ess_min']:.0f}, "
                f"median {found['ess_median']:.0f}, {seconds:.1f} s, {steps} gradients of draws that are kept, "
                f"mean and sd of f {f.mean():.3f} {f.std():.3f}",
                flush=True,
            )
        ratios = [round(of_ours / peer, 2) for of_ours, peer in zip(rates["ours"], rates["by hand"])]
        print(f"    ratios of effective draws per second, least and median: {ratios}", flush=True)


if __name__ == "__main__":
    main()
