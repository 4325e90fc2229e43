"""What a formula may say: names of columns, arithmetic and a list of known functions, and nothing that runs other code.

formulaic evaluates the parts of a formula as Python. A formula may come from a file, so each part is read here first.
"""

from __future__ import annotations

import ast
import re

FUNCTIONS = {
    "C": "categories, as in C(region)",
    "I": "arithmetic, as in I(a**2)",
    "abs": "absolute value",
    "bs": "B-splines, as in bs(a, df=4)",
    "cc": "cyclic cubic splines",
    "center": "less the mean",
    "cr": "natural cubic splines",
    "cs": "natural cubic splines",
    "exp": "exponential",
    "log": "natural logarithm",
    "log10": "logarithm",
    "log1p": "log(1 + a)",
    "log2": "logarithm",
    "offset": "an offset of the function",
    "poly": "orthogonal polynomials, as in poly(a, 2)",
    "scale": "less the mean, by the standard deviation",
    "sqrt": "square root",
    "standardize": "less the mean, by the standard deviation",
}
NUMPY = (
    *("abs", "arctan", "cos", "exp", "expm1", "log", "log10", "log1p", "log2"),
    *("maximum", "minimum", "sign", "sin", "sqrt", "tan", "tanh"),
)
CONTRASTS = ("treatment", "sum", "helmert", "diff", "poly")
MODULES = {"np": NUMPY, "contr": CONTRASTS}
ALLOWED = (
    ast.Expression, ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.keyword, ast.Attribute,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod, ast.FloorDiv, ast.USub, ast.UAdd, ast.Compare, ast.Lt,
    ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.List, ast.Tuple, ast.BitAnd, ast.BitOr, ast.Invert,
)  # fmt: skip
QUOTED = re.compile(r"`([^`]+)`")
LATER = {"lag": "bnn.lagged makes the lags of a series", "hashed": "use C(), or a vocabulary of bnn.text"}


def columns_in(part: str) -> list[str]:
    """Names of the columns in one part of a formula, which is refused if it holds anything but what is allowed."""
    tree, quoted = parsed(part)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = []
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            raise ValueError(f"formula part {part!r} must be columns, arithmetic and functions, {_known()}")
        if isinstance(node, ast.Call):
            _check_call(node, part)
        elif isinstance(node, ast.Attribute):
            _check_attribute(node, part)
        elif isinstance(node, ast.Name) and id(node) not in called and node.id not in MODULES:
            names.append(quoted.get(node.id, node.id))
    return list(dict.fromkeys(names))


def parsed(part: str) -> tuple[ast.Expression, dict[str, str]]:
    """The syntax tree of a part, and what its placeholders for `quoted names` stand for."""
    quoted: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        name = f"quoted_column_{len(quoted)}"
        quoted[name] = match.group(1)
        return name

    try:
        return ast.parse(QUOTED.sub(placeholder, part), mode="eval"), quoted
    except SyntaxError:
        raise ValueError(f"formula part {part!r} is no expression: put names with spaces in `backticks`") from None


def outer_function(part: str) -> str | None:
    """Name of the function that makes up a whole part, such as "C" of "C(region)"."""
    body = parsed(part)[0].body
    return body.func.id if isinstance(body, ast.Call) and isinstance(body.func, ast.Name) else None


def _check_call(node: ast.Call, part: str) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name in LATER:
        raise ValueError(f"formula part {part!r} must not use {name}(): {LATER[name]}")
    if isinstance(node.func, ast.Attribute):
        return  # checked as an attribute
    if name not in FUNCTIONS:
        raise ValueError(f"formula part {part!r} must use known functions, got {ast.unparse(node.func)}: {_known()}")


def _check_attribute(node: ast.Attribute, part: str) -> None:
    home = node.value.id if isinstance(node.value, ast.Name) else None
    if home not in MODULES or node.attr not in MODULES[home]:
        raise ValueError(f"formula part {part!r} must use known functions, got {ast.unparse(node)}: {_known()}")


def _known() -> str:
    inside = "; ".join(f"{home}.{{{', '.join(names)}}}" for home, names in MODULES.items())
    return f"of {', '.join(FUNCTIONS)}; {inside}"
