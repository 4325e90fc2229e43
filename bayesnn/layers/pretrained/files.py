"""Files of weights: npz and safetensors."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn._internal.extras import extra_module

FORMATS = {".npz": "npz", ".safetensors": "safetensors"}
CURE = (
    "write the state of a torch module by safetensors.torch.save_file(module.state_dict(), 'weights.safetensors'), or "
    "arrays by numpy.savez('weights.npz', **arrays)"
)


def read_weights(path: Any) -> dict[str, np.ndarray]:
    """The arrays of a file by name, for `convert_weights`; nothing in the file is run.

    Parameters
    ----------
    path : str or Path
        A file .npz, or .safetensors with the extra `safetensors` (`pip install "bayesnn[safetensors]"`). Files of
        pickled objects, such as .pt and .bin of PyTorch, run code when they are read, so they are refused.

    Returns
    -------
    dict from str to array

    Raises
    ------
    ValueError
        If the file is of another kind, whatever its name says, or damaged.
    FileNotFoundError
        If there is no such file.
    ModuleNotFoundError
        If safetensors is needed and missing.

    See Also
    --------
    convert_weights : weights of other libraries
    fix : layers with known weights

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(file, weight=np.ones((3, 2)))
    >>> read_weights(file)["weight"].shape
    (3, 2)
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"path must be text or a pathlib.Path, got {path!r}")
    file = Path(path)
    kind = FORMATS.get(file.suffix)
    if kind is None:
        raise ValueError(f"path must name a file .npz or .safetensors, got {file.name}: {CURE}")
    if file.is_dir():
        raise ValueError(f"path must name a file, got the folder {file}")
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    return _read_npz(file) if kind == "npz" else _read_safetensors(file)


def _read_npz(file: Path) -> dict[str, np.ndarray]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            return {name: _numbers(name, arrays[name]) for name in arrays.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{file} is no npz file of arrays of numbers, or damaged: {error}") from None


def _read_safetensors(file: Path) -> dict[str, np.ndarray]:
    library = extra_module("safetensors", "safetensors", "files .safetensors need")
    numpy_part = extra_module("safetensors.numpy", "safetensors", "files .safetensors need")
    try:
        return {name: _numbers(name, values) for name, values in numpy_part.load_file(file).items()}
    except (library.SafetensorError, ValueError, OSError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is no safetensors file of arrays that NumPy knows, or damaged: {type(error).__name__} {error}"
        ) from None


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{name} holds no numbers but {values.dtype}")
    return values
