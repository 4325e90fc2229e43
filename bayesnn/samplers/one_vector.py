"""HMC and NUTS of NumPyro with the parameters in one vector while a trajectory runs.

A tree of NUTS holds nine points, and every choice that a step makes is a select for each array of each of them. With an
array for every site of the model, tracing and compiling these selects takes most of the time of a first fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import infer
from numpyro.infer.hmc import hmc

VECTOR = "all sites"
MASSES = "inverse_mass_matrix", "mass_matrix_sqrt", "mass_matrix_sqrt_inv", "mm_state"
Point = dict[str, jax.Array]


class OneVector(infer.HMC):
    """To be inherited before `infer.HMC` or `infer.NUTS`; the states between the steps keep the names of the sites."""

    shapes: dict[str, tuple[int, ...]]  # of the sites, in their order within the vector

    def _init_state(self, *arguments: Any) -> Any:
        first = getattr(self, "_init_fn", None) is None
        start = super()._init_state(*arguments)
        if first:
            self._init_fn, self._sample_fn = hmc(
                potential_fn_gen=self._potential_of_either, kinetic_fn=self._kinetic_fn, algo=self._algo
            )
        return start

    def sample(self, state: Any, model_args: Any, model_kwargs: Any) -> Any:
        """One transition of a state whose mass matrix is one block, as it is with the settings of this package."""
        if not state.z:
            return super().sample(state, model_args, model_kwargs)
        (names,) = state.adapt_state.inverse_mass_matrix
        self.shapes = {name: state.z[name].shape for name in names}
        start = state._replace(
            z={VECTOR: self._vector(state.z)},
            z_grad={VECTOR: self._vector(state.z_grad)},
            adapt_state=_with_block(state.adapt_state, (VECTOR,)),
        )
        end = super().sample(start, model_args, model_kwargs)
        return end._replace(
            z=self._point(end.z[VECTOR]),
            z_grad=self._point(end.z_grad[VECTOR]),
            adapt_state=_with_block(end.adapt_state, names),
        )

    def _potential_of_either(self, *arguments: Any, **settings: Any) -> Callable[[Point], jax.Array]:
        """The potential of a point that has one vector, as in `sample`, or the sites, as in `init`."""
        potential = self._potential_fn_gen(*arguments, **settings)
        return lambda z: potential(self._point(z[VECTOR]) if VECTOR in z else z)

    def _vector(self, z: Point) -> jax.Array:
        return jnp.concatenate([jnp.ravel(z[name]) for name in self.shapes])

    def _point(self, vector: jax.Array) -> Point:
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])
        parts = jnp.split(vector, ends[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}


def _with_block(adapted: Any, names: tuple[str, ...]) -> Any:
    """The state of the warm-up with the mass matrix of its only block under these names."""
    blocks = {field: getattr(adapted, field) for field in MASSES}
    return adapted._replace(**{field: {names: value} for field, block in blocks.items() for value in block.values()})
