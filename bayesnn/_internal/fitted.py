"""Functions of a fit refuse anything else in words, before they look for its parts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

PARTS = ("model", "data", "idata")  # of a fit of one model
OF_MANY = ("diagnose", "evaluate")  # of the fits of `auto_fit`


def of_a_fit(function: F) -> F:
    """Make `function(fit, ...)` refuse a first argument that is no fit; other functions are left as they are."""
    first = next(iter(inspect.signature(function).parameters.values()), None)
    kinds = "" if first is None or first.name != "fit" else str(first.annotation)
    if not kinds.startswith("Fit"):
        return function

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if args or "fit" in kwargs:  # otherwise Python says what is missing
            check_fit(args[0] if args else kwargs["fit"], many=kinds != "Fit")
        return function(*args, **kwargs)

    return cast(F, wrapped)


def check_fit(fit: Any, many: bool = False) -> None:
    """Refuse what is no fit; with `many`, fits of `auto_fit` are taken too.

    Examples
    --------
    >>> check_fit(None)
    Traceback (most recent call last):
    ...
    ValueError: fit must be a fit, as bnn.fit returns it, got NoneType
    """
    if all(hasattr(fit, name) for name in PARTS) or (many and all(hasattr(fit, name) for name in OF_MANY)):
        return
    kind = type(fit).__name__
    cure = ": fit it first, bnn.fit(model, x, y)" if kind == "Model" else ""
    raise ValueError(f"fit must be a fit, as bnn.fit returns it, got {kind}{cure}")
