"""Frozen specs in short: what differs from the defaults."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

LONGEST = 40  # characters of a value that are shown
MOST = 5  # items of a sequence, such as the tokens of a vocabulary


def short(spec: Any) -> str:
    """A spec with the fields that have no default or another value, such as "Dense(16, activation='relu')".

    Examples
    --------
    >>> from bayesnn.layers import Dense
    >>> short(Dense(16, "relu"))
    "Dense(16, activation='relu')"
    """
    if isinstance(spec, (tuple, list)):
        more = f", {len(spec) - MOST} more" if len(spec) > MOST else ""
        return f"[{', '.join(map(short, spec[:MOST]))}{more}]"
    if not is_dataclass(spec) or isinstance(spec, type):
        text = getattr(spec, "__name__", None) or repr(spec)
        return text if len(text) <= LONGEST else f"<{type(spec).__name__}>"
    said = []
    for f in fields(spec):
        value = getattr(spec, f.name)
        if _required(f):
            said.append(short(value))
        elif not _is_default(f, value):
            said.append(f"{f.name}={short(value)}")
    return f"{type(spec).__name__}({', '.join(said)})"


def _required(f: Field[Any]) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _is_default(f: Field[Any], value: Any) -> bool:
    default = f.default if f.default_factory is MISSING else f.default_factory()
    return type(value) is type(default) and bool(value == default)
