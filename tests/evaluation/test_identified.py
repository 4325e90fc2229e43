"""What the data identify, as inference data: the function at rows, and sites that labels and signs do not touch."""

import arviz as az
import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn

X = pd.DataFrame({"a": np.linspace(10.0, 0.0, 20)})
Y = 100.0 + 5.0 * np.sin(X["a"])


def test_the_function_is_that_of_predict_over_the_range_of_the_input(fake_fit):
    fit = fake_fit(bnn.shallow(2, linear=True), X, Y)
    found = bnn.identified(fit, rows=3)
    chosen = found["posterior"]["row"].to_numpy()
    assert chosen[0] == 19 and chosen[-1] == 0 and len(chosen) == 3
    expected = bnn.predict(fit, X.iloc[chosen]).to_numpy()
    np.testing.assert_allclose(found["posterior"]["f"], expected, rtol=1e-10)
    assert list(found["posterior"].data_vars) == ["f", "linear", "sigma", "sigma_beta"]
    slope = fit.idata["posterior"]["linear"].to_numpy() * Y.std(ddof=0) / X["a"].std(ddof=0)
    np.testing.assert_allclose(found["posterior"]["linear"], slope, rtol=1e-10)


def test_the_prior_has_the_same_sites_in_the_same_units(fake_fit):
    fit = bnn.add_groups(fake_fit(bnn.shallow(2, linear=True), X, Y), ["prior"], draws=7)
    found = bnn.identified(fit)
    assert set(found["posterior"].data_vars) - {"f"} == set(found["prior"].data_vars)
    ratio = found["prior"]["linear"].to_numpy() / fit.idata["prior"]["linear"].to_numpy()
    np.testing.assert_allclose(ratio, Y.std(ddof=0) / X["a"].std(ddof=0))


def test_values_do_not_depend_on_the_labels_of_units(fake_fit):
    def swapped(values):
        for name in ("dense0_kernel", "dense0_bias", "beta"):
            values[name] = values[name][:, :, ::-1]

    model = bnn.Model([bnn.Dense(3)], prior=bnn.Normal())
    found, other = (bnn.identified(fake_fit(model, X, Y, change=c))["posterior"] for c in (None, swapped))
    assert list(found.data_vars) == ["f", "sigma"]
    for name in found.data_vars:
        np.testing.assert_allclose(found[name], other[name], rtol=1e-9)


def test_a_few_rows_for_large_networks(fake_fit):
    model = bnn.Model([bnn.Dense(20), bnn.Dense(20)], prior=bnn.Hierarchical())
    posterior = bnn.identified(fake_fit(model, X, Y))["posterior"]
    assert sum(int(np.prod(v.shape[2:])) for v in posterior.data_vars.values()) < 20
    assert "dense1_kernel_scale" in posterior


def test_steps_and_classes(fake_fit):
    x = bnn.pad([np.ones((3, 1)), np.zeros((2, 1)), np.linspace(0, 1, 4)[:, None]])
    tagger = bnn.Model([bnn.Elman(2, return_sequences=True)], prior=bnn.Normal())
    fit = fake_fit(tagger, x, [[1.0, 2.0, 0.5], [0.0, 1.0], [1.0, 3.0, 2.0, 0.0]])
    last = bnn.predict(fit, x).to_numpy()[:, :, [0, 1, 2], [2, 1, 3]]
    np.testing.assert_allclose(bnn.identified(fit)["posterior"]["f"], last, rtol=1e-10)
    three = fake_fit(bnn.shallow(1, likelihood=bnn.Categorical()), X, np.array(["u", "v", "w", "u"] * 5))
    f = bnn.identified(three)["posterior"]["f"]
    assert f.dims == ("chain", "draw", "class", "row")
    np.testing.assert_allclose(f.sum("class"), 0.0, atol=1e-9)


def test_arviz_writes_each_mean_beside_its_label(fake_fit):
    """ArviZ 1.3 mixes labels up where variables have the axes in different orders."""
    table = X.assign(b=np.cos(X["a"]))
    labels = np.array(["u", "v", "w", "u"] * 5)
    fit = fake_fit(bnn.shallow(2, likelihood=bnn.Categorical()), table, labels)
    found = bnn.identified(fit, rows=2)
    rows = az.summary(found)["mean"].astype(float)
    posterior = found["posterior"]
    for name, values in posterior.data_vars.items():
        means = values.mean(("chain", "draw"))
        for place in np.ndindex(means.shape):
            labels = [str(means[dim].to_numpy()[i]) for dim, i in zip(means.dims, place, strict=True)]
            row = f"{name}[{', '.join(labels)}]" if labels else name
            assert abs(rows[row] - float(means[place])) < 0.05 + 0.05 * abs(float(means[place])), row


def test_bad_rows(fake_fit):
    with pytest.raises(ValueError, match="rows must be a whole number of at least 1"):
        bnn.identified(fake_fit(bnn.shallow(1), X, Y), rows=0)
