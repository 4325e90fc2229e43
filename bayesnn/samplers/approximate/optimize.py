"""Climbing a posterior from many starts at once: Adam or SGD, minibatches, early stopping on rows held out.

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
from bayesnn.samplers.density import Data, Density, take_rows
from bayesnn.samplers.engine.chains import call_all
from bayesnn.samplers.engine.plan import Plan

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {"adam": optim.Adam, "sgd": optim.SGD}
CHECK = 100  # least steps from one look at the score to the next


class Climb(NamedTuple):
    """How to optimise: the fields of `MAP`."""

    optimizer: str
    learning_rate: float
    steps: int
    batch_size: int | None
    validation: float | None
    patience: int
    precision: str


@dataclass(frozen=True)
class Optimum:
    """Best points (m, d) of the members, their scores (m,) and steps (m,), and how they came about.

    The score is the mean log density of a row held out, or -potential per row where none is.
    """

    theta: np.ndarray
    score: np.ndarray
    step: np.ndarray
    held_out: np.ndarray
    seconds: dict[str, float]
    complete: bool


def as_artifact(found: Optimum) -> tuple[dict[str, np.ndarray], Any]:
    """An optimum as arrays and a document, for a keeper."""
    arrays = {name: np.asarray(getattr(found, name)) for name in ("theta", "score", "step", "held_out")}
    return arrays, {"seconds": found.seconds, "complete": found.complete}


def from_artifact(kept: tuple[dict[str, np.ndarray], Any]) -> Optimum:
    """The inverse of `as_artifact`."""
    arrays, document = kept
    return Optimum(**arrays, seconds=document["seconds"], complete=document["complete"])


class Progress(NamedTuple):
    """Members under way: optimiser states, best points and scores, steps of the best, checks since then."""

    state: Any
    theta: jax.Array
    score: jax.Array
    step: jax.Array
    stale: jax.Array


def optimize(
    density: Density,
    starts: Any,
    key: jax.Array,
    data: Data,
    climb: Climb,
    plan: Plan,
    rows: np.ndarray | None = None,
) -> Optimum:
    """Climb from every start (m, d); each member keeps its best point, and stops improving it when out of patience.

    With `rows`, only these rows are learnt from.
    """
    begun = time.perf_counter()
    key_split, key_batches = jax.random.split(key)
    chosen = np.arange(len(data[0])) if rows is None else rows
    train, held = (chosen[some] for some in split_rows(key_split, len(chosen), climb.validation))
    groups = [starts[group] for group in plan.groups()]
    with precision_of(climb.precision):
        data = as_precision(data)
        scored = these_rows(data, held if len(held) else train)
        run = _Run(density, climb, key_batches, len(chosen), bool(len(held)))
        fitted, order = (data, jnp.asarray(train)) if run.batched(len(train)) else (these_rows(data, train), None)
        members = [run.begin(as_precision(group)) for group in groups]
        look = run.look(len(scored[0]))
        advance = [jax.jit(run.advance).lower(m, 0, look, fitted, order, scored).compile() for m in members]
    compiled = time.perf_counter() - begun
    complete, done = True, 0

    def work(i: int) -> Progress:
        with precision_of(climb.precision):
            return jax.block_until_ready(
                advance[i](members[i], done, min(look, climb.steps - done), fitted, order, scored)
            )

    with tqdm(total=climb.steps, disable=not plan.progress, unit="step", desc=f"optimising, {plan.chains}") as bar:
        try:
            while done < climb.steps and any((m.stale < climb.patience).any() for m in members):
                members = call_all(work, range(len(members)), plan.side_by_side)
                count = min(look, climb.steps - done)
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


def these_rows(data: Data, rows: np.ndarray) -> Data:
    """The data with these rows, in increasing order; not copied if that is all of them."""
    return data if len(rows) == len(data[0]) else take_rows(data, rows)


def split_rows(key: jax.Array, count: int, fraction: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit and rows held out, each in order; at least one of both where a fraction is given."""
    held = 0 if fraction is None else int(np.clip(round(fraction * count), 1, count - 1))
    order = np.asarray(jax.random.permutation(key, count))
    return np.sort(order[held:]), np.sort(order[:held])


@dataclass(frozen=True)
class _Run:
    """The compiled part: `rows` counts all rows, so that the likelihood weighs as in the whole posterior."""

    density: Density
    climb: Climb
    key: jax.Array
    rows: int
    validated: bool

    def optimizer(self) -> Any:
        """The optimiser, its rate falling to zero along a quarter of a cosine."""
        rate, steps = self.climb.learning_rate, self.climb.steps
        return OPTIMIZERS[self.climb.optimizer](lambda i: rate * jnp.cos(0.5 * jnp.pi * i / steps))

    def look(self, scored: int) -> int:
        """Steps from one look at the score to the next: those that pass as many rows as are scored, or more."""
        return CHECK if self.climb.batch_size is None else max(CHECK, scored // self.climb.batch_size)

    def begin(self, starts: jax.Array) -> Progress:
        """Members at their starts."""
        count, dtype = len(starts), starts.dtype
        state = jax.vmap(self.optimizer().init)(starts)
        zeros = jnp.zeros(count, int)
        return Progress(state, starts, jnp.full(count, -jnp.inf, dtype), zeros, zeros)

    def batched(self, count: int) -> bool:
        """Whether a step sees some of the `count` rows that are learnt from, not all."""
        return self.climb.batch_size is not None and self.climb.batch_size < count

    def advance(self, members: Progress, begin: Any, count: Any, data: Data, order: Any, scored: Data) -> Progress:
        """`count` steps of all members, then a look at their scores; `order` are the rows to learn from, None: all."""
        start = members.state, None if order is None else self.shuffled(begin, order)
        state, _ = lax.fori_loop(begin, begin + count, lambda i, c: self.step(i, c[0], c[1], data), start)
        return self.keep_best(members, state, begin + count, scored)

    def step(self, i: Any, state: Any, order: Any, data: Data) -> tuple[Any, Any]:
        """One step of all members on the same rows; the rows are shuffled when an epoch begins."""
        optimizer, batch = self.optimizer(), data
        used = self.climb.batch_size
        if order is not None and used is not None:
            place = i % (len(order) // used)
            order = lax.cond(place == 0, lambda: self.shuffled(i, order), lambda: order)
            batch = take_rows(data, lax.dynamic_slice_in_dim(order, place * used, used))

        def loss(theta: jax.Array, key: jax.Array) -> jax.Array:
            return self.density.dropped(key, theta, batch, self.rows / len(batch[0])) / self.rows

        def one(state: Any, key: jax.Array) -> Any:
            gradient = jax.grad(loss)(optimizer.get_params(state), key)
            return optimizer.update(gradient, state)

        members = len(jax.tree.leaves(state)[0])
        keys = jax.random.split(jax.random.fold_in(jax.random.fold_in(self.key, i), 1), members)
        return jax.vmap(one)(state, keys), order

    def shuffled(self, i: Any, order: jax.Array) -> jax.Array:
        """The rows in an order that depends on the step at which they are shuffled."""
        return jax.random.permutation(jax.random.fold_in(self.key, i), order)

    def keep_best(self, members: Progress, state: Any, step: Any, scored: Data) -> Progress:
        """Members with their best points; one that is out of patience keeps the one it has."""
        theta = jax.vmap(self.optimizer().get_params)(state)
        score = jax.vmap(lambda t: self.score(t, scored))(theta)
        better = (score > members.score) & (members.stale < self.climb.patience)
        return Progress(
            state,
            jnp.where(better[:, None], theta, members.theta),
            jnp.where(better, score, members.score),
            jnp.where(better, step, members.step),
            jnp.where(better, 0, members.stale + 1),
        )

    def score(self, theta: jax.Array, scored: Data) -> jax.Array:
        """Mean log density of the rows held out, or -potential per row."""
        if self.validated:
            return self.density.log_likelihood(theta, scored) / len(scored[0])
        return -self.density.potential(theta, scored) / self.rows
