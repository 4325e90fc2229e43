"""The interfaces of samplers: pure functions on a frozen spec; whatever is tuned lives in the chain's state."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.infer.mcmc import MCMCKernel

from bayesnn.models.model import Model
from bayesnn.samplers.engine.chains import Run, run_chains
from bayesnn.samplers.engine.plan import Plan

Stats = dict[str, jax.Array]  # one value () per statistic, by ArviZ's names such as "acceptance_rate" and "lp"
Data = tuple[Any, ...]  # the arguments of the model: x (n, p), y (n,), and offset (n,) and case weights (n,) if any
Report = Callable[[jax.Array, dict[str, jax.Array], Data], dict[str, jax.Array]]  # (key, sites, data) -> recorded sites


class Sampler(abc.ABC):
    """A spec that draws from the posterior of a model, or from an approximation of it.

    To add a sampler, write a frozen dataclass of its settings and derive it from the class that leaves least to do:

    - `Steps`, for a transition of your own: `init`, `step`, `adapt` and `sites`, and `kernel` and `stats` of `Chains`;
    - `Chains`, for a NumPyro kernel: `kernel` builds it, `stats` reads the statistics off its state;
    - `Sampler`, for anything else: `draw` returns all recorded values at once.

    Override `check` to refuse models that the sampler cannot serve, and set the class attributes that hold for it.

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
    caution
        What `diagnose` says of an approximation beside that it is one.
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
    caution: ClassVar[str] = ""
    serves_gaps: ClassVar[bool] = False
    marginalizes: ClassVar[bool] = False
    moves_architectures: ClassVar[bool] = False

    def check(self, model: Model) -> None:  # noqa: B027
        """Raise a ValueError for a model that this sampler cannot serve; by default every model is accepted."""

    @abc.abstractmethod
    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Run the sampler: the values (chain, draw, ...) of `report(key, sites, data)` at every draw, and timings.

        `target` is the NumPyro model, called with `data`; `sites` are all of its constrained sites except the observed.
        Sample statistics are recorded beside the sites, under their name with the prefix "stat ", such as "stat lp".
        `report` needs a key per draw, for sites that were integrated out and are drawn afterwards.
        """

    def serve(self, model: Model) -> Model:
        """The model of a fit by this sampler, which says what is recorded of a draw."""
        return replace(model, dropout=False) if model.dropout else model

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
    """A sampler that runs chains of a NumPyro kernel, with statistics read off its state.

    Implement `kernel` and `stats`.
    """

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        kernel = self.kernel(target)
        return run_chains(kernel, self.record(kernel, report), key, data, plan, quick=self.quick(target))

    def quick(self, target: Any) -> bool:
        """Whether a step consists of small operations only, so that XLA's quick compilation costs no speed."""
        return False

    def record(self, kernel: MCMCKernel, report: Report) -> Callable[[jax.Array, Any, Data], dict[str, jax.Array]]:
        """The function that records a state: the reported sites, and the sampler's own statistics."""
        return Observe(self, report, kernel)

    @abc.abstractmethod
    def kernel(self, model: Any) -> MCMCKernel:
        """A kernel that `numpyro.infer.MCMC` (and `run_chains`) can run on (x, y)."""

    @abc.abstractmethod
    def stats(self, state: Any) -> Stats:
        """Sample statistics of one step, under ArviZ's names."""


@dataclass(frozen=True)
class Observe:
    """Records the state of a chain. Equal `sampler` and `report`, which holds the model, mean equal compiled code."""

    sampler: Chains
    report: Report
    kernel: MCMCKernel = field(compare=False, repr=False)

    def __call__(self, key: jax.Array, state: Any, data: Data) -> dict[str, jax.Array]:
        """Reported sites and statistics of one state."""
        sites = self.kernel.postprocess_fn(data, {})(getattr(state, self.kernel.sample_field))
        return self.report(key, sites, data) | {f"stat {n}": v for n, v in self.sampler.stats(state).items()}


class Info(NamedTuple):
    """What one step reports: the fraction of its moves that were accepted, in all () and per unit (m,).

    `trajectory` () is the mean acceptance of the collapsed sweep's trajectories; None if there are none. Samplers that
    can be tempered report the log likelihood () of the new state too, if the state has a temperature.
    """

    acceptance: jax.Array
    moved: jax.Array
    trajectory: jax.Array | None = None
    log_likelihood: jax.Array | None = None


def summary_of(infos: Info) -> Info:
    """What consecutive sweeps (sweep, ...) report together: means, but the log likelihood of the last state."""
    means = jax.tree.map(lambda a: jnp.mean(a, axis=0), infos)
    return means if infos.log_likelihood is None else means._replace(log_likelihood=infos.log_likelihood[-1])


class Steps(Chains):
    """A sampler with a transition of its own, on a chain state of any structure (a NamedTuple of arrays).

    Implement `init`, `step`, `adapt` and `sites`; let `kernel` return `StepsKernel(self, model)` and `stats` read
    `state.inner` and `state.info`. `rows` are offset and case weights, if the fit has any. All methods are traced by
    JAX: shapes and types of the state stay the same from step to step.

    Attributes
    ----------
    tempers
        Its state has a field `temperature`, the power to which a step raises the likelihood, None for 1; `Tempered`
        then takes it.
    tuned
        Fields of the state that are tuned, and so belong to a temperature rather than to a point of the posterior.
    """

    tempers: ClassVar[bool] = False
    tuned: ClassVar[tuple[str, ...]] = ()

    def rounds(self, state: Any) -> tuple[Steps, int]:
        """How `Tempered` divides a step: the sampler of what comes between two exchanges, and the number of rounds."""
        return self, 1

    @abc.abstractmethod
    def init(self, key: jax.Array, model: Model, x: jax.Array, y: jax.Array, *rows: Any) -> Any:
        """A dispersed starting point for one chain."""

    @abc.abstractmethod
    def step(
        self, key: jax.Array, state: Any, model: Model, x: jax.Array, y: jax.Array, *rows: Any
    ) -> tuple[Any, Info]:
        """One transition that leaves the posterior invariant."""

    @abc.abstractmethod
    def adapt(self, state: Any, info: Info, iteration: jax.Array) -> Any:
        """The state tuned after warm-up step `iteration`; never called once warm-up is over."""

    @abc.abstractmethod
    def sites(self, state: Any, model: Model, x: jax.Array) -> dict[str, jax.Array]:
        """The model's reported sites in this state."""
