"""Estimators for scikit-learn, which `import bayesnn` does not load: the extra `sklearn`."""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('bayesnn.sklearn needs the library scikit-learn: pip install "bayesnn[sklearn]"') from error

from bayesnn.sklearn.classifier import BayesianNetworkClassifier
from bayesnn.sklearn.regressor import BayesianNetworkRegressor

__all__ = ["BayesianNetworkClassifier", "BayesianNetworkRegressor"]
