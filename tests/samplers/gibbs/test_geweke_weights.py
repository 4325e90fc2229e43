"""The Gibbs sampler that moves all weights at once leaves p(theta, y) invariant under any prior and likelihood.

Priors are drawn by NumPyro from the model function, so a hierarchy that the sampler's updates see differently shows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayesnn import (
    Bernoulli,
    Categorical,
    Dense,
    Gaussian,
    HeavyTailed,
    Heteroskedastic,
    Hierarchical,
    Horseshoe,
    Model,
    MuellerRiosInsua,
    NegativeBinomial,
    Normal,
    Poisson,
    Residual,
    StudentT,
)
from bayesnn._internal import conditionals
from bayesnn.likelihoods import student_t
from bayesnn.priors.factors import GammaFactor, HalfCauchyFactor
from bayesnn.samplers.gibbs import weight_moves as moves
from bayesnn.samplers.gibbs.weight_moves import Kind, WeightGibbs, WeightState

X = np.array([-1.5, -0.6, 0.2, 0.9, 1.8])[:, None]
REPLICAS, ROUNDS = 5000, 6
slow = pytest.mark.slow


class Way(NamedTuple):
    """A move with the step size that the test holds fixed, and its steps."""

    move: str
    step_size: float
    steps: int

    @property
    def sampler(self) -> WeightGibbs:
        return WeightGibbs(self.move, self.steps, sweeps=1)


HMC, SLICE, WALK = Way("hmc", 0.25, 4), Way("slice", 1.0, 2), Way("random_walk", 0.5, 4)

# No hyperparameter has its default, so that one which an update forgets shows; tails are as light as the priors allow.
NOISE = Gaussian(noise_guess=0.3, noise_size=8.0)
NORMAL = Normal(scale=1.3, readout_scale=0.8, extra=0.7)
GROUPS = Hierarchical(guess=1.4, size=7.0, readout_guess=0.6, source="all", source_size=6.0, weight_size=8.0, extra=0.7)
INPUTS = Hierarchical(guess=0.8, size=9.0, readout_guess=1.5, source="inputs", source_size=5.0, extra=1.2)
T_TAILS = HeavyTailed("student_t", df=6.0, guess=0.7, size=9.0, extra=0.8)
LAPLACE = HeavyTailed("laplace", guess=1.3, size=8.0, extra=0.8)
SPARSE = Horseshoe(global_scale=0.4, extra=0.7)
UNITS = MuellerRiosInsua(
    readout_guess=0.4,
    readout_size=8.0,
    readout_mean=0.6,
    readout_mean_variance=0.7,
    unit_guess=((1.0, 0.3), (0.3, 0.6)),
    unit_size=10,
    unit_mean=(0.3, -0.5),
    unit_mean_variance=((0.8, 0.2), (0.2, 0.5)),
    intercept_variance=0.6,
    linear_variance=0.4,
)
TANH, LOGISTIC = (Dense(2, "tanh"),), (Dense(2),)
DEEP = (Dense(2, "tanh"), Residual(Dense(2, "tanh")))
THREE = Categorical(("a", "b", "c"))


@dataclass(frozen=True, eq=False)
class Case:
    """A model, how its weights move, and its inputs."""

    model: Model
    way: Way
    x: np.ndarray = field(default_factory=lambda: X)


FAST_CASES = {
    "hierarchical, hmc": Case(Model(TANH, NOISE, GROUPS), HMC),
    "horseshoe, slice": Case(Model(TANH, NOISE, SPARSE), SLICE),
    "units, classes, random walk": Case(Model(LOGISTIC, THREE, UNITS, linear=True), WALK),
    "normal, t errors, slice": Case(Model(TANH, StudentT(None, 0.3, 8.0), NORMAL), SLICE),
}
SLOW_CASES = {
    "normal, hmc": Case(Model(DEEP, NOISE, NORMAL, linear=True), HMC),
    "hierarchical of the inputs, random walk": Case(Model(DEEP, NOISE, INPUTS, linear=True), WALK),
    "hierarchical, slice": Case(Model(DEEP, NOISE, GROUPS, linear=True), SLICE),
    "horseshoe, hmc": Case(Model(TANH, NOISE, SPARSE, linear=True), HMC),
    "t tails, hmc": Case(Model(TANH, NOISE, T_TAILS, linear=True), HMC),
    "laplace, slice": Case(Model(TANH, NOISE, LAPLACE, linear=True), SLICE),
    "units, hmc": Case(Model(LOGISTIC, NOISE, UNITS, linear=True), HMC),
    "units, classes, hmc": Case(Model(LOGISTIC, THREE, UNITS), HMC),
    "two outputs": Case(Model(TANH, Gaussian(0.3, 8.0, ("a", "b")), GROUPS), HMC),
    "two outputs, units": Case(Model(LOGISTIC, Gaussian(0.3, 8.0, ("a", "b")), UNITS, linear=True), SLICE),
    "two outputs, laplace": Case(Model(TANH, Gaussian(0.3, 8.0, ("a", "b")), LAPLACE, linear=True), WALK),
    "heteroskedastic": Case(Model(TANH, Heteroskedastic(), INPUTS), HMC),
    "t errors of given df": Case(Model(TANH, StudentT(5.0, 0.3, 8.0), GROUPS), HMC),
    "two classes": Case(Model(TANH, Bernoulli((False, True)), INPUTS), HMC),
    "classes": Case(Model(TANH, THREE, T_TAILS), SLICE),
    "counts": Case(Model(TANH, Poisson(baseline=0.4), NORMAL), HMC),
    "dispersed counts": Case(Model(TANH, NegativeBinomial(0.6, baseline=1.2), NORMAL), SLICE),
    "dispersed counts, hmc": Case(Model(TANH, NegativeBinomial(0.6, baseline=1.2), INPUTS), HMC),
}
CASES = FAST_CASES | SLOW_CASES


def distribution_of(case: Case, state: WeightState) -> tuple[jax.Array, Any]:
    model, x = case.model, jnp.asarray(case.x)
    f = model.function(WeightGibbs().sites(state, model, x), x)
    return f, model.distribution(f, x, model.likelihood.report(state.latents))


def simulated(case: Case, key: jax.Array, state: WeightState) -> jax.Array:
    """y given one draw; values at padded steps are zero."""
    y, steps = distribution_of(case, state)[1].sample(key), case.model.network.steps(jnp.asarray(case.x))
    return y if steps is None else jnp.where(steps, y, 0)


def statistics(case: Case, state: WeightState, y: jax.Array) -> geweke.Sites:
    """Bounded functions and logarithms of weights, scales, nuisance, f and y, and their interactions."""
    model, shape = case.model, case.x.shape[1:]
    table, terms = model.weight_specs(shape), model.terms(shape)
    f, distribution = distribution_of(case, state)
    noise = model.prior.whiten(state.hyper, state.weights, table, terms)
    log_likelihood = distribution.log_prob(y)
    first, last = jnp.ravel(f)[0], jnp.ravel(f)[-1]
    outcome = jnp.tanh(jnp.ravel(y)[0] - 1.0)
    values = {
        "f": jnp.tanh(first),
        "f squared": jnp.log1p(last**2),
        "y": outcome,
        "y times f": outcome * jnp.tanh(first),
        "log likelihood": jnp.tanh(log_likelihood.mean() / 3),
        "log likelihood of a row": jnp.tanh(log_likelihood[-1] / 3),
    }
    for name, value in state.weights.items():
        flat, white = jnp.ravel(value), jnp.ravel(noise[name])
        values |= {
            name: jnp.tanh(flat[0]),
            f"size of {name}": jnp.log1p(jnp.sum(flat**2)),
            f"{name} times f": jnp.tanh(flat[-1]) * jnp.tanh(first),
            f"spread of {name}": jnp.log(jnp.sum(white**2)),
            f"level of {name}": jnp.tanh(white.sum()),
        }
    for path, leaf in jax.tree_util.tree_leaves_with_path((positive(state.hyper), state.latents)):
        value, name = jnp.log(jnp.ravel(leaf)[0]), jax.tree_util.keystr(path)
        values |= {f"log {name}": jnp.tanh(value / 2), f"log {name} squared": jnp.log1p(value**2)}
        values[f"log {name} times log likelihood"] = jnp.tanh(value) * values["log likelihood"]
    if isinstance(model.prior, MuellerRiosInsua):
        mu, factor = state.hyper.mu_gamma, state.hyper.s_gamma.factor
        values |= {f"mu_gamma {i}": mu[i] for i in range(2)} | {"mu_beta": jnp.ravel(state.hyper.mu_beta)[0]}
        values |= {"mu_gamma product": mu[0] * mu[1], "covariance": jnp.tanh((factor @ factor.T)[0, 1])}
    return values


def positive(hyper: Any) -> Any:
    """The hyperparameters that are positive, so that their logarithms can be compared."""
    if isinstance(hyper, geweke.Hyper):
        return {"beta_precision": hyper.beta_precision, "determinant": jnp.linalg.det(hyper.s_gamma.precision)}
    return hyper


@functools.cache
def joint_of(case: Case) -> geweke.Joint:
    model, x = case.model, jnp.asarray(case.x)

    def prior(key: jax.Array) -> WeightState:
        key_sites, key_state = jax.random.split(key)
        sites = geweke.model_prior(key_sites, model, x)
        return geweke.weight_state(key_state, model, sites, x.shape[1:], jnp.log(jnp.asarray(case.way.step_size)))

    return geweke.Joint(prior, functools.partial(simulated, case), functools.partial(statistics, case))


def scores_of(case: Case, sampler: WeightGibbs | None = None, seed: int = 40) -> dict[str, float]:
    sampler = sampler or case.way.sampler

    def transition(key: jax.Array, state: WeightState, y: jax.Array) -> WeightState:
        return sampler.step(key, state, case.model, jnp.asarray(case.x), y)[0]

    return geweke.compare(jax.random.key(seed), joint_of(case), transition, replicas=REPLICAS, rounds=ROUNDS)


def report(scores: dict[str, float]) -> str:
    ordered = sorted(scores.items(), key=lambda item: -abs(item[1]))
    return ", ".join(f"{name} {z:.1f}" for name, z in ordered[:6])


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAST_CASES, *(pytest.param(name, marks=slow) for name in SLOW_CASES)])
def test_gibbs_keeps_the_joint_distribution(name):
    scores = scores_of(CASES[name])
    assert geweke.passes(scores), report(scores)


def test_every_move_is_in_the_fast_set():
    assert {case.way.move for case in FAST_CASES.values()} == set(moves.MOVES)
    assert {case.way.move for case in CASES.values()} == set(moves.MOVES)


# Planted errors in the moves


def without_momentum(key, u, log_step, target, steps):
    """Accepts on the potential alone: the momentum's energy is left out."""
    key_momentum, key_accept = jax.random.split(key)
    potential = jax.value_and_grad(lambda u: 0.5 * u @ u - target(u))
    size, p = jnp.exp(log_step), jax.random.normal(key_momentum, u.shape)
    end, energy = u, potential(u)[0]
    for _ in range(steps):
        p = p - 0.5 * size * potential(end)[1]
        end = end + size * p
        p = p - 0.5 * size * potential(end)[1]
    acceptance = jnp.exp(jnp.minimum(energy - potential(end)[0], 0.0))
    return moves.Move(jnp.where(jax.random.uniform(key_accept) < acceptance, end, u), acceptance)


def level_at_current(key, u, log_step, target, steps):
    """The slice's level at the current density, not below it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.random, "exponential", lambda key: jnp.zeros(()))
        return moves.elliptical(key, u, log_step, target, steps)


def walk_without_shrinking(key, u, log_step, target, steps):
    """u + b noise, accepted by the likelihood alone: this forgets the prior."""
    key_noise, key_accept = jax.random.split(key)
    proposal = u + jnp.exp(log_step) * jax.random.normal(key_noise, u.shape)
    acceptance = jnp.exp(jnp.minimum(target(proposal) - target(u), 0.0))
    return moves.Move(jnp.where(jax.random.uniform(key_accept) < acceptance, proposal, u), acceptance)


WRONG_MOVES = {
    "the momentum left out": (without_momentum, "hierarchical, hmc"),
    "the level at the current density": (level_at_current, "normal, t errors, slice"),
    "a walk that forgets the prior": (walk_without_shrinking, "units, classes, random walk"),
}
FAST_ERRORS = ("the momentum left out", "the Jacobian left out")


def some_slow(names):
    return [pytest.param(name, marks=() if name in FAST_ERRORS else slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("error", some_slow(WRONG_MOVES))
def test_a_wrong_move_is_seen(error, monkeypatch):
    move, name = WRONG_MOVES[error]
    case = CASES[name]
    monkeypatch.setitem(moves.MOVES, "wrong", Kind(move, 0.0, 1.0))
    scores = scores_of(case, WeightGibbs("wrong", case.way.steps, sweeps=1))
    assert not geweke.passes(scores), report(scores)


# Planted errors in the updates


def no_jacobian(monkeypatch):
    """The slice on the logarithm forgets the Jacobian."""
    right = conditionals.slice_move
    wrong = lambda key, value, density: right(key, value, lambda v: density(v) - v)  # noqa: E731
    monkeypatch.setattr(conditionals, "slice_move", wrong)


def one_weight_short(monkeypatch):
    right = GammaFactor.update
    monkeypatch.setattr(
        GammaFactor, "update", lambda self, key, state, squares, count: right(self, key, state, squares, count - 1)
    )


def rate_without_its_value(monkeypatch):
    """The rate behind a half-Cauchy drawn as if its value were not known."""
    right = HalfCauchyFactor.update

    def update(self, key, state, squares, count):
        value, _ = right(self, key, state, squares, count)
        return value, jax.random.gamma(jax.random.fold_in(key, 1), 1.0, value.shape) * self.scale**2

    monkeypatch.setattr(HalfCauchyFactor, "update", update)


def laplace_of_the_wrong_shape(monkeypatch):
    right = conditionals.inverse_gaussian
    monkeypatch.setattr(conditionals, "inverse_gaussian", lambda key, mean, shape: right(key, mean, shape / 2))


def mixture_of_df(monkeypatch):
    """The variances behind a t distribution with df in place of df + 1."""
    right, right_numbers = StudentT.update, student_t.gamma_numbers

    def update(self, *arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(student_t, "gamma_numbers", lambda key, shape: right_numbers(key, shape - 0.5))
            return right(self, *arguments)

    monkeypatch.setattr(StudentT, "update", update)


def rows_of_every_output(monkeypatch):
    """Each output's precision from as many residuals as all outputs have."""
    right = Gaussian.draw_precision
    monkeypatch.setattr(Gaussian, "draw_precision", lambda self, key, squares, n: right(self, key, squares, 2 * n))


def one_class_for_all(monkeypatch):
    """mu_beta of the first class for all."""
    right = MuellerRiosInsua.draw_hyper

    def wrong(self, *arguments):
        new = right(self, *arguments)
        return new._replace(mu_beta=jnp.broadcast_to(new.mu_beta[:1], new.mu_beta.shape))

    monkeypatch.setattr(MuellerRiosInsua, "draw_hyper", wrong)


WRONG_UPDATES = {
    "the Jacobian left out": (no_jacobian, "normal, t errors, slice"),
    "the Jacobian left out, counts": (no_jacobian, "dispersed counts"),
    "one weight short": (one_weight_short, "hierarchical, hmc"),
    "a rate without its value": (rate_without_its_value, "horseshoe, slice"),
    "the wrong shape": (laplace_of_the_wrong_shape, "laplace, slice"),
    "df, not df + 1": (mixture_of_df, "t errors of given df"),
    "rows of every output": (rows_of_every_output, "two outputs"),
    "one class for all": (one_class_for_all, "units, classes, random walk"),
}


@pytest.mark.slow
@pytest.mark.parametrize("error", some_slow(WRONG_UPDATES))
def test_a_wrong_update_is_seen(error, monkeypatch):
    plant, name = WRONG_UPDATES[error]
    case = CASES[name]
    plant(monkeypatch)
    scores = scores_of(case)
    assert not geweke.passes(scores), report(scores)
