"""How this package computes: in double precision and with a compilation cache, without changing the user's settings.

Collapsed densities subtract numbers that nearly cancel, so single precision gives a wrong posterior without a warning.
JAX's 64-bit switch is global, but it has a thread-local context: every public function that computes runs inside it,
and the user's other JAX code keeps its own precision. The compilation cache is JAX's own persistent one; where the user
has not set one up, a folder of this package is used while a function runs, and the setting is restored afterwards.
Ctrl-C is deferred and Python's garbage collector paused in the same way, where they would do harm.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from bayesnn._internal import process
from bayesnn._internal.fitted import of_a_fit
from bayesnn._internal.turns import turn

F = TypeVar("F", bound=Callable[..., Any])

CACHE_VARIABLE = "BAYESNN_CACHE"
_CACHE_OPTIONS = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def double() -> Any:
    """Context in which JAX computes in 64 bits, in this thread only."""
    return jax.enable_x64(True)


PRECISIONS = ("double", "single")


def precision(name: str) -> Any:
    """Context in which JAX computes in "double" or "single" precision, in this thread only."""
    return jax.enable_x64(name != "single")


def as_precision(tree: Any) -> Any:
    """Convert to JAX arrays of the current precision, without copying arrays that have it or memory-mapped files."""

    def convert(a: Any) -> jax.Array:
        if isinstance(a, jax.Array) and a.dtype == jax.dtypes.canonicalize_dtype(a.dtype):
            return a
        # `asarray` always copies; `device_put` copies only to a device with its own memory, or to another type
        return jax.device_put(a) if isinstance(a, np.memmap) else jnp.asarray(np.asarray(a))

    return jax.tree.map(convert, tree)


def as_key(key: Any) -> jax.Array:
    """A JAX key from a whole number of 64 bits with a sign, or a JAX key."""
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        if not -(2**63) <= int(key) < 2**63:
            raise ValueError(f"key must be a whole number from -2**63 to 2**63 - 1, got {key}: take key % 2**63")
        return jax.random.key(int(key))
    dtype = getattr(key, "dtype", None)
    legacy = dtype == np.uint32 and key.shape == (2,)
    if not legacy and not (dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) and key.ndim == 0):
        raise ValueError(f"key must be a whole number or one JAX key such as jax.random.key(0), got {key!r}")
    return key


def check_compiling() -> None:
    """Refuse to sample under jax.disable_jit(): programs are compiled ahead of time."""
    if getattr(jax.config, "jax_disable_jit", False):
        raise ValueError(
            "sampling compiles its programs ahead of time, which jax.disable_jit() forbids: call it outside; to look "
            "inside a model, call model(x, y) under numpyro.handlers.seed, or use jax.debug.print"
        )


def computing(function: F) -> F:
    """Run every call of `function` in double precision, with the compilation cache, and one thread at a time."""
    return _within(function, turn)


def computing_in_threads(function: F) -> F:
    """As `computing`, in several threads at once: for what traces no NumPyro model, see `turns`."""
    return _within(function, contextlib.nullcontext)


def _within(function: F, place: Callable[[], contextlib.AbstractContextManager[None]]) -> F:
    function = of_a_fit(function)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        process.check()
        with place(), double(), compilation_cache_on():
            return function(*args, **kwargs)

    return cast(F, wrapped)


def cache_folder() -> Path | None:
    """Folder of compiled programs: BAYESNN_CACHE if set ("off" for none), else a folder in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE, "")
    if chosen.lower() in ("off", "0", "no", "false"):
        return None
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "bayesnn"


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Defer KeyboardInterrupt until the yielded function is called or the context exits; a second Ctrl-C raises it.

    Python raises KeyboardInterrupt wherever it happens to be. Inside a lock or a callback of the garbage collector it
    turns into another error or is lost. A signal handler set by the user stays in place, and threads other than the
    main one, which receive no signals, are left alone.
    """
    pressed: list[int] = []
    raised: list[bool] = []

    def note(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    def check() -> None:
        if pressed and not raised:
            raised.append(True)
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Pause Python's cyclic garbage collector: tracing makes hundreds of thousands of objects, none of them garbage."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@contextlib.contextmanager
def compilation_cache_on() -> Iterator[None]:
    """Turn JAX's persistent compilation cache on, unless the user has set one up or the folder cannot be written to."""
    folder = cache_folder()
    if folder is None or jax.config.values["jax_compilation_cache_dir"] or not _usable(folder):
        yield
        return
    before = {name: getattr(jax.config, name) for name in _CACHE_OPTIONS}
    _configure({"jax_compilation_cache_dir": str(folder)} | _CACHE_OPTIONS)
    try:
        yield
    finally:
        _configure({"jax_compilation_cache_dir": None} | before)


def _configure(options: dict[str, Any]) -> None:
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # JAX reads this setting only once, at the first compilation


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
