"""A campaign against runs and files: `python tests/faults.py [JOB ...] [--count N] [--seed N]`.

kills    Fits that keep a run, each killed by SIGKILL at a random moment of its life, often twice in a row, then started
         again; at the end the draws are compared with those of runs that were never stopped.
flips    Single bytes of a finished run folder changed: opening and continuing it gives the same draws, or an error.
files    Saved fits with random damage (bytes, pieces left out, doubled or moved, numbers in the document): they load
         as they were, or are refused; nothing else happens, within a limit of memory.
interrupts  Ctrl-C at a random moment of a fit by each sampler, a backtest and automatic forecasts: what was drawn so
         far, a KeyboardInterrupt, or the end; and the same call afterwards gives what it gives without one.
threads  Fits of several models from eight threads at once give the draws of fits in turn.

Each job prints how many attempts it made and what became of them; the exit status is 1 where one of them gave other
draws, another error than one in words, or no answer.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import killed  # noqa: E402

IN_WORDS = (ValueError, OSError)  # what a damaged folder or file may end in
MEMORY = 6 * 2**30  # bytes that a process may ask for while it reads damaged files
SAME, REFUSED = "the same draws", "refused in words"
Outcomes = Iterator[str]


def draws_of(idata: Any) -> dict[str, np.ndarray]:
    """Every posterior draw by site."""
    return {name: np.asarray(values) for name, values in idata["posterior"].data_vars.items()}


def equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    """Whether two sets of draws are the same, bit for bit."""
    return found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)


def attempt(get: Callable[[], Any], expected: dict[str, np.ndarray]) -> str:
    """The outcome of one attempt to read draws."""
    try:
        found = draws_of(get())
    except IN_WORDS as error:
        return REFUSED if str(error) else f"WRONG: an empty {type(error).__name__}"
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {str(error)[:80]}"
    return SAME if equal(found, expected) else "WRONG: other draws"


def kills(count: int, chance: random.Random) -> Outcomes:
    """Kill fits of every kind in turn, `count` times in all."""
    with tempfile.TemporaryDirectory() as place:
        for case in killed.cases():
            begun = time.monotonic()
            start(f"{place}/straight", case).communicate(timeout=600)
            span = time.monotonic() - begun
            number = -(-count // len(killed.cases()))
            for _ in range(number):
                process = start(f"{place}/{case}", case)
                time.sleep(chance.uniform(0.0, span))
                process.send_signal(signal.SIGKILL)
                process.communicate(timeout=60)
                if (process.returncode == 0 and chance.random() < 0.7) or chance.random() < 0.1:
                    yield finished(place, case)
            yield finished(place, case)
            shutil.rmtree(f"{place}/straight")


def start(folder: str, case: str) -> subprocess.Popen[str]:
    """A fit in a process of its own, which keeps its run in a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, killed.__file__, folder, case]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finished(place: str, case: str) -> str:
    """Continue a killed run to its end, compare its draws, and start over with an empty folder."""
    process = start(f"{place}/{case}", case)
    _, errors = process.communicate(timeout=600)
    if process.returncode:
        return f"WRONG: {errors.strip().splitlines()[-1][:100]}"
    import bayesnn as bnn

    outcome = attempt(lambda: bnn.open_run(f"{place}/{case}"), draws_of(bnn.open_run(f"{place}/straight")))
    shutil.rmtree(f"{place}/{case}")
    return outcome


def flips(count: int, chance: random.Random) -> Outcomes:
    """Change one byte at a time of a small run folder, `count` places over all files."""
    import bayesnn as bnn

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        expected = draws_of(killed.run(folder, "gibbs", draws=20).idata)
        places = [(path, i) for path in sorted(folder.rglob("*")) if path.is_file() for i in range(path.stat().st_size)]
        for path, i in chance.sample(places, min(count, len(places))):
            whole = path.read_bytes()
            path.write_bytes(whole[:i] + bytes([whole[i] ^ (1 << chance.randrange(8))]) + whole[i + 1 :])
            yield attempt(lambda: bnn.open_run(folder), expected)
            path.write_bytes(whole)


def files(count: int, chance: random.Random) -> Outcomes:
    """Damage a saved fit `count` times at random."""
    import resource

    import bayesnn as bnn

    x = np.linspace(-1.0, 1.0, 12)[:, None]
    fit = bnn.fit(bnn.shallow(1), x, x[:, 0] ** 2, draws=5, warmup=5, chains=2, sampler="gibbs", progress=False)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "fit.npz"
        bnn.save(fit, path)
        whole, expected = path.read_bytes(), draws_of(fit.idata)
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, limits[1]))
        try:
            for _ in range(count):
                path.write_bytes(chance.choice(DAMAGES)(whole, chance))
                yield attempt(lambda: bnn.load(path).idata, expected)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)


def changed_bytes(whole: bytes, chance: random.Random) -> bytes:
    """One to eight bytes set to others."""
    data = bytearray(whole)
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def cut(whole: bytes, chance: random.Random) -> bytes:
    """The file up to somewhere, or without a piece."""
    a, b = sorted(chance.sample(range(len(whole)), 2))
    return whole[:a] if chance.random() < 0.5 else whole[:a] + whole[b:]


def repeated(whole: bytes, chance: random.Random) -> bytes:
    """A piece twice, or moved elsewhere."""
    a, b, c = sorted(chance.sample(range(len(whole)), 3))
    return (
        whole[:b] + whole[a:b] + whole[b:] if chance.random() < 0.5 else whole[:a] + whole[b:c] + whole[a:b] + whole[c:]
    )


def other_number(whole: bytes, chance: random.Random) -> bytes:
    """A digit of the file replaced by another."""
    digits = [i for i, byte in enumerate(whole) if chr(byte).isdigit()]
    i = chance.choice(digits)
    return whole[:i] + str(chance.randrange(10)).encode() + whole[i + 1 :]


DAMAGES = (changed_bytes, cut, repeated, other_number)


def interrupts(count: int, chance: random.Random) -> Outcomes:
    """Interrupt each kind of call in turn, `count` times in all, and make the same call again."""
    import bayesnn as bnn

    x = np.linspace(-1.0, 1.0, 15)[:, None]
    y, series = x[:, 0] ** 2, np.sin(np.arange(30.0)) + 0.1 * np.cos(17 * np.arange(30.0))
    short = {"draws": 20, "warmup": 20, "chains": 2, "progress": False}
    mode = bnn.MAP(steps=100, validation=None, restarts=2)
    samplers = {
        "gibbs": bnn.Gibbs(),
        "nuts": bnn.NUTS(max_tree_depth=3),
        "variational": bnn.Variational(steps=100, start=None),
        "laplace": bnn.Laplace(mode),
        "ensemble": bnn.Ensemble(2, mode),
    }

    def fit_by(sampler: Any) -> Callable[[], Any]:
        return lambda: draws_of(bnn.fit(bnn.shallow(1), x, y, sampler=sampler, **short).idata)

    calls = {name: fit_by(sampler) for name, sampler in samplers.items()} | {
        "backtest": lambda: bnn.backtest(
            bnn.shallow(1), series, lags=2, windows=2, refit=True, baselines=["naive"], **short
        ).table.to_numpy(),
        "auto_forecast": lambda: bnn.auto_forecast(series, 3, draws=20, progress=False).to_numpy(),
    }
    for name, call in calls.items():
        expected = call()
        begun = time.monotonic()
        call()  # once more, since the first call also compiles
        span = time.monotonic() - begun
        for _ in range(-(-count // len(calls))):
            yield interrupted(name, call, expected, chance.uniform(0.0, span))


def interrupted(name: str, call: Callable[[], Any], expected: Any, moment: float) -> str:
    """What became of a call after Ctrl-C at a moment (s), and whether the same call gives the same afterwards."""
    timer = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT))
    outcome = f"{name}: the end"
    try:
        timer.start()
        found = call()
        if not same(found, expected):
            shorter = isinstance(found, dict) and all(
                np.array_equal(values, expected[site][:, : values.shape[1]]) for site, values in found.items()
            )
            outcome = f"{name}: the draws so far" if shorter else f"{name}: other numbers, from what there was"
        timer.cancel()
        timer.join()
    except KeyboardInterrupt:
        outcome = f"{name}: KeyboardInterrupt"
    except Exception as error:
        outcome = f"WRONG: {name}: {type(error).__name__}: {str(error)[:80]}"
    return outcome if same(call(), expected) else f"WRONG: {name}: the next call gives other numbers"


def same(found: Any, expected: Any) -> bool:
    """Whether two results, draws by site or an array, are the same bit for bit."""
    return equal(found, expected) if isinstance(expected, dict) else np.array_equal(found, expected, equal_nan=True)


def threads(count: int, chance: random.Random) -> Outcomes:
    """Fits from eight threads, `count` in all, beside the same fits in turn."""
    import bayesnn as bnn

    x = np.linspace(-1.0, 1.0, 15)[:, None]
    models = {
        "gibbs": bnn.shallow(2),
        "nuts": bnn.shallow(1),
        "map": bnn.Model([bnn.Dense(2, "tanh")], bnn.Gaussian(), bnn.Normal()),
    }

    def one(number: int) -> dict[str, np.ndarray]:
        name = list(models)[number % len(models)]
        rows = x[: 12 + number % 3]
        length = {"draws": 10, "warmup": 10} if name != "map" else {}
        fit = bnn.fit(models[name], rows, rows[:, 0] ** 2, sampler=name, chains=2, key=number, progress=False, **length)
        return draws_of(fit.idata)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(one, range(count)))
    for number, found in enumerate(together):
        yield SAME if equal(found, one(number)) else "WRONG: other draws"


JOBS = {
    "kills": (kills, 200),
    "flips": (flips, 2000),
    "files": (files, 1000),
    "interrupts": (interrupts, 100),
    "threads": (threads, 24),
}


def run(name: str, count: int | None, seed: int) -> collections.Counter[str]:
    """All outcomes of a job, counted."""
    job, default = JOBS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return collections.Counter(job(default if count is None else count, random.Random(seed)))


def main() -> int:
    """Run the jobs and print their tables; 1 where an outcome was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], default=[])
    parser.add_argument("--count", type=int, help="attempts of each job")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    wrong = 0
    for name in given.jobs or JOBS:
        begun = time.monotonic()
        outcomes = run(name, given.count, given.seed)
        print(f"{name}: {outcomes.total()} outcomes in {time.monotonic() - begun:.0f} s", flush=True)
        for outcome, number in outcomes.most_common():
            print(f"  {number:6}  {outcome}", flush=True)
            wrong += outcome.startswith("WRONG")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
