"""Recurrent layers: one cell, the same at every step, carries a state along the sequence."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape
from bayesnn.layers.gates import SUMS, Joined

CellState = Any  # of one cell: arrays (units,)
LARGE = 64  # inputs and units together


class Recurrent(Layer):
    """What recurrent layers share: the loop over time, its direction, the initial state and the padding.

    x (time, d) -> (units,), the state after the last real step, or (time, units) with `return_sequences`. With
    `reverse`, the sequence is read from the last real step to the first; outputs stay in the order of the steps. The
    initial state is zero, or a weight (role "initial") with `learn_initial`. With `truncate`, gradients stop at the
    borders between blocks of that many steps, counted from the first step of the sequence; outputs are unchanged.
    """

    gates: ClassVar[int]
    units: int
    return_sequences: bool
    reverse: bool
    learn_initial: bool
    truncate: int | None

    def __post_init__(self) -> None:
        checks.positive_integer("units", self.units)
        if self.truncate is not None:
            checks.positive_integer("truncate", self.truncate)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """input_kernel (gate, unit, input), recurrent_kernel (gate, unit, source), bias (gate, unit), initial."""
        _, width = sequence_shape(self, shape)
        gates, units = self.gates, self.units
        table = {
            "input_kernel": Weight((gates, units, width), ("gate", "unit", "input"), "input", width),
            "recurrent_kernel": Weight((gates, units, units), ("gate", "unit", "source"), "recurrent", units),
            "bias": Weight((gates, units), ("gate", "unit"), "bias", units),
        }
        initial = {"initial": Weight((units,), ("unit",), "initial", 1)}
        return table | initial if self.learn_initial else table

    def output_shape(self, shape: Shape) -> Shape:
        time, _ = sequence_shape(self, shape)
        return (time, self.units) if self.return_sequences else (self.units,)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The state of the cell at every step, or only the last one."""
        return self.run(weights, x, mask, self.before(weights, x.shape))[1]

    def run(
        self, weights: Weights, x: jax.Array, mask: jax.Array | None, start: CellState
    ) -> tuple[CellState, jax.Array]:
        """The final state, from this one at the start, and the layer's output."""
        joined = self._joined(weights)
        cell = jax.checkpoint(self.cell, policy=self._kept(x.shape[1]), prevent_cse=False)  # needless in scans

        def step(state: CellState, now: tuple[Any, ...]) -> tuple[CellState, jax.Array | None]:
            x, is_real, at_border = now
            if at_border is not None:
                state = jax.tree.map(lambda a: jnp.where(at_border, lax.stop_gradient(a), a), state)
            new = cell(joined, x, state)
            state = new if is_real is None else jax.tree.map(lambda a, b: jnp.where(is_real, a, b), new, state)
            return state, self.visible(state) if self.return_sequences else None

        borders = self._borders(jnp.ones(len(x), bool) if mask is None else mask)
        last, states = lax.scan(step, start, (x, mask, borders), reverse=self.reverse)
        return last, self.visible(last) if states is None else states

    @property
    def stepwise(self) -> bool:
        return self.return_sequences and not self.reverse

    def before(self, weights: Weights, shape: Shape) -> CellState:
        """The initial state."""
        return self.initial(weights["initial"] if self.learn_initial else jnp.zeros_like(weights["bias"][0]))

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        state = self.cell(self._joined(weights), x, kept)
        return state, self.visible(state)

    def _joined(self, weights: Weights) -> Joined:
        """The weights of all gates as one matrix, since one product of a step is faster than several."""
        rows = self.gates * self.units
        of_input, recurrent = (weights[f"{name}_kernel"].reshape(rows, -1).T for name in ("input", "recurrent"))
        return Joined(of_input, recurrent, weights["bias"].reshape(rows), weights.get("recurrent_bias"))

    def _kept(self, width: int) -> Callable[..., bool]:
        """What the gradient keeps of every step beside the state: nothing, or the sums at the gates.

        Everything else is computed again, which takes less time than writing it to memory and reading it; the products
        of large layers, and those of a single gate, take more.
        """
        kept = (SUMS,) if self.gates == 1 or width + self.units >= LARGE else ()
        return jax.checkpoint_policies.save_only_these_names(*kept)

    def _borders(self, real: jax.Array) -> jax.Array | None:
        """Real steps (time,) that follow a real step of another block in reading order; None without `truncate`."""
        if self.truncate is None:
            return None
        block, edge = jnp.arange(len(real)) // self.truncate, jnp.zeros(1, bool)
        changes = (block[1:] != block[:-1]) & real[1:]  # both steps are real where the later one is
        return jnp.concatenate([changes, edge] if self.reverse else [edge, changes])

    @abc.abstractmethod
    def cell(self, joined: Joined, x: jax.Array, state: CellState) -> CellState:
        """The next state, from the input x (d,) of a step and the present state."""

    def initial(self, first: jax.Array) -> CellState:
        """The initial state whose visible part is `first` (units,); without a memory this is the whole state."""
        return first

    def visible(self, state: CellState) -> jax.Array:
        """The part of a state that is the layer's output, (units,)."""
        return state


@dataclass(frozen=True)
class Elman(Recurrent):
    """Simple recurrent layer, h_t = tanh(W_hh h_{t-1} + W_xh x_t + b).

    x (time, d) -> (units,) or (time, units).

    Parameters
    ----------
    units : int
    return_sequences : bool
        Whether to return the state of every step, rather than only the last.
    reverse : bool
        Whether to read the sequence backwards.
    learn_initial : bool
        Whether the initial state is a weight, rather than zero.
    truncate : int, optional
        Truncated back-propagation through time: gradients go back to the beginning of a block of this many steps, and
        no further. It stabilises optimisation on long sequences. Modes are then not quite those of the density,
        minibatch samplers are biased, and HMC and NUTS stay exact but accept fewer proposals. Default: gradients of the
        whole sequence.

    References
    ----------
    J. Elman (1990), Finding structure in time, Cognitive Science 14, 179-211; R. Williams and J. Peng (1990), An
    efficient gradient-based algorithm for on-line training of recurrent network trajectories, Neural Computation 2,
    490-501, for truncation.

    See Also
    --------
    LSTM, GRU, Bidirectional, Last

    Examples
    --------
    >>> Elman(3).output_shape((10, 2))
    (3,)
    """

    gates: ClassVar[int] = 1

    units: int
    return_sequences: bool = False
    reverse: bool = False
    learn_initial: bool = False
    truncate: int | None = None

    def cell(self, joined: Joined, x: jax.Array, state: CellState) -> CellState:
        """tanh of the recurrent and the input contribution, unit by unit."""
        return jnp.tanh(joined.sums(x, state))


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory: c_t = f c_{t-1} + i g, h_t = o tanh(c_t); gates f, i, o logistic, g tanh.

    x (time, d) -> (units,) or (time, units). The gates' order in the weights is f, i, o, g; a learnt initial state is
    that of h, with c starting at zero.

    Parameters
    ----------
    units, return_sequences, reverse, learn_initial, truncate
        As in `Elman`.

    References
    ----------
    S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9, 1735-1780; the forget gate is
    that of F. Gers, J. Schmidhuber and F. Cummins (2000), Learning to forget, Neural Computation 12, 2451-2471.

    See Also
    --------
    GRU, Elman, Bidirectional, Last

    Examples
    --------
    >>> LSTM(4, return_sequences=True).output_shape((10, 2))
    (10, 4)
    """

    gates: ClassVar[int] = 4

    units: int
    return_sequences: bool = False
    reverse: bool = False
    learn_initial: bool = False
    truncate: int | None = None

    def cell(self, joined: Joined, x: jax.Array, state: CellState) -> CellState:
        """h and c at the next step."""
        h, c = state
        forget, write, read, proposal = jnp.split(joined.sums(x, h), 4)
        c = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(write) * jnp.tanh(proposal)
        return jax.nn.sigmoid(read) * jnp.tanh(c), c

    def initial(self, first: jax.Array) -> CellState:
        """h is `first`, and the memory c is zero."""
        return first, jnp.zeros_like(first)

    def visible(self, state: CellState) -> jax.Array:
        """h, without the memory c."""
        return state[0]


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent unit: h_t = (1 - z) h_{t-1} + z g, g = tanh(W [r h_{t-1}, x_t] + b); gates z, r logistic.

    x (time, d) -> (units,) or (time, units). The order in the weights is z, r, g.

    Parameters
    ----------
    units, return_sequences, reverse, learn_initial, truncate
        As in `Elman`.
    reset_after : bool
        Whether the reset gate is applied after the recurrent weights, g = tanh(W_x x_t + b + r (W_h h_{t-1} + b_h)), as
        in PyTorch, flax and equinox; b_h is the weight recurrent_bias (units,). There the update gate weighs the old
        state, so weights from these libraries change its sign.

    References
    ----------
    K. Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, EMNLP, section 2.3; there the
    update gate weighs the old state.

    See Also
    --------
    LSTM, Elman, Bidirectional, Last

    Examples
    --------
    >>> GRU(4).weights((10, 2))["recurrent_kernel"].shape
    (3, 4, 4)
    """

    gates: ClassVar[int] = 3

    units: int
    return_sequences: bool = False
    reverse: bool = False
    learn_initial: bool = False
    truncate: int | None = None
    reset_after: bool = field(default=False, metadata={"later": True})

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """As in other recurrent layers; recurrent_bias (unit,) with `reset_after`."""
        own = {"recurrent_bias": Weight((self.units,), ("unit",), "bias", self.units)} if self.reset_after else {}
        return super().weights(shape) | own

    def cell(self, joined: Joined, x: jax.Array, state: CellState) -> CellState:
        """The reset gate is applied to the state, or to what the recurrent weights make of it."""
        gates, proposal = joined.split(2 * self.units)
        update, reset = jnp.split(jax.nn.sigmoid(gates.sums(x, state)), 2)
        if self.reset_after:
            recurrent = checkpoint_name(state @ proposal.recurrent + proposal.recurrent_bias, SUMS)
            e = x @ proposal.input + proposal.bias + reset * recurrent
        else:
            e = proposal.sums(x, reset * state)
        return (1.0 - update) * state + update * jnp.tanh(e)
