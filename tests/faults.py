"""A campaign against runs and files: `python tests/faults.py [JOB ...] [--count N] [--seed N] [--only CASE ...]`.

kills    Fits that keep a run, killed by SIGKILL at random moments of their lives, many in one process, twice in a row,
         then continued; at the end the draws are compared with those of a fit that was never stopped.
flips    Single bytes of a finished run folder changed, in files that are read back (not inference.nc): opening and
         continuing it gives the same draws, or an error.
files    Saved fits with random damage (bytes, pieces left out, doubled or moved, numbers in the document): they load
         as they were, or are refused; nothing else happens, within a limit of memory.
fuzz     Saved fits and run folders that are whole but say something else (specs, values, names, shapes, types, headers
         of arrays): they load and predict, or are refused in words; no code runs, within a limit of memory.
interrupts  Ctrl-C at a random moment of a fit by each sampler, a backtest and automatic forecasts: what was drawn so
         far, a KeyboardInterrupt, or the end; and the same call afterwards gives what it gives without one.
threads  Fits of several models from eight threads at once give the draws of fits in turn.

Each job prints how many attempts it made and what became of them; the exit status is 1 where one of them gave other
draws, another error than one in words, or no answer.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import fuzz  # noqa: E402
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


def chosen(cases: dict[str, Any], only: Sequence[str]) -> dict[str, Any]:
    """The cases that were asked for, or all."""
    unknown = [name for name in only if name not in cases]
    if unknown:
        raise SystemExit(f"--only must name cases among {', '.join(cases)}, got {', '.join(unknown)}")
    return {name: case for name, case in cases.items() if name in (only or cases)}


def kills(count: int, chance: random.Random, only: Sequence[str] = ()) -> Outcomes:
    """Kill fits of every kind in turn, `count` times in all: many at once, twice in a row, and finish each of them."""
    cases = list(chosen(killed.cases(), only))
    fits = range(-(-count // (2 * len(cases))))
    for case in cases:
        with tempfile.TemporaryDirectory() as place:
            for most in (1, 1) if case == "map" else (25, 12):  # writes of a fit before it ends, at first and later
                yield from killed_together(place, case, fits, chance.randrange(most * len(fits)), chance.random())
            yield from finished(place, case, fits)


def killed_together(place: str, case: str, fits: range, writes: int, luck: float) -> Outcomes:
    """What became of fits in one process that was killed after so many writes and a moment more."""
    process, heard = start(place, case, fits, compare=False)
    ended = set()
    with contextlib.suppress(EOFError, OSError):  # all were done before
        for _ in range(writes):
            kind, number = heard.recv()
            ended |= {number} if kind == "end" else set()
        time.sleep(0.03 * luck if writes else 20 * luck)  # before the first write comes all compiling
    process.kill()
    process.join()
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, number = heard.recv()
            ended |= {number} if kind == "end" else set()
    for number in fits:
        moment = "it ended before the kill" if number in ended else f"killed {moment_of(Path(place) / str(number))}"
        yield f"{case}: {moment}"


def finished(place: str, case: str, fits: range) -> Outcomes:
    """Continue the fits of killed processes to their ends, beside one that was never stopped."""
    process, heard = start(place, case, fits, compare=True)
    told = {}
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, number = heard.recv()
            told |= {number: kind} if kind in ("same", "other") else {}
    process.join()
    outcomes = {"same": SAME, "other": "WRONG: other draws", None: "WRONG: no end"}
    for number in fits:
        yield f"{case}: {outcomes[told.get(number)]}"


def start(place: str, case: str, fits: range, compare: bool) -> Any:
    """A process that makes these fits, and the connection by which it tells what it does."""
    context = multiprocessing.get_context("forkserver")  # which imports the package once, and runs nothing
    context.set_forkserver_preload(["killed", "bayesnn.fitting.fit"])
    heard, talk = context.Pipe(duplex=False)
    process = context.Process(target=killed.run_many, args=(place, case, list(fits), talk, compare))
    process.start()
    talk.close()
    return process, heard


def moment_of(folder: Path) -> str:
    """What a killed run was doing, by the files that it left."""
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    if any(name.startswith("inference") for name in names):
        return "in the last file"
    if any(name.endswith(".tmp") for name in names):
        return "while it wrote"
    if any(name.startswith(("draws", "result")) for name in names):
        return "while it drew"
    if "checkpoint.npz" in names or "climb.npz" in names:
        return "during warm-up"
    return "while it compiled" if "manifest.json" in names else "before there was a folder"


def flips(count: int, chance: random.Random) -> Outcomes:
    """Change one byte at a time of a small run folder, `count` places over all files that are read, or every byte."""
    import bayesnn as bnn

    with tempfile.TemporaryDirectory() as place:
        folder, copy = Path(place) / "run", Path(place) / "copy"
        expected = draws_of(killed.run(folder, "gibbs", draws=6).idata)
        read = [path for path in sorted(folder.iterdir()) if path.suffix in (".npz", ".json")]
        places = [(path, i) for path in read for i in range(path.stat().st_size)]
        for number, (path, i) in enumerate(chance.sample(places, min(count, len(places)))):
            whole = path.read_bytes()
            path.write_bytes(whole[:i] + bytes([whole[i] ^ (1 << chance.randrange(8))]) + whole[i + 1 :])
            outcome = attempt(lambda: bnn.open_run(folder), expected)
            if number % 20 == 0:  # and the run goes on, which may write
                shutil.copytree(folder, copy)
                again = attempt(lambda: killed.run(copy, "gibbs", draws=6).idata, expected)
                outcome = f"{again}, called again" if "WRONG" in again else outcome
                shutil.rmtree(copy)
            yield outcome
            path.write_bytes(whole)


def files(count: int, chance: random.Random) -> Outcomes:
    """Damage a saved fit `count` times at random."""
    import fuzzing

    import bayesnn as bnn

    x = np.linspace(-1.0, 1.0, 12)[:, None]
    fit = bnn.fit(bnn.shallow(1), x, x[:, 0] ** 2, draws=5, warmup=5, chains=2, sampler="gibbs", progress=False)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "fit.npz"
        bnn.save(fit, path)
        whole, expected = path.read_bytes(), draws_of(fit.idata)
        with fuzzing.limited(MEMORY):
            for _ in range(count):
                path.write_bytes(chance.choice(fuzz.DAMAGES)(whole, chance))
                yield attempt(lambda: bnn.load(path).idata, expected)


def fuzzed(count: int, chance: random.Random) -> Outcomes:
    """Change what saved fits and run folders say, `count` times: whole archives, right checksums, other content."""
    import fuzzing

    with tempfile.TemporaryDirectory() as place, fuzzing.limited(MEMORY):
        yield from fuzzing.outcomes(Path(place), count, chance)


def interrupts(count: int, chance: random.Random, only: Sequence[str] = ()) -> Outcomes:
    """Interrupt each kind of call in turn, `count` times in all, and make the same call again."""
    import bayesnn as bnn

    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start jobs in the background without it
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
    calls = chosen(calls, only)
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
    "fuzz": (fuzzed, 2000),
    "interrupts": (interrupts, 100),
    "threads": (threads, 24),
}


def run(
    name: str, count: int | None, seed: int, note: Callable[[str], Any] = str, only: Sequence[str] = ()
) -> collections.Counter[str]:
    """All outcomes of a job, counted; each is noted as it comes. `only` chooses among the cases of a job."""
    job, default = JOBS[name]
    outcomes: collections.Counter[str] = collections.Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen_cases = {"only": only} if only else {}
        for outcome in job(default if count is None else count, random.Random(f"{name} {seed}"), **chosen_cases):
            note(outcome)
            outcomes[outcome] += 1
    return outcomes


def main() -> int:
    """Run the jobs and print their tables; 1 where an outcome was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS], default=[])
    parser.add_argument("--count", type=int, help="attempts of each job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, help="a file that gets a line for each outcome as it comes")
    parser.add_argument("--only", nargs="+", default=(), metavar="CASE", help="of kills or interrupts, these cases")
    given = parser.parse_args()
    if given.only and not (given.jobs and set(given.jobs) <= {"kills", "interrupts"}):
        parser.error("--only chooses among the cases of kills or interrupts: name one of these jobs")
    wrong = 0
    for name in given.jobs or JOBS:
        begun = time.monotonic()

        def note(outcome: str, name: str = name) -> None:
            if given.log is not None:
                with given.log.open("a") as file:
                    file.write(f"{name}: {outcome}\n")

        outcomes = run(name, given.count, given.seed, note, given.only)
        print(f"{name}: {outcomes.total()} outcomes in {time.monotonic() - begun:.0f} s", flush=True)
        for outcome, number in outcomes.most_common():
            print(f"  {number:6}  {outcome}", flush=True)
            wrong += "WRONG" in outcome
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
