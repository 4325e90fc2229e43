"""The columns that a formula makes of a table, by formulaic, whose states are turned into plain data and back."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import numpy as np

from bayesnn._internal.extras import extra_module
from bayesnn.data.formulas.syntax import columns_in, outer_function

CONSTANT = "Intercept"


def library() -> Any:
    """The library formulaic; if it is missing, the error says how to install it."""
    return extra_module("formulaic", "formula", "formulas need", ", or pass tables x and y")


def spec_of(inputs: str) -> Any:
    """formulaic's description of the right side of a formula, which has seen no table.

    Raises
    ------
    ValueError
        If it is no right side, or a part of it is not columns, arithmetic and known functions.
    """
    formulas = library()
    try:
        parsed = formulas.Formula(inputs)
    except (formulas.errors.FormulaicError, SyntaxError) as error:
        raise ValueError(f"formula {inputs!r} cannot be read: {plain(error)}") from None
    if not isinstance(parsed, formulas.formula.SimpleFormula):
        raise ValueError(f"formula must have one right side, such as 'y ~ a + b', got {inputs!r}")
    for part in parts_of(parsed):
        columns_in(part)
    return formulas.ModelSpec(formula=parsed, output="pandas", na_action="ignore")


def parts_of(parsed: Any) -> list[str]:
    """The factors of a formula's terms as text, names of columns in backticks."""
    factors = [factor for term in parsed for factor in term.factors if factor.eval_method.value != "literal"]
    texts = [f"`{f.expr}`" if f.eval_method.value == "lookup" else str(f.expr) for f in factors]
    return list(dict.fromkeys(texts))


def evaluated(spec: Any, table: Any) -> tuple[Any, Any]:
    """The columns of a table as numbers, without the constant, and the description that has learnt from it.

    Raises
    ------
    ValueError
        If a part cannot be evaluated, or holds a category that the description has not seen.
    """
    import pandas as pd

    errors = library().errors
    with warnings.catch_warnings():
        warnings.simplefilter("error", errors.DataMismatchWarning)
        warnings.filterwarnings("ignore", category=RuntimeWarning)  # such as of log(0), refused where it is not finite
        try:
            matrix = spec.get_model_matrix(table, context={"offset": lambda x: x, "sqrt": np.sqrt, "abs": np.abs})
        except errors.DataMismatchWarning as error:
            raise ValueError(f"x must hold the categories of the fit: {plain(error)}") from None
        except errors.FormulaicError as error:
            raise ValueError(f"formula cannot be evaluated: {plain(error)}") from None
    frame = pd.DataFrame(matrix)
    return frame[[name for name in frame.columns if name != CONSTANT]].astype(float), matrix.model_spec


def frozen(spec: Any) -> str:
    """What a description has learnt, as a Python literal: numbers of its functions, levels of its categories.

    Raises
    ------
    ValueError
        If there is anything but numbers and text.
    """
    levels = {name: state["categories"] for name, (_, state) in spec.encoder_state.items() if "categories" in state}
    text = repr((_plain(spec.transform_state), _plain(levels)))
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(
            f"formula cannot be kept with the fit, since its functions learnt what is no number or text: {text[:200]}"
        ) from None
    return text


def thawed(inputs: str, state: str) -> Any:
    """The description with what it had learnt."""
    transforms, levels = ast.literal_eval(state)
    categorical = library().parser.types.Factor.Kind.CATEGORICAL
    encoders = {name: (categorical, {"categories": values}) for name, values in levels.items()}
    return spec_of(inputs).update(transform_state=transforms, encoder_state=encoders)


def levels_of(state: str) -> dict[str, list[Any]]:
    """The levels of each part that is categorical."""
    return ast.literal_eval(state)[1]


def is_offset(name: str) -> bool:
    """Whether a column of a design is an offset."""
    return name.startswith("offset(") and outer_function(name) == "offset"


def plain(error: BaseException) -> str:
    """The first line of an error, without marks of colour."""
    return str(error).split("\n")[0].strip()


def _plain(value: Any) -> Any:
    """Numbers, text and containers of Python instead of those of NumPy."""
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v) for v in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return value.item() if isinstance(value, np.generic) else value
