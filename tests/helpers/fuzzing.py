"""Reading files that were changed by `fuzz`, within a limit of memory: what became of each."""

import contextlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fuzz
import made
import numpy as np
import pandas as pd

import bayesnn as bnn
from bayesnn.fitting.store import files
from bayesnn.fitting.store import format as store_format

REFUSED, TAKEN = "refused in words", "taken for what it says"
SECONDS = 20.0  # of the processor, for reading one small file
X = pd.DataFrame({"a": np.linspace(0, 1, 12), "b": list("uvw") * 4})
Y = np.sin(5 * X["a"].to_numpy())
TEXTS = ["a good film", "so bad", "good, and bad again", "no film"] * 3
NEW = {"words": ["a bad film"]}  # to predict at; X elsewhere


@contextlib.contextmanager
def limited(extra: int) -> Iterator[None]:
    """At most so many bytes of address space beyond what the process has; no limit where the system knows none."""
    status = Path("/proc/self/status")
    if not status.exists():
        yield
        return
    import resource

    held = int(status.read_text().split("VmSize:")[1].split()[0]) * 1024
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + extra, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def saved_fits(folder: Path) -> dict[str, fuzz.Content]:
    """What files of fits say: numbers and categories, classes by a formula, a panel with its series, texts."""
    index = pd.period_range("2020-01", periods=12, freq="M")
    panel = {"a": pd.Series(Y, index), 2: pd.Series(Y[::-1] + 1, index)}
    deep = [bnn.Dense(2), bnn.Dense(2, "relu")]
    words = [bnn.Embedding(bnn.text.learn_vocabulary(TEXTS), 2), bnn.GRU(2)]
    series = bnn.lagged(panel, lags=2, transform=["standardize", "difference"])
    fits = {
        "numbers": made.made_fit(bnn.shallow(2), X, Y, chains=2, draws=3, weights=np.arange(12.0)),
        "classes": made.made_fit(
            bnn.Model(deep, bnn.Categorical()),
            "c ~ standardize(a) + b",
            table=X.assign(c=list("xyz") * 4),
            chains=2,
            draws=3,
        ),
        "series": made.made_fit(bnn.shallow(1, linear=True), series, chains=2, draws=3),
        "words": made.made_fit(
            bnn.Model(words, bnn.StudentT(), bnn.Horseshoe()),
            TEXTS,
            Y,
            chains=2,
            draws=3,
        ),
    }
    for name, fit in fits.items():
        bnn.save(fit, folder / name)
    return {name: files.read_arrays(folder / name) for name in fits}


def outcomes(folder: Path, count: int, chance: random.Random) -> Iterator[str]:
    """Change files of fits and the folder of a run `count` times in all, read them, and use what is taken."""
    yield from of_runs(folder, count // 4, chance)
    contents = saved_fits(folder)
    for _ in range(count - count // 4):
        outcome, _ = of_a_fit(contents, folder / "changed", chance)
        if outcome is not None:
            yield outcome


def of_a_fit(
    contents: dict[str, fuzz.Content], path: Path, chance: random.Random, predict: bool = True
) -> tuple[str | None, str]:
    """What became of one changed file of a fit, None where no file can say this, and how it was changed."""
    which = chance.choice(list(contents))
    content, kind = fuzz.changed_content(contents[which], chance)
    kind = f"{which}: {kind}"
    try:
        fuzz.write(path, content)
        if chance.random() < 0.15:
            fuzz.false_header(path, chance)
            kind += " and false_header"
    except (OverflowError, RecursionError, TypeError, ValueError):
        return None, kind
    return judged(lambda: used(bnn.load(path), which, predict), f"fit: {kind}"), kind


def of_runs(folder: Path, count: int, chance: random.Random) -> Iterator[str]:
    """What became of the folder of a run, changed so many times."""
    run, copy = folder / "run", folder / "changed run"
    x = np.linspace(-1.0, 1.0, 9)[:, None]
    bnn.fit(bnn.shallow(1), x, x[:, 0] ** 2, draws=6, warmup=10, chains=2, key=0, progress=False, path=run)
    for _ in range(count):
        shutil.copytree(run, copy)
        kind = change_run(copy, chance)
        yield judged(lambda: bnn.open_run(copy), f"run: {kind}")
        shutil.rmtree(copy)


def used(fit: bnn.Fit, which: str, predict: bool) -> None:
    """Use what was loaded as what it is said to be: it shows itself, predicts new rows, and goes on."""
    repr(fit)
    if predict and fit.data.series is None:
        bnn.predict(fit, NEW.get(which, X[:2]), kind="response")
    elif predict:
        bnn.forecast(fit, 2)


def change_run(folder: Path, chance: random.Random) -> str:
    """Let one file of a run say something else, with checksums that are right."""
    path = chance.choice([path for path in sorted(folder.iterdir()) if path.suffix in (".npz", ".json")])
    kind = "nothing"
    with contextlib.suppress(OverflowError, RecursionError, TypeError, ValueError):
        if path.suffix == ".json":
            manifest = {n: v for n, v in json.loads(path.read_text()).items() if n != "checksum"}
            kind = chance.choice(fuzz.CHANGES[:6]).__name__
            getattr(fuzz, kind)({}, manifest, chance)
            files.write_json(path, manifest | {"checksum": store_format.checksum(manifest)})
        else:
            content, kind = fuzz.changed_content(files.read_arrays(path), chance)
            fuzz.write(path, content)
    return f"{path.stem[:5]} {kind}"


def judged(read: Callable[[], Any], what: str) -> str:
    """What became of one file."""
    begun = time.process_time()
    try:
        read()
        outcome = TAKEN
    except (ValueError, OSError) as error:
        limits = [one for one in causes(error) if isinstance(one, (MemoryError, RecursionError))]
        short = bool(limits) and "levels deep" not in str(error)
        outcome = f"WRONG: no check but a limit: {what}" if short else REFUSED
        if not str(error).strip():
            outcome = f"WRONG: no words: {what}"
    except Exception as error:
        outcome = f"WRONG: {type(error).__name__}: {str(error)[:90]}: {what}"
    if fuzz.PLACE.exists():
        fuzz.PLACE.unlink()
        outcome = f"WRONG: code of the file ran: {what}"
    if time.process_time() - begun > SECONDS:
        outcome = f"WRONG: it took {time.process_time() - begun:.0f} s: {what}"
    return outcome


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those on whose account it was raised."""
    while error is not None:
        yield error
        error = error.__context__
