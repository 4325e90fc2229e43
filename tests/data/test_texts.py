"""Texts in place of token ids: fit, predict, evaluate and save without an id, and errors that name the text."""

import re

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.data.columns import code, learn_columns
from bayesnn.data.texts import ids_of_texts, texts_of
from bayesnn.fitting.binding import bind
from bayesnn.samplers import MAP

TEXTS = ["a good film", "a bad film", "good cast, good film", "bad, bad!", "such a good one", "bad as ever"] * 2
LABELS = ["yes", "no", "yes", "no", "yes", "no"] * 2
VOCABULARY = bnn.text.learn_vocabulary(TEXTS)
MODEL = bnn.Model([bnn.Embedding(VOCABULARY, 2), bnn.MeanPool()], bnn.Bernoulli())
ONCE = MAP(steps=30, restarts=1, validation=None)


@pytest.fixture(scope="module")
def fitted():
    return bnn.fit(MODEL, TEXTS, LABELS, sampler=ONCE, progress=False)


def test_texts_give_the_fit_that_their_ids_give(fitted):
    ids = VOCABULARY.ids(TEXTS)
    np.testing.assert_array_equal(fitted.data.x, ids)
    new = ["a good film", "ever so bad, unheard of"]
    by_text = bnn.predict(fitted, new, kind="probability")
    np.testing.assert_array_equal(by_text, bnn.predict(fitted, VOCABULARY.ids(new), kind="probability"))
    scores = bnn.evaluate(fitted, TEXTS, LABELS)
    pd.testing.assert_series_equal(scores, bnn.evaluate(fitted, ids, LABELS))


def test_a_saved_fit_reads_texts(fitted, tmp_path):
    bnn.save(fitted, tmp_path / "fit.npz")
    loaded = bnn.load(tmp_path / "fit.npz")
    assert loaded.data.columns.words == VOCABULARY
    new = ["bad film", "a good cast"]
    np.testing.assert_array_equal(
        bnn.predict(loaded, new, kind="probability"), bnn.predict(fitted, new, kind="probability")
    )


FORMS = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "array": np.array(TEXTS),
    "objects": np.array(TEXTS, object),
    "series": pd.Series(TEXTS),
}


@pytest.mark.parametrize("x", FORMS.values(), ids=FORMS)
def test_texts_may_be_lists_arrays_and_series(x):
    assert texts_of(x) == TEXTS
    columns = learn_columns(x, MODEL.network.reads)
    np.testing.assert_array_equal(code(columns, x), VOCABULARY.ids(TEXTS))


@pytest.mark.parametrize(
    "x", [[[1, 2]], np.ones((2, 2), int), [1.0, 2.0], np.ones(3), 3, None, pd.DataFrame({"a": [1]})]
)
def test_other_inputs_are_no_texts(x):
    assert texts_of(x) is None
    assert ids_of_texts(x, VOCABULARY) is x


def test_targets_at_every_token_go_with_texts():
    model = bnn.Model([bnn.Embedding(VOCABULARY, 2)], bnn.Bernoulli())
    tags = [["x"] * len(VOCABULARY.cut(text)) for text in TEXTS]
    tags[0][0] = "y"
    _, data = bind(model, TEXTS, tags)
    assert data.steps.sum() == sum(map(len, tags))


def refused(message):
    return pytest.raises(ValueError, match=re.escape(message))


def test_texts_that_cannot_be_read_are_named(fitted):
    with refused("got none in text 1, '  ': drop such texts"):
        bnn.predict(fitted, ["good", "  ", "bad"], kind="probability")
    with refused(
        "a word that the vocabulary knows, got none in text 0, 'quite incomprehensible murmurs...' and in 1 o"
    ):
        bnn.predict(fitted, ["quite incomprehensible murmurs, they say", "good", "zzz"], kind="probability")
    with refused("x must be a list of texts, got a single text, 'good film': put it into a list"):
        bnn.predict(fitted, "good film", kind="probability")
    with refused("x must hold texts only, or ids only, got int as item 1"):
        bnn.predict(fitted, ["good", 3], kind="probability")
    with refused("got none in text 4, ''"):
        bnn.fit(MODEL, [*TEXTS[:4], "", *TEXTS[5:]], LABELS)


def test_texts_are_refused_where_numbers_or_ids_are_due(fake_fit):
    with refused(
        "x holds texts, such as 'a good film', for a model that reads numbers: start its layers with Embedding"
    ):
        bnn.fit(bnn.shallow(1), TEXTS, np.arange(12.0))
    fit = fake_fit(bnn.shallow(1), np.arange(6.0)[:, None], np.arange(6.0))
    with refused("x holds texts, such as 'new', for a model that reads numbers"):
        bnn.predict(fit, ["new"])
    with refused("whose Embedding was made with a number of ids: give ids, vocabulary.ids(texts), or make"):
        bnn.fit(bnn.Model([bnn.Embedding(20, 2), bnn.MeanPool()], bnn.Bernoulli()), TEXTS, LABELS)


def test_a_text_longer_than_the_positions_is_named(fake_fit):
    short = bnn.Model(
        [bnn.Embedding(VOCABULARY, 2), bnn.PositionalEncoding("learnt", 3), bnn.MeanPool()], bnn.Bernoulli()
    )
    with refused("at most 3 steps, as PositionalEncoding says, got 4; the longest is text 2, 'good cast, good film'"):
        bnn.fit(short, TEXTS, LABELS)
    flat = bnn.Model([bnn.Embedding(VOCABULARY, 2), bnn.Flatten()], bnn.Bernoulli())
    fit = fake_fit(flat, TEXTS, LABELS)
    long = ["good", "a good film as ever so good"]
    for call in (lambda: bnn.predict(fit, long, kind="probability"), lambda: bnn.evaluate(fit, long, ["yes", "no"])):
        with refused("got 7: cut them, or fit longer ones; the longest is text 1, 'a good film as ever so good'"):
            call()


def test_a_vocabulary_with_a_length_cuts_texts():
    first = bnn.text.learn_vocabulary(TEXTS, length=2)
    last = bnn.text.learn_vocabulary(TEXTS, length=2, keep="last")
    assert [first.text(row) for row in first.ids(["such a good one", "bad"])] == ["such a", "bad"]
    assert last.text(last.ids(["such a good one"])[0]) == "good one"
    assert first.ids(["bad"]).shape == (1, 1)
    assert first.ids(["such a good one"], length=3).shape == (1, 3)
    with refused("length must be a whole number of at least 1, got 0"):
        bnn.text.learn_vocabulary(TEXTS, length=0)
    with refused("unknown keep 'middle'"):
        bnn.text.learn_vocabulary(TEXTS, keep="middle")


# Padding that is not there


def test_only_data_without_padding_is_sampled_without_masks():
    """A network that ignores padding gives other numbers where there is some: the data must decide."""
    model = bnn.Model([bnn.Embedding(VOCABULARY, 2), bnn.MeanPool()], bnn.Bernoulli())
    unpadded, padded = ["a good film"] * 2 + ["a bad film"] * 2, TEXTS
    assert not bind(model, unpadded, ["yes", "no"] * 2)[1].padded
    bound, data = bind(model, padded, LABELS)
    assert data.padded
    assert bound.padded
    ignoring = bnn.Model(model.layers, bnn.Bernoulli(), padded=False)
    assert bind(ignoring, padded, LABELS)[0].padded
    assert np.shape(ignoring.network.unpad(data.x[1])[1]) == ()
    sequences = np.ones((3, 4, 2))
    assert not bind(bnn.Model([bnn.MeanPool()]), sequences, np.arange(3.0))[1].padded
    sequences[1, 3] = np.nan
    assert bind(bnn.Model([bnn.MeanPool()]), sequences, np.arange(3.0))[1].padded
