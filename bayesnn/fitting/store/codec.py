"""Specs and labels as JSON, and back. Only objects of the classes in one table are ever made from a file.

Numbers, text and None are written as they are; tuples, lists and dictionaries carry a tag. A spec is written as the
name of its class and its fields, and its own checks run when it is read. Arrays are kept in a separate dictionary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from bayesnn import layers, likelihoods, priors, samplers
from bayesnn._internal.arrays import object_array
from bayesnn.data.columns import Columns
from bayesnn.data.dataset import Dataset, Scaling
from bayesnn.data.formulas.formula import Formula
from bayesnn.data.series.lagged import Lagged
from bayesnn.data.series.steps import ClockStep, MonthStep
from bayesnn.data.series.transforms import Transform
from bayesnn.fitting.settings import FitSettings
from bayesnn.fitting.store import files
from bayesnn.fitting.store.field_types import check_types
from bayesnn.fitting.store.state import State
from bayesnn.fitting.store.tables import from_parts, parts_of
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import Architecture, Geometric
from bayesnn.priors.autoregression import LagRegion
from bayesnn.samplers.engine.checkpoint import Checkpoint
from bayesnn.samplers.engine.plan import Plan
from bayesnn.text import Vocabulary

Arrays = dict[str, np.ndarray]
KINDS = (layers.Layer, likelihoods.Likelihood, priors.Prior, samplers.Sampler, samplers.Schedule)


def _public_specs() -> dict[str, type]:
    """The frozen specs that the folders of layers, likelihoods, priors and samplers export, by name."""
    exported = (getattr(folder, name) for folder in (layers, likelihoods, priors, samplers) for name in folder.__all__)
    kinds = [kind for kind in exported if isinstance(kind, type) and is_dataclass(kind) and issubclass(kind, KINDS)]
    return {kind.__name__: kind for kind in kinds}


OTHERS = (
    Architecture,
    Checkpoint,
    ClockStep,
    Columns,
    Dataset,
    FitSettings,
    Formula,
    Geometric,
    LagRegion,
    Lagged,
    Model,
    MonthStep,
    Plan,
    Scaling,
    State,
    Transform,
    Vocabulary,
    layers.Vectors,
)
SPECS: dict[str, type] = _public_specs() | {kind.__name__: kind for kind in OTHERS}
NAMES = {kind: name for name, kind in SPECS.items()}
EARLIER: dict[Any, dict[str, Any]] = {
    "Vocabulary": {"edition": 1},
    "MuellerRiosInsua": {"autoregression": False},
}  # before files had them


def encode(value: Any, arrays: Arrays, where: str) -> Any:
    """A value as JSON; `where` is its name in errors, and that of its arrays.

    Raises
    ------
    ValueError
        For functions and objects of the user's own classes: reading them from a file would mean running code.
    """
    if isinstance(value, np.generic):
        value = value.item() if value.dtype.kind in "biufU" else np.asarray(value)
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) in (tuple, list):
        return {type(value).__name__: [encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]}
    if type(value) is dict:
        pairs = [[encode(k, arrays, where), encode(v, arrays, f"{where}.{k}")] for k, v in value.items()]
        return {"dict": pairs}
    if isinstance(value, np.ndarray):
        return _encode_array(value, arrays, where)
    if type(value) in NAMES:
        inner = {f.name: encode(getattr(value, f.name), arrays, f"{where}.{f.name}") for f in fields(value)}
        return {"spec": NAMES[type(value)], "fields": inner}
    table = parts_of(value)
    if table is not None:
        return {"table": encode(table, arrays, where)}
    raise ValueError(_refusal(value, where))


def decode(value: Any, arrays: Arrays) -> Any:
    """The value that `encode` was given.

    Raises
    ------
    ValueError
        For unknown tags, classes and fields, and for values that a spec refuses.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"expected a tagged value, got {type(value).__name__}")
    if set(value) == {"spec", "fields"}:
        return _decode_spec(value["spec"], value["fields"], arrays)
    if len(value) != 1 or next(iter(value)) not in DECODERS:
        raise ValueError(f"unknown tag {sorted(value)}")
    tag, content = next(iter(value.items()))
    return DECODERS[tag](content, arrays)


def _encode_array(value: np.ndarray, arrays: Arrays, where: str) -> Any:
    if value.dtype.kind not in files.ARRAY_KINDS:  # labels of mixed types
        items = [encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(value.ravel().tolist())]
        return {"objects": {"shape": list(value.shape), "items": items}}
    while where in arrays:  # names contain the user's own text, so two can be equal
        where += "'"
    arrays[where] = value
    return {"array": where}


def _decode_spec(name: Any, content: Any, arrays: Arrays) -> Any:
    if name not in SPECS or not isinstance(content, dict):
        raise ValueError(f"unknown class {name!r}: a newer bayesnn may know it")
    known = {f.name for f in fields(SPECS[name])}
    if not set(content) <= known:
        raise ValueError(f"{name} has unknown fields {sorted(set(content) - known)}: a newer bayesnn may know them")
    values = EARLIER.get(name, {}) | {field: decode(item, arrays) for field, item in content.items()}
    check_types(SPECS[name], values)
    return SPECS[name](**values)


def _decode_objects(content: Any, arrays: Arrays) -> np.ndarray:
    return object_array([decode(item, arrays) for item in content["items"]]).reshape(content["shape"])


def _decode_float(content: Any, arrays: Arrays) -> float:
    if content not in ("nan", "inf", "-inf"):
        raise ValueError(f"unknown float {content!r}")
    return float(content)


DECODERS: dict[str, Callable[[Any, Arrays], Any]] = {
    "array": lambda content, arrays: arrays[content],
    "dict": lambda content, arrays: {decode(k, arrays): decode(v, arrays) for k, v in content},
    "float": _decode_float,
    "list": lambda content, arrays: [decode(item, arrays) for item in content],
    "objects": _decode_objects,
    "table": lambda content, arrays: from_parts(decode(content, arrays)),
    "tuple": lambda content, arrays: tuple(decode(item, arrays) for item in content),
}


def _refusal(value: Any, where: str) -> str:
    if callable(value) and not is_dataclass(value):
        what = f"the function {getattr(value, '__qualname__', value)!r}"
        cure = "use one of the named activations"
    else:
        what = f"an object of the class {type(value).__qualname__}"
        cure = "use the package's own specs, and labels that are text, numbers, booleans or tuples of these"
    return f"{where} cannot be saved: a file holds no code, and this is {what}; {cure}, or keep the script that fits"
