"""Binary files of word2vec: written here byte by byte as the program writes them, read back, and refused if damaged."""

import gzip

import numpy as np
import pytest

from bayesnn.text import Vocabulary, read_vectors

VOCABULARY = Vocabulary(("<pad>", "<unk>", "bad", "caf\u00e9", "missing"))
WORDS = {"good": [1.0, 0.5, -2.0], "bad": [0.25, -1.0, 3.0], "cafe\u0301": [9.0, 10.0, 32.0]}  # 32 holds a space's byte


def written(newline=b"\n", words=WORDS):
    """`count width`, then word, space, single precision numbers, and a newline in the older of two editions."""
    rows = [word.encode() + b" " + np.array(values, "<f4").tobytes() + newline for word, values in words.items()]
    return f"{len(words)} 3\n".encode() + b"".join(rows)


@pytest.mark.parametrize("newline", [b"\n", b""])
@pytest.mark.parametrize("name", ["vectors.bin", "vectors.bin.gz"])
def test_binary_files_are_read(name, newline, tmp_path):
    file = tmp_path / name
    file.write_bytes(gzip.compress(written(newline)) if name.endswith("gz") else written(newline))
    found = read_vectors(file, VOCABULARY, width=3)
    np.testing.assert_array_equal(found, [[0.0] * 3, [0.0] * 3, WORDS["bad"], WORDS["cafe\u0301"], [0.0] * 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a binary file of word2vec"),
        (b"bad 1.0 2.0 3.0\n", "a file of text needs another name than .bin"),
        (b"3 0\nbad ", "must be a binary file of word2vec"),
        (written()[:-3], "must hold 3 words with 3 numbers each, got 2 and no more"),
        (written(words={"bad": [1.0, np.nan, 2.0]}), "finite numbers, got others at word 0, 'bad'"),
        (written(words={"Bad": [1.0, 1.0, 2.0]}), "has none of the 5 tokens of the vocabulary"),
    ],
)
def test_other_and_damaged_files_are_refused(content, message, tmp_path):
    (tmp_path / "vectors.bin").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_vectors(tmp_path / "vectors.bin", VOCABULARY)


def test_the_width_must_be_the_expected_one(tmp_path):
    (tmp_path / "vectors.bin").write_bytes(written())
    with pytest.raises(ValueError, match="must have vectors of width 5, got 3"):
        read_vectors(tmp_path / "vectors.bin", VOCABULARY, width=5)


def test_a_binary_file_with_the_name_of_a_text_is_refused(tmp_path):
    (tmp_path / "vectors.txt").write_bytes(written())
    with pytest.raises(ValueError, match=r"vectors.txt .*line 2"):
        read_vectors(tmp_path / "vectors.txt", VOCABULARY)
