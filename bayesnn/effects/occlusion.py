"""What each word of a text contributes: the change of the prediction when it is left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn.data.sequences import PADDING
from bayesnn.data.texts import UNKNOWN, texts_of
from bayesnn.fitting.fit import Fit
from bayesnn.prediction.predict import offset_for, predict


def occlusion(fit: Fit, x: Any, offset: Any = None) -> Any:
    """Prediction with each token minus that without it, (chain, draw, obs, step, ...), NaN at padded steps.

    Probabilities of classes, else means in units of y. The other tokens move up, so that positions have no gap. A text
    of one token becomes one unknown token, which a model without a vocabulary does not have.

    References
    ----------
    J. Li, W. Monroe and D. Jurafsky (2016), Understanding neural networks through representation erasure,
    arXiv:1612.08220, equation (1).
    """
    _check(fit)
    ids = np.asarray(fit.inputs(x))
    kind = "probability" if fit.model.likelihood.kind == "class" else "mean"
    shift = offset_for(fit, offset, x, len(ids))
    parts = []
    for i, row in enumerate(ids):
        one = None if shift is None else np.repeat(shift[i], len(row) + 1)
        values = predict(fit, _without_each(fit, row, i), kind=kind, offset=one)
        change = values.isel(obs=slice(-1, None)).to_numpy() - values.isel(obs=slice(None, -1)).to_numpy()
        change[:, :, row == PADDING] = np.nan
        parts.append(change)
    return _labelled(fit, x, ids, np.stack(parts, axis=2), values, kind)


def _check(fit: Fit) -> None:
    if fit.model.network.reads.source:
        raise ValueError("occlusion is of one text per row, and Seq2Seq reads two: compare predictions of both instead")
    if fit.model.per_step(fit.data.x.shape[1:]):
        raise ValueError("occlusion needs one prediction per text, and this fit has one per step: see attention_maps")


def _without_each(fit: Fit, row: np.ndarray, number: int) -> np.ndarray:
    """Token ids (time + 1, time): without each token, which at a padded step changes nothing, and last unchanged."""
    rows = np.repeat(row[None], len(row) + 1, axis=0)
    real = np.flatnonzero(row != PADDING)
    if len(real) == 1:
        if fit.model.network.reads.words is None:
            raise ValueError(f"a text of one token cannot be without it, got one as row {number}: leave it out")
        rows[real[0], real[0]] = UNKNOWN
        return rows
    for t in real:
        rows[t] = np.append(np.delete(row, t), PADDING)
    return rows


def _labelled(fit: Fit, x: Any, ids: np.ndarray, values: np.ndarray, like: Any, kind: str) -> Any:
    import xarray as xr

    dims = ("chain", "draw", "obs", "step", *like.dims[3:])
    coords = {name: like[name].to_numpy() for name in like.dims if name != "obs"}
    coords |= {"obs": np.arange(len(ids)), "step": np.arange(ids.shape[1])}
    units = "probability" if kind == "probability" else "units of y"
    attrs = {"method": "occlusion", "units": units}
    found = xr.DataArray(values, coords, dims, name="relevance", attrs=attrs)
    return found.assign_coords(token=(("obs", "step"), _tokens(fit, x, ids)))


def _tokens(fit: Fit, x: Any, ids: np.ndarray) -> np.ndarray:
    """The tokens (n, time) as they stand in the texts, or as the vocabulary or their numbers name them."""
    vocabulary, texts = fit.model.network.reads.words, texts_of(x)
    found = np.full(ids.shape, "", dtype=object)
    for i, row in enumerate(ids):
        count = int((row != PADDING).sum())
        own = [str(token) if vocabulary is None else vocabulary.tokens[token] for token in row[:count]]
        if vocabulary is not None and texts is not None:
            words = vocabulary.cut(texts[i])
            words = words[-count:] if vocabulary.keep == "last" else words[:count]
            if len(vocabulary.cut(texts[i])) == count or (vocabulary.most == 1 and len(words) == count):
                own = words
        found[i, :count] = own
    return found
