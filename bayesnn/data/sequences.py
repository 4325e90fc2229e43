"""Sequences of numbers and of token ids as arrays: padded at the end to one length, and checked.

Numbers (n, time, d) end in steps that are all NaN, token ids (n, time) in zeros; the mask (n, time) of the real steps
follows from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks, memory
from bayesnn._internal.numbers import as_array, real_numbers


class Reads(NamedTuple):
    """What a network reads: token ids below `vocabulary`, or numbers if that is None.

    The first `source` steps form a sequence of their own, with its own padding, and ids below `of_source` if these are
    not those of the rest. `words`, a `bnn.text.Vocabulary`, turns texts into ids.
    """

    vocabulary: int | None = None
    source: int = 0
    words: Any = None
    of_source: int = 0


PART = 4_000_000  # numbers that are checked at a time
LARGEST_ID = 2**31 - 1
PADDING = 0  # the token id of padded steps
TABLE, NUMBERS, TOKENS = "table", "sequence", "tokens"  # kinds of inputs
DIMS = {TABLE: ("obs", "predictor"), NUMBERS: ("obs", "step", "predictor"), TOKENS: ("obs", "step")}
KEEP = ("first", "last")


def pad(sequences: Sequence[Any], length: int | None = None, *, keep: str | None = None) -> np.ndarray:
    """Sequences of different lengths as one array, padded at the end.

    Parameters
    ----------
    sequences : sequence of arrays
        Numbers (time, d), or (time,) for one feature; or token ids, whole numbers (time,).
    length : int, optional
        Number of steps of the result. Default: that of the longest sequence.
    keep : {"first", "last"}, optional
        Which steps to keep of sequences longer than `length`. Default: longer sequences are refused.

    Returns
    -------
    numpy.ndarray
        Numbers (n, length, d), where padded steps are NaN; or token ids (n, length), where padding is zero.

    Raises
    ------
    ValueError
        If a sequence is empty or longer than `length`, if sequences differ in their number of features, or if the
        result is larger than the memory of this machine.

    See Also
    --------
    next_tokens : texts as inputs and next words

    Examples
    --------
    >>> pad([[5, 2, 7], [3]]).tolist()
    [[5, 2, 7], [3, 0, 0]]
    >>> pad([[1.5], [0.5, 2.5]]).shape
    (2, 2, 1)
    """
    _same_columns(sequences)
    arrays = [_one(sequence, row) for row, sequence in enumerate(sequences)]
    if not arrays:
        raise ValueError("sequences must hold at least one sequence, got none")
    steps = max(map(len, arrays)) if length is None else checks.positive_integer("length", length)
    if keep is not None:
        checks.known("keep", keep, KEEP)
        arrays = [a[:steps] if keep == "first" else a[-steps:] for a in arrays]
    longest = max(range(len(arrays)), key=lambda row: len(arrays[row]))
    if len(arrays[longest]) > steps:
        raise ValueError(
            f"sequences must have at most length={steps} steps, got {len(arrays[longest])} in sequence {longest}: "
            'give keep="first" or keep="last" to cut them'
        )
    tokens = all(a.dtype.kind in "iu" for a in arrays)
    if tokens and (largest := max(int(np.abs(a).max()) for a in arrays)) > LARGEST_ID:
        raise ValueError(f"token ids must be at most {LARGEST_ID}, got {largest}: give numbers as floats")
    values = arrays if tokens else [_numbers(a) for a in arrays]
    widths = sorted({a.shape[1:] for a in values})
    if len(widths) > 1:
        raise ValueError(f"sequences must have the same features, got steps of shapes {widths[0]} and {widths[-1]}")
    size = len(values) * steps * (4 if tokens else 8 * widths[0][0])
    memory.check_memory(f"{len(values)} sequence(s) of {steps} steps take", size, "give a smaller length")
    filled = np.full((len(values), steps, *widths[0]), PADDING if tokens else np.nan, np.int32 if tokens else float)
    for row, one in enumerate(values):
        filled[row, : len(one)] = one
    return filled


def real_steps(x: np.ndarray) -> np.ndarray:
    """Which steps (n, time) are not padding, for numbers (n, time, d) or token ids (n, time)."""
    return x != PADDING if x.ndim == 2 else ~np.isnan(x).all(axis=-1)


def any_padding(x: np.ndarray) -> bool:
    """Whether a row of numbers (n, time, d) or token ids (n, time) ends in padding."""
    return any(not real_steps(part).all() for _, part in _parts(x))


def token_ids(x: Any, vocabulary: int, source: int = 0, of_source: int = 0) -> np.ndarray:
    """Token ids (n, time) below `vocabulary`, those of the source below `of_source` if it is not zero, checked."""
    values = x if isinstance(x, np.memmap) else _whole(x, "x")
    if values.ndim != 2 or values.dtype.kind not in "iu":
        raise ValueError(
            "x must hold token ids, whole numbers of shape (n, time), for a model that starts with an Embedding, got "
            f"{values.dtype} of shape {values.shape}: bnn.pad makes an array of lists of ids"
        )
    _not_empty(values)
    limit = np.full(values.shape[1], vocabulary)
    limit[:source] = of_source or vocabulary
    count, place = _find(values, lambda part: (part < 0) | (part >= limit))
    if count:
        row, step = place
        where = ("of the source " if step < source else "of the target ") if of_source else ""
        raise ValueError(
            f"token ids {where}must be from 0 to {limit[step] - 1}, as the vocabulary of {limit[step]} says, got "
            f"{count} other(s), the first ({values[row, step]}) at row {row}, step {step}"
            + (": are the two vocabularies exchanged?" if of_source else "")
        )
    inside = _check_rows(values, source)
    if inside is not None:
        raise ValueError(
            f"padding (0) must come after a sequence, got it inside, at row {inside[0]}, step {inside[1]}: "
            "real tokens have ids from 1 on, unknown ones an id of their own"
        )
    on_disk = isinstance(values, np.memmap) and values.dtype == np.int32
    return values if on_disk else values.astype(np.int32)


def numbers(x: Any, features: int, source: int = 0) -> np.ndarray:
    """Sequences of numbers (n, time, d), checked."""
    _same_columns(x)
    values = _array(x)[0]
    if values.ndim != 3 or values.dtype.kind not in "fiub":
        raise ValueError(
            f"x must hold sequences of numbers, shape (n, time, {features}), got {values.dtype} of shape "
            f"{values.shape}: bnn.pad makes an array of sequences of different lengths"
        )
    if values.shape[2] != features:
        raise ValueError(f"x must have the {features} feature(s) of the fit at every step, got {values.shape[2]}")
    values = real_numbers("x", x).copy()
    _not_empty(values)
    if np.isinf(values).any():
        row, step, feature = _first(np.isinf(values))
        raise ValueError(f"x must be finite, got an infinite value at row {row}, step {step}, feature {feature}")
    inside = _check_rows(values, source)
    bad = np.isnan(values) & real_steps(values)[..., None]
    if inside is not None or bad.any():
        row, step = inside if inside is not None else _first(bad)[:2]
        raise ValueError(
            f"NaN must come after a sequence, whole steps at its end, got it inside, at row {row}, step {step}: "
            "impute missing values"
        )
    return values


def to_steps(x: np.ndarray, steps: int) -> np.ndarray:
    """The same sequences with at least `steps` steps and otherwise no more than the longest needs, for new rows."""
    used = np.any([real_steps(part).any(axis=0) for _, part in _parts(x)], axis=0)
    longest = int(np.flatnonzero(used)[-1]) + 1
    return to_width(x, max(longest, steps), PADDING if x.ndim == 2 else np.nan)


def to_width(x: np.ndarray, width: int, fill: Any) -> np.ndarray:
    """An array (n, time, ...) cut or padded to (n, width, ...)."""
    if x.shape[1] >= width:
        return x[:, :width]
    missing = [(0, 0), (0, width - x.shape[1])] + [(0, 0)] * (x.ndim - 2)
    return np.pad(x, missing, constant_values=fill)


def _check_rows(x: np.ndarray, source: int) -> tuple[int, ...] | None:
    """Refuse rows without a real step; the position of the first padded step that real steps follow, or None.

    If there is a source, it and what follows it are checked separately.
    """
    if source:
        if x.shape[1] <= source:
            raise ValueError(
                f"x must have more than the {source} steps of the source: put the target's input after it, got "
                f"{x.shape[1]} steps"
            )
        first, second = _check_rows(x[:, :source], 0), _check_rows(x[:, source:], 0)
        return first or (None if second is None else (second[0], second[1] + source))
    empty, first_empty = _find(x, lambda part: ~real_steps(part).any(axis=1))
    if empty:
        raise ValueError(
            f"x must have a real step in every row, got {empty} row(s) of padding only, the first at row "
            f"{first_empty[0]}: drop them"
        )
    return _find(x, lambda part: np.diff(real_steps(part).astype(np.int8), axis=1) > 0)[1] or None


def _parts(x: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of rows, each with the number of its first row: so checks of a memory-mapped file need little memory."""
    size = max(1, PART // max(1, math.prod(x.shape[1:])))
    return ((start, x[start : start + size]) for start in range(0, len(x), size))


def _find(x: np.ndarray, test: Callable[[np.ndarray], Any]) -> tuple[int, tuple[int, ...]]:
    """The number of positions at which a test is true, and the first of them, () if there is none."""
    count, first = 0, tuple[int, ...]()
    for start, part in _parts(x):
        found = test(part)
        if found.any():
            row, *rest = _first(found)
            count, first = count + int(found.sum()), first or (start + row, *rest)
    return count, first


def _first(bad: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(bad)[0])


def _not_empty(values: np.ndarray) -> None:
    if not values.size:
        raise ValueError(f"x is empty: at least one row, step and feature are needed, got shape {values.shape}")


def kind_of(x: Any) -> str:
    """The kind of inputs of a model that reads numbers: sequences if there are three axes, else a table."""
    return NUMBERS if not hasattr(x, "iloc") and len(shape_of(x)) == 3 else TABLE


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array or of nested lists; sequences of different lengths are refused."""
    return np.shape(x if hasattr(x, "shape") else _array(x)[0])


def _array(x: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """An array, and which of its values are masked, or None."""
    try:
        return as_array("x", x)
    except ValueError as error:
        if "differ in length" not in str(error):
            raise
        raise ValueError(
            f"x must be one array, and these sequences differ in length: use bnn.pad(x) ({error})"
        ) from None


def _whole(x: Any, name: str) -> np.ndarray:
    """Token ids as an array; masked ones, for which there is no number, are refused."""
    values, mask = _array(x)
    if mask is not None and mask.any():
        raise ValueError(f"{name} must have no masked token ids, got {int(mask.sum())}: pad with 0")
    return values


def _same_columns(sequences: Any) -> None:
    """Refuse a list of tables whose columns differ, or come in another order: features are taken by their place."""
    if not isinstance(sequences, (list, tuple)):
        return
    named = {row: list(map(str, one.columns)) for row, one in enumerate(sequences) if hasattr(one, "columns")}
    first = next(iter(named.values()), [])
    other = next((row for row, names in named.items() if names != first), None)
    if other is not None:
        raise ValueError(
            f"sequences must have the same columns in the same order, got {first} and, in sequence {other}, "
            f"{named[other]}: select them by name, as sequence[{first}] does"
        )


def _one(sequence: Any, row: int) -> np.ndarray:
    array, _ = as_array(f"sequence {row}", sequence)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub" or not array.size:
        raise ValueError(
            "a sequence must be numbers of shape (time, d), or (time,) for one feature or token ids, got "
            f"{array.dtype} of shape {array.shape} in sequence {row}"
        )
    if array.ndim == 1 and array.dtype.kind in "iu":
        return _whole(sequence, f"sequence {row}")
    return _numbers(real_numbers(f"sequence {row}", sequence))


def _numbers(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1).astype(np.float64)
