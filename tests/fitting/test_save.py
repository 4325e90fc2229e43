"""Fits as files: what comes back, what is refused, and that old files are read."""

import datetime
import importlib.util
import json
import zipfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_run_folder import same_idata

import bayesnn as bnn
from bayesnn.data.dataset import Columns, Scaling
from bayesnn.fitting.inference_data import groups_of
from bayesnn.fitting.store import codec, files

GOLDEN = Path(__file__).parents[1] / "golden"
X = pd.DataFrame({"a": np.linspace(0, 1, 12), "b": list("uvw") * 4, "c": pd.Categorical([1, 2] * 6)})
NUMBERS = np.sin(5 * X["a"].to_numpy())
LABELS = np.array(["x", "y", "z"] * 4)
COUNTS = np.arange(12) % 4
MIXED = [("a", 1), 2, True] * 4
CASES = {
    "gaussian": (bnn.shallow(2), NUMBERS, {}),
    "outputs": (bnn.Model([bnn.Dense(2, "tanh")]), np.stack([NUMBERS, COUNTS], axis=1), {}),
    "weights": (bnn.Model([bnn.Dense(2)], bnn.StudentT()), NUMBERS, {"weights": np.arange(12.0)}),
    "offset": (bnn.Model([bnn.Dense(2)], bnn.Poisson()), COUNTS, {"offset": np.ones(12)}),
    "classes": (bnn.shallow(2, likelihood=bnn.Categorical()), LABELS, {}),
    "mixed classes": (bnn.shallow(2, likelihood=bnn.Categorical()), MIXED, {}),
}


@pytest.mark.first_case
@pytest.mark.parametrize("case", CASES)
def test_a_loaded_fit_gives_the_same_numbers(fake_fit, tmp_path, case):
    model, y, options = CASES[case]
    fit = fake_fit(model, X, y, chains=2, draws=4, **options)
    bnn.save(fit, tmp_path / "fit")
    loaded = bnn.load(str(tmp_path / "fit"))
    same_idata(fit.idata, loaded.idata)
    assert (loaded.model, loaded.sampler, loaded.data.columns, loaded.data.scaling) == (
        fit.model, fit.sampler, fit.data.columns, fit.data.scaling,
    )  # fmt: skip
    assert loaded.idata["posterior"].attrs == fit.idata["posterior"].attrs
    for name, values in fit.idata["posterior"].coords.items():
        assert loaded.idata["posterior"].coords[name].to_numpy().tolist() == values.to_numpy().tolist()
    arguments = {"offset": 1.0} if "offset" in options else {}
    kind = "probability" if "classes" in case else "response"
    expected = bnn.predict(fit, X.iloc[:3], kind=kind, **arguments)
    np.testing.assert_array_equal(bnn.predict(loaded, X.iloc[:3], kind=kind, **arguments), expected)
    pd.testing.assert_series_equal(bnn.evaluate(loaded, X, y, **arguments), bnn.evaluate(fit, X, y, **arguments))


def test_dates_label_rows(fake_fit, tmp_path):
    x = X.set_index(pd.date_range("2020-01-01", periods=12, freq="MS"))
    fit = fake_fit(bnn.shallow(1), x, NUMBERS, chains=1, draws=2)
    bnn.save(fit, tmp_path / "fit")
    np.testing.assert_array_equal(bnn.load(tmp_path / "fit").data.obs, fit.data.obs)


def test_equal_fits_give_equal_files_and_replace_them(fake_fit, tmp_path):
    fit = fake_fit(bnn.shallow(1), X, NUMBERS, chains=1, draws=2)
    bnn.save(fit, tmp_path / "fit")
    first = (tmp_path / "fit").read_bytes()
    bnn.save(fit, tmp_path / "fit")
    assert (tmp_path / "fit").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]


def test_format_version_1_is_read():
    """Made by tests/golden/make_fit_v1.py."""
    spec = importlib.util.spec_from_file_location("make_fit_v1", GOLDEN / "make_fit_v1.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    expected = json.loads((GOLDEN / "fit_v1.json").read_text())["probability"]
    got = bnn.predict(bnn.load(GOLDEN / "fit_v1.npz"), make.rows(), kind="probability")
    np.testing.assert_allclose(got, expected, rtol=1e-10)


STAMPS = pd.date_range("2020-03-28", periods=12, tz="Europe/Berlin")


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2020-01", periods=12, freq="M"),
        pd.interval_range(0, 12),
        STAMPS,
        pd.Index(["a", 1, 2.5, ("b", 2), "1", *range(5, 12)], dtype=object),
        pd.timedelta_range("1h", periods=12, freq="1h"),
        pd.MultiIndex.from_product([["a", "b"], range(6)]),
    ],
)
def test_rows_labelled_by_anything_are_kept_by_every_format(fake_fit, tmp_path, index):
    table = X.set_axis(index)
    fit = fake_fit(bnn.shallow(1), table, NUMBERS, chains=1, draws=2)
    bnn.save(fit, tmp_path / "fit")
    loaded = bnn.load(tmp_path / "fit")
    assert loaded.data.obs.tolist() == fit.data.obs.tolist()
    assert len(set(fit.data.obs.tolist())) == 12
    for data in (*groups_of(fit.idata).values(), bnn.predict(fit, table).to_dataset()):
        content = data.to_netcdf(None, engine="scipy", format="NETCDF3_64BIT")
        assert content is not None


@pytest.mark.parametrize(
    "classes",
    [
        (pd.Period("2020", "M"), pd.Period("2021", "M")),
        (STAMPS[0], STAMPS[1]),
        (pd.Interval(0, 1), pd.Interval(1, 2)),
        (datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)),
        (datetime.datetime(2020, 1, 1, 3), datetime.datetime(2021, 1, 1)),
        (pd.Timedelta("1h"), pd.Timedelta("2h")),
        (("a", 1), ("b", 2)),
        (1, "1"),
    ],
)
def test_classes_that_are_dates_or_intervals_come_back(fake_fit, tmp_path, classes):
    fit = fake_fit(bnn.Model([bnn.Dense(1)], bnn.Categorical()), X, list(classes) * 6, chains=1, draws=2)
    bnn.save(fit, tmp_path / "fit")
    loaded = bnn.load(tmp_path / "fit")
    assert loaded.model.likelihood.classes == fit.model.likelihood.classes
    assert set(loaded.model.likelihood.classes) == set(classes)
    for data in groups_of(fit.idata).values():
        assert data.to_netcdf(None, engine="scipy", format="NETCDF3_64BIT") is not None


# What is refused


@pytest.fixture(scope="module")
def saved(fake_fit, tmp_path_factory):
    fit = fake_fit(bnn.shallow(1), X, NUMBERS, chains=1, draws=2)
    path = tmp_path_factory.mktemp("saved") / "fit"
    bnn.save(fit, path)
    return fit, path


def changed(saved, tmp_path, change):
    """The file with another document."""
    arrays, document = files.read_arrays(saved[1])
    change(document, arrays)
    files.write_arrays(tmp_path / "changed", arrays, document)
    return tmp_path / "changed"


CHANGES = {
    "newer": (lambda d, a: d.update(version=2), "format version 2, and this bayesnn reads up to 1"),
    "no version": (lambda d, a: d.pop("version"), "format version None"),
    "other format": (lambda d, a: d.update(format="bayesnn run"), "must be a file written by bnn.save"),
    "no document": (lambda d, a: d.clear(), "must be a file written by bnn.save"),
    "unknown class": (lambda d, a: d["model"].update(spec="os.system"), "unknown class 'os.system'"),
    "unknown field": (lambda d, a: d["sampler"]["fields"].update(speed=9), "Gibbs has unknown fields"),
    "unknown tag": (lambda d, a: d.update(sampler={"call": "rm"}), r"unknown tag \['call'\]"),
    "impossible value": (lambda d, a: d["sampler"]["fields"].update(sweeps=-1), "sweeps must be a whole number"),
    "missing array": (lambda d, a: a.pop("data.x"), "data.x"),
    "missing site": (lambda d, a: d["groups"]["dict"][0][1]["dict"][0][1]["dict"].pop(), "the model has the sites"),
    "rows": (lambda d, a: a.update({"data.x": a["data.x"][:, :1]}), "do not belong together"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_strange_files_are_refused(saved, tmp_path, case):
    change, message = CHANGES[case]
    with pytest.raises(ValueError, match=message):
        bnn.load(changed(saved, tmp_path, change))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        bnn.load(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"PK", b"some text"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "fit").write_bytes(content)
    with pytest.raises(ValueError, match="damaged, or not a file of this package"):
        bnn.load(tmp_path / "fit")


def test_pickles_are_not_opened(tmp_path):
    np.savez(tmp_path / "fit.npz", a=np.array([{"a": 1}], dtype=object))
    with zipfile.ZipFile(tmp_path / "fit.npz", "a") as archive:
        archive.writestr("document.json", '{"format": "bayesnn fit", "version": 1}')
    with pytest.raises(ValueError, match="allow_pickle=False"):
        bnn.load(tmp_path / "fit.npz")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_flipped_bits_are_refused_or_harmless(saved, tmp_path_factory, data):
    content = bytearray(saved[1].read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flipped") / "fit"
    path.write_bytes(content)
    try:
        loaded = bnn.load(path)
    except ValueError as error:
        assert "damaged" in str(error)
    else:
        same_idata(saved[0].idata, loaded.idata)


EXACT = {
    "decimals": [Decimal("1.10"), Decimal("-2E+5")],
    "fractions": [Fraction(1, 3), Fraction(-2)],
    "bytes": [b"a", b"\xff"],
    "identifiers": [UUID(int=1), UUID(int=2)],
    "times": [datetime.time(1, 2), datetime.time(3)],
    "durations": [datetime.timedelta(1), datetime.timedelta(-2, 3, 4)],
    "dates with a zone": [datetime.datetime(2020, 1, day, tzinfo=datetime.UTC) for day in (1, 2)],
}


@pytest.mark.parametrize("labels", EXACT)
def test_labels_of_exact_types_come_back(labels):
    arrays = {}
    encoded = json.loads(json.dumps(codec.encode(tuple(EXACT[labels]), arrays, "labels")))
    found = codec.decode(encoded, arrays)
    assert found == tuple(EXACT[labels])
    assert list(map(type, found)) == list(map(type, EXACT[labels]))


@pytest.mark.parametrize(
    "parts",
    [
        ("Fraction", "1e10000000"),
        ("Decimal", "9" * 10**6),
        ("Fraction", "1/" + "9" * 10**6),
        ("UUID", 3),
        ("bytes", "x"),
    ],
)
def test_labels_that_would_take_long_to_read_are_refused(parts):
    table = {"table": {"dict": [["kind", parts[0]], ["text", parts[1]]]}}
    with pytest.raises(ValueError, match="unknown kind of table|hexadecimal"):
        codec.decode(table, {})


class Odd:
    pass


def test_labels_that_no_file_holds_are_named(fake_fit, tmp_path):
    odd = [Odd(), Odd()]
    fit = fake_fit(bnn.Model([bnn.Dense(1)], bnn.Bernoulli((odd[0], odd[1]))), X, odd * 6, chains=1, draws=2)
    with pytest.raises(ValueError, match=r"model.likelihood.classes\[0\] cannot be saved.*class Odd"):
        bnn.save(fit, tmp_path / "fit")
    assert list(tmp_path.iterdir()) == []


# Specs

positive = st.floats(1e-3, 1e3)
labels = st.lists(st.one_of(st.text(), st.integers(), st.booleans(), st.tuples(st.text(), st.integers())), min_size=2)
dense = st.builds(bnn.Dense, st.integers(1, 9), st.sampled_from(["tanh", "logistic", "relu"]))
layer = st.one_of(dense, st.builds(bnn.Residual, dense))
likelihood = st.one_of(
    st.builds(bnn.Gaussian, positive, positive),
    st.builds(bnn.StudentT, st.none() | st.floats(1.5, 50)),
    st.builds(bnn.Categorical, labels.map(lambda v: tuple(dict.fromkeys(v))).filter(lambda v: len(v) > 1)),
    st.builds(bnn.NegativeBinomial, positive, st.none() | st.floats(-5, 5)),
    st.builds(bnn.Heteroskedastic),
)
prior = st.one_of(
    st.builds(bnn.Normal, positive, positive),
    st.builds(bnn.Hierarchical, positive, source=st.sampled_from(["inputs", "all", "none"])),
    st.builds(bnn.MuellerRiosInsua, unit_mean=st.lists(st.floats(-3, 3), min_size=2, max_size=3)),
    st.builds(bnn.Horseshoe),
    st.builds(bnn.HeavyTailed, st.sampled_from(["student_t", "laplace"])),
)
sampler = st.one_of(
    st.builds(bnn.Gibbs, sweeps=st.integers(1, 20), weights=st.sampled_from([None, "hmc", "slice"])),
    st.builds(bnn.NUTS, st.floats(0.1, 0.9), st.integers(1, 12), st.booleans()),
    st.builds(bnn.MCLMC, positive, length=st.none() | positive, start=st.none() | st.builds(bnn.MAP)),
    st.builds(bnn.Ensemble, st.integers(1, 20), st.builds(bnn.MAP, learning_rate=positive)),
    st.builds(bnn.Laplace),
    st.builds(bnn.Variational),
)
scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats())
columns = st.lists(st.one_of(st.none(), st.lists(scalar, min_size=2).map(tuple)), min_size=1).map(
    lambda cats: Columns(tuple(f"x{i}" for i in range(len(cats))), tuple(cats), True)
)
spec = st.one_of(
    st.builds(bnn.Model, st.lists(layer, min_size=1, max_size=3), likelihood, prior, st.booleans(), st.booleans()),
    sampler,
    columns,
    st.builds(Scaling, st.tuples(positive), st.tuples(positive), positive, st.tuples(positive, positive)),
)


@settings(deadline=None)
@given(spec=spec)
def test_specs_come_back(spec):
    arrays = {}
    text = json.dumps(codec.encode(spec, arrays, "spec"), allow_nan=False)
    again = codec.decode(json.loads(text), arrays)
    assert type(again) is type(spec)
    assert repr(again) == repr(spec)  # NaN differs from itself, and 1 from 1.0


@settings(deadline=None)
@given(value=st.recursive(scalar, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner)))
def test_values_come_back(value):
    arrays = {}
    assert repr(codec.decode(json.loads(json.dumps(codec.encode(value, arrays, "v"))), arrays)) == repr(value)


@settings(deadline=None)
@given(junk=st.recursive(scalar, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
    ["spec", "fields", "tuple", "dict", "array", "objects", "float", "Dense", "units"]), inner)))  # fmt: skip
def test_junk_makes_nothing_but_plain_values(junk):
    try:
        made = codec.decode(junk, {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    assert (
        isinstance(made, (bool, int, float, str, tuple, list, dict, np.ndarray, type(None)))
        or type(made) in codec.NAMES
    )


def test_every_public_spec_can_be_saved():
    """A new layer, likelihood, prior or sampler is found by the table of classes that a file may name."""
    from bayesnn.layers import Layer
    from bayesnn.likelihoods import Likelihood
    from bayesnn.priors import Prior
    from bayesnn.samplers import Sampler

    kinds = (Layer, Likelihood, Prior, Sampler)
    public = [v for v in (getattr(bnn, n) for n in bnn.__all__) if isinstance(v, type) and issubclass(v, kinds)]
    assert len(public) > 15
    assert [spec.__name__ for spec in public if spec not in codec.NAMES] == []


DATES = pd.date_range("2020-01-31", periods=4, freq="ME", name="month")
TABLES = {
    "series": pd.Series([1.0, 2.0, np.nan, 4.0], index=DATES, name="y"),
    "whole": pd.Series([1, 2, 3], name=None),
    "periods": pd.Series([1.0, 2.0], index=pd.period_range("2020Q1", periods=2, freq="Q-DEC")),
    "zone": pd.Series([1.0, 2.0], index=pd.date_range("2020-01-01", periods=2, freq="D", tz="Europe/Berlin")),
    "table": pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}, index=["u", "v"]),
    "panel": pd.Series(
        [1.0, 2.0], index=pd.MultiIndex.from_tuples([("u", DATES[0]), ("v", DATES[1])], names=["id", "ds"])
    ),
    "index": DATES,
    "frequency": DATES.freq,
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_come_back(case):
    arrays, value = {}, TABLES[case]
    again = codec.decode(json.loads(json.dumps(codec.encode(value, arrays, "t"))), arrays)
    assert type(again) is type(value)
    if case == "frequency":
        assert again == value
        return
    check = (
        pd.testing.assert_index_equal
        if case == "index"
        else getattr(pd.testing, f"assert_{type(value).__name__.lower().replace('data', '')}_equal")
    )
    check(again, value)
    if case in ("series", "index"):
        assert getattr(again, "index", again).freq == DATES.freq
