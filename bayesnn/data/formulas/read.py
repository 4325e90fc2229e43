"""From a formula and a table to what a fit needs: inputs, target, weights and the formula that codes new rows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.messages import warn
from bayesnn.data.categories import categories_of
from bayesnn.data.columns import as_frame
from bayesnn.data.formulas import design
from bayesnn.data.formulas.formula import Formula, typed_column
from bayesnn.data.formulas.syntax import columns_in

MISSING = ("error", "drop")
ALL_OTHERS = re.compile(r"(?<![\w.`])\.(?![\w`])")
PLAIN_NAME = re.compile(r"`[^`]+`|[^\W\d]\w*")


class FormulaRows(NamedTuple):
    """Inputs (n, p), target, weights and offset (n,) or None, as a formula takes them from a table."""

    x: Any
    y: Any
    weights: Any
    offset: Any
    formula: Formula


def by_formula(
    x: Any, y: Any, weights: Any, offset: Any, table: Any, missing: str
) -> tuple[Any, Any, Any, Any, Formula | None]:
    """Inputs, target, weights, offset and the formula, where x is one; otherwise all as they are."""
    if not isinstance(x, str):
        if table is not None:
            raise ValueError("data goes with a formula, as in fit(model, 'y ~ a + b', data=table): leave it out")
        if missing != "error":
            raise ValueError("missing goes with a formula, as in fit(model, 'y ~ a + b', data=table): leave it out")
        return x, y, weights, offset, None
    if y is not None:
        raise ValueError(f"y must not be given with a formula, which names the target, got {type(y).__name__}")
    if table is None or not hasattr(table, "columns") or isinstance(table, np.ndarray):
        raise ValueError(f"data must be a table with the columns of the formula {x!r}, got {type(table).__name__}")
    return tuple(read_formula(x, as_frame(table), weights, offset, missing))  # type: ignore[return-value]


def read_formula(text: str, table: Any, weights: Any = None, offset: Any = None, missing: str = "error") -> FormulaRows:
    """The rows of a pandas table by a formula "target ~ inputs"; `weights` and `offset` are names of columns.

    Raises
    ------
    ValueError
        If the formula is none, names a column that the table lacks, or a value is missing and missing="error".
    """
    checks.known("missing", missing, MISSING)
    left, right = _sides(text)
    names = [str(name) for name in table.columns]
    checks.column_names(names)
    right = _without_dot(right, left, names)
    weights = _column_name("weights", weights, names)
    offset = _column_name("offset", offset, names)
    right += "" if offset is None else f" + offset(`{offset}`)"
    inputs = _columns_of(right, names, text)
    targets = _columns_of(left, names, text)
    rows, dropped = _complete(table, names, [*inputs, *targets, *([] if weights is None else [weights])], missing)
    categories = tuple(categories_of(rows[name]) for name in inputs)
    x, offsets, state = _learnt(right, rows, inputs, categories)
    formula = Formula(
        text, left, right, tuple(inputs), categories, tuple(map(str, x.columns)), tuple(offsets.columns), state, dropped
    )
    shift = offsets.sum(axis=1) if offsets.shape[1] else None
    return FormulaRows(x, target_of(left, rows), None if weights is None else rows[weights], shift, formula)


def target_of(left: str, rows: Any) -> Any:
    """The target of the rows: a column as it is, or what a formula makes of columns; several are several outputs."""
    name = left.strip("`") if PLAIN_NAME.fullmatch(left) else None
    if name is not None:
        return rows[name]
    targets = {column: typed_column(column, rows[column], None) for column in columns_of(left)}
    frame = design.evaluated(design.spec_of(f"0 + {left}"), type(rows)(targets, index=rows.index))[0]
    return frame.iloc[:, 0] if frame.shape[1] == 1 else frame


def columns_of(side: str) -> list[str]:
    """Columns of the table that a side of a formula names."""
    parts = design.parts_of(design.spec_of(side).formula)
    return list(dict.fromkeys(name for part in parts for name in columns_in(part)))


def _learnt(right: str, rows: Any, inputs: Sequence[str], categories: Sequence[Any]) -> tuple[Any, Any, str]:
    """Inputs, offsets, and what the formula learnt; from its plain data the same columns must come again."""
    both = zip(inputs, categories, strict=True)
    frame = type(rows)({name: typed_column(name, rows[name], known) for name, known in both}, index=rows.index)
    columns, spec = design.evaluated(design.spec_of(right), frame)
    state = design.frozen(spec)
    again = design.evaluated(design.thawed(right, state), frame)[0]
    if not (columns.columns.equals(again.columns) and np.array_equal(columns, again, equal_nan=True)):
        raise ValueError(f"formula {right!r} must give the same columns for the same rows, and it does not")
    offsets = [name for name in columns.columns if design.is_offset(str(name))]
    x = columns.drop(columns=offsets)
    if not x.shape[1]:
        raise ValueError(f"formula must have at least one input, such as 'y ~ a', got {right!r}")
    return x, columns[offsets], state


def _sides(text: str) -> tuple[str, str]:
    sides = [side.strip() for side in text.split("~")]
    if len(sides) != 2 or not all(sides):
        raise ValueError(f"formula must name a target and inputs, such as 'y ~ a + b', got {text!r}")
    return sides[0], sides[1]


def _without_dot(right: str, left: str, names: Sequence[str]) -> str:
    """The right side with all columns but the target in place of a dot."""
    if not ALL_OTHERS.search(right):
        return right
    others = [f"`{name}`" for name in names if name not in columns_of(left)]
    return ALL_OTHERS.sub(f"({' + '.join(others)})", right)


def _columns_of(side: str, names: Sequence[str], text: str) -> list[str]:
    """Columns that a side names, all of which the table has."""
    found = columns_of(side)
    unknown = [name for name in found if name not in names]
    if unknown:
        close = difflib.get_close_matches(unknown[0], names, n=1)
        cure = f"did you mean {close[0]!r}?" if close else f"the table has {', '.join(map(repr, names))}"
        raise ValueError(
            f"formula {text!r} must name columns of the table, got {', '.join(map(repr, unknown))}: {cure}"
        )
    return found


def _column_name(what: str, name: Any, names: Sequence[str]) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in names:
        raise ValueError(f"{what} must be the name of a column with a formula, one of {list(names)}, got {name!r}")
    return name


def _complete(table: Any, names: Sequence[str], needed: Sequence[str], missing: str) -> tuple[Any, int]:
    """The rows and columns that the formula needs, without missing values, and the number of rows left out."""
    wanted = list(dict.fromkeys(needed))
    rows = table.iloc[:, [names.index(name) for name in wanted]].set_axis(wanted, axis=1)
    absent = rows.isna()
    counts = {name: int(count) for name, count in absent.sum().items() if count}
    gone = int(absent.any(axis=1).sum())
    if not gone:
        return rows, 0
    where = ", ".join(f"{name!r} ({count})" for name, count in counts.items())
    if missing == "error":
        raise ValueError(
            f"data must have no missing values in the columns of the formula, got some in {gone} of {len(rows)} rows: "
            f'{where}; missing="drop" leaves these rows out'
        )
    if gone == len(rows):
        raise ValueError(f"data must have rows without missing values, got some in every row: {where}")
    warn(f"{gone} of {len(rows)} rows are left out, since values are missing in {where}: impute them to keep the rows")
    return rows[~absent.any(axis=1)], gone
