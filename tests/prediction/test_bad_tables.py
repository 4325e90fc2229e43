"""Every door that takes a table of new rows refuses one that does not go with the fit, and names the column."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402

ROWS = 16
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"area": RNG.normal(size=ROWS), "region": list("abcd") * 4, "new": [True, False] * 8})
Y = RNG.normal(size=ROWS)
LABELS = pd.Series(np.where(Y > 0, "high", "low"))

NUMBERS = {
    "predict": lambda fit, x: bnn.predict(fit, x),
    "decompose": lambda fit, x: bnn.decompose(fit, x),
    "evaluate": lambda fit, x: bnn.evaluate(fit, x, Y),
    "relevance": lambda fit, x: bnn.relevance(fit, x, Y),
    "partial_dependence": lambda fit, x: bnn.partial_dependence(fit, "area", rows=x),
    "individual_curves": lambda fit, x: bnn.individual_curves(fit, "area", rows=x),
    "average_marginal_effects": lambda fit, x: bnn.average_marginal_effects(fit, rows=x),
    "contrast": lambda fit, x: bnn.contrast(fit, {"area": (0.0, 1.0)}, rows=x),
    "add_groups": lambda fit, x: bnn.add_groups(fit, x=x),
    "plots.calibration": lambda fit, x: bnn.plots.calibration(fit, x, Y),
    "plots.pit_histogram": lambda fit, x: bnn.plots.pit_histogram(fit, x, Y),
    "plots.partial_dependence": lambda fit, x: bnn.plots.partial_dependence(fit, "area", rows=x),
}
CLASSES = {
    "decide": lambda fit, x: bnn.decide(fit, x),
    "evaluate classes": lambda fit, x: bnn.evaluate(fit, x, LABELS),
    "plots.reliability": lambda fit, x: bnn.plots.reliability(fit, x, LABELS),
}
BAD = {
    "absent": (lambda t: t.drop(columns="region"), "missing \\['region'\\]"),
    "more": (lambda t: t.assign(more=1.0), "unknown \\['more'\\]"),
    "renamed": (lambda t: t.rename(columns={"area": "size"}), "area"),
    "text instead of numbers": (lambda t: t.assign(area="wide"), "area"),
    "new category": (lambda t: t.assign(region="z"), "region.*z"),
    "missing": (lambda t: t.assign(area=np.nan), "area"),
    "twice": (lambda t: pd.concat([t, t[["area"]]], axis=1), "area"),
}


@pytest.fixture(scope="module")
def fits():
    from made import made_fit

    numbers = made_fit(bnn.shallow(1), TABLE, Y)
    classes = made_fit(bnn.shallow(1, likelihood=bnn.Bernoulli()), TABLE, LABELS)
    return dict.fromkeys(NUMBERS, numbers) | dict.fromkeys(CLASSES, classes)


DEAR = ("add_groups",)  # draws from the prior are compiled for each table


@pytest.mark.parametrize(
    "door", [pytest.param(d, marks=pytest.mark.slow if d in DEAR else ()) for d in (*NUMBERS, *CLASSES)]
)
def test_a_table_that_does_not_go_with_the_fit(fits, door):
    ask = (NUMBERS | CLASSES)[door]
    for change, words in BAD.values():
        with pytest.raises(ValueError, match=f"(?s){words}"):
            ask(fits[door], change(TABLE))
        plt.close("all")


def test_columns_are_taken_by_name(fits):
    found = bnn.predict(fits["predict"], TABLE[["new", "region", "area"]])
    np.testing.assert_array_equal(found, bnn.predict(fits["predict"], TABLE))


@pytest.mark.parametrize(
    ("change", "words"),
    [(lambda t: pd.concat([t, t[["area"]]], axis=1), "area"), (lambda t: t.assign(area=[{}] * ROWS), "area")],
    ids=["twice", "type"],
)
def test_a_table_that_no_fit_takes(change, words):
    for ask in (bnn.fit, bnn.log_marginal_likelihood, bnn.cross_validate):
        with pytest.raises(ValueError, match=words):
            ask(bnn.shallow(1), change(TABLE), Y)
