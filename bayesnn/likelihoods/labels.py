"""Class labels of any hashable type, checked and coded as 0, 1, ..."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from bayesnn._internal.arrays import object_array
from bayesnn._internal.numbers import is_missing


def learn_classes(y: Any) -> tuple[Hashable, ...]:
    """The classes that occur in a target, in the order of a pandas categorical if it is one, else sorted."""
    labels = _labels(y)
    present = set(labels)
    own = getattr(getattr(y, "dtype", None), "categories", None)
    ordered = _ordered(present) if own is None else list(own)
    classes = tuple(_plain(c) for c in ordered if c in present)
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
    values = y.to_numpy() if hasattr(y, "to_numpy") else y
    array = values if isinstance(values, np.ndarray) else None
    if array is not None and array.dtype.kind in "mM":
        raise ValueError(f"y must hold class labels, got dates or durations ({array.dtype}): use y.astype(str)")
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array is not None and array.ndim != 1:
        raise ValueError(f"y must hold one label per row, shape (n,), got shape {array.shape}")
    if array is None and (isinstance(values, (str, bytes)) or not isinstance(values, Iterable)):
        raise ValueError(f"y must hold one label per row, got {values!r}")
    labels = [_plain(v) for v in (array if array is not None else list(values))]
    if not labels:
        raise ValueError("y is empty: at least two rows are needed")
    floats = [v for v in labels if isinstance(v, float)]
    if floats:
        missing = sum(v != v for v in floats)
        raise ValueError(
            f"y must hold class labels (text, whole numbers, booleans ...), got {len(floats)} float(s)"
            + (f", {missing} of them NaN: drop these rows" if missing else f" such as {floats[0]!r}: use y.astype(int)")
        )
    bad = [row for row, v in enumerate(labels) if is_missing(v) or not _hashes(v)]
    if bad:
        raise ValueError(
            f"y must hold hashable labels and no missing ones, got {labels[bad[0]]!r} in {len(bad)} row(s), the first "
            f"at row {bad[0]}: drop these rows, or give them a label"
        )
    return labels


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _hashes(value: Any) -> bool:
    """Whether a label really hashes: a tuple of lists is an instance of Hashable, and does not."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _ordered(labels: set[Any]) -> list[Any]:
    """Labels grouped by type, each group sorted by its own order if there is one, else by the text of its labels."""
    ordered: list[Any] = []
    for kind in sorted({type(label).__name__ for label in labels}):
        own = [label for label in labels if type(label).__name__ == kind]
        try:
            # `<` of sets means "is a subset of", which does not sort them
            ordered += sorted(own, key=repr) if kind == "frozenset" else sorted(own)
        except TypeError:
            ordered += sorted(own, key=repr)
    return ordered
