"""The ready-made network: where its options end up in the model."""

from dataclasses import fields

import pytest

from bayesnn.layers import Dense
from bayesnn.likelihoods import Bernoulli, Categorical, Gaussian, Poisson
from bayesnn.models.model import Model
from bayesnn.models.shallow import ShallowHyperparameters, shallow
from bayesnn.priors import MuellerRiosInsua

ALL = {
    "noise_guess": 0.3,
    "noise_size": 4.0,
    "readout_guess": 0.5,
    "readout_size": 5.0,
    "readout_mean": 0.4,
    "readout_mean_variance": 2.0,
    "unit_guess": [0.5, 0.6],
    "unit_size": 4.5,
    "unit_mean": [1.0, -0.5],
    "unit_mean_variance": 3.0,
    "intercept_variance": 6.0,
    "linear_variance": 0.25,
    "unit_size_per_weight": 1.5,
    "linear_mean": 0.5,
    "autoregression": False,
}


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("linear", [False, True])
def test_a_shallow_network_is_a_model_of_one_logistic_layer(intercept, linear):
    built = shallow(3, hyper=ShallowHyperparameters(**ALL), intercept=intercept, linear=linear)
    noise = {name: ALL[name] for name in ("noise_guess", "noise_size")}
    weights = {name: value for name, value in ALL.items() if name not in noise}
    by_hand = Model(
        [Dense(3, "logistic")], Gaussian(**noise), MuellerRiosInsua(**weights), intercept=intercept, linear=linear
    )
    assert built == by_hand
    assert hash(built) == hash(by_hand)


def test_without_hyperparameters_the_defaults_of_the_parts_hold():
    assert shallow(hidden=3) == Model([Dense(3)], Gaussian(), MuellerRiosInsua(), intercept=False, linear=False)
    assert shallow(3, hyper=ShallowHyperparameters()) == shallow(3)


def test_every_hyperparameter_is_one_of_a_part():
    """The names and their order are public; the first ten are S, s, C_b, c_b, a_b, A_b, C_g, c_g, a_g, A_g."""
    assert [field.name for field in fields(ShallowHyperparameters)] == list(ALL)
    parts = [field.name for part in (Gaussian, MuellerRiosInsua) for field in fields(part)]
    others = ("outputs_named", "noise_scale", "region")  # not names, another prior of sigma, what data give
    assert list(ALL) == [name for name in parts if name not in others]


@pytest.mark.parametrize("name", ALL)
def test_every_hyperparameter_counts(name):
    assert shallow(3, hyper=ShallowHyperparameters(**{name: ALL[name]})) != shallow(3)


def test_reported_sites_and_their_axes():
    assert shallow(3, intercept=True, linear=True).dims((2,)) == {
        "beta": ("unit",),
        "intercept": (),
        "linear": ("predictor",),
        "gamma": ("unit", "input"),
        "mu_beta": (),
        "sigma_beta": (),
        "mu_gamma": ("input",),
        "S_gamma": ("input", "input_"),
        "sigma": (),
    }
    assert {"intercept", "linear"}.isdisjoint(shallow(3).dims((2,)))


@pytest.mark.parametrize("hidden", [0, -1, 2.0, "3", None, True])
def test_impossible_numbers_of_units(hidden):
    with pytest.raises(ValueError, match="hidden must be a whole number of at least 1, got"):
        shallow(hidden)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical()])
def test_classes_have_a_linear_term_unless_it_is_refused(likelihood):
    assert shallow(3, likelihood=likelihood).linear
    assert not shallow(3, likelihood=likelihood, linear=False).linear
    assert not shallow(3, likelihood=Poisson()).linear


@pytest.mark.parametrize("hyper", [{"noise_guess": 1.0}, ShallowHyperparameters, 3])
def test_hyperparameters_come_as_their_spec(hyper):
    with pytest.raises(ValueError, match="hyper must be a ShallowHyperparameters, got"):
        shallow(3, hyper=hyper)


@pytest.mark.parametrize("name", ["noise_guess", "noise_size", "readout_guess", "unit_size", "unit_size_per_weight"])
def test_impossible_hyperparameters_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} must be a finite number above zero, got -1"):
        shallow(3, hyper=ShallowHyperparameters(**{name: -1}))


def test_both_classifiers_say_the_same_of_the_log_odds_beforehand():
    """Variance of the log odds of two classes: that of a difference of two functions, or of one."""
    two, one = (shallow(3, likelihood=likelihood()).prior for likelihood in (Categorical, Bernoulli))
    assert 2 * two.readout_guess == one.readout_guess
    assert 2 * two.linear_variance == one.linear_variance
    assert two.readout_size == one.readout_size == 4.0
    assert two.unit_size_for(8) == one.unit_size_for(8) == 9.0
    assert shallow(3, likelihood=Poisson()).prior == shallow(3).prior
