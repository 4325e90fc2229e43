"""Model = network body + linear readout + likelihood + prior: an ordinary NumPyro model function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers

from bayesnn._internal.checks import TooLongError
from bayesnn._internal.specs import check_kind, check_parts
from bayesnn._internal.weights import CONSTANT, Shape, Weight, Weights
from bayesnn.layers import Layer
from bayesnn.layers.dropout import dropping
from bayesnn.likelihoods import Gaussian, Likelihood, as_coordinate
from bayesnn.models.network import Network, checked_layers
from bayesnn.models.overview import description, layer_table
from bayesnn.models.random_architecture import Architecture, Masks, Structure, masks, sampled_structure, used_inputs
from bayesnn.models.readout import coefficients, shifted
from bayesnn.priors import Normal, Prior, Sites, Terms
from bayesnn.priors.arguments import masked
from bayesnn.priors.around import around


@dataclass(frozen=True)
class Model:
    """A body of layers, a linear readout, a likelihood and a prior; calling it with (x, y) is a NumPyro model.

    x (n, p) -> body (n, units) -> f (n,) = [body, 1?, x?] @ [beta, intercept?, linear?] -> y (n,); a likelihood of K
    outputs has f (n, K), each output with readout coefficients of its own. x may also be sequences (n, time, d) or, for
    a body that starts with `Embedding`, token ids (n, time).

    Parameters
    ----------
    layers : sequence of Layer
        The body; its last layer's outputs are the units of the readout. []: a linear model, if `linear`.
    likelihood : Likelihood
        Distribution of y given f. Default `Gaussian()`.
    prior : Prior
        Distribution of all weights. Default `Normal()`.
    intercept, linear : bool
        Whether the readout has a constant, and a linear term in the inputs.
    architecture : Architecture, optional
        Which parts of the network are random, as in `bnn.shallow(bnn.Geometric(...))`; layers are those of the largest.
    padded : bool
        Whether sequences may end in padding. `fit` samples with False where no row is padded; a fit's model has True.
    dropout : bool
        Whether every draw drops units, as in the fits of `MCDropout`; its site "dropout" says which.

    Raises
    ------
    ValueError
        If a part is not of its type, the layers do not go together, or, in a fit, the prior cannot serve the network.

    See Also
    --------
    shallow, fit, prior_predictive

    Examples
    --------
    The model is a plain function for any of NumPyro's tools:

    >>> import jax, jax.numpy as jnp
    >>> from bayesnn.layers import Dense
    >>> from numpyro import handlers
    >>> model = Model([Dense(3, "tanh"), Dense(2, "tanh")])
    >>> trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(jnp.ones((5, 2)))
    >>> trace["f"]["value"].shape
    (5,)
    """

    layers: Sequence[Layer]
    likelihood: Likelihood = field(default_factory=Gaussian)
    prior: Prior = field(default_factory=Normal)
    intercept: bool = True
    linear: bool = False
    architecture: Architecture | None = None
    padded: bool = field(default=True, repr=False, metadata={"later": True})
    dropout: bool = field(default=False, repr=False, metadata={"later": True})

    def __post_init__(self) -> None:
        """Check the parts, and store the layers as a tuple, so that the model can be hashed."""
        layers = checked_layers(self.layers, self.linear)
        check_kind("likelihood", self.likelihood, Likelihood, "a spec such as Gaussian()")
        check_kind("prior", self.prior, Prior, "a spec such as Normal()")
        check_kind("architecture", self.architecture, Architecture | None, "an Architecture or None")
        check_parts(layers, likelihood=self.likelihood, prior=self.prior)
        object.__setattr__(self, "layers", layers)

    @property
    def network(self) -> Network:
        """The body as a chain of layers."""
        return Network(tuple(self.layers), self.padded, self.dropout)

    def weight_specs(self, shape: Shape) -> dict[str, Weight]:
        """Weights of the body by name, for examples of this shape, (p,) for rows of a table; the prior checks them."""
        table = self.network.weights(shape)
        self.prior.check(table)
        return table

    def prior_at(self, weights: Mapping[str, Any], scale: Any = None) -> Model:
        """The same model with its prior around given weights, such as pretrained ones, rather than around zero.

        Parameters
        ----------
        weights : mapping
            Arrays by layer ("lstm0", "readout") and name, or by full name ("dense0_kernel", "beta"); weights that are
            not named keep their prior. `convert_weights` makes those of a layer.
        scale : float or mapping, optional
            Standard deviation of the given weights, one or by name. Default: what the model's own prior says.

        Examples
        --------
        >>> from bayesnn.layers import Dense
        >>> model = Model([Dense(3)]).prior_at({"dense0": {"kernel": np.ones((3, 2)), "bias": np.zeros(3)}}, scale=0.1)
        >>> model.prior.scales
        (('dense0_kernel', 0.1), ('dense0_bias', 0.1))
        """
        return replace(self, prior=around(self.prior, weights, scale, self.network.names()))

    def terms(self, shape: Shape) -> Terms:
        """The terms of the readout for examples of this shape."""
        if self.linear and (len(shape) != 1 or self.network.tokens is not None):
            raise ValueError("linear=True is for tables (n, p), got sequences: leave it out")
        units = self.network.output_shape(shape)[-1] if self.layers else 0
        predictors = shape[0] if self.linear else 0
        return Terms(units, self.intercept, predictors, self.likelihood.outputs, self.likelihood.output_dims)

    def sizes(self, shape: Shape) -> dict[str, int]:
        """Number of weights of each layer and of the readout, for examples of this shape: (p,) for rows of a table.

        For a fit, use `fit.model.sizes(fit.data.x.shape[1:])`.

        Examples
        --------
        >>> from bayesnn.layers import LSTM
        >>> Model([LSTM(4)]).sizes((10, 4))
        {'lstm0': 144, 'readout': 5}
        """
        found = dict.fromkeys(self.network.names(), 0)
        for weight_name, weight in self.weight_specs(shape).items():
            found[weight_name.split("_", 1)[0]] += math.prod(weight.shape)
        return found | {"readout": math.prod(self.terms(shape).shape)}

    def __str__(self) -> str:
        """Layers, shapes of their outputs and numbers of weights as a table."""
        return layer_table(self)

    def table(self, shape: Shape) -> str:
        """The table of layers that `print(model)` shows, for examples of this shape: (p,) for rows of a table."""
        return layer_table(self, shape)

    def describe(self) -> str:
        """The function, the distribution of y given it, and the prior of all weights, in words and formulas.

        Examples
        --------
        >>> from bayesnn.layers import Dense
        >>> print(Model([Dense(3, "tanh")]).describe().split(chr(10))[0])
        f(x) = sum_j beta_j u_j(x) + intercept
        """
        return description(self)

    def dims(self, shape: Shape) -> dict[str, tuple[str, ...]]:
        """The sites that a fit records, with the names of their axes."""
        terms = self.terms(shape)
        readout = {name: weight.dims for name, weight in terms.weights().items()}
        random = {} if self.architecture is None else self.architecture.sites()
        kept: dict[str, tuple[str, ...]] = {"dropout": ()} if self.dropout else {}
        return readout | self.prior.dims(self.weight_specs(shape), terms) | self.likelihood.dims | random | kept

    def coordinates(self, inputs: Sequence[str], shape: Shape | None = None) -> dict[str, Any]:
        """Coordinate values of the axes in `dims`: numbers of units, names of inputs with that of the constant first.

        Without `shape`, examples are rows of a table with these inputs.
        """
        shape = (len(inputs),) if shape is None else shape
        table = self.weight_specs(shape)
        sizes = {dim: size for w in table.values() for dim, size in zip(w.dims, w.shape, strict=True)}
        numbered = {dim: np.arange(size) for dim, size in sizes.items()}
        with_constant = [CONSTANT, *inputs]
        named: dict[str, Any] = {"input": with_constant, "input_": with_constant, "predictor": list(inputs)}
        named |= {f"{name}_input": list(inputs) for name in self.network.names()[:1]}
        if self.likelihood.outputs:
            named[self.likelihood.output_dim] = as_coordinate(self.likelihood.output_labels)
        return numbered | named | self.likelihood.coordinates() | {"unit": np.arange(self.terms(shape).units)}

    def same_weights(self, first: Shape, second: Shape) -> bool:
        """Whether examples of both shapes need weights of the same shapes."""
        tables = (self.weight_specs(shape) for shape in (first, second))
        bodies = {tuple((n, w.shape) for n, w in table.items()) for table in tables}
        return len(bodies) == 1 and self.terms(first).units == self.terms(second).units

    def check_steps(self, fitted: Shape, new: Shape) -> None:
        """Raise a ValueError for sequences longer than those of a fit if layers have weights for each step."""
        if not self.same_weights(fitted, new):
            raise TooLongError(
                f"sequences must have at most the {fitted[0]} steps of the fit, since layers here have weights for "
                f"each step (learnt positions without maximum=, Flatten), got {new[0]}: cut them, or fit longer ones"
            )

    def per_step(self, shape: Shape) -> bool:
        """Whether an example of this shape has one output per step."""
        return bool(self.layers) and len(self.network.output_shape(shape)) == 2

    def design(self, weights: Weights, x: jax.Array) -> jax.Array:
        """Design of the readout, (n, k) or (n, time, k): units, constant and inputs, as far as the model has them."""
        columns = [self.network.apply(weights, x)] if self.layers else []
        if self.intercept:
            columns.append(jnp.ones((*(columns[0].shape[:-1] if columns else x.shape[:1]), 1)))
        if self.linear:
            columns.append(x)
        return jnp.concatenate(columns, axis=-1)

    def distribution(self, f: jax.Array, x: jax.Array, nuisance: Sites) -> dist.Distribution:
        """Distribution of the target of each row given f; with targets per step, jointly over the real steps."""
        each, steps = self.likelihood.distribution(f, **nuisance), self.network.steps(x)
        return each if steps is None else each.mask(steps).to_event(1)

    def flatten_steps(
        self, x: jax.Array, values: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Values (n, ...), targets and case weights with one row per step, if steps have targets; unchanged otherwise.

        Padded steps get the case weight 0.
        """
        steps = self.network.steps(x)
        if steps is None:
            return values, y, weights
        shares = steps * (1.0 if weights is None else weights[:, None])
        y = jnp.where(steps.reshape(*steps.shape, *(1,) * (y.ndim - 2)), y, 0)
        flat_values, flat_y, flat_shares = (v.reshape(-1, *v.shape[2:]) for v in (values, y, shares))
        return flat_values, flat_y, flat_shares

    def masks(self, structure: Structure | None, shape: Shape) -> Masks | None:
        """Masks of what one architecture uses; None if the architecture is fixed."""
        if self.architecture is None or structure is None:
            return None
        terms = self.terms(shape)
        found = masks(self.architecture, structure, terms.units, (int(terms.intercept), shape[0]))
        return found._replace(coefficients=found.coefficients[: terms.size])

    def readout_sites(self, terms: Terms, coefficients: jax.Array) -> Sites:
        """Readout coefficients (k,) or (k, K) split into sites by name."""
        sites = {"beta": coefficients[: terms.units]} if terms.units else {}
        if terms.intercept:
            sites["intercept"] = coefficients[terms.units]
        if terms.predictors:
            sites["linear"] = coefficients[terms.size - terms.predictors :]
        return sites

    def function(self, sites: Sites, x: jax.Array) -> jax.Array:
        """f (n,) or (n, K) of one posterior draw at x (n, p) or (n, time, ...), on the scale the model sees."""
        weights = self.prior.unpack(sites, self.network.weights(x.shape[1:]))
        if self.architecture is not None and "lag_order" in sites:  # coefficients of unused terms are zero
            x = x * used_inputs(self.architecture, sites["lag_order"], x.shape[1])
        with self.drops(sites):
            return self.design(weights, x) @ coefficients(sites, self.likelihood.outputs)

    def drops(self, sites: Sites) -> AbstractContextManager[Any]:
        """Context in which `Dropout` layers drop what they drop in this draw, the same for all rows."""
        if not self.dropout:
            return nullcontext()
        return dropping(jax.random.key(jnp.asarray(sites["dropout"], jnp.uint32)), by_row=False)

    def __call__(self, x: Any, y: Any = None, offset: Any = None, weights: Any = None) -> jax.Array:
        """Issue the sample statements for inputs x (n, p) and target y (n,), which is simulated if it is not given.

        The offset (n,), for `PanelGaussian` (n, 2), is added to f; case weights (n,) multiply log densities.
        """
        shape = x.shape[1:]
        terms = self.terms(shape)
        used = self.masks(sampled_structure(self.architecture, shape[0], terms.units, self.linear), shape)
        design = self.design(self.prior.body(self.weight_specs(shape)), x if used is None else x * used.inputs)
        mean, sd = self.prior.readout(terms)
        raw = numpyro.sample("readout_raw", dist.Normal(0.0, 1.0).expand(terms.shape).to_event())
        coefficients = masked(mean + sd * raw, None if used is None else used.coefficients)
        readout = self.readout_sites(terms, coefficients)
        for name, value in readout.items():
            numpyro.deterministic(name, value)
        if terms.predictors:
            self.prior.factor(readout["linear"], None if used is None else used.coefficients[-terms.predictors :])
        f = shifted(design @ coefficients, offset)
        numpyro.deterministic("f", self.likelihood.function_of(f))
        distribution = self.distribution(f, x, self.likelihood.nuisance())
        scale: AbstractContextManager[Any] = nullcontext()
        if weights is not None:
            kept = jnp.asarray(weights) > 0  # NumPyro refuses scales of zero: such rows are masked instead
            distribution, scale = distribution.mask(kept), handlers.scale(scale=jnp.where(kept, weights, 1.0))
        with numpyro.plate("obs", x.shape[0]), scale:
            return numpyro.sample("y", distribution, obs=y)
