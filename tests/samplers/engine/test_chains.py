"""The loop around a kernel: chunks, thinning, interruption, progress, plans."""

import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.mcmc import MCMCKernel

from bayesnn import Gibbs, fit, shallow
from bayesnn._internal.runtime import computing
from bayesnn.samplers.engine import chains
from bayesnn.samplers.engine.plan import CHAIN_METHODS, Plan


class WalkState(NamedTuple):
    i: jax.Array
    z: jax.Array
    rng_key: jax.Array


class Walk(MCMCKernel):
    """A Gaussian random walk that also counts its steps: cheap to compile, and every draw tells which step it was."""

    sample_field = "z"

    def init(self, rng_key, num_warmup, init_params, model_args, model_kwargs):
        key, key_start = jax.random.split(rng_key)
        return WalkState(jnp.zeros((), int), jax.random.normal(key_start, (2,)) + model_args[0].mean(), key)

    def sample(self, state, model_args, model_kwargs):
        key, key_step = jax.random.split(state.rng_key)
        return WalkState(state.i + 1, state.z + jax.random.normal(key_step, (2,)), key)


@dataclass(frozen=True)
class Record:
    """What a walk records: a spec, so that its programs are kept for all walks of one shape."""

    def __call__(self, key, state, data):
        return {
            "z": state.z,
            "step": state.i,
            "noise": jax.random.normal(key),
            "acceptance_rate": jnp.ones(()),
            "diverging": jnp.array(False),
        }


record = Record()


DATA = (np.arange(3.0),)

# Fits of one small model, the same in several modules, so that it is compiled once
X = np.linspace(-1.5, 1.5, 14)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
SAMPLER = Gibbs(candidates=3, sweeps=1)


@computing
def run(**settings):
    plan = Plan(**{"draws": 40, "warmup": 7, "chains": 3, "progress": False} | settings)
    data = tuple(map(jnp.asarray, DATA))
    return chains.run_chains(Walk(), record, jax.random.key(5), data, plan)


@pytest.fixture(scope="module")
def reference():
    return run()


def same(a, b):
    """The walk adds a few numbers, which no batching reorders: equal to the last bit."""
    assert a.values.keys() == b.values.keys()
    for name in a.values:
        np.testing.assert_array_equal(a.values[name], b.values[name], err_msg=name)


def test_what_is_recorded(reference):
    assert reference.complete
    assert reference.values["z"].shape == (3, 40, 2)
    assert reference.values["noise"].shape == (3, 40)
    np.testing.assert_array_equal(reference.values["step"], np.tile(np.arange(8, 48), (3, 1)))
    assert len(np.unique(reference.values["noise"])) == 120  # a key of its own for each draw and chain
    assert len(np.unique(reference.values["z"])) == 240
    assert set(reference.seconds) == {"compile", "warmup", "sampling"}
    assert all(seconds > 0 for seconds in reference.seconds.values())


class Keyed(Walk):
    """A walk of which every key that it has had since its start is remembered."""

    def init(self, rng_key, num_warmup, init_params, model_args, model_kwargs):
        state = super().init(rng_key, num_warmup, init_params, model_args, model_kwargs)
        return state._replace(z=jnp.zeros((9, 2), jnp.uint32).at[0].set(jax.random.key_data(state.rng_key)))

    def sample(self, state, model_args, model_kwargs):
        key, _ = jax.random.split(state.rng_key)
        return WalkState(state.i + 1, state.z.at[state.i + 1].set(jax.random.key_data(key)), key)


@computing
def test_no_key_serves_twice():
    """Chains and what is recorded of them have keys of their own, a new one at every step."""

    def keys(key, state, data):
        return {"own": jax.random.key_data(key), "chain": state.z, "acceptance_rate": jnp.ones(())}

    plan = Plan(draws=8, warmup=0, chains=3, progress=False)
    values = chains.run_chains(Keyed(), keys, jax.random.key(5), tuple(map(jnp.asarray, DATA)), plan).values
    found = np.concatenate([values["own"].reshape(-1, 2), values["chain"][:, -1].reshape(-1, 2)])
    assert len(np.unique(found, axis=0)) == len(found) == 3 * (8 + 9)


@pytest.mark.parametrize("method", CHAIN_METHODS)
def test_the_method_does_not_change_the_draws(method, reference):
    same(run(method=method), reference)


def test_chunks_do_not_change_the_draws(reference, monkeypatch):
    counts = []
    advance = chains._advance_all

    def spy(workers, count, thinning, side_by_side):
        counts.append(count)
        return advance(workers, count, thinning, side_by_side)

    monkeypatch.setattr(chains, "_advance_all", spy)
    for chunk, seconds in ((1, 1e9), (7, 1e9), (100, 0.0), (100, 1e9)):
        counts.clear()
        monkeypatch.setattr(chains, "CHUNK", chunk)
        monkeypatch.setattr(chains, "CHUNK_SECONDS", seconds)
        same(run(), reference)
        assert max(counts) == {(1, 1e9): 1, (7, 1e9): 7, (100, 0.0): 1, (100, 1e9): 39}[chunk, seconds]
        assert sum(counts) == 47


@pytest.mark.parametrize("thinning", [2, 5])
def test_thinning_keeps_every_kth_draw(thinning, reference):
    thinned = run(draws=40 // thinning, thinning=thinning)
    for name in ("z", "step"):
        kept = reference.values[name][:, thinning - 1 :: thinning]
        np.testing.assert_array_equal(thinned.values[name], kept, err_msg=name)


def test_no_warm_up(reference):
    np.testing.assert_array_equal(run(warmup=0, draws=47).values["z"][:, 7:], reference.values["z"])


def test_thinning_of_a_sampler_keeps_every_kth_draw():
    """The same through `fit`, whose draws do not depend on what is recorded in between."""
    settings = {"sampler": SAMPLER, "warmup": 3, "chains": 2, "progress": False}
    every = fit(shallow(2), X, Y, draws=6, **settings).sites()
    third = fit(shallow(2), X, Y, draws=2, thinning=3, **settings).sites()
    for name in every:
        np.testing.assert_array_equal(third[name], every[name][:, 2::3], err_msg=name)


# Interruption


def interrupt_at(monkeypatch, call):
    """Ctrl-C in the given call of the compiled loop, calls of two draws each."""
    advance, calls = chains._advance_all, []

    def spy(workers, count, thinning, side_by_side):
        calls.append(count)
        if len(calls) == call:
            raise KeyboardInterrupt
        return advance(workers, count, thinning, side_by_side)

    monkeypatch.setattr(chains, "_advance_all", spy)
    monkeypatch.setattr(chains, "CHUNK", 2)
    monkeypatch.setattr(chains, "CHUNK_SECONDS", 1e9)


def test_an_interrupted_run_keeps_its_draws(reference, monkeypatch):
    # 7 warm-up steps: calls of 1, 2, 2, 2; the third of sampling: 1 and 2 draws are there
    interrupt_at(monkeypatch, 4 + 3)
    stopped = run()
    assert not stopped.complete
    for name, values in stopped.values.items():
        np.testing.assert_array_equal(values, reference.values[name][:, :3], err_msg=name)


@pytest.mark.parametrize("call", [1, 4, 5], ids=["first call", "end of warm-up", "before the first draw"])
def test_an_interrupt_before_the_first_draw_propagates(call, monkeypatch):
    interrupt_at(monkeypatch, call)
    with pytest.raises(KeyboardInterrupt):
        run()


def test_another_error_propagates(monkeypatch):
    def fail(*arguments):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(chains, "_advance_all", fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        run()


def test_an_interrupted_fit_is_marked(monkeypatch):
    interrupt_at(monkeypatch, 2 + 3)  # warm-up of 3 steps: calls of 1, 2
    result = fit(shallow(2), X, Y, sampler=SAMPLER, draws=500, warmup=3, chains=2, progress=False)
    assert not result.complete
    assert result.idata["posterior"].attrs["complete"] == 0
    assert result.idata["posterior"].sizes["draw"] == 3
    assert result.idata["log_likelihood"].sizes["draw"] == 3
    assert "2 chains of 3 draws, interrupted" in repr(result)


LONG_FIT = """
    import signal
    import sys
    import numpy as np
    import bayesnn as bnn
    from bayesnn.samplers.engine import chains

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    advance = chains._advance_all

    def announced(*arguments):
        values = advance(*arguments)
        print("advanced", flush=True)
        return values

    chains._advance_all = announced
    x = np.linspace(-1.5, 1.5, 14)[:, None]
    y = np.tanh(2 * x[:, 0]) + 0.1 * np.cos(11 * x[:, 0])
    sampler = bnn.Gibbs(candidates=3, sweeps=1)
    fit = bnn.fit(bnn.shallow(2), x, y, sampler=sampler, draws=10**7, warmup=3, chains=2, progress=False)
    print("draws", fit.complete, fit.idata["posterior"].sizes["draw"], fit.idata["log_likelihood"]["y"].shape[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_ends_a_long_fit_with_its_draws():
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(LONG_FIT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    try:
        for _ in range(5):  # warm-up, then draws
            assert process.stdout.readline() == "advanced\n", process.stderr.read()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)  # a chunk takes half a second, the log-likelihood some more
    finally:
        process.kill()
    assert process.returncode == 0, errors
    _, complete, count, count_likelihood = output.splitlines()[-1].split()
    assert complete == "False"
    assert 1 <= int(count) == int(count_likelihood) < 10**7


# Progress


def test_progress_goes_to_stderr_when_asked(capfd):
    run(progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "sampling, 3 chains" in shown.err
    assert "47/47" in shown.err
    assert "acceptance 1.00" in shown.err
    assert "divergence" not in shown.err


def test_a_single_chain_is_singular(capfd):
    run(progress=True, chains=1)
    assert "sampling, 1 chain:" in capfd.readouterr().err


def test_divergences_are_counted():
    values = {"acceptance_rate": np.full((2, 5), 0.5), "diverging": np.eye(2, 5, dtype=bool)}
    assert chains._postfix(values) == "acceptance 0.50, 2 divergences in the last chunk"
    assert chains._postfix({"z": np.zeros((2, 5))}) == ""


def test_no_progress_when_not_asked(capfd):
    run(progress=False)
    shown = capfd.readouterr()
    assert shown.out == shown.err == ""


# Plans


@pytest.mark.parametrize("name", ["draws", "chains", "thinning"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "3", True, None])
def test_counts_are_whole_and_positive(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
        Plan(**{"draws": 1, "warmup": 1, "chains": 1} | {name: value})


@pytest.mark.parametrize("value", [-1, 0.5, None])
def test_warmup_may_be_zero_but_not_less(value):
    assert Plan(1, 0, 1).warmup == 0
    with pytest.raises(ValueError, match="warmup must be a whole number of at least 0"):
        Plan(1, value, 1)


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(ValueError, match="'auto', 'parallel', 'vectorized', 'sequential'"):
        Plan(1, 1, 1, method="threads")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("method", CHAIN_METHODS)
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_groups_share_the_chains_out(count, method, workers, monkeypatch):
    monkeypatch.setattr("bayesnn.samplers.engine.plan.parallel_workers", lambda: workers)
    plan = Plan(1, 1, count, method=method)
    groups = plan.groups()
    np.testing.assert_array_equal(np.concatenate(groups), np.arange(count))
    sizes = [len(group) for group in groups]
    expected = {"vectorized": 1, "rows": 1, "sequential": count}.get(method, min(count, workers))
    assert len(groups) == expected
    assert max(sizes) - min(sizes) <= 1
    assert plan.side_by_side == (method != "sequential")
    assert f"{len(groups)} batch(es) of {max(sizes)} chain(s)" in plan.description
