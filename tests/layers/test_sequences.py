"""What every sequence layer guarantees: padding changes nothing, causal layers do not look ahead, nor do gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sequence_loops import SEQUENCES

from bayesnn._internal.runtime import double
from bayesnn.layers import (
    GRU,
    LSTM,
    AsSequence,
    AttentionPool,
    Bidirectional,
    Conv1D,
    DecoderBlock,
    Dense,
    Dropout,
    Elman,
    Embedding,
    Flatten,
    Last,
    Layer,
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
from bayesnn.models.model import Model
from bayesnn.models.network import Network
from bayesnn.prediction.predict import predict
from bayesnn.priors import Hierarchical, Horseshoe, Normal

SHAPE, REAL = (6, 4), 4  # steps and features, of which the first steps are real


def given(layer):
    """Fixed numbers for every weight of a layer."""
    return {n: np.sin(np.arange(1.0, 1.0 + w.size)).reshape(w.shape) for n, w in sized(layer).items()}


def sized(layer):
    """Arrays of the shapes of a layer's weights."""
    return {name: np.empty(weight.shape) for name, weight in layer.weights(SHAPE).items()}


PADDED = {
    "elman": Elman(3),
    "elman, all states": Elman(3, return_sequences=True),
    "elman, reversed": Elman(3, reverse=True),
    "lstm": LSTM(3),
    "lstm, reversed, all states": LSTM(3, return_sequences=True, reverse=True),
    "lstm, initial state": LSTM(3, learn_initial=True, reverse=True),
    "gru": GRU(3),
    "gru, reset after": GRU(3, reset_after=True),
    "lstm, truncated": LSTM(3, learn_initial=True, truncate=2),
    "gru, truncated, reversed": GRU(3, reverse=True, learn_initial=True, truncate=3),
    "bidirectional": Bidirectional(LSTM(2)),
    "bidirectional, all states": Bidirectional(GRU(2, return_sequences=True)),
    "attention": SelfAttention(2),
    "attention, causal": SelfAttention(2, causal=True),
    "attention, biases": SelfAttention(2, bias=True),
    "attention, rotary": SelfAttention(2, rotary=True, causal=True),
    "transformer block": TransformerBlock(2),
    "transformer block, norm first": TransformerBlock(2, norm="pre", bias=True, rotary=True),
    "several layers": Sequential([Dense(4, "tanh"), SelfAttention(2), LSTM(3, return_sequences=True), Last()]),
    "convolution": Conv1D(3),
    "convolution, causal": Conv1D(3, causal=True),
    "positions": PositionalEncoding(),
    "positions, learnt": PositionalEncoding("learnt"),
    "layer norm": LayerNorm(),
    "dense": Dense(3, "tanh"),
    "dropout": Dropout(),
    "mean": MeanPool(),
    "maximum": MaxPool(),
    "last": Last(),
    "attention pool": AttentionPool(2, growth=0.5),
    "fixed at given weights": fix(TransformerBlock(2, hidden=3), given(TransformerBlock(2, hidden=3))),
    "low rank": LowRank(Bidirectional(LSTM(2)), given(Bidirectional(LSTM(2))), rank=1),
    "low rank, block": LowRank(TransformerBlock(2, norm="pre"), given(TransformerBlock(2, norm="pre")), rank=1),
    "gru, reset after, reversed": GRU(3, return_sequences=True, reverse=True, learn_initial=True, reset_after=True),
    "bidirectional, reset after": Bidirectional(GRU(2, reset_after=True)),
    "transformer block, exact gelu": TransformerBlock(2, activation="gelu_exact", bias=True),
    "attention only": Sequential([Residual(SelfAttention(2, causal=True)), Residual(SelfAttention(2, rotary=True))]),
    "attention only, norm first": Sequential([Residual(Sequential([LayerNorm(), SelfAttention(2)]))]),
    "convolution, wide window": Conv1D(3, window=5),
}
CAUSAL = {
    "elman": Elman(3, return_sequences=True),
    "lstm": LSTM(3, return_sequences=True),
    "gru": GRU(3, return_sequences=True),
    "gru, reset after": GRU(3, return_sequences=True, reset_after=True),
    "attention": SelfAttention(2, causal=True),
    "attention, rotary": SelfAttention(2, causal=True, bias=True, rotary=True),
    "transformer block": TransformerBlock(2, causal=True),
    "transformer block, norm first": TransformerBlock(2, causal=True, norm="pre", rotary=True),
    "several layers": Sequential([Residual(Dense(4)), SelfAttention(2, causal=True), Elman(3, return_sequences=True)]),
    "convolution": Conv1D(3, causal=True),
    "positions": PositionalEncoding(),
    "layer norm": LayerNorm(),
    "dense": Dense(3),
    "fixed at given weights": fix(SelfAttention(2, causal=True), given(SelfAttention(2))),
    "low rank": LowRank(SelfAttention(2, causal=True), given(SelfAttention(2)), rank=2),
    "gru, reset after, initial state": GRU(3, return_sequences=True, learn_initial=True, reset_after=True),
    "transformer block, exact gelu": TransformerBlock(2, causal=True, activation="gelu_exact", bias=True),
    "attention only": Sequential([Residual(SelfAttention(2, causal=True, rotary=r)) for r in (True, False)]),
    "attention only, norm first": Residual(Sequential([LayerNorm(), SelfAttention(2, causal=True)])),
    "convolution, even window": Conv1D(3, window=2, causal=True),
}
AHEAD = {
    "reversed": LSTM(3, return_sequences=True, reverse=True),
    "bidirectional": Bidirectional(GRU(2, return_sequences=True)),
    "attention": SelfAttention(2),
    "convolution": Conv1D(3),
}


def weights_of(layer: Layer, shape=SHAPE):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=w.shape) for name, w in layer.weights(shape).items()}


def example():
    return np.random.default_rng(1).normal(size=SHAPE)


def at_real_steps(value):
    return value[:REAL] if value.ndim > 1 else value


def padded(rubbish):
    """The example's real steps followed by rubbish, and its mask."""
    x = example()
    x[REAL:] = rubbish
    return jnp.asarray(x), jnp.arange(SHAPE[0]) < REAL


@pytest.mark.first_case
@pytest.mark.parametrize("layer", PADDED.values(), ids=PADDED)
def test_padding_changes_no_value(layer):
    apply = jax.jit(layer.apply)
    with double():
        weights = weights_of(layer)
        position = {n: w[:REAL] for n, w in weights.items() if n == "positions"}
        short = np.asarray(apply(weights | position, padded(0.0)[0][:REAL]))
        for rubbish in (0.0, 7.0, -1e3):
            long = at_real_steps(np.asarray(apply(weights, *padded(rubbish))))
            np.testing.assert_allclose(long, short, rtol=1e-12, atol=1e-13)


@pytest.mark.first_case
@pytest.mark.parametrize("layer", PADDED.values(), ids=PADDED)
def test_padding_changes_no_gradient_and_has_none(layer):
    with double():
        weights = weights_of(layer)
        x, mask = padded(3.0)

        def total(weights, x, mask=None):
            value = layer.apply(weights, x, mask)
            return jnp.sum(jnp.sin(value[:REAL] if value.ndim > 1 else value))

        slopes = jax.jit(jax.grad(total, argnums=(0, 1)))
        (long, of_x), (short, of_short) = slopes(weights, x, mask), slopes(weights, x[:REAL])
    for name in weights:
        np.testing.assert_allclose(long[name], short[name], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(of_x[:REAL], of_short, rtol=1e-10, atol=1e-12)
    assert not np.any(of_x[REAL:])


def test_pooling_that_counted_padding_would_be_noticed():
    x, mask = padded(5.0)
    assert not np.allclose(MeanPool().apply({}, x), MeanPool().apply({}, x, mask))
    assert not np.allclose(Last().apply({}, x), Last().apply({}, x, mask))
    assert not np.allclose(Flatten().apply({}, x), Flatten().apply({}, x, mask))


def sensitivity(layer):
    """|d output at step t / d input at step s|, (time, time)."""
    with double():
        weights = weights_of(layer)
        derivative = jax.jit(jax.jacobian(lambda x: layer.apply(weights, x)))(jnp.asarray(example()))
        return np.abs(derivative).sum(axis=(1, 3))


@pytest.mark.parametrize("layer", CAUSAL.values(), ids=CAUSAL)
def test_a_causal_layer_ignores_later_steps(layer):
    slopes = sensitivity(layer)
    assert not np.triu(slopes, 1).any()
    assert np.diag(slopes).all()


@pytest.mark.first_case
@pytest.mark.parametrize("layer", AHEAD.values(), ids=AHEAD)
def test_the_other_layers_do_look_ahead(layer):
    assert np.triu(sensitivity(layer), 1).any()


@pytest.mark.first_case
@pytest.mark.parametrize("layer", PADDED.values(), ids=PADDED)
def test_the_order_of_the_batch_does_not_matter(layer):
    layers = (layer,) if len(layer.output_shape(SHAPE)) == 1 else (layer, MeanPool())
    network = Network(layers)
    rng = np.random.default_rng(2)
    with double():
        weights = {n: jnp.asarray(rng.normal(size=w.shape)) for n, w in network.weights(SHAPE).items()}
        x, order = jnp.asarray(rng.normal(size=(5, *SHAPE))), np.array([3, 0, 4, 1, 2])
        apply = jax.jit(network.apply)
        np.testing.assert_allclose(apply(weights, x)[order], apply(weights, x[order]), rtol=1e-12)


def test_attention_weights_are_those_of_the_layer():
    """Mixed by the values and mapped, they give the layer's output; rows sum to one; padding and future get none."""
    layer = SelfAttention(2, causal=True)
    with double():
        weights = weights_of(layer)
        x, mask = padded(2.0)
        share = np.asarray(layer.attention(weights, x, mask))
        value = np.einsum("hfw,tw->thf", weights["value"], x)
        mixed = np.einsum("hts,shf->thf", share, value)
        output = np.einsum("uhf,thf->tu", weights["output"], mixed) + weights["bias"]
        np.testing.assert_allclose(output, layer.apply(weights, x, mask), rtol=1e-10)
    np.testing.assert_allclose(share.sum(axis=-1), 1.0, rtol=1e-12)
    assert not share[..., REAL:].any()
    assert not np.triu(share, 1).any()


@pytest.mark.first_case
@pytest.mark.parametrize("layer", CAUSAL.values(), ids=CAUSAL)
def test_causal_layers_give_the_same_step_by_step(layer):
    assert layer.stepwise
    with double():
        weights, x = {n: jnp.asarray(w) for n, w in weights_of(layer).items()}, jnp.asarray(example())

        def one(kept, now):
            return layer.step(weights, kept, *now)

        steps = jax.jit(lambda x: jax.lax.scan(one, layer.before(weights, SHAPE), (x, jnp.arange(len(x))))[1])(x)
        np.testing.assert_allclose(steps, layer.apply(weights, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [*AHEAD.values(), GRU(3), MeanPool()])
def test_layers_that_see_later_steps_do_not_go_step_by_step(layer):
    assert not layer.stepwise


def test_every_sequence_layer_has_a_padding_row():
    exempt = {"AsSequence", "Flatten", "Residual"}  # they make sequences, need fixed lengths, or wrap
    assert {type(layer).__name__ for layer, _, _ in SEQUENCES.values()} - exempt == {
        type(layer).__name__ for layer in PADDED.values()
    }


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (LSTM(3), (4,), r"LSTM needs sequences \(time, features\), got examples of shape \(4,\): turn lags into a"),
        (MeanPool(), (4,), "MeanPool needs sequences"),
        (
            SelfAttention(3),
            (5, 4),
            "a width that is a multiple of its 3 heads, got 4: give size= or another",
        ),
        (SelfAttention(1, rotary=True), (5, 3), "turns pairs of features, so a head must have an even size, got 3"),
        (PositionalEncoding("learnt", 3), (5, 4), "sequences must have at most 3 steps, as PositionalEncoding says, g"),
        (AsSequence(), (5, 2), "AsSequence needs a vector of lags, got examples of shape"),
        (AsSequence(3), (2,), r"AsSequence needs 3 lags, got 2 input\(s\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.weights(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0), "units must be a whole number of at least 1, got 0"),
        (lambda: Conv1D(3, 2), "window must be odd unless causal=True"),
        (lambda: Conv1D(3, activation="sigmoid"), "unknown activation"),
        (lambda: Bidirectional(Dense(3)), "Bidirectional must wrap a recurrent layer that reads forwards"),
        (lambda: Bidirectional(LSTM(3, reverse=True)), "Bidirectional must wrap a recurrent layer that reads forwards"),
        (lambda: PositionalEncoding("fourier"), "unknown kind 'fourier'"),
        (lambda: TransformerBlock(norm="both"), "unknown norm 'both': choose one of 'post', 'pre'"),
        (lambda: Sequential([]), r"Sequential takes a sequence of layers such as \[Dense\(8\), Dense\(4\)\], got"),
        (
            lambda: Sequential([Dense(3), Embedding(5, 2)]),
            "Embedding must be the first layer of a model, got",
        ),
        (lambda: Sequential([DecoderBlock()]), "DecoderBlock must stand in the decoder of Seq2Seq"),
        (lambda: SelfAttention(0), "heads must be a whole number"),
        (lambda: TransformerBlock(activation=3), "unknown activation 3"),
        (lambda: LayerNorm(0.0), "epsilon must be a finite number above zero"),
        (lambda: AsSequence(0), "lags must be a whole number of at least 1, got 0"),
    ],
)
def test_impossible_specs_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


BODIES = {
    "elman": (AsSequence(), Elman(2)),
    "lstm, then gru": (AsSequence(), LSTM(3, return_sequences=True), GRU(2), Dense(2, "tanh")),
    "bidirectional": (AsSequence(), Bidirectional(LSTM(2, return_sequences=True)), MeanPool()),
    "convolution": (AsSequence(), Conv1D(2), Flatten()),
    "attention": (
        AsSequence(),
        Dense(4, "identity"),
        PositionalEncoding("learnt"),
        SelfAttention(2, causal=True),
        LayerNorm(),
        Last(),
    ),
    "transformer": (AsSequence(3), Dense(4, "identity"), PositionalEncoding(), TransformerBlock(2, 3), MeanPool()),
}


FITS = [(body, Normal()) for body in BODIES.values()]
FITS += [(BODIES["lstm, then gru"], prior) for prior in (Hierarchical(), Horseshoe())]


@pytest.mark.first_case
@pytest.mark.parametrize(("body", "prior"), FITS, ids=[*BODIES, "hierarchical", "horseshoe"])
def test_a_body_that_reads_lags_fits_and_predicts_like_any_other(fake_fit, body, prior):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=8)
    fit = fake_fit(Model(body, prior=prior, linear=True), x, y, chains=1, draws=3)
    prediction = predict(fit, x[:5])
    assert prediction.shape == (1, 3, 5)
    assert np.isfinite(prediction).all()
    assert np.ptp(prediction.to_numpy(), axis=2).min() > 0
    for name, dims in fit.model.dims((4,)).items():
        assert fit.idata["posterior"][name].dims == ("chain", "draw", *dims)


def test_rotary_scores_depend_on_the_distance_alone():
    """Where all steps are alike, so are the differences of scores of steps at equal distances."""
    layer = SelfAttention(1, rotary=True)
    with double():
        x = jnp.broadcast_to(jnp.asarray(example()[0]), SHAPE)
        weights = weights_of(layer)
        share = np.log(np.asarray(layer.attention(weights, x)))[0]
        plain = np.asarray(SelfAttention(1).attention(weights, x))[0]
    apart = share[:, 1:] - share[:, :-1]
    np.testing.assert_allclose(apart[1:, 1:], apart[:-1, :-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(plain, 1 / SHAPE[0], rtol=1e-12)
    assert np.abs(apart).max() > 1e-3


def test_attention_of_several_layers_is_that_of_the_last_that_has_some():
    layer = Sequential([Dense(4, "tanh"), SelfAttention(2, causal=True), Dense(3)])
    with double():
        weights = weights_of(layer)
        x, mask = padded(2.0)
        own = {n.removeprefix("selfattention1_"): w for n, w in weights.items() if n.startswith("selfattention1_")}
        inner = Dense(4, "tanh").apply({n: weights[f"dense0_{n}"] for n in ("kernel", "bias")}, x)
        expected = SelfAttention(2, causal=True).attention(own, inner, mask)
        np.testing.assert_allclose(layer.attention(weights, x, mask), expected, rtol=1e-12)
    assert not Sequential([Dense(2)]).has_attention
