"""Frozen specs in short: what differs from the defaults."""

from __future__ import annotations

from collections.abc import Sequence
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


def check_kind(name: str, value: Any, kind: Any, wanted: str) -> None:
    """Refuse a part of a model that is of another kind."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")


def check_parts(layers: Sequence[Any], **others: Any) -> None:
    """Refuse layers and other parts of a model that cannot be hashed."""
    named = {f"layer {i}, {type(layer).__name__}": layer for i, layer in enumerate(layers)}
    for name, spec in (named | others).items():
        check_hashable(name, spec)


def check_hashable(name: str, spec: Any) -> None:
    """Refuse a spec that cannot be hashed, and say which of its values is at fault: programs are kept by model.

    Examples
    --------
    >>> from bayesnn.layers import Dense
    >>> check_hashable("layer 0", Dense(16, "relu"))
    """
    fault = _unhashable(name, spec)
    if fault is not None:
        where, value = fault
        raise ValueError(
            f"{name} must be hashable, since compiled programs are kept by model, but {where}, of the class "
            f"{type(value).__qualname__}, is not: write lists and arrays as tuples, and give a class with __eq__ "
            "a __hash__ that goes with it"
        )


def _unhashable(name: str, value: Any) -> tuple[str, Any] | None:
    """The innermost part of a value that cannot be hashed, with its name; None if all of it can."""
    try:
        hash(value)
    except TypeError:
        pass
    else:
        return None
    parts: dict[str, Any] = {}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f"the {f.name} of {name}": getattr(value, f.name) for f in fields(value) if f.compare}
    elif isinstance(value, tuple):
        parts = {f"item {i} of {name}": part for i, part in enumerate(value)}
    found = (_unhashable(where, part) for where, part in parts.items())
    return next(filter(None, found), (name, value))


def _required(f: Field[Any]) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _is_default(f: Field[Any], value: Any) -> bool:
    default = f.default if f.default_factory is MISSING else f.default_factory()
    return type(value) is type(default) and bool(value == default)
