"""Moves on the likelihood itself, without auxiliary variables, after the collapsed sweep given these.

Auxiliary variables tie f to its current values: a row with |f| = 20, which says next to nothing, still has a precision
omega of 1/40, and hundreds of such rows let f move by a few per cent per sweep. So each unit moves once more together
with its own readout weight on the exact likelihood, given the other units, then the other readout coefficients, then
the scale of the whole function with that of its prior. Both kinds of moves leave the posterior invariant, and each is
quick where the other is slow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal import conditionals
from bayesnn.likelihoods import weighted
from bayesnn.models.model import Model
from bayesnn.models.readout import shifted
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.collapsed import GibbsState, active_units, prior_of
from bayesnn.samplers.gibbs.proposals import first_acceptable, shrinking_angles
from bayesnn.samplers.gibbs.structure import readout_rows
from bayesnn.samplers.gibbs.unit_moves import activations, set_row_unchecked
from bayesnn.samplers.gibbs.working_rows import tempered

LogLikelihood = Callable[[jax.Array], jax.Array]


def move_on_likelihood(
    key: jax.Array,
    state: GibbsState,
    model: Model,
    x: jax.Array,
    y: jax.Array,
    count: int,
    offset: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> GibbsState:
    """Move units with their readout weights, the other coefficients, and the scale of f, with `count` candidates."""
    key_units, key_rest, key_scale = jax.random.split(key, 3)
    m = state.gamma.shape[0]
    used = model.masks(state.structure, x.shape[1:])
    inputs, extra = readout_rows(model.terms(x.shape[1:]), x, used)
    log_likelihood = likelihood_of(state, model, y, tempered(weights, state, y))
    fixed = state.coefficients[m:] @ extra
    fixed = jnp.zeros(x.shape[0]) if offset is None and not extra.shape[0] else shifted(fixed, offset)
    gamma, beta, f = move_units(key_units, state, inputs, fixed, log_likelihood, count)
    rest = state.coefficients[m:]
    if extra.shape[0]:
        mean, variance = (jnp.asarray(v[m:]) for v in prior_of(model).readout_moments(model.terms(x.shape[1:])))
        kept = jnp.ones(rest.shape) if used is None else used.coefficients[m:]
        centre = mean * kept
        factor = functools.partial(log_factors, model, m, kept)
        rest, f = move_rest(key_rest, rest, centre, jnp.sqrt(variance) * kept, extra, f, log_likelihood, factor, count)
    state = state._replace(gamma=gamma, coefficients=jnp.concatenate([beta, rest]))
    return move_scale(key_scale, state, model, f, offset, log_likelihood)


def likelihood_of(state: GibbsState, model: Model, y: jax.Array, weights: jax.Array | None) -> LogLikelihood:
    """The log likelihood () of function values (n,), offset included.

    That of classes is computed in single precision for each row and added up in double. Others lose their digits so: a
    negative binomial with a small dispersion subtracts large numbers that nearly cancel.
    """
    likelihood = model.likelihood
    nuisance = likelihood.report(state.latents or {})

    def single(value: jax.Array) -> jax.Array:
        rounds = likelihood.kind == "class" and jnp.issubdtype(value.dtype, jnp.floating)
        return value.astype(jnp.float32) if rounds else value

    target = single(y)

    def log_likelihood(f: jax.Array) -> jax.Array:
        each = likelihood.distribution(single(f), **nuisance).log_prob(target).astype(f.dtype)
        return weighted(each, weights).sum(axis=-1)

    return log_likelihood


def on_ellipse(key: jax.Array, value: jax.Array, mean: jax.Array, noise: jax.Array, count: int) -> tuple:
    """`count` points (count, d) of an elliptical slice through `value` (d,), `noise` a centred draw of the prior."""
    uniform = jax.random.uniform(key, (count + 1,))
    angles = shrinking_angles(uniform[:count])[:, None]
    return mean + jnp.cos(angles) * (value - mean) + jnp.sin(angles) * noise, jnp.log(uniform[count:])


def move_units(
    key: jax.Array,
    state: GibbsState,
    inputs: jax.Array,
    fixed: jax.Array,
    log_likelihood: LogLikelihood,
    count: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Each unit in turn with its readout weight, from inputs (q, n) and the rest of f (n,): gamma, beta, and f."""
    m, active, hyper = state.gamma.shape[0], active_units(state), state.hyper
    columns = activations(state.gamma, inputs)
    mean = jnp.append(hyper.mu_gamma, hyper.mu_beta)
    number = m if active is None else active.sum().astype(int)

    def move(j: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        both, f, level = carry
        key_noise, key_angles = jax.random.split(jax.random.fold_in(key, j))
        noise = jax.random.normal(key_noise, (mean.shape[0],))
        noise = jnp.append(hyper.s_gamma.factor @ noise[:-1], noise[-1] * hyper.beta_precision**-0.5)
        points, threshold = on_ellipse(key_angles, both[j], mean, noise, count)
        without = f - both[j, -1] * columns[j]
        trials = without + points[:, -1:] * activations(points[:, :-1], inputs)
        scores = jnp.append(level, log_likelihood(trials))
        index = first_acceptable(scores, threshold)
        taken = jnp.where(index > 0, points[index - 1], both[j])
        return set_row_unchecked(both, j, taken), jnp.where(index > 0, trials[index - 1], f), scores[index]

    start = jnp.concatenate([state.gamma, state.coefficients[:m, None]], axis=1)
    f = fixed + state.coefficients[:m] @ columns
    both, f, _ = lax.fori_loop(0, number, move, (start, f, log_likelihood(f)))
    return both[:, :-1], both[:, -1], f


def move_rest(
    key: jax.Array,
    rest: jax.Array,
    mean: jax.Array,
    sd: jax.Array,
    extra: jax.Array,
    f: jax.Array,
    log_likelihood: LogLikelihood,
    factor: LogLikelihood,
    count: int,
) -> tuple[jax.Array, jax.Array]:
    """Intercept and linear term (k - m,), whose prior is N(mean, sd^2) times a factor; they and f (n,)."""
    key_noise, key_angles = jax.random.split(key)
    noise = sd * jax.random.normal(key_noise, rest.shape)
    points, threshold = on_ellipse(key_angles, rest, mean, noise, count)
    trials = f + (points - rest) @ extra
    levels = jnp.append(log_likelihood(f), log_likelihood(trials))
    index = first_acceptable(levels + jax.vmap(factor)(jnp.concatenate([rest[None], points])), threshold)
    return jnp.where(index > 0, points[index - 1], rest), jnp.where(index > 0, trials[index - 1], f)


def log_factors(model: Model, m: int, kept: jax.Array, rest: jax.Array) -> jax.Array:
    """Log of the prior's factor of intercept and linear term (k - m,), beside independent normals: `log_factor`."""
    predictors = rest.shape[0] - int(model.intercept)
    if not predictors:
        return jnp.zeros(())
    found = prior_of(model).log_factor(rest[-predictors:], kept[-predictors:])
    return jnp.zeros(()) if found is None else found


def move_scale(
    key: jax.Array, state: GibbsState, model: Model, f: jax.Array, offset: jax.Array | None, likelihood: LogLikelihood
) -> GibbsState:
    """Multiply readout, mu_beta and sigma_beta by one factor, by slice sampling of its logarithm.

    The density of the factor a is that of the posterior at the new point times the Jacobian, with respect to da/a
    (J. Liu and C. Sabatti, 2000, Generalised Gibbs sampler and multigrid Monte Carlo, Biometrika 87, 353-369). That of
    beta given mu_beta and sigma_beta does not change, but for its Jacobian.
    """
    prior, m = prior_of(model), state.gamma.shape[0]
    own = f if offset is None else f - offset
    rest = state.coefficients[m:]
    mean, fixed = (jnp.asarray(v[m:]) for v in prior.readout_moments(model.terms((state.gamma.shape[1] - 1,))))
    kept = rest != 0  # terms that are left out stay zero
    half = 0.5 * prior.readout_size
    free = kept.sum()

    def log_density(t: jax.Array) -> jax.Array:
        a = jnp.exp(t)
        density = likelihood(a * own if offset is None else a * own + offset)
        density -= 0.5 * (a * state.hyper.mu_beta - prior.readout_mean) ** 2 / prior.readout_mean_variance
        density -= half * (2.0 * t + prior.readout_guess * state.hyper.beta_precision / a**2)
        density += log_factors(model, m, kept.astype(float), a * rest)
        return density - 0.5 * jnp.sum(kept * (a * rest - mean) ** 2 / fixed) + (1 + free) * t

    a = jnp.exp(conditionals.slice_move(key, jnp.zeros(()), log_density))
    hyper: Hyper = state.hyper._replace(
        mu_beta=a * state.hyper.mu_beta, beta_precision=state.hyper.beta_precision / a**2
    )
    return state._replace(coefficients=a * state.coefficients, hyper=hyper)
