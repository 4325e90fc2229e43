"""One process that has the slow imports behind it and forks once per run of pytest: `python warm_pytest.py`.

It reads one JSON line per run from its standard input, `{"arguments": [...], "timeout": seconds}`, and answers with
one line: `status`, the exit status or null after the timeout, `seconds` of processor time, and `output`. The package
under test is imported after the fork only, so that every run sees the files as they are then. No JAX backend exists
before the fork: its threads would not survive it.
"""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings

INTERNAL_ERROR = 3  # exit status of pytest


def preload() -> None:
    """Import what every test imports, but neither the package nor Hypothesis, whose plugin pytest must load itself."""
    import numpyro

    numpyro.distributions  # noqa: B018  # before its submodules: ArviZ 1 registers numpyro as a lazy module
    import arviz  # noqa: F401
    import matplotlib
    import numpyro.infer
    import pandas  # noqa: F401
    import pytest  # noqa: F401
    import scipy.stats  # noqa: F401

    matplotlib.use("Agg")


def child(arguments: list[str], file: int) -> None:
    """Run pytest in the forked process, its output into `file`; never returns."""
    status = INTERNAL_ERROR
    try:
        os.setpgid(0, 0)  # so that a timeout ends the processes that the tests start as well
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        import pytest

        status = int(pytest.main(arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def ended(pid: int, timeout: float) -> tuple[int | None, float]:
    """Exit status of a child, and its processor time (s); None after the timeout, when its process group is killed."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    usage = os.wait4(pid, 0)[2]
    return None, usage.ru_utime + usage.ru_stime


def run(arguments: list[str], timeout: float) -> dict:
    """Exit status, processor time and output of one run of pytest in a fork."""
    with tempfile.TemporaryFile() as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX and Python warn of any fork; no backend and no thread exists here
            pid = os.fork()
        if pid == 0:
            child(arguments, file.fileno())
        status, seconds = ended(pid, timeout)
        file.seek(0)
        return {"status": status, "seconds": seconds, "output": file.read().decode("utf-8", "replace")}


def main() -> None:
    """Serve one run per line until the input ends."""
    sys.dont_write_bytecode = True
    preload()
    if "bayesnn" in sys.modules:
        raise RuntimeError("the package under test was imported before the fork")
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
