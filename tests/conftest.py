"""Fixtures shared by all tests."""

import functools
import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as `bayesnn._internal.quiet` does, which comes too late here

# Tests run side by side: a second thread of OpenBLAS would wait for a core, and burn another one while it does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# JAX writes the Python frames of operations into programs, for readers of dumps: a tenth of the time to lower them.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

import pytest  # noqa: E402

# Scripts, not test modules: `--doctest-modules` would import them otherwise, and some import packages that only
# the extras `bench` and `docs` install.
collect_ignore = [
    "benchmarks",
    "check.py",
    "gallery.py",
    "mutants.py",
    "mutant_tables",
    "notebooks.py",
    "helpers/manual_hook.py",
    "helpers/see_also.py",
]


def pytest_configure(config: pytest.Config) -> None:
    """Let XLA compile with few optimisations: most of the time of the tests is compiling small programs that run once.

    LLVM's level 0 takes half of the time of level 1, but sweeps run two to four times as long, which the slow tests
    would feel. XLA's older emitters of loops, which JAX has up to 0.9, help as well; so does one piece per program
    instead of 32 that are compiled side by side, where other tests use the other cores.
    """
    level = 0 if config.option.markexpr == "not slow" else 1
    flags = [f"--xla_backend_optimization_level={level}", "--xla_cpu_parallel_codegen_split_count=1"]
    if version("jaxlib").split(".")[:2] in (["0", "8"], ["0", "9"]):
        flags += ["--xla_cpu_use_fusion_emitters=false", "--xla_llvm_disable_expensive_passes=true"]
    os.environ["XLA_FLAGS"] = " ".join([*flags, os.environ.get("XLA_FLAGS", "")]).strip()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked `first_case`, leave the first case in the fast set and mark the others slow."""
    seen = set()
    for item in items:
        if item.get_closest_marker("first_case") is not None:
            name = item.nodeid.split("[")[0]
            if name in seen:
                item.add_marker(pytest.mark.slow)
            seen.add(name)


def pytest_collection_finish() -> None:
    """Leave what is there before the first test out of garbage collections, and collect less often.

    Tracing makes hundreds of thousands of objects and hardly any garbage; collections took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True, scope="module")
def few_compiled_programs() -> Iterator[None]:
    """Drop compiled programs between modules once they hold many memory maps; the cache on disk has them still."""
    yield
    programs = sys.modules.get("bayesnn.samplers.engine.compiled_programs")
    if programs is not None:
        programs.drop_compiled_programs(28_000)  # earlier than a fit would: between modules nothing is lost by it


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of larger real data sets that lies outside the repository; skips where there is none."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BAYESNN_SHARED_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set BAYESNN_SHARED_DATA to the folder of shared data to run this test")
    return folder


@pytest.fixture(scope="session")
def fake_fit() -> Callable:
    """Make a fit from draws put together by hand: fake_fit(model, x, y, chains=4, draws=50, change=None)."""
    made = importlib.import_module("made")  # here, so that a run of doctests alone need not find it
    return functools.partial(made.made_fit, chains=4, draws=50)
