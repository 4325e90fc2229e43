"""What each word contributes: against predictions of the texts without it, written out."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.likelihoods import Gaussian

TEXTS = ["a good film", "a bad film", "good cast, good film", "bad, bad!", "such a good one", "bad as ever"]
WITHOUT = [
    ["good film", "a film", "a good"],
    ["bad unheard", "good unheard", "good bad"],
]
NEW = ["A good film", "good bad unheard"]
VOCABULARY = bnn.text.learn_vocabulary(TEXTS)
LAYERS = [bnn.Embedding(VOCABULARY, 2), bnn.PositionalEncoding(), bnn.LSTM(2)]


@pytest.fixture(scope="module")
def classes(fake_fit):
    return fake_fit(bnn.Model(LAYERS, bnn.Categorical()), TEXTS, list("abcabc"), chains=2, draws=3)


def test_a_word_contributes_what_the_prediction_loses_without_it(classes):
    found = bnn.relevance(classes, NEW)
    assert found.dims == ("chain", "draw", "obs", "step", "class")
    whole = bnn.predict(classes, NEW, kind="probability")
    for i, texts in enumerate(WITHOUT):
        rest = bnn.predict(classes, texts, kind="probability").to_numpy()
        wanted = whole.isel(obs=[i]).to_numpy() - rest
        np.testing.assert_allclose(found.isel(obs=i, step=slice(3)), wanted, rtol=1e-9, atol=1e-12)
    assert np.isnan(found.isel(step=slice(3, None))).all()
    assert found["token"].to_numpy()[:, :3].tolist() == [["a", "good", "film"], ["good", "bad", "unheard"]]
    assert not any(found["token"].to_numpy()[:, 3:].ravel())


def test_ids_and_numbers_do_too(fake_fit):
    fit = fake_fit(bnn.Model(LAYERS, Gaussian()), TEXTS, np.arange(6.0), chains=1, draws=3)
    by_text, by_id = bnn.relevance(fit, NEW), bnn.relevance(fit, VOCABULARY.ids(NEW), method="occlusion")
    assert by_text.dims == ("chain", "draw", "obs", "step")
    np.testing.assert_array_equal(by_text, by_id)
    assert by_id["token"].to_numpy()[1, :3].tolist() == ["good", "bad", "<unk>"]
    frame = bnn.to_frame(by_text)
    assert frame.loc[(0, 1), "mean"] == pytest.approx(float(by_text[:, :, 0, 1].mean()))


def test_a_text_of_one_word_becomes_an_unknown_one(classes):
    found = bnn.relevance(classes, ["good"]).isel(obs=0, step=0)
    known, unknown = (bnn.predict(classes, np.array([[i, 0]]), kind="probability")[:, :, 0] for i in (found_id(), 1))
    np.testing.assert_allclose(found, known - unknown, rtol=1e-9, atol=1e-12)


def found_id():
    return VOCABULARY.tokens.index("good")


def test_what_has_no_words_or_more_than_one_prediction_is_refused(classes, fake_fit):
    with pytest.raises(ValueError, match="relevance of tokens needs texts"):
        bnn.relevance(classes)
    with pytest.raises(ValueError, match="this fit reads token ids"):
        bnn.relevance(classes, NEW, method="permutation")
    x = np.random.default_rng(0).normal(size=(6, 2))
    table = fake_fit(bnn.Model([bnn.Dense(2)]), x, x[:, 0], chains=1, draws=2)
    with pytest.raises(ValueError, match="this fit reads numbers"):
        bnn.relevance(table, x, method="occlusion")
    tags = fake_fit(bnn.Model(LAYERS[:2], Gaussian()), VOCABULARY.ids(TEXTS), np.ones((6, 4)) * np.arange(4.0))
    with pytest.raises(ValueError, match="one prediction per text, and this fit has one per step"):
        bnn.relevance(tags, NEW)
    numbers = fake_fit(
        bnn.Model([bnn.Embedding(len(VOCABULARY), 2), bnn.LSTM(2)], Gaussian()), VOCABULARY.ids(TEXTS), np.arange(6.0)
    )
    with pytest.raises(ValueError, match="a text of one token cannot be without it, got one as row 1"):
        bnn.relevance(numbers, np.array([[3, 4], [3, 0]]))
