"""Compiled loops are reused if, and only if, they are provably the same."""

import importlib
from dataclasses import dataclass, replace

import jax
import numpy as np
import pytest
from test_chains import SAMPLER, X, Y

import bayesnn as bnn
from bayesnn.fitting.store import Report
from bayesnn.samplers.base import Observe
from bayesnn.samplers.engine import compiled_programs

ARGUMENTS = {"sampler": SAMPLER, "draws": 6, "warmup": 3, "chains": 2, "progress": False}


@pytest.fixture
def made(monkeypatch):
    """A list that gets an entry for every program that is compiled."""
    monkeypatch.setattr(compiled_programs, "_cache", compiled_programs.OrderedDict())
    found, make = [], compiled_programs.Program
    monkeypatch.setattr(compiled_programs, "Program", lambda *arguments: found.append(1) or make(*arguments))
    return found


def test_other_numbers_of_the_same_shape_use_the_same_program(made):
    first = bnn.fit(bnn.shallow(2), X, Y, key=1, **ARGUMENTS)
    other = bnn.fit(bnn.shallow(2), 2 * X, Y**2, key=2, **ARGUMENTS)
    again = bnn.fit(bnn.shallow(2), X, Y, key=1, **ARGUMENTS)
    assert len(made) == 1
    for name, values in first.sites().items():
        np.testing.assert_array_equal(again.sites()[name], values)
        assert not np.array_equal(other.sites()[name], values)


def observe(model=bnn.shallow(2), sampler=SAMPLER):
    return Observe(sampler, Report(model, ("beta",)), sampler.kernel(model))


def program(record, warmup=3, rows=14, settings=()):
    return compiled_programs.program_for(record.kernel, record, warmup, 100, (np.zeros((rows, 1)), None), settings)


@pytest.mark.parametrize(
    "change",
    [
        {"record": observe(bnn.shallow(3))},
        {"record": observe(sampler=replace(SAMPLER, sweeps=2))},
        {"record": observe(bnn.shallow(2, hyper=bnn.ShallowHyperparameters(readout_mean=0)))},  # a whole number
        {"record": observe(bnn.shallow(2, hyper=bnn.ShallowHyperparameters(readout_mean=-0.0)))},
        {"warmup": 4},
        {"rows": 15},
        {"settings": ("single",)},
    ],
    ids=["model", "sampler", "type of a number", "sign of zero", "warm-up", "rows", "settings"],
)
def test_what_makes_another_program(made, change):
    first = program(observe())
    assert program(observe()) is first
    assert program(**{"record": observe()} | change) is not first
    assert len(made) == 2


def test_functions_of_ones_own_are_never_taken_for_equal(made):
    record = observe(bnn.Model([bnn.Dense(2, lambda e: e)]), bnn.NUTS())
    assert program(record) is not program(record)


def test_programs_are_few(made, monkeypatch):
    monkeypatch.setattr(compiled_programs, "CACHE_SIZE", 3)
    for units in range(1, 7):
        program(observe(bnn.shallow(units)))
    assert len(compiled_programs._cache) == 3


def test_programs_are_dropped_before_memory_maps_run_out(made, monkeypatch):
    if not compiled_programs.Path("/proc/self/maps").exists():
        pytest.skip("counts memory maps as Linux shows them")
    cleared = []
    monkeypatch.setattr(compiled_programs, "MANY_MAPS", 0)
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(1))
    program(observe(bnn.shallow(1)))
    program(observe(bnn.shallow(2)))
    assert len(cleared) == 2
    assert len(compiled_programs._cache) == 1


@pytest.mark.parametrize(("limit", "dropped"), [(10**9, False), (0, True)])
def test_what_jax_forgets_is_forgotten_here_too(made, monkeypatch, limit, dropped):
    """A loop over fits asks for it: a program that was kept would hold its memory maps on."""
    if not compiled_programs.Path("/proc/self/maps").exists():
        pytest.skip("counts memory maps as Linux shows them")
    cleared = []
    monkeypatch.setattr(jax, "clear_caches", lambda: cleared.append(1))
    first = program(observe())
    refits = importlib.import_module("bayesnn.forecasting.refits")
    assert refits.drop_compiled_programs(limit) is dropped
    assert len(cleared) == dropped
    assert (program(observe()) is first) is not dropped


@dataclass(frozen=True)
class Frozen:
    a: object = 1


@dataclass
class Melted:
    a: object = 1


def test_descriptions():
    assert compiled_programs.cache_key(Frozen(1)) == compiled_programs.cache_key(Frozen(1))
    different = [Frozen(v) for v in (1, 1.0, True, "1", None, (1,), (1, 2), 0.0, -0.0, Frozen(1))]
    assert len({compiled_programs.cache_key(one) for one in different}) == len(different)
    for unknown in (Melted(), [1], np.zeros(2), len, Frozen([1]), Frozen(len), (1, Melted())):
        assert compiled_programs.cache_key(unknown) is None
    hidden = Frozen()
    object.__setattr__(hidden, "b", 2)
    assert compiled_programs.cache_key(hidden) is None


@pytest.fixture
def fresh_options():
    compiled_programs.quick_options.cache_clear()
    yield
    compiled_programs.quick_options.cache_clear()


def test_options_that_xla_does_not_know_are_left_out(monkeypatch, fresh_options):
    known = compiled_programs.quick_options()
    assert known and set(known) <= set(compiled_programs.QUICK)
    monkeypatch.setattr(compiled_programs, "QUICK", compiled_programs.QUICK | {"xla_cpu_of_another_version": True})
    compiled_programs.quick_options.cache_clear()
    assert compiled_programs.quick_options() == known


def test_what_the_user_has_set_in_the_environment_stays(monkeypatch, fresh_options):
    monkeypatch.setenv("XLA_FLAGS", "")
    assert "xla_backend_optimization_level" in compiled_programs.quick_options()
    compiled_programs.quick_options.cache_clear()
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=1")
    known = compiled_programs.quick_options()
    assert known and "xla_backend_optimization_level" not in known


def test_options_with_wrong_values_are_not_hidden(monkeypatch, fresh_options):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(compiled_programs, "QUICK", {"xla_backend_optimization_level": "fast"})
    with pytest.raises(jax.errors.JaxRuntimeError):
        compiled_programs.quick_options()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "quick"),
    [(SAMPLER, True), (replace(SAMPLER, weights="hmc"), False), (bnn.NUTS(max_tree_depth=2), False)],
    ids=["collapsed", "all weights", "nuts"],
)
def test_loops_of_small_operations_alone_are_compiled_the_quick_way(sampler, quick, monkeypatch):
    options, make = [], compiled_programs.Program
    monkeypatch.setattr(compiled_programs, "_cache", compiled_programs.OrderedDict())
    monkeypatch.setattr(compiled_programs, "Program", lambda *given: options.append(made := make(*given)) or made)
    bnn.fit(bnn.shallow(2), X, Y, **ARGUMENTS | {"sampler": sampler})
    assert [bool(program.options) for program in options] == [quick]


@pytest.mark.slow
@pytest.mark.parametrize("superchains", [None, 2])
@pytest.mark.parametrize("sampler", [SAMPLER, bnn.NUTS(max_tree_depth=2)], ids=["gibbs", "nuts"])
def test_the_loop_is_compiled_before_the_start_has_run(sampler, superchains, monkeypatch):
    """It is lowered for the output shapes of the start program, without waiting for its executable."""
    order, place = [], compiled_programs.Program.start

    class Watched:
        def __init__(self, compiling):
            self.compiling = compiling

        def result(self):
            order.append("start")
            return self.compiling.result()

    def start(self, *arguments):
        shapes, compiling = place(self, *arguments)
        return shapes, Watched(compiling)

    loop = compiled_programs.Program.loop
    monkeypatch.setattr(compiled_programs, "_cache", compiled_programs.OrderedDict())
    monkeypatch.setattr(compiled_programs.Program, "start", start)
    monkeypatch.setattr(compiled_programs.Program, "loop", lambda *given: order.append("loop") or loop(*given))
    bnn.fit(bnn.shallow(2), X, Y, **ARGUMENTS | {"sampler": sampler, "chains": 4, "superchains": superchains})
    assert order[-1] == "start" and set(order[:-1]) == {"loop"}


@pytest.fixture
def traced(monkeypatch):
    """A list that gets an entry for every function that is traced anew."""
    monkeypatch.setattr(compiled_programs, "_functions", compiled_programs.OrderedDict())
    found = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **more: found.append(name) if name.endswith("jaxpr_trace_duration") else None
    )
    return found


QUICK = bnn.MAP(steps=20, restarts=2)
LAPLACE = bnn.Laplace(bnn.MAP(steps=20, restarts=2, validation=None))


@pytest.mark.parametrize("sampler", [QUICK, LAPLACE], ids=["mode", "laplace"])
def test_another_search_for_a_mode_traces_nothing(traced, sampler):
    """Neither other numbers nor another key; both lead to other modes."""
    model, settings = bnn.Model([bnn.Dense(1)]), {"sampler": sampler, "draws": 1, "chains": 1, "progress": False}
    first = bnn.fit(model, X, Y, key=1, **settings)
    assert traced
    traced.clear()
    others = [bnn.fit(model, X, Y, key=2, **settings), bnn.fit(model, X, Y**2, key=1, **settings)]
    assert not traced
    again = bnn.fit(model, X, Y, key=1, **settings)
    for name, values in first.sites().items():
        np.testing.assert_array_equal(again.sites()[name], values)
        assert all(not np.array_equal(other.sites()[name], values) for other in others)


def added(one, other, x):
    return one.units + other + x


def test_a_kept_function_is_that_of_equal_specs(monkeypatch):
    monkeypatch.setattr(compiled_programs, "_functions", compiled_programs.OrderedDict())
    kept = compiled_programs.kept_jit
    first = kept(added, bnn.Dense(2), 3)
    assert first(1) == 6
    assert kept(added, bnn.Dense(2), 3) is first
    for function, specs in ((added, (bnn.Dense(3), 3)), (added, (bnn.Dense(2), 3.0)), (observe, (bnn.Dense(2), 3))):
        assert kept(function, *specs) is not first
    assert kept(added, bnn.Dense(2), 3, quick=True) is not first
    own = bnn.Dense(2, lambda e: e)
    assert kept(added, own, 3) is not kept(added, own, 3)
    monkeypatch.setattr(compiled_programs, "FUNCTIONS", 3)
    for units in range(1, 7):
        kept(added, bnn.Dense(units), 3)
    assert len(compiled_programs._functions) == 3
