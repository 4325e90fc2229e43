"""A classifier for scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from bayesnn.likelihoods import Bernoulli, Categorical, as_coordinate
from bayesnn.models.shallow import shallow
from bayesnn.prediction.predict import predict
from bayesnn.sklearn.base import BayesianNetwork


class BayesianNetworkClassifier(ClassifierMixin, BayesianNetwork):
    """Classification by a Bayesian neural network, as an estimator of scikit-learn.

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
    classes_ : array
        The classes, sorted: the order of the columns of `predict_proba`.
    fit_ : Fit
        The fit, for `bnn.diagnose(estimator.fit_)` and all other functions of this package.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if X was a table whose columns all have names.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.where(X[:, 0] > 0, "yes", "no")
    >>> network = BayesianNetworkClassifier(hidden=1, draws=50, warmup=50, chains=2, random_state=0).fit(X, y)
    >>> network.classes_.tolist(), network.predict([[0.9]]).tolist()
    (['no', 'yes'], ['yes'])
    >>> network.predict_proba(X).shape
    (20, 2)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> BayesianNetworkClassifier:
        """Draw from the posterior given inputs X (n, p) and classes y (n,).

        Parameters
        ----------
        X : array or pandas.DataFrame, shape (n, p)
            Categorical columns of a table become indicators.
        y : array (n,)
            Labels of any type that scikit-learn sorts.
        sample_weight : array (n,), optional
            Case weights: a row of weight w counts as w equal rows.
        """
        rows, labels, weights = self._rows(X, y, sample_weight, numeric=False)
        try:
            self.classes_, codes = np.unique(labels, return_inverse=True)
        except TypeError:
            raise ValueError("y must hold labels of one type, which have an order: use y.astype(str)") from None
        check_classification_targets(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes, got one class, {self.classes_.tolist()}")
        default = Bernoulli() if len(self.classes_) == 2 else Categorical()
        model = self._own_model(classes=True) or shallow(self.hidden, likelihood=default)
        # floats are no labels of this package: then its classes are the places in `classes_`
        self._fit(model, rows, codes if self.classes_.dtype.kind == "f" else labels, weights)
        # those of a model that names them, in its own order
        known = self.fit_.model.likelihood.classes  # type: ignore[attr-defined]
        if len(known) > len(self.classes_):
            self.classes_ = np.unique(as_coordinate(known))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Posterior predictive probabilities (n, classes): those of each draw, averaged."""
        rows = self._new_rows(X)  # which also checks that there is a fit
        draws = predict(self.fit_, rows, kind="probability")
        labels = np.arange(len(self.classes_)) if self.classes_.dtype.kind == "f" else self.classes_
        return draws.mean(("chain", "draw")).to_numpy()[:, self.fit_.model.likelihood.encode(labels)]

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class (n,) of each row."""
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_[places]
