"""A run folder of format version 1, made before files and classes got the places and names they have now."""

import io
import json
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.special import expit

import bayesnn as bnn
from bayesnn.fitting.binding import bind
from bayesnn.fitting.store import files, manifest
from bayesnn.fitting.store import format as store_format
from bayesnn.samplers.engine.plan import Plan

GOLDEN = Path(__file__).parents[1] / "golden"
MODEL = bnn.shallow(2)
X = np.linspace(-1, 1, 12)[:, None]
Y = np.sin(3 * X[:, 0])


@pytest.fixture
def folder(tmp_path):
    """A copy of `bnn.fit(shallow(2), X, Y, draws=6, warmup=20, chains=2, key=0, path=...)`."""
    return Path(shutil.copytree(GOLDEN / "run_v1", tmp_path / "run"))


def written(folder):
    """The recorded draws (chain, draw, ...) as the files hold them, read without the package."""
    with zipfile.ZipFile(folder / "draws-0000000000-0000000006.npz") as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        return {name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name))) for name in names}


def test_format_version_1_is_read(folder):
    idata = bnn.open_run(folder)
    posterior, draws = idata["posterior"], written(folder)
    assert dict(posterior.sizes) | {"chain": 2, "draw": 6, "unit": 2} == dict(posterior.sizes)
    assert posterior.attrs["complete"] == 1
    np.testing.assert_allclose(posterior["sigma"], draws["sigma"] * Y.std(), rtol=1e-12)
    np.testing.assert_array_equal(idata["observed_data"]["y"], Y)
    for chain, draw in np.ndindex(2, 6):  # units come in an order of their own
        units = [np.column_stack([v["beta"][chain, draw], v["gamma"][chain, draw]]) for v in (draws, posterior)]
        np.testing.assert_array_equal(*(one[np.argsort(one[:, 0])] for one in units))


def test_predictions_are_those_of_the_draws_in_the_files(folder):
    """The function by draw: in NumPy from the files, by `predict`, and as the version that wrote them had it."""
    draws = written(folder)
    rows = np.column_stack([np.ones(3), (X[:3, 0] - X.mean()) / X.std()])
    function = np.einsum("cdu,cdun->cdn", draws["beta"], expit(draws["gamma"] @ rows.T))
    mean = function * Y.std() + Y.mean()
    bound, data = bind(MODEL, X, Y)
    predicted = bnn.predict(bnn.Fit(bound, data, bnn.Gibbs(), bnn.open_run(folder)), X[:3], kind="mean")
    np.testing.assert_allclose(predicted, mean, rtol=1e-10)
    np.testing.assert_allclose(mean, json.loads((GOLDEN / "run_v1.json").read_text())["mean"], rtol=1e-10)


def test_the_same_call_is_still_the_same_run(folder):
    """Names of specs and fields identify a run: if they were renamed, no older run could be continued."""
    bound, data = bind(MODEL, X, Y)
    now = manifest.run_of(bound, data, bnn.Gibbs(), jax.random.key(0), Plan(6, 20, 2), False)
    then = json.loads((folder / "manifest.json").read_text())["run"]
    assert manifest.differences(then, {n: v for n, v in now.items() if n not in manifest.SOFTWARE}) == ""


@pytest.mark.parametrize("version", [2, 1000])
def test_a_format_of_the_future_is_refused_in_words(folder, version):
    content = json.loads((folder / "manifest.json").read_text())
    content = {name: value for name, value in content.items() if name != "checksum"} | {"version": version}
    changed = content | {"checksum": store_format.checksum(content)}
    (folder / "manifest.json").write_text(json.dumps(changed))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    message = f"has format version {version}, and this bayesnn reads up to 1: use a newer bayesnn"
    with pytest.raises(ValueError, match=message):
        bnn.open_run(folder)
    with pytest.raises(ValueError, match=message):
        bnn.fit(MODEL, X, Y, draws=6, warmup=20, chains=2, key=0, path=folder, progress=False)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before} == before


# Folders that were made to harm: checksums are right, so that only what they say can be refused


def set_manifest(folder, **changes):
    content = json.loads((folder / "manifest.json").read_text())
    content = {name: value for name, value in (content | changes).items() if name != "checksum"}
    files.write_json(folder / "manifest.json", content | {"checksum": store_format.checksum(content)})


def set_arrays(folder, name, change):
    arrays, document = files.read_arrays(folder / name)
    change(arrays, document)
    files.write_arrays(folder / name, arrays, document)


CHUNK, LAST = "draws-0000000000-0000000006.npz", "draws-0000000006-0999999999.npz"


def more_draws_than_bytes(folder):
    set_manifest(folder, draws=999_999_999)
    shutil.copy(folder / CHUNK, folder / LAST)


def with_nan(arrays, document):
    arrays["sigma"] = np.full_like(arrays["sigma"], np.nan)


def with_text(arrays, document):
    arrays["sigma"] = arrays["sigma"].astype(str)


def of_other_units(arrays, document):
    arrays["beta"] = arrays["beta"][..., :1]


FOLDERS = {
    "draws of NaN": (lambda f: set_arrays(f, CHUNK, with_nan), "draws of sigma are not finite"),
    "draws of text": (lambda f: set_arrays(f, CHUNK, with_text), "does not hold numbers"),
    "draws of other units": (lambda f: set_arrays(f, CHUNK, of_other_units), "beta has the size 1 along unit"),
    "a site too few": (lambda f: set_arrays(f, CHUNK, lambda a, d: a.pop("sigma")), "no draws of sigma"),
    "more draws than bytes": (more_draws_than_bytes, "files of draws are smaller than 999999999 draws"),
    "no number of draws": (lambda f: set_manifest(f, draws="6"), "does not describe a run: draws"),
    "draws below one": (lambda f: set_manifest(f, draws=0), "does not describe a run: its counts"),
    "no run": (lambda f: set_manifest(f, run={}), "KeyError 'data'|does not hold the data of the run"),
    "no attributes": (lambda f: set_manifest(f, attributes=None), "does not describe a run: attributes"),
    "a checkpoint of text": (
        lambda f: set_arrays(f, "checkpoint.npz", lambda a, d: d["content"].update(draws="six")),
        "checkpoint.npz does not hold the state of chains",
    ),
    "a checkpoint without keys": (
        lambda f: set_arrays(f, "checkpoint.npz", lambda a, d: d["content"].pop("keys")),
        "checkpoint.npz does not hold the state of chains",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_that_are_not_what_they_say(folder, name):
    change, message = FOLDERS[name]
    change(folder)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            bnn.open_run(folder)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
