"""What a sampler is: pure functions on a frozen spec; whatever is tuned lives in the chain's state."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import jax
from numpyro.infer.mcmc import MCMCKernel

from bayesnn.models.model import Model
from bayesnn.samplers.engine.chains import Run, run_chains
from bayesnn.samplers.engine.plan import Plan

Stats = dict[str, jax.Array]
Data = tuple[Any, ...]  # the arguments of the model: x (n, p), y (n,), and what else it takes
Report = Callable[[jax.Array, dict[str, jax.Array], Data], dict[str, jax.Array]]


class Sampler(abc.ABC):
    """A spec that draws from the posterior of a model, or from what stands in for it.

    To write one: a frozen dataclass with `check` and `draw`, and those of the class attributes below that hold for it.

    Attributes
    ----------
    approximate
        The draws are not from the posterior even in the long run.
    of_members
        Chains are members of an ensemble, each in the neighbourhood of its own start.
    unadjusted
        The step size leaves a bias.
    conditions
        It samples any NumPyro model, also one some of whose sites are held at values: what `bnn.fix` needs.
    finds_modes
        All weights are at modes anyway, so that `bnn.fix` changes nothing.
    serves_gaps
        It samples the missing values of a series too, which `lagged(..., missing="latent")` needs; see `for_gaps`.
    marginalizes
        It integrates the readout out by itself where it can, so that `fit(..., marginalize=True)` changes nothing.
    moves_architectures
        It moves between the networks of a model whose architecture is random.
    """

    approximate: ClassVar[bool] = False
    of_members: ClassVar[bool] = False
    unadjusted: ClassVar[bool] = False
    conditions: ClassVar[bool] = False
    finds_modes: ClassVar[bool] = False
    serves_gaps: ClassVar[bool] = False
    marginalizes: ClassVar[bool] = False
    moves_architectures: ClassVar[bool] = False

    @abc.abstractmethod
    def check(self, model: Model) -> None:
        """Refuse a model this sampler cannot serve."""

    @abc.abstractmethod
    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Recorded values (chain, draw, ...) of `report(key, sites, data)`; names "stat ..." are sample statistics.

        `target` is the NumPyro model, called with `data`; sites are all of its sites but the observed, constrained.
        """

    def for_rows(self) -> Sampler:
        """The sampler of a model whose rows have case weights or an offset."""
        return self

    def for_gaps(self) -> Sampler:
        """The sampler of a model with the missing values of a series as a site, which is called with these series."""
        return self

    def mode_finder(self) -> Any:
        """The `MAP` by which chains find their starts; None where they start at draws from the prior."""
        return None

    def check_target(self, target: Any, plan: Plan) -> None:  # noqa: B027  # most samplers take any
        """Refuse a NumPyro model, or a number of draws, that this sampler cannot serve."""

    def starts_anywhere(self, model: Model) -> bool:
        """Whether the state of a chain is parameters alone, as many for any rows, so that `fit(..., start=)` works."""
        return False


class Chains(Sampler):
    """A sampler that is a NumPyro kernel, with statistics read off its state."""

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """One loop drives all kernels."""
        kernel = self.kernel(target)
        return run_chains(kernel, self.record(kernel, report), key, data, plan, quick=self.quick(target))

    def quick(self, target: Any) -> bool:
        """Whether a step is made of small operations, for which quick compiling costs no speed."""
        return False

    def record(self, kernel: MCMCKernel, report: Report) -> Callable[[jax.Array, Any, Data], dict[str, jax.Array]]:
        """What is recorded of a state: the reported sites, and the sampler's own statistics."""
        return Observe(self, report, kernel)

    @abc.abstractmethod
    def kernel(self, model: Any) -> MCMCKernel:
        """A kernel that `numpyro.infer.MCMC` (and `run_chains`) can drive on (x, y)."""

    @abc.abstractmethod
    def stats(self, state: Any) -> Stats:
        """Sample statistics of one step, under ArviZ's names."""


@dataclass(frozen=True)
class Observe:
    """What is recorded of a chain's state; sampler and report, which knows the model, decide what is compiled."""

    sampler: Chains
    report: Report
    kernel: MCMCKernel = field(compare=False, repr=False)

    def __call__(self, key: jax.Array, state: Any, data: Data) -> dict[str, jax.Array]:
        """Reported sites and statistics of one state."""
        sites = self.kernel.postprocess_fn(data, {})(getattr(state, self.kernel.sample_field))
        return self.report(key, sites, data) | {f"stat {n}": v for n, v in self.sampler.stats(state).items()}


class Info(NamedTuple):
    """What one step reports: fraction of its moves that were taken, in all () and a unit (m,)."""

    acceptance: jax.Array
    moved: jax.Array


class Steps(Chains):
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
