"""Sequence layers as plain loops over steps, units and gates: what the compiled layers must equal."""

import math

import numpy as np

from bayesnn.layers import (
    GRU,
    LSTM,
    AsSequence,
    AttentionPool,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Elman,
    Flatten,
    Last,
    LayerNorm,
    LowRank,
    MaxPool,
    MeanPool,
    PositionalEncoding,
    Residual,
    SelfAttention,
    Sequential,
    TransformerBlock,
    fix,
)

SHAPE = (5, 2)  # of an example: steps, features


def logistic(e):
    return 1.0 / (1.0 + math.exp(-e))


def dot(weights, values):
    return sum(w * v for w, v in zip(weights, values, strict=True))


def elman_step(w, x, h, c):
    new = [
        math.tanh(dot(w["recurrent_kernel"][0][j], h) + dot(w["input_kernel"][0][j], x) + w["bias"][0][j])
        for j in range(len(h))
    ]
    return new, c


def lstm_step(w, x, h, c):
    def gate(g, j):
        return dot(w["recurrent_kernel"][g][j], h) + dot(w["input_kernel"][g][j], x) + w["bias"][g][j]

    memory = [logistic(gate(0, j)) * c[j] + logistic(gate(1, j)) * math.tanh(gate(3, j)) for j in range(len(h))]
    return [logistic(gate(2, j)) * math.tanh(memory[j]) for j in range(len(h))], memory


def gru_step(w, x, h, c):
    def drive(g, j):
        return dot(w["input_kernel"][g][j], x) + w["bias"][g][j]

    units = range(len(h))
    z = [logistic(dot(w["recurrent_kernel"][0][j], h) + drive(0, j)) for j in units]
    r = [logistic(dot(w["recurrent_kernel"][1][j], h) + drive(1, j)) for j in units]
    held = [r[j] * h[j] for j in units]
    g = [math.tanh(dot(w["recurrent_kernel"][2][j], held) + drive(2, j)) for j in units]
    return [(1 - z[j]) * h[j] + z[j] * g[j] for j in units], c


def gru_after_step(w, x, h, c):
    """The reset gate after the recurrent weights of the proposal, which have a bias."""
    units = range(len(h))
    drive = [[dot(w["input_kernel"][g][j], x) + w["bias"][g][j] for j in units] for g in range(3)]
    back = [[dot(w["recurrent_kernel"][g][j], h) for j in units] for g in range(3)]
    z, r = ([logistic(drive[g][j] + back[g][j]) for j in units] for g in (0, 1))
    g = [math.tanh(drive[2][j] + r[j] * (back[2][j] + w["recurrent_bias"][j])) for j in units]
    return [(1 - z[j]) * h[j] + z[j] * g[j] for j in units], c


def recurrent(step, *, sequences=False, reverse=False):
    def loop(weights, x):
        units = weights["bias"].shape[1]
        h, c = list(weights.get("initial", np.zeros(units))), [0.0] * units
        states = [None] * len(x)
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            h, c = step(weights, x[t], h, c)
            states[t] = h
        return np.array(states if sequences else h)

    return loop


def both_ways(step, **options):
    def loop(weights, x):
        parts = [
            recurrent(step, reverse=reverse, **options)(without_prefix(weights, part), x)
            for part, reverse in (("forward", False), ("backward", True))
        ]
        return np.concatenate(parts, axis=-1)

    return loop


def without_prefix(weights, part):
    return {name.removeprefix(f"{part}_"): w for name, w in weights.items() if name.startswith(f"{part}_")}


def turned(values, t):
    """Pair i as a complex number, times exp(i t / 10000^(2i/size)): J. Su et al. (2021), equation (13)."""
    size = len(values)
    turns = [complex(math.cos(a), math.sin(a)) for a in (t / 10000 ** (2 * i / size) for i in range(size // 2))]
    pairs = [complex(values[2 * i], values[2 * i + 1]) * turn for i, turn in enumerate(turns)]
    return [part for pair in pairs for part in (pair.real, pair.imag)]


def attention(heads, causal=False, rotary=False):
    def loop(weights, x):
        width, size = x.shape[1], weights["query"].shape[1]
        out = np.array([weights["bias"]] * len(x))

        def projected(role, h, t):
            bias = weights.get(f"{role}_bias", np.zeros((heads, size)))
            values = [dot(weights[role][h][f], x[t]) + bias[h][f] for f in range(size)]
            return turned(values, t) if rotary and role != "value" else values

        for t in range(len(x)):
            for h in range(heads):
                ask = projected("query", h, t)
                seen = range(t + 1 if causal else len(x))
                scores = [dot(ask, projected("key", h, s)) / math.sqrt(size) for s in seen]
                share = np.exp(scores) / np.sum(np.exp(scores))
                mixed = [sum(share[s] * projected("value", h, s)[f] for s in seen) for f in range(size)]
                for u in range(width):
                    out[t][u] += dot(weights["output"][u][h], mixed)
        return out

    return loop


def norm(weights, x):
    rows = []
    for step in x:
        mean = sum(step) / len(step)
        variance = sum((v - mean) ** 2 for v in step) / len(step)
        rows.append([(v - mean) / math.sqrt(variance + 1e-5) for v in step] * (1 + weights["gain"]) + weights["bias"])
    return np.array(rows)


def dense_at_each_step(psi):
    def loop(weights, x):
        units = range(len(weights["bias"]))
        return np.array([[psi(dot(weights["kernel"][j], step) + weights["bias"][j]) for j in units] for step in x])

    return loop


def block(heads, causal=False, pre=False, rotary=False):
    def loop(weights, x):
        part = lambda name: without_prefix(weights, name)  # noqa: E731
        if pre:
            x = x + attention(heads, causal, rotary)(part("attention"), norm(part("first_norm"), x))
            inner = dense_at_each_step(lambda e: max(e, 0.0))(part("up"), norm(part("second_norm"), x))
            return x + dense_at_each_step(lambda e: e)(part("down"), inner)
        x = norm(part("first_norm"), x + attention(heads, causal)(part("attention"), x))
        inner = dense_at_each_step(lambda e: max(e, 0.0))(part("up"), x)
        return norm(part("second_norm"), x + dense_at_each_step(lambda e: e)(part("down"), inner))

    return loop


def in_turn(*parts):
    """Layers one after the other, each with the weights of its prefix."""

    def loop(weights, x):
        for name, part in parts:
            x = part(without_prefix(weights, name), x)
        return x

    return loop


def convolution(before, after):
    def loop(weights, x):
        units, _, width = weights["kernel"].shape
        out = np.array([weights["bias"]] * len(x))
        for t in range(len(x)):
            for j in range(units):
                for k, s in enumerate(range(t - before, t + after + 1)):
                    if 0 <= s < len(x):
                        out[t][j] += sum(weights["kernel"][j][k][i] * x[s][i] for i in range(width))
        return np.tanh(out)

    return loop


def sines(weights, x):
    """Formula by formula of Vaswani et al. (2017), section 3.5: pair i has wavelength 10000^(2i/d)."""
    out = np.array(x)
    for t in range(len(x)):
        for i in range(x.shape[1]):
            angle = t / 10000 ** (2 * (i // 2) / x.shape[1])
            out[t][i] += math.cos(angle) if i % 2 else math.sin(angle)
    return out


def attention_pool(growth):
    def loop(w, x):
        pooled = []
        for query in w["query"]:
            shares = [math.exp(dot(query, step)) for step in x]
            pooled += [sum(s * step[i] for s, step in zip(shares, x)) / sum(shares) for i in range(x.shape[1])]
        return np.array(pooled) * len(x) ** growth

    return loop


GIVEN = {
    name: np.cos(np.arange(weight.shape[0] * np.prod(weight.shape[1:], dtype=int))).reshape(weight.shape)
    for name, weight in Elman(3).weights(SHAPE).items()
}


def low_rank(scale):
    """A simple recurrent layer whose given kernels are changed by the products of their factors."""

    def loop(w, x):
        weights = dict(GIVEN)
        for name in ("input_kernel", "recurrent_kernel"):
            up, down = w[f"{name}_up"], w[f"{name}_down"]
            rows = [[scale * dot(up[j], down[:, i]) for i in range(down.shape[1])] for j in range(len(up))]
            weights[name] = GIVEN[name] + np.array(rows)[None]
        return recurrent(elman_step)(weights, x)

    return loop


SEQUENCES = {
    "elman": (Elman(3), SHAPE, recurrent(elman_step)),
    "elman, all states": (Elman(3, return_sequences=True), SHAPE, recurrent(elman_step, sequences=True)),
    "lstm": (LSTM(3), SHAPE, recurrent(lstm_step)),
    "lstm, all states, reversed": (
        LSTM(2, return_sequences=True, reverse=True),
        SHAPE,
        recurrent(lstm_step, sequences=True, reverse=True),
    ),
    "lstm, initial state": (LSTM(2, learn_initial=True), SHAPE, recurrent(lstm_step)),
    "gru": (GRU(3), SHAPE, recurrent(gru_step)),
    "gru, all states": (GRU(2, return_sequences=True), SHAPE, recurrent(gru_step, sequences=True)),
    "gru, reset after": (GRU(3, reset_after=True), SHAPE, recurrent(gru_after_step)),
    "gru, reversed": (GRU(2, reverse=True), SHAPE, recurrent(gru_step, reverse=True)),
    "bidirectional": (Bidirectional(GRU(2)), SHAPE, both_ways(gru_step)),
    "bidirectional, all states": (
        Bidirectional(LSTM(2, return_sequences=True)),
        SHAPE,
        both_ways(lstm_step, sequences=True),
    ),
    "attention": (SelfAttention(2), (5, 4), attention(2)),
    "attention, causal": (SelfAttention(1, size=3, causal=True), SHAPE, attention(1, causal=True)),
    "attention, biases": (SelfAttention(2, bias=True, rotary=True), (5, 4), attention(2, rotary=True)),
    "attention, rotary": (SelfAttention(1, size=4, rotary=True), (5, 3), attention(1, rotary=True)),
    "transformer block, norm first": (
        TransformerBlock(2, hidden=3, norm="pre", bias=True, rotary=True),
        (5, 4),
        block(2, pre=True, rotary=True),
    ),
    "several layers": (
        Sequential([Dense(3, "tanh"), SelfAttention(causal=True), LayerNorm()]),
        SHAPE,
        in_turn(
            ("dense0", dense_at_each_step(math.tanh)),
            ("selfattention1", attention(1, causal=True)),
            ("layernorm2", norm),
        ),
    ),
    "residual around several layers": (
        Residual(Sequential([LayerNorm(), Dense(2, "tanh")])),
        SHAPE,
        lambda w, x: x + in_turn(("layernorm0", norm), ("dense1", dense_at_each_step(math.tanh)))(w, x),
    ),
    "layer norm": (LayerNorm(), (5, 4), norm),
    "transformer block": (TransformerBlock(2, hidden=3), (5, 4), block(2)),
    "transformer block, causal": (TransformerBlock(causal=True), (5, 3), block(1, causal=True)),
    "convolution": (Conv1D(2, 3, "tanh"), SHAPE, convolution(1, 1)),
    "convolution, causal": (Conv1D(3, 2, "tanh", causal=True), SHAPE, convolution(1, 0)),
    "positions, sinusoidal": (PositionalEncoding(), (5, 3), sines),
    "positions, learnt": (PositionalEncoding("learnt", 7), SHAPE, lambda w, x: x + w["positions"][: len(x)]),
    "dense at each step": (Dense(3, "tanh"), SHAPE, dense_at_each_step(math.tanh)),
    "residual around a sequence": (
        Residual(Elman(2, return_sequences=True)),
        SHAPE,
        lambda w, x: x + recurrent(elman_step, sequences=True)(w, x),
    ),
    "lags as a sequence": (AsSequence(), (4,), lambda w, x: x[::-1, None]),
    "lags and others": (AsSequence(3), (5,), lambda w, x: np.array([[x[k], x[3], x[4]] for k in (2, 1, 0)])),
    "mean": (MeanPool(), SHAPE, lambda w, x: np.array([sum(x[:, i]) / len(x) for i in range(x.shape[1])])),
    "maximum": (MaxPool(), SHAPE, lambda w, x: np.array([max(x[:, i]) for i in range(x.shape[1])])),
    "attention pool": (AttentionPool(2), SHAPE, attention_pool(0.0)),
    "attention pool, growing": (AttentionPool(1, growth=0.5), SHAPE, attention_pool(0.5)),
    "dropout, where nothing is dropped": (Dropout(), SHAPE, lambda w, x: x),
    "last": (Last(), SHAPE, lambda w, x: x[-1]),
    "flatten": (Flatten(), SHAPE, lambda w, x: np.concatenate(list(x))),
    "fixed at given weights": (fix(Elman(3), GIVEN), SHAPE, lambda w, x: recurrent(elman_step)(GIVEN, x)),
    "low rank": (LowRank(Elman(3), GIVEN, rank=2, scale=0.5), SHAPE, low_rank(0.5)),
}
