"""Updates of one hidden unit at a time, with the readout integrated out.

With column j of the design left out, K_-j = L_-j L_-j' and a candidate column z contributes only
s(z) = z'z/s2 + V^-1_jj - a'a and t(z) = z'y/s2 + (V^-1 b0)_j - a'b, where L_-j a = k, k = D_-j'z/s2 + V^-1_-j,j and
L_-j b = h_-j: log p(y | z, rest) = const - log(s)/2 + t^2/(2 s). So K candidates cost one matrix product and one
triangular solve, and no factorisation of their own.

With several outputs log p(y | z, rest) is a sum over outputs, each with V, b0, s2, h and L_-j of its own; D_-j and z
are common. Shapes below are those of one output; with K outputs, products are those of [design, y_1, ..., y_K, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal import random
from bayesnn._internal.conditionals import solve_lower
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models.readout import BY_OUTPUT, Precision, Products, products_of
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.proposals import Candidates, Proposal

BLOCK = 1024  # rows of data per block, whose candidate columns fit a second-level cache, for a few chains at once
FEW_BLOCKS = 16  # with fewer blocks than these, all rows are processed at once


class MovedUnits(NamedTuple):
    """After the moves: gamma (m, q), products (k + 2, k + 2) of [design, z, 1], and which units moved (m,)."""

    gamma: jax.Array
    gram: jax.Array
    moved: jax.Array


class CandidateProducts(NamedTuple):
    """Products (k + 2, c) of [design, z, 1] with c candidate columns, squared norms (c,), a column (n,) by index."""

    cross: jax.Array
    squares: jax.Array
    column: Callable[[jax.Array], jax.Array]


class WithoutColumn(NamedTuple):
    """The readout posterior without column j: L_-j (k, k), h_-j (k,), and the prior terms of column j."""

    others: jax.Array
    cholesky: jax.Array
    h: jax.Array
    coupling: jax.Array
    own: jax.Array
    shift: jax.Array
    variance: jax.Array
    noise_precision: jax.Array


def activations(gamma: jax.Array, inputs: jax.Array) -> jax.Array:
    """psi(gamma x), (c, q) and inputs (q, n) -> (c, n).

    psi is evaluated in single precision, which takes a third of the time; its rounding is part of the function that is
    sampled, for current and candidate columns alike, so densities stay consistent. Sums and factors are double.
    1/(1 + exp(-e)) is several times faster than the library's sigmoid and, without a gradient, as safe.
    """
    e = (gamma @ inputs).astype(jnp.float32)
    return (1.0 / (1.0 + jnp.exp(-e))).astype(gamma.dtype)


def candidate_products(
    values: jax.Array, rows: jax.Array, inputs: jax.Array, weights: jax.Array | None = None
) -> CandidateProducts:
    """Products of candidates (c, q) with rows (k + 2, n), from inputs (q, n).

    With weights (n,), the rows are those times the weights already, and columns are returned so.

    Many rows of data are processed in blocks, whose candidate columns stay in the processor's cache: writing all (c, n)
    values to memory and reading them back costs more than evaluating psi again for the one column that is chosen.
    """

    def part(rows: jax.Array, inputs: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        columns = activations(values, inputs)
        each = jnp.ones(inputs.shape[1]) if weights is None else rows[-1]
        return rows @ columns.T, columns**2 @ each, columns

    def times_weights(column: jax.Array) -> jax.Array:
        return column if weights is None else column * weights

    blocks = inputs.shape[1] // BLOCK
    if blocks < FEW_BLOCKS:
        cross, squares, columns = part(rows, inputs)
        return CandidateProducts(cross, squares, lambda index: times_weights(columns[index]))

    def add(total: tuple[jax.Array, jax.Array], start: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        more = part(*(lax.dynamic_slice_in_dim(a, start, BLOCK, axis=1) for a in (rows, inputs)))
        return (total[0] + more[0], total[1] + more[1]), None

    rest = part(rows[:, blocks * BLOCK :], inputs[:, blocks * BLOCK :])
    (cross, squares), _ = lax.scan(add, rest[:2], BLOCK * jnp.arange(blocks))
    return CandidateProducts(cross, squares, lambda index: times_weights(activations(values[index][None], inputs)[0]))


def update_units(
    source: RandomSource,
    gamma: jax.Array,
    candidates: Candidates,
    proposal: Proposal,
    hyper: Hyper,
    inputs: jax.Array,
    extra: jax.Array,
    working: WorkingRows,
    prior: Precision,
    noise_precision: jax.Array,
    active: jax.Array | None = None,
    backwards: jax.Array | None = None,
) -> MovedUnits:
    """Move each unit in turn to one of its candidates or not at all, and then perhaps flip its sign.

    gamma (m, q), inputs (q, n) with the constant, extra readout columns (k - m, n). `active` (m,) says which units are
    in use, and these come first: the others stay, and their columns are zero. Where `backwards` () is given, it says
    whether the last unit moves first, and no sign flips: if it is a fair coin, all moves together are reversible.
    """
    m = gamma.shape[0]
    columns = activations(gamma, inputs)
    columns, count = (columns, m) if active is None else (columns * active[:, None], active.sum().astype(int))
    rows, gram = weighted_products(jnp.concatenate([columns, extra]), working)
    level = jnp.log(random.uniform(source, (m,)))
    values = jnp.concatenate([gamma[:, None], candidates.values], axis=1)
    ones = 1.0 if working.weights is None else working.weights
    ratio_of_flip = flip_ratio(values, hyper)

    def move(turn: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        rows, gram, chosen, sign = carry
        j = turn if backwards is None else jnp.where(backwards, count - 1 - turn, turn)
        scored = candidate_products(candidates.values[j], rows, inputs, working.weights)
        cross = jnp.concatenate([gram[:, j][:, None], scored.cross], axis=1)  # current first: (k + 2, K + 1)
        squares = jnp.concatenate([gram[j, j][None], scored.squares])
        cross, squares = with_turned(cross, squares, gram[-1])
        score, turned_score = jnp.split(scores(j, gram, cross, squares, prior, noise_precision), 2)
        index = proposal.choose(score + candidates.log_weight[j], candidates.noise[j])
        column = jnp.where(index > 0, scored.column(index - 1), rows[j])

        flip = level[j] < turned_score[index] - score[index] + ratio_of_flip[j, index]
        flip &= backwards is None
        column = jnp.where(flip, ones - column, column)
        place = jnp.where(flip, index + len(score), index)
        new = set_row_unchecked(cross[:, place], j, squares[place])
        gram = set_row_unchecked(gram, j, new).at[:, j].set(new, mode="promise_in_bounds")
        return (
            set_row_unchecked(rows, j, column),
            gram,
            set_row_unchecked(chosen, j, index),
            set_row_unchecked(sign, j, jnp.where(flip, -1.0, 1.0)),
        )

    start = (rows, gram, jnp.zeros(m, int), jnp.ones(m))
    _, gram, chosen, sign = lax.fori_loop(0, count, move, start)
    taken = jnp.take_along_axis(values, chosen[:, None, None], axis=1)[:, 0]
    return MovedUnits(sign[:, None] * taken, gram, chosen > 0)


def weighted_products(design: jax.Array, working: WorkingRows) -> tuple[jax.Array, jax.Array]:
    """Rows [design, z, 1] times their weights (k + 2, n), and products (k + 2, k + 2), from columns of a design (k, n).

    The product of z with itself is that of `working`, which the moves of units do not use; nor do they use those of one
    output's z with another's.
    """
    k, one, targets = design.shape[0], jnp.ones((1, design.shape[1])), jnp.atleast_2d(working.target)
    if working.weights is None:
        rows = jnp.concatenate([design, targets, one])
        return rows, rows @ rows.T
    others = jnp.concatenate([design, one])
    times = others * working.weights
    cross, gram = (others @ working.target.T).reshape(k + 1, -1), times @ others.T
    last = k + len(targets)
    place, of_target = jnp.array([*range(k), last]), jnp.arange(k, last)
    full = jnp.zeros((last + 1, last + 1)).at[place[:, None], place].set(gram)
    full = full.at[place[:, None], of_target].set(cross).at[of_target[:, None], place].set(cross.T)
    return jnp.concatenate([times[:-1], targets, times[-1:]]), full.at[of_target, of_target].set(working.square)


def set_row_unchecked(array: jax.Array, j: jax.Array, row: jax.Array) -> jax.Array:
    """Set row j without a bounds check: j is in range, and the check costs more than the write."""
    return array.at[j].set(row, mode="promise_in_bounds")


def flip_ratio(gamma: jax.Array, hyper: Hyper) -> jax.Array:
    """log p(-gamma) - log p(gamma) = -2 mu' S^-1 gamma for units (..., q)."""
    return -2.0 * gamma @ (hyper.s_gamma.precision @ hyper.mu_gamma)


def scores(
    j: jax.Array, gram: jax.Array, cross: jax.Array, squares: jax.Array, prior: Precision, noise_precision: jax.Array
) -> jax.Array:
    """log p(y | column j is z) up to a constant, for candidate columns z with these products (c,).

    From products (k + 2, k + 2) of [design, y, 1], cross (k + 2, c) of these with the candidates, and squares (c,).
    """
    k, outputs = prior.shift.shape[-1], jnp.shape(noise_precision)

    def of_output(data: Products, target: jax.Array, prior: Precision, noise_precision: jax.Array) -> jax.Array:
        return score_columns(leave_out(j, data, prior, noise_precision), cross[:k], target, squares)

    data = products_of(gram[:-1, :-1], gram[-1, -1], outputs)
    if not outputs:
        return of_output(data, cross[k], prior, noise_precision)
    return jax.vmap(of_output, (BY_OUTPUT, 0, 0, 0))(data, cross[k:-1], prior, noise_precision).sum(axis=0)


def leave_out(j: jax.Array, data: Products, prior: Precision, noise_precision: jax.Array) -> WithoutColumn:
    """The readout posterior without column j. Shapes are unchanged: row and column j become those of the identity."""
    k = prior.shift.shape[0]
    others = jnp.arange(k) != j
    k_left = data.gram * noise_precision + prior.matrix
    cholesky = jnp.linalg.cholesky(jnp.where(others[:, None] & others, k_left, jnp.eye(k)))
    h = jnp.where(others, data.cross * noise_precision + prior.shift, 0.0)
    own = prior.matrix[j, j], prior.shift[j], prior.variance[j]
    return WithoutColumn(others, cholesky, h, prior.matrix[:, j], *own, noise_precision)


def score_columns(left: WithoutColumn, cross: jax.Array, target: jax.Array, squares: jax.Array) -> jax.Array:
    """`scores` of one output, from products of the design (k, c), of y (c,) and of themselves (c,) with the candidates.

    s is at least 1/V_jj; rounding could take it below, so this bound is enforced.
    """
    against = jnp.where(left.others[:, None], cross * left.noise_precision + left.coupling[:, None], 0.0)
    solved = solve_lower(left.cholesky, jnp.concatenate([left.h[:, None], against], axis=1))
    b, a = solved[:, 0], solved[:, 1:]
    s = squares * left.noise_precision + left.own - jnp.sum(a**2, axis=0)
    s = jnp.maximum(s, 1.0 / left.variance)
    t = target * left.noise_precision + left.shift - b @ a
    return -0.5 * jnp.log(s) + t**2 / (2.0 * s)


def with_turned(cross: jax.Array, squares: jax.Array, sums: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Products (k + 2, 2c) and squares (2c,) of columns z and then 1 - z from those of z, without evaluating psi."""
    turned = sums[:, None] - cross, sums[-1] - 2.0 * cross[-1] + squares
    return jnp.concatenate([cross, turned[0]], axis=1), jnp.concatenate([squares, turned[1]])
