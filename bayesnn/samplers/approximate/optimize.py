"""Optimising a posterior density from many starting points at once: Adam or SGD, minibatches, early stopping.

Members share the order of the minibatches and differ in their starts, so a step of all members is one batched gradient.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpyro import optim
from tqdm.auto import tqdm

from bayesnn._internal.runtime import as_precision
from bayesnn._internal.runtime import precision as precision_of
from bayesnn.samplers.by_length import Parts, parts_for, split
from bayesnn.samplers.density import Data, Density, make_density, take_rows
from bayesnn.samplers.engine.chains import call_all
from bayesnn.samplers.engine.compiled_programs import kept_jit
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.sgmcmc.schedules import Schedule

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "adam": optim.Adam,
    "sgd": optim.SGD,
    "momentum": lambda rate: optim.Momentum(rate, 0.9),
    "rmsprop": optim.RMSProp,
    "adagrad": optim.Adagrad,
}
EVALUATE_EVERY = 100  # least number of steps between evaluations of the score


@dataclass(frozen=True)
class OptimizerSettings:
    """How to optimise: the fields of `MAP` of these names."""

    optimizer: str
    learning_rate: float | Schedule
    steps: int
    batch_size: int | None
    validation: float | None
    patience: int
    precision: str
    clip: float | None = None

    def rate(self) -> Callable[[Any], Any]:
        """The learning rate as a function of the step: a number falls to zero along a quarter of a cosine."""
        rate = self.learning_rate
        return rate.size if isinstance(rate, Schedule) else quarter_cosine(rate, self.steps)


@dataclass(frozen=True)
class Optimum:
    """The best point (m, d) of each member, its score (m,) and the step (m,) at which it was found.

    The score is the mean log density per held-out row, or -potential per row if no row is held out. `held_out` are the
    numbers of those rows, `seconds` the time per phase, and `complete` says that the optimisation was not interrupted.
    """

    theta: np.ndarray
    score: np.ndarray
    step: np.ndarray
    held_out: np.ndarray
    seconds: dict[str, float]
    complete: bool


def as_artifact(found: Optimum) -> tuple[dict[str, np.ndarray], Any]:
    """An optimum as arrays and a document, for a draw store."""
    arrays = {name: np.asarray(getattr(found, name)) for name in ("theta", "score", "step", "held_out")}
    return arrays, {"seconds": found.seconds, "complete": found.complete}


def from_artifact(kept: tuple[dict[str, np.ndarray], Any]) -> Optimum:
    """The inverse of `as_artifact`."""
    arrays, document = kept
    return Optimum(**arrays, seconds=document["seconds"], complete=document["complete"])


class Members(NamedTuple):
    """Members being optimised: optimiser states, best points, their scores and steps, and evaluations since then."""

    state: Any
    theta: jax.Array
    score: jax.Array
    step: jax.Array
    stale: jax.Array


def optimize(
    target: Any,
    starts: Any,
    key: jax.Array,
    data: Data,
    settings: OptimizerSettings,
    plan: Plan,
    rows: np.ndarray | None = None,
) -> Optimum:
    """Optimise from every starting point (m, d) and keep the best point of each member until its patience is over.

    With `rows`, only these rows of the data are used.
    """
    begun = time.perf_counter()
    key_split, key_batches = jax.random.split(key)
    chosen = np.arange(len(data[0])) if rows is None else rows
    train, held = (chosen[some] for some in split_rows(key_split, len(chosen), settings.validation))
    groups = [starts[group] for group in plan.groups()]
    with precision_of(settings.precision):
        data = as_precision(data)
        of_score = held if len(held) else train
        scored = rows_of(data, of_score)
        used = min(settings.batch_size or len(train), len(train))
        parts = parts_for(target, data, used, train), parts_for(target, data, len(of_score), of_score)
        run = _Run(target, *parts, settings, len(chosen), bool(len(held)))
        fitted, order = (data, jnp.asarray(train)) if run.batched(len(train)) else (rows_of(data, train), None)
        members = [run.begin(as_precision(group)) for group in groups]
        every = run.evaluate_every(len(scored[0]))
        kept = kept_jit(_Run.advance, run)
        advance = [kept.lower(m, 0, every, key_batches, fitted, order, scored).compile() for m in members]
    compiled = time.perf_counter() - begun
    complete, done = True, 0

    def work(i: int) -> Members:
        with precision_of(settings.precision):
            return jax.block_until_ready(
                advance[i](members[i], done, min(every, settings.steps - done), key_batches, fitted, order, scored)
            )

    with tqdm(total=settings.steps, disable=not plan.progress, unit="step", desc=f"optimising, {plan.chains}") as bar:
        try:
            while done < settings.steps and any((m.stale < settings.patience).any() for m in members):
                members = call_all(work, range(len(members)), plan.side_by_side)
                count = min(every, settings.steps - done)
                done += count
                bar.set_postfix_str(f"best score {max(float(m.score.max()) for m in members):.3f}", refresh=False)
                bar.update(count)
        except KeyboardInterrupt:
            if not done:
                raise
            complete = False
    joined = {f: np.concatenate([np.asarray(getattr(m, f)) for m in members]) for f in ("theta", "score", "step")}
    seconds = {"compile": compiled, "warmup": time.perf_counter() - begun - compiled, "sampling": 0.0}
    return Optimum(joined["theta"].astype(np.float64), joined["score"], joined["step"], held, seconds, complete)


def quarter_cosine(learning_rate: float, steps: int) -> Callable[[Any], Any]:
    """A learning rate schedule that falls to zero along a quarter of a cosine, as a function of the step."""
    return lambda i: learning_rate * jnp.cos(0.5 * jnp.pi * i / steps)


def clipped(gradient: jax.Array, limit: float | None) -> jax.Array:
    """A gradient (d,), shortened to this length if it is longer; R. Pascanu, T. Mikolov and Y. Bengio (2013), ICML."""
    if limit is None:
        return gradient
    return gradient * jnp.minimum(1.0, limit / jnp.maximum(jnp.linalg.norm(gradient), 1e-30))


def rows_of(data: Data, rows: np.ndarray) -> Data:
    """The data with these rows, given in increasing order; not copied if these are all rows."""
    return data if len(rows) == len(data[0]) else take_rows(data, rows)


def split_rows(key: jax.Array, count: int, fraction: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit and rows to hold out, each in increasing order; at least one of each if a fraction is given."""
    held = 0 if fraction is None else int(np.clip(round(fraction * count), 1, count - 1))
    order = np.asarray(jax.random.permutation(key, count))
    return np.sort(order[held:]), np.sort(order[:held])


@dataclass(frozen=True)
class _Run:
    """The compiled part.

    `rows` is the number of rows that are not set aside before: the likelihood of a minibatch is scaled up to as many.
    `validated` says that scores are those of held-out rows. `parts` and `score_parts` say how steps and scores split
    sequences by length. Equal fields mean equal programs, which is why the key and the rows are arguments.
    """

    target: Any
    parts: Parts | None
    score_parts: Parts | None
    settings: OptimizerSettings
    rows: int
    validated: bool

    def optimizer(self) -> Any:
        """The optimiser with its learning rate schedule."""
        return OPTIMIZERS[self.settings.optimizer](self.settings.rate())

    def evaluate_every(self, scored: int) -> int:
        """Steps between evaluations: at least one pass over as many rows as are scored, so that scoring stays cheap."""
        return (
            EVALUATE_EVERY
            if self.settings.batch_size is None
            else max(EVALUATE_EVERY, scored // self.settings.batch_size)
        )

    def begin(self, starts: jax.Array) -> Members:
        """Members at their starting points, not yet scored."""
        count, dtype = len(starts), starts.dtype
        state = jax.vmap(self.optimizer().init)(starts)
        zeros = jnp.zeros(count, int)
        return Members(state, starts, jnp.full(count, -jnp.inf, dtype), zeros, zeros)

    def batched(self, count: int) -> bool:
        """Whether a step uses a minibatch of the `count` rows rather than all of them."""
        return self.settings.batch_size is not None and self.settings.batch_size < count

    def advance(
        self, members: Members, begin: Any, count: Any, key: jax.Array, data: Data, order: Any, scored: Data
    ) -> Members:
        """`count` steps of all members, then an evaluation; `order` are the rows of minibatches, None without these."""
        density = make_density(self.target, data)
        steps = split(density, self.parts)
        start = members.state, None if order is None else shuffled(key, begin, order)
        state, _ = lax.fori_loop(begin, begin + count, lambda i, c: self.step(steps, key, i, c[0], c[1], data), start)
        return self.keep_best(split(density, self.score_parts), members, state, begin + count, scored)

    def step(self, density: Density, key: jax.Array, i: Any, state: Any, order: Any, data: Data) -> tuple[Any, Any]:
        """One step of all members on the same minibatch; rows are shuffled at the beginning of each epoch."""
        optimizer, batch = self.optimizer(), data
        used = self.settings.batch_size
        if order is not None and used is not None:
            place = i % (len(order) // used)
            order = lax.cond(place == 0, lambda: shuffled(key, i, order), lambda: order)
            batch = take_rows(data, lax.dynamic_slice_in_dim(order, place * used, used))

        def loss(theta: jax.Array, key: jax.Array) -> jax.Array:
            return density.dropped(key, theta, batch, self.rows / len(batch[0])) / self.rows

        def one(state: Any, key: jax.Array) -> Any:
            gradient = jax.grad(loss)(optimizer.get_params(state), key)
            return optimizer.update(clipped(gradient, self.settings.clip), state)

        members = len(jax.tree.leaves(state)[0])
        keys = jax.random.split(jax.random.fold_in(jax.random.fold_in(key, i), 1), members)
        return jax.vmap(one)(state, keys), order

    def keep_best(self, density: Density, members: Members, state: Any, step: Any, scored: Data) -> Members:
        """Update the best points; a member that is out of patience keeps the one it has."""
        theta = jax.vmap(self.optimizer().get_params)(state)
        score = jax.vmap(lambda t: self.score(density, t, scored))(theta)
        better = (score > members.score) & (members.stale < self.settings.patience)
        return Members(
            state,
            jnp.where(better[:, None], theta, members.theta),
            jnp.where(better, score, members.score),
            jnp.where(better, step, members.step),
            jnp.where(better, 0, members.stale + 1),
        )

    def score(self, density: Density, theta: jax.Array, scored: Data) -> jax.Array:
        """Mean log density per held-out row, or -potential per row if no row is held out."""
        if self.validated:
            return density.log_likelihood(theta, scored) / len(scored[0])
        return -density.potential(theta, scored) / self.rows


def shuffled(key: jax.Array, i: Any, order: jax.Array) -> jax.Array:
    """The rows in random order, by a key that depends on step `i`."""
    return jax.random.permutation(jax.random.fold_in(key, i), order)
