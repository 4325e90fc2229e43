"""A description of a run in words and hashes, to decide whether a folder holds the same run.

Draws are bit-identical only with the same model, data, sampler, key, numbers of chains and draws, and versions of the
software, so all of these are compared before a run is resumed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from dataclasses import Field, fields, is_dataclass
from typing import Any

import jax
import numpy as np

from bayesnn._internal.version import __version__
from bayesnn.data.dataset import Dataset
from bayesnn.data.series.lagged import Lagged
from bayesnn.fitting.store.functions import function_text, is_own
from bayesnn.samplers.engine.plan import Plan

SHOWN = 200  # letters of a description that an error shows, at most
REPRESENTED = (bool, int, float, complex, str, bytes, type(None), np.generic, range)
NUMERICS = {"jax_threefry_partitionable": True, "jax_default_matmul_precision": None, "jax_disable_jit": False}
SOFTWARE = ("bayesnn", "jax", "jaxlib", "numpyro", "platform")


def software() -> dict[str, str]:
    """Versions of the software that draws depend on, and the kind of device."""
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpyro")}
    device = f"{jax.local_devices()[0].device_kind} {platform.machine()}"
    return {"bayesnn": __version__, **versions, "platform": device}


def data_digest(data: Dataset) -> str:
    """Hash of the training rows, their coding and their labels; and of the series they come from."""
    digest = hashlib.sha256(repr((data.columns, data.scaling)).encode())
    for array in (data.x, data.y, data.weights, data.offset):
        digest.update(b"none" if array is None else f"{array.dtype.str}{array.shape}".encode())
        digest.update(b"" if array is None else np.ascontiguousarray(array).data.cast("B"))
    if data.groups is not None:  # older runs have none, and keep their digest
        digest.update(f"groups {data.groups.tolist()}".encode())
    digest.update(repr(data.obs.tolist()).encode())
    if data.series is not None:
        digest.update(_series_text(data.series).encode())
    return digest.hexdigest()


def _series_text(series: Lagged) -> str:
    """Everything that rows of lags and forecasts of a series depend on."""
    tables = {name: (list(map(str, one.index)), one.to_numpy().tolist()) for name, one in series.series.items()}
    exogenous = {name: (list(one.columns), one.to_numpy().tolist()) for name, one in series.exogenous.items()}
    settings = series.lags, series.period, dict(series.transforms), series.columns, str(series.step), series.panel
    return repr((tables, exogenous, settings))


def key_text(key: jax.Array) -> str:
    """A JAX key, typed or of the old kind, as text."""
    numbers = np.asarray(jax.random.key_data(key)).tolist()
    typed = jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
    return f"{jax.random.key_impl(key) if typed else 'raw'} {numbers}"


def text_of(spec: Any) -> str:
    """A spec as text that is the same in every process; functions and classes of the user's own by what they compute.

    Raises
    ------
    ValueError
        If it holds a function that cannot be told from others, see `functions.function_text`.
    """
    if is_dataclass(spec) and not isinstance(spec, type):
        inner = ", ".join(f"{f.name}={text_of(getattr(spec, f.name))}" for f in fields(spec) if not _unset(spec, f))
        own = f" {function_text(type(spec))}" if is_own(type(spec)) else ""
        return f"{type(spec).__qualname__}({inner}){own}"
    if isinstance(spec, (tuple, list)):
        return f"({', '.join(map(text_of, spec))})"
    if isinstance(spec, dict):
        return f"{{{', '.join(f'{k!r}: {text_of(v)}' for k, v in spec.items())}}}"
    if isinstance(spec, np.ndarray):
        return f"array {spec.dtype}{spec.shape} {hashlib.sha256(np.ascontiguousarray(spec).tobytes()).hexdigest()}"
    return repr(spec) if isinstance(spec, REPRESENTED) else function_text(spec)


def _unset(spec: Any, field: Field[Any]) -> bool:
    """Whether the metadata of a field say that draws do not depend on it here.

    "later": it came after format version 1 and has its default, as in older runs. "before_binding": it says how a model
    is bound to data, and what came of it is in other fields.
    """
    later = bool(field.metadata.get("later")) and getattr(spec, field.name) == field.default
    return later or bool(field.metadata.get("before_binding"))


def run_of(model: Any, data: Dataset, sampler: Any, key: jax.Array, plan: Plan, marginalize: bool) -> dict[str, Any]:
    """Everything that draws depend on, except the number of draws."""
    return (
        {
            "model": text_of(model),
            "data": data_digest(data),
            "sampler": text_of(sampler),
            "key": key_text(key),
            "warmup": plan.warmup,
            "chains": plan.chains,
            "thinning": plan.thinning,
            "marginalize": marginalize,
        }
        | _only_some(plan)
        | _numerics()
        | software()
    )


def _only_some(plan: Plan) -> dict[str, Any]:
    """Entries of some runs only: chains of other processes, superchains, and runs whose length is not given."""
    others: dict[str, Any] = {} if plan.of is None else {"first chain": plan.first, "all chains": plan.of}
    others |= {} if plan.superchains is None else {"superchains": plan.superchains}
    others |= {} if plan.gives_up is None else {"gives up": list(plan.gives_up)}
    return others | ({} if not plan.kept else {"draws": "auto", "kept draws": plan.kept})


def _numerics() -> dict[str, Any]:
    """Settings of JAX that change draws, where they are not JAX's own."""
    settings = {name: getattr(jax.config, name, usual) for name, usual in NUMERICS.items()}
    return {name: str(value) for name, value in settings.items() if value != NUMERICS[name]}


def identity(run: dict[str, Any]) -> str:
    """A short name of a run, written into each of its files."""
    return hashlib.sha256(repr(sorted(run.items())).encode()).hexdigest()[:32]


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The differences in words; empty if there are none."""
    parts = []
    for name, value in wanted.items():
        if found.get(name) != value:
            there, here = ("not set" if one is None else _short(one) for one in (found.get(name), value))
            parts.append(f"{name} is {there} there and {here} here")
    return "; ".join(parts)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({hashlib.sha256(text.encode()).hexdigest()[:8]})"
