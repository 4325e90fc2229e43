"""A network of a Keras course, rebuilt layer by layer and made Bayesian: is a short review good or bad?

Question: how does averaging over the posterior change a small text classifier, compared with its mode?
Model: Embedding(4), LSTM(4) that reads backwards and returns its state at every word, the mean over words, Dense(4,
relu) and a logistic output. In Keras: Embedding(words, 4), LSTM(4, return_sequences=True, go_backwards=True),
GlobalAveragePooling1D(), Dense(4, "relu"), Dense(1, "sigmoid"). The last of these is the readout of the likelihood, and
all weights have normal priors; padding is ignored in every layer. Draws by SGHMC on minibatches, started at modes.
Result: the number of weights of each layer (the same as in Keras); accuracy, log loss and calibration error on held-out
reviews, for the posterior and for the mode (MAP); a reliability diagram of both.

Run: python examples/course_lstm.py [--train FILE] [--quick] [--output course_lstm.png]
FILE is csv or csv.xz with the columns label and text. Without it, artificial reviews are generated: "never dull" is
praise, "never good" is not, and one label in ten is wrong, so that the best possible accuracy is about 90%.
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

HELD_OUT, LONGEST = 0.2, 60
GOOD = ["good", "moving", "funny", "warm", "clever", "lovely"]
BAD = ["dull", "slow", "empty", "loud", "clumsy", "poor"]
THINGS = ["film", "plot", "cast", "score", "ending", "script"]
FILLERS = ["really", "often", "quite", "mostly", "somehow", "still"]


def made_up(count: int, seed: int = 0) -> pd.DataFrame:
    """Reviews of one to three sentences, each with a word of praise or blame, which "never" reverses."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        label = random.integers(2)
        sentences = []
        for _ in range(random.integers(1, 4)):
            turned = random.random() < 0.4
            word = random.choice(GOOD if label != turned else BAD)
            before = [random.choice(FILLERS)] * random.integers(0, 2)
            after = ["never"] * turned + [random.choice(FILLERS)] * random.integers(0, 2)
            sentences.append(" ".join(["the", random.choice(THINGS), "is", *before, *after, word]))
        rows.append((label if random.random() < 0.9 else 1 - label, " . ".join(sentences)))
    return pd.DataFrame(rows, columns=["label", "text"])


def course_network(vocabulary: bnn.text.Vocabulary) -> bnn.Model:
    """The layers of the course, in order."""
    layers = [
        bnn.Embedding(vocabulary, 4),
        bnn.LSTM(4, return_sequences=True, reverse=True),
        bnn.MeanPool(),
        bnn.Dense(4, "relu"),
    ]
    return bnn.Model(layers, bnn.Bernoulli(), bnn.Normal(readout_scale=4.0))


def main(arguments: argparse.Namespace) -> None:
    quick = arguments.quick
    table = made_up(400 if quick else 1500) if arguments.train is None else pd.read_csv(arguments.train)
    table = table.sample(frac=1.0, random_state=0, ignore_index=True).head(1000 if quick else len(table))
    count = int(len(table) * HELD_OUT)
    train, new = table.iloc[count:], table.iloc[:count]
    vocabulary = bnn.text.learn_vocabulary(train.text, minimum=2, maximum=5000)
    x, x_new = (vocabulary.ids(part.text, LONGEST) for part in (train, new))
    model = course_network(vocabulary)

    rows = len(x)
    mode = bnn.MAP(steps=300 if quick else 2000, batch_size=100, learning_rate=0.02, restarts=2)
    sampler = bnn.SGHMC(step_size=0.4 / rows, batch_size=100, preconditioner="rmsprop", start=mode)
    few = {"draws": 20, "warmup": 20} if quick else {"draws": 150, "warmup": 200, "thinning": 3}
    settings = {"key": 0, "progress": not quick}
    fits = {
        "Bayesian": bnn.fit(model, x, train.label, sampler=sampler, chains=2, **few, **settings),
        "mode": bnn.fit(model, x, train.label, sampler=mode, **settings),
    }
    sizes = pd.Series(fits["mode"].model.sizes(x.shape[1:]), name="weights")
    print(f"{rows} training reviews, {len(vocabulary)} words\n\n{sizes.to_string()}\nsum {sizes.sum()}\n")
    scores = pd.DataFrame({name: bnn.evaluate(fit, x_new, new.label) for name, fit in fits.items()}).T
    print(f"scored on {count} held-out reviews:\n{scores.round(4).to_string()}\n")
    print(bnn.diagnose(fits["Bayesian"]).verdict)

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    for (name, fit), ax in zip(fits.items(), axes, strict=True):
        bnn.plots.reliability(fit, x_new, new.label, ax=ax)
        ax.set_title(name)
    figure.savefig(arguments.output, dpi=120)
    print(f"\npicture: {arguments.output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", help="csv or csv.xz with the columns label and text")
    parser.add_argument("--quick", action="store_true", help="few reviews and draws")
    parser.add_argument("--output", default="course_lstm.png", help="where to save the picture")
    main(parser.parse_args())
