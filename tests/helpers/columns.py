"""Columns of every type of pandas, PyArrow and Polars, and arrays of every kind, by what they mean.

Each maker returns a column of the numbers `NUMBERS`, of truth values, or of labels, in its own type; those of `REFUSED`
are no numbers at all. Types of PyArrow and Polars are there where these libraries are.
"""

import datetime
import importlib.util
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import scipy.sparse

NUMBERS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
LARGE = NUMBERS > 3
LABELS = [("u", "v", "w")[value % 3] for value in NUMBERS]
DAYS = [datetime.date(2020, 1, int(value)) for value in NUMBERS]
STAMPS = pd.Series(pd.to_datetime(DAYS))
TIMES = [datetime.time(int(value)) for value in NUMBERS]
HOLE = 4
NUMPY = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
OF_PANDAS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64")


def cells(make):
    """A column of objects, each made of one number."""
    column = pd.Series([None] * len(NUMBERS), dtype=object)
    column[:] = [make(value) for value in NUMBERS.tolist()]
    return column


def of_numbers():
    """Columns that hold NUMBERS, by the name of their type."""
    plain = (*NUMPY, *OF_PANDAS, "longdouble", ">f8", ">i4", "Sparse[int]", "Sparse[float]", "object")
    columns = {kind: pd.Series(NUMBERS).astype(kind) for kind in plain}
    columns |= {"decimals": cells(Decimal), "fractions": cells(Fraction), "scalars of NumPy": cells(np.float32)}
    if (arrow := arrow_column()) is not None:
        pa = arrow.library
        for kind in (pa.int8(), pa.int64(), pa.uint8(), pa.uint64(), pa.float32(), pa.float64()):
            columns[f"arrow {kind}"] = arrow(NUMBERS.tolist(), kind)
        for kind in (pa.decimal128(10, 2), pa.decimal256(40, 3)):
            columns[f"arrow {kind}"] = arrow([Decimal(value) for value in NUMBERS.tolist()], kind)
        columns["arrow half"] = arrow(list(NUMBERS.astype(np.float16)), pa.float16())
        columns["arrow dictionary"] = arrow(pa.array(NUMBERS.tolist()).dictionary_encode())
    return columns


def of_truth():
    """Columns that hold LARGE, by the name of their type."""
    columns = {kind: pd.Series(LARGE).astype(kind) for kind in ("bool", "boolean", "Sparse[bool]", "object")}
    if (arrow := arrow_column()) is not None:
        columns["arrow bool"] = arrow(LARGE.tolist())
    return columns


def of_labels():
    """Columns that hold LABELS, by the name of their type."""
    kinds = (object, "str", "string", "category", pd.CategoricalDtype(["w", "v", "u"], ordered=True))
    columns = {str(kind): pd.Series(LABELS, dtype=kind) for kind in kinds}
    if (arrow := arrow_column()) is not None:
        pa = arrow.library
        columns |= {f"arrow {kind}": arrow(LABELS, kind) for kind in (pa.string(), pa.large_string())}
        columns["arrow string view"] = arrow(LABELS, pa.string_view())
        columns["arrow dictionary"] = arrow(pa.array(LABELS).dictionary_encode())
        columns["string[pyarrow]"] = pd.Series(LABELS, dtype="string[pyarrow]")
    return columns


def with_a_hole(columns):
    """The same columns with a missing value, of those that can have one, in row HOLE."""
    found = {}
    for name, column in columns.items():
        if "Sparse" not in name:
            found[name] = column.copy()
            if found[name].dtype.kind in "iub" and isinstance(column.dtype, np.dtype):
                found[name] = found[name].astype(object)
            found[name].iloc[HOLE] = None
        elif column.dtype.subtype.kind == "f":
            found[name] = pd.Series(pd.arrays.SparseArray(np.where(np.arange(len(column)) == HOLE, np.nan, column)))
    return found


def of_neither():
    """Columns that hold neither numbers nor labels, by the name of their type."""
    columns = {
        "nanoseconds": STAMPS.astype("datetime64[ns]"),
        "seconds": STAMPS.astype("datetime64[s]"),
        "zoned": STAMPS.dt.tz_localize("UTC"),
        "periods": STAMPS.dt.to_period("D"),
        "durations": pd.Series(pd.to_timedelta(NUMBERS, unit="D")),
        "dates": pd.Series(DAYS, dtype=object),
        "times": pd.Series(TIMES, dtype=object),
        "stamps": STAMPS.astype(object),
        "dates of NumPy": cells(lambda value: np.datetime64("2020-01-01") + np.timedelta64(value, "D")),
        "complex64": pd.Series(NUMBERS + 0j).astype("complex64"),
        "complex128": pd.Series(NUMBERS + 1j),
        "complex numbers": cells(complex),
        "Sparse[complex]": pd.Series(pd.arrays.SparseArray(NUMBERS + 0j)),
        "numbers as text": pd.Series(NUMBERS.astype(str)),
        "one number as text": pd.Series(np.where(np.arange(len(NUMBERS)) == HOLE, "5", NUMBERS.astype(object))),
        "lists": cells(lambda value: [value]),
        "arrays": cells(lambda value: np.array([value])),
        "dictionaries": cells(lambda value: {"a": value}),
        "sets": cells(lambda value: {value}),
        "objects": cells(lambda value: object()),
    }
    if (arrow := arrow_column()) is not None:
        pa = arrow.library
        durations = [datetime.timedelta(value) for value in NUMBERS.tolist()]
        columns |= {
            "arrow timestamp": arrow(list(STAMPS), pa.timestamp("us")),
            "arrow zoned": arrow([stamp.tz_localize("UTC") for stamp in STAMPS], pa.timestamp("us", "UTC")),
            "arrow date32": arrow(DAYS, pa.date32()),
            "arrow date64": arrow(DAYS, pa.date64()),
            "arrow time32": arrow(TIMES, pa.time32("s")),
            "arrow time64": arrow(TIMES, pa.time64("us")),
            "arrow duration": arrow(durations, pa.duration("s")),
            "arrow interval": arrow([(value, 0, 0) for value in NUMBERS.tolist()], pa.month_day_nano_interval()),
            "arrow dictionary of dates": arrow(pa.array(DAYS).dictionary_encode()),
            "arrow list": arrow([[value] for value in NUMBERS.tolist()], pa.list_(pa.int64())),
            "arrow fixed list": arrow([[value] for value in NUMBERS.tolist()], pa.list_(pa.int64(), 1)),
            "arrow struct": arrow([{"a": value} for value in NUMBERS.tolist()]),
            "arrow map": arrow([[("a", value)] for value in NUMBERS.tolist()], pa.map_(pa.string(), pa.int64())),
            "arrow null": arrow([None] * len(NUMBERS), pa.null()),
            "arrow numbers as text": arrow(NUMBERS.astype(str).tolist()),
        }
    return columns


def arrow_column():
    """A function that makes a column backed by PyArrow; None where that is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        return None
    import pyarrow

    def make(values, kind=None):
        array = values if isinstance(values, pyarrow.Array) else pyarrow.array(values, kind)
        return pd.Series(pd.arrays.ArrowExtensionArray(array))

    make.library = pyarrow
    return make


class Sub(np.ndarray):
    """A class of arrays of the user's own."""


def holes(x):
    """Where an array of any shape has its hole: in the first column of row HOLE."""
    mask = np.zeros(x.shape, dtype=bool)
    mask[(HOLE % len(x), *(0,) * (x.ndim - 1))] = True
    return mask


def _fixed(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def _unaligned(x):
    return np.frombuffer(b"0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)


SAME = {
    "read-only": _fixed,
    "columns first": np.asfortranarray,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other column": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "broadcast": lambda x: np.broadcast_to(x, (2, *x.shape))[1],
    "unaligned": _unaligned,
    "other order of bytes": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "of a class of one's own": lambda x: x.view(Sub),
    "lists": lambda x: x.tolist(),
    "a list of rows": list,
    "nothing masked": np.ma.masked_array,
}
OTHER_TYPES = {
    "half": lambda x: x.astype(np.float16),
    "single": lambda x: x.astype(np.float32),
    "longdouble": lambda x: x.astype(np.longdouble),
    "objects": lambda x: x.astype(object),
}
BROKEN = {
    "masked": lambda x: np.ma.masked_array(x, holes(x)),
    "masked objects": lambda x: np.ma.masked_array(x.astype(object), holes(x)),
    "a list of masked rows": lambda x: list(np.ma.masked_array(x, holes(x))),
    "objects with None": lambda x: np.where(holes(x), None, x),
}
NO_NUMBERS = {
    "complex": lambda x: x + 0j,
    "complex objects": lambda x: (x + 0j).astype(object),
    "dates": lambda x: x.astype(np.int64).view("M8[D]"),
    "durations": lambda x: x.astype(np.int64).view("m8[s]"),
    "text": lambda x: x.astype(str),
    "bytes": lambda x: x.astype("S"),
    "one text": lambda x: np.where(holes(x), "5", x.astype(object)),
    "records": lambda x: x.astype([("a", "f8")]),
    "void": lambda x: x.view(f"V{x.dtype.itemsize}"),
    "sparse": lambda x: scipy.sparse.coo_array(x),
}
