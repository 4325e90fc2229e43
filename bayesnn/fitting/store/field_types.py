"""Fields of specs read from a file: whether each value is of the type that the class says, before it is made."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

SIMPLE: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,), type(None): (type(None),)}


def check_types(kind: type, values: Mapping[str, Any]) -> None:
    """Refuse values of a class's fields that are of another type than it says."""
    hints = _hints(kind)
    for name, value in values.items():
        if not fits(value, hints.get(name, Any)):
            raise ValueError(f"{name} of {kind.__name__} must be of the type {hints[name]}, got {type(value).__name__}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type; a type that cannot be checked here counts as satisfied.

    Examples
    --------
    >>> fits((1, 2), tuple[int, ...]), fits(True, int), fits("a", int | None), fits(1, float)
    (True, False, False, True)
    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in typing.get_args(hint))
    if hint in SIMPLE:
        return isinstance(value, SIMPLE[hint]) and not isinstance(value, bool)
    if origin is tuple:
        parts = typing.get_args(hint)
        if not isinstance(value, (tuple, list)):
            return False
        if len(parts) == 2 and parts[1] is Ellipsis:
            return all(fits(one, parts[0]) for one in value)
        return len(value) == len(parts) and all(map(fits, value, parts))
    plain = origin or hint
    abstract = plain is Any or not isinstance(plain, type) or getattr(plain, "_is_protocol", False)
    return True if abstract else isinstance(value, plain)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except NameError:  # names that only a type checker imports
        return {}
