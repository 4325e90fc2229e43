"""A model as a table of its layers, and its likelihood and priors in words and formulas."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import fields
from typing import Any

from bayesnn._internal.specs import short
from bayesnn._internal.weights import Shape

WIDTH = 110  # letters per line of a description

SYMBOLS = ((1,), (2,)), ((8, 1), (8, 2)), ((8,), (9,))  # two example shapes each for tables, sequences and token ids
Row = tuple[str, str, str, str]


def layer_rows(model: Any, shape: Shape | None = None) -> list[Row]:
    """Name, spec, shape of the output and number of weights of each layer, of the readout, and of all together.

    Without the shape of an example, numbers that depend on it are written with p, the number of inputs.
    """
    found = [_counted(model, shape)] if shape is not None else _two_sizes(model)
    if not found:  # layers that serve some numbers of inputs only
        names = zip(model.network.names(), model.layers, strict=True)
        unknown = [*((name, short(layer)) for name, layer in names), ("readout", _terms(model)), ("total", "")]
        return [(*row, "", "?") for row in unknown]
    first, last = found[0], found[-1]
    rows = []
    for (name, spec, output, weights), (_, _, other_output, other_weights) in zip(first, last, strict=True):
        same = output == other_output
        rows.append((name, spec, str(output) if same else "varies", _count(weights, other_weights)))
    total, other = (sum(row[3] for row in each) for each in (first, last))
    return [*rows, ("total", "", "", _count(total, other))]


def layer_table(model: Any, shape: Shape | None = None) -> str:
    """The rows of `layer_rows` as text, with likelihood and prior below."""
    head = ("layer", "", "output", "weights")
    rows = [head, *layer_rows(model, shape)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3].rjust(widths[3])]).rstrip() for row in rows
    ]
    rule = "-" * max(map(len, lines))
    below = [f"likelihood: {short(model.likelihood)}", f"prior: {short(model.prior)}"]
    if model.architecture is not None:
        below.append(f"random: {short(model.architecture)}")
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *below])


def description(model: Any) -> str:
    """Likelihood, readout and prior of a model in words and formulas, with the numbers that they have."""
    terms = [
        "sum_j beta_j u_j(x)" if model.layers else "",
        "intercept" if model.intercept else "",
        "sum_k linear_k x_k" if model.linear else "",
    ]
    body = " -> ".join(["x", *map(short, model.layers), "u(x)"])
    parts = ["f(x) = " + " + ".join(filter(None, terms)), *([f"units u: {body}"] if model.layers else [])]
    for what, spec in (("y given f", model.likelihood), ("weights", model.prior)):
        parts.append(f"{what}: {type(spec).__name__}\n" + _indented(_words(spec)))
    if model.architecture is not None:
        parts.append("random architecture:\n" + _indented(_words(model.architecture)))
    return "\n\n".join(parts)


Counted = list[tuple[str, str, Any, int]]


def _two_sizes(model: Any) -> list[Counted]:
    """What `_counted` finds for one and for two inputs, of the kind that the first layer reads; empty if none fits."""
    for sizes in SYMBOLS[2:] if model.network.tokens is not None else SYMBOLS[:2]:
        try:
            return [_counted(model, size) for size in sizes]
        except (ValueError, IndexError, TypeError):  # the layers read inputs of another kind
            continue
    return []


def _counted(model: Any, shape: Shape) -> Counted:
    """Layers and readout with the shape of the output and the number of weights, for examples of this shape."""
    sizes, rows = model.sizes(shape), []
    outputs = model.terms(shape).outputs
    for name, layer in zip(model.network.names(), model.layers, strict=True):
        shape = layer.output_shape(shape)
        rows.append((name, short(layer), shape, sizes[name]))
    return [*rows, ("readout", _terms(model), outputs or (1,), sizes["readout"])]


def _terms(model: Any) -> str:
    """What the readout adds up."""
    terms = {"units": bool(model.layers), "constant": model.intercept, "linear": model.linear}
    return " + ".join(name for name, there in terms.items() if there)


def _count(one: int, two: int) -> str:
    """A number of weights; a + b p where it grows with the number of inputs p, of which 1 and 2 have been tried."""
    slope = two - one
    if slope == 0:
        return f"{one:,}"
    constant, inputs = one - slope, "p" if slope == 1 else f"{slope:,} p"
    return f"{constant:,} + {inputs}" if constant else inputs


def _words(spec: Any) -> str:
    """What the docstring of a spec says before its parameters, and the values of its fields."""
    text = inspect.getdoc(type(spec)) or ""
    sections = ("Parameters\n---", "References\n---", "Examples\n---", "Notes\n---", "Raises\n---", "Attributes\n---")
    end = min((text.index(name) for name in sections if name in text), default=len(text))
    values = [f"{f.name}={getattr(spec, f.name)!r}" for f in fields(spec)]
    return "\n".join([text[:end].strip(), *textwrap.wrap(", ".join(values), WIDTH)])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))


def weight_total(model: Any, shape: Shape) -> int:
    """Number of weights of a model for examples of this shape."""
    return sum(model.sizes(shape).values())


def in_short(model: Any) -> str:
    """The layers, likelihood and prior of a model in a line."""
    names = [short(layer) for layer in model.layers] or ["linear"]
    names[-1] += " + linear term" if model.linear and model.layers else ""
    return f"{' -> '.join(names)}; {short(model.likelihood)}; prior {short(model.prior)}"
