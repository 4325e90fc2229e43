"""Double precision and the compilation cache: on inside, and as the user had them afterwards."""

import gc
import os
import signal
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from bayesnn._internal import runtime

OPTIONS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


def options():
    return {name: jax.config.values[name] for name in OPTIONS}


@pytest.fixture
def no_cache(monkeypatch):
    """No folder of the user's, and the default place somewhere empty."""
    before = options()
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    monkeypatch.delenv(runtime.CACHE_VARIABLE, raising=False)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def compile_something(number):
    """A program that no other test compiles, in a public function's context."""

    @runtime.computing
    def public():
        return float(jax.jit(lambda a: jnp.sin(a) * number)(jnp.ones(3))[0])

    assert public() == pytest.approx(np.sin(1.0) * number, rel=1e-10)


@pytest.mark.parametrize("on", [True, False])
def test_garbage_collection_rests_and_is_left_as_it_was(on):
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        with pytest.raises(KeyError), runtime.no_collection():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()


@pytest.fixture
def ctrl_c():
    """Presses Ctrl-C; under a handler that raises, whatever the tests were started with."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_until_it_is_asked_for(ctrl_c):
    done = []
    with pytest.raises(KeyboardInterrupt), runtime.deferred_interrupts() as check:
        check()
        ctrl_c()
        done.append("held")
        check()
        done.append("not reached")
    assert done == ["held"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_not_forgotten_at_the_end_and_a_second_one_does_not_wait(ctrl_c):
    with pytest.raises(KeyboardInterrupt), runtime.deferred_interrupts():
        ctrl_c()
    with pytest.raises(KeyboardInterrupt), runtime.deferred_interrupts():
        ctrl_c()
        ctrl_c()
        pytest.fail("the second one waited")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_of_ones_own_stay(ctrl_c):
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    with runtime.deferred_interrupts() as check:
        ctrl_c()
        check()
    assert heard == [1]


# Precision


def test_double_precision_inside_and_single_afterwards():
    with runtime.double():
        assert jnp.ones(1).dtype == np.float64
        assert jax.jit(lambda a: a / 3)(jnp.ones(1)).dtype == np.float64
    assert jnp.ones(1).dtype == np.float32


def test_public_functions_compute_in_double_precision_and_leave_after_an_error():
    @runtime.computing
    def public(fail=False):
        """Text."""
        if fail:
            raise ValueError("no")
        return jnp.ones(1).dtype

    assert (public(), public.__name__, public.__doc__) == (np.float64, "public", "Text.")
    with pytest.raises(ValueError):
        public(fail=True)
    assert jnp.ones(1).dtype == np.float32


def test_other_threads_keep_their_precision():
    seen = []
    with runtime.double():
        thread = threading.Thread(target=lambda: seen.append(jnp.ones(1).dtype))
        thread.start()
        thread.join()
    assert seen == [np.float32]


def test_a_user_who_computes_in_double_precision_still_does():
    with jax.enable_x64(True):
        with runtime.double():
            pass
        assert jnp.ones(1).dtype == np.float64


# Cache


def test_compiled_programs_go_to_the_chosen_folder_and_the_configuration_comes_back(no_cache, tmp_path, monkeypatch):
    before = options()
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path / "made" / "for it"))
    compile_something(3.25)
    assert any((tmp_path / "made" / "for it").iterdir())
    assert options() == before


def test_the_configuration_comes_back_after_an_error(no_cache, tmp_path, monkeypatch):
    before = options()
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(KeyboardInterrupt), runtime.compilation_cache_on():
        assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path)
        raise KeyboardInterrupt
    assert options() == before


@pytest.mark.parametrize("word", ["off", "OFF", "0", "no", "false"])
def test_the_cache_can_be_switched_off(no_cache, tmp_path, monkeypatch, word):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(runtime.CACHE_VARIABLE, word)
    compile_something(3.5 + len(word) / 16)
    assert runtime.cache_folder() is None
    assert list(tmp_path.iterdir()) == []


def test_the_users_own_cache_is_respected(no_cache, tmp_path, monkeypatch):
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path / "ours"))
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "theirs"))
    before = options()
    with runtime.compilation_cache_on():
        assert options() == before
    compile_something(4.75)
    assert options() == before
    assert not (tmp_path / "ours").exists()


def test_a_folder_that_cannot_be_made_does_not_matter(no_cache, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    before = options()
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    compile_something(5.25)
    assert options() == before


def test_a_folder_that_cannot_be_written_to_does_not_matter(no_cache, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.os, "access", lambda folder, mode: False)  # root may write anywhere
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path))
    compile_something(5.75)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("platform", "variable", "end"),
    [
        ("linux", "XDG_CACHE_HOME", ("bayesnn",)),
        ("linux", None, (".cache", "bayesnn")),
        ("darwin", None, ("Library", "Caches", "bayesnn")),
        ("win32", "LOCALAPPDATA", ("bayesnn",)),
        ("win32", None, ("AppData", "Local", "bayesnn")),
    ],
)
def test_the_default_folder_is_the_platforms(tmp_path, monkeypatch, platform, variable, end):
    for name in (runtime.CACHE_VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(runtime.sys, "platform", platform)
    monkeypatch.setattr(runtime.Path, "home", lambda: tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    assert runtime.cache_folder() == tmp_path.joinpath(*end)


def test_a_tilde_in_the_chosen_folder_is_the_home(monkeypatch):
    monkeypatch.setenv(runtime.CACHE_VARIABLE, "~/compiled")
    assert runtime.cache_folder() == runtime.Path.home() / "compiled"


# The package in a process of its own

SCRIPT = """
import sys
import jax, jax.numpy as jnp
assert jnp.ones(1).dtype == "float32"  # JAX has started
before = dict(jax.config.values)
import bayesnn as bnn
assert dict(jax.config.values) == before, "importing changed JAX's configuration"
slow = {"arviz", "pandas", "matplotlib", "scipy.stats", "scipy.optimize"} & set(sys.modules)
assert not slow, f"importing the package imports {slow}"
import numpy as np
x = np.linspace(-1, 1, 8)[:, None]
from bayesnn.fitting.draws import function_value, over_draws
f = over_draws(function_value, bnn.shallow(2), {"gamma": np.ones((3, 2, 2)), "beta": np.ones((3, 2))}, x)
assert f.dtype == "float64"
assert jnp.ones(1).dtype == "float32"
assert jax.jit(lambda a: a / 3)(1.0).dtype == "float32"
assert dict(jax.config.values) == before, "computing changed JAX's configuration"
"""


def test_a_session_that_started_jax_first_keeps_its_settings():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    run = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


# Keys, processes, debugging


@pytest.mark.parametrize("key", [2**63, 2**64, -(2**63) - 1, np.uint64(2**63), 10**30])
def test_keys_that_64_bits_cannot_hold(key):
    with pytest.raises(ValueError, match=r"key must be a whole number from -2\*\*63 to 2\*\*63 - 1, got"):
        runtime.as_key(key)


def test_keys_at_the_ends_of_64_bits():
    with runtime.double():
        found = {tuple(jax.random.key_data(runtime.as_key(key)).tolist()) for key in (2**63 - 1, -(2**63), np.int8(5))}
    assert len(found) == 3


FORK = """
import os
import sys
import jax
import bayesnn as bnn
from bayesnn._internal.runtime import as_key, computing

seed = computing(lambda: int(jax.random.bits(as_key(3))))
if "ran" in sys.argv:
    jax.numpy.ones(2).block_until_ready()
child = os.fork()
if child == 0:
    try:
        seed()
    except RuntimeError as error:
        os.write(1, str(error).encode())
        os._exit(3)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("ran", "expected"), [("ran", "3"), ("not yet", "0")])
def test_a_child_made_by_fork_after_jax_has_run_is_refused_at_once(ran, expected):
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, ran], capture_output=True, text=True, check=True, timeout=120
    )
    assert made.stdout.strip().endswith(expected)
    if ran == "ran":
        assert 'start processes by "spawn" or "forkserver"' in made.stdout
        assert "or use joblib" in made.stdout


def test_sampling_without_jit_is_refused_in_a_sentence():
    runtime.check_compiling()
    with jax.disable_jit(), pytest.raises(ValueError, match=r"which jax.disable_jit\(\) forbids: call it outside"):
        runtime.check_compiling()
