"""The collapsed sweep of several outputs, and of a half-Cauchy error scale, keeps the joint distribution.

Models, priors and statistics are those of the joint sweep's tests; here the readouts of all outputs are integrated out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke
import test_geweke_joint

from bayesnn import Gaussian, Geometric, Gibbs, shallow
from bayesnn.models import readout
from bayesnn.samplers.gibbs import collapsed, gibbs, reflections, structure, trajectories, unit_moves

X, HYPER = test_geweke_joint.X, test_geweke_joint.HYPER
REPLICAS, ROUNDS = 5000, 10
NOISE = Gaussian(0.3, 9.0, ("a", "b"))
OFFSET = (0.3, -0.4, 0.2, 0.5, -0.1, 0.0)
WEIGHTS = np.array([1.0, 3.0, 2.0, 1.0, 4.0, 2.0])


@dataclass(frozen=True)
class Case(test_geweke_joint.Case):
    """A model, its offset, whether rows have case weights, and the steps of a trajectory."""

    weights: bool = False
    trajectory: int = 0

    @property
    def rows(self) -> tuple:
        return (*(super().rows or (None,)), jnp.asarray(WEIGHTS)) if self.weights else super().rows


TWO = shallow(2, likelihood=NOISE, hyper=HYPER, intercept=True, linear=True)
# Outputs that differ much in their error variances and in their readouts
UNEQUAL = shallow(
    2,
    likelihood=replace(NOISE, noise_guess=0.02, noise_size=2.0),
    hyper=replace(HYPER, readout_size=2.0),
    intercept=True,
)
CASES = {
    "unequal": Case(UNEQUAL),
    "unequal-trajectory": Case(UNEQUAL, trajectory=8),
    "outputs": Case(TWO),
    "offset-weights": Case(TWO, OFFSET, True),
    "trajectory": Case(TWO, weights=True, trajectory=6),
    "half-cauchy": Case(shallow(2, likelihood=Gaussian(noise_scale=0.5), hyper=HYPER, intercept=True)),
    "half-cauchy-outputs": Case(replace(TWO, likelihood=replace(NOISE, noise_scale=0.5))),
    "architecture": Case(
        shallow(Geometric(0.7, 3), likelihood=NOISE, hyper=HYPER, intercept=True, linear="random"), OFFSET, True
    ),
}


def prior(key: jax.Array, case: Case) -> dict[str, jax.Array]:
    """Rows of weight w are simulated with variance sigma^2/w; what is missing, a power of sigma, joins its prior."""
    if not case.weights:
        return test_geweke_joint.prior(key, case)
    size = NOISE.noise_size + WEIGHTS.sum() - len(X)
    noise = replace(NOISE, noise_size=size, noise_guess=NOISE.noise_guess * NOISE.noise_size / size)
    return test_geweke_joint.prior(key, replace(case, model=replace(case.model, likelihood=noise)))


def simulate(key: jax.Array, sites: dict[str, jax.Array], case: Case) -> jax.Array:
    if case.weights:
        sites = sites | {"sigma": sites["sigma"] / jnp.sqrt(WEIGHTS)[:, None]}
    return test_geweke_joint.simulate(key, sites, case)


@functools.cache
def joint_of(case: Case) -> geweke.Joint:
    return geweke.Joint(
        lambda key: prior(key, case),
        lambda key, sites: simulate(key, sites, case),
        lambda sites, y: test_geweke_joint.statistics(sites, y, case),
    )


def scores_of(case: Case, sampler: Gibbs = Gibbs(sweeps=1, candidates=4)) -> dict[str, float]:
    sampler = replace(sampler, trajectory=case.trajectory)

    def transition(key, sites, y):
        state = test_geweke_joint.state_of(sites, case)._replace(noise_precision=sites["sigma"] ** -2, latents=None)
        state = state if case.trajectory else state._replace(log_step=None)
        state, _ = sampler.step(key, state, case.model, jnp.asarray(X), y, *case.rows)
        new = sampler.sites(state, case.model, X)
        return {name: new[name] for name in sites}

    return geweke.compare(jax.random.key(41), joint_of(case), transition, replicas=REPLICAS, rounds=ROUNDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_collapsed_sweep_keeps_the_joint_distribution(name):
    scores = scores_of(CASES[name])
    assert geweke.passes(scores), test_geweke.report(scores)


@pytest.mark.slow
def test_births_and_deaths_keep_the_joint_distribution_of_several_outputs():
    scores = scores_of(CASES["architecture"], Gibbs(sweeps=1, candidates=4, structure="birth_death"))
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def of_first(values: jax.Array) -> jax.Array:
    """The values of the first output for all of them."""
    return jnp.broadcast_to(values[0], values.shape)


def units_see_error_variances_exchanged(monkeypatch):
    right = unit_moves.scores
    monkeypatch.setattr(unit_moves, "scores", lambda *arguments: right(*arguments[:-1], arguments[-1][::-1]))


def units_see_one_target(monkeypatch):
    """Each output's own target in the posterior of its readout, but the first one's with the candidates."""
    right = unit_moves.scores

    def scores(j, gram, cross, *rest):
        k = cross.shape[0] - 3
        return right(j, gram, cross.at[k + 1].set(cross[k]), *rest)

    monkeypatch.setattr(unit_moves, "scores", scores)


def reflections_see_one_output(monkeypatch):
    right = reflections.log_density

    def log_density(solved):
        return right(jax.tree.map(lambda a: a[0], solved)) if solved.whitened.ndim > 1 else right(solved)

    monkeypatch.setattr(reflections, "log_density", log_density)


def readouts_of_one_population(monkeypatch):
    """sigma_beta of the first output in the prior of every readout."""
    right = collapsed.collapsed_prior

    def one(model, state, x):
        hyper = state.hyper._replace(beta_precision=of_first(state.hyper.beta_precision))
        return right(model, state._replace(hyper=hyper), x)

    for module in (gibbs, trajectories):
        monkeypatch.setattr(module, "collapsed_prior", one)


def residuals_pooled(monkeypatch):
    right = collapsed.residual_squares

    def pooled(coefficients, data):
        squares = right(coefficients, data)
        return jnp.broadcast_to(squares.mean(), squares.shape)

    monkeypatch.setattr(collapsed, "residual_squares", pooled)


def trajectories_follow_one_output(monkeypatch):
    right = trajectories.log_likelihood

    def first(gamma, target):
        y, prior, precision = jax.tree.map(lambda a: a[0], (target.y, target.prior, target.noise_precision))
        return right(gamma, target._replace(y=y, prior=prior, noise_precision=precision))

    monkeypatch.setattr(trajectories, "log_likelihood", first)


def architectures_of_one_output(monkeypatch):
    right = structure.nested_log_marginals

    def first(data, terms, prior, hyper, noise_precision, *rest):
        if jnp.ndim(noise_precision):
            data = readout.Products(data.gram, data.cross[0], data.square[0], data.rows)
            hyper, noise_precision = hyper._replace(beta_precision=hyper.beta_precision[0]), noise_precision[0]
        return right(data, terms, prior, hyper, noise_precision, *rest)

    monkeypatch.setattr(structure, "nested_log_marginals", first)


def another_scale_of_the_half_cauchy(monkeypatch):
    right = Gaussian.update_precision

    def update(self, *arguments):
        return right(replace(self, noise_scale=3.0 * self.noise_scale), *arguments)

    monkeypatch.setattr(Gaussian, "update_precision", update)


PLANTED = {
    units_see_error_variances_exchanged: "unequal",
    units_see_one_target: "outputs",
    reflections_see_one_output: "outputs",
    readouts_of_one_population: "unequal",
    residuals_pooled: "outputs",
    trajectories_follow_one_output: "unequal-trajectory",
    architectures_of_one_output: "architecture",
    another_scale_of_the_half_cauchy: "half-cauchy",
}
NAMES = {plant.__name__: plant for plant in PLANTED}


@pytest.mark.slow
@pytest.mark.parametrize("error", NAMES)
def test_a_planted_error_is_seen(error, monkeypatch):
    NAMES[error](monkeypatch)
    scores = scores_of(CASES[PLANTED[NAMES[error]]])
    assert not geweke.passes(scores), test_geweke.report(scores)
