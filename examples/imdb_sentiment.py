"""Film reviews by a Bayesian attention network on words and pairs of words, sampled by SGHMC.

Question: is a review good or bad, how sure can we be, and what does averaging over the posterior change?
Model: the set of words and word pairs of a review, one number per token (`Embedding`), pooled by attention with a
learnt query (`AttentionPool`), and a logistic readout; posterior draws by stochastic gradient Hamiltonian Monte Carlo.
The prior of a token's number is normal. Its mean is the log ratio of the token's frequencies in the two classes, as in
naive Bayes, so that the prior has seen the labels (empirical Bayes); its standard deviation is larger for rarer tokens.
Result: accuracy, log loss and calibration error of the posterior and of the mode (MAP) of the same network, on --test
or else on reviews held out of --train; the reviews with the most uncertain predictions; a reliability diagram.

Run: python examples/imdb_sentiment.py --train FILE [--test FILE] [--temperature 1] [--quick] [--json OUT]
Files are csv or csv.xz with the columns label and text, such as the 25,000 reviews of A. Maas et al. (2011), ACL.
"""

import argparse
import json
import time

import matplotlib

matplotlib.use("Agg")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import bayesnn as bnn  # noqa: E402

HELD_OUT = 0.2
SIZE = 0.7  # root mean square of the prior means, chosen among 0.35, 0.5 and 0.7 with 3,000 of the training reviews


def read(train: str, test: str | None, quick: bool) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Training rows, rows to score, and a description of the latter."""
    table = pd.read_csv(train).sample(frac=1.0, random_state=0, ignore_index=True)
    table = table.head(1500) if quick else table
    if test is not None:
        return table, pd.read_csv(test), test
    count = int(len(table) * HELD_OUT)
    return table.iloc[count:], table.iloc[:count], f"{count} reviews held out of {train}"


def bags(vocabulary: bnn.text.Vocabulary, texts: list[str], length: int) -> np.ndarray:
    """Ids (n, length) of the distinct tokens of each text; if there are more than `length`, the rarest ones."""
    rows = []
    for start in range(0, len(texts), 500):
        rows += [np.unique(row[row > 0])[-length:] for row in vocabulary.ids(texts[start : start + 500])]
    return bnn.pad(rows, length)


def specs(rows: int, temperature: float, quick: bool) -> tuple[bnn.MAP, bnn.SGHMC, dict]:
    """Settings for the mode and for sampling the posterior."""
    steps = 4 * rows // 100
    mode = bnn.MAP(steps=steps, batch_size=100, learning_rate=0.02, validation=None, restarts=1, patience=steps)
    sampler = bnn.SGHMC(step_size=30 / rows, temperature=temperature, preconditioner="rmsprop", damping=0.1, start=None)
    few = {"draws": 10, "warmup": 20, "thinning": 2} if quick else {"draws": 150, "warmup": 200, "thinning": 10}
    return mode, sampler, {"chains": 2} | few


def main(arguments: argparse.Namespace) -> None:
    begun = time.perf_counter()
    quick = arguments.quick
    train, scored, part = read(arguments.train, arguments.test, quick)
    texts, new = ([text.replace("<br />", " ") for text in t.text] for t in (train, scored))
    vocabulary = bnn.text.learn_vocabulary(texts, most=2, maximum=4_000 if quick else 80_000)
    length = 150 if quick else 500
    x, x_new = bags(vocabulary, texts, length), bags(vocabulary, new, length)
    y, y_new = train.label.to_numpy(), scored.label.to_numpy()
    prior = bnn.Normal(scale=1.0, readout_scale=2.0)
    mean = SIZE * bnn.text.log_ratios(x, y, vocabulary)[:, None]
    embedding = bnn.Embedding(vocabulary, initial=mean, scale=bnn.text.rarity(x, vocabulary))
    layers = [embedding, bnn.AttentionPool(growth=0.5)]
    model = bnn.Model(layers, bnn.Bernoulli(), prior)
    mode, sampler, counts = specs(len(y), arguments.temperature, quick)
    settings = {"key": 0, "progress": not quick}
    twin = bnn.fit(model, x, y, sampler=mode, **settings)
    fit = bnn.fit(model, x, y, sampler=sampler, **settings, **counts)

    scores = pd.DataFrame({"Bayesian": bnn.evaluate(fit, x_new, y_new), "twin": bnn.evaluate(twin, x_new, y_new)}).T
    print(f"scored on {part}:\n{scores.round(4).to_string()}\n")

    uncertainty = bnn.decompose(fit, x_new)
    unsure = uncertainty.total.sort_values(ascending=False).index[:5]
    probability = bnn.predict(fit, x_new, kind="probability").mean(("chain", "draw")).to_numpy()[:, 1]
    print("least sure (entropy in nats: total = parameter + noise):")
    for i in unsure:
        of, text = uncertainty.loc[i], new[i][:150].replace("\n", " ")
        print(
            f"  P(good) {probability[i]:.2f}, label {y_new[i]}, {of.total:.3f} = "
            f"{of.parameter:.3f} + {of.noise:.3f}: {text}"
        )

    figure = bnn.plots.reliability(fit, x_new, y_new).figure
    figure.savefig(arguments.output, dpi=120)
    seconds = time.perf_counter() - begun
    print(f"\n{seconds:.0f} s in all; picture: {arguments.output}")
    if arguments.json:
        best = scores.loc["Bayesian"]
        found = {name: float(best[name]) for name in ("accuracy", "log_loss", "ece")}
        found |= {"seconds": seconds, "part": part, "temperature": arguments.temperature}
        found |= {"twin": scores.loc["twin"].to_dict()}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="csv or csv.xz with the columns label and text")
    parser.add_argument("--test", help="the same, to be scored on")
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="1: the posterior; below 1: a narrower distribution",
    )
    parser.add_argument("--quick", action="store_true", help="few reviews, tokens and draws")
    parser.add_argument("--json", help="where to write the scores")
    parser.add_argument("--output", default="imdb.png", help="where to save the picture")
    main(parser.parse_args())
