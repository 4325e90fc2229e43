"""Errors planted one at a time, to see whether the tests notice: `python tests/mutants.py [--list] [--only TEXT] ...`.

Each mutant of `mutant_tables` changes one formula in a temporary copy of the repository and runs the tests that should
fail because of it. It is `caught` where a test fails (or no longer ends), `survived` where all pass, and `stale` where
its text no longer occurs exactly once or its tests cannot be run. The exit status is 1 where one survived or is stale.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutant_tables import MUTANTS, Mutant  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("bayesnn", "tests", "examples", "pyproject.toml", "README.md")
CAUGHT, SURVIVED, STALE = "caught", "survived", "stale"
FAILED_TESTS, NO_TESTS = 1, 5  # exit statuses of pytest


class Result(NamedTuple):
    """What became of a mutant: `caught`, `survived` or `stale`, the seconds it took, and the first failing test."""

    mutant: Mutant
    verdict: str
    seconds: float
    detail: str

    def __str__(self) -> str:
        """One line of the table."""
        return f"{self.verdict:<8}  {self.mutant.name:<58}  {self.seconds:6.1f}  {self.detail}"


def staleness(mutant: Mutant, root: Path) -> str:
    """Why a mutant cannot be planted below `root`; empty where it can."""
    path = root / "bayesnn" / mutant.file
    if not path.exists():
        return f"there is no file {mutant.file}"
    count = path.read_text(encoding="utf-8").count(mutant.old)
    if count != 1:
        return f"the old text occurs {count} times in {mutant.file}"
    missing = [part for part in test_files(mutant) if not (root / part).exists()]
    return f"there is no file {missing[0]}" if missing else ""


def arguments_of(mutant: Mutant) -> list[str]:
    """What pytest is told to run: files with their folder, and options such as -k as they are."""
    parts = shlex.split(mutant.tests)
    return [f"tests/{part}" if part.partition("::")[0].endswith(".py") else part for part in parts]


def test_files(mutant: Mutant) -> list[str]:
    """The test files among the arguments."""
    return [part.partition("::")[0] for part in arguments_of(mutant) if part.startswith("tests/")]


def copy_repository(folder: Path) -> Path:
    """A copy of the package and its tests, without compiled files."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / name)
    return folder


def run_tests(arguments: list[str], root: Path, cache: str, slow: bool, timeout: float) -> tuple[int | None, str]:
    """Exit status (None after the timeout) and output of pytest in a copy of the repository."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments]
    command += [] if slow else ["-m", "not slow"]
    # Python compares times of files to the second: a file compiled before the change would pass for the changed one.
    own = {"PYTHONPATH": str(root), "BAYESNN_CACHE": cache, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout


def judged(status: int | None, output: str) -> tuple[str, str]:
    """The verdict on a run of the tests, and the first test that failed."""
    if status is None:
        return CAUGHT, "the tests no longer end"
    if status == 0:
        return SURVIVED, ""
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", output, re.MULTILINE)
    if status == FAILED_TESTS and failed:
        return CAUGHT, failed[1].removeprefix("tests/")
    last = output.strip().splitlines()[-1:] or ["no output"]
    return STALE, f"pytest could not run the tests: {last[0]}"


def plant(mutant: Mutant, root: Path, cache: str, slow: bool, timeout: float) -> Result:
    """Run the tests with the error in place; the copy is as before afterwards."""
    reason = staleness(mutant, root)
    if reason:
        return Result(mutant, STALE, 0.0, reason)
    path = root / "bayesnn" / mutant.file
    text = path.read_text(encoding="utf-8")
    started = time.perf_counter()
    try:
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        status, output = run_tests(arguments_of(mutant), root, cache, slow, timeout)
        if status == NO_TESTS and not slow:  # those that should notice are all slow
            status, output = run_tests(arguments_of(mutant), root, cache, True, timeout)
    finally:
        path.write_text(text, encoding="utf-8")
    verdict, detail = judged(status, output)
    return Result(mutant, verdict, time.perf_counter() - started, detail)


def plant_all(mutants: list[Mutant], options: argparse.Namespace) -> list[Result]:
    """Every mutant, `options.jobs` at a time, each in a copy that no other uses; lines are printed as they come."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        cache = os.environ.get("BAYESNN_CACHE") or str(Path(place) / "cache")
        copies: Queue[Path] = Queue()
        for number in range(options.jobs):
            copies.put(copy_repository(Path(place) / f"copy{number}"))

        def one(mutant: Mutant) -> Result:
            root = copies.get()
            try:
                result = plant(mutant, root, cache, options.slow, options.timeout)
            finally:
                copies.put(root)
            print(result, flush=True)
            return result

        with ThreadPoolExecutor(options.jobs) as pool:
            return list(pool.map(one, mutants))


def show_list(mutants: list[Mutant]) -> int:
    """Print every mutant with its file and whether its text occurs exactly once; 1 where one does not."""
    reasons = [staleness(mutant, ROOT) for mutant in mutants]
    for mutant, reason in zip(mutants, reasons, strict=True):
        print(f"{STALE if reason else 'ready':<8}  {mutant.name:<58}  {mutant.file}  {reason or mutant.tests}")
    print(f"{len(mutants)} mutants, {sum(map(bool, reasons))} of them stale")
    return int(any(reasons))


def check_unmutated(mutants: list[Mutant], options: argparse.Namespace) -> int:
    """Run the tests of the mutants without any error planted; 1 where they fail, so that a catch would mean nothing."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        cache = os.environ.get("BAYESNN_CACHE") or str(Path(place) / "cache")
        root = copy_repository(Path(place) / "copy")
        for tests in dict.fromkeys(mutant.tests for mutant in mutants):
            wanted = arguments_of(next(mutant for mutant in mutants if mutant.tests == tests))
            started = time.perf_counter()
            status, output = run_tests(wanted, root, cache, options.slow, options.timeout)
            failures += status != 0
            detail = "" if status == 0 else judged(status, output)[1]
            print(
                f"{'ok' if status == 0 else 'FAILED':<8}  {time.perf_counter() - started:6.1f}  {tests}  {detail}",
                flush=True,
            )
    return int(failures > 0)


def summary(results: list[Result]) -> str:
    """How many mutants had which verdict, and the share that was caught of those that could be planted."""
    counts = {verdict: sum(r.verdict == verdict for r in results) for verdict in (CAUGHT, SURVIVED, STALE)}
    planted = counts[CAUGHT] + counts[SURVIVED]
    share = (
        f"{counts[CAUGHT] / planted:.0%} of {planted} planted errors were caught" if planted else "nothing was planted"
    )
    return f"{share}; {counts[SURVIVED]} survived, {counts[STALE]} stale"


def main() -> int:
    """0 where every mutant was caught, else 1."""
    parser = argparse.ArgumentParser(description="plant errors one at a time and see whether the tests fail")
    parser.add_argument("--list", action="store_true", help="show the mutants and whether their texts still occur once")
    parser.add_argument("--unmutated", action="store_true", help="run the same tests without any error planted")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name or file contains this")
    parser.add_argument("--slow", action="store_true", help="run tests that are marked slow too")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time; each takes a core")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds after which tests count as failed")
    options = parser.parse_args()
    mutants = [m for m in MUTANTS if options.only in m.name or options.only in m.file]
    if not mutants:
        parser.error(f"no mutant has {options.only!r} in its name or file")
    if options.list:
        return show_list(mutants)
    if options.unmutated:
        return check_unmutated(mutants, options)
    results = plant_all(mutants, options)
    print(summary(results))
    return int(any(result.verdict != CAUGHT for result in results))


if __name__ == "__main__":
    sys.exit(main())
