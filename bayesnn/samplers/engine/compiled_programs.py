"""A cache of compiled programs, for runs in one process that differ only in the values of their arrays.

What is traced depends on the kernel, on what is recorded, on shapes and on a few settings. If frozen dataclasses of
plain values describe all of that, equal descriptions give equal programs, and a second fit neither traces nor compiles.
A function of the user's own is never cached, since it may depend on anything.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpyro.infer.mcmc import MCMCKernel

from bayesnn.samplers.engine.plan import keys_of
from bayesnn.samplers.engine.sharding import DeviceSharding

Data = tuple[Any, ...]
Record = Callable[[jax.Array, Any, Data], dict[str, jax.Array]]
CACHE_SIZE = 16  # programs of chains kept in memory
FUNCTIONS = 48  # other programs; a search for a mode has three
QUICK: dict[str, Any] = {
    "xla_cpu_use_fusion_emitters": False,  # use the older emitters for fused loops; option of JAX up to 0.10
    "xla_backend_optimization_level": 2,  # optimisation level of LLVM
    "xla_cpu_prefer_vector_width": 512,  # bits, if the processor has such vectors
}
MANY_MAPS = 30_000  # Linux allows a process 65,530 memory maps, and compiled programs take dozens each
PLAIN = (str, bytes, bool, int, type(None))
TRACED_OPTIONS = (
    "jax_default_matmul_precision",
    "jax_debug_nans",
    "jax_threefry_partitionable",
    "jax_disable_jit",
    "jax_default_device",
)


class Program:
    """The start program and the loop of a kernel, compiled when first needed for a batch size and device.

    The start program runs once, so it is always compiled with the quick options; the loop only if `quick`.
    """

    def __init__(self, kernel: MCMCKernel, record: Record, warmup: int, buffer: int, quick: bool) -> None:
        self.options = quick_options() if quick else {}
        self.own_start = functools.partial(_start, kernel, warmup)
        self.own_loop = lambda *arguments: _loop(kernel, record, warmup, buffer, *arguments)
        self.traced = jax.jit(self.own_loop)
        self.starts: dict[Any, tuple[Any, Future[Any]]] = {}
        self.loops: dict[Any, Any] = {}

    def start(self, pool: Executor, count: int, groups: list[np.ndarray], *rest: Any) -> tuple[Any, Future[Any]]:
        """Output shapes of the start program, and a future of its executable, which takes (groups, *rest).

        `pool` compiles it while Python traces the loop, for which the shapes are enough.
        """
        which = count, *map(len, groups)
        if which not in self.starts:
            lowered = jax.jit(functools.partial(self.own_start, count)).lower(groups, *rest)
            self.starts[which] = lowered.out_info, pool.submit(lowered.compile, compiler_options=quick_options())
        return self.starts[which]

    def loop(self, carry: Any, data: Data, size: int, place: Any, meanwhile: Callable[[], Any]) -> Any:
        """The compiled loop, (carry, count, thinning, data) -> carry, recorded values (buffer, chain, ...).

        The first `count` of the `buffer` draws are valid. `carry` may hold shapes instead of arrays; `place` is a
        device or a sharding over several; `meanwhile` is called before XLA compiles, which takes seconds outside
        Python's lock.
        """
        if (size, place) not in self.loops:
            traced = place.loop(self.own_loop) if isinstance(place, DeviceSharding) else self.traced
            lowered = traced.lower(carry, 1, 1, data)
            meanwhile()
            self.loops[size, place] = lowered.compile(compiler_options=self.options)
        return self.loops[size, place]


@functools.cache
def quick_options() -> dict[str, Any]:
    """XLA options that halve compile time on a CPU, as far as this version has them; none on other devices.

    The collapsed sweep runs a tenth faster with them, a deep network a third slower: `tests/benchmarks/RESULTS.md`.
    What the user has set in XLA_FLAGS stays as it is.
    """
    if jax.default_backend() != "cpu":
        return {}
    chosen = os.environ.get("XLA_FLAGS", "")
    quick = {name: value for name, value in QUICK.items() if name not in chosen}
    return quick if _known(quick) else {name: value for name, value in quick.items() if _known({name: value})}


def _known(options: dict[str, Any]) -> bool:
    """Whether this version of XLA has these options."""
    try:
        jax.jit(lambda: 0).lower().compile(compiler_options=options)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True


_cache: OrderedDict[Any, Program] = OrderedDict()
_functions: OrderedDict[Any, Any] = OrderedDict()
_lock = threading.RLock()


def kept_jit(function: Callable[..., Any], *specs: Any, quick: bool = False) -> Any:
    """`jax.jit` of `function` with the specs as its first arguments; equal specs give the same, if `cache_key` knows.

    JAX keeps what it has compiled of a jitted function, by shapes, types and settings, so a second run with arrays of
    the same shapes neither traces nor compiles. What differs between runs, keys included, must be an argument.
    `quick` is for programs that run once, and for loops over small operations.
    """
    key = cache_key((function.__module__, function.__qualname__, quick, *specs))
    with _lock:
        if key is None or key not in _functions:
            drop_compiled_programs()
            jitted = jax.jit(functools.partial(function, *specs), compiler_options=quick_options() if quick else {})
            if key is None:
                return jitted
            _functions[key] = jitted
        _functions.move_to_end(key)
        while len(_functions) > FUNCTIONS:
            _functions.popitem(last=False)
        return _functions[key]


def program_for(
    kernel: MCMCKernel,
    record: Record,
    warmup: int,
    buffer: int,
    shapes: Any,
    settings: tuple[Any, ...],
    quick: bool = False,
) -> Program:
    """The program, from the cache if an earlier run provably had the same.

    The key of the cache is that of `record`, which holds sampler and model, with the shapes and types of the arrays in
    `shapes` and everything else that affects tracing in `settings`. `quick` says that the loop consists of small
    operations, so that it is compiled with the quick options.
    """
    recorded = cache_key(record)
    if recorded is None:
        return Program(kernel, record, warmup, buffer, quick)
    sizes = tuple((a.shape, str(a.dtype)) for a in jax.tree.leaves(shapes)), str(jax.tree.structure(shapes))
    options = tuple(str(getattr(jax.config, name)) for name in TRACED_OPTIONS)
    key = recorded, type(kernel), warmup, buffer, sizes, settings, options
    with _lock:
        if key not in _cache:
            drop_compiled_programs()
            _cache[key] = Program(kernel, record, warmup, buffer, quick)
        _cache.move_to_end(key)
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
        return _cache[key]


def cache_key(spec: Any) -> Any:
    """A hashable value that is equal for two specs only if they agree in every value and its type.

    None if that cannot be known: for anything but frozen dataclasses of plain values.
    """
    if type(spec) in PLAIN:
        return type(spec), spec
    if type(spec) is float:
        return float, spec.hex()
    if type(spec) is tuple:
        return _all(tuple, [cache_key(item) for item in spec])
    if is_dataclass(spec) and not isinstance(spec, type) and type(spec).__dataclass_params__.frozen:  # type: ignore[attr-defined]
        names = [f.name for f in fields(spec)]
        if set(getattr(spec, "__dict__", ())) <= set(names):
            return _all(type(spec), [cache_key(getattr(spec, f.name)) for f in fields(spec) if f.compare])
    return None


def _all(kind: type, parts: list[Any]) -> Any:
    return None if None in parts else (kind, *parts)


def drop_compiled_programs(limit: int | None = None) -> bool:
    """Forget compiled programs, JAX's own too, once they hold more than MANY_MAPS memory maps; True if so.

    Past Linux's limit, loading one more program would crash. The cache on disk has them still. Called before a program
    is made, and by loops over fits of different sizes, each of which compiles programs of its own.
    """
    maps = Path("/proc/self/maps")
    if not maps.exists() or maps.read_bytes().count(b"\n") <= (MANY_MAPS if limit is None else limit):
        return False
    with _lock:
        _cache.clear()
        _functions.clear()
        jax.clear_caches()
    return True


def _keeps_its_data(kernel: MCMCKernel) -> bool:
    """Whether a kernel, such as NumPyro's BarkerMH, samples from a density of the data that `init` was last given.

    Others make the density of the data that `sample` is given. In the loop these must be the arguments of the loop, not
    those of the start program.
    """
    return getattr(kernel, "_model", None) is not None and getattr(kernel, "_potential_fn", None) is not None


def _start(
    kernel: MCMCKernel,
    warmup: int,
    count: int,
    groups: list[np.ndarray],
    key: jax.Array,
    numbers: np.ndarray,
    starts: np.ndarray | None,
    start: Any,
    data: Data,
) -> list[Any]:
    """For every batch of chains: the states at the start, and the keys for recording.

    `groups` are the chains of each batch, `numbers` (chain,) the numbers of these chains among the `count` of the run.
    `starts` (chain,), if given, are the numbers of the chains whose starting points they take: chains of a superchain
    start at the same point and continue with keys of their own.
    """
    of_chains, of_record = jax.random.split(key)
    chain_keys, record_keys = keys_of(of_chains, count, numbers), keys_of(of_record, count, numbers)
    start_keys = chain_keys if starts is None else keys_of(of_chains, count, starts)
    state = jax.vmap(lambda k, z: kernel.init(k, warmup, z, data, {}))(start_keys, start)
    if starts is not None:
        state = state._replace(rng_key=chain_keys)
    return [jax.tree.map(lambda a, rows=rows: a[rows], (state, record_keys)) for rows in groups]


def _loop(
    kernel: MCMCKernel,
    record: Record,
    warmup: int,
    buffer: int,
    carry: Any,
    count: jax.Array,
    thinning: jax.Array,
    data: Data,
) -> tuple[Any, dict[str, jax.Array]]:
    """`count` recorded draws of a batch of chains, `thinning` steps apart; (draw, chain, ...) in arrays of `buffer`."""
    if _keeps_its_data(kernel):
        kernel.init(jax.random.key(0), warmup, None, data, {})

    def step(state: Any) -> Any:
        return jax.vmap(lambda one: kernel.sample(one, data, {}))(state)

    def observe(keys: jax.Array, state: Any) -> dict[str, jax.Array]:
        return jax.vmap(lambda key, one: record(key, one, data))(keys, state)

    def body(i: jax.Array, carry: Any) -> Any:
        state, keys, buffers = carry
        state = lax.fori_loop(0, thinning, lambda _, s: step(s), state)
        pairs = jax.vmap(jax.random.split)(keys)
        values = observe(pairs[:, 0], state)
        return state, pairs[:, 1], {name: b.at[i].set(values[name]) for name, b in buffers.items()}

    state, keys = carry
    shapes = jax.eval_shape(observe, keys, state)
    buffers = {name: jnp.zeros((buffer, *s.shape), s.dtype) for name, s in shapes.items()}
    state, keys, buffers = lax.fori_loop(0, count, body, (state, keys, buffers))
    return (state, keys), buffers
