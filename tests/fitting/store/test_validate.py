"""Malicious files: each is refused because of its contents, runs no code, and is allocated no memory."""

import io
import json
import tracemalloc
import zipfile
from dataclasses import replace

import made
import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.data.formulas.formula import Formula
from bayesnn.fitting.binding import bind
from bayesnn.fitting.store import files
from bayesnn.fitting.store.field_types import fits
from bayesnn.fitting.store.validate import check_data, check_values

X = pd.DataFrame({"a": np.linspace(0, 1, 12), "b": list("uvw") * 4})
Y = np.sin(5 * X["a"].to_numpy())
LITTLE = 64 * 2**20  # bytes that reading a small file may take


@pytest.fixture(scope="module")
def saved(fake_fit, tmp_path_factory):
    """Files of fits of numbers, of classes with case weights, and of a series."""
    folder = tmp_path_factory.mktemp("saved")
    series = bnn.lagged(pd.Series(Y, pd.period_range("2020-01", periods=12, freq="M")), lags=2)
    kinds = {
        "numbers": fake_fit(bnn.shallow(2), X, Y, chains=2, draws=3),
        "classes": fake_fit(bnn.Model([bnn.Dense(2)], bnn.Categorical()), X, list("xyz") * 4, chains=2, draws=3),
        "series": fake_fit(bnn.shallow(2), series, None, chains=2, draws=3),
    }
    for name, fit in kinds.items():
        bnn.save(fit, folder / name)
    return {name: files.read_arrays(folder / name) for name in kinds}


def field(document, *names):
    """The encoded value of a field, by the names of fields on the way."""
    for name in names:
        document = document[name] if name in document else document["fields"][name]
    return document


def set_field(*names, value):
    def change(document, arrays):
        field(document, *names[:-1])["fields"][names[-1]] = value

    return change


def set_array(name, edit):
    def change(document, arrays):
        arrays[name] = edit(arrays[name])

    return change


def with_nan(values):
    values = values.astype(float)
    values.ravel()[0] = np.nan
    return values


def as_text(values):
    return values.astype(str)


def group_array(group, name):
    """The name of the array of a group's variable."""
    return lambda arrays: next(n for n in arrays if n.startswith(f"groups.{group}.values.{name}["))


def set_draws(group, name, edit):
    def change(document, arrays):
        key = group_array(group, name)(arrays)
        arrays[key] = edit(arrays[key])

    return change


def set_index(part, value):
    """One part of the index of the series."""

    def change(document, arrays):
        ((_, series),) = field(document, "data", "series", "series")["dict"]
        index = dict(series["table"]["dict"])["index"]["dict"]
        next(pair for pair in index if pair[0] == part)[1] = value

    return change


def table(**parts):
    """A table as the document has it."""
    return {"table": {"dict": [list(part) for part in parts.items()]}}


ENDLESS, NONE = {"dict": [["name", None], ["range", {"list": [0, 2 * 10**9, 1]}]]}, {"list": []}
NAN, TUPLE = {"float": "nan"}, "tuple"
ATTACKS = {
    "NaN in place of inputs": ("numbers", set_array("data.x", with_nan), "x does not hold finite numbers"),
    "text in place of inputs": ("numbers", set_array("data.x", as_text), "x does not hold finite numbers"),
    "inputs without rows": ("numbers", set_array("data.x", lambda x: x[:3]), "rows of x and y do not belong"),
    "inputs of three axes": ("numbers", set_array("data.x", lambda x: x[None]), "another number of axes"),
    "too few columns": ("numbers", set_array("data.x", lambda x: x[:, :1]), "rows and columns of the data do not"),
    "NaN in place of a target": ("numbers", set_array("data.y", with_nan), "y is not finite"),
    "text in place of a target": ("numbers", set_array("data.y", as_text), "y does not hold numbers"),
    "a target of two axes": ("numbers", set_array("data.y", lambda y: np.stack([y, y], 1)), r"shape \(n,\)"),
    "codes of no class": ("classes", set_array("data.y", lambda y: y + 1), "codes of other than 3 classes"),
    "codes below zero": ("classes", set_array("data.y", lambda y: y - 1), "codes of other than 3 classes"),
    "classes as floats": ("classes", set_array("data.y", lambda y: y + 0.5), "one code of a class in each row"),
    "labels of another number": ("numbers", set_array("data.obs", lambda o: o[:5]), "there are not 12 row labels"),
    "a scale of zero": ("numbers", set_field("data", "scaling", "y_scale", value=0.0), "y_scale is not above zero"),
    "a scale below zero": ("numbers", set_field("data", "scaling", "y_scale", value=-1.0), "y_scale is not above"),
    "a centre that is NaN": ("numbers", set_field("data", "scaling", "y_center", value=NAN), "y_center is not finite"),
    "scales of text": (
        "numbers",
        set_field("data", "scaling", "x_scale", value={TUPLE: ["a"] * 4}),
        "x_scale of Scaling must be of the type",
    ),
    "scales of another number": (
        "numbers",
        set_field("data", "scaling", "x_scale", value={TUPLE: [1.0]}),
        "x_scale has another shape",
    ),
    "weights below zero": (
        "numbers",
        lambda d, a: (set_field("data", "weights", value={"array": "w"})(d, a), a.update(w=-np.ones(12))),
        "weights must be at least zero",
    ),
    "a kind of inputs of its own": ("numbers", set_field("data", "columns", "kind", value="magic"), "kind of inputs"),
    "a sampler that is a layer": (
        "numbers",
        lambda d, a: d.update(sampler={"spec": "Dense", "fields": {"units": 2}}),
        "sampler is a Dense",
    ),
    "a sampler that is a number": ("numbers", lambda d, a: d.update(sampler=3), "sampler is a int"),
    "a model that is none": ("numbers", lambda d, a: d.update(model=None), "model is a NoneType"),
    "data that are a table": ("numbers", lambda d, a: d.update(data={"dict": []}), "data is a dict"),
    "a likelihood that is a prior": (
        "numbers",
        set_field("model", "likelihood", value={"spec": "Normal", "fields": {}}),
        "likelihood of Model must be of the type",
    ),
    "units without number": (
        "classes",
        lambda d, a: field(d, "model", "layers")[TUPLE][0]["fields"].update(units=10**12),
        "has the size .* and the model|do not belong",
    ),
    "units that are text": (
        "classes",
        lambda d, a: field(d, "model", "layers")[TUPLE][0]["fields"].update(units="2"),
        "units of Dense must be of the type",
    ),
    "draws that are NaN": ("numbers", set_draws("posterior", "beta", with_nan), "draws of beta are not finite"),
    "draws of text": ("numbers", set_draws("posterior", "beta", as_text), "draws of beta are not finite"),
    "draws of other units": ("numbers", set_draws("posterior", "gamma", lambda g: g[:, :, :1]), "conflicting sizes"),
    "draws of an input less": ("numbers", set_draws("posterior", "S_gamma", lambda s: s[..., :1]), "conflicting sizes"),
    "draws of half precision": (
        "numbers",
        set_draws("posterior", "beta", lambda b: b.astype(np.float16)),
        "draws of beta are float16",
    ),
    "draws of single precision": (
        "numbers",
        set_draws("posterior", "beta", lambda b: b.astype(np.float32)),
        "draws of beta are float32",
    ),
    "draws that are whole numbers": (
        "numbers",
        set_draws("posterior", "beta", lambda b: b.astype(int)),
        "draws of beta are int64",
    ),
    "a target of single precision": ("numbers", set_array("data.y", lambda y: y.astype(np.float32)), "y is float32"),
    "sds below zero": ("numbers", set_draws("posterior", "sigma", lambda s: -s), "draws of sigma are not above zero"),
    "a log likelihood of text": ("numbers", set_draws("log_likelihood", "y", as_text), "log_likelihood holds y as"),
    "a log likelihood of few rows": ("numbers", set_draws("log_likelihood", "y", lambda v: v[..., :5]), "conflicting"),
    "a series that is none": ("series", set_field("data", "series", value=7), "series is a int"),
    "lags longer than the series": (
        "series",
        set_field("data", "series", "lags", value={TUPLE: [1, 10**9]}),
        "lags are longer than the series",
    ),
    "dates with a name of several": ("series", set_index("name", {"list": ["a", "b"]}), "unhashable"),
    "dates of another frequency": ("series", set_index("period", "D"), "dates of series 'y' are not one step apart"),
    "dates that are numbers": (
        "series",
        lambda d, a: field(d, "data", "series", "series")["dict"][0][1]["table"]["dict"].__setitem__(
            1, ["index", {"dict": [["name", None], ["range", {"list": [0, 12, 1]}]]}]
        ),
        "are not one step apart|int",
    ),
    "a step that is a time": (
        "series",
        set_field("data", "series", "step", value=table(kind="time", number=0, zone=None)),
        "Timestamp|one step apart",
    ),
    "a class of another program": (
        "numbers",
        lambda d, a: d["model"].update(spec="subprocess.Popen"),
        "unknown class 'subprocess.Popen'",
    ),
    "a class by its dotted name": (
        "numbers",
        lambda d, a: d["model"].update(spec="bayesnn.models.model.Model"),
        "unknown class 'bayesnn.models.model.Model'",
    ),
    "an array of another name": ("numbers", set_field("data", "x", value={"array": "../../etc/passwd"}), "passwd"),
    "a version of the future": ("numbers", lambda d, a: d.update(version=10**9), "format version 1000000000"),
    "objects of an endless shape": (
        "numbers",
        set_field("data", "obs", value={"objects": {"shape": [10**12], "items": []}}),
        "cannot reshape",
    ),
    "a table of 2e9 rows": (
        "numbers",
        set_field("data", "series", value=table(kind="series", index=ENDLESS, values=1.0, name="a")),
        "a table does not have 2000000000 values in each column",
    ),
    "a table of rows alone": (
        "numbers",
        set_field("data", "series", value=table(kind="table", index=ENDLESS, values=NONE, columns=NONE)),
        "a table has 2000000000 rows and no column",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_refused_for_what_it_says(saved, tmp_path, attack):
    which, change, message = ATTACKS[attack]
    arrays, document = json_copy(saved[which])
    files.write_arrays(tmp_path / "untouched", arrays, document)
    bnn.load(tmp_path / "untouched")  # it is the change that is refused
    change(document, arrays)
    files.write_arrays(tmp_path / "changed", arrays, document)
    with within(LITTLE), pytest.raises(ValueError, match=message):
        bnn.load(tmp_path / "changed")


def json_copy(content):
    arrays, document = content
    return dict(arrays), json.loads(json.dumps(document))


class within:
    """Fails if more than so many bytes are allocated at once."""

    def __init__(self, limit):
        self.limit = limit

    def __enter__(self):
        tracemalloc.start()

    def __exit__(self, *error):
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < self.limit


# Archives


def npy(header, data=b""):
    """An npy member with this header, whatever it says."""
    text = repr(header).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("document.json", "{}")
        for name, content in members:
            file.writestr(name, content)


def listed_often(path):
    """One member of 8 MB whose entry stands 3000 times in the list of members."""
    archive(path, [("a.npy", npy({"descr": "|u1", "fortran_order": False, "shape": (8,)}, b"x" * 8 * 2**20))])
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        start = file.start_dir
    directory, end = content[start:-22], content[-22:]
    entry = directory[directory.index(b"PK\x01\x02", 4) :]
    many = directory + entry * 2999
    count = (3001).to_bytes(2, "little") * 2
    end = end[:8] + count + len(many).to_bytes(4, "little") + end[16:]
    path.write_bytes(content[:start] + many + end)


ARCHIVES = {
    "a member listed 3000 times": (listed_often, "a member comes twice"),
    "a bomb": (
        lambda path: archive(path, [("a.npy", b"\0" * 10**8)], zipfile.ZIP_DEFLATED),
        "its members are larger than the file",
    ),
    "a small bomb": (lambda path: archive(path, [("a.npy", b"ab")], zipfile.ZIP_BZIP2), "a member is compressed"),
    "an endless array": (
        lambda path: archive(path, [("a.npy", npy({"descr": "<f8", "fortran_order": False, "shape": (10**12,)}))]),
        "not as large as its header says",
    ),
    "an array of endless text": (
        lambda path: archive(path, [("a.npy", npy({"descr": "<U1000000", "fortran_order": False, "shape": (10**6,)}))]),
        "not as large as its header says",
    ),
    "an array of objects": (
        lambda path: archive(path, [("a.npy", npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"cos\nx"))]),
        "allow_pickle=False",
    ),
    "an array of records": (
        lambda path: archive(path, [("a.npy", npy({"descr": [("a", "<f8")], "fortran_order": False, "shape": (0,)}))]),
        "an array is of the type",
    ),
    "another member": (lambda path: archive(path, [("../../evil.py", b"1")]), "a member is not an array"),
    "code in a header": (
        lambda path: archive(path, [("a.npy", npy("__import__('os').system('true')"))]),
        "damaged, or not a file",
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_not_what_they_say(tmp_path, name):
    make, message = ARCHIVES[name]
    path = tmp_path / "file"
    make(path)
    size = path.stat().st_size
    with within(LITTLE + 2 * size), pytest.raises(ValueError, match=message):
        bnn.load(path)


@pytest.mark.parametrize(
    "document",
    ["[" * 100_000, '{"a":' * 100_000, "NaN", '{"format": "bayesnn fit", "version": 1e999}', "1" * 10_000, "\xff", ""],
)
def test_documents_that_are_none(tmp_path, document):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("document.json", document)
    (tmp_path / "file").write_bytes(buffer.getvalue())
    with within(LITTLE), pytest.raises(ValueError, match="damaged|must be a file written by bnn.save|format version"):
        bnn.load(tmp_path / "file")


def test_types_in_writing():
    assert fits([1, 2], tuple[int, ...])
    assert fits({"a": 1}, dict[str, int])
    assert fits(None, bnn.Dense | None)
    assert not fits(bnn.Dense(1), bnn.NUTS | None)
    assert not fits((1,), tuple[int, int])
    assert not fits(3, str)


def test_draws_of_what_a_random_architecture_has_not():
    model, data = bind(
        bnn.shallow(bnn.Geometric(0.5, 4), linear="random"), np.linspace(-1, 1, 9)[:, None], np.arange(9.0)
    )
    values = made.recorded(model, data.scaled()[0], (2, 3), np.random.default_rng(1))
    values |= {name: values[name].astype(int) for name in ("M", "linear_in")}
    check_values(model, data, values)
    for name, wrong in (("M", -1), ("M", 10**6), ("linear_in", 2)):
        with pytest.raises(ValueError, match=f"draws of {name} are none that the model has"):
            check_values(model, data, values | {name: np.full((2, 3), wrong)})
    with pytest.raises(ValueError, match="draws of M are float64"):
        check_values(model, data, values | {"M": values["M"] + 0.5})


def test_columns_that_let_in_what_the_network_does_not_read():
    words, other = (bnn.text.learn_vocabulary(texts) for texts in (["a good film"] * 3, ["a bad film"] * 3))
    x, y = words.ids(["a good film", "film good a", "good a film"]), np.arange(3.0)
    model, data = bind(bnn.Model([bnn.Embedding(words, 2), bnn.MeanPool()]), x, y)
    check_data(model, data)
    columns, formula = data.columns, Formula("y ~ a", "y", "a", ("a",), (None,), ("a",), (), "()")
    for change in ({"vocabulary": 99}, {"of_source": 3}, {"source": 1}, {"words": other}, {"formula": formula}):
        with pytest.raises(ValueError, match="network|belong together"):
            check_data(model, replace(data, columns=replace(columns, **change)))


def test_draws_in_a_run_folder_that_lost_an_input(tmp_path):
    x = np.linspace(-1.0, 1.0, 9)[:, None]
    bnn.fit(bnn.shallow(1), x, x[:, 0] ** 2, draws=6, warmup=10, chains=2, key=0, progress=False, path=tmp_path)
    (path,) = tmp_path.glob("draws*")
    arrays, document = files.read_arrays(path)
    files.write_arrays(path, arrays | {"gamma": arrays["gamma"][..., :1]}, document)
    with pytest.raises(ValueError, match="gamma has the size 1 along input, and the model 2"):
        bnn.open_run(tmp_path)
