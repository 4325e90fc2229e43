"""How a fit was made: the arguments of `fit` that neither model, data, sampler nor draws show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnn.data.dataset import Scaling


@dataclass(frozen=True)
class FitSettings:
    """Arguments of `fit`, kept with the fit that they made.

    Attributes
    ----------
    warmup, thinning : int
        Warm-up steps, and steps from one kept draw to the next.
    superchains : int or None
        Groups of chains with one starting point each, where there are any.
    standardize, marginalize, log_likelihood : bool
        As in `fit`.
    key : str
        The key as the user gave it.
    max_seconds : float or None
        The limit of time of a run with `draws="auto"`; None where the number of draws was given.
    """

    warmup: int = 1000
    thinning: int = 1
    superchains: int | None = None
    standardize: bool = True
    marginalize: bool = False
    log_likelihood: bool = True
    key: str = ""
    max_seconds: float | None = None

    def attributes(self) -> dict[str, Any]:
        """The settings as attributes of the inference data, for those who read it without the fit."""
        return {
            "marginalize": int(self.marginalize),
            "log_likelihood": int(self.log_likelihood),
            "warmup": self.warmup,
            "thinning": self.thinning,
            "superchains": self.superchains or 0,
            "key": self.key,
            "max_seconds": text_of(self.max_seconds),
        }


def text_of(max_seconds: float | None) -> str:
    """A limit of time as an attribute, which JSON and NetCDF can hold even if it is infinite; "" for none."""
    return "" if max_seconds is None else repr(float(max_seconds))


def settings_from(attributes: Mapping[str, Any], scaling: Scaling) -> FitSettings:
    """The settings of a fit that was saved before they were kept, from its attributes and its scaling."""
    return FitSettings(
        warmup=int(attributes.get("warmup", 1000)),
        thinning=int(attributes.get("thinning", 1)),
        superchains=int(attributes.get("superchains", 0)) or None,
        standardize=_standardised(scaling),
        marginalize=bool(attributes.get("marginalize", 0)),
        log_likelihood=bool(attributes.get("log_likelihood", 1)),
        key=str(attributes.get("key", "")),
        max_seconds=float(attributes["max_seconds"]) if attributes.get("max_seconds") else None,
    )


def _standardised(scaling: Scaling) -> bool:
    """Whether anything was centred or scaled: of token ids only the target is."""
    centres, scales = (*scaling.x_center, scaling.y_center), (*scaling.x_scale, scaling.y_scale)
    return any(np.any(c) for c in centres) or any(np.any(np.asarray(s) != 1.0) for s in scales)
