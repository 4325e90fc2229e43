"""Errors of a panel: density, hierarchical prior, and an update that planted errors are seen in."""

import functools
from dataclasses import replace

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy import stats

from bayesnn._internal.runtime import double
from bayesnn.likelihoods import PanelGaussian, panel_gaussian

SPEC = PanelGaussian(1.3, 6.0, ("a", "b", "c"))
CODES = np.array([0, 0, 1, 2, 2, 2, 2, 1, 0, 1, 2, 0.0])
F = np.stack([np.linspace(-1.0, 1.0, len(CODES)), CODES], axis=-1)
SIGMA, Y = np.array([0.6, 1.7, 0.2, 1.0]), np.linspace(2.0, -1.0, len(CODES))
REPLICAS, ROUNDS = 6000, 6


def test_each_row_has_the_sigma_of_its_series():
    expected = stats.norm.logpdf(Y, F[:, 0], SIGMA[CODES.astype(int)])
    with double():
        one = SPEC.distribution(F, sigma=SIGMA).log_prob(Y)
        many = SPEC.distribution(np.stack([F, F]), sigma=np.stack([SIGMA, 2 * SIGMA])[:, None]).log_prob(Y)
    np.testing.assert_allclose(one, expected, rtol=1e-12)
    np.testing.assert_allclose(many[0], expected, rtol=1e-12)
    np.testing.assert_allclose(many[1], stats.norm.logpdf(Y, F[:, 0], 2 * SIGMA[CODES.astype(int)]), rtol=1e-12)


def test_the_prior_is_that_of_the_docstring():
    """t ~ half-Normal(1.3), a - 1 ~ Gamma(2, 2/6), 1/sigma^2 ~ Gamma(a/2, a t^2/2), of a new series too."""
    with double():
        trace = handlers.trace(handlers.seed(SPEC.nuisance, jax.random.key(0))).get_trace()
        sampled = {name: site["value"] for name, site in trace.items() if site["type"] == "sample"}
        value, _ = log_density(SPEC.nuisance, (), {}, sampled)
    t, a, precision = (np.asarray(sampled[n]) for n in ("typical_sigma", "likeness", "noise_precision"))
    expected = stats.halfnorm.logpdf(t, scale=1.3) + stats.gamma.logpdf(a, 2.0, loc=1.0, scale=3.0)
    expected += stats.gamma.logpdf(precision, a / 2, scale=2 / (a * t**2)).sum()
    assert precision.shape == (4,)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(trace["sigma"]["value"], precision**-0.5, rtol=1e-10)


def test_rescaling_follows_a_change_of_units():
    nuisance = {"sigma": SIGMA, "typical_sigma": 0.8, "likeness": 3.0}
    other = SPEC.rescale(nuisance, 3.0)
    assert other["likeness"] == 3.0
    np.testing.assert_allclose(other["typical_sigma"], 2.4)
    np.testing.assert_allclose(other["sigma"], 3.0 * SIGMA)


def test_weights_of_two_are_rows_twice_draw_for_draw():
    weights = np.where(CODES == 1, 2.0, 1.0)
    twice = np.repeat(np.arange(len(CODES)), weights.astype(int))
    with double():
        latents = SPEC.start(jax.random.key(0))
        new = SPEC.update(jax.random.key(1), latents, jnp.asarray(F), jnp.asarray(Y), jnp.asarray(weights))
        same = SPEC.update(jax.random.key(1), latents, jnp.asarray(F[twice]), jnp.asarray(Y[twice]), None)
    for name, value in new.items():
        np.testing.assert_allclose(value, same[name], rtol=1e-12)


def test_working_rows_are_the_weighted_rows_of_a_normal():
    with double():
        latents = SPEC.start(jax.random.key(0)) | {"noise_precision": jnp.asarray(SIGMA**-2)}
        weights = np.linspace(0.5, 2.0, len(CODES))
        rows = SPEC.augment(jax.random.key(1), latents, jnp.asarray(F), jnp.asarray(Y), jnp.asarray(weights))
    np.testing.assert_allclose(rows.weights, weights * SIGMA[CODES.astype(int)] ** -2, rtol=1e-12)
    np.testing.assert_allclose(rows.target, np.asarray(rows.weights) * Y, rtol=1e-12)


def test_series_are_found_by_name_and_unknown_ones_are_new():
    assert SPEC.codes(["c", "a", "other"], 3).tolist() == [2, 0, 3]
    assert SPEC.codes(None, 2).tolist() == [3, 3]


@pytest.mark.parametrize("series", [("a", "a"), "ab"])
def test_names_must_differ(series):
    with pytest.raises(ValueError, match="series must be different names"):
        PanelGaussian(series=series)


def test_rows_without_series_are_refused():
    with pytest.raises(ValueError, match=r"f must be \(n, 2\)"):
        SPEC.distribution(np.zeros(3), sigma=SIGMA)


# The update, by the joint-distribution test


def prior(key):
    trace = handlers.trace(handlers.seed(SPEC.nuisance, key)).get_trace()
    return {name: trace[name]["value"] for name in ("typical_sigma", "likeness", "noise_precision")}


def simulate(key, latents):
    return SPEC.distribution(jnp.asarray(F), **SPEC.report(latents)).sample(key)


def statistics(latents, y):
    t, a, logs = (jnp.log(latents[n]) for n in ("typical_sigma", "likeness", "noise_precision"))
    size = jnp.zeros(4).at[CODES.astype(int)].add((y - F[:, 0]) ** 2)
    found = {"t": t, "t squared": t**2, "a": a, "a squared": a**2, "a t": a * t, "spread": jnp.tanh(logs.std())}
    for g in range(4):
        found |= {f"precision {g}": logs[g], f"precision {g} squared": logs[g] ** 2, f"precision {g} t": logs[g] * t}
    for g in range(3):
        scaled = jnp.log(size[g]) + logs[g]
        found |= {f"residuals {g}": scaled, f"residuals {g} a": scaled * a, f"residuals {g} squared": scaled**2}
    return found


@functools.cache
def joint():
    return geweke.Joint(prior, simulate, statistics)


def scores():
    def transition(key, latents, y):
        return SPEC.update(key, latents, jnp.asarray(F), y, None)

    return geweke.compare(jax.random.key(7), joint(), transition, replicas=REPLICAS, rounds=ROUNDS)


def test_the_update_keeps_the_joint_distribution():
    found = scores()
    assert geweke.passes(found), found


def shapes_a_half_too_large(monkeypatch):
    right = panel_gaussian.gamma_numbers
    monkeypatch.setattr(panel_gaussian, "gamma_numbers", lambda key, shape: right(key, shape + 0.5))


def precisions_of_another_series(monkeypatch):
    right = PanelGaussian.update

    def update(self, *arguments):
        new = right(self, *arguments)
        return new | {"noise_precision": new["noise_precision"][jnp.array([1, 0, 2, 3])]}

    monkeypatch.setattr(PanelGaussian, "update", update)


def typical_sigma_held_while_the_likeness_moves(monkeypatch):
    """As if t had not been integrated out: its part of the density is left out."""
    monkeypatch.setattr(
        PanelGaussian,
        "_of_likeness",
        lambda self, a, groups, total, logs: (
            groups * (0.5 * a * jnp.log(0.5 * a) - panel_gaussian.gammaln(0.5 * a))
            + 0.5 * a * (logs - total)
            + self.priors()["likeness"].log_prob(a)
        ),
    )


def scale_of_the_prior_ignored(monkeypatch):
    right = PanelGaussian.update
    monkeypatch.setattr(
        PanelGaussian, "update", lambda self, *arguments: right(replace(self, noise_scale=5.2), *arguments)
    )


@pytest.mark.parametrize(
    "plant",
    [
        shapes_a_half_too_large,
        precisions_of_another_series,
        typical_sigma_held_while_the_likeness_moves,
        scale_of_the_prior_ignored,
    ],
)
def test_a_planted_error_of_the_update_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    assert not geweke.passes(scores())
