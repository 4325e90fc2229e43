"""A posterior density whose likelihood does without most of the padding of a minibatch.

The rows of a batch are those that were drawn, so that its gradient is the same estimate, but for rounding, as without
this file. They are sorted by length and split into parts of equal size. Each part is cut to a width chosen ahead or, if
one of its rows is longer, not cut: two programs per part, of which a step runs one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from numpyro.infer.util import potential_energy

from bayesnn.layers.dropout import has_dropout
from bayesnn.models.lengths import cut, lengths_of_rows, real_lengths, shorter_widths, work
from bayesnn.models.model import Model
from bayesnn.samplers.density import Data, Density, WeightedLikelihood, take_rows

PARTS = (1, 2, 4)  # how many parts are tried
LESS = 0.85  # a division must cost less than this share of the one before it, since its programs must be compiled
STEP = 5000  # array elements whose arithmetic takes as long as a recurrent step takes to begin
WORTH = 2e7  # array elements that all rows take, from which on two or more programs pay
BATCHES = 400  # random batches by which widths are chosen


@dataclass(frozen=True)
class Parts:
    """Widths (parts,) to which the parts of a batch of `rows` sequences of `steps` steps are cut, shortest first."""

    rows: int
    steps: int
    widths: tuple[int, ...]


def parts_for(model: Any, data: Data, batch: int, rows: np.ndarray | None = None) -> Parts | None:
    """How to split batches of these rows of the data; None where whole batches are as quick.

    Batches of all rows are split by the lengths that they have.
    """
    x = data[0]
    if not isinstance(model, Model) or np.ndim(x) < 2 or jax.device_count() > 1 or has_dropout(model.layers):
        return None
    shape = x.shape[1:]
    if not (len(shape) == 2 or model.network.tokens is not None):
        return None
    if len(x) * work(model, shape, shape[0]) < WORTH:
        return None
    widths = shorter_widths(model, shape)
    if not widths:
        return None
    lengths = lengths_of_rows(model, x) if rows is None else lengths_of_rows(model, x)[rows]
    batches = np.sort(lengths)[None]
    if batch < len(lengths):
        batches = np.sort(lengths[np.random.default_rng(0).integers(len(lengths), size=(BATCHES, batch))], axis=1)
    widths = (*widths, shape[0])
    used = batches.shape[1]
    costs = used * np.array([work(model, shape, width) for width in widths])
    begin = STEP * np.array(widths)
    best, least = None, LESS * (costs + begin)[-1]
    for count in (n for n in PARTS if n <= used):
        ends = np.arange(1, count + 1) * used // count - 1
        found = [_cheapest(batches[:, end], np.array(widths), costs / count + begin) for end in ends]
        cost = sum(cost for _, cost in found)
        if cost <= least:
            best, least = Parts(used, shape[0], tuple(width for width, _ in found)), LESS * cost
    return best


def _cheapest(longest: np.ndarray, widths: np.ndarray, costs: np.ndarray) -> tuple[int, float]:
    """The width, and its cost, at which a part costs least; parts with a longer row are not cut."""
    share = (longest[:, None] <= widths).mean(axis=0)
    expected = share * costs + (1 - share) * costs[-1]
    return int(widths[expected.argmin()]), float(expected.min())


def split(density: Density, parts: Parts | None) -> Density:
    """The density that splits batches as `parts` says, if it is not None."""
    if parts is None:
        return density
    return DensityByLength(density.model, density.unravel, density.names, density.size, parts)


@dataclass(frozen=True)
class DensityByLength(Density):
    """A density that splits batches of `parts.rows` rows; others are taken whole. Its potential has first derivatives,
    and these have derivatives forward, as samplers need them.
    """

    parts: Parts

    def potential(self, theta: jax.Array, data: Data, factor: Any = 1.0) -> jax.Array:
        """-log prior - factor * log likelihood, on the unconstrained scale."""
        return self._summed(theta, data, factor, 1.0)

    def log_likelihood(self, theta: jax.Array, data: Data) -> jax.Array:
        """log p(y | theta), summed over the rows of `data`."""
        return -self._summed(theta, data, 1.0, 0.0)

    def _summed(self, theta: jax.Array, data: Data, factor: Any, prior: float) -> jax.Array:
        """-prior * log prior - factor * log likelihood, the sum over the parts, each with its share of the prior."""
        split = self.parts.rows == len(data[0]) and self.parts.steps == data[0].shape[1]
        widths = self.parts.widths if split else (data[0].shape[1],)
        share = prior / len(widths)

        def of_part(theta: jax.Array, part: Data) -> jax.Array:
            return potential_energy(WeightedLikelihood(self.model, factor, share), part, {}, self.unravel(theta))

        if not split:
            return of_part(theta, data)
        lengths = real_lengths(self.model, data[0])
        sort = jnp.argsort(lengths)
        ends = [i * self.parts.rows // len(widths) for i in range(len(widths) + 1)]
        total = jnp.zeros((), theta.dtype)
        for width, start, end in zip(widths, ends[:-1], ends[1:], strict=True):
            rows = sort[start:end]
            part = take_rows(data, rows)
            if width == self.parts.steps:
                total = total + of_part(theta, part)
                continue
            fits = all_fit(jnp.all(lengths[rows] <= width))
            total = total + either(of_part, functools.partial(cut, self.model, width=width), theta, part, fits)
        return total


@custom_vmap
def all_fit(fits: jax.Array) -> jax.Array:
    """Whether a part fits its width; under vmap, whether it does for all chains, so that these run one program."""
    return fits


@all_fit.def_vmap
def _(size: int, batched: list[bool], fits: jax.Array) -> tuple[jax.Array, bool]:
    return jnp.all(fits), False


def either(value: Callable[..., jax.Array], shorter: Callable[[Data], Data], theta: Any, part: Data, fits: Any) -> Any:
    """value(theta, part), of the shorter part where it fits.

    Its gradient is computed inside the branch: what reverse-mode differentiation keeps of a branch would otherwise be
    as large as what it keeps of the longest.
    """

    def branches(function: Callable[..., Any], theta: Any, part: Data, fits: Any) -> Any:
        return lax.cond(fits, lambda t, d: function(t, shorter(d)), function, theta, part)

    @jax.custom_vjp
    def chosen(theta: Any, part: Data, fits: Any) -> Any:
        return branches(value, theta, part, fits)

    def forward(theta: Any, part: Data, fits: Any) -> Any:
        return branches(jax.value_and_grad(value), theta, part, fits)

    chosen.defvjp(forward, lambda gradient, change: (change * gradient, None, None))
    return chosen(theta, part, fits)
