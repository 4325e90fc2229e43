"""Functions and classes of the user as text that tells them apart: by code, defaults, closure and what they read.

Draws can only be continued by the very function that made the first of them. What decides its values is followed
wherever Python shows it; functions of installed libraries are told by their names. What hides its state is refused.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import os
import sys
import sysconfig
import types
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
PACKAGES = ("bayesnn", "builtins")  # this package and Python itself, wherever they are installed
WITHOUT_MEANING = ("__doc__", "__module__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__")
CONTAINERS = (tuple, list, set, frozenset, dict, types.MappingProxyType, types.CodeType)
Seen = dict[int, Any]


def function_text(value: Any) -> str:
    """Name of a function, class or object and a hash of all that decides what it computes.

    Raises
    ------
    ValueError
        If that cannot be told, as of an open file, a lock or a generator of random numbers in its closure.
    """
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return f"{name} {hashlib.sha256(_described(value, {}, name).encode()).hexdigest()[:16]}"


def is_own(kind: type) -> bool:
    """Whether a class is the user's own, rather than of this package or an installed library."""
    return not _of_library(kind.__module__)


def _described(value: Any, seen: Seen, where: str) -> str:
    """Everything that decides what a value does, as text; an object that was met before by its number."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if type(value) in PLAIN or isinstance(value, (np.generic, np.dtype, range, slice)):
        return f"{type(value).__name__} {value!r}"
    if not isinstance(value, (*CONTAINERS, np.ndarray)):  # equal ones may or may not be one object
        if id(value) in seen:
            return f"again {list(seen).index(id(value))}"
        seen[id(value)] = value  # also keeps it alive, so that its id stays its own

    def inner(part: Any) -> str:
        return _described(part, seen, where)

    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(map(inner, value))})"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({', '.join(sorted(map(repr, value)))})"
    if isinstance(value, (dict, types.MappingProxyType)):
        return f"dict({', '.join(f'{inner(k)}: {inner(v)}' for k, v in value.items())})"
    if isinstance(value, (np.ndarray, jax.Array)) and not isinstance(value, jax.core.Tracer):
        return _array_text(np.asarray(value), inner)
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.CodeType):
        parts = value.co_consts, value.co_names, value.co_freevars
        return f"code {value.co_code.hex()} {inner(parts)}"
    if isinstance(value, functools.partial):
        return f"partial {inner(value.func)} {inner(value.args)} {inner(value.keywords)}"
    if isinstance(value, types.MethodType):
        return f"method {inner(value.__func__)} {inner(value.__self__)}"
    if isinstance(value, (staticmethod, classmethod)):
        return f"{type(value).__name__} {inner(value.__func__)}"
    if isinstance(value, property):
        return f"property {inner(value.fget)}"
    return _named_or_followed(value, seen, where)


def _named_or_followed(value: Any, seen: Seen, where: str) -> str:
    """Objects of libraries by their names, the user's own by code and state."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", getattr(value, "__name__", None))
    library = callable(value) and _of_library(module or type(value).__module__)
    if isinstance(name, str) and library and not hasattr(value, "__wrapped__"):
        return f"{module or type(value).__module__}.{name}"
    if isinstance(value, types.FunctionType):
        return _function(value, seen, where)
    if isinstance(value, type):
        return _class(value, seen, where)
    if hasattr(value, "__wrapped__") and isinstance(name, str):  # jax.jit, jax.custom_jvp, functools.cache
        if _of_library(getattr(value.__wrapped__, "__module__", None)):
            return f"{module}.{name}"
        state = {n: part for n, part in getattr(value, "__dict__", {}).items() if not n.startswith("_")}
        return f"{type(value).__name__} {_described(value.__wrapped__, seen, where)} {_described(state, seen, where)}"
    if is_own(type(value)) and (hasattr(value, "__dict__") or is_dataclass(value)):
        state = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else {}
        state |= getattr(value, "__dict__", {})
        return f"{_described(type(value), seen, where)} {_described(state, seen, where)}"
    raise ValueError(
        f"path= needs to tell whether a run is continued by the same function, and it cannot tell that of {where}, "
        f"which depends on an object of the class {type(value).__module__}.{type(value).__qualname__}: write it as a "
        "function of numbers, arrays and other functions, or leave path out"
    )


def _function(value: types.FunctionType, seen: Seen, where: str) -> str:
    """Code, defaults, contents of the closure, and the globals that it reads."""
    closure = [_content(cell) for cell in value.__closure__ or ()]
    read = dict(_globals_of(value.__code__, value.__globals__))
    parts = value.__code__, value.__defaults__, value.__kwdefaults__, closure, read
    return f"function {', '.join(_described(part, seen, where) for part in parts)}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return "empty"


def _globals_of(code: types.CodeType, known: dict[str, Any]) -> list[tuple[str, Any]]:
    """Globals that code reads by name; of the user's own modules, the attributes that it may read."""
    found = []
    for name in code.co_names:
        value = known.get(name)
        if name in known:
            found.append((name, value))
        if isinstance(value, types.ModuleType) and not _of_library(value.__name__):
            found += [(f"{name}.{n}", getattr(value, n)) for n in code.co_names if n != name and hasattr(value, n)]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += _globals_of(constant, known)
    return found


def _class(value: type, seen: Seen, where: str) -> str:
    """Methods and attributes of a class and of those bases that are the user's own."""
    bases = [base for base in value.__mro__ if is_own(base)]
    content = {
        f"{base.__qualname__}.{name}": attribute
        for base in bases
        for name, attribute in vars(base).items()
        if name not in WITHOUT_MEANING
        and not name.startswith(("_abc", "__dataclass", "__static", "__match", "__par"))
        and not isinstance(attribute, (types.MemberDescriptorType, types.GetSetDescriptorType))
    }
    return f"class {[base.__qualname__ for base in value.__mro__]} {_described(content, seen, where)}"


def _array_text(value: np.ndarray, inner: Any) -> str:
    if value.dtype == object:
        return f"array {value.shape} {inner(value.ravel().tolist())}"
    return f"array {value.dtype}{value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"


@functools.cache
def _of_library(module: str | None) -> bool:
    """Whether a module is of this package, of Python or installed, so that its name tells what it computes."""
    if module is None:
        return False
    top = module.split(".")[0]
    if top in PACKAGES:
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return top in sys.stdlib_module_names  # built into the interpreter
    installed = (Path(os.__file__).parent, sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return file.startswith(tuple(map(str, installed)))  # not by its name: the user may have a statistics.py
