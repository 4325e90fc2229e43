"""Libraries that only a part of the package needs: loaded on request, with an error that says how to install them."""

from __future__ import annotations

import importlib
from typing import Any


def extra_module(module: str, extra: str, purpose: str, otherwise: str = "") -> Any:
    """The module of a library that the extra `extra` of this package brings.

    Raises
    ------
    ModuleNotFoundError
        If the library is not installed; `purpose` says what needs it, as in "formulas need", and `otherwise`
        what to do instead.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.split(".")[0]
        raise ModuleNotFoundError(
            f'{purpose} the library {library}: pip install "bayesnn[{extra}]"{otherwise}'
        ) from error
