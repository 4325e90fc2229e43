"""Class labels of any hashable type, checked and coded as 0, 1, ..."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set, Sized
from typing import Any

import numpy as np

from bayesnn._internal.arrays import equal_of_other_types, in_order, is_label, object_array, reading_alike
from bayesnn._internal.numbers import column_array, is_missing


def learn_classes(y: Any) -> tuple[Hashable, ...]:
    """The classes that occur in a target, in the order of a pandas categorical if it is one, else sorted."""
    labels = _labels(y)
    present = set(labels)
    own = getattr(getattr(y, "dtype", None), "categories", None)
    ordered = in_order(present) if own is None else list(own)
    classes = tuple(_plain(c) for c in ordered if c in present)
    clash = equal_of_other_types(labels)
    if clash is not None:
        raise ValueError(
            f"y must hold labels that differ, got {clash[0]!r} and {clash[1]!r}, which are equal: make them of one type"
        )
    alike = reading_alike(c for c in classes if isinstance(c, str))
    if alike is not None:
        raise ValueError(
            f"y must hold classes that read differently, got {alike[0]!r} twice, in two forms of Unicode: bring labels "
            "to one form, as y.str.normalize('NFC') does"
        )
    if len(classes) < 2:
        held = repr(classes[0]) if classes else "nothing"
        raise ValueError(f"y must hold at least two classes, got {held} in every row: nothing can be learnt")
    return classes


def encode_labels(y: Any, classes: Sequence[Hashable]) -> np.ndarray:
    """Codes (n,) of the labels among `classes`."""
    codes = {label: i for i, label in enumerate(classes)}
    labels = _labels(y)
    unknown = sorted({repr(label) for label in labels if label not in codes})
    if unknown:
        raise ValueError(f"y must hold the classes of the fit, {list(classes)}, got also {', '.join(unknown)}")
    return np.array([codes[label] for label in labels], dtype=np.int64)


def as_coordinate(labels: Sequence[Any]) -> np.ndarray:
    """Labels as a one-dimensional array: of objects, unless all are text, all whole numbers or all booleans."""
    if len({type(label) for label in labels}) == 1 and isinstance(labels[0], (str, int, bool)):
        return np.array(labels)
    return object_array(labels)


def _labels(y: Any) -> list[Hashable]:
    """The labels as plain Python values; floats are refused, since rounding makes them unsafe to compare."""
    if isinstance(y, (str, bytes, Mapping, Set)) or not (hasattr(y, "__array__") or isinstance(y, Sized)):
        shown = f" {y!r}" if y is None or np.isscalar(y) else f" a {type(y).__name__}"
        raise ValueError(f"y must hold one label per row, got{shown}: give an array, a Series or a list")
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "kind", "") in tuple("mM"):
        raise ValueError(f"y must hold class labels, got dates or durations ({dtype}): use y.astype(str)")
    listed = isinstance(y, Sequence) and not hasattr(y, "__array__")
    array = None if listed else column_array("y", y)
    if array is not None and array.dtype.kind in "mM":
        raise ValueError(f"y must hold class labels, got dates or durations ({array.dtype}): use y.astype(str)")
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        array = np.ravel(array)
    if array is not None and array.ndim != 1:
        raise ValueError(f"y must hold one label per row, shape (n,), got shape {array.shape}")
    labels = [_plain(v) for v in (y if array is None else array)]
    if not labels:
        raise ValueError("y is empty: at least two rows are needed")
    floats = [v for v in labels if isinstance(v, (float, np.floating))]
    if floats:
        missing = sum(bool(v != v) for v in floats)
        raise ValueError(
            f"y must hold class labels (text, whole numbers, booleans ...), got {len(floats)} float(s)"
            + (f", {missing} of them NaN: drop these rows" if missing else f" such as {floats[0]!r}: use y.astype(int)")
        )
    bad = [row for row, v in enumerate(labels) if is_missing(v) or isinstance(v, complex) or not is_label(v)]
    if bad:
        raise ValueError(
            f"y must hold hashable labels and no missing ones, got {labels[bad[0]]!r} in {len(bad)} row(s), the first "
            f"at row {bad[0]}: drop these rows, or give them a label"
        )
    return labels


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
