"""What a sampler is: pure functions on a frozen spec; whatever is tuned lives in the chain's state."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import jax
from numpyro.infer.mcmc import MCMCKernel

from bayesnn.model import Model

Stats = dict[str, jax.Array]


class Sampler(abc.ABC):
    """A spec that gives a NumPyro kernel for a model, and reads statistics off its state."""

    @abc.abstractmethod
    def check(self, model: Model) -> None:
        """Refuse a model this sampler cannot serve."""

    @abc.abstractmethod
    def kernel(self, model: Any) -> MCMCKernel:
        """A kernel that `numpyro.infer.MCMC` (and `run_chains`) can drive on (x, y)."""

    @abc.abstractmethod
    def stats(self, state: Any) -> Stats:
        """Sample statistics of one step, under ArviZ's names."""


class Info(NamedTuple):
    """What one step reports: fraction of its moves that were taken, in all () and a unit (m,)."""

    acceptance: jax.Array
    moved: jax.Array


class Steps(Sampler):
    """A sampler written here: init, step and adapt on a chain state of its own."""

    @abc.abstractmethod
    def init(self, key: jax.Array, model: Model, x: jax.Array, y: jax.Array, *rows: Any) -> Any:
        """A dispersed start."""

    @abc.abstractmethod
    def step(
        self, key: jax.Array, state: Any, model: Model, x: jax.Array, y: jax.Array, *rows: Any
    ) -> tuple[Any, Info]:
        """One transition that leaves the posterior invariant; `rows` are offset and case weights, if any."""

    @abc.abstractmethod
    def adapt(self, state: Any, info: Info, iteration: jax.Array) -> Any:
        """Tuning after a warm-up step; never called afterwards."""

    @abc.abstractmethod
    def sites(self, state: Any, model: Model, x: jax.Array) -> dict[str, jax.Array]:
        """The model's reported sites in this state."""
