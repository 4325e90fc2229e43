"""Names and readers of the files of a run folder; every file carries the name of its run, so none can stray in."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.fitting.store import files
from bayesnn.samplers.engine.checkpoint import Checkpoint, Values, as_double

FORMAT = "bayesnn run"
VERSION = 1
MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint.npz"
DATA = "data.npz"
NETCDF = "inference"
KEPT = ("climb.npz", "fixed.npz", "handed.npz", "result.npz")
CHUNK = re.compile(r"draws-(\d{10})-(\d{10})\.npz")


def chunk_name(start: int, stop: int) -> str:
    """File of the draws from `start` up to, but without, `stop`."""
    return f"draws-{start:010d}-{stop:010d}.npz"


def chunks(folder: Path) -> list[Path]:
    """Files of draws in order."""
    return sorted(path for path in folder.iterdir() if CHUNK.fullmatch(path.name))


def stop_of(path: Path) -> int:
    """The draw that a chunk ends before."""
    return int(path.name[17:27])


def is_temporary(path: Path) -> bool:
    """Whether this is what a kill left of a file being written."""
    name = path.name.removesuffix(files.TEMPORARY)
    own = name in (MANIFEST, DATA, CHECKPOINT, *KEPT) or CHUNK.fullmatch(name) is not None
    return own and name != path.name


def checksum(content: dict[str, Any]) -> str:
    """Hash of a manifest without its checksum."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def damaged(folder: Path, what: str) -> ValueError:
    """The error of a folder that cannot be trusted."""
    return ValueError(
        f"{folder} holds a run that is damaged: {what}. Nothing was changed: restore the folder from a copy, or "
        "move it away and start again"
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder, checked to be one that this version reads."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{folder} must be a folder written by bnn.fit(..., path=), got one without {MANIFEST}")
    try:
        manifest = files.read_json(path)
    except ValueError as error:
        raise damaged(folder, str(error)) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(
            f"{folder} must be a folder written by bnn.fit(..., path=), but its {MANIFEST} is of another program"
        )
    if not isinstance(manifest.get("version"), int):
        raise damaged(folder, f"{MANIFEST} names no version")
    if manifest["version"] > VERSION:
        raise ValueError(
            f"{folder} has format version {manifest['version']}, and this bayesnn reads up to {VERSION}: "
            "use a newer bayesnn"
        )
    content = {name: value for name, value in manifest.items() if name != "checksum"}
    if manifest.get("checksum") != checksum(content):
        raise damaged(folder, f"{MANIFEST} was changed")
    types: dict[str, Any] = {"identity": str, "batches": int, "run": dict, "attributes": dict}
    types["draws"] = (int, type(None))  # None where convergence ends the run
    wrong = [name for name, kind in types.items() if not isinstance(manifest.get(name, ...), kind)]
    if wrong or manifest["batches"] < 1 or (manifest["draws"] is not None and manifest["draws"] < 1):
        raise damaged(folder, f"{MANIFEST} does not describe a run: {', '.join(wrong) or 'its counts'}")
    return manifest


def read_part(path: Path, identity: str) -> tuple[Values, Any]:
    """Arrays and document of a file of the run with this name."""
    if not path.is_file():
        raise damaged(path.parent, f"{path.name} is missing")
    try:
        arrays, document = files.read_arrays(path)
    except ValueError as error:
        raise damaged(path.parent, str(error)) from None
    if not isinstance(document, dict) or document.get("identity") != identity:
        raise damaged(path.parent, f"{path.name} belongs to another run")
    return arrays, document.get("content")


def read_checkpoint(folder: Path, identity: str) -> Checkpoint | None:
    """Where the run stands; None before the first checkpoint."""
    if not (folder / CHECKPOINT).exists():
        return None
    arrays, content = read_part(folder / CHECKPOINT, identity)
    leaves = tuple(arrays[name] for name in sorted(arrays))
    try:
        done = content["warmup"], content["draws"], leaves, tuple(content["keys"]), content["seconds"]
        rest = content.get("every", 1), content.get("ended", ""), content.get("dropped", 0)
        point = Checkpoint(*done, *rest)
        for name in ("warmup", "draws", "dropped"):
            checks.positive_integer(name, getattr(point, name), minimum=0)
        checks.positive_integer("every", point.every)
        right = point.dropped <= point.draws and len(point.keys) == len(leaves) and isinstance(point.seconds, dict)
        right = right and isinstance(point.ended, str)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{CHECKPOINT} does not hold the state of chains: {error}") from None
    if not right:
        raise damaged(folder, f"{CHECKPOINT} does not hold the state of chains")
    return point


def span_of(checkpoint: Checkpoint) -> tuple[int, int, int]:
    """Which draws count at a checkpoint: the number of the last one, the spacing, and how many are dropped first."""
    return checkpoint.draws, checkpoint.every, checkpoint.dropped


def _spacing(folder: Path, path: Path, content: Any) -> int:
    """The spacing of the draws in a file: 1 if it holds every draw of the run."""
    try:
        return 1 if content is None else checks.positive_integer("every", content["every"])
    except (KeyError, TypeError, ValueError):
        raise damaged(folder, f"{path.name} does not say which draws it holds") from None


def _enough(folder: Path, part: Values, count: int, total: int) -> None:
    """Refuse names of files that state more draws than the files could hold, before they are given memory."""
    each = sum(v.nbytes for v in part.values()) / max(count, 1)
    held = sum(path.stat().st_size for path in chunks(folder))
    if each * total > held:
        raise damaged(folder, f"its files of draws are smaller than {total} draws")


def _kinds(part: Values) -> dict[str, Any]:
    """What files of draws of one run have in common: names, shapes but for the number of draws, and types."""
    return {name: (len(v), v.shape[2:], v.dtype.str) for name, v in part.items()}


def read_draws(
    folder: Path, identity: str, total: int, every: int = 1, dropped: int = 0, *, keep: bool = True
) -> Values:
    """Every `every`-th of the first `total` draws (chain, draw, ...) of a folder; with keep=False only checked.

    The first `dropped` draws are checked and left out. A file holds all draws of its name, or every so many-th of them,
    as it says.
    """
    values: Values = {}
    kinds: dict[str, Any] = {}
    done = 0
    for path in chunks(folder):
        if done >= total:
            break
        stop = stop_of(path)
        if path.name != chunk_name(done, stop):
            raise damaged(folder, f"draws {done} and following are missing: the next file is {path.name}")
        part, content = read_part(path, identity)
        own = _spacing(folder, path, content)
        if not part or any(v.ndim < 2 or v.shape[1] * own != stop - done for v in part.values()):
            raise damaged(folder, f"{path.name} does not hold the draws of its name")
        if done and _kinds(part) != kinds:
            raise damaged(folder, f"{path.name} does not hold draws of the same sites as the files before it")
        kinds = _kinds(part)
        if any(v.dtype.kind not in "biuf" for v in part.values()):
            raise damaged(folder, f"{path.name} does not hold numbers")
        if keep and not values:
            _enough(folder, part, (stop - done) // own, total // every)
            count = total // every - dropped // every
            values = {n: np.empty((len(v), count, *v.shape[2:]), as_double(v[:, :0]).dtype) for n, v in part.items()}
        numbers = np.arange(done + own, stop + 1, own)  # the first draw of a run has number 1
        chosen = (numbers % every == 0) & (numbers > dropped)
        before = max(done, dropped) // every - dropped // every
        for name, whole in values.items():
            whole[:, before : before + chosen.sum()] = part[name][:, chosen]
        done = stop
    if done != total:
        raise damaged(folder, f"draws {done} to {total} are missing")
    return values
