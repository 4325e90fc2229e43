"""Labels: what can be one, their order, and arrays of them."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def object_array(labels: Sequence[Any]) -> np.ndarray:
    """Labels as a one-dimensional array of objects, whatever they are: `np.array` would unpack tuples.

    Examples
    --------
    >>> object_array([("a", 1), ("b", 2)]).shape
    (2,)
    """
    result = np.empty(len(labels), dtype=object)
    result[:] = list(labels)
    return result


def storable(labels: np.ndarray) -> np.ndarray:
    """Labels (n,) as every file format keeps them: numbers, truth values, text and dates as they are, all else as text.

    Periods, intervals, dates with a time zone and labels of mixed types become text; where two of them would then read
    the same, such as 1 and "1", they are written as Python writes them.

    Examples
    --------
    >>> storable(object_array([1, "1", None])).tolist()
    ['1', "'1'", 'None']
    """
    if labels.dtype.kind in "biufSUmM" or all(isinstance(label, str) for label in labels):
        return labels
    if len({type(label) for label in labels}) == 1 and isinstance(labels[0], (bool, int, float)):
        numbers = np.array(list(labels))
        if numbers.dtype != object:  # as whole numbers of more than 64 bits are
            return numbers
    text = [str(label) for label in labels]
    if len(set(text)) < len(set(map(repr, labels))):
        text = [repr(label) for label in labels]
    return np.array(text)


def reading(label: Any) -> str:
    """A label as it reads in a table, in Unicode's composed form: the two ways to write "é" read the same."""
    return unicodedata.normalize("NFC", str(label))


def reading_alike(labels: Iterable[Any]) -> tuple[Any, Any] | None:
    """The first two of different labels that read the same; None if all read differently.

    Examples
    --------
    >>> reading_alike(["a", 1, "b", "1"])
    (1, '1')
    """
    first: dict[str, Any] = {}
    for label in labels:
        other = first.setdefault(reading(label), label)
        if other is not label and (type(other) is not type(label) or other != label):
            return other, label
    return None


def equal_of_other_types(labels: Iterable[Any]) -> tuple[Any, Any] | None:
    """The first two equal labels of different types, of which a set would keep one; None if there are none.

    Numbers of NumPy are taken for those of Python.

    Examples
    --------
    >>> equal_of_other_types([0, 1, True])
    (1, True)
    """
    first: dict[Any, Any] = {}
    for label in labels:
        plain = label.item() if isinstance(label, np.generic) else label
        other = first.setdefault(plain, plain)
        if type(other) is not type(plain):
            return other, plain
    return None


def is_label(value: Any) -> bool:
    """Whether a value can be a label: it really hashes, whereas a tuple of lists is only an instance of Hashable.

    Examples
    --------
    >>> is_label("a"), is_label((1, [2]))
    (True, False)
    """
    try:
        hash(value)
    except TypeError:
        return False
    return not isinstance(value, np.void)


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Labels grouped by type, each group sorted by its own order if there is one, else by the text of its labels.

    Examples
    --------
    >>> in_order(["b", 2, "a", 1])
    [1, 2, 'a', 'b']
    """
    groups: dict[str, list[Any]] = {}
    for label in labels:
        groups.setdefault(type(label).__name__, []).append(label)
    ordered: list[Any] = []
    for kind in sorted(groups):
        try:
            # `<` of sets means "is a subset of", which does not sort them
            ordered += sorted(groups[kind], key=repr) if kind == "frozenset" else sorted(groups[kind])
        except TypeError:
            ordered += sorted(groups[kind], key=repr)
    return ordered
