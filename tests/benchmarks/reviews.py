"""Film reviews: Bayesian networks of two kinds beside their deterministic twins, on two corpora.

Run: python tests/benchmarks/reviews.py [CASE ...] [--inner] [--size 0.7] [--temperature 1] [--quick] [--seed 0]
    [--json reviews.json]

Cases: mr (sentences of B. Pang and L. Lee, 2005, one random split of 90/10), imdb (the 20,000 and 5,000 reviews of
`examples/imdb_sentiment.py`), both by attention on the set of words and word pairs; lstm (the same reviews by an LSTM
that reads their last 200 words in order, and an ensemble of such). All by default. Scores are of the part that no
network has learnt from; with --inner, of a sixth of the others, as settings are chosen. The twin is the mode of the
same network (MAP). Data come from BAYESNN_SHARED_DATA, or `shared/data` beside the repository.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

warnings.filterwarnings("ignore", category=FutureWarning)

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import bayesnn as bnn  # noqa: E402

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def imdb(quick, seed):
    """Reviews to learn from and to score, shuffled and split as the example does, whatever the seed."""
    table = pd.read_csv(FOLDER / "imdb" / "train.csv.xz").sample(frac=1.0, random_state=0, ignore_index=True)
    table = table.head(1500) if quick else table
    table["text"] = table.text.str.replace("<br />", " ")
    return table.iloc[len(table) // 5 :], table.iloc[: len(table) // 5]


def mr(quick, seed):
    """Sentences, nine tenths and one tenth, split by the seed."""
    parts = []
    for label, name in enumerate(("neg", "pos")):
        lines = (FOLDER / "mr_polarity" / f"rt-polarity.{name}").read_text(encoding="latin-1").strip().split("\n")
        parts.append(pd.DataFrame({"label": label, "text": lines}))
    table = pd.concat(parts, ignore_index=True)
    table = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    table = table.head(1500) if quick else table
    return table.iloc[len(table) // 10 :], table.iloc[: len(table) // 10]


def bag(vocabulary, texts, length):
    """Ids (n, length) of the distinct tokens of each text, the rarest ones where there are more."""
    ids = (row for i in range(0, len(texts), 500) for row in vocabulary.ids(texts[i : i + 500]))
    return bnn.pad([np.unique(row[row > 0])[-length:] for row in ids], length)


def bags(train, new, *, maximum, length, size=0.7):
    """Sets of words and pairs, a number each, pooled by attention; the prior mean of a token is the log ratio of its
    frequencies in the two classes, brought to `size`, its prior scale the wider the rarer it is.
    """
    vocabulary = bnn.text.learn_vocabulary(train.text, most=2, maximum=maximum)
    x, x_new = (bag(vocabulary, list(part.text), length) for part in (train, new))
    mean = size * bnn.text.log_ratios(x, train.label, vocabulary)[:, None]
    embedding = bnn.Embedding(vocabulary, initial=mean, scale=bnn.text.rarity(x, vocabulary))
    return x, x_new, [embedding, bnn.AttentionPool(growth=0.5)]


def words(train, new, *, maximum, length):
    """The last words in their order, read by an LSTM whose states are averaged."""
    vocabulary = bnn.text.learn_vocabulary(train.text, maximum=maximum)
    x, x_new = (vocabulary.ids(part.text, length, keep="last") for part in (train, new))
    return x, x_new, [bnn.Embedding(vocabulary, 16), bnn.LSTM(16, return_sequences=True), bnn.MeanPool()]


class Case(NamedTuple):
    """Reviews, what a network reads of them, and how the fits are made; `step` is the step size times the rows.

    Where it is None, an ensemble of modes stands in for the posterior.
    """

    corpus: Any
    network: Any
    sizes: dict
    epochs: int
    rate: float
    temperature: float
    step: float | None = None
    counts: tuple[int, int, int] = (1, 1, 1)  # draws, warm-up, thinning


CASES = {
    "mr": Case(mr, bags, {"maximum": 60_000, "length": 60, "size": 0.5}, 2, 0.03, 1.0, 38.0, (200, 200, 10)),
    "imdb": Case(imdb, bags, {"maximum": 80_000, "length": 500}, 4, 0.02, 1.0, 30.0, (150, 200, 10)),
    "lstm": Case(imdb, words, {"maximum": 10_000, "length": 200}, 3, 0.02, 1.0),
}


MEMBERS = 4


def samplers(case, rows, temperature, quick):
    """Sampler and counts by name: the twin; minibatch dynamics from draws of the prior, or an ensemble of twins."""
    steps = case.epochs * rows // 100
    climb = {"steps": steps, "batch_size": 100, "learning_rate": case.rate, "validation": None, "patience": steps}
    mode = bnn.MAP(**climb, restarts=1, precision="single")
    if case.step is None:
        return {"twin": (mode, {}), f"ensemble of {MEMBERS}": (bnn.Ensemble(MEMBERS, mode), {})}
    temperature = case.temperature if temperature is None else temperature
    how = {"temperature": temperature, "preconditioner": "rmsprop", "damping": 0.1, "start": None}
    counts = dict(zip(("draws", "warmup", "thinning"), (4, 4, 1) if quick else case.counts, strict=True))
    sampler = bnn.SGHMC(step_size=case.step / rows, **how)
    return {"twin": (mode, {}), f"SGHMC, temperature {temperature:g}": (sampler, counts | {"chains": 2})}


def measure(name, temperature, seed, quick, inner, size):
    """Scores and seconds of both fits."""
    case = CASES[name]
    train, new = case.corpus(quick, seed)
    if inner:
        train, new = train.iloc[len(train) // 6 :], train.iloc[: len(train) // 6]
    sizes = case.sizes | ({"maximum": 2000, "length": 30} if quick else {})
    sizes = sizes | {"size": size} if size is not None and case.network is bags else sizes
    x, x_new, layers = case.network(train, new, **sizes)
    y, y_new = train.label.to_numpy(), new.label.to_numpy()
    model = bnn.Model(layers, bnn.Bernoulli(), bnn.Normal(scale=1.0, readout_scale=2.0))
    found = {"rows": len(y), "scored": len(y_new)}
    for what, (spec, counted) in samplers(case, len(y), temperature, quick).items():
        begun = time.perf_counter()
        fit = bnn.fit(model, x, y, sampler=spec, key=seed, progress=False, **counted)
        scores = bnn.evaluate(fit, x_new, y_new)
        found[what] = scores.to_dict() | {"seconds": time.perf_counter() - begun}
        print(name, what, {k: round(v, 4) for k, v in found[what].items()}, flush=True)
    return found


def main():
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--temperature", type=float, help="instead of the one of each case")
    parser.add_argument("--inner", action="store_true", help="score a part of the rows to learn from")
    parser.add_argument("--size", type=float, help="of the prior means of tokens, instead of the one of each case")
    parser.add_argument("--quick", action="store_true", help="few reviews, tokens and draws")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="where to save the results")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.cases) - set(CASES))
    if unknown:
        parser.error(f"cases are {', '.join(CASES)}, got {', '.join(unknown)}")
    settings = chosen.temperature, chosen.seed, chosen.quick, chosen.inner, chosen.size
    found = {n: measure(n, *settings) for n in chosen.cases or CASES}
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
