"""Frozen specs in short: what differs from the defaults."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any


def short(spec: Any) -> str:
    """A spec with the fields that have no default or another value, such as "Dense(16, activation='relu')".

    Examples
    --------
    >>> from bayesnn.layers import Dense
    >>> short(Dense(16, "relu"))
    "Dense(16, activation='relu')"
    """
    if isinstance(spec, (tuple, list)):
        return f"[{', '.join(map(short, spec))}]"
    if not is_dataclass(spec) or isinstance(spec, type):
        return getattr(spec, "__name__", None) or repr(spec)
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
