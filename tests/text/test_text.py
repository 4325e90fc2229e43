"""Texts to token ids and back, vocabularies in a fit, and vectors from files."""

import gzip
import subprocess
import sys
import unicodedata
from dataclasses import replace

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.fitting.store import codec
from bayesnn.text import (
    Vocabulary,
    bag_of_words,
    characters,
    learn_bpe,
    learn_vocabulary,
    log_ratios,
    nearest,
    ngrams,
    one_hot,
    rarity,
    read_vectors,
    words,
)

TEXTS = ["A good film, good!", "A bad film", "Good cast; it's fine", "bad bad cast"]


def test_words_characters_and_runs():
    assert words("It's 2 o'clock, naïve café-goers! <br />") == [
        "It's",
        "2",
        "o'clock",
        "naïve",
        "café",
        "goers",
        "!",
        "br",
    ]
    assert characters("ab c") == ["a", "b", " ", "c"]
    assert ngrams(["a", "b", "c"], 3) == ["a", "b", "a b", "c", "b c", "a b c"]
    assert ngrams(["a", "b"], 1) == ["a", "b"]
    assert ngrams([], 2) == []


def test_vocabularies_are_in_order_of_counts_and_bounded():
    everything = learn_vocabulary(TEXTS)
    assert everything.tokens[:6] == ("<pad>", "<unk>", "bad", "good", "a", "cast")
    assert len(everything) == 2 + 8
    assert learn_vocabulary(TEXTS, minimum=2).tokens[2:] == ("bad", "good", "a", "cast", "film")
    assert learn_vocabulary(TEXTS, maximum=4).tokens == ("<pad>", "<unk>", "bad", "good")
    assert "Good" in learn_vocabulary(TEXTS, lower=False).tokens
    assert learn_vocabulary(["ab", "b"], unit="characters").tokens[2:] == ("b", "a")


def test_ids_are_padded_cut_and_unknown_where_they_must_be():
    vocabulary = learn_vocabulary(TEXTS, minimum=2)  # bad 2, good 3, a 4, cast 5, film 6
    assert vocabulary.ids(["Good film", "a dreadful cast", ""]).tolist() == [[3, 6, 0], [4, 1, 5], [1, 0, 0]]
    assert vocabulary.ids(["a good film"], 2).tolist() == [[4, 3]]
    assert vocabulary.ids(["a good film"], 2, keep="last").tolist() == [[3, 6]]
    assert vocabulary.ids(["a"], 3).tolist() == [[4, 0, 0]]
    assert vocabulary.text([4, 1, 5, 0]) == "a <unk> cast"
    with pytest.raises(ValueError, match="token ids must be from 0 to 6, got 7"):
        vocabulary.text([7])


def test_unknown_runs_are_left_out_and_unknown_words_kept():
    vocabulary = learn_vocabulary(TEXTS, most=2, minimum=2)
    assert vocabulary.tokens[2:] == ("bad", "good", "a", "cast", "film")
    pairs = learn_vocabulary(["not good", "not good"], most=2)
    assert [pairs.tokens[i] for i in pairs.ids(["not good film"])[0]] == ["not", "good", "not good", "<unk>"]


def test_a_text_of_characters_comes_back():
    vocabulary = learn_vocabulary(TEXTS, unit="characters")
    assert vocabulary.text(vocabulary.ids(["a bad cast"])[0]) == "a bad cast"


def test_bags_and_indicators():
    ids = bnn.pad([[2, 3, 3], [4]])
    np.testing.assert_array_equal(bag_of_words(ids, 5), [[0, 0, 1, 2, 0], [0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(bag_of_words(ids, 5, binary=True), [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]])
    hot = one_hot(ids, 5)
    assert hot.shape == (2, 3, 5)
    np.testing.assert_array_equal(hot[0], np.eye(5)[[2, 3, 3]])
    assert np.isnan(hot[1, 1:]).all()
    vocabulary = learn_vocabulary(TEXTS)
    assert bag_of_words(vocabulary.ids(TEXTS), vocabulary).sum() == sum(len(words(t)) for t in TEXTS)
    with pytest.raises(ValueError, match="token ids must be from 0 to 3"):
        bag_of_words(ids, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: learn_vocabulary("one text"), "texts must be a list of texts, got a single text"),
        (lambda: learn_vocabulary([]), "at least one string, got none"),
        (lambda: learn_vocabulary(["a", 3]), "at least one string, got int as item 1"),
        (lambda: learn_vocabulary(TEXTS, minimum=9), "at least minimum=9 times, got none"),
        (lambda: learn_vocabulary(TEXTS, maximum=2), "maximum must be a whole number of at least 3"),
        (lambda: learn_vocabulary(TEXTS, unit="lines"), "unknown unit 'lines'"),
        (lambda: Vocabulary(("a", "b")), "tokens must start with"),
        (lambda: Vocabulary(("<pad>", "<unk>", "a", "a")), "be different"),
        (lambda: Vocabulary(("<pad>", "<unk>", "a"), "bpe"), 'rules go with unit="bpe"'),
    ],
)
def test_what_cannot_be_a_vocabulary(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_vocabulary_is_saved_with_the_fit(fake_fit, tmp_path):
    vocabulary = learn_vocabulary(TEXTS)
    model = bnn.Model([bnn.Embedding(vocabulary, 2), bnn.MeanPool()], bnn.Bernoulli())
    fit = fake_fit(model, vocabulary.ids(TEXTS), ["+", "-", "+", "-"], chains=1, draws=3)
    bnn.save(fit, tmp_path / "fit.npz")
    again = bnn.load(tmp_path / "fit.npz")
    found = again.model.layers[0].vocabulary
    assert found == vocabulary and hash(found) == hash(vocabulary)
    assert "tokens, unit='words'" in repr(again.model)
    new = found.ids(["an unseen good film"])
    assert np.isfinite(bnn.predict(again, new, kind="probability")).all()


VECTORS = "good 1 0.5 2\nfilm -1 0 1e-2\n. . 3 3 3\nother 9 9 9\n"


@pytest.mark.parametrize("header", ["", "4 3\n"], ids=["glove", "word2vec"])
@pytest.mark.parametrize("packed", [False, True])
def test_vectors_from_a_file(tmp_path, header, packed):
    file = tmp_path / ("vectors.txt.gz" if packed else "vectors.txt")
    text = (header + VECTORS).encode()
    file.write_bytes(gzip.compress(text) if packed else text)
    vocabulary = learn_vocabulary(["good film noir"])
    vectors = bnn.text.read_vectors(file, vocabulary)
    assert vectors.shape == (5, 3)
    expected = {"good": [1, 0.5, 2], "film": [-1, 0, 0.01]}
    for place, token in enumerate(vocabulary.tokens):
        np.testing.assert_array_equal(vectors[place], expected.get(token, [0, 0, 0]))
    assert bnn.Embedding(vocabulary, 3, vectors).output_shape((4,)) == (4, 3)


@pytest.mark.parametrize(
    ("text", "width", "message"),
    [
        (VECTORS, 4, r"must have vectors of width 4, got 3 value\(s\) on line 1"),
        ("5 4\n" + VECTORS, None, r"must have vectors of width 4, got 3 value\(s\) on line 2"),
        ("5 4\n" + VECTORS, 3, r"must have vectors of width 3, got 4 value\(s\) on line 1"),
        ("good 1 2 3\nfilm 1 2\n", None, r"width 3, got 2 value\(s\) on line 2"),
        ("good 1 2\nfilm 1 2 3\n", None, r"width 2, got 3 value\(s\) on line 2"),
        ("good 1 x\n", None, "must have numbers after each word, got others on line 1"),
        ("good\n", None, "a word and its numbers on every line, got one value on line 1"),
        ("Good 1 2\n", None, "has none of the 5 tokens of the vocabulary: check whether upper and lower case agree"),
        ("", None, "has none of the 5 tokens"),
    ],
)
def test_files_of_vectors_that_do_not_fit(tmp_path, text, width, message):
    file = tmp_path / "vectors.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        bnn.text.read_vectors(file, learn_vocabulary(["good film noir"]), width=width)


def test_byte_pairs(fake_fit, tmp_path):
    pytest.importorskip("tokenizers")
    texts = ["low lower lowest", "newer new lower", "wide wider widest"] * 3
    vocabulary = learn_bpe(texts, maximum=30)
    assert vocabulary.tokens[:2] == ("<pad>", "<unk>")
    assert len(vocabulary) <= 30
    ids = vocabulary.ids(["Lower new", "wide"])
    assert ids.max() < len(vocabulary)
    assert vocabulary.text(ids[0]) == "lower new"
    assert vocabulary.ids(["日"]).tolist()[0][-1] == 1
    fit = fake_fit(bnn.Model([bnn.Embedding(vocabulary, 2), bnn.MeanPool()]), ids, [0.0, 1.0], chains=1, draws=1)
    bnn.save(fit, tmp_path / "fit.npz")
    np.testing.assert_array_equal(
        bnn.load(tmp_path / "fit.npz").model.layers[0].vocabulary.ids(["Lower new"])[0], ids[0]
    )


def test_without_the_library_byte_pairs_say_what_to_install():
    code = (
        "import sys; sys.modules['tokenizers'] = None\n"
        "from bayesnn.text import learn_bpe\n"
        "try: learn_bpe(['a'])\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "bayesnn[text]"' in done.stdout


def test_rarity_and_log_ratios_follow_from_counts():
    rng = np.random.default_rng(0)
    ids = bnn.pad([rng.integers(1, 12, size=n) for n in rng.integers(1, 9, size=60)])
    labels = np.where(rng.random(60) < 0.4, "good", "bad")
    found = {"rarity": rarity(ids, 12), "ratio": log_ratios(ids, labels, 12, smoothing=0.5)}
    holds = np.array([(ids == token).any(axis=1).sum() for token in range(12)])
    counts = np.array([[(ids[labels == side] == token).sum() for token in range(12)] for side in ("bad", "good")])
    shares = (counts[:, 1:] + 0.5) / (counts[:, 1:] + 0.5).sum(axis=1, keepdims=True)
    expected = {"rarity": np.log(61 / (1 + holds[1:])), "ratio": np.log(shares[1] / shares[0])}
    real = ids[ids > 0]
    for name, values in found.items():
        size = np.sqrt(np.mean(expected[name][real - 1] ** 2))  # the mean square over the tokens of all rows becomes 1
        np.testing.assert_allclose(values[1:], expected[name] / size, rtol=1e-12)
    assert found["ratio"][0] == 0 < found["rarity"].min()


def test_a_token_of_all_rows_keeps_a_scale():
    assert rarity([[1, 2], [1, 3]], 4)[1] > 0


def test_log_ratios_refuse_what_has_no_two_sides():
    with pytest.raises(ValueError, match=r"labels must be of two classes, got 3: a, b, c"):
        log_ratios([[1], [2], [1]], ["a", "b", "c"], 3)
    with pytest.raises(ValueError, match="one label per row, 2, got 3"):
        log_ratios([[1], [2]], [0, 1, 1], 3)
    with pytest.raises(ValueError, match="smoothing"):
        log_ratios([[1], [2]], [0, 1], 3, smoothing=0.0)
    with pytest.raises(ValueError, match="token ids must be from 0 to 1"):
        rarity([[1], [2]], 2)


# Unicode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("हिन्दी में किताब", ["हिन्दी", "में", "किताब"]),  # vowels are marks of the categories Mn and Mc
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("ภาษาไทย ดี", ["ภาษาไทย", "ดี"]),
        ("שָׁלוֹם", ["שָׁלוֹם"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),  # a joiner inside a Persian word
        ("naïve cafe\u0301", ["naïve", "café"]),
        ("x\u0304 = 2.5", ["x\u0304", "2", "5"]),  # no composed form exists
        ("snake_case l'été don’t!", ["snake", "case", "l'été", "don’t", "!"]),
    ],
)
def test_combining_marks_belong_to_their_letter(text, expected):
    assert words(text) == [unicodedata.normalize("NFC", word) for word in expected]


def test_words_that_differ_in_their_vowels_have_ids_of_their_own():
    vocabulary = learn_vocabulary(["कि की कु कू का"])
    assert len(vocabulary) == 2 + 5
    assert len(set(vocabulary.ids(["कि की कु कू का"])[0])) == 5


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_form_in_which_a_text_is_typed_makes_no_difference(form, unit, lower):
    text = "Café Ångström über हिन्दी"
    vocabulary = learn_vocabulary([unicodedata.normalize(form, text)], unit=unit, lower=lower)
    assert vocabulary == learn_vocabulary([text], unit=unit, lower=lower)
    typed = [unicodedata.normalize(other, text) for other in ("NFC", "NFD")]
    found = vocabulary.ids(typed)
    np.testing.assert_array_equal(found[0], found[1])
    assert 1 not in found


def test_case_is_folded():
    vocabulary = learn_vocabulary(["Straße ΣΊΣΥΦΟΣ"])
    np.testing.assert_array_equal(vocabulary.ids(["STRASSE"]), vocabulary.ids(["straße"]))
    np.testing.assert_array_equal(vocabulary.ids(["σίσυφος"]), vocabulary.ids(["ΣΊΣΥΦΟΣ"]))
    assert "straße" in learn_vocabulary(["straße"], lower=False).tokens


def test_a_vocabulary_keeps_the_rules_it_was_made_with():
    """A file of an earlier version has no edition, and its texts are cut as its fit was trained."""
    old = Vocabulary(("<pad>", "<unk>", "cafe", "straße"), edition=1)
    assert old.ids(["cafe\u0301 Straße"]).tolist() == [[2, 3]]  # the accent was dropped
    assert replace(old, edition=2).ids(["cafe\u0301"]).tolist() == [[1]]
    arrays: dict = {}
    document = codec.encode(old, arrays, "vocabulary")
    assert codec.decode(document, arrays) == old
    del document["fields"]["edition"]
    assert codec.decode(document, arrays) == old
    with pytest.raises(ValueError, match="unknown edition 3"):
        replace(old, edition=3)


def test_vectors_are_found_in_whatever_form_the_file_has_the_word(tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text(unicodedata.normalize("NFD", "café 1 2\n"), encoding="utf-8")
    assert read_vectors(file, learn_vocabulary(["café"]))[2].tolist() == [1.0, 2.0]


def test_the_nearest_words_are_those_of_the_smallest_angles():
    vocabulary = Vocabulary(("<pad>", "<unk>", "a", "b", "c", "d", "none"))
    vectors = np.array([[9, 9], [9, 9], [1, 0], [5, 5], [0, -1], [-2, 0.1], [0, 0]], float)
    found = nearest(vocabulary, vectors, "A")
    assert found.index.tolist() == ["b", "c", "d"]
    np.testing.assert_allclose(found, [np.sqrt(0.5), 0.0, -2 / np.hypot(2, 0.1)], rtol=1e-12)
    assert nearest(vocabulary, vectors, "a", count=1).index.tolist() == ["b"]
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])  # draws that differ by a rotation say the same
    draws = np.stack([vectors, vectors @ turn])[None]
    np.testing.assert_allclose(nearest(vocabulary, draws, "a"), found, atol=1e-12)
    for arguments, message in (
        ((vectors[1:], "a"), r"one vector per token of the vocabulary, got \(6, 2\)"),
        ((vectors, "e"), "must be a token of the vocabulary, got 'e'"),
        ((vectors, "<unk>"), "must be a token of the vocabulary, got '<unk>'"),
        ((vectors, "none"), "got 'none', whose vector is zero"),
    ):
        with pytest.raises(ValueError, match=message):
            nearest(vocabulary, *arguments)
