"""NUTS and HMC: NumPyro's own kernels, with this package's names for their options and statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from numpyro import infer
from numpyro.infer.mcmc import MCMCKernel

from bayesnn._internal import checks
from bayesnn.samplers.base import Chains, Stats
from bayesnn.samplers.one_vector import OneVector


@dataclass(frozen=True)
class NUTS(Chains):
    """The no-U-turn sampler of NumPyro on the non-centred model.

    Parameters
    ----------
    target_accept : float
        Mean acceptance probability that the step size is tuned for.
    max_tree_depth : int
        At most 2^depth - 1 leapfrog steps per draw. NumPyro's own default of 10 lets a draw take four times as long.
    dense_mass : bool
        Whether the mass matrix is full rather than diagonal.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    M. Hoffman and A. Gelman (2014), The no-U-turn sampler, Journal of Machine Learning Research 15, 1593-1623.

    See Also
    --------
    HMC : Hamiltonian trajectories of fixed length
    Gibbs : exact conditionals and updates unit by unit
    Tempered : parallel tempering around another sampler

    Examples
    --------
    >>> NUTS(target_accept=0.9).max_tree_depth
    8
    """

    conditions: ClassVar[bool] = True
    serves_gaps: ClassVar[bool] = True

    target_accept: float = 0.8
    max_tree_depth: int = 8
    dense_mass: bool = False

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.fraction("target_accept", self.target_accept)
        checks.positive_integer("max_tree_depth", self.max_tree_depth)

    def kernel(self, model: Any) -> MCMCKernel:
        """NumPyro's NUTS kernel."""
        return VectorNUTS(
            model,
            target_accept_prob=self.target_accept,
            max_tree_depth=self.max_tree_depth,
            dense_mass=self.dense_mass,
        )

    def stats(self, state: Any) -> Stats:
        return _stats(state)


@dataclass(frozen=True)
class HMC(Chains):
    """Hamiltonian Monte Carlo of NumPyro with a fixed trajectory length.

    Parameters
    ----------
    target_accept : float
        Mean acceptance probability that the step size is tuned for.
    trajectory_length : float
        Length of a trajectory in units of the tuned mass matrix; the number of steps follows from the step size.
    dense_mass : bool
        Whether the mass matrix is full rather than diagonal.
    max_steps : int
        Largest number of leapfrog steps. Where the step size would need more, trajectories are shorter; the sample
        statistic `n_steps` shows it.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    R. Neal (2011), MCMC using Hamiltonian dynamics, in Handbook of Markov Chain Monte Carlo.

    See Also
    --------
    NUTS : Hamiltonian trajectories of adaptive length
    Gibbs : exact conditionals and updates unit by unit

    Examples
    --------
    >>> HMC(trajectory_length=1.5).target_accept
    0.8
    """

    conditions: ClassVar[bool] = True
    serves_gaps: ClassVar[bool] = True

    target_accept: float = 0.8
    trajectory_length: float = 6.283185307179586
    dense_mass: bool = False
    max_steps: int = 1000

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.fraction("target_accept", self.target_accept)
        checks.positive("trajectory_length", self.trajectory_length)
        checks.positive_integer("max_steps", self.max_steps)

    def kernel(self, model: Any) -> MCMCKernel:
        """NumPyro's HMC kernel with trajectories of at most `max_steps` steps."""
        return LimitedHMC(
            self.max_steps,
            model,
            target_accept_prob=self.target_accept,
            trajectory_length=self.trajectory_length,
            dense_mass=self.dense_mass,
        )

    def stats(self, state: Any) -> Stats:
        return _stats(state)


class VectorNUTS(OneVector, infer.NUTS):
    """NUTS with the parameters in one vector."""


class LimitedHMC(OneVector):
    """HMC with at most `max_steps` leapfrog steps: after a warm-up that made the step size tiny it could need millions.

    A trajectory's length depends on the step size alone, which is fixed after warm-up: the posterior stays invariant.
    """

    def __init__(self, max_steps: int, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.max_steps = max_steps

    def sample(self, state: Any, model_args: Any, model_kwargs: Any) -> Any:
        """One trajectory of the state's length, or of `max_steps` steps if it would need more."""
        length = state.trajectory_length
        longest = (self.max_steps - 0.5) * state.adapt_state.step_size  # the number of steps is rounded up
        limited = state._replace(trajectory_length=jnp.minimum(length, longest))
        return super().sample(limited, model_args, model_kwargs)._replace(trajectory_length=length)


def _stats(state: Any) -> Stats:
    return {
        "acceptance_rate": state.accept_prob,
        "diverging": state.diverging,
        "energy": state.energy,
        "lp": -state.potential_energy,
        "n_steps": state.num_steps,
        "step_size": state.adapt_state.step_size,
    }
