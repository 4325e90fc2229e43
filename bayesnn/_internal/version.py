"""The version of the package, written here and nowhere else: pyproject.toml and `bayesnn.__version__` read it."""

__version__ = "0.1.0"
