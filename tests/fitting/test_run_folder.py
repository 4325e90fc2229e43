"""Runs in a folder: what is written, resumed and refused; the walk of the tests of chains, and one small fit."""

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from test_chains import DATA, SAMPLER, Walk, X, Y, record

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.fitting.store import format as store_format
from bayesnn.fitting.store import manifest, run_store
from bayesnn.fitting.store.lock import Lock
from bayesnn.fitting.store.run_store import RunStore
from bayesnn.samplers.engine import chains
from bayesnn.samplers.engine.plan import Plan

IDENTITY = "a walk"


@computing
def walk(store, draws=40, **options):
    plan = Plan(draws, 7, 3, progress=False, keeper=store, **options)
    return chains.run_chains(Walk(), record, jax.random.key(5), tuple(map(jax.numpy.asarray, DATA)), plan)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chains, "CHUNK", 6)
    monkeypatch.setattr(run_store, "WRITE_SECONDS", 0.0)


@pytest.fixture(scope="module")
def reference():
    return walk(None)


def same(a, b):
    assert a.values.keys() == b.values.keys()
    for name in a.values:
        np.testing.assert_array_equal(a.values[name], b.values[name], err_msg=name)


def stop_after(monkeypatch, writes, error=KeyboardInterrupt):
    """Stop at a write: before it, or between it and its checkpoint."""
    write, calls = RunStore.write, []

    def counted(self, *arguments):
        calls.append(arguments[0])
        if len(calls) == writes:
            raise error
        return write(self, *arguments)

    monkeypatch.setattr(RunStore, "write", counted)


class Killed(Exception):
    """Stands for a kill: nothing handles it."""


@pytest.mark.first_case
@pytest.mark.parametrize("writes", range(1, 16))
def test_a_walk_stopped_at_any_write_goes_on(tmp_path, reference, monkeypatch, writes):
    with monkeypatch.context() as patch:
        stop_after(patch, writes, Killed)
        with pytest.raises(Killed):
            walk(RunStore(tmp_path, IDENTITY))
    same(walk(RunStore(tmp_path, IDENTITY)), reference)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_how_often_it_writes_does_not_matter(tmp_path, reference, monkeypatch):
    monkeypatch.setattr(run_store, "WRITE_SECONDS", 1e9)
    same(walk(RunStore(tmp_path, IDENTITY)), reference)
    assert len(store_format.chunks(tmp_path)) == 1


def test_a_finished_walk_is_read_and_more_draws_continue_it(tmp_path, reference):
    first = chains.Run({name: v[:, :15] for name, v in reference.values.items()}, {}, True)
    same(walk(RunStore(tmp_path, IDENTITY), draws=15), first)
    same(walk(RunStore(tmp_path, IDENTITY)), reference)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    same(walk(RunStore(tmp_path, IDENTITY)), reference)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_an_interrupt_leaves_a_run_that_goes_on(tmp_path, reference, monkeypatch):
    with monkeypatch.context() as patch:
        advance, calls = chains._advance_all, []

        def interrupted(*arguments):
            calls.append(1)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return advance(*arguments)

        patch.setattr(chains, "_advance_all", interrupted)
        stopped = walk(RunStore(tmp_path, IDENTITY))
    assert not stopped.complete
    count = stopped.values["z"].shape[1]
    assert 0 < count < 40
    np.testing.assert_array_equal(stopped.values["z"], reference.values["z"][:, :count])
    same(walk(RunStore(tmp_path, IDENTITY)), reference)


def test_chunks_are_plain_npz(tmp_path, reference):
    walk(RunStore(tmp_path, IDENTITY))
    parts = [np.load(path, allow_pickle=False) for path in store_format.chunks(tmp_path)]
    np.testing.assert_array_equal(np.concatenate([part["z"] for part in parts], axis=1), reference.values["z"])


# Disks that are full


@contextlib.contextmanager
def mounted(disk, options):
    """A small disk of its own in memory, where that is allowed."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk takes root")
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def remount(disk, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


@contextlib.contextmanager
def file_limit(size):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_cannot_grow_is_an_error_and_leaves_a_run_that_goes_on(tmp_path, reference, monkeypatch):
    walk(RunStore(tmp_path, IDENTITY), draws=15)
    monkeypatch.setattr(run_store, "WRITE_SECONDS", 1e9)
    with file_limit(1000), pytest.raises(OSError, match="cannot write draws-.* What was written before is intact"):
        walk(RunStore(tmp_path, IDENTITY))
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []
    same(walk(RunStore(tmp_path, IDENTITY)), reference)


def test_a_full_disk(tmp_path, reference):
    with mounted(tmp_path / "disk", "size=16k") as disk:
        with pytest.raises(OSError, match="No space left on device"):
            walk(RunStore(disk, IDENTITY))
        remount(disk, "size=10m")
        same(walk(RunStore(disk, IDENTITY)), reference)


# Damage


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Files of a finished walk by name."""
    folder = tmp_path_factory.mktemp("walked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "CHUNK", 20)
        patch.setattr(run_store, "WRITE_SECONDS", 0.0)
        walk(RunStore(folder, IDENTITY))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def reopened(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return RunStore(folder, IDENTITY)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_files_are_refused_or_harmless(walked, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    name = data.draw(st.sampled_from(sorted(walked)))
    content = bytearray(walked[name])
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    try:
        store = reopened(folder, walked | {name: bytes(content)})
    except ValueError as error:
        assert "damaged" in str(error) and "Nothing was changed" in str(error)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == walked | {name: bytes(content)}
        return
    for n, v in reopened(folder, walked).values().items():
        np.testing.assert_array_equal(store.values()[n], v)


def test_a_missing_chunk_is_refused(walked, tmp_path):
    first = sorted(name for name in walked if name.startswith("draws"))[0]
    with pytest.raises(ValueError, match="draws 0 and following are missing"):
        reopened(tmp_path, {name: v for name, v in walked.items() if name != first})


def test_a_missing_checkpoint_is_refused(walked, tmp_path):
    with pytest.raises(ValueError, match=r"beyond checkpoint.npz, which is missing or older"):
        reopened(tmp_path, {name: v for name, v in walked.items() if name != "checkpoint.npz"})


def test_files_of_another_run_are_refused(walked, tmp_path):
    reopened(tmp_path, walked)
    with pytest.raises(ValueError, match="belongs to another run"):
        RunStore(tmp_path, "another walk")


def test_a_state_of_another_shape_is_refused(tmp_path):
    store = RunStore(tmp_path, IDENTITY)
    walk(store, draws=5)
    store.checkpoint = replace(store.checkpoint, leaves=tuple(leaf[:, None] for leaf in store.checkpoint.leaves))
    with pytest.raises(ValueError, match="the state of the chains must have an array"):
        walk(store)


# Fits

SETTINGS = {"sampler": SAMPLER, "draws": 30, "warmup": 5, "chains": 2, "key": 3, "progress": False}
MODEL = bnn.shallow(2)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "of" / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "CHUNK", 6)  # one program for all fits here
        patch.setattr(run_store, "WRITE_SECONDS", 0.0)
        return folder, bnn.fit(MODEL, X, Y, path=folder, **SETTINGS)


def content(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def same_idata(a, b, groups=("posterior", "sample_stats", "log_likelihood", "observed_data", "constant_data")):
    for group in groups:
        assert set(a[group].data_vars) == set(b[group].data_vars)
        for name, values in a[group].data_vars.items():
            np.testing.assert_array_equal(b[group][name].to_numpy(), values.to_numpy(), err_msg=name)


def test_a_fit_in_a_folder_is_that_in_memory(kept):
    same_idata(bnn.fit(MODEL, X, Y, **SETTINGS).idata, kept[1].idata)


def test_a_finished_fit_is_read_again(kept):
    before = content(kept[0])
    same_idata(bnn.fit(MODEL, X, Y, path=str(kept[0]), **SETTINGS).idata, kept[1].idata)
    assert content(kept[0]) == before


def test_a_folder_that_may_only_be_read(kept, tmp_path):
    with mounted(tmp_path / "disk", "size=10m") as disk:
        shutil.copytree(kept[0], disk / "run")
        remount(disk, "ro")
        for path in (disk / "run", disk / "new"):
            with pytest.raises(OSError, match=r"cannot write to .*: Read-only file system. Choose a folder"):
                bnn.fit(MODEL, X, Y, path=path, **SETTINGS)
        same_idata(bnn.open_run(disk / "run"), kept[1].idata)


def test_a_folder_moved_and_renamed(kept, tmp_path):
    folder = tmp_path / "Läufe 运行 \N{PARTY POPPER}" / "with 'quotes' and spaces"
    shutil.copytree(kept[0], folder)
    same_idata(bnn.open_run(folder), kept[1].idata)
    same_idata(bnn.fit(MODEL, X, Y, path=folder, **SETTINGS).idata, kept[1].idata)


def test_open_run_gives_the_inference_data(kept):
    opened = bnn.open_run(kept[0])
    same_idata(kept[1].idata, opened)
    assert opened["posterior"].attrs["complete"] == 1
    assert opened["posterior"]["gamma"].dims == ("chain", "draw", "unit", "input")


def test_open_run_of_a_run_that_was_stopped(kept, tmp_path, monkeypatch):
    stop_after(monkeypatch, 8, Killed)
    with pytest.raises(Killed):
        bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS)
    opened = bnn.open_run(tmp_path)
    count = opened["posterior"].sizes["draw"]
    assert 0 < count < 30
    assert opened["posterior"].attrs["complete"] == 0
    assert opened["posterior"].attrs["draws_planned"] == 30
    np.testing.assert_array_equal(opened["posterior"]["sigma"], kept[1].idata["posterior"]["sigma"][:, :count])
    monkeypatch.undo()
    same_idata(bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS).idata, kept[1].idata)


def test_a_run_is_not_continued_by_another_function_or_other_random_bits(tmp_path):
    """The settings of JAX and all that an activation of the user's own depends on belong to the run."""

    def network(a):
        return bnn.Model([bnn.Dense(1, lambda x: jax.numpy.tanh(a * x))])

    run = {"sampler": bnn.NUTS(max_tree_depth=1), "draws": 2, "warmup": 2, "chains": 1}
    bnn.fit(network(1.0), X, Y, path=tmp_path, progress=False, **run)
    bnn.fit(network(1.0), X, Y, path=tmp_path, progress=False, **run)  # the same function, made anew
    with pytest.raises(ValueError, match="holds another run, .*: model is"):
        bnn.fit(network(4.0), X, Y, path=tmp_path, progress=False, **run)
    before = jax.config.jax_threefry_partitionable
    jax.config.update("jax_threefry_partitionable", not before)
    try:
        with pytest.raises(ValueError, match="holds another run, .*: jax_threefry_partitionable is not set there and"):
            bnn.fit(network(1.0), X, Y, path=tmp_path, progress=False, **run)
    finally:
        jax.config.update("jax_threefry_partitionable", before)
    with pytest.raises(ValueError, match="path= needs to tell whether a run is continued by the same function"):
        bnn.fit(network(np.random.default_rng(0)), X, Y, path=tmp_path / "other", progress=False, **run)
    assert not (tmp_path / "other" / "manifest.json").exists()


def test_open_run_before_the_first_draw(tmp_path, monkeypatch):
    stop_after(monkeypatch, 3, Killed)
    with pytest.raises(Killed):
        bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match="holds no draws yet: [1-5] of 5 warm-up steps"):
        bnn.open_run(tmp_path)


def test_a_finished_run_has_netcdf(kept):
    files = [path for path in kept[0].iterdir() if path.suffix == ".nc"]
    if [path.name for path in files] == ["inference.nc"]:
        import arviz as az

        read = az.from_netcdf(files[0])
        same_idata(kept[1].idata, read)
    else:
        with xr.open_dataset(kept[0] / "inference.posterior.nc", engine="scipy") as read:
            np.testing.assert_array_equal(read["gamma"], kept[1].idata["posterior"]["gamma"])


def test_a_disk_that_fills_up_under_the_last_file_loses_nothing(kept, tmp_path, monkeypatch):
    """The error names what is missing, the process lives, and the next call writes the file."""
    folder = tmp_path / "run"
    shutil.copytree(kept[0], folder)
    for file in folder.glob("*.nc"):
        file.unlink()
    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"cannot write inference.*No space.*complete"):
        patch.setattr(os, "fsync", full_disk)
        bnn.fit(MODEL, X, Y, path=folder, **SETTINGS)
    assert not list(folder.glob("inference*"))
    again = bnn.fit(MODEL, X, Y, path=folder, **SETTINGS)
    same_idata(again.idata, kept[1].idata)
    assert list(folder.glob("inference*.nc"))


def full_disk(handle):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "path must name a file or folder, got '': write '.' for the working directory"),
        ("  ", "path must name a file or folder"),
        (7, "path must be text or a pathlib.Path, got 7"),
        (0, "path must be text or a pathlib.Path, got 0"),
        (True, "path must be text or a pathlib.Path, got True"),
        (b"run", "path must be text or a pathlib.Path, got b'run'"),
        ("a\0b", "path must name a file or folder"),
    ],
)
def test_paths_that_are_none(path, message, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for function in (
        lambda: bnn.fit(MODEL, X, Y, path=path, **SETTINGS),
        lambda: bnn.open_run(path),
        lambda: bnn.save(kept[1], path),
        lambda: bnn.load(path),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            function()
    assert not list(tmp_path.iterdir())


def test_paths_below_a_file_and_of_folders(kept, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match="path must be a folder in a folder, got .*deeper, where .*file is a file"):
        bnn.fit(MODEL, X, Y, path=file / "deep" / "deeper", **SETTINGS)
    for path in (file / "fit.npz", tmp_path / "none" / "fit.npz", tmp_path):
        with pytest.raises(ValueError, match="path must name a file in a folder that exists, got"):
            bnn.save(kept[1], path)
    with pytest.raises(ValueError, match="got the folder .*: see bnn.open_run"):
        bnn.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": 4}, "key is .* there and .* here"),
        ({"sampler": "gibbs"}, "sampler is Gibbs.*candidates=3"),
        ({"warmup": 6}, "warmup is 5 there and 6 here"),
        ({"thinning": 2}, "thinning is 1 there and 2 here"),
        ({"chains": 3}, "chains is 2 there and 3 here"),
        ({"draws": 29}, "draws must be at least the 30"),
        ({"model": bnn.shallow(3)}, "model is Model"),
        ({"y": Y + 1e-9}, "data is "),
        ({"x": X * 2}, "data is "),
        ({"standardize": False}, "data is "),
    ],
)
def test_another_run_is_refused(kept, change, message):
    before = content(kept[0])
    arguments = {"model": MODEL, "x": X, "y": Y} | SETTINGS | change
    with pytest.raises(ValueError, match=message):
        bnn.fit(path=kept[0], **arguments)
    assert content(kept[0]) == before


@pytest.mark.parametrize("name", manifest.SOFTWARE)
def test_a_run_begun_with_other_software_is_refused_and_left_as_it_is(kept, name, monkeypatch):
    """Whether it is finished or more draws are asked for: this software would not continue it bit for bit."""
    before, here = content(kept[0]), manifest.software()
    monkeypatch.setattr(manifest, "software", lambda: here | {name: "0.1"})
    for draws in (SETTINGS["draws"], SETTINGS["draws"] + 5):
        with pytest.raises(ValueError, match="holds this run, begun with other software") as refused:
            bnn.fit(MODEL, X, Y, path=kept[0], **SETTINGS | {"draws": draws})
        assert f"{name} is {here[name]} there and 0.1 here" in str(refused.value)
        assert str(refused.value).count(" there and ") == 1
    same_idata(kept[1].idata, bnn.open_run(kept[0]))
    assert content(kept[0]) == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("work of years")
    with pytest.raises(ValueError, match=r"new or empty folder.*thesis\.tex"):
        bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS)
    assert content(tmp_path) == {"thesis.tex": b"work of years"}


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="path must be a folder, got the file"):
        bnn.fit(MODEL, X, Y, path=tmp_path / "file", **SETTINGS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": "of a browser", "version": 1}', "of another program"),
        ("[1, 2", "damaged"),
        ('{"format": "bayesnn run", "version": 2}', "format version 2, and this bayesnn reads up to 1"),
        ('{"format": "bayesnn run", "version": 1}', "manifest.json was changed"),
    ],
)
def test_strange_manifests_are_refused(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    for call in (lambda: bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS), lambda: bnn.open_run(tmp_path)):
        with pytest.raises(ValueError, match=message):
            call()
    assert (tmp_path / "manifest.json").read_text() == text


def test_open_run_of_no_run(tmp_path):
    with pytest.raises(ValueError, match="must be a folder written by bnn.fit"):
        bnn.open_run(tmp_path)


def test_one_writer_at_a_time(kept):
    lock = Lock(kept[0])
    try:
        with pytest.raises(ValueError, match=f"one fit at a time, and process {os.getpid()} is writing it"):
            bnn.fit(MODEL, X, Y, path=kept[0], **SETTINGS)
    finally:
        lock.release()
    bnn.fit(MODEL, X, Y, path=kept[0], **SETTINGS)  # the lock file of a dead process does not block others


@pytest.mark.skipif(sys.platform == "win32", reason="another kind of lock")
def test_a_folder_that_another_process_writes(kept):
    code = "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); print(); input()"
    command = [sys.executable, "-c", code, str(kept[0] / ".bayesnn-lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(ValueError, match="one fit at a time, and another process is writing it"):
            bnn.fit(MODEL, X, Y, path=kept[0], **SETTINGS)
        same_idata(bnn.open_run(kept[0]), kept[1].idata)
        process.communicate(b"\n")
    same_idata(bnn.fit(MODEL, X, Y, path=kept[0], **SETTINGS).idata, kept[1].idata)


def squared_sine(e):
    return jax.numpy.sin(e) ** 2


@pytest.mark.slow
def test_a_model_with_a_function_of_ones_own(tmp_path):
    model = bnn.Model([bnn.Dense(2, squared_sine)])
    arguments = {"draws": 4, "warmup": 2, "chains": 1, "sampler": bnn.Gibbs(steps=2, sweeps=1), "progress": False}
    result = bnn.fit(model, X, Y, path=tmp_path, **arguments)
    with pytest.raises(ValueError, match=r"open_run\(path, model=...\)"):
        bnn.open_run(tmp_path)
    same_idata(result.idata, bnn.open_run(tmp_path, model=model))
    with pytest.raises(ValueError, match="model must be that of the run"):
        bnn.open_run(tmp_path, model=bnn.Model([bnn.Dense(2)]))
    with pytest.raises(ValueError, match="layers.*activation cannot be saved.*squared_sine"):
        bnn.save(result, tmp_path / "fit.npz")


# InMemoryStore

CEILING = """
    import resource, sys, tempfile
    from pathlib import Path
    import jax, jax.numpy as jnp
    sys.path.insert(0, "tests/samplers/engine")
    from test_chains import Walk, DATA
    from bayesnn.samplers.engine import chains
    from bayesnn._internal.runtime import computing
    from bayesnn.samplers.engine.plan import Plan
    from bayesnn.fitting.store.run_store import RunStore

    class Thrown(RunStore):
        def values(self):
            return {}

    def wide(key, state, data):
        return {"z": jnp.full(10_000, state.z[0])}

    @computing
    def run(draws, folder):
        plan = Plan(draws, 1, 2, progress=False, keeper=Thrown(Path(folder), "walk"))
        return chains.run_chains(Walk(), wide, jax.random.key(1), tuple(map(jnp.asarray, DATA)), plan)

    with tempfile.TemporaryDirectory() as folder:
        run(300, folder)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        ceiling = pages * resource.getpagesize() + 500_000_000
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
        run(10_000, folder)  # 1.6 GB
        print("done", sum(path.stat().st_size for path in Path(folder).iterdir()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of a process as Linux gives it")
def test_memory_stays_bounded_while_sampling():
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(CEILING)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 1_500_000_000
