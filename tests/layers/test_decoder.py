"""The decoder block and the encoder-decoder: against a loop, and what each side may see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sequence_loops import attention, dense_at_each_step, elman_step, gru_step, lstm_step, norm

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn._internal.weights import Weight, without_prefix
from bayesnn.layers import DecoderBlock, Seq2Seq

SOURCE, TARGET, WIDTH = 4, 3, 4
SHAPE = (SOURCE + TARGET, WIDTH)
LAYER = Seq2Seq(
    SOURCE,
    [bnn.PositionalEncoding(), bnn.TransformerBlock(2, 3)],
    [bnn.PositionalEncoding("learnt"), DecoderBlock(2, 3), bnn.Dense(2, "tanh")],
)
NORMS_FIRST = Seq2Seq(
    SOURCE,
    [bnn.PositionalEncoding(), bnn.TransformerBlock(2, 3, norm="pre", bias=True), bnn.LayerNorm()],
    [bnn.PositionalEncoding("learnt"), *[DecoderBlock(2, 3, norm="pre", bias=True)] * 2, bnn.Dense(2, "tanh")],
)
BOTH_NORMS = pytest.mark.parametrize("layer", [LAYER, NORMS_FIRST], ids=["norm after", "norm first"])


def weights_of(layer, shape=SHAPE):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=w.shape) for name, w in layer.weights(shape).items()}


def example():
    return np.random.default_rng(1).normal(size=SHAPE)


def cross(weights, x, memory, heads=2):
    """Attention of every step to all of the memory."""
    out = []
    for step in x:
        scores = np.empty((heads, len(memory)))
        for h in range(heads):
            query, keys = weights["query"][h] @ step, [weights["key"][h] @ m for m in memory]
            scores[h] = [query @ k / np.sqrt(len(query)) for k in keys]
        share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        values = [sum(share[h, s] * weights["value"][h] @ m for s, m in enumerate(memory)) for h in range(heads)]
        out.append(sum(weights["output"][:, h] @ values[h] for h in range(heads)) + weights["bias"])
    return np.array(out)


@pytest.mark.parametrize("real", [SOURCE, 2], ids=["whole memory", "padded memory"])
def test_the_block_equals_a_loop(real):
    layer, shape = DecoderBlock(2, hidden=3), (TARGET, WIDTH)
    weights = weights_of(layer, shape)
    x, memory = example()[SOURCE:], example()[:SOURCE]
    mask = None if real == SOURCE else jnp.arange(SOURCE) < real
    with double():
        found = layer.decode(weights, jnp.asarray(x), jnp.asarray(memory), None, mask)
    part = lambda name: without_prefix(weights, name)  # noqa: E731
    h = norm(part("first_norm"), x + attention(2, causal=True)(part("attention"), x))
    h = norm(part("second_norm"), h + cross(part("cross"), h, memory[:real]))
    inner = dense_at_each_step(lambda e: max(e, 0.0))(part("up"), h)
    expected = norm(part("third_norm"), h + dense_at_each_step(lambda e: e)(part("down"), inner))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_block_with_norms_first_equals_a_loop():
    layer, shape = DecoderBlock(2, hidden=3, norm="pre", bias=True), (TARGET, WIDTH)
    weights = weights_of(layer, shape)
    weights |= {name: 0 * w for name, w in weights.items() if name.startswith("cross") and name[-5:] == "_bias"}
    x, memory = example()[SOURCE:], example()[:SOURCE]
    with double():
        found = layer.decode(weights, jnp.asarray(x), jnp.asarray(memory), None, None)
    part = lambda name: without_prefix(weights, name)  # noqa: E731
    h = x + attention(2, causal=True)(part("attention"), norm(part("first_norm"), x))
    h = h + cross(part("cross"), norm(part("second_norm"), h), memory)
    inner = dense_at_each_step(lambda e: max(e, 0.0))(part("up"), norm(part("third_norm"), h))
    np.testing.assert_allclose(found, h + dense_at_each_step(lambda e: e)(part("down"), inner), rtol=1e-10)


def test_shapes_and_names():
    assert LAYER.output_shape(SHAPE) == (TARGET, 2)
    table = LAYER.weights(SHAPE)
    assert {"encoder1_attention_query", "decoder0_positions", "decoder1_cross_key", "decoder2_kernel"} <= set(table)
    assert all(isinstance(weight, Weight) and len(weight.dims) == len(weight.shape) for weight in table.values())
    assert hash(LAYER) == hash(Seq2Seq(SOURCE, list(LAYER.encoder), list(LAYER.decoder)))


def test_the_mask_of_what_follows_is_that_of_the_target():
    mask = np.array([True, True, True, False, True, False, False])
    np.testing.assert_array_equal(LAYER.mask_after(mask), [True, False, False])


@pytest.mark.slow
@BOTH_NORMS
def test_what_each_step_sees(layer):
    """All of the source, no later target; the derivative of every output by every input says so."""
    with double():
        weights = weights_of(layer)
        slopes = np.abs(jax.jacobian(lambda x: layer.apply(weights, x))(jnp.asarray(example()))).sum(axis=(1, 3))
    assert slopes.shape == (TARGET, SOURCE + TARGET)
    assert (slopes[:, :SOURCE] > 0).all()
    assert not np.triu(slopes[:, SOURCE:], 1).any()
    assert np.diag(slopes[:, SOURCE:]).all()


@pytest.mark.slow
@BOTH_NORMS
@pytest.mark.parametrize("rubbish", [0.0, 9.0])
def test_padding_of_source_and_target_changes_neither_values_nor_gradients(rubbish, layer):
    """Two steps of the source and one of the target are padded: as if the layer had been made for the shorter ones."""
    real = np.array([True, True, False, False, True, True, False])
    short = Seq2Seq(2, layer.encoder, layer.decoder)
    with double():
        weights = weights_of(layer)
        cut = weights | {"decoder0_positions": weights["decoder0_positions"][:2]}
        x = jnp.where(real[:, None], example(), rubbish)

        def total(x):
            return jnp.sin(layer.apply(weights, x, jnp.asarray(real))[:2]).sum()

        long, expected = layer.apply(weights, x, jnp.asarray(real))[:2], short.apply(cut, x[real])
        slopes = jax.grad(total)(x)
        wanted = jax.grad(lambda x: jnp.sin(short.apply(cut, x)).sum())(x[real])
    np.testing.assert_allclose(long, expected, rtol=1e-11)
    np.testing.assert_allclose(slopes[real], wanted, rtol=1e-9, atol=1e-12)
    assert not np.any(slopes[~real])


def test_attention_to_the_source_sums_to_one_over_its_real_steps():
    block = DecoderBlock(2)
    with double():
        own = without_prefix(weights_of(block, (TARGET, WIDTH)), "cross")
        real = jnp.asarray([True, True, True, False])
        share = np.asarray(block.memory_attention(own, example()[SOURCE:], example()[:SOURCE], real))
    assert share.shape == (2, TARGET, SOURCE)
    np.testing.assert_allclose(share.sum(axis=-1), 1.0, rtol=1e-12)
    assert not share[..., 3].any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Seq2Seq(0, [], [DecoderBlock()]), "steps must be a whole number of at least 1"),
        (lambda: Seq2Seq(2, [], [bnn.Dense(3)]), "decoder must have a DecoderBlock"),
        (lambda: Seq2Seq(2, [DecoderBlock()], [DecoderBlock()]), "encoder must have no DecoderBlock"),
        (lambda: Seq2Seq(2, bnn.Dense(2), [DecoderBlock()]), "encoder must be a sequence of layers"),
        (lambda: LAYER.weights((SOURCE, WIDTH)), "needs more than the 4 steps of its source, got 4"),
        (
            lambda: Seq2Seq(2, [bnn.LSTM(3)], [DecoderBlock()]).weights((5, 4)),
            r"must keep the shape \(2, 4\) of the sou",
        ),
        (
            lambda: Seq2Seq(2, [], [bnn.Dense(3), DecoderBlock()]).weights((5, 4)),
            "must have the width 4 of the source, g",
        ),
        (lambda: bnn.Model([DecoderBlock()]), "must stand in the decoder of Seq2Seq"),
        (lambda: DecoderBlock().apply({}, example()), "must stand in the decoder of Seq2Seq"),
        (lambda: DecoderBlock(0), "heads must be a whole number"),
        (lambda: DecoderBlock(activation="no"), "unknown activation 'no'"),
    ],
)
def test_impossible_specs_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Recurrent layers that hand their state over

STEPS = {"elman": (bnn.Elman, elman_step), "gru": (bnn.GRU, gru_step), "lstm": (bnn.LSTM, lstm_step)}


def run(step, weights, x, h, c):
    """States of a recurrent layer as a loop, from a given state."""
    states = []
    for now in x:
        h, c = step(weights, now, h, c)
        states.append(h)
    return np.array(states), h, c


@pytest.mark.parametrize(("kind", "step"), STEPS.values(), ids=STEPS)
def test_the_decoder_goes_on_from_the_state_of_the_encoder(kind, step):
    layer = Seq2Seq(
        SOURCE,
        [
            kind(3),
        ],
        [bnn.Dense(2), kind(3, return_sequences=True)],
        state=True,
    )
    weights, x = weights_of(layer), example()
    with double():
        found = jax.jit(layer.apply)(weights, jnp.asarray(x))
    zero = [0.0] * 3
    _, h, c = run(step, without_prefix(weights, "encoder0"), x[:SOURCE], zero, zero)
    part = without_prefix(weights, "decoder0")
    hidden = 1 / (1 + np.exp(-(x[SOURCE:] @ part["kernel"].T + part["bias"])))
    np.testing.assert_allclose(found, run(step, without_prefix(weights, "decoder1"), hidden, h, c)[0], rtol=1e-10)


def test_padding_of_a_recurrent_pair_changes_nothing_and_later_targets_are_not_seen():
    layers = [bnn.LSTM(3, return_sequences=True), bnn.GRU(2, return_sequences=True)]
    layer, short = (Seq2Seq(steps, layers, layers, state=True) for steps in (SOURCE, 2))
    real = jnp.array([True, True, False, False, True, True, False])
    with double():
        weights, x = weights_of(layer), jnp.asarray(example())
        long = jax.jit(layer.apply)(weights, jnp.where(real[:, None], x, 9.0), real)[:2]
        np.testing.assert_allclose(long, jax.jit(short.apply)(weights, x[real]), rtol=1e-11)
        slopes = np.abs(jax.jit(jax.jacobian(lambda x: layer.apply(weights, x)))(x)).sum(axis=(1, 3))
    assert (slopes[:, :SOURCE] > 0).all()
    assert not np.triu(slopes[:, SOURCE:], 1).any()


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        ([bnn.LSTM(3)], [bnn.GRU(3, return_sequences=True)], r"got LSTM\(3\) and GRU\(3\)"),
        ([bnn.LSTM(3)], [bnn.LSTM(4, return_sequences=True)], r"got LSTM\(3\) and LSTM\(4\)"),
        ([bnn.Dense(3)], [bnn.Dense(3)], "got none and none"),
        ([bnn.GRU(3)], [bnn.GRU(3, return_sequences=True, learn_initial=True)], "leave out reverse, learn_initial"),
    ],
)
def test_states_that_cannot_be_handed_over_are_refused(encoder, decoder, message):
    with pytest.raises(ValueError, match=message):
        Seq2Seq(SOURCE, encoder, decoder, state=True)
