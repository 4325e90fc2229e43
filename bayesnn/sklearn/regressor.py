"""A regressor for scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from bayesnn._internal import checks
from bayesnn.models.shallow import shallow
from bayesnn.prediction.predict import predict
from bayesnn.prediction.uncertainty import decompose
from bayesnn.sklearn.base import BayesianNetwork


class BayesianNetworkRegressor(RegressorMixin, BayesianNetwork):
    """Regression by a Bayesian neural network, as an estimator of scikit-learn.

    Parameters
    ----------
    hidden : int
        Number of hidden units of the shallow network of Müller and Ríos Insua (`bnn.shallow`).
    model : Model, optional
        Any other model, such as `bnn.Model([bnn.Dense(16, "tanh"), bnn.Dense(16, "tanh")])`; `hidden` is then not used.
    sampler : str or Sampler, optional
        As in `bnn.fit`.
    draws, warmup, chains : int
        As in `bnn.fit`; draws="auto" samples until the function has converged.
    standardize : bool
        Whether to bring inputs, and a continuous target, to mean zero and unit variance during the fit.
    random_state : int, numpy.random.RandomState or None
        The seed; None takes one from NumPy's global generator.
    verbose : bool
        Whether to show progress bars.

    Attributes
    ----------
    fit_ : Fit
        The fit, for `bnn.diagnose(estimator.fit_)` and all other functions of this package.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if X was a table whose columns all have names.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(2 * X[:, 0])
    >>> network = BayesianNetworkRegressor(hidden=1, draws=50, warmup=50, chains=2, random_state=0).fit(X, y)
    >>> mean, sd = network.predict(X, return_std=True)
    >>> network.predict_quantiles(X, quantiles=(0.05, 0.95)).shape
    (20, 2)
    >>> network.sample_y(X, n_samples=3).shape
    (20, 3)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> BayesianNetworkRegressor:
        """Draw from the posterior given inputs X (n, p) and a target y (n,).

        Parameters
        ----------
        X : array or pandas.DataFrame, shape (n, p)
            Categorical columns of a table become indicators.
        y : array (n,)
        sample_weight : array (n,), optional
            Case weights: a row of weight w counts as w equal rows.
        """
        rows, target, weights = self._rows(X, y, sample_weight, numeric=True)
        self._fit(self._own_model(classes=False) or shallow(self.hidden), rows, target, weights)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Posterior predictive mean (n,) at new rows, and with `return_std` its sd, errors included."""
        rows = self._new_rows(X)
        mean = predict(self.fit_, rows).mean(("chain", "draw")).to_numpy()
        if not return_std:
            return mean
        return mean, np.sqrt(decompose(self.fit_, rows, measure="variance")["total"].to_numpy())

    def predict_quantiles(self, X: Any, quantiles: Sequence[float] = (0.05, 0.5, 0.95)) -> np.ndarray:
        """Quantiles (n, number of quantiles) of the posterior predictive distribution, by simulated values of y."""
        if not isinstance(quantiles, Iterable) or isinstance(quantiles, (str, bytes)) or not len(list(quantiles)):
            raise ValueError(f"quantiles must be numbers between 0 and 1, such as [0.05, 0.95], got {quantiles!r}")
        for quantile in quantiles:
            checks.fraction("quantiles", quantile)
        rows = self._new_rows(X)
        draws = predict(self.fit_, rows, kind="response", key=self.seed_)
        return np.quantile(draws.to_numpy(), list(quantiles), axis=(0, 1)).T

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> np.ndarray:
        """Values (n, n_samples) of y simulated from the posterior predictive distribution.

        Each column is one function of the posterior with noise of its own; up to the number of draws, all functions
        differ.
        """
        from sklearn.utils import check_random_state

        count = checks.positive_integer("n_samples", n_samples)
        rng = check_random_state(random_state)
        rows = self._new_rows(X)
        total = len(self.fit_.draws()[next(iter(self.fit_.draws()))])
        parts = []
        for start in range(0, count, total):
            values = predict(self.fit_, rows, kind="response", key=int(rng.randint(2**31 - 1))).to_numpy()
            chosen = rng.permutation(total)[: count - start]
            parts.append(values.reshape(total, -1)[chosen].T)
        return np.concatenate(parts, axis=1)
