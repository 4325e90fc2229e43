"""The sampler of a fit: the one that was asked for, or the one that is chosen for the model."""

from __future__ import annotations

from bayesnn.data.dataset import Dataset
from bayesnn.models.model import Model
from bayesnn.samplers import Gibbs, Sampler, collapses, make_sampler


def sampler_for(model: Model, data: Dataset, sampler: str | Sampler | None) -> Sampler:
    """The sampler as it will run on a model and its rows.

    Raises
    ------
    ValueError
        If it cannot serve them.
    """
    plain = data.weights is None and data.offset is None
    spec = make_sampler(sampler) if sampler is not None else plain_sampler(model, plain)
    spec.check(model)
    if model.architecture is not None:
        _check_random(spec, plain)
    return spec if plain else spec.for_rows()


def plain_sampler(model: Model, plain: bool) -> Sampler:
    """The sampler of chains that suits a model, whose rows have case weights or offsets unless they are `plain`."""
    return Gibbs() if plain and collapses(model) else make_sampler("nuts")


def _check_random(spec: Sampler, plain: bool) -> None:
    """Refuse a random architecture where the sampler or the rows do not allow it."""
    if not plain:
        raise ValueError("a random architecture takes neither case weights nor an offset: give hidden as a number")
    if not spec.moves_architectures:
        raise ValueError(f'a random architecture needs sampler="gibbs", which moves between networks, got {spec}')
