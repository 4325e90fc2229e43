"""From a formula and a table to what a fit needs: inputs, target, weights and the formula that codes new rows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.messages import warn
from bayesnn._internal.numbers import ROUNDINGS, column_array, constant, real_numbers
from bayesnn.data.categories import categories_of
from bayesnn.data.columns import as_frame
from bayesnn.data.formulas import design
from bayesnn.data.formulas.formula import Formula, typed_column
from bayesnn.data.formulas.syntax import columns_in

MISSING = ("error", "drop")
ALL_OTHERS = re.compile(r"(?<![\w.`])\.(?![\w`])")
MOST_COUNTED = 1_000_000  # rows, each counted as often as its weight says
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
    """Inputs, target, weights, offset and the formula if x is a formula; otherwise the arguments unchanged."""
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
        If the formula is none, names a column that the table lacks or a target among the inputs, or if a value is
        missing and missing="error".
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
    _check_target(text, inputs, targets, weights)
    rows, dropped = _complete(table, names, [*inputs, *targets, *([] if weights is None else [weights])], missing)
    cases = None if weights is None else _cases(rows[weights])
    used = None if cases is None else cases > 0
    categories = tuple(categories_of(rows[name], used) for name in inputs)
    rows = _with_known(rows, dict(zip(inputs, categories, strict=True)))
    counted = rows if cases is None else _counted(rows, cases)
    x, offsets, state = _learnt(right, rows, counted, inputs, categories)
    formula = Formula(
        text, left, right, tuple(inputs), categories, tuple(map(str, x.columns)), tuple(offsets.columns), state, dropped
    )
    shift = offsets.sum(axis=1, skipna=False) if offsets.shape[1] else None
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


def _cases(weights: Any) -> np.ndarray | None:
    """Case weights (n,); None for weights that cannot be, which are refused later."""
    numbers = real_numbers("weights", column_array("weights", weights))
    fine = (numbers >= 0).all() and np.isfinite(numbers).all() and numbers.any()
    return numbers if fine else None


def _with_known(rows: Any, categories: dict[str, Any]) -> Any:
    """The rows with known categories only: others are in rows of weight zero alone, of which nothing is learnt."""
    for name, known in categories.items():
        values = [] if known is None else list(rows[name])
        if any(value not in known for value in values):
            replaced = [value if value in known else known[0] for value in values]
            rows = rows.assign(**{name: type(rows[name])(replaced, index=rows.index, dtype=object)})
    return rows


def _counted(rows: Any, numbers: np.ndarray) -> Any:
    """The rows from which functions such as `bs` and `poly` learn: each as often as its case weight says.

    Where weights are no whole numbers, or are very many, each row with a weight above zero stands once.
    """
    whole = bool((numbers == np.floor(numbers)).all()) and numbers.sum() <= MOST_COUNTED
    return rows.iloc[np.repeat(np.arange(len(rows)), (numbers if whole else numbers > 0).astype(int))]


def _learnt(
    right: str, rows: Any, counted: Any, inputs: Sequence[str], categories: Sequence[Any]
) -> tuple[Any, Any, str]:
    """Inputs, offsets, and what the formula learnt from the counted rows as plain data, which give the same columns."""
    every, frame = (
        type(rows)({n: typed_column(n, one[n], c) for n, c in zip(inputs, categories, strict=True)}, index=one.index)
        for one in (rows, counted)
    )
    columns, spec = design.evaluated(design.spec_of(right), frame)
    _check_learnt(spec, frame)
    state = design.frozen(spec)
    again = design.evaluated(design.thawed(right, state), frame)[0]
    same = columns.columns.equals(again.columns) and np.array_equal(columns, again, equal_nan=True)
    if counted is not rows:
        columns = design.evaluated(design.thawed(right, state), every)[0]
    if not same:
        raise ValueError(f"formula {right!r} must give the same columns for the same rows, and it does not")
    offsets = [name for name in columns.columns if design.is_offset(str(name))]
    x = columns.drop(columns=offsets)
    of_categories = [name for name in x.columns if str(name).startswith("offset(")]
    if of_categories:
        raise ValueError(f"an offset must hold numbers, got categories in {of_categories[0].split(')')[0]})")
    if not x.shape[1]:
        raise ValueError(f"formula must have at least one input, such as 'y ~ a', got {right!r}")
    return x, columns[offsets], state


def _check_learnt(spec: Any, rows: Any) -> None:
    """Refuse functions that learn from a constant: they would divide new rows by zero, or by a rounding error."""
    for part, state in spec.transform_state.items():
        names = [name for name in columns_in(part) if name in rows and rows[name].dtype.kind in "iuf"]
        still = bool(names) and all(constant(rows[name].to_numpy()[:, None]).all() for name in names)
        center, scale = (np.abs(state.get(name) or 0.0) for name in ("center", "scale"))
        small = state.get("scale") is not None and bool(np.any(scale <= ROUNDINGS * np.finfo(float).eps * center))
        if still or small:
            raise ValueError(f"{part!r} of the formula must vary, got one value in every row: leave it out")


def _sides(text: str) -> tuple[str, str]:
    sides = [side.strip() for side in text.split("~")]
    if len(sides) != 2 or not all(sides):
        raise ValueError(f"formula must name a target and inputs, such as 'y ~ a + b', got {text!r}")
    return sides[0], sides[1]


def _check_target(text: str, inputs: Sequence[str], targets: Sequence[str], weights: str | None) -> None:
    """Refuse a target that is an input, an offset or the weight of its own rows: it would predict itself."""
    both = [name for name in targets if name in inputs]
    if both:
        raise ValueError(
            f"formula {text!r} must name the target on the left alone, got {both[0]!r} among the inputs and offsets "
            "too: leave it out there"
        )
    if weights in targets:
        raise ValueError(f"weights must be another column than the target of the formula {text!r}, got {weights!r}")


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
    swapped = {n: t.newbyteorder("=") for n, t in rows.dtypes.items() if isinstance(t, np.dtype) and not t.isnative}
    rows = rows.astype(swapped)  # pandas takes no rows of numbers in the other order of bytes
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
