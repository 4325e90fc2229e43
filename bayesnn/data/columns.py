"""The columns of a table, or the features of sequences: their names, kinds and categories, and the numbers they become.

What is learnt from the training rows is kept, so that new rows are coded in the same way, their columns found by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.arrays import storable
from bayesnn._internal.numbers import column_array, real_numbers, resolution_of
from bayesnn.data import sequences
from bayesnn.data.categories import categories_of, indicated, indicators
from bayesnn.data.formulas.formula import Formula
from bayesnn.data.sequences import NUMBERS, TABLE, TOKENS, Reads
from bayesnn.data.texts import ids_of_texts, refuse_texts


@dataclass(frozen=True)
class Columns:
    """The columns of a table: their names and, for categorical ones, the categories that occurred at fit time.

    For sequences, with `kind` "sequence" or "tokens", the columns are the features at each step. `steps` is the length
    of the sequences at fit time, `vocabulary` the number of token ids, and `source` the number of leading steps that
    form a sequence of their own, with `of_source` token ids if it is not zero; `words` turns texts into token ids. With
    a `formula` the columns are those that it makes of a table.
    """

    names: tuple[str, ...]
    categories: tuple[tuple[Any, ...] | None, ...]
    named: bool
    kind: str = TABLE
    steps: int = 0
    vocabulary: int = 0
    source: int = 0
    formula: Formula | None = field(default=None, repr=False)
    words: Any = field(default=None, repr=False)
    of_source: int = field(default=0, repr=False, metadata={"later": True})

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns after coding: numbers keep theirs; one per category, or one in all if there are two."""
        return tuple(
            label
            for name, cats in zip(self.names, self.categories, strict=True)
            for label in ([name] if cats is None else [f"{name}[{c}]" for c in indicated(cats)])
        )

    def read(self, x: Any) -> Any:
        """Token ids (n, time) of texts, by the model's vocabulary; anything else as it is."""
        return ids_of_texts(x, self.words, self.source) if self.kind == TOKENS else x

    def ids(self, x: Any) -> np.ndarray:
        """Token ids (n, time), checked."""
        return sequences.token_ids(x, self.vocabulary, self.source, self.of_source)

    def check_table(self, what: str) -> None:
        """Refuse sequences, for a function that needs a table."""
        if self.kind != TABLE:
            raise ValueError(f"{what} for tables (n, p), and this fit has sequences")


def learn_columns(x: Any, reads: Reads = Reads(), used: np.ndarray | None = None) -> Columns:
    """Names and categories of a table, from a DataFrame or x0, x1, ... for an array; kind and size of sequences.

    `used` (n,) says from which rows to learn, as `used_rows` does.
    """
    vocabulary, source, words, of_source = reads
    if vocabulary is not None:
        steps = sequences.token_ids(ids_of_texts(x, words, source), vocabulary, source, of_source).shape[1]
        return Columns((), (), False, TOKENS, steps, vocabulary, source, words=words, of_source=of_source)
    refuse_texts(x)
    kind = sequences.kind_of(x)
    if kind == NUMBERS:
        _, steps, features = np.shape(x)
        return Columns(tuple(f"x{i}" for i in range(features)), (None,) * features, False, kind, steps, source=source)
    if is_frame(x):
        x = as_frame(x)
        names = tuple(str(c) for c in x.columns)
        checks.column_names(names)
        found = Columns(names, tuple(categories_of(x[c], used) for c in x.columns), named=True)
        checks.column_names(found.inputs, "input, which is a column or a category of one")
        return found
    if isinstance(x, Mapping) or getattr(getattr(x, "dtype", None), "names", None):
        raise ValueError(
            f"x must be an array or a pandas.DataFrame, got named columns in a {type(x).__name__}: use "
            "pandas.DataFrame(x)"
        )
    shape = sequences.shape_of(x)
    checks.two_dimensional("x", shape, x)
    names = tuple(f"x{i}" for i in range(shape[1]))
    checks.column_names(names)
    return Columns(names, (None,) * len(names), named=False)


def code(columns: Columns, x: Any, used: np.ndarray | None = None) -> np.ndarray:
    """A table as float64 (n, p), categories as indicators; sequences are padded to at least the steps of the fit.

    The columns of a DataFrame are taken by their names, in whatever order. Rows that are not `used` (n,), if some are
    not, may have categories of their own.
    """
    if columns.kind == TOKENS:
        return sequences.to_steps(columns.ids(columns.read(x)), columns.steps)
    refuse_texts(x)
    if columns.kind == NUMBERS:
        return sequences.to_steps(sequences.numbers(x, len(columns.names), columns.source), columns.steps)
    if not is_frame(x):
        if columns.formula is not None:
            raise ValueError(
                f"x must be a DataFrame with the columns {list(columns.formula.columns)} of the formula "
                f"{columns.formula.text!r}, got {type(x).__name__}"
            )
        shape = sequences.shape_of(x)
        checks.two_dimensional("x", shape, x)
        checks.columns(columns.names, [""] * shape[1], named=False)
        if any(cats is not None for cats in columns.categories):
            raise ValueError("x must be a DataFrame: the fit has categorical columns, which an array cannot name")
        # contiguous, so that sums do not depend on the memory layout, not even in the last bit
        return np.ascontiguousarray(real_numbers("x", x))
    x = as_frame(x) if columns.formula is None else columns.formula.table(as_frame(x))
    found = [str(c) for c in x.columns]
    checks.columns(columns.names, found, columns.named)
    by_name = set(found) == set(columns.names)  # not so for names of a fit to an array
    blocks = []
    for i, (name, cats) in enumerate(zip(columns.names, columns.categories, strict=True)):
        series = x.iloc[:, found.index(name) if by_name else i]
        if cats is None:
            blocks.append(real_numbers(f"column {name!r}", column_array(name, series))[:, None])
        else:
            blocks.append(indicators(name, cats, series, used))
    return np.concatenate(blocks, axis=1) if blocks else np.empty((len(x), 0))


def row_labels(x: Any, count: int) -> np.ndarray:
    """Labels of the rows: the index of a pandas table, as files can keep it, else 0, 1, ..."""
    plain = not hasattr(x, "index") or not hasattr(x, "iloc") or x.index.nlevels > 1
    return np.arange(count) if plain else storable(np.asarray(x.index))


def row_count(x: Any) -> int:
    """Number of rows of a table, sequences or a target; what has none is refused."""
    shape = sequences.shape_of(x)
    if not shape:
        raise ValueError(f"x and y must have rows, got a single {type(x).__name__}: pass tables, arrays or lists")
    return int(shape[0])


def same_index(**parts: Any) -> None:
    """Refuse those of a table, target, weights and offset that are of pandas and whose indexes differ.

    They are named as the user knows them, such as same_index(x=x, y=y).
    """
    tables = {name: part for name, part in parts.items() if hasattr(part, "iloc")}
    for name, part in tables.items():
        first = next(iter(tables))
        if not part.index.equals(tables[first].index):
            raise ValueError(
                f"{first} and {name} must have the same index, got different ones: align them, or pass "
                f"{name}.to_numpy()"
            )


def resolutions(columns: Columns, x: Any) -> np.ndarray:
    """Relative resolution (inputs,) of the numbers in which the user gave each input; 0 for indicators."""
    if columns.kind != TABLE or not is_frame(x):
        return np.full(len(columns.inputs), resolution_of(getattr(x, "dtype", np.dtype(float))))
    types = list(as_frame(x).dtypes)
    each = [
        [resolution_of(dtype)] if cats is None else [0.0] * len(indicated(cats))
        for dtype, cats in zip(types, columns.categories, strict=True)
    ]
    return np.concatenate(each)


def is_frame(x: Any) -> bool:
    """Whether x is a table with named columns, of pandas or another library."""
    return hasattr(x, "columns") and not isinstance(x, np.ndarray)


def check_target_apart(x: Any, y: Any) -> None:
    """Refuse a table among whose columns the target was forgotten, by its name and its values: it predicts itself."""
    if not is_frame(x) or not (is_frame(y) or hasattr(y, "name")):
        return
    import pandas as pd

    table, targets = as_frame(x), as_frame(y) if is_frame(y) else pd.DataFrame({y.name: np.asarray(y)})
    found = list(map(str, table.columns))
    for place, name in enumerate(map(str, targets.columns)):
        if name in found:
            column, target = table.iloc[:, found.index(name)], targets.iloc[:, place]
            if pd.Series(np.asarray(column)).equals(pd.Series(np.asarray(target))):
                raise ValueError(
                    f"x must not hold the target, got y itself as column {name!r}: leave it out, as "
                    f"x.drop(columns={name!r}) does"
                )


def as_frame(x: Any) -> Any:
    """A table of pandas, from itself or from one of another library, column by column."""
    if hasattr(x, "iloc"):
        return x
    import pandas as pd

    if not hasattr(x, "__getitem__"):
        raise ValueError(f"x must be an array or a pandas.DataFrame, got {type(x).__name__}: convert it first")
    names = list(getattr(x, "column_names", None) or x.columns)
    checks.column_names(list(map(str, names)))
    return pd.DataFrame({str(name): _foreign_column(str(name), x[name]) for name in names})


def _foreign_column(name: str, column: Any) -> Any:
    """A column of another library for pandas; declared categories, as of polars, stay declared."""
    import pandas as pd

    array = column_array(f"column {name!r}", column)
    if array.ndim != 1:
        raise ValueError(
            f"column {name!r} must hold one number or category in each row, got cells of shape {array.shape[1:]}"
        )
    kind: Any = getattr(column, "dtype", None)
    if type(kind).__name__ == "Enum":
        return pd.Categorical(array, categories=list(kind.categories))
    return pd.Categorical(array) if type(kind).__name__ == "Categorical" else array
