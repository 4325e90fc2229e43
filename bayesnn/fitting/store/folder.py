"""Opening the folder of a run: an empty one is begun, one that holds the same run is resumed, any other is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bayesnn.fitting.sampling_job import SamplingJob
from bayesnn.fitting.settings import text_of
from bayesnn.fitting.store import codec, files, manifest
from bayesnn.fitting.store.files import folder_path
from bayesnn.fitting.store.format import DATA, FORMAT, MANIFEST, NETCDF, VERSION, checksum, read_manifest
from bayesnn.fitting.store.lock import NAME as LOCK
from bayesnn.fitting.store.lock import Lock
from bayesnn.fitting.store.run_store import RunStore
from bayesnn.samplers import Chains
from bayesnn.samplers.engine.checkpoint import InMemoryStore
from bayesnn.samplers.engine.plan import Plan


@contextlib.contextmanager
def open_or_create_run(path: Any, job: SamplingJob, plan: Plan) -> Iterator[Plan]:
    """The plan with a store for its draws: memory if there is no path, otherwise the folder, locked while it is used.

    A resumed run keeps the number of batches of chains that it began with, even on another machine, because the batches
    determine rounding.

    Raises
    ------
    ValueError
        If the folder holds another run, something else, or a damaged run, or another process is writing it.
    """
    if path is None:
        yield plan if plan.keeper is not None else replace(plan, keeper=InMemoryStore())
        return
    folder = folder_path(path)
    _begin(folder)
    try:
        lock = Lock(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        yield _opened(folder, job, plan)
    finally:
        lock.release()


def _begin(folder: Path) -> None:
    """Make the folder, or check that it is empty or holds a run."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"path must be a folder, got the file {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (NotADirectoryError, FileExistsError):
        file = next(parent for parent in folder.parents if parent.exists())
        raise ValueError(f"path must be a folder in a folder, got {folder}, where {file} is a file") from None
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if not (folder / MANIFEST).exists():
        strangers = sorted({entry.name for entry in folder.iterdir()} - {LOCK, MANIFEST + files.TEMPORARY})
        if strangers:
            raise ValueError(
                f"path must be a new or empty folder, or one that holds this run, got {folder} with other files in it "
                f"({', '.join(strangers[:5])}): choose another path"
            )


def _cannot_write(folder: Path, error: OSError) -> OSError:
    return OSError(error.errno, f"cannot write to {folder}: {error.strerror}. Choose a folder that you may write to")


def _opened(folder: Path, job: SamplingJob, plan: Plan) -> Plan:
    run = manifest.run_of(job.model, job.data, job.sampler, job.key, plan, job.settings.marginalize)
    if not (folder / MANIFEST).exists():
        _write_manifest(folder, run, plan, job.attributes(plan))
    found = read_manifest(folder)
    _same_run(folder, found, run)
    _enough(folder, found, job, plan)
    identity = found["identity"]
    store = RunStore(folder, identity)
    if not (folder / DATA).exists():  # killed before the file was written
        _write_data(store, job)
    attributes = found["attributes"]
    if plan.stopping is not None:
        attributes = attributes | {"max_seconds": text_of(plan.stopping.max_seconds)}
    longer = not plan.kept and plan.draws > found["draws"]
    if longer or attributes != found["attributes"]:
        _write_manifest(folder, run, plan, attributes, found["batches"])
    if longer or plan.kept:
        remove_netcdf(folder)
    return replace(plan, keeper=store, batches=found["batches"])


def _same_run(folder: Path, found: dict[str, Any], run: dict[str, Any]) -> None:
    """Refuse a folder that holds another run, or this run begun with other versions of the software."""
    there, here = ({"draws": "a number"} | one for one in (found["run"], run))
    wanted = dict.fromkeys(there) | here  # what is set there and not here differs too
    other = manifest.differences(there, {n: v for n, v in wanted.items() if n not in manifest.SOFTWARE})
    if other:
        raise ValueError(
            f"{folder} holds another run, which is left as it is: {other}. Choose another path, or fit with the "
            "arguments of that run to continue it"
        )
    versions = manifest.differences(found["run"], {n: v for n, v in run.items() if n in manifest.SOFTWARE})
    if versions:
        raise ValueError(
            f"{folder} holds this run, begun with other software: {versions}. Its draws could not be continued bit for "
            "bit: install those versions, or choose another path; bnn.open_run reads what is there"
        )


def _enough(folder: Path, found: dict[str, Any], job: SamplingJob, plan: Plan) -> None:
    """Refuse fewer draws than were planned, and more draws from a sampler that cannot continue."""
    if plan.kept:
        return
    if plan.draws < found["draws"]:
        raise ValueError(f"draws must be at least the {found['draws']} of the run in {folder}, got {plan.draws}")
    if plan.draws > found["draws"] and not isinstance(job.sampler, Chains):
        raise ValueError(
            f"draws must be the {found['draws']} of the run in {folder}, got {plan.draws}: {job.sampler} has no "
            "chains to continue"
        )


def _write_manifest(
    folder: Path, run: dict[str, Any], plan: Plan, attributes: dict[str, Any], batches: int | None = None
) -> None:
    content = {
        "format": FORMAT,
        "version": VERSION,
        "identity": manifest.identity(run),
        "draws": None if plan.kept else plan.draws,
        "batches": plan.max_batches if batches is None else batches,
        "run": run,
        "attributes": attributes,
    }
    files.write_json(folder / MANIFEST, content | {"checksum": checksum(content)})


def _write_data(store: RunStore, job: SamplingJob) -> None:
    """Model and training rows, for `open_run`; what cannot be written without code is left out."""
    arrays: dict[str, Any] = {}
    document = {}
    for name, value in (("model", job.model), ("likelihood", job.model.likelihood), ("data", job.data)):
        own: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            document[name] = codec.encode(value, own, name)
            arrays |= own
    store.write(DATA, arrays, document)


def remove_netcdf(folder: Path) -> None:
    """Remove inference data that is out of date once there are more draws."""
    for path in folder.glob(f"{NETCDF}*.nc"):
        path.unlink()
