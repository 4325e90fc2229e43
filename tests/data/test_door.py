"""What `fit` makes of tables of any size, type and layout, and of tables that are broken somewhere: properties."""

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bayesnn import Bernoulli, Categorical, Dense, Gaussian, Model, Poisson
from bayesnn._internal.arrays import equal_of_other_types
from bayesnn.fitting.binding import bind

TYPES = ("int8", "int16", "int64", "uint8", "uint32", "float16", "float32", "float64", "bool")
LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "a view backwards": lambda x: x[::-1][::-1],
    "every other column of a larger table": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "lists": lambda x: x.tolist(),
    "a frame": pd.DataFrame,
    "objects": lambda x: x.astype(object),
}
NETWORK = [Dense(2, "tanh")]


@st.composite
def tables(draw):
    """Rows (n, p) of some type, as plain numbers and in some layout; small numbers, so that every type holds them."""
    dtype, shape = draw(st.sampled_from(TYPES)), (draw(st.integers(2, 9)), draw(st.integers(1, 5)))
    elements = st.booleans() if dtype == "bool" else st.integers(0, 9)
    numbers = draw(arrays.arrays(dtype, shape, elements=elements))
    return numbers.astype(float), LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](numbers)


@settings(max_examples=300, deadline=None)
@given(tables(), st.data())
def test_type_and_layout_do_not_matter(table, data):
    exact, given_ = table
    y = data.draw(st.permutations(range(len(exact))))
    _, ours = bind(Model(NETWORK, Gaussian()), given_, y)
    _, plain = bind(Model(NETWORK, Gaussian()), exact, np.asarray(y, dtype=float))
    np.testing.assert_array_equal(ours.x, exact)
    for a, b in zip(ours.scaled(), plain.scaled(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.float64
    x, target = ours.scaled()
    varying = np.ptp(exact, axis=0) > 0
    np.testing.assert_allclose(x.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(x[:, varying].std(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(ours.scaling.inverse(target), y, atol=1e-12)


LABELS = st.one_of(st.integers(-3, 3), st.text(max_size=3), st.booleans(), st.tuples(st.integers(0, 1)))


@settings(max_examples=100, deadline=None)
@given(st.lists(LABELS, min_size=2, max_size=12))
def test_labels_of_any_type_are_coded_and_come_back(labels):
    assume(len(set(labels)) > 1 and equal_of_other_types(labels) is None)  # 1 and True are refused
    y = np.empty(len(labels), dtype=object)
    y[:] = labels
    model, data = bind(Model(NETWORK, Categorical()), np.arange(len(labels), dtype=float)[:, None], y)
    classes = model.likelihood.classes
    assert [classes[code] for code in data.y] == labels
    assert len(classes) == len(set(labels))
    if len(classes) == 2:
        assert bind(Model(NETWORK, Bernoulli()), data.x, y)[0].likelihood.classes == classes


FAULTS = {
    "NaN in x": (lambda x, y, i: (set_(x, i, np.nan), y), "x"),
    "infinity in x": (lambda x, y, i: (set_(x, i, -np.inf), y), "x"),
    "text in x": (lambda x, y, i: (set_(x.astype(object), i, "seven"), y), "x"),
    "None in x": (lambda x, y, i: (set_(x.astype(object), i, None), y), "x"),
    "complex x": (lambda x, y, i: (x + 1j, y), "x"),
    "x of no rows": (lambda x, y, i: (x[:0], y), "x"),
    "x of no columns": (lambda x, y, i: (x[:, :0], y), "x"),
    "x of one axis": (lambda x, y, i: (x[:, 0], y), "x"),
    "x of four axes": (lambda x, y, i: (x[..., None, None], y), "x"),
    "a row short": (lambda x, y, i: (x[1:], y), "x"),
    "NaN in y": (lambda x, y, i: (x, set_(y, i[:1], np.nan)), "y"),
    "infinity in y": (lambda x, y, i: (x, set_(y, i[:1], np.inf)), "y"),
    "y of three axes": (lambda x, y, i: (x, y[:, None, None]), "y"),
    "y of one value": (lambda x, y, i: (x, np.ones(len(y))), "y"),
    "no y": (lambda x, y, i: (x, None), "y"),
}


def set_(array, place, value):
    array = array.copy()
    array[tuple(place)] = value
    return array


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FAULTS)), st.integers(3, 8), st.integers(1, 4), st.data())
def test_faults_are_refused_by_name(fault, n, p, data):
    """A ValueError that says which argument it is about; never another error, and never a fit."""
    rng = np.random.default_rng(n + 10 * p)
    place = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, p - 1))
    plant, named = FAULTS[fault]
    x, y = plant(rng.normal(size=(n, p)), rng.normal(size=n), place)
    try:
        bind(Model(NETWORK, Gaussian()), x, y)
    except ValueError as error:
        assert named in str(error).replace(",", " ").replace(":", " ").split(), str(error)
    else:
        raise AssertionError(f"{fault} was taken")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=8))
def test_counts_are_whole_and_not_negative(values):
    whole = all(value >= 0 and value == int(value) for value in values)
    try:
        bind(Model(NETWORK, Poisson()), np.arange(len(values), dtype=float)[:, None], values)
    except ValueError as error:
        assert not whole or "y" in str(error)
    else:
        assert whole
