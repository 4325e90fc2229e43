"""Tiny recurrent and attention classifiers: do four chains agree on the function?

Run: python tests/benchmarks/sequences.py [NAME ...] [--sampler nuts] [--draws 500] [--json FILE]

Two tasks. "spots": will the sunspot number of next year be higher than this year, from the last nine (real, n = 240,
noisy; the last 60 years are scored). "never": does a short made-up sentence praise, where "never" turns a word round
(tokens, n = 150)? Every network has fewer than 200 weights.
"""

import argparse
import json
import time

import numpy as np

import bayesnn as bnn

HELD = 60
POSITIONS = bnn.PositionalEncoding()


def spots(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Nine years of the root of the sunspot number (n, 9, 1), and whether the next is higher."""
    values = np.sqrt(bnn.datasets.sunspots().to_numpy())
    windows = np.lib.stride_tricks.sliding_window_view(values, 10)[-rows:]
    return windows[:, :9, None], np.where(windows[:, 9] > windows[:, 8], "up", "down")


def sentences(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Token ids (n, 6): fillers 1 to 3, "never" 4, praise 5 and 6, blame 7 and 8; one label in ten is wrong."""
    random = np.random.default_rng(0)
    found, labels = [], []
    for _ in range(rows):
        good, turned = random.integers(2), random.random() < 0.5
        word = random.choice([5, 6] if good != turned else [7, 8])
        fillers = random.integers(1, 4, size=random.integers(1, 4)).tolist()
        found.append(fillers + [4] * turned + [word] + [int(random.integers(1, 4))] * random.integers(0, 2))
        labels.append("good" if good == (random.random() < 0.9) else "bad")
    return bnn.pad(found, 6), np.array(labels)


def networks(task: str) -> dict[str, list[bnn.layers.Layer]]:
    """The bodies, after an embedding for tokens."""
    first = [bnn.Embedding(9, 3)] if task == "never" else []
    widen = first or [bnn.Dense(4, "tanh")]
    return {
        "elman": [*first, bnn.Elman(4)],
        "gru": [*first, bnn.GRU(3)],
        "lstm": [*first, bnn.LSTM(3)],
        "attention": [*widen, POSITIONS, bnn.SelfAttention(), bnn.MeanPool(), bnn.Dense(3, "tanh")],
    }


def judge(task: str, name: str, few: int, rows: int | None = None, sampler: str = "nuts") -> dict[str, object]:
    """One network by four chains of a sampler, and what `diagnose` says of it."""
    x, y = spots(rows or 240 + HELD) if task == "spots" else sentences(rows or 150 + HELD)
    held = 0 if rows else HELD
    model = bnn.Model(networks(task)[name], bnn.Bernoulli())
    begun = time.perf_counter()
    fit = bnn.fit(model, x[: len(x) - held], y[: len(y) - held], sampler=sampler, draws=few, warmup=few, progress=False)
    seconds, found = time.perf_counter() - begun, bnn.diagnose(fit)
    worst = found.table.loc["f, worst"]
    scores = bnn.evaluate(fit, x[-held:], y[-held:]) if held else {}
    stats = fit.idata["sample_stats"]
    return {
        "weights": sum(fit.model.sizes(x.shape[1:]).values()),
        "r_hat": round(float(worst["r_hat"]), 4),
        "ess_bulk": round(float(worst["ess_bulk"])),
        "ess_tail": round(float(worst["ess_tail"])),
        "divergences": int(stats["diverging"].sum()) if "diverging" in stats else None,
        "steps per draw": round(float(stats["n_steps"].mean())) if "n_steps" in stats else None,
        "modes": [list(group) for group in found.modes],
        "held out": {score: round(float(scores[score]), 3) for score in ("accuracy", "log_loss") if held},
        "verdict": found.verdict,
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [f"{task} {name}" for task in ("spots", "never") for name in networks(task)]
    parser.add_argument("names", nargs="*", help=f"of {names}; all by default")
    parser.add_argument("--sampler", default="nuts", help="nuts, or mclmc for an ensemble of microcanonical chains")
    parser.add_argument("--draws", type=int, default=500, help="a chain, after as many to warm up")
    parser.add_argument("--json", help="where to write the figures")
    arguments = parser.parse_args()
    results = {}
    for case in arguments.names or names:
        results[case] = judge(*case.split(), few=arguments.draws, sampler=arguments.sampler)
        print(case, json.dumps(results[case], indent=1), flush=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
