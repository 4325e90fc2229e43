"""Every check of the project with one command: `python tests/check.py [--fast | --slow | --lowest [TEST ...]]`.

Format and lint first, then the tests and the examples in the docstrings, with the types beside them: mypy's outcome
follows pytest's summary. All steps run even where one fails; the exit status tells whether all went well.

`--lowest` runs the fast tests, or those that are named, in a fresh environment with the lowest version of each
dependency that pyproject.toml allows. What these depend on themselves has its newest version.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTALL = f'{sys.executable} -m pip install -e ".[dev]"'
TOOLS = ("ruff", "mypy", "pytest", "xdist", "hypothesis")
# Compiling takes most of the time and one core: tests run side by side, each worker needing up to 6 GB.
PARALLEL = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]
BESIDE = "mypy"  # one process, which runs while pytest starts its own
LOWEST_EXTRAS = ("test", "sklearn", "formula")
OLD_WARN = ("-W", "default")  # old versions call what newer ones beside them have deprecated, which is no fault of ours


def steps(slow: bool) -> dict[str, list[str]]:
    """Headlines and what to pass to `python -m`, in the order to run."""
    pytest = ["pytest", *PARALLEL, "--doctest-modules", "bayesnn", "tests"]
    return {
        "ruff format": ["ruff", "format", "--check", "."],
        "ruff check": ["ruff", "check", "."],
        "mypy": ["mypy", "bayesnn"],
        "pytest, slow set included" if slow else "pytest": pytest if slow else [*pytest, "-m", "not slow"],
    }


def say(text: str) -> None:
    """Print at once, so that headlines and the output of the tools keep their order."""
    print(text, flush=True)


def run(headline: str, arguments: list[str], last: bool) -> bool:
    """Run one step in the repository's root and return whether it went well."""
    say(f"\n== {headline}: python -m {' '.join(arguments)}")
    start = time.perf_counter()
    status = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, stdin=subprocess.DEVNULL).returncode
    if status or not last:
        say(f"-- {headline}: {'FAILED' if status else 'ok'}, {time.perf_counter() - start:.1f} s")
    return status == 0


def begin(headline: str, arguments: list[str]) -> subprocess.Popen:
    """Start a step beside those that follow; what it says is kept for `end`."""
    say(f"\n== {headline}, beside the tests: python -m {' '.join(arguments)}")
    command = [sys.executable, "-m", *arguments]
    where = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True, **where)


def end(headline: str, process: subprocess.Popen) -> bool:
    """Wait for a step that runs beside the others, show what it said and return whether it went well."""
    output, _ = process.communicate()
    say(f"\n{output.strip()}\n-- {headline}: {'FAILED' if process.returncode else 'ok'}")
    return process.returncode == 0


def lower_bounds(project: dict) -> list[str]:
    """Each dependency of the package and of the extras that tests need, pinned to the lowest version it allows."""
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in LOWEST_EXTRAS for line in extras[name])]
    return [re.sub(r">=([\w.]+).*", r"==\1", line) for line in wanted]


def run_lowest(tests: list[str]) -> int:
    """The exit status of the fast tests in an environment with the lower bounds of all dependencies."""
    pins = lower_bounds(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])
    with tempfile.TemporaryDirectory() as place:
        say(f"\n== an environment with {', '.join(pins)}")
        venv.create(place, with_pip=True)
        python = str(Path(place) / ("Scripts" if os.name == "nt" else "bin") / "python")
        install = [python, "-m", "pip", "install", "--quiet"]
        for what in (pins, ["--no-deps", "-e", str(ROOT)]):
            status = subprocess.run([*install, *what], cwd=ROOT, stdin=subprocess.DEVNULL).returncode
            if status:
                return status
        arguments = ["-m", "pytest", *PARALLEL, *(tests or ["tests"]), "-m", "not slow", *OLD_WARN]
        say(f"== python {' '.join(arguments)}")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run([python, *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL).returncode


def main() -> int:
    """Run all steps; 0 where all went well, 1 where a check failed, 2 where a tool is missing."""
    parser = argparse.ArgumentParser(description="format, lint, types, tests")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--fast", action="store_true", help="leave the slow tests out (the default)")
    choice.add_argument("--slow", action="store_true", help="run the slow tests too")
    choice.add_argument("--lowest", nargs="*", metavar="TEST", help="the fast tests, or these, with the lower bounds")
    given = parser.parse_args()
    if given.lowest is not None:
        return run_lowest(given.lowest)
    slow = given.slow

    missing = [tool for tool in TOOLS if importlib.util.find_spec(tool) is None]
    if missing:
        say(f"not installed for {sys.executable}: {', '.join(missing)}\ninstall with: cd {ROOT} && {INSTALL}")
        return 2

    todo = steps(slow)
    *quick, tests = [name for name in todo if name != BESIDE]
    failed = [name for name in quick if not run(name, todo[name], last=False)]
    begun = begin(BESIDE, todo[BESIDE])
    failed += [] if run(tests, todo[tests], last=True) else [tests]
    failed += [] if end(BESIDE, begun) else [BESIDE]
    if failed:
        say(f"\nFAILED: {'; '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
