"""Induction heads: two layers of attention learn to copy what followed a letter the last time it stood there.

Question: after a string of random letters begins again, does the network know how it goes on, and which head does what?
Model: letters and positions are embedded; two layers of causal attention, each added to its input, nothing else; all
weights are random. Draws by SGHMC on minibatches, started at modes found by Adam.
Result: log loss of the next letter in new strings, before and after they repeat themselves; for each layer, how much
it looks at the letter before, and how much at the letter that followed the present one a period ago, with 90% credible
bands; a picture of both layers at one string.

The circuit is the one of C. Olsson et al. (2022), In-context learning and induction heads, Transformer Circuits Thread:
a head of the first layer looks one step back, and by that a head of the second finds what came next.

Run: python examples/induction_heads.py [--quick] [--output induction_heads.png]
"""

import argparse
import time

import matplotlib
import numpy as np
import xarray as xr

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

LETTERS, LONG = "abcdefghijkl", 16
WIDTH, HEADS = 24, 1


def strings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random letters as numbers (count, LONG + 1) that start anew after 6 to 10, and after how many they do."""
    random = np.random.default_rng(seed)
    periods = random.integers(6, 11, size=count)
    return np.array([np.resize(random.integers(len(LETTERS), size=p) + 1, LONG + 1) for p in periods]), periods


def network() -> bnn.Model:
    """Two layers of attention and nothing else."""
    body = [bnn.Embedding(len(LETTERS) + 1, WIDTH), bnn.PositionalEncoding("learnt")]
    body += [bnn.Residual(bnn.SelfAttention(HEADS, causal=True)) for _ in range(2)]
    return bnn.Model(body, bnn.Categorical(), bnn.Normal(scale=1.5, readout_scale=4.0))


def shares(maps: xr.DataArray, periods: np.ndarray) -> dict[str, xr.DataArray]:
    """Mean attention (chain, draw, layer, head) to the letter before, and to what followed the present one."""
    place, row = xr.DataArray(np.arange(LONG), dims="time"), xr.DataArray(np.arange(len(periods)), dims="obs")
    after = place - xr.DataArray(periods, dims="obs") + 1
    seen = after > 0
    before = maps.isel(time=slice(1, None)).isel(time=place[:-1], step=place[:-1])
    found = maps.isel(obs=row, time=place, step=after.where(seen, 0)).where(seen)
    return {"the letter before": before.mean(("obs", "time")), "what followed": found.mean(("obs", "time"))}


def picture(maps: xr.DataArray, found: dict[str, xr.DataArray], string: np.ndarray, output: str) -> None:
    """Plot the mean attention of each layer at one string, and what each head looks at, with bands over draws."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained", width_ratios=[1, 1, 0.8])
    letters = [LETTERS[i - 1] for i in string[:-1]]
    for number, (axis, one) in enumerate(zip(axes, maps.mean(("chain", "draw")), strict=False)):
        image = axis.imshow(one.isel(head=0), vmin=0, vmax=1, cmap="Blues")
        axis.set(xticks=range(LONG), xticklabels=letters, yticks=range(LONG), yticklabels=letters)
        axis.set(title=f"layer {number + 1}", xlabel="letter looked at", ylabel="present letter")
    figure.colorbar(image, ax=axes[1], label="share, mean over draws")
    for place, (name, values) in enumerate(found.items()):
        low, middle, high = values.isel(head=0).quantile([0.05, 0.5, 0.95], ("chain", "draw")).to_numpy()
        at = np.arange(2) + 0.2 * place - 0.1
        axes[2].vlines(at, low, high, color=f"C{place}", lw=4, alpha=0.5)
        axes[2].plot(at, middle, "o", color=f"C{place}", label=name)
    axes[2].set(xticks=[0, 1], xticklabels=["layer 1", "layer 2"], xlim=(-0.5, 1.5), ylim=(0, 1))
    axes[2].set(ylabel="mean share, 90% band")
    axes[2].legend(frameon=False, title="looks at", loc="upper center")
    figure.savefig(output, dpi=120)


def main(quick: bool, output: str) -> None:
    begun = time.perf_counter()
    rows, _ = strings(400 if quick else 4000, seed=0)
    held, periods = strings(20 if quick else 200, seed=1)
    mode = bnn.MAP(steps=150 if quick else 4000, batch_size=100, learning_rate=0.01, validation=None)
    sampler = bnn.SGHMC(batch_size=100, preconditioner="rmsprop", start=mode)
    few = {"draws": 5, "warmup": 5} if quick else {"draws": 50, "warmup": 50, "thinning": 2}
    x, y = rows[:, :-1], rows[:, 1:]
    fit = bnn.fit(network(), x, y, sampler=sampler, chains=2, key=0, progress=not quick, **few)
    print(f"{len(x)} training strings, {sum(fit.model.sizes(x.shape[1:]).values())} weights")

    chances = bnn.predict(fit, held[:, :-1], kind="probability").mean(("chain", "draw")).to_numpy()
    chance = np.take_along_axis(chances, held[:, 1:, None] - 1, axis=-1)[..., 0]
    seen = np.arange(1, LONG + 1) > periods[:, None]
    losses = -np.log(chance[~seen]).mean(), -np.log(chance[seen]).mean()
    print(f"log loss of the next letter: {losses[0]:.2f} before the string repeats itself, {losses[1]:.3f} afterwards")

    maps = bnn.attention_maps(fit, held[:, :-1], layer="all")
    found = shares(maps, periods)
    for name, values in found.items():
        for layer, one in enumerate(values.transpose("layer", ...)):
            low, middle, high = one.quantile([0.05, 0.5, 0.95])
            print(f"  layer {layer + 1} looks at {name}: {middle:.2f} ({low:.2f} to {high:.2f})")
    picture(maps.isel(obs=0).transpose("layer", ...), found, held[0], output)
    print(f"\n{time.perf_counter() - begun:.0f} s in all; picture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few strings, steps and draws: a look at the script only")
    parser.add_argument("--output", default="induction_heads.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
