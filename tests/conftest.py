"""Fixtures shared by all tests."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as `bayesnn._internal.quiet` does, which comes too late here

# Most of the time of the tests is XLA compiling small programs that run once. LLVM's first level of optimisation
# compiles them in half the time; XLA's older emitters of loops, which JAX has up to 0.9, help as well.
QUICK = ["--xla_backend_optimization_level=1"]
if version("jaxlib").split(".")[:2] in (["0", "8"], ["0", "9"]):
    QUICK += ["--xla_cpu_use_fusion_emitters=false", "--xla_llvm_disable_expensive_passes=true"]
os.environ["XLA_FLAGS"] = " ".join([*QUICK, os.environ.get("XLA_FLAGS", "")]).strip()

import jax  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from numpyro import handlers  # noqa: E402

# Scripts, not test modules: `--doctest-modules` would import them otherwise.
collect_ignore = ["check.py", "mutants.py", "mutant_tables"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked `first_case`, leave the first case in the fast set and mark the others slow."""
    seen = set()
    for item in items:
        if item.get_closest_marker("first_case") is not None:
            name = item.nodeid.split("[")[0]
            if name in seen:
                item.add_marker(pytest.mark.slow)
            seen.add(name)


@pytest.fixture(autouse=True, scope="module")
def few_compiled_programs() -> Iterator[None]:
    """Drop compiled programs between modules once they hold many memory maps; the cache on disk has them still."""
    yield
    programs = sys.modules.get("bayesnn.samplers.engine.compiled_programs")
    if programs is not None:
        programs.drop_compiled_programs(20_000)  # earlier than a fit would: between modules nothing is lost by it


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of larger real data sets that lies outside the repository; skips where there is none."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BAYESNN_SHARED_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set BAYESNN_SHARED_DATA to the folder of shared data to run this test")
    return folder


def rough_gamma(key: jax.Array, a: jax.Array, shape: tuple[int, ...] | None = None, dtype: Any = float) -> jax.Array:
    """About gamma distributed, by Wilson and Hilferty's cube of a normal: JAX's own takes seconds to compile."""
    z = jax.random.normal(key, jax.numpy.shape(a) if shape is None else shape, dtype)
    return a * jax.numpy.maximum(1.0 - 1.0 / (9.0 * a) + z / (3.0 * a**0.5), 0.5) ** 3


def values_of(model: Callable, *rows: Any) -> dict[str, jax.Array]:
    """Every value that a NumPyro model names."""
    trace = handlers.trace(model).get_trace(*rows)
    return {name: site["value"] for name, site in trace.items() if site["type"] in ("sample", "deterministic")}


@pytest.fixture(scope="session")
def fake_fit() -> Callable:
    """Make a fit from draws that are roughly of the prior: fake_fit(model, x, y, chains=4, draws=50, change=None).

    `change` may edit the recorded values (chain, draw, ...) before they become inference data.
    """
    bnn = importlib.import_module("bayesnn")
    binding = importlib.import_module("bayesnn.fitting.binding")
    fit_module = importlib.import_module("bayesnn.fitting.fit")
    runtime = importlib.import_module("bayesnn._internal.runtime")

    def make(
        model,
        x,
        y,
        *,
        chains=4,
        draws=50,
        change=None,
        complete=True,
        key=0,
        weights=None,
        offset=None,
        standardize=True,
    ):
        bound, data = binding.bind(model, x, y, weights=weights, offset=offset, standardize=standardize)
        with runtime.double(), runtime.compilation_cache_on(), mock.patch.object(jax.random, "gamma", rough_gamma):
            keys = jax.random.split(jax.random.key(key, impl="unsafe_rbg"), chains * draws)  # quick to compile too
            rows = (*map(jax.numpy.asarray, data.scaled()), data.offset)
            prior = jax.jit(jax.vmap(lambda k: values_of(handlers.seed(bound, k), *rows)))(keys)
        names = bound.dims(data.x.shape[1:])
        values = {n: np.array(prior[n]).reshape(chains, draws, *prior[n].shape[1:]) for n in names}
        values["stat acceptance_rate"] = np.full((chains, draws), 0.9)
        if change is not None:
            change(values)
        idata = fit_module.assemble(bound, data, values, {"complete": int(complete)})
        return fit_module.Fit(bound, data, bnn.Gibbs(), idata)

    return make
