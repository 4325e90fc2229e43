"""A sequence-to-sequence toy task: a Bayesian encoder and decoder write strings of letters in reversed order.

Question: does the network reverse strings that it has never seen, how sure is it, and where does it attend?
Model: letters and positions are embedded; one attention block reads the string, another writes it backwards, letter by
letter, and attends to the string (`Seq2Seq`); all weights are random. Draws by SGHMC on minibatches, started at modes
found by Adam.
Result: the proportion of new strings reversed exactly, by the string that most draws write and by a single draw; some
strings with the proportion of draws that write them; a picture of the attention, its mean and its 90% credible band.

Run: python examples/attention_copy.py [--quick] [--output attention_copy.png]
"""

import argparse
import time
from collections import Counter

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

LETTERS, LONGEST = "abcdefgh", 6
START, END = len(LETTERS) + 1, len(LETTERS) + 2  # after the letters 1, 2, ...; 0 is padding
WIDTH = 16


def strings(count: int, seed: int) -> list[np.ndarray]:
    """Different strings of two to six letters, as numbers."""
    random = np.random.default_rng(seed)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        found[tuple(random.integers(1, START, size=random.integers(2, LONGEST + 1)))] = None
    return [np.array(string) for string in found]


def pairs(rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Inputs: the padded string, then what the decoder has written so far. Targets: the letter it writes next."""
    written = bnn.pad([[START, *row[::-1]] for row in rows], LONGEST + 1)
    return np.hstack([bnn.pad(rows, LONGEST), written]), bnn.pad([[*row[::-1], END] for row in rows], LONGEST + 1)


def network() -> bnn.Model:
    """One attention block for the encoder, and one for the decoder."""
    encoder = [bnn.PositionalEncoding("learnt"), bnn.TransformerBlock(hidden=32)]
    decoder = [bnn.PositionalEncoding("learnt"), bnn.DecoderBlock(hidden=32)]
    body = [bnn.Embedding(END + 1, WIDTH), bnn.Seq2Seq(LONGEST, encoder, decoder)]
    return bnn.Model(body, bnn.Categorical(), bnn.Normal(scale=1.5, readout_scale=4.0))


def spelled(tokens: np.ndarray) -> str:
    """The letters before the end mark; other tokens become question marks."""
    kept = [int(token) for token in tokens if token not in (0, END)]
    return "".join(LETTERS[token - 1] if token <= len(LETTERS) else "?" for token in kept)


def picture(fit: bnn.Fit, row: np.ndarray, output: str) -> None:
    """Plot the attention to the letters while the string is written: its mean, and a band over draws."""
    maps = bnn.attention_maps(fit, pairs([row])[0]).isel(obs=0, head=0, step=slice(len(row)), time=slice(len(row) + 1))
    low, high = maps.quantile([0.05, 0.95], ("chain", "draw")).to_numpy()
    mean = maps.mean(("chain", "draw")).to_numpy()
    read, written = list(spelled(row)), [*spelled(row[::-1]), "end"]
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", width_ratios=[1, 1.5])
    image = axes[0].imshow(mean, vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(image, ax=axes[0], label="share, mean over draws")
    axes[0].set(xticks=range(len(read)), xticklabels=read, yticks=range(len(written)), yticklabels=written)
    axes[0].set(xlabel="letter looked at", ylabel="letter written")
    for place, letter in enumerate(read):
        at = np.arange(len(written)) + 0.12 * (place - len(read) / 2)
        axes[1].vlines(at, low[:, place], high[:, place], color=f"C{place}", lw=3, alpha=0.5)
        axes[1].plot(at, mean[:, place], "o", color=f"C{place}", ms=4, label=f"{place + 1}: {letter}")
    axes[1].set(xticks=range(len(written)), xticklabels=written, xlabel="letter written", ylabel="share, 90% band")
    axes[1].legend(frameon=False, fontsize="small", title="looked at", ncols=2)
    figure.savefig(output, dpi=120)


def main(quick: bool, output: str) -> None:
    begun = time.perf_counter()
    rows = strings(400 if quick else 4000, seed=0)
    held = rows[: 20 if quick else 200]
    x, y = pairs(rows[len(held) :])
    mode = bnn.MAP(steps=150 if quick else 1200, batch_size=100, learning_rate=0.008, validation=None)
    sampler = bnn.SGHMC(batch_size=100, preconditioner="rmsprop", start=mode)
    few = {"draws": 5, "warmup": 5} if quick else {"draws": 50, "warmup": 50, "thinning": 2}
    fit = bnn.fit(network(), x, y, sampler=sampler, chains=2, key=0, progress=not quick, **few)
    print(f"{len(x)} training strings, {sum(fit.model.sizes(x.shape[1:]).values())} weights")

    prompts = pairs(held)[0][:, : LONGEST + 1]
    drawn = bnn.generate(fit, prompts, LONGEST + 1, end=END, key=1).stack(sample=("chain", "draw"))
    answers = [[spelled(tokens) for tokens in drawn.sel(obs=i).to_numpy().T] for i in range(len(held))]
    wanted = [spelled(row[::-1]) for row in held]
    best, votes = zip(*(Counter(found).most_common(1)[0] for found in answers), strict=True)
    single = np.mean([[answer == want for answer in found] for found, want in zip(answers, wanted, strict=True)])
    exact = np.mean([answer == want for answer, want in zip(best, wanted, strict=True)])
    print(f"exact matches among {len(held)} new strings: {exact:.1%} by most draws, {single:.1%} by a single draw")
    for i in np.argsort(votes)[:3].tolist() + [0, 1]:
        print(
            f"  {spelled(held[i])} -> {best[i]} in {votes[i] / len(answers[i]):.0%} of the draws (right: {wanted[i]})"
        )
    picture(fit, max(held, key=len), output)
    print(f"\n{time.perf_counter() - begun:.0f} s in all; picture: {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few strings, steps and draws: a look at the script only")
    parser.add_argument("--output", default="attention_copy.png", help="where to save the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
