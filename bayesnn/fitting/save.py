"""save(fit, path), load(path): a fit as one file, for a later session or another machine.

The file is an npz: `numpy.load` opens its arrays anywhere, and `document.json` in it says what they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesnn.fitting.fit import Fit
from bayesnn.fitting.inference_data import groups_of, together
from bayesnn.fitting.store import codec, files
from bayesnn.fitting.store.manifest import software
from bayesnn.fitting.store.validate import check_draws, check_parts

FORMAT = "bayesnn fit"
VERSION = 1


def save(fit: Fit, path: Any) -> None:
    """Write a fit to a file, whole or not at all; a file that is there is replaced.

    Parameters
    ----------
    fit : Fit
    path : str or Path
        Its folder must exist. Any name will do; ".npz" lets `numpy.load` and others know what it is.

    Raises
    ------
    ValueError
        If the fit has what no file can hold without running code when it is loaded: activations, layers, priors and
        likelihoods of your own, or labels that are not text, numbers, booleans or tuples of these.

    See Also
    --------
    load : read a fit from a file
    open_run : read a run while it goes on

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> file = tempfile.mkdtemp() + "/fit.npz"
    >>> save(result, file)
    >>> repr(load(file)) == repr(result)
    True
    """
    if not isinstance(fit, Fit):
        raise ValueError(f"fit must be a fit, as bnn.fit returns it, got {type(fit).__name__}")
    target = files.folder_path(path)
    if target.is_dir() or not target.parent.is_dir():
        what = "a folder" if target.is_dir() else f"a file in {target.parent}, which is no folder"
        raise ValueError(f"path must name a file in a folder that exists, got {target}, {what}")
    arrays: dict[str, np.ndarray] = {}
    document = {"format": FORMAT, "version": VERSION, "software": software()}
    for name, value in _parts(fit).items():
        document[name] = codec.encode(value, arrays, name)
    files.write_arrays(target, arrays, document)


def load(path: Any) -> Fit:
    """Read a fit that `save` wrote, by this or an earlier version; nothing in the file is run.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Fit
        On which `predict`, `diagnose`, `evaluate` and all else give the same numbers.

    Raises
    ------
    ValueError
        If the file is of another program, damaged, or of a newer format.

    See Also
    --------
    save : write a fit to one file
    open_run : read a run while it goes on
    """
    source = files.folder_path(path)
    if source.is_dir():
        raise ValueError(f"path must be a file written by bnn.save, got the folder {source}: see bnn.open_run")
    arrays, document = files.read_arrays(source)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path} must be a file written by bnn.save, got an archive of another kind")
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"{path} has format version {version}, and this bayesnn reads up to {VERSION}: use a newer bayesnn"
        )
    try:
        names = ("model", "data", "sampler", "groups", "state")
        parts = {name: codec.decode(document[name], arrays) for name in names}
        settings = codec.decode(document.get("settings"), arrays)  # files of earlier versions have none
        check_parts(parts["model"], parts["data"], parts["sampler"], parts["state"], settings)
        datasets = _datasets(parts["groups"])
        check_draws(parts["model"], parts["data"], datasets)
        idata = together(datasets)
        result = Fit(parts["model"], parts["data"], parts["sampler"], idata, parts["state"], settings)
    except Exception as error:  # what a damaged document leads to depends on where the damage is
        raise ValueError(f"{path} is damaged, or written by another bayesnn: {error}") from None
    return result


def _parts(fit: Fit) -> dict[str, Any]:
    """What a fit consists of."""
    state = None if fit.state is None else replace(fit.state, path=None)  # a file knows of no folder
    parts = {"model": fit.model, "data": fit.data, "sampler": fit.sampler, "groups": _groups(fit), "state": state}
    return parts | {"settings": fit.settings}


def _groups(fit: Fit) -> dict[str, Any]:
    """Every group as dimensions, arrays and attributes."""
    return {
        group: {
            kind: {name: (tuple(map(str, v.dims)), v.to_numpy()) for name, v in variables.items()}
            for kind, variables in (("values", data.data_vars), ("coords", data.coords))
        }
        | {"attrs": dict(data.attrs)}
        for group, data in groups_of(fit.idata).items()
    }


def _datasets(groups: dict[str, Any]) -> dict[str, Any]:
    """The groups as xarray datasets."""
    import xarray as xr

    return {
        name: xr.Dataset(group["values"], coords=group["coords"], attrs=group["attrs"])
        for name, group in groups.items()
    }
