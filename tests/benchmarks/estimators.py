"""What scikit-learn's checks of an estimator ask of it: how many fits, of how many shapes, and what first ones take.

`python tests/benchmarks/estimators.py [classifier or regressor]` counts the fits of `check_estimator` and the programs
that they need, with fits put together by hand, which compile nothing; then it fits tables of some of these shapes with
an empty folder of compiled programs, one of them twice. Needs the extra `sklearn`.
"""

import collections
import importlib
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import made  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

from bayesnn.sklearn import BayesianNetworkClassifier, BayesianNetworkRegressor  # noqa: E402

KINDS = {"classifier": BayesianNetworkClassifier, "regressor": BayesianNetworkRegressor}
SHAPES = ((30, 3, 2), (30, 3, 3), (300, 2, 3), (30, 3, 3))  # rows, inputs, classes


def shapes(estimator):
    """How often each shape is fitted: rows, inputs, likelihood and its outputs, and whether rows have weights."""
    found = collections.Counter()

    def fit(model, x, y, *, key, weights, standardize, **settings):
        outputs = len(np.unique(y)) if model.likelihood.kind == "class" else 1
        found[(*np.shape(x), type(model.likelihood).__name__, outputs, weights is not None)] += 1
        return made.made_fit(model, x, y, weights=weights, standardize=standardize, draws=20, chains=2, key=key)

    base = importlib.import_module("bayesnn.sklearn.base")
    original, base.fit = base.fit, fit
    try:
        for one, check in estimator_checks_generator(estimator):
            try:
                check(one)
            except (AssertionError, Exception):  # draws by hand know nothing of the data, so some checks must fail
                continue
    finally:
        base.fit = original
    return found


def main(kind):
    warnings.filterwarnings("ignore")
    found = shapes(KINDS[kind]())
    print(f"{sum(found.values())} fits of {len(found)} shapes")
    for shape, count in sorted(found.items(), key=str):
        print(f"  {count:3} {shape}")
    os.environ["BAYESNN_CACHE"] = tempfile.mkdtemp()
    spent = collections.Counter()
    jax.monitoring.register_event_duration_secs_listener(lambda name, seconds, **_: spent.update({name: seconds}))
    rng = np.random.default_rng(0)
    for n, p, classes in SHAPES:
        x = rng.normal(size=(n, p))
        y = x[:, 0] + rng.normal(size=n)
        y = y if kind == "regressor" else np.digitize(y, [0.0] if classes == 2 else [-0.5, 0.5])
        spent.clear()
        start, clock = time.process_time(), time.perf_counter()
        KINDS[kind](random_state=0).fit(x, y).predict(x)
        seconds, clock = time.process_time() - start, time.perf_counter() - clock
        parts = [sum(v for name, v in spent.items() if word in name) / clock for word in ("jaxpr_", "backend_compile")]
        print(f"{n} rows, {p} inputs, {classes} classes: {seconds:.1f} s of processor time, by the clock", end=" ")
        print(f"{parts[0]:.0%} tracing and lowering, {parts[1]:.0%} in XLA")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["classifier"]))
