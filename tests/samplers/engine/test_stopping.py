"""Runs whose length is not given: where they are judged, which draws they keep, and where they end."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_chains import DATA, Walk, record, same

from bayesnn._internal.runtime import computing
from bayesnn.fitting.store import run_store
from bayesnn.fitting.store.run_store import RunStore
from bayesnn.samplers.engine import chains
from bayesnn.samplers.engine.checkpoint import InMemoryStore
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.engine.stopping import ENDLESS, EXTENDED, Standing, Stopping, is_position, position_after, spacing

KEPT = 16
WARMUP = 7


class Judge:
    """Ends a run after so many draws, sees a rise after some, and remembers which steps it was shown."""

    def __init__(self, end, rising=()):
        self.end, self.rising, self.seen = end, rising, []

    def __call__(self, values, draws):
        self.seen.append((draws, values["step"].copy()))
        return Standing(1.2, 30.0, 400, "converged" if draws >= self.end else "", 2.0, draws in self.rising)


def automatic(end, keeper=None, max_seconds=np.inf, thinning=1, rising=(), **options):
    """A walk that ends by itself, and its judge."""
    judge = Judge(end, rising)
    plan = Plan(ENDLESS, WARMUP, 3, thinning, progress=False, keeper=keeper, kept=KEPT, **options)
    return go(replace(plan, stopping=Stopping(judge, max_seconds))), judge


@dataclass(frozen=True)
class Record:
    """What is recorded of a walk, as a dataclass, so that the program is compiled once for all tests here."""

    def __call__(self, key, state, data):
        return record(key, state, data)


@computing
def go(plan):
    return chains.run_chains(Walk(), Record(), jax.random.key(5), tuple(map(jnp.asarray, DATA)), plan)


def steps(every, draws, thinning=1):
    """The steps that are kept of so many draws."""
    return WARMUP + thinning * np.arange(every, draws + 1, every)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chains, "CHUNK", 5)  # so that chunks cross every draw at which draws are dropped
    monkeypatch.setattr(chains, "CHUNK_SECONDS", 1e9)
    monkeypatch.setattr(run_store, "WRITE_SECONDS", 0.0)


def test_where_runs_are_judged():
    found = [0]
    while found[-1] < 100:
        found.append(position_after(found[-1], KEPT))
    assert found == [0, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]
    assert [d for d in range(200) if is_position(d, KEPT)] == [*found[1:], 192]
    assert all(position_after(d, KEPT) > d for d in range(300))


def test_how_draws_are_thinned():
    """At most KEPT are left, at least half as many, and positions are among those that are kept."""
    for draws in range(1, 500):
        every = spacing(draws, KEPT)
        assert draws / every <= KEPT
        assert every == 1 or draws / every > KEPT / 2
        assert not is_position(draws, KEPT) or draws % every == 0
    assert [spacing(d, KEPT) for d in (16, 17, 32, 33, 64, 65)] == [1, 2, 2, 4, 4, 8]


@pytest.mark.parametrize(("end", "thinning"), [(1, 1), (12, 3), (16, 1), (24, 3), (32, 1), (96, 1)])
def test_kept_draws_are_those_of_a_thinned_run(end, thinning, tmp_path):
    """In memory and on the disk: which steps, and the very states of a run of a given length and thinning."""
    made = max(end, 2)
    every = spacing(made, KEPT)
    expected = go(Plan(made // every, WARMUP, 3, thinning * every, progress=False))
    for keeper in (None, RunStore(tmp_path, "a walk")):
        found, judge = automatic(end, keeper, thinning=thinning)
        assert found.complete and found.checkpoint.ended == "converged"
        assert (found.checkpoint.draws, found.checkpoint.every, found.checkpoint.kept) == (made, every, made // every)
        np.testing.assert_array_equal(found.values["step"][0], steps(every, made, thinning))
        for name in ("z", "step"):
            np.testing.assert_array_equal(found.values[name], expected.values[name], err_msg=name)
        assert [draws for draws, _ in judge.seen] == [d for d in range(made + 1) if is_position(d, KEPT)]
        for draws, seen in judge.seen:
            np.testing.assert_array_equal(seen, np.tile(steps(spacing(draws, KEPT), draws, thinning), (3, 1)))


def test_memory_holds_the_kept_draws_alone():
    keeper = InMemoryStore()
    automatic(96, keeper)
    assert sum(chunk.values["step"].shape[1] for chunk in keeper.chunks) == 96 // 8


def test_chunks_do_not_change_where_it_ends(monkeypatch):
    expected, _ = automatic(48)
    for chunk, seconds in ((1, 1e9), (7, 1e9), (100, 0.0)):
        monkeypatch.setattr(chains, "CHUNK", chunk)
        monkeypatch.setattr(chains, "CHUNK_SECONDS", seconds)
        same(automatic(48)[0], expected)


@pytest.mark.parametrize("method", ["sequential", "vectorized"])
def test_the_method_does_not_change_where_it_ends(method):
    same(automatic(24, method=method)[0], automatic(24)[0])


class Killed(Exception):
    """Stands for a kill: nothing handles it."""


def kill_at(calls, patch):
    """Let the loop of `run_chains` raise `Killed` when it goes on for the `calls`-th time."""
    advance, count = chains._advance_all, []

    def killed(*arguments):
        count.append(1)
        if len(count) == calls:
            raise Killed
        return advance(*arguments)

    patch.setattr(chains, "_advance_all", killed)


@pytest.mark.first_case
@pytest.mark.parametrize("calls", [14, *range(1, 14)])
def test_a_killed_run_ends_where_one_that_went_on_does(calls, tmp_path, monkeypatch):
    expected, straight = automatic(48)
    with monkeypatch.context() as patch:
        kill_at(calls, patch)
        with pytest.raises(Killed):
            automatic(48, RunStore(tmp_path, "a walk"))
    found, judge = automatic(48, RunStore(tmp_path, "a walk"))
    same(found, expected)
    assert [d for d, _ in judge.seen] == [d for d, _ in straight.seen][-len(judge.seen) :]
    again, idle = automatic(48, RunStore(tmp_path, "a walk"))
    same(again, expected)
    assert idle.seen == []  # it has ended, and is read


def test_time_ends_a_run_and_more_time_continues_it(tmp_path):
    """The time of the first call is over at once: it has its warm-up and some draws; the second has no limit."""
    first, judge = automatic(48, RunStore(tmp_path, "a walk"), max_seconds=1e-9)
    assert first.complete and first.checkpoint.ended == "" and first.checkpoint.warmup == WARMUP
    assert 20 <= first.checkpoint.draws < 30
    again, _ = automatic(48, RunStore(tmp_path, "a walk"), max_seconds=1e-9)
    assert again.checkpoint.draws == first.checkpoint.draws
    more, _ = automatic(48, RunStore(tmp_path, "a walk"))
    same(more, automatic(48)[0])


def test_an_interrupt_leaves_the_draws_so_far(monkeypatch, tmp_path):
    """Ctrl-C between two positions, after draws were dropped once."""
    advance = chains._advance_all

    def interrupted(*arguments):
        result = advance(*arguments)
        if result[1]["step"].max() > WARMUP + 26:
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patch:
        patch.setattr(chains, "_advance_all", interrupted)
        stopped, _ = automatic(48, RunStore(tmp_path, "a walk"))
    assert not stopped.complete
    every, made = stopped.checkpoint.every, stopped.checkpoint.draws
    assert every == 2
    assert made == 26
    np.testing.assert_array_equal(stopped.values["step"][0], steps(every, made))
    resumed, judge = automatic(48, RunStore(tmp_path, "a walk"))
    same(resumed, automatic(48)[0])
    assert [draws for draws, _ in judge.seen] == [32, 48]  # not where it was stopped


def test_given_a_length_afterwards_it_keeps_its_thinning(tmp_path):
    for keeper in (None, RunStore(tmp_path, "a walk")):
        first, _ = automatic(24, keeper)
        keeper = keeper or InMemoryStore(first.checkpoint)
        more = extended(keeper, 84)
        assert more.checkpoint.ended == EXTENDED
        assert more.checkpoint.every == 2  # although 42 draws are more than KEPT
        whole = isinstance(keeper, RunStore)
        np.testing.assert_array_equal(more.values["step"][0], steps(2, 84)[0 if whole else 12 :])
    later, judge = automatic(1000, RunStore(tmp_path, "a walk"))
    np.testing.assert_array_equal(later.values["step"][0], steps(2, 84))
    assert judge.seen == []


# Draws in which chains had not arrived


@pytest.mark.parametrize(
    ("end", "rising", "dropped"),
    [(4, (3,), 1), (12, (6,), 3), (12, (12,), 6), (24, (8, 24), 12), (48, (6, 8, 12), 6), (64, (2,), 1)],
)
def test_a_rise_drops_the_first_half(end, rising, dropped, tmp_path, monkeypatch):
    """In memory and on the disk; what is judged next and what the run returns lack it; thinning goes on as before."""
    monkeypatch.setattr(run_store, "WRITE_SECONDS", 1e9)  # files of several draws, in which the first one kept stands
    plain, _ = automatic(end)
    every = spacing(end, KEPT)
    gone = dropped // every
    for keeper in (InMemoryStore(), RunStore(tmp_path, "a walk")):
        found, judge = automatic(end, keeper, rising=rising)
        assert found.checkpoint.dropped == dropped
        assert found.checkpoint.kept == found.values["step"].shape[1] == end // every - gone
        for name in ("z", "step"):
            np.testing.assert_array_equal(found.values[name], plain.values[name][:, gone:])
        np.testing.assert_array_equal(judge.seen[-1][1], found.values["step"])
        first = rising[0]
        after = [seen for draws, seen in judge.seen if draws == first][1]
        np.testing.assert_array_equal(after[0], WARMUP + np.arange(first // 2 + 1, first + 1))
    again = RunStore(tmp_path, "a walk")
    np.testing.assert_array_equal(again.values()["step"], found.values["step"])


def test_draws_are_dropped_once_where_a_judged_run_is_resumed(tmp_path):
    """Time is over after draw 24, where it was judged; half at most is dropped however often it is judged there."""
    expected, _ = automatic(48, rising=(24,))
    automatic(48, RunStore(tmp_path, "a walk"), max_seconds=1e-9, rising=(24,))
    store = RunStore(tmp_path, "a walk")
    for _ in range(2):
        automatic(24, store, rising=(24,), max_seconds=1e-9)
    found, _ = automatic(48, RunStore(tmp_path, "a walk"), rising=(24,))
    assert expected.checkpoint.dropped == found.checkpoint.dropped == 12
    same(found, expected)


@pytest.mark.parametrize("calls", [9, 4, 5, 6, 7, 8])
def test_a_killed_run_drops_what_one_that_went_on_does(calls, tmp_path, monkeypatch):
    expected, _ = automatic(32, rising=(6, 16))
    with monkeypatch.context() as patch:
        kill_at(calls, patch)
        with pytest.raises(Killed):
            automatic(32, RunStore(tmp_path, "a walk"), rising=(6, 16))
    found, _ = automatic(32, RunStore(tmp_path, "a walk"), rising=(6, 16))
    same(found, expected)
    assert found.checkpoint.dropped == 8


def test_given_a_length_afterwards_nothing_more_is_dropped(tmp_path):
    for keeper in (None, RunStore(tmp_path, "a walk")):
        first, _ = automatic(24, keeper, rising=(16,))
        more = extended(keeper or InMemoryStore(first.checkpoint), 40)
        assert more.checkpoint.dropped == 8
        assert more.checkpoint.kept == 16
        np.testing.assert_array_equal(more.values["step"][0][-8:], WARMUP + np.arange(26, 41, 2))
    np.testing.assert_array_equal(more.values["step"][0], WARMUP + np.arange(10, 41, 2))


def extended(keeper, draws):
    return go(Plan(draws, WARMUP, 3, progress=False, keeper=keeper, kept=KEPT))
