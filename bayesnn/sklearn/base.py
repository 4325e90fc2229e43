"""What both estimators share: the settings of a fit, and rows that all differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from bayesnn.fitting.fit import fit
from bayesnn.models.model import Model
from bayesnn.sklearn.rows import new_rows, training_rows


class BayesianNetwork(BaseEstimator):
    """Settings of a fit as scikit-learn keeps them; not to be used by itself."""

    def __init__(
        self,
        hidden: int = 5,
        *,
        model: Model | None = None,
        sampler: Any = None,
        draws: int | str = 250,
        warmup: int = 250,
        chains: int = 4,
        standardize: bool = True,
        random_state: Any = None,
        verbose: bool = False,
    ):
        self.hidden = hidden
        self.model = model
        self.sampler = sampler
        self.draws = draws
        self.warmup = warmup
        self.chains = chains
        self.standardize = standardize
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, model: Model, X: Any, y: Any, weights: Any) -> None:
        """Draw from the posterior of `model` given rows that have been checked."""
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.fit_ = fit(
            model,
            X,
            y,
            sampler=self.sampler,
            draws=self.draws,
            warmup=self.warmup,
            chains=self.chains,
            key=self.seed_,
            weights=weights,
            standardize=self.standardize,
            progress=self.verbose,
        )
        if not self.fit_.complete:  # after Ctrl-C: a search would go on with an estimator of a few draws
            raise KeyboardInterrupt

    def _rows(self, X: Any, y: Any, weights: Any, numeric: bool) -> tuple[Any, np.ndarray, Any]:
        return training_rows(self, X, y, weights, numeric)

    def _new_rows(self, X: Any) -> Any:
        check_is_fitted(self, "fit_")
        return new_rows(self, X)

    def _own_model(self, classes: bool) -> Model | None:
        """The model that the user gave, which must suit the kind of target."""
        if self.model is None:
            return None
        if not isinstance(self.model, Model):
            raise ValueError(f"model must be a bnn.Model such as bnn.shallow(5), got {type(self.model).__name__}")
        if (self.model.likelihood.kind == "class") != classes:
            wanted = "Bernoulli() or Categorical()" if classes else "Gaussian() or another of numbers"
            raise ValueError(
                f"model must have a likelihood that suits {type(self).__name__}, {wanted}, "
                f"got {type(self.model.likelihood).__name__}()"
            )
        return self.model
