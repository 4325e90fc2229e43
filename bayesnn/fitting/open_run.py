"""open_run(path): the draws of a run that is going on, was killed, or is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bayesnn._internal.runtime import computing
from bayesnn.data.dataset import Dataset
from bayesnn.fitting.assemble import assemble_inference_data, to_series_units
from bayesnn.fitting.automatic import FOLDER
from bayesnn.fitting.autoregression import with_lags
from bayesnn.fitting.binding import bind_lags
from bayesnn.fitting.sampling_job import RESULT, note_of, result_of
from bayesnn.fitting.store import attributes_of, codec, files
from bayesnn.fitting.store.format import (
    DATA,
    MANIFEST,
    chunks,
    damaged,
    read_checkpoint,
    read_draws,
    read_manifest,
    read_part,
    span_of,
    stop_of,
)
from bayesnn.fitting.store.manifest import data_digest, differences, text_of
from bayesnn.fitting.store.validate import check_parts, check_values
from bayesnn.models.model import Model
from bayesnn.samplers import Gibbs
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.checkpoint import HANDED


@computing
def open_run(path: Any, *, model: Model | None = None) -> Any:
    """Inference data of what the folder of a run holds so far; the run itself is neither needed nor disturbed.

    Parameters
    ----------
    path : str or Path
        The folder given to `fit(..., path=)`.
    model : Model, optional
        Only where the model has functions or classes of your own, which a file does not hold: the one given to `fit`.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        As `fit.idata`. The attribute `complete` is 0 while draws are missing, of `draws_planned` (0 for
        `draws="auto"`).

    Raises
    ------
    ValueError
        If there are no draws yet, or the folder holds no run or a damaged one.

    See Also
    --------
    fit : draw from the posterior
    extend : more draws of the same chains

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> folder = tempfile.mkdtemp()
    >>> result = fit(shallow(1), x, np.sin(x[:, 0]), draws=50, warmup=50, chains=2, progress=False, path=folder)
    >>> open_run(folder)["posterior"].sizes["draw"]
    50
    """
    folder = files.folder_path(path)
    folder = folder / FOLDER if (folder / FOLDER / MANIFEST).exists() else folder  # chains that went on from others
    manifest = read_manifest(folder)
    try:
        bound, data = _task(folder, manifest, model)
        so_far = _run(folder, manifest)
        known, auto = manifest["attributes"], manifest["draws"] is None
        handed = folder / f"{HANDED}.npz"
        known |= note_of(read_part(handed, manifest["identity"]) if handed.exists() else None)
        attrs = known | attributes_of(so_far, known["thinning"], auto) | {"draws_planned": manifest["draws"] or 0}
    except (AttributeError, KeyError, TypeError) as error:  # a document without what it must have
        raise damaged(folder, f"{type(error).__name__} {error}") from None
    try:
        check_values(bound, data, so_far.values)
    except ValueError as error:
        raise damaged(folder, str(error)) from None
    return assemble_inference_data(bound, data, to_series_units(data, so_far.values), attrs)


def _task(folder: Path, manifest: dict[str, Any], given: Model | None) -> tuple[Model, Dataset]:
    """The bound model and its data, checked to be those of the run."""
    arrays, document = read_part(folder / DATA, manifest["identity"])
    if "data" not in document or ("model" not in document and given is None):
        raise ValueError(
            f"{folder} belongs to a model or data with classes of your own, which a file does not hold: give "
            "open_run(path, model=...) the model; labels must be text, numbers, booleans or tuples of these"
        )
    try:
        parts = {name: codec.decode(value, arrays) for name, value in document.items()}
    except Exception as error:
        raise damaged(folder, str(error)) from None
    if given is not None and "likelihood" in parts:
        given = replace(given, likelihood=parts["likelihood"])  # it knows the target
    data = parts["data"]
    if given is not None and isinstance(data, Dataset) and data.series is not None:
        given = with_lags(bind_lags(given, len(data.series.lags)), data.series, data)
    model = given or parts["model"]
    try:
        check_parts(model, data, Gibbs(), None, None)
    except Exception as error:  # what a damaged document leads to depends on where the damage is
        raise damaged(folder, str(error)) from None
    if data_digest(data) != manifest["run"]["data"]:
        raise damaged(folder, f"{DATA} does not hold the data of the run")
    other = differences(manifest["run"], {"model": text_of(model)})
    if other:
        raise ValueError(f"model must be that of the run in {folder}, got another: {other}")
    return model, data


def _run(folder: Path, manifest: dict[str, Any]) -> Run:
    """What was recorded so far, on the scale the model sees."""
    identity, planned = manifest["identity"], manifest["draws"]
    if (folder / f"{RESULT}.npz").exists():
        return result_of(read_part(folder / f"{RESULT}.npz", identity))
    parts = chunks(folder)
    checkpoint = read_checkpoint(folder, identity)
    if planned is not None:
        span = min(stop_of(parts[-1]) if parts else 0, planned), 1, 0
    else:  # how the last draws are thinned is known of those before the checkpoint
        span = (0, 1, 0) if checkpoint is None else span_of(checkpoint)
    if not span[0]:
        steps = 0 if checkpoint is None else checkpoint.warmup
        raise ValueError(f"{folder} holds no draws yet: {steps} of {manifest['run']['warmup']} warm-up steps are done")
    seconds = dict.fromkeys(("compile", "warmup", "sampling"), 0.0) if checkpoint is None else checkpoint.seconds
    limit = float(manifest["attributes"]["max_seconds"]) if planned is None else 0.0
    ended = checkpoint is not None and (bool(checkpoint.ended) or sum(seconds.values()) >= limit)
    complete = ended if planned is None else span[0] == planned
    return Run(read_draws(folder, identity, *span), seconds, complete, checkpoint=checkpoint)
