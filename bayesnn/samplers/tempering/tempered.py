"""Parallel tempering around another sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from bayesnn._internal import checks
from bayesnn.models.model import Model
from bayesnn.samplers.base import Chains, Data, Report, Sampler, Stats
from bayesnn.samplers.engine.chains import Run, run_chains
from bayesnn.samplers.engine.checkpoint import HANDED
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.gibbs.gibbs import Gibbs
from bayesnn.samplers.tempering.copies import copies_of
from bayesnn.samplers.tempering.ladder import spaced
from bayesnn.samplers.tempering.starts import measured_ladder, starts, states_from
from bayesnn.samplers.tempering.system import System, SystemKernel

COUNT = 16  # temperatures where nothing has been measured


@dataclass(frozen=True)
class Tempered(Chains):
    """Parallel tempering: every chain is a system of copies at several temperatures that exchange their states.

    The copy at temperature t follows prior times likelihood^t. Hot copies move freely between modes, and exchanges
    bring what they find to the copy at temperature 1, whose draws are recorded.

    Parameters
    ----------
    sampler : Sampler
        What moves the copies: `Gibbs(...)`, `NUTS(...)` or `HMC(...)`.
    temperatures : int or sequence of float, optional
        Their number; or the temperatures themselves, falling from 1, which are then kept. Default: as many as a pilot
        run finds are needed. Unless they are given, they are spaced in warm-up so that all neighbours exchange equally
        often.
    hottest : float
        The lowest power of the likelihood. At 0 the hottest copy follows the prior, which
        `bnn.log_marginal_likelihood(fit)` needs.

    Raises
    ------
    ValueError
        If temperatures do not fall from 1, there are fewer than two, or the sampler cannot be tempered.

    Notes
    -----
    A draw of a Gibbs sampler is `sweeps` rounds of one sweep of every copy and one exchange, or, where there are
    trajectories, two rounds of half a trajectory and half the sweeps; of NUTS and HMC, one round. Sample statistics are
    `swap_rate` of each pair of neighbours, `round_trips` of copies from the cold end to the hot one and back, the
    number of the `copy` at each temperature, `temperatures`, and the log likelihood of the copy at each
    (`log_likelihood_at`, on the scale the model sees).

    References
    ----------
    C. Geyer (1991), Markov chain Monte Carlo maximum likelihood; S. Syed, A. Bouchard-Côté, G. Deligiannidis and
    A. Doucet (2022), Non-reversible parallel tempering, Journal of the Royal Statistical Society B 84, 321-350.

    See Also
    --------
    Gibbs : exact conditionals and updates unit by unit
    NUTS : Hamiltonian trajectories of adaptive length
    log_marginal_likelihood : the evidence of a model

    Examples
    --------
    >>> Tempered(Gibbs(), temperatures=(1.0, 0.5, 0.1)).temperatures
    (1.0, 0.5, 0.1)
    """

    sampler: Any = field(default_factory=Gibbs)
    temperatures: Any = None
    hottest: float = 0.0

    def __post_init__(self) -> None:
        """Check the temperatures, and store them as a tuple, so that the spec can be hashed."""
        if not (isinstance(self.sampler, Sampler) and not isinstance(self.sampler, Tempered)):
            raise ValueError(f"sampler must be a spec such as Gibbs(), NUTS() or HMC(), got {self.sampler!r}")
        if not (self.hottest == 0 and not isinstance(self.hottest, bool)):
            checks.fraction("hottest", self.hottest)
        object.__setattr__(self, "temperatures", _checked(self.temperatures))

    @property
    def moves_architectures(self) -> bool:  # type: ignore[override]
        """Whether the sampler of the copies moves between architectures."""
        return self.sampler.moves_architectures

    @property
    def marginalizes(self) -> bool:  # type: ignore[override]
        """Whether the sampler of the copies integrates the readout out."""
        return self.sampler.marginalizes

    def check(self, model: Model) -> None:
        """Raise a ValueError if the sampler cannot be tempered, or cannot serve the model."""
        self.sampler.check(model)
        self.kernel(model)

    def for_rows(self) -> Sampler:
        """Temper the sampler that serves rows with case weights or an offset."""
        return replace(self, sampler=self.sampler.for_rows())

    def kernel(self, model: Any) -> SystemKernel:
        """The kernel of a system of copies."""
        given = isinstance(self.temperatures, tuple)
        temperatures = self.temperatures if given else spaced(self.temperatures or COUNT, self.hottest)
        return SystemKernel(copies_of(self.sampler, model), tuple(map(float, temperatures)), adapts=not given)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Find how many temperatures are needed, unless they are given; then run the systems."""
        kernel = self.kernel(target)
        key_pilot, key_chains = jax.random.split(key)
        record, quick = self.record(kernel, report), self.quick(target)
        ladder, seconds = np.asarray(kernel.temperatures), dict[str, float]()
        before = None if plan.keeper is None else plan.keeper.load_artifact(HANDED)
        states = None if before is None else kernel.copies.given(states_from(before, self.sampler.kernel(target), data))
        if self.temperatures is None:
            ladder, seconds = measured_ladder(kernel, record, key_pilot, data, plan, states)
            plan = plan.less(sum(seconds.values()))
        start = starts(ladder, plan.chain_numbers(), states)
        run = run_chains(kernel, record, key_chains, data, plan, start=start, quick=quick)
        return run.after(seconds, run.attrs | {"temperatures": len(ladder)})

    def quick(self, target: Any) -> bool:
        """Whether the sampler of the copies can be compiled quickly without loss of speed."""
        return self.sampler.quick(target)

    def stats(self, state: System) -> Stats:
        return state.stats


def _checked(temperatures: Any) -> Any:
    """None, a number of temperatures, or the temperatures as a tuple."""
    if temperatures is None:
        return None
    if not isinstance(temperatures, Sequence | np.ndarray) or isinstance(temperatures, str):
        return checks.positive_integer("temperatures", temperatures, minimum=2)
    values = np.asarray(temperatures)
    if values.ndim != 1 or values.dtype.kind not in "fiu" or len(values) < 2:
        raise ValueError(f"temperatures must be at least two numbers that fall from 1, got {temperatures!r}")
    if values[0] != 1 or not (np.diff(values) < 0).all() or values[-1] < 0:
        raise ValueError(
            f"temperatures must fall from 1, each at least 0, such as (1, 0.5, 0.2), got {temperatures!r}: they are "
            "the powers to which the likelihood is raised"
        )
    return tuple(map(float, values))
