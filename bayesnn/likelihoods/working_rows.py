"""Rows of a likelihood that is Gaussian in the function, as it stands or given auxiliary variables."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class WorkingRows(NamedTuple):
    """log p(y, auxiliaries | f) = const + precision sum_i (target_i f_i - weights_i f_i^2 / 2).

    With K outputs, targets are (K, n) and squares (K,), all outputs have the same weights, and the log density is the
    sum over outputs.

    `weights` (n,), None where all are one, and `target` (n,), the weights times the pseudo-targets z; in this form rows
    of weight zero need no case of their own. `square` (), the sum of weights times z^2, and `count`, the sum of case
    weights (a plain number where it is known), serve the update of the error precision alone. `precision` is that of
    the sampler's state: one, unless the errors are Gaussian.
    """

    weights: jax.Array | None
    target: jax.Array
    square: Any
    count: Any

    @property
    def outputs(self) -> tuple[int, ...]:
        """(K,) with K outputs, () with one."""
        return self.target.shape[:-1]


def gaussian_rows(y: jax.Array, offset: jax.Array | None = None, weights: jax.Array | None = None) -> WorkingRows:
    """The rows of Gaussian errors: targets (n,) or (n, K) less the offset (n,), times case weights (n,).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> gaussian_rows(jnp.array([1.0, 2.0])).count
    2
    """
    z = y.T if offset is None else y.T - offset
    if weights is None:
        return WorkingRows(None, z, z @ z if z.ndim == 1 else jnp.sum(z**2, axis=-1), y.shape[0])
    return WorkingRows(weights, weights * z, z**2 @ weights if z.ndim > 1 else weights @ z**2, weights.sum())


def less_offset(rows: WorkingRows, offset: jax.Array | None) -> WorkingRows:
    """The rows for the function without its offset (n,) or (n, 2), from those for the function with it."""
    offset = offset[:, 0] if offset is not None and offset.ndim > 1 else offset
    if offset is None or rows.weights is None:
        return rows if offset is None else rows._replace(target=rows.target - offset)
    return rows._replace(target=rows.target - rows.weights * offset)
