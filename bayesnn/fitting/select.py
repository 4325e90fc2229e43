"""Fits with some of their chains only: to examine one mode at a time, or to leave out members that failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.fitted import of_a_fit
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.inference_data import take_chains


@of_a_fit
def select_chains(fit: Fit, chains: int | Iterable[int]) -> Fit:
    """The fit with these chains only, in this order and numbered anew; the attribute `chains_kept` has the old numbers.

    Parameters
    ----------
    fit : Fit
    chains : int or sequence of int
        Numbers from 0, as `diagnose` prints them.

    Raises
    ------
    ValueError
        Where a chain is not there, comes twice, or none is left.

    See Also
    --------
    drop_chains : leave some chains out
    stack_chains : chains weighted by how well they predict

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> select_chains(result, (1,)).idata["posterior"].sizes["chain"]
    1
    """
    return replace(fit, idata=take_chains(fit.idata, _chosen(fit, chains)))


@of_a_fit
def drop_chains(fit: Fit, chains: int | Iterable[int]) -> Fit:
    """The fit without these chains; see `select_chains`.

    See Also
    --------
    select_chains : keep some chains
    stack_chains : chains weighted by how well they predict
    """
    dropped = _chosen(fit, chains)
    kept = [i for i in range(fit.idata["posterior"].sizes["chain"]) if i not in dropped]
    if not kept:
        raise ValueError(f"chains must leave at least one chain, got all {len(dropped)} to drop")
    return replace(fit, idata=take_chains(fit.idata, kept))


def _chosen(fit: Fit, chains: int | Iterable[int]) -> list[int]:
    count = fit.idata["posterior"].sizes["chain"]
    given = np.atleast_1d(np.asarray(list(chains) if isinstance(chains, Iterable) else chains))
    chosen = [checks.positive_integer("chains", chain, minimum=0) for chain in given.tolist()]
    if not chosen or len(set(chosen)) < len(chosen) or max(chosen) >= count:
        raise ValueError(f"chains must be different numbers from 0 to {count - 1}, at least one, got {chosen}")
    return chosen
