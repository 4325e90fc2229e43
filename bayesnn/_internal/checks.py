"""Checks of arguments. Every message says what was expected, what was given and what to do."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from bayesnn._internal.arrays import reading
from bayesnn._internal.numbers import constant, resolution_of


class TooLongError(ValueError):
    """A sequence has more steps than a layer has weights or positions for."""


DOUBLE = resolution_of(np.dtype(float))


def known(kind: str, name: Any, registry: Mapping[str, Any] | Sequence[Any]) -> None:
    """Refuse a name that is not in the registry, listing the names that are."""
    if name not in tuple(registry):  # a tuple compares by equality, so an unhashable name is refused too
        raise ValueError(f"unknown {kind} {name!r}: choose one of {', '.join(map(repr, registry))}")


def positive_integer(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value` as an int, refusing anything that is not a whole number of at least `minimum`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}")
    return int(value)


def positive(name: str, value: Any) -> None:
    """Refuse anything but a finite number above zero."""
    if not (isinstance(value, Real) and np.isfinite(float(value)) and float(value) > 0):
        raise ValueError(f"{name} must be a finite number above zero, got {value!r}")


def number(name: str, value: Any) -> None:
    """Refuse anything but a finite number."""
    if not (isinstance(value, Real) and np.isfinite(float(value))):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


def finite(name: str, values: np.ndarray, columns: Sequence[str] | None = None) -> None:
    """Refuse NaN and infinities; the message counts them and gives the position of the first."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f"row {place[0]}" + (f", column {columns[place[1]]!r}" if columns and len(place) > 1 else "")
    raise ValueError(
        f"{name} must be finite, got {int(bad.sum())} NaN or infinite value(s), "
        f"the first ({values[place]}) at {where}: drop or impute these rows"
    )


def two_dimensional(name: str, shape: tuple[int, ...], values: Any = None) -> None:
    """Refuse inputs that are not a table, (n, p); the message names the type of what has no rows."""
    if len(shape) == 2:
        return
    if not shape:
        raise ValueError(
            f"{name} must be a table, an array (rows, columns) or a pandas.DataFrame, got {type(values).__name__}: "
            "make it one, as np.array(list(x)) does of a generator of rows"
        )
    cure = " use x[:, None] for a single input" if len(shape) == 1 else ""
    raise ValueError(f"{name} must be two-dimensional, (rows, columns), got shape {shape}:{cure or ' reshape it'}")


def column_names(names: Sequence[str], what: str = "column") -> None:
    """Refuse a table without columns, and columns with the same name, also in another form of Unicode."""
    if not names:
        raise ValueError("x must have at least one column, got none")
    counts = collections.Counter(map(reading, names))
    shared = sorted(name for name, count in counts.items() if count > 1)
    if shared:
        raise ValueError(f"x must have a different name for every {what}, got several called {shared}: rename them")


def rows(count_x: int, count_y: int) -> None:
    """Refuse inputs and targets of different lengths, and empty data."""
    if count_x != count_y:
        raise ValueError(f"x and y must have the same number of rows, got {count_x} and {count_y}")
    if count_x == 0:
        raise ValueError("x and y are empty: at least two rows are needed")


def columns(expected: Sequence[str], got: Sequence[str], named: bool) -> None:
    """Refuse columns that differ from those of the fit, in whatever order they are."""
    missing, extra = _differences(expected, got)
    if len(expected) != len(got):
        raise ValueError(
            f"x must have the {len(expected)} column(s) of the fit ({', '.join(expected)}), got {len(got)} column(s)"
            + (f": missing {missing}, unknown {extra}" if named else "")
        )
    if named and (sorted(expected) != sorted(got)):
        detail = f"missing {missing}, unknown {extra}" if missing or extra else "the same name twice"
        raise ValueError(f"x must have the columns of the fit, {list(expected)}, got {list(got)}: {detail}")


def varying(name: str, values: np.ndarray, resolution: float = DOUBLE) -> None:
    """Refuse a target that is constant but for rounding, and such an output among several.

    `resolution` is that of the numbers in which the user gave it, as `numbers.resolution_of` says.
    """
    same = np.flatnonzero(constant(values.reshape(len(values), -1), resolution))
    if len(same):
        where = f"column {same[0]} of {name}" if values.ndim > 1 else name
        value = values.reshape(len(values), -1)[0, same[0]]
        raise ValueError(f"{where} must vary, got {value} in every one of {len(values)} row(s): nothing can be learnt")


def levels(values: Iterable[float]) -> tuple[float, ...]:
    """Return the levels of intervals, in per cent, refusing anything outside (0, 100), and shares such as 0.95."""
    listed = isinstance(values, Iterable) and not isinstance(values, (str, bytes))
    result: tuple[Any, ...] = tuple(values) if listed else (values,)
    if not listed or not result or any(not isinstance(level, Real) or not 0 < float(level) < 100 for level in result):
        raise ValueError(
            f"levels must be percentages between 0 and 100, such as (80, 95), got {result if listed else values!r}"
        )
    if any(level <= 1 for level in result):
        raise ValueError(f"levels must be percentages, not shares: 80 for 80%, got {result}")
    return result


def _differences(expected: Sequence[str], got: Sequence[str]) -> tuple[list[str], list[str]]:
    return [c for c in expected if c not in got], [c for c in got if c not in expected]


def fraction(name: str, value: Any) -> None:
    """Refuse a value outside (0, 1)."""
    if not (isinstance(value, Real) and 0 < float(value) < 1):
        raise ValueError(f"{name} must be between 0 and 1, got {value!r}")


def some(values: Sequence[Any], most: int = 3) -> str:
    """The first few of some values as text, and how many more there are."""
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(str(value) for value in values[:most]) + more
