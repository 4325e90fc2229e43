"""Groups that are added to a fit: what they hold, their labels and units, and that files and selections keep them."""

import numpy as np
import pandas as pd
import pytest
from made import made_fit

import bayesnn as bnn
from bayesnn.fitting.inference_data import groups_of

TABLE = pd.DataFrame({"a": np.linspace(0.0, 10.0, 20)}, index=[f"row {i}" for i in range(20)])
Y = pd.Series(100.0 + 5.0 * np.sin(TABLE["a"]), index=TABLE.index)
NEW = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=["x", "y", "z"])


@pytest.fixture(scope="module")
def plain(fake_fit):
    return fake_fit(bnn.shallow(2), TABLE, Y)


@pytest.fixture(scope="module")
def more(plain):
    return bnn.add_groups(plain, x=NEW, draws=300, key=3)


def test_all_groups_after_one_call_and_the_fit_is_not_changed(plain, more):
    found = groups_of(more.idata)
    assert set(found) - set(groups_of(plain.idata)) == {
        "posterior_predictive",
        "prior",
        "prior_predictive",
        "predictions",
    }
    assert found["posterior_predictive"]["y"].dims == ("chain", "draw", "obs")
    assert found["posterior_predictive"]["y"].shape == (4, 50, 20)
    assert list(found["posterior_predictive"]["obs"].to_numpy()) == list(TABLE.index)
    assert found["prior_predictive"]["y"].shape == (1, 300, 20)
    assert list(found["predictions"]["obs"].to_numpy()) == list(NEW.index)
    assert set(found["prior"].data_vars) == set(found["posterior"].data_vars)
    for name, values in found["prior"].data_vars.items():
        assert values.dims == found["posterior"][name].dims


def test_simulated_rows_scatter_around_the_function_by_sigma(plain, more):
    mean = bnn.predict(plain, TABLE).to_numpy()
    errors = (more.idata["posterior_predictive"]["y"].to_numpy() - mean) / plain.idata["posterior"]["sigma"].to_numpy()[
        ..., None
    ]
    assert abs(errors.var() - 1.0) < 5 * np.sqrt(2 / errors.size)
    assert abs(errors.mean()) < 5 / np.sqrt(errors.size)


def test_the_prior_is_in_units_of_y_and_its_units_are_sorted(more):
    prior = more.idata["prior"]
    slopes = prior["gamma"].sel(input="a").to_numpy()
    assert (np.diff(slopes, axis=-1) >= 0).all()
    mean, sd = Y.mean(), Y.std(ddof=0)
    # 1/sigma^2 ~ Gamma(1/2, rate 0.01/2) on the standardised scale: its median times 0.01 is that of chi^2_1, 0.455
    assert abs(np.log(np.median((prior["sigma"].to_numpy() / sd) ** -2) * 0.01 / 0.455)) < 0.6
    assert abs(np.median(more.idata["prior_predictive"]["y"]) - mean) < sd


def test_predictions_are_those_of_predict(plain, more):
    alone = bnn.add_groups(plain, ["predictions"], x=NEW, key=3).idata
    np.testing.assert_array_equal(alone["predictions"]["y"], more.idata["predictions"]["y"])
    assert "prior" not in groups_of(alone)
    mean = bnn.predict(plain, NEW)
    assert abs(float(alone["predictions"]["y"].mean()) - float(mean.mean())) < 5.0


def test_files_and_selections_keep_the_groups(more, tmp_path):
    bnn.save(more, tmp_path / "fit.npz")
    loaded = bnn.load(tmp_path / "fit.npz")
    for name, group in groups_of(more.idata).items():
        assert group.equals(groups_of(loaded.idata)[name]), name
    two = groups_of(bnn.select_chains(more, [0, 2]).idata)
    assert two["posterior_predictive"].sizes["chain"] == 2
    assert two["prior"].sizes["chain"] == 1
    np.testing.assert_array_equal(two["predictions"]["y"][1], more.idata["predictions"]["y"][2])


def test_extend_drops_what_lacks_the_new_draws(more):
    from bayesnn.fitting.inference_data import append_draws

    part = made_fit(bnn.shallow(2), TABLE, Y, chains=4, draws=50).idata
    joined = groups_of(append_draws(more.idata, part))
    assert joined["posterior"].sizes["draw"] == 100
    assert "posterior_predictive" not in joined and "predictions" not in joined
    assert joined["prior_predictive"].sizes["draw"] == 300


def test_classes_steps_and_counts(fake_fit):
    labels = np.array(["no", "yes"] * 10)
    classes = bnn.add_groups(
        fake_fit(bnn.shallow(1, likelihood=bnn.Bernoulli()), TABLE, labels), "posterior_predictive"
    ).idata
    assert set(np.unique(classes["posterior_predictive"]["y"])) == {0, 1}
    x = bnn.pad([np.ones((3, 1)), np.zeros((2, 1)), np.linspace(0, 1, 4)[:, None]])
    tagger = bnn.Model([bnn.Elman(2, return_sequences=True)], prior=bnn.Normal())
    per_step = fake_fit(tagger, x, [[1.0, 2.0, 0.5], [0.0, 1.0], [1.0, 3.0, 2.0, 0.0]])
    found = bnn.add_groups(per_step, draws=6).idata
    for group, count in (("posterior_predictive", (4, 50)), ("prior_predictive", (1, 6))):
        values = found[group]["y"]
        assert values.shape == (*count, 3, 4)
        np.testing.assert_array_equal(np.isnan(values.to_numpy()[0, 0]), np.isnan(found["observed_data"]["y"]))
    several = fake_fit(tagger, x[:, :3], np.arange(18.0).reshape(3, 3, 2))  # two outputs at each of three steps
    assert bnn.add_groups(several, "posterior_predictive").idata["posterior_predictive"]["y"].shape == (4, 50, 3, 3, 2)


def test_bad_groups(plain, fake_fit):
    with pytest.raises(ValueError, match="unknown groups .posterior_predictiv.: choose one of"):
        bnn.add_groups(plain, ["posterior_predictiv"])
    with pytest.raises(ValueError, match="new rows: give x too"):
        bnn.add_groups(plain, "predictions")
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1"):
        bnn.add_groups(plain, draws=0)
    confined = fake_fit(bnn.shallow(1, linear=True), bnn.lagged(np.sin(np.arange(30.0)), 2), None)
    with pytest.raises(ValueError, match="confined to maps that do not run away: ask add_groups"):
        bnn.add_groups(confined)
    held = fake_fit(bnn.Model([bnn.fix(bnn.Dense(2))], prior=bnn.Normal()), TABLE, Y)
    with pytest.raises(ValueError, match="layers fixed at values"):
        bnn.add_groups(held)
    assert "posterior_predictive" in groups_of(bnn.add_groups(held, ["posterior_predictive"]).idata)
