"""Next-token models and sequence to sequence, from fit to generated tokens."""

import importlib

import jax
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.prediction.continuation import Choice, goes_stepwise

V, START = 5, 4
TOKENS = bnn.pad([[1, 2, 3, 1, 2, 3], [2, 3, 1], [3, 1, 2, 3]])
X, Y = bnn.next_tokens(TOKENS)
BODY = [bnn.Embedding(V, 2), bnn.PositionalEncoding(), bnn.TransformerBlock(1, 2, causal=True)]
MODEL = bnn.Model(BODY, bnn.Categorical(), bnn.Normal())
SOURCE = 3


def test_every_token_but_the_last_reads_the_one_that_follows():
    assert X.tolist() == [[1, 2, 3, 1, 2], [2, 3, 0, 0, 0], [3, 1, 2, 0, 0]]
    assert Y.tolist() == [[2, 3, 1, 2, 3], [3, 1, 0, 0, 0], [1, 2, 3, 0, 0]]
    with pytest.raises(ValueError, match="at least two in every row, got one in row 1"):
        bnn.next_tokens([[1, 2], [1, 0]])


@pytest.fixture(scope="module")
def writer(fake_fit):
    """A fit with a wide readout, whose probabilities are far from uniform."""

    def wide(values):
        values["beta"] *= 6.0

    return fake_fit(MODEL, X, Y, chains=2, draws=40, change=wide)


@pytest.mark.slow
def test_generated_tokens_have_the_probabilities_of_their_draw(writer):
    """One step by 2000 keys: frequencies of every draw within 4.5 standard errors of predict's probabilities."""
    prompts = np.repeat(X[2:3], 400, axis=0)
    found = bnn.generate(writer, prompts, 1, key=3).to_numpy()[..., 0]
    p = bnn.predict(writer, X[2:3], kind="probability").to_numpy()[:, :, 0, 2]
    share = np.stack([(found == token).mean(axis=2) for token in (1, 2, 3)], axis=-1)
    z = (share - p) / np.sqrt(p * (1 - p) / 400 + 1e-12)
    assert np.abs(z).max() < 4.5
    assert p.std() > 0.1


def test_each_token_reads_those_before(writer):
    """The second token has the probabilities that predict gives after the first one."""
    first = bnn.generate(writer, [3, 1], 2, key=1).to_numpy()
    assert first.shape == (2, 40, 2)
    grown = np.concatenate([np.broadcast_to([3, 1], (2, 40, 2)), first[..., :1]], axis=-1).reshape(-1, 3)
    p = bnn.predict(writer, grown, kind="probability").to_numpy().reshape(80, 80, 3, 3)
    own = p[np.arange(80), np.arange(80), 2]  # each draw at its own history
    taken = own[np.arange(80), first[..., 1].ravel() - 1]
    surprise = -np.log(taken).sum()
    entropy = -(own * np.log(own)).sum()
    spread = np.sqrt(((own * np.log(own) ** 2).sum(axis=1) - (own * np.log(own)).sum(axis=1) ** 2).sum())
    assert abs(surprise - entropy) < 4 * spread


def test_each_token_has_a_key_of_its_own(fake_fit):
    """Where all tokens are equally likely whatever came before, a third of the second ones are as the first."""

    def indifferent(values):
        for name in ("beta", "intercept"):
            values[name][...] = 0.0

    fit = fake_fit(MODEL, X, Y, chains=2, draws=40, change=indifferent)
    first, second = np.moveaxis(bnn.generate(fit, [3, 1], 2, key=1).to_numpy(), -1, 0)
    assert 0.1 < (first == second).mean() < 0.6  # .333 +- .053


def test_prompts_of_different_lengths_and_keys(writer):
    several = bnn.generate(writer, X, 4, key=0)
    assert several.dims == ("chain", "draw", "obs", "time")
    assert several.shape == (2, 40, 3, 4)
    assert set(np.unique(several)) <= {1, 2, 3}
    np.testing.assert_array_equal(several, bnn.generate(writer, X, 4, key=jax.random.key(0)))
    assert (several != bnn.generate(writer, X, 4, key=1)).any()
    stopped = bnn.generate(writer, X, 4, key=0, end=2).to_numpy()
    for row, whole in zip(stopped.reshape(-1, 4), several.to_numpy().reshape(-1, 4), strict=True):
        ends = np.flatnonzero(whole == 2)
        kept = ends[0] + 1 if len(ends) else 4
        np.testing.assert_array_equal(row, np.where(np.arange(4) < kept, whole, 0))


@pytest.mark.parametrize(
    ("prompt", "length", "message"),
    [
        ([1, 9], 2, "token ids must be from 0 to 4"),
        ([1, 2], 0, "length must be a whole number of at least 1, got 0"),
        ([0, 0], 2, "a real step in every row"),
        ([1.0, 2.0], 2, "must hold token ids"),
    ],
)
def test_prompts_are_checked(writer, prompt, length, message):
    with pytest.raises(ValueError, match=message):
        bnn.generate(writer, prompt, length)


@pytest.mark.slow
def test_other_fits_cannot_generate(fake_fit):
    words = np.where(Y == 1, "a", "b")
    for fit in (
        fake_fit(bnn.Model([bnn.Embedding(V, 2), bnn.MeanPool()]), X, [0.0, 1.0, 2.0], chains=1, draws=1),
        fake_fit(bnn.Model(BODY, bnn.Categorical()), X, words, chains=1, draws=1),
    ):
        with pytest.raises(
            ValueError, match="generate needs a model of token ids whose targets, one per step, are token"
        ):
            bnn.generate(fit, [1], 2)


def test_learnt_positions_bound_what_can_be_generated(fake_fit):
    body = [bnn.Embedding(V, 2), bnn.PositionalEncoding("learnt"), bnn.GRU(2, return_sequences=True)]
    fit = fake_fit(bnn.Model(body, bnn.Categorical()), X, Y, chains=1, draws=2)
    assert bnn.generate(fit, [1, 2], 4).shape == (1, 2, 4)  # reads five tokens; the last one is never fed back
    with pytest.raises(ValueError, match="at most the 5 steps of the fit"):
        bnn.generate(fit, [1, 2], 5)


def test_a_prompt_may_be_a_text(fake_fit):
    vocabulary = bnn.text.learn_vocabulary(["a good film", "a bad film"])
    x, y = bnn.next_tokens(vocabulary.ids(["a good film", "a bad film", "good film a"]))
    body = [bnn.Embedding(vocabulary, 2), bnn.GRU(2, return_sequences=True)]
    fit = fake_fit(bnn.Model(body, bnn.Categorical(), bnn.Normal()), x, y, chains=1, draws=3)
    ids = vocabulary.ids(["a good"])
    np.testing.assert_array_equal(bnn.generate(fit, "a good", 2), bnn.generate(fit, ids[0], 2))
    np.testing.assert_array_equal(bnn.generate(fit, ["a good"], 2), bnn.generate(fit, ids, 2))
    with pytest.raises(ValueError, match="knows, got none in text 1, 'zzz'"):
        bnn.generate(fit, ["a good", "zzz"], 2)


def test_texts_for_ids_are_refused(writer):
    with pytest.raises(ValueError, match="x holds texts, such as 'a good'"):
        bnn.generate(writer, "a good", 2)


STEPWISE = {
    "transformer": BODY,
    "norm first": [
        bnn.Embedding(V, 4),
        bnn.TransformerBlock(2, 3, causal=True, norm="pre", bias=True, rotary=True),
        bnn.LayerNorm(),
    ],
    "recurrent": [
        bnn.Embedding(V, 2),
        bnn.Residual(bnn.Sequential([bnn.Conv1D(2, 3, causal=True), bnn.LSTM(2, return_sequences=True)])),
        bnn.GRU(2, return_sequences=True, learn_initial=True),
    ],
}


@pytest.mark.first_case
@pytest.mark.parametrize("body", STEPWISE.values(), ids=STEPWISE)
def test_tokens_are_the_same_with_and_without_what_is_kept(body, fake_fit, monkeypatch):
    def wide(values):
        values["beta"] *= 6.0

    fit = fake_fit(bnn.Model(body, bnn.Categorical(), bnn.Normal()), X, Y, chains=1, draws=8, change=wide)
    assert goes_stepwise(fit.model)
    quick = [bnn.generate(fit, X, 6, key=2, **how).to_numpy() for how in ({}, {"top_k": 2, "temperature": 0.7})]
    monkeypatch.setattr(importlib.import_module("bayesnn.prediction.generate"), "goes_stepwise", lambda model: False)
    whole = [bnn.generate(fit, X, 6, key=2, **how).to_numpy() for how in ({}, {"top_k": 2, "temperature": 0.7})]
    np.testing.assert_array_equal(quick, whole)
    assert len(np.unique(quick[0])) > 1


def test_layers_that_see_later_steps_are_read_again():
    ahead = bnn.Model([bnn.Embedding(V, 2), bnn.Bidirectional(bnn.GRU(2, return_sequences=True))], bnn.Categorical())
    assert not goes_stepwise(ahead)
    assert not goes_stepwise(copier())


PAIRS = np.array([[1, 2, 3, START, 1, 2], [3, 1, 0, START, 3, 0], [2, 0, 0, START, 0, 0], [2, 3, 1, START, 2, 3]])
COPIED = np.array([[1, 2, 3], [3, 1, 0], [2, 0, 0], [2, 3, 1]])


def copier():
    coder = [bnn.PositionalEncoding(), bnn.TransformerBlock(1, 2)]
    return bnn.Model(
        [bnn.Embedding(V, 4), bnn.Seq2Seq(SOURCE, coder, [bnn.PositionalEncoding(), bnn.DecoderBlock(1, 2)])],
        bnn.Categorical(),
    )


@pytest.mark.slow
def test_sequence_to_sequence_goes_from_fit_to_generated_tokens(fake_fit, tmp_path):
    fit = fake_fit(copier(), PAIRS, COPIED, chains=2, draws=3)
    probability = bnn.predict(fit, PAIRS, kind="probability")
    assert probability.shape == (2, 3, 4, 3, 3)
    real = COPIED != 0
    np.testing.assert_array_equal(np.isnan(probability).any("class"), np.broadcast_to(~real, (2, 3, 4, 3)))
    assert fit.idata["constant_data"]["x"].sizes["step"] == 6
    assert fit.idata["observed_data"]["y"].sizes["time"] == 3
    log_likelihood = np.log(
        np.take_along_axis(probability.to_numpy(), np.maximum(COPIED - 1, 0)[None, None, ..., None], -1)
    )
    expected = np.where(real, log_likelihood[..., 0], 0.0).sum(axis=-1)
    np.testing.assert_allclose(fit.idata["log_likelihood"]["y"], expected, rtol=1e-10)
    wider = np.pad(PAIRS, ((0, 0), (0, 2)))
    np.testing.assert_allclose(bnn.predict(fit, wider, kind="probability")[..., :3, :], probability, rtol=1e-12)
    assert bnn.generate(fit, PAIRS[:, : SOURCE + 1], 3).shape == (2, 3, 4, 3)
    bnn.save(fit, tmp_path / "fit.npz")
    assert bnn.load(tmp_path / "fit.npz").model == fit.model


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (PAIRS[:, :3], "more than the 3 steps of the source"),
        (
            np.where(np.arange(6) == 1, 0, PAIRS),
            "padding .0. must come after a sequence, got it inside, at row 0, step 1",
        ),
        (np.where(np.arange(6) == 4, 0, PAIRS), "got it inside, at row 0, step 4"),
        (np.where(np.arange(6) < 3, 0, PAIRS), "a real step in every row, got 4"),
        (np.where(np.arange(6) > 2, 0, PAIRS), "a real step in every row, got 4"),
    ],
)
def test_sources_and_targets_are_checked_apart(x, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(copier(), x, COPIED)


def test_temperature_and_the_likeliest_tokens():
    """By hand: powers of the probabilities, the two largest, and the fewest that reach three quarters."""
    p = np.array([[0.1, 0.4, 0.3, 0.2]])

    def weights(*settings):
        log = np.asarray(Choice(*settings).log_weights(p))
        return np.exp(log) / np.exp(log).sum()

    np.testing.assert_allclose(weights(0.5, None, None), p**2 / (p**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(weights(1.0, 2, None), [[0, 4 / 7, 3 / 7, 0]], rtol=1e-5)
    np.testing.assert_allclose(weights(1.0, None, 0.75), [[0, 4 / 9, 3 / 9, 2 / 9]], rtol=1e-5)
    np.testing.assert_allclose(weights(1.0, None, 0.65), [[0, 4 / 7, 3 / 7, 0]], rtol=1e-5)
    np.testing.assert_allclose(weights(1.0, 3, 0.75), [[0, 4 / 7, 3 / 7, 0]], rtol=1e-5)
    np.testing.assert_allclose(weights(1.0, None, 0.01), [[0, 1, 0, 0]], rtol=1e-5)


def test_the_likeliest_token_alone_is_that_of_predict(writer):
    p = bnn.predict(writer, X[2:3], kind="probability").to_numpy()[:, :, 0, 2]
    for settings in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-3}):
        found = bnn.generate(writer, X[2], 1, key=5, **settings).to_numpy()[..., 0]
        np.testing.assert_array_equal(found, 1 + p.argmax(axis=-1))
    for settings, message in (
        ({"temperature": 0.0}, "temperature must be a finite number above zero"),
        ({"top_k": 0}, "top_k must be a whole number of at least 1"),
        ({"top_p": 1.5}, "top_p must be"),
        ({"end": 0}, "end must be a whole number of at least 1, got 0"),
        ({"end": "stop"}, "end must be a whole number of at least 1, got 'stop'"),
        ({"end": 999}, "end must be a token id below the [0-9]* of the fit, got 999"),
    ):
        with pytest.raises(ValueError, match=message):
            bnn.generate(writer, X[2], 1, **settings)
