"""Every sampler leaves the joint distribution of parameters and data invariant, and planted errors do not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.linalg import solve_triangular
from numpyro import handlers
from numpyro.infer.util import unconstrain_fn

from bayesnn import NUTS, Dense, Gaussian, Gibbs, Model, Normal, ShallowHyperparameters, shallow
from bayesnn._internal import conditionals, random, runtime
from bayesnn.likelihoods.working_rows import gaussian_rows
from bayesnn.models import readout
from bayesnn.models.marginal import MarginalModel
from bayesnn.priors import MuellerRiosInsua
from bayesnn.samplers.gibbs import collapsed, proposals, unit_moves
from bayesnn.samplers.gibbs.proposals import PROPOSALS, Proposal

# Every hyperparameter differs from its default and from zero, so that one which an update forgets shows; sizes of 8 to
# 10 observations give the tails that standard errors need.
HYPER = ShallowHyperparameters(
    noise_guess=0.02,
    noise_size=9.0,
    readout_guess=0.4,
    readout_size=8.0,
    readout_mean=1.5,
    readout_mean_variance=1.0,
    unit_guess=((1.0, 0.3), (0.3, 0.6)),
    unit_size=10,
    unit_mean=(0.3, -0.5),
    unit_mean_variance=((0.8, 0.2), (0.2, 0.5)),
    intercept_variance=0.6,
    linear_variance=0.4,
)
X = np.array([-1.5, -0.8, -0.1, 0.4, 1.1, 2.0])[:, None]
LOG_SCALE = np.array([-0.7, 0.4])  # of the adaptive walk, a constant once warm-up is over
REPLICAS, ROUNDS = 10000, 12

SMALL = shallow(2, hyper=HYPER)
FULL = shallow(2, hyper=HYPER, intercept=True, linear=True)
Step = Callable[[jax.Array, Any, Model, jax.Array, jax.Array], Any]


@functools.cache
def joint_of(model: Model) -> geweke.Joint:
    """Gibbs states and data of a shallow network."""
    sites = functools.partial(Gibbs().sites, model=model, x=X)
    return geweke.Joint(
        lambda key: geweke.gibbs_state(geweke.shallow_prior(key, model, X.shape[1]), jnp.asarray(LOG_SCALE)),
        lambda key, state: geweke.simulated(key, model, sites(state), X),
        lambda state, y: geweke.shallow_statistics(model, sites(state), X, y),
    )


def scores_of(step: Step, model: Model = SMALL) -> dict[str, float]:
    """z-scores of a transition (key, GibbsState, model, x, y) -> GibbsState."""

    def transition(key, state, y):
        return step(key, state, model, jnp.asarray(X), y)

    return geweke.compare(jax.random.key(20), joint_of(model), transition, replicas=REPLICAS, rounds=ROUNDS)


def step_of(sampler: Gibbs) -> Step:
    return lambda *arguments: sampler.step(*arguments)[0]


def report(scores: dict[str, float]) -> str:
    ordered = sorted(scores.items(), key=lambda item: -abs(item[1]))
    return ", ".join(f"{name} {z:.1f}" for name, z in ordered[:6])


slow = pytest.mark.slow
GOOD = [pytest.param(proposal, SMALL, id=proposal) for proposal in PROPOSALS] + [
    pytest.param(proposal, FULL, id=f"{proposal}-intercept-linear", marks=() if proposal == "slice" else slow)
    for proposal in PROPOSALS
]


@pytest.mark.first_case
@pytest.mark.parametrize(("proposal", "model"), GOOD)
def test_gibbs_keeps_the_joint_distribution(proposal, model):
    scores = scores_of(step_of(Gibbs(proposal, sweeps=1, candidates=6)), model)
    assert geweke.passes(scores), report(scores)


# Planted errors in the choice of a candidate


def without_prior_ratio(*arguments):
    candidates = proposals.random_walk(*arguments)
    return candidates._replace(log_weight=jnp.zeros_like(candidates.log_weight))


def last_acceptable(score, noise):
    """The last candidate above the level in place of the first."""
    above = (score > score[0] + noise[0]).at[0].set(True)
    return score.shape[0] - 1 - jnp.argmax(above[::-1])


def level_at_current(score, noise):
    """The level at the current density, not uniform below it."""
    return proposals.first_acceptable(score, jnp.zeros_like(noise))


def brackets_from_one_side(*arguments):
    """Brackets whose lower end stays at the current point, as if it were the end of the ellipse."""
    original = proposals.shrinking_angles
    proposals.shrinking_angles = lambda uniform: 2 * jnp.pi * jnp.cumprod(uniform, axis=-1)
    try:
        return proposals.elliptical(*arguments)
    finally:
        proposals.shrinking_angles = original


def one_sided_walk(source, gamma, hyper, count, log_scale):
    """Candidates around the current point without a centre of their own: not a pool, though each step is symmetric."""
    of_steps, of_choice = random.split(source)
    m, q = gamma.shape
    values = gamma[:, None] + random.normal(of_steps, (m, count, q)) @ hyper.s_gamma.factor.T
    everyone = jnp.concatenate([gamma[:, None], values], axis=1)
    noise = random.gumbel(of_choice, (m, count + 1))
    return proposals.Candidates(values, proposals.log_prior(everyone, hyper), noise)


WRONG_PROPOSALS = {
    "the prior ratio left out": Proposal(without_prior_ratio, proposals.weighted),
    "a pool without a centre": Proposal(one_sided_walk, proposals.weighted),
    "the last acceptable point of the slice": Proposal(proposals.elliptical, last_acceptable),
    "the slice's level at the current density": Proposal(proposals.elliptical, level_at_current),
    "brackets that shrink from one side": Proposal(brackets_from_one_side, proposals.first_acceptable),
}
FAST = ("the prior ratio left out", "half_the_rows")


def some_slow(names):
    return [pytest.param(name, marks=() if name in FAST else slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("error", some_slow(WRONG_PROPOSALS))
def test_a_wrong_proposal_is_seen(error, monkeypatch):
    monkeypatch.setitem(PROPOSALS, "wrong", WRONG_PROPOSALS[error])
    scores = scores_of(step_of(Gibbs("wrong", sweeps=1, candidates=6)))
    assert not geweke.passes(scores), report(scores)


# A planted error in the order of the updates


def readout_before_units(key, state, model, x, y):
    """As the algorithm is usually printed: the readout drawn before the units move, then used for the rest."""
    key_readout, key_units, key_hyper = jax.random.split(key, 3)
    design = model.design(model.prior.unpack({"gamma": state.gamma}, {}), x)
    prior = collapsed.collapsed_prior(model, state, x)
    stale = collapsed.draw_readout(
        key_readout, state, model, x, readout.solve(readout.products(design, y), prior, state.noise_precision)
    )
    state, data, *_ = Gibbs().move_units(key_units, state, model, x, gaussian_rows(y))
    return collapsed.draw_hyper(key_hyper, state, model, stale, data)[0]


@pytest.mark.slow
def test_a_readout_drawn_too_early_is_seen():
    scores = scores_of(readout_before_units)
    assert not geweke.passes(scores), report(scores)


# Planted errors in the pieces


def half_the_rows(monkeypatch):
    def update(self, key, squares, count):
        return conditionals.draw_precision(key, squares, count / 2, self.noise_guess, self.noise_size)

    monkeypatch.setattr(Gaussian, "draw_precision", update)


def no_prior_mean(monkeypatch):
    right = MuellerRiosInsua.draw_mu_beta

    def draw(self, *args):
        return right(replace(self, readout_mean=0.0), *args)

    monkeypatch.setattr(MuellerRiosInsua, "draw_mu_beta", draw)


def flips_without_prior_ratio(monkeypatch):
    monkeypatch.setattr(unit_moves, "flip_ratio", lambda gamma, hyper: jnp.zeros(gamma.shape[:-1]))


def reflection_without_prior_ratio(monkeypatch):
    monkeypatch.setattr(MuellerRiosInsua, "log_mean_prior", lambda self, mu: 0.0)


def one_degree_short(monkeypatch):
    right = conditionals.draw_covariance
    monkeypatch.setattr(conditionals, "draw_covariance", lambda key, scatter, df: right(key, scatter, df - 1))


def covariance_of_the_old_mean(monkeypatch):
    """S_gamma from the scatter about the mean of the units rather than about mu_gamma."""
    right = MuellerRiosInsua.draw_hyper

    def update(self, key, hyper, gamma, beta, used=None):
        new = right(self, key, hyper, gamma, beta, used)
        guess, _, _ = self.unit_matrices(gamma.shape[1])
        centred = gamma - gamma.mean(axis=0)
        scatter = self.unit_size * guess + centred.T @ centred
        degrees = self.unit_size + gamma.shape[0]
        return new._replace(
            s_gamma=conditionals.draw_covariance(jax.random.fold_in(random.as_key(key), 1), scatter, degrees)
        )

    monkeypatch.setattr(MuellerRiosInsua, "draw_hyper", update)


WRONG_PIECES = {
    plant.__name__: plant
    for plant in (
        half_the_rows,
        no_prior_mean,
        one_degree_short,
        covariance_of_the_old_mean,
        flips_without_prior_ratio,
        reflection_without_prior_ratio,
    )
}


@pytest.mark.slow
@pytest.mark.parametrize("error", some_slow(WRONG_PIECES))
def test_a_wrong_piece_is_seen(error, monkeypatch):
    WRONG_PIECES[error](monkeypatch)
    scores = scores_of(step_of(Gibbs(sweeps=1, candidates=6)))
    assert not geweke.passes(scores), report(scores)


# The readout integrated out, for any body: what is drawn back, and the gradient samplers

GENERAL = Model(
    [Dense(2, "tanh"), Dense(2, "tanh")],
    Gaussian(noise_guess=0.02, noise_size=9.0),
    Normal(scale=1.3, readout_scale=1.6, extra=0.7),
    linear=True,
)


@functools.cache
def sites_joint_of(model: Model) -> geweke.Joint:
    """Sites, as NumPyro draws and names them, and data."""
    statistics = geweke.shallow_statistics if isinstance(model.prior, MuellerRiosInsua) else geweke.general_statistics
    return geweke.Joint(
        lambda key: geweke.model_prior(key, model, jnp.asarray(X)),
        lambda key, sites: geweke.simulated(key, model, sites, X),
        lambda sites, y: statistics(model, sites, X, y),
    )


def completion_scores(model: Model) -> dict[str, float]:
    """z-scores of drawing the readout and mu_beta back, the rest of theta held."""
    left_out = {"beta", "intercept", "linear", "readout_raw", "mu_beta"}

    def transition(key, sites, y):
        rest = {name: value for name, value in sites.items() if name not in left_out}
        return sites | MarginalModel(model).complete(key, rest, jnp.asarray(X), y)

    return geweke.compare(jax.random.key(21), sites_joint_of(model), transition, replicas=REPLICAS, rounds=3)


@pytest.mark.slow
@pytest.mark.parametrize("model", [FULL, GENERAL], ids=["shallow", "two-layers"])
def test_what_was_integrated_out_is_drawn_back_exactly(model):
    scores = completion_scores(model)
    assert geweke.passes(scores), report(scores)


@pytest.mark.slow
def test_a_factor_not_transposed_is_seen(monkeypatch):
    def draw(key, result):
        noise = jax.random.normal(key, result.whitened.shape)
        return solve_triangular(result.cholesky, result.whitened + noise, lower=True)

    monkeypatch.setattr(readout, "draw", draw)
    scores = completion_scores(GENERAL)
    assert not geweke.passes(scores), report(scores)


@pytest.mark.slow
def test_a_mean_drawn_without_the_readout_is_seen(monkeypatch):
    def complete(self, key, terms, coefficients, sites):
        return {"mu_beta": self.readout_mean + self.readout_mean_variance**0.5 * jax.random.normal(key)}

    monkeypatch.setattr(MuellerRiosInsua, "complete", complete)
    scores = completion_scores(FULL)
    assert not geweke.passes(scores), report(scores)


@pytest.mark.slow
def test_the_model_function_has_the_prior_of_the_gibbs_sampler():
    keys = jax.random.split(jax.random.key(22), 2 * REPLICAS).reshape(2, -1)
    with runtime.double():
        scores = geweke.two_sample(joint_of(FULL).fresh(keys[0]), sites_joint_of(FULL).fresh(keys[1]))
    assert geweke.passes(scores), report(scores)


@runtime.computing
def gradient_scores(model: Model, marginal: bool) -> dict[str, float]:
    """z-scores of one NUTS step of a fixed size, after which what was integrated out is drawn back."""
    target = MarginalModel(model) if marginal else model
    kernel = NUTS(max_tree_depth=4).kernel(target)
    x = jnp.asarray(X)
    trace = handlers.trace(handlers.seed(target, 0)).get_trace(x, jnp.zeros(len(X)))
    latent = [name for name, site in trace.items() if site["type"] == "sample" and not site["is_observed"]]

    def transition(key, sites, y):
        key_init, key_complete = jax.random.split(key)
        start = unconstrain_fn(target, (x, y), {}, {name: sites[name] for name in latent})
        state = kernel.init(key_init, 0, start, (x, y), {})
        state = kernel.sample(state._replace(adapt_state=state.adapt_state._replace(step_size=0.2)), (x, y), {})
        new = kernel.postprocess_fn((x, y), {})(state.z)
        new = target.complete(key_complete, new, x, y) if marginal else new
        return {name: new.get(name, value) for name, value in sites.items()}

    return geweke.compare(jax.random.key(23), sites_joint_of(model), transition, replicas=2000, rounds=4)


@pytest.mark.slow
@pytest.mark.parametrize("marginal", [False, True], ids=["full", "marginalised"])
@pytest.mark.parametrize("model", [SMALL, GENERAL], ids=["shallow", "two-layers"])
def test_nuts_keeps_the_joint_distribution(model, marginal):
    scores = gradient_scores(model, marginal)
    assert geweke.passes(scores), report(scores)


@pytest.mark.slow
def test_a_determinant_left_out_of_the_marginal_density_is_seen(monkeypatch):
    right = readout.log_marginal

    def log_marginal(data, prior, noise_precision):
        cholesky = readout.solve(data, readout.precision_of(prior), noise_precision).cholesky
        return right(data, prior, noise_precision) + jnp.log(jnp.diag(cholesky)).sum()

    monkeypatch.setattr(readout, "log_marginal", log_marginal)
    scores = gradient_scores(SMALL, marginal=True)
    assert not geweke.passes(scores), report(scores)
