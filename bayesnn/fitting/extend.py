"""extend(fit, draws): more draws of finished chains, the same as one longer run would have given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayesnn._internal import checks
from bayesnn._internal.runtime import check_compiling, computing
from bayesnn.fitting.assemble import assemble_inference_data, to_series_units
from bayesnn.fitting.fit import Fit, run
from bayesnn.fitting.inference_data import append_draws, map_chains
from bayesnn.fitting.store import SamplingJob, State, as_made, attributes_of, draw, state_of
from bayesnn.fitting.store.manifest import differences, software
from bayesnn.fitting.store.state import key_from
from bayesnn.samplers.engine import multihost
from bayesnn.samplers.engine.checkpoint import InMemoryStore
from bayesnn.samplers.engine.multihost import gather_chains


@computing
def extend(fit: Fit, draws: int, *, progress: bool = True) -> Fit:
    """A fit with more draws: bit for bit those of one longer run.

    Chains go on from their last state, without warm-up. A fit that has a folder (`fit(..., path=)`) is continued there.
    One with `draws="auto"` goes on with the thinning that it came to, and keeps every draw that is added.

    Parameters
    ----------
    fit : Fit
        Of a sampler with chains; complete or interrupted.
    draws : int
        Draws of each chain to add.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    Fit
        With all draws, old and new. The fit that was given is not changed.

    Raises
    ------
    ValueError
        If the fit is an approximation, lacks some of its chains or draws, or was made by other software.

    See Also
    --------
    fit : draw from the posterior
    open_run : read a run while it goes on

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> extend(result, 30, progress=False).idata["posterior"].sizes["draw"]
    80
    """
    check_compiling()
    checks.positive_integer("draws", draws)
    if not isinstance(fit, Fit):
        raise ValueError(f"fit must be a fit, as bnn.fit returns it, got {type(fit).__name__}")
    state = _state(fit)
    settings = replace(fit.settings, max_seconds=None)
    job = SamplingJob(fit.model, fit.data, fit.sampler, key_from(*state.key), settings)
    plan = replace(state.plan, draws=state.checkpoint.draws + draws * state.checkpoint.every, progress=progress)
    if state.path is not None:
        return run(job, plan, state.path)
    plan = multihost.local_part(replace(plan, keeper=InMemoryStore(state.checkpoint, state.kept)))
    more = draw(job, plan)
    attrs = job.attributes(plan) | attributes_of(more, plan.thinning, False)
    new = assemble_inference_data(fit.model, fit.data, to_series_units(fit.data, more.values), attrs)
    new = new if plan.of is None else map_chains(new, gather_chains)
    made = as_made(job, plan, more)
    return replace(fit, idata=append_draws(fit.idata, new), state=state_of(job, plan, more, None), settings=made)


def _state(fit: Fit) -> State:
    """State of the chains, checked: it belongs to the draws of the fit and can be continued by this software."""
    state, sizes = fit.state, fit.idata["posterior"].sizes
    if state is None:
        raise ValueError(
            f"fit must have chains to go on from, got one by {fit.sampler}, whose draws are independent: "
            "fit again with more draws"
        )
    expected = (state.plan.chains, state.checkpoint.kept)
    if (sizes["chain"], sizes["draw"]) != expected:
        raise ValueError(
            f"fit must have all its {expected[0]} chains of {expected[1]} draws, got {sizes['chain']} of "
            f"{sizes['draw']}: extend the fit first, then take some of them"
        )
    other: Any = differences(state.software, software())
    if other:
        raise ValueError(f"fit cannot be continued bit for bit with other software: {other}. Fit again with more draws")
    return state
