"""Numbers of users as doubles; text, dates, missing values and sizes that overflow are never just converted."""

from __future__ import annotations

import datetime
import warnings
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

EXACT = 2.0**53  # whole numbers up to here are doubles
LARGEST = 1e75  # squares of squares of such numbers are still doubles
ROUNDINGS = 32  # equal numbers may differ by this many spacings of neighbouring floats after rounding
COARSEST = 6e-5  # upper bound of the relative resolution of a type; else whole per cents would count as rounding
OF_JAX = ("bfloat", "float", "int", "uint")  # types of numbers that NumPy does not know itself: bfloat16, int4, ...
DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
OTHER_DATES = ("Period", "DateOffset", "MonthDayNano")  # of pandas and PyArrow, by name, so that neither is imported


def real_numbers(name: str, values: Any) -> np.ndarray:
    """An array, list or column as float64; None, NA and masked values become NaN, for the caller to refuse or take.

    Raises
    ------
    ValueError
        For text, even if it spells numbers, for dates and durations, complex numbers, sparse matrices, ragged lists,
        other objects, and numbers above 1e75 in size.
    """
    array, mask = as_array(name, values)
    kind = array.dtype.kind
    if kind == "O":
        numbers = _from_objects(name, array, mask)
    elif kind in "biuf" or (kind == "V" and array.dtype.name.startswith(OF_JAX)):
        with np.errstate(over="ignore"):
            numbers = np.asarray(array, dtype=np.float64)
        if kind in "iu" and array.dtype.itemsize == 8:
            _still_different(name, array, numbers)
        if kind == "f" and array.dtype.itemsize > 8 and (np.isinf(numbers) & np.isfinite(array)).any():
            raise ValueError(_too_large(name, "a number with more than 308 digits", ()))
    else:
        raise ValueError(_refusal(name, array))
    if mask is not None:
        numbers = np.where(mask, np.nan, numbers)
    return _sized(name, numbers)


def as_array(name: str, values: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Values as an array of their own type, and which of them are masked, or None.

    Raises
    ------
    ValueError
        For sparse matrices, ragged lists, and what NumPy has no type for.
    """
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise ValueError(f"{name} must be a dense array, got a sparse {type(values).__name__}: call its toarray()")
    if isinstance(values, np.ma.MaskedArray):
        return values.data, np.ma.getmaskarray(values)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of masked elements in a list, which become NaN
            if isinstance(values, (list, tuple)) and any(isinstance(v, np.ma.MaskedArray) and v.ndim for v in values):
                rows = np.ma.stack(list(map(np.ma.asarray, values)))  # np.asarray would forget the masks of rows
                return rows.data, np.ma.getmaskarray(rows)
            return np.asarray(values), None
    except ValueError as error:
        raise ValueError(f"{name} must be one array, and its rows differ in length ({error})") from None
    except Exception as error:  # of whatever library the values come from
        raise ValueError(
            f"{name} must be an array of numbers or labels, and this {type(values).__name__} is none ({error}): "
            "convert it to a NumPy array"
        ) from None


def column_array(name: str, column: Any) -> np.ndarray:
    """A column of any library as an array, masked if it is; missing values of pandas are None, NaN or NA."""
    if not hasattr(column, "to_numpy"):
        array, mask = as_array(name, column)
        return array if mask is None else np.ma.masked_array(array, mask)
    try:
        return np.asarray(column.to_numpy())
    except Exception:  # such as PyArrow, which refuses to copy unless it is told to
        return as_array(name, column)[0]


def measured_numbers(name: str, column: Any) -> np.ndarray:
    """Numbers (n,) of a column as doubles, for a caller that will no longer know in which type they were given.

    So if they are constant but for rounding of that type, they are made equal; missing ones stay NaN.

    Examples
    --------
    >>> measured_numbers("y", np.array([0.3, 0.3 + 6e-8, 0.3], dtype=np.float32)).std() == 0
    np.True_
    """
    numbers = real_numbers(name, column_array(name, column))
    seen = np.isfinite(numbers)
    if seen.any() and constant(numbers[seen], resolution_of(getattr(column, "dtype", np.dtype(float)))):
        numbers = np.where(seen, numbers[seen][0], numbers)
    return numbers


def is_missing(value: Any) -> bool:
    """Whether a single value is None, NaN, a missing value of pandas, or masked."""
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and bool(value != value)


def is_number(value: Any) -> bool:
    """Whether a single value is a number, also a decimal or a fraction; truth values are."""
    return isinstance(value, (Real, Decimal, np.bool_))


def is_date(value: Any) -> bool:
    """Whether a single value is a date, a time, a period or a duration."""
    return isinstance(value, DATES) or type(value).__name__ in OTHER_DATES


def spells_number(value: Any) -> bool:
    """Whether a text, or bytes of one, is a number in writing."""
    if not isinstance(value, (str, bytes)):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def resolution_of(dtype: Any) -> float:
    """Relative spacing of numbers of this type: 2e-16 for doubles, 1e-7 for single precision, 0 for whole numbers."""
    plain = getattr(dtype, "numpy_dtype", dtype)
    if getattr(plain, "kind", "O") in "biu":
        return 0.0
    single = isinstance(plain, np.dtype) and plain.kind == "f" and plain.itemsize < 8
    return float(np.finfo(plain if single else np.float64).eps)


def constant(values: np.ndarray, resolution: Any = resolution_of(np.dtype(float))) -> np.ndarray:
    """Which columns of (n, ...) have one value, but for rounding relative to its size.

    Whole numbers that the type holds exactly, such as years in half precision, differ if they are different.

    Examples
    --------
    >>> constant(np.array([[0.1 + 0.2, 1.0], [0.3, 2.0]])).tolist()
    [True, False]
    """
    largest, smallest = values.max(axis=0), values.min(axis=0)
    size = np.maximum(np.abs(largest), np.abs(smallest))
    resolution = np.asarray(resolution)
    near = largest - smallest <= ROUNDINGS * np.minimum(resolution, COARSEST) * size
    exact = (size * resolution <= 2.0) & (np.floor(largest) == largest) & (np.floor(smallest) == smallest)
    return near & (~exact | (largest == smallest))


def _from_objects(name: str, array: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Numbers of an array of objects, one by one; the error names the first that is none."""
    numbers = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        value = array[place]
        if is_missing(value) or (mask is not None and mask[place]):
            numbers[place] = np.nan
        elif is_number(value):
            try:
                numbers[place] = float(value)
            except OverflowError:
                raise ValueError(_too_large(name, "a number with more than 308 digits", place)) from None
        else:
            raise ValueError(_refusal(name, np.asarray(value), _where(place), value))
    return numbers


def _still_different(name: str, whole: np.ndarray, numbers: np.ndarray) -> None:
    """Refuse different whole numbers above 2^53 that are one double, such as neighbouring identifiers."""
    large = np.abs(numbers) > EXACT
    if not large.any():
        return
    values, first = np.unique(numbers[large], return_index=True)
    if len(values) < len(np.unique(whole[large])):
        groups = np.searchsorted(values, numbers[large])
        differ = whole[large] != whole[large][first][groups]
        one = whole[large][differ][0]
        raise ValueError(
            f"{name} must hold numbers that double precision can tell apart, got whole numbers such as {one} and "
            f"{whole[large][first][groups][differ][0]}: subtract the smallest, or make them categories"
        )


def _refusal(name: str, array: np.ndarray, where: str = "", value: Any = None) -> str:
    """The message about values that are no numbers: what they are, the first of them, what to do."""
    kind = array.dtype.kind
    if kind == "c":
        return f"{name} must hold real numbers, got {array.dtype}{where}: take the real part, or parts as columns"
    if kind in "mM" or is_date(value):
        return (
            f"{name} must hold numbers, got dates or durations ({array.dtype}){where}: convert them to numbers, such "
            "as days since the first"
        )
    if kind in "USaT":
        one = array.ravel()[0] if array.size else ""
        first = one.decode(errors="replace") if isinstance(one, bytes) else str(one)
        where = where or (_where((0,) * array.ndim) if array.size else "")
        if spells_number(first):
            return f"{name} must hold numbers, got {array.dtype}, numbers as text ({first!r}{where}): use astype(float)"
        return f"{name} must hold numbers, got {array.dtype}: could not convert string to float: {first!r}{where}"
    found = array.dtype if value is None else type(value).__name__
    return f"{name} must hold numbers, got {found}{where}"


def _sized(name: str, numbers: np.ndarray) -> np.ndarray:
    """Refuse finite numbers whose powers would overflow; infinite ones are left to the caller."""
    if (
        not numbers.size
        or np.fmax.reduce(numbers, axis=None) <= LARGEST
        and np.fmin.reduce(numbers, axis=None) >= -LARGEST
    ):
        return numbers  # without arrays of the same size, for the usual case
    with np.errstate(invalid="ignore"):
        large = (numbers > LARGEST) | (numbers < -LARGEST)
    if large.any():
        large &= np.isfinite(numbers)
    if large.any():
        place = tuple(int(i) for i in np.argwhere(large)[0]) if numbers.ndim else ()
        raise ValueError(_too_large(name, f"{numbers[place]:.6g}", place))
    return numbers


def _too_large(name: str, value: str, place: tuple[int, ...]) -> str:
    return f"{name} must hold numbers of at most {LARGEST:g} in size, got {value}{_where(place)}: use other units"


def _where(place: tuple[int, ...]) -> str:
    names = ("row", "column") if len(place) < 3 else ("row", "step", "feature")
    return " at " + ", ".join(f"{name} {i}" for name, i in zip(names, place, strict=False)) if place else ""
