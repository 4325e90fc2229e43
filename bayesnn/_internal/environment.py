"""What a report of a fault should say: versions, devices, the folder of compiled programs."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from bayesnn._internal.runtime import CACHE_VARIABLE, cache_folder
from bayesnn._internal.version import __version__

NEEDED = ("jax", "jaxlib", "numpyro", "arviz", "xarray", "numpy", "scipy", "pandas", "matplotlib")
EXTRAS = {
    "formula": "formulaic",
    "sklearn": "scikit-learn",
    "forecast": "statsforecast",
    "text": "tokenizers",
    "safetensors": "safetensors",
}
VARIABLES = (CACHE_VARIABLE, "JAX_PLATFORMS", "JAX_ENABLE_X64", "XLA_FLAGS", "OPENBLAS_NUM_THREADS")


def show_versions() -> None:
    """Print versions, devices and settings, to be copied into the report of a fault.

    See Also
    --------
    BayesnnWarning : the class of all warnings

    Examples
    --------
    >>> show_versions()  # doctest: +ELLIPSIS
    bayesnn ...
    """
    print("\n".join(f"{name:<24} {value}" for name, value in environment().items()))


def environment() -> dict[str, str]:
    """Versions, devices and settings as a dictionary."""
    import jax

    found = {"bayesnn": __version__, "python": platform.python_version(), "system": platform.platform()}
    found |= {"cores": str(os.cpu_count())}
    found |= {name: _version(name) for name in NEEDED}
    found |= {f"{library} ({extra})": _version(library) for extra, library in EXTRAS.items()}
    found["devices"] = ", ".join(str(device) for device in jax.devices())
    found["compiled programs"] = str(cache_folder() or "not kept")
    found |= {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return found | {"executable": sys.executable}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
