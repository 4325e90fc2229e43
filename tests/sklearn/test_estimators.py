"""The estimators do what scikit-learn expects of estimators; its own checks are in the slow set."""

import importlib
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

pytest.importorskip("sklearn", reason='scikit-learn is not installed: pip install "bayesnn[sklearn]"')

from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.sklearn import BayesianNetworkClassifier, BayesianNetworkRegressor  # noqa: E402
from bayesnn.sklearn.rows import counted  # noqa: E402

SHORT = {"hidden": 1, "draws": 50, "warmup": 50, "chains": 2, "random_state": 0}
X = np.linspace(-1, 1, 20)[:, None]
Y = np.sin(2 * X[:, 0]) + 0.1 * np.cos(30 * X[:, 0])


@pytest.fixture
def quick(monkeypatch, fake_fit):
    """Estimators whose draws are put together by hand; the slow tests sample."""

    def made(model, x, y, *, key, weights, standardize, draws, chains, **rest):
        return fake_fit(model, x, y, weights=weights, standardize=standardize, draws=draws, chains=chains, key=key)

    monkeypatch.setattr(importlib.import_module("bayesnn.sklearn.base"), "fit", made)


@pytest.fixture
def regressor(quick):
    return BayesianNetworkRegressor(**SHORT).fit(X, Y)


@pytest.fixture
def classifier(quick):
    return BayesianNetworkClassifier(**SHORT).fit(X, np.where(Y > 0, "up", "down"))


def test_importing_the_package_leaves_scikit_learn_alone():
    code = "import sys, bayesnn; assert not any(name.split('.')[0] == 'sklearn' for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("estimator", [BayesianNetworkRegressor, BayesianNetworkClassifier])
def test_a_fit_that_was_interrupted_ends_a_search(monkeypatch, fake_fit, estimator):
    base = importlib.import_module("bayesnn.sklearn.base")
    monkeypatch.setattr(base, "fit", lambda model, x, y, **rest: fake_fit(model, x, y, complete=False))
    with pytest.raises(KeyboardInterrupt):
        estimator(**SHORT).fit(X, (Y > 0).astype(int))


def test_the_fit_is_that_of_the_package(regressor):
    assert isinstance(regressor.fit_, bnn.Fit)
    mean = bnn.predict(regressor.fit_, X).mean(("chain", "draw")).to_numpy()
    np.testing.assert_array_equal(regressor.predict(X), mean)
    assert regressor.n_features_in_ == 1


def test_mean_sd_quantiles_and_samples_are_of_one_distribution(regressor):
    mean, sd = regressor.predict(X, return_std=True)
    drawn = regressor.sample_y(X, n_samples=4000, random_state=1)
    assert drawn.shape == (20, 4000)
    # draws of the posterior repeat, so the error of the mean is that of its 100 functions and of 4000 errors
    spread = drawn.std(axis=1)
    assert (abs(drawn.mean(axis=1) - mean) < 5 * spread / np.sqrt(100)).all()
    np.testing.assert_allclose(spread, sd, rtol=5 / np.sqrt(2 * 100))
    low, middle, high = regressor.predict_quantiles(X).T
    assert (low < middle).all() and (middle < high).all()
    inside = (drawn > low[:, None]) & (drawn < high[:, None])
    assert abs(inside.mean() - 0.9) < 0.03
    with pytest.raises(ValueError, match="quantiles must be between 0 and 1, got 5"):
        regressor.predict_quantiles(X, quantiles=[5])


def test_probabilities_are_those_of_the_classes(classifier):
    assert classifier.classes_.tolist() == ["down", "up"]
    chances = classifier.predict_proba(X)
    draws = bnn.predict(classifier.fit_, X, kind="probability").sel({"class": "up"})
    np.testing.assert_allclose(chances[:, 1], draws.mean(("chain", "draw")))
    np.testing.assert_array_equal(classifier.predict(X) == "up", chances[:, 1] > 0.5)
    assert 0.0 <= classifier.score(X, np.where(Y > 0, "up", "down")) <= 1.0


def test_a_pickled_estimator_predicts_the_same(regressor):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(regressor)).predict(X), regressor.predict(X))


def test_tables_with_categories(quick):
    table = pd.DataFrame({"x": X[:, 0], "side": np.where(X[:, 0] > 0, "right", "left")})
    network = BayesianNetworkRegressor(**SHORT).fit(table, Y)
    assert network.feature_names_in_.tolist() == ["x", "side"]
    assert network.fit_.data.columns.inputs == ("x", "side[right]")
    assert network.predict(table).shape == (20,)
    with pytest.raises(ValueError, match="column 'side'.*got also \\['up'\\]"):
        network.predict(table.assign(side="up"))
    with pytest.raises(ValueError, match="feature names"):
        network.predict(table.rename(columns={"x": "z"}))


def test_equal_rows_are_counted():
    x, y = np.array([[2.0], [1.0], [2.0], [3.0]]), np.array([5.0, 4.0, 5.0, 6.0])
    rows, target, weights = counted(x, y, None)
    assert (rows[:, 0].tolist(), target.tolist(), weights.tolist()) == ([1, 2, 3], [4, 5, 6], [1, 2, 1])
    weighted = counted(x[[3, 1, 0]], y[[3, 1, 0]], np.array([1.0, 1.0, 2.0]))
    for one, other in zip((rows, target, weights), weighted):
        np.testing.assert_array_equal(one, other)
    same, _, none = counted(x[1:], y[1:], np.ones(3))
    assert none is None and same is not None and len(same) == 3
    frame = pd.DataFrame({"a": ["u", "v", "u"], "b": [1, 2, 1]})
    assert counted(frame, np.zeros(3), None)[2].tolist() == [2, 1]


def test_models_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="model must have a likelihood that suits BayesianNetworkRegressor"):
        BayesianNetworkRegressor(model=bnn.shallow(1, likelihood=bnn.Bernoulli())).fit(X, Y)
    with pytest.raises(ValueError, match="model must be a bnn.Model"):
        BayesianNetworkClassifier(model=5).fit(X, Y > 0)
    with pytest.raises(ValueError, match="at least two classes"):
        BayesianNetworkClassifier().fit(X, np.ones(20, int))


def test_pipelines_and_searches(quick):
    pipe = make_pipeline(StandardScaler(), BayesianNetworkRegressor(**SHORT))
    search = GridSearchCV(pipe, {"bayesiannetworkregressor__hidden": [1, 2]}, cv=2).fit(X, Y)
    assert search.best_estimator_[-1].fit_.data.x.shape == (20, 1)
    assert search.best_estimator_[-1].hidden == search.best_params_["bayesiannetworkregressor__hidden"]


def test_calibration(quick):
    y = np.where(Y > 0, "up", "down")
    network = CalibratedClassifierCV(BayesianNetworkClassifier(**SHORT), cv=2).fit(X, y)
    np.testing.assert_allclose(network.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.slow
def test_real_data():
    flowers = bnn.datasets.iris()
    network = BayesianNetworkClassifier(hidden=2, random_state=0).fit(
        flowers.drop(columns="species"), flowers["species"]
    )
    assert network.score(flowers.drop(columns="species"), flowers["species"]) > 0.95
    table = bnn.datasets.mcycle()
    curve = BayesianNetworkRegressor(random_state=0).fit(table[["times"]], table["accel"])
    assert curve.score(table[["times"]], table["accel"]) > 0.7
    mean, sd = curve.predict(table[["times"]], return_std=True)
    assert 0.8 < np.mean(abs(table["accel"] - mean) < 1.645 * sd) < 1.0  # 133 rows; 90% nominal


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator", [BayesianNetworkRegressor(), BayesianNetworkClassifier()], ids=["numbers", "classes"]
)
def test_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert {r["check_name"]: str(r["exception"]) for r in results if r["status"] not in ("passed", "skipped")} == {}
    # only what scikit-learn leaves out itself where other packages or settings are missing
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}
    assert len(results) > 40


DAYS = np.arange(20).astype("M8[D]")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (X.astype(str), "must hold numbers, got <U32, numbers as text"),
        (X.astype(object).astype(str).astype(object), "numbers as text"),
        (DAYS[:, None], r"got dates or durations \(datetime64\[D\]\)"),
        ((DAYS - DAYS[0])[:, None], "got dates or durations"),
        (np.array([pd.Timestamp(day) for day in DAYS], object)[:, None], "got dates or durations"),
        (np.array([(1.0,)] * 20, "f8,")[:, None], "must hold numbers, got "),
        (np.ma.masked_array(X, mask=X > 0.9), "contains NaN"),
    ],
)
def test_what_scikit_learn_would_take_for_numbers(regressor, values, message):
    new = BayesianNetworkRegressor(**SHORT)
    for attempt in (
        lambda: new.fit(values, Y),
        lambda: new.fit(X, values[:, 0]),
        lambda: regressor.predict(values),
        lambda: new.fit(X, Y, sample_weight=values[:, 0]),
    ):
        with pytest.raises(ValueError, match=f"{message}|weights must be finite|at least zero"):
            attempt()


def test_labels_keep_their_types_and_none_is_missing(quick):
    codes = (np.arange(20) % 2).tolist()
    for dtype, classes in (("Int64", [0, 1]), ("boolean", [False, True]), ("category", [0, 1])):
        found = BayesianNetworkClassifier(**SHORT).fit(X, pd.Series(codes).astype(dtype)).classes_
        assert found.tolist() == classes
        assert found.dtype.kind in "ib"
    for missing in (None, pd.NA, np.nan):
        labels = pd.Series([missing, *"ab" * 9, "a"], dtype=object)
        with pytest.raises(ValueError, match="y must have no missing labels, got 1, the first at row 0"):
            BayesianNetworkClassifier(**SHORT).fit(X, labels)
    with pytest.raises(ValueError, match="labels of one type, which have an order"):
        BayesianNetworkClassifier(**SHORT).fit(X, np.array([1, "a"] * 10, object))


def test_categories_that_read_the_same_are_not_counted_as_one(quick):
    table = pd.DataFrame({"a": pd.Series([1, "1", "u", "v"] * 5, dtype=object)})
    # 1 and "1" have equal targets: counted as one row, the clash of their names would pass unseen
    with pytest.raises(ValueError, match="got the categories 1 and '1' of column 'a'"):
        BayesianNetworkRegressor(**SHORT).fit(table, np.tile([0.0, 0.0, 1.0, 2.0], 5))
    with pytest.raises(ValueError, match="column 'a' must have no missing categories, got 1, the first at row 3"):
        BayesianNetworkRegressor(**SHORT).fit(pd.DataFrame({"a": ["u", "v", "u", None] + ["u"] * 16}), Y)


@pytest.mark.parametrize("named", [("up", "down"), ("up", "down", "away")])
def test_columns_are_those_of_the_classes_whatever_order_the_model_names(quick, named):
    labels = np.where(Y > 0, "up", "down")
    likelihood = bnn.Bernoulli(named) if len(named) == 2 else bnn.Categorical(named)
    model = bnn.shallow(1, likelihood=likelihood)
    estimator = BayesianNetworkClassifier(model=model, **SHORT).fit(X, labels)
    assert estimator.classes_.tolist() == sorted(named)
    draws = bnn.predict(estimator.fit_, X, kind="probability").mean(("chain", "draw"))
    found = estimator.predict_proba(X)
    for column, label in enumerate(sorted(named)):
        np.testing.assert_allclose(found[:, column], draws.sel({"class": label}))


def test_labels_as_text_of_numpy_2(quick):
    labels = list("aba") * 6 + ["a", "b"]
    found = BayesianNetworkClassifier(**SHORT).fit(X, np.array(labels, dtype=np.dtypes.StringDType()))
    assert found.classes_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(found.predict(X), BayesianNetworkClassifier(**SHORT).fit(X, labels).predict(X))


def test_the_target_among_the_columns_is_refused():
    table = pd.DataFrame({"a": X[:, 0], "b": Y})
    with pytest.raises(ValueError, match="x must not hold the target, got y itself as column 'b'"):
        BayesianNetworkRegressor(**SHORT).fit(table, table["b"])


def test_no_table_is_refused_in_words(regressor):
    for attempt in (lambda: BayesianNetworkRegressor(**SHORT).fit(None, Y), lambda: regressor.predict(None)):
        with pytest.raises(ValueError, match="X must be an array, a list or a table, got None"):
            attempt()


@pytest.mark.parametrize("values", [(row for row in X), {"a": X[:, 0]}, zip(X, X, strict=True)])
def test_what_is_no_array_is_refused_in_words(regressor, values):
    with pytest.raises(ValueError, match=f"X must be an array, a list or a table, got {type(values).__name__}"):
        regressor.predict(values)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_matrices_are_refused_in_words(regressor, kind):
    new, labels = BayesianNetworkRegressor(**SHORT), BayesianNetworkClassifier(**SHORT)
    name = kind.__name__
    for attempt, what in (
        (lambda: new.fit(kind(X), Y), "X"),
        (lambda: new.fit(X, kind(Y[:, None])), "y"),
        (lambda: labels.fit(X, kind(Y[:, None] > 0)), "y"),
        (lambda: new.fit(X, Y, sample_weight=kind(X**2)), "weights"),
        (lambda: regressor.predict(kind(X)), "X"),
    ):
        with pytest.raises(ValueError, match=rf"{what} must be a dense array, got a sparse {name}: call its toarray"):
            attempt()


def test_sparse_columns_of_a_table_are_as_dense_ones(quick):
    dense = pd.DataFrame({"a": X[:, 0], "b": np.round(X[:, 0])})
    thin = dense.astype({"b": pd.SparseDtype(float, 0.0)})
    found = [BayesianNetworkRegressor(**SHORT).fit(table, Y) for table in (dense, thin)]
    np.testing.assert_array_equal(found[0].predict(dense), found[1].predict(thin))


@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda y: np.array(y, object)])
def test_labels_as_bytes_are_refused_in_words(form):
    labels = form([b"down", b"up"] * 10)
    with pytest.raises(ValueError, match="y must hold labels that scikit-learn takes, got bytes at row 0: decode them"):
        BayesianNetworkClassifier(**SHORT).fit(X, labels)


@pytest.mark.parametrize("quantiles", [0.5, None, [], "0.5"])
def test_quantiles_are_several(regressor, quantiles):
    with pytest.raises(ValueError, match="quantiles must be numbers between 0 and 1, such as"):
        regressor.predict_quantiles(X, quantiles=quantiles)
