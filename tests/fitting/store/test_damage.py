"""What is read back is what was written, or an error, whatever bit of a file changed and whatever was lost of a run."""

import numpy as np
import pytest

from bayesnn.fitting.store import files
from bayesnn.fitting.store.format import chunk_name, read_draws

ARRAYS = {"sigma": np.arange(4.0).reshape(2, 2), "beta": np.arange(8.0).reshape(2, 2, 2)}
DOCUMENT = {"identity": "run", "content": None}


def same(found):
    arrays, document = found
    return (
        document == DOCUMENT
        and arrays.keys() == ARRAYS.keys()
        and all(np.array_equal(arrays[name], values) for name, values in ARRAYS.items())
    )


def test_no_bit_of_a_file_changes_what_is_read(tmp_path):
    """Lengths in the directory of a zip have no checksum: a comment that seems long hides the members after it."""
    path = tmp_path / "draws.npz"
    files.write_arrays(path, ARRAYS, DOCUMENT)
    whole = path.read_bytes()
    assert same(files.read_arrays(path))
    refused, directory = 0, whole.index(b"PK\x01\x02")
    places = [8 * byte + byte % 8 for byte in range(directory)] + list(range(8 * directory, 8 * len(whole)))
    for place in places:
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            assert same(files.read_arrays(path)), f"bit {place % 8} of byte {place // 8}"
        except ValueError as error:
            assert "damaged" in str(error)
            refused += 1
    assert refused > len(places) // 2


def test_members_that_a_directory_hides_are_missed(tmp_path):
    path = tmp_path / "draws.npz"
    files.write_arrays(path, ARRAYS, DOCUMENT)
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"PK\x01\x02") + 33] = 64  # the length of the first member's comment, beyond the directory's end
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="its directory does not list all members"):
        files.read_arrays(path)
    path.write_bytes(whole + b"a comment, perhaps")
    with pytest.raises(ValueError, match="is damaged"):
        files.read_arrays(path)


HALF = {name: values[:, :1] for name, values in ARRAYS.items()}


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({}, "does not hold the draws of its name"),
        ({"sigma": HALF["sigma"]}, "of the same sites as the files before it"),
        (HALF | {"gamma": HALF["sigma"]}, "of the same sites"),
        ({name: values[:1] for name, values in HALF.items()}, "of the same sites"),
        (HALF | {"beta": HALF["beta"][..., :1]}, "of the same sites"),
        (HALF | {"beta": HALF["beta"].astype(int)}, "of the same sites"),
        ({name: values[:, :0] for name, values in HALF.items()}, "does not hold the draws of its name"),
    ],
)
def test_a_file_that_lost_draws_is_refused(tmp_path, part, message, lost, keep):
    """Memory for draws is given before they are read: what no file fills would hold whatever was there before."""
    for number in range(2):
        content = part if number == lost else HALF
        files.write_arrays(tmp_path / chunk_name(number, number + 1), content, DOCUMENT)
    with pytest.raises(ValueError, match=f"holds a run that is damaged: .*{message}"):
        read_draws(tmp_path, "run", 2, keep=keep)


def test_draws_of_several_files_are_one_array(tmp_path):
    for number in range(2):
        files.write_arrays(
            tmp_path / chunk_name(number, number + 1),
            {name: values[:, number : number + 1] for name, values in ARRAYS.items()},
            DOCUMENT,
        )
    found = read_draws(tmp_path, "run", 2)
    assert all(np.array_equal(found[name], values) for name, values in ARRAYS.items())
