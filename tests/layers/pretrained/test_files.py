"""Files of weights: what they hold is read, and what is not what its name says is refused."""

import importlib.util
import pickle

import numpy as np
import pytest

from bayesnn.layers.pretrained import read_weights

ARRAYS = {"weight": np.arange(6.0).reshape(3, 2), "bias": np.float32([1, 2, 3])}
safetensors = pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="safetensors is not installed")


def same(found):
    assert set(found) == set(ARRAYS)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(found[name], values)


def test_npz_files_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    same(read_weights(str(tmp_path / "a.npz")))


@safetensors
def test_safetensors_files_are_read(tmp_path):
    from safetensors.numpy import save_file

    save_file(ARRAYS, tmp_path / "a.safetensors")
    same(read_weights(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("ending", ["npz", pytest.param("safetensors", marks=safetensors)])
@pytest.mark.parametrize("content", [b"", b"\x80\x04weights", b"PK\x03\x04 and no more", pickle.dumps([1])])
def test_a_file_that_is_not_what_its_name_says_is_refused(ending, content, tmp_path):
    file = tmp_path / f"a.{ending}"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"a.{ending} is no {ending} file of arrays"):
        read_weights(file)


def test_objects_and_single_arrays_are_no_weights(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{}, None], dtype=object))
    np.savez(tmp_path / "text.npz", a=np.array(["a"]))
    np.save(tmp_path / "single.npy", np.ones(2))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    for name in ("objects", "text", "single"):
        with pytest.raises(ValueError, match=f"{name}.npz is no npz file"):
            read_weights(tmp_path / f"{name}.npz")


@pytest.mark.parametrize("name", ["weights.pt", "weights.bin", "weights"])
def test_other_kinds_say_how_to_write_one_that_is_read(name, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=rf"\.npz or \.safetensors, got {name}: .*safetensors.torch.save_file"):
        read_weights(tmp_path / name)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.npz"):
        read_weights(tmp_path / "none.npz")
