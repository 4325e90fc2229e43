"""Errors planted one at a time, to see whether the tests notice: `python tests/mutants.py [--list] [--only TEXT] ...`.

Each mutant of `mutant_tables` changes one formula in a temporary copy of the repository and runs the tests that should
fail because of it. It is `caught` where a test fails (or no longer ends), `survived` where all pass, and `stale` where
its text no longer occurs exactly once or its tests cannot be run. The exit status is 1 where one survived or is stale.
With `--results FILE`, lines are also appended to that file, and mutants that it names already are left out, so that a
stopped run can be continued.
"""

import argparse
import compileall
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import Queue
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutant_tables import MUTANTS, Mutant  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
WARM = ROOT / "tests" / "helpers" / "warm_pytest.py"
COPIED = ("bayesnn", "tests", "examples", "pyproject.toml", "README.md")
CAUGHT, SURVIVED, STALE = "caught", "survived", "stale"
FAILED_TESTS, NO_TESTS = 1, 5  # exit statuses of pytest


class Result(NamedTuple):
    """What became of a mutant: `caught`, `survived` or `stale`, processor seconds, and the first failing test."""

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


class WarmCopy:
    """A copy of the repository, and the process that runs pytest in it without importing JAX anew for each run."""

    def __init__(self, folder: Path, cache: str):
        self.root = copy_repository(folder)
        # Python compares times of files to the second: a file compiled before the change would pass for the changed
        # one. So files are compiled once, to be recognised by a hash of their source, and no others are written.
        compileall.compile_dir(self.root, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        own = {
            "PYTHONPATH": str(self.root),
            "BAYESNN_CACHE": cache,
            "JAX_COMPILATION_CACHE_DIR": f"{cache}-of-tests",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(WARM)],
            cwd=self.root,
            env=os.environ | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run_tests(self, arguments: list[str], slow: bool, timeout: float) -> tuple[int | None, str, float]:
        """Exit status (None after the timeout), output and processor time (s) of pytest."""
        asked = ["-x", "-q", "-p", "no:cacheprovider", *arguments, *([] if slow else ["-m", "not slow"])]
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"arguments": asked, "timeout": timeout}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["output"], answer["seconds"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


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


def plant(mutant: Mutant, copy: WarmCopy, slow: bool, timeout: float) -> Result:
    """Run the tests with the error in place; the copy is as before afterwards."""
    reason = staleness(mutant, copy.root)
    if reason:
        return Result(mutant, STALE, 0.0, reason)
    path = copy.root / "bayesnn" / mutant.file
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        status, output, seconds = copy.run_tests(arguments_of(mutant), slow, timeout)
        if status == NO_TESTS and not slow:  # those that should notice are all slow
            status, output, seconds = copy.run_tests(arguments_of(mutant), True, timeout)
    finally:
        path.write_text(text, encoding="utf-8")
    verdict, detail = judged(status, output)
    return Result(mutant, verdict, seconds, detail)


def left_over(results: str, mutants: list[Mutant]) -> list[Mutant]:
    """The mutants that the file of results has no line of yet."""
    path = Path(results)
    lines = path.read_text(encoding="utf-8").splitlines() if results and path.exists() else []
    names = {line[10:68].strip() for line in lines}
    return [mutant for mutant in mutants if mutant.name[:58].strip() not in names]


def plant_all(mutants: list[Mutant], options: argparse.Namespace) -> list[Result]:
    """Every mutant, `options.jobs` at a time, each in a copy that no other uses; lines are printed as they come."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        cache = os.environ.get("BAYESNN_CACHE") or str(Path(place) / "cache")
        free: Queue[WarmCopy] = Queue()
        for number in range(options.jobs):
            free.put(WarmCopy(Path(place) / f"copy{number}", cache))

        def one(mutant: Mutant) -> Result:
            copy = free.get()
            try:
                result = plant(mutant, copy, options.slow, options.timeout)
            finally:
                free.put(copy)
            print(result, flush=True)
            if options.results:
                with Path(options.results).open("a", encoding="utf-8") as file:
                    file.write(f"{result}\n")
            return result

        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(one, mutants))
        while not free.empty():
            free.get().close()
        return results


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
        copy = WarmCopy(Path(place) / "copy", cache)
        for tests in dict.fromkeys(mutant.tests for mutant in mutants):
            wanted = arguments_of(next(mutant for mutant in mutants if mutant.tests == tests))
            status, output, seconds = copy.run_tests(wanted, options.slow, options.timeout)
            failures += status != 0
            detail = "" if status == 0 else judged(status, output)[1]
            print(
                f"{'ok' if status == 0 else 'FAILED':<8}  {seconds:6.1f}  {tests}  {detail}",
                flush=True,
            )
        copy.close()
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
    parser.add_argument("--results", default="", metavar="FILE", help="append to FILE, leave out what it has already")
    options = parser.parse_args()
    mutants = [m for m in MUTANTS if options.only in m.name or options.only in m.file]
    if not mutants:
        parser.error(f"no mutant has {options.only!r} in its name or file")
    if options.list:
        return show_list(mutants)
    if options.unmutated:
        return check_unmutated(mutants, options)
    results = plant_all(left_over(options.results, mutants), options)
    print(summary(results))
    return int(any(result.verdict != CAUGHT for result in results))


if __name__ == "__main__":
    sys.exit(main())
