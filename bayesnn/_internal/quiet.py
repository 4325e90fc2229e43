"""What has to be settled before anything of JAX or NumPyro is used: this is the first import of the package.

ArviZ 1.x registers `jax` and `numpyro` as modules that load on first use. Importing a submodule of such a package
first leaves the package half set up (`numpyro.distributions` then has no attribute `distribution`), so both are loaded
here by asking for an attribute of each.

jaxlib 0.9, and 0.8 from some release on, logs two errors of a thousand characters for every compiled program that it
takes from the cache on disk: hints for tuning such as "prefer-no-gather" are compared with the abilities of the
processor. Nothing is wrong, and nothing is lost by the silence: what fails raises an exception. A level that the user
has set stays. The environment variable is read when jaxlib is loaded; where that has happened, jaxlib is told directly.
"""

import os
import sys
from importlib.metadata import version

NOISY = version("jaxlib").split(".")[:2] in (["0", "8"], ["0", "9"])
LEVEL = "TF_CPP_MIN_LOG_LEVEL"
FATAL = 3

if NOISY and LEVEL not in os.environ:
    loaded = "jaxlib.utils" in sys.modules
    os.environ[LEVEL] = str(FATAL)
    import jaxlib.utils

    if loaded and hasattr(jaxlib.utils, "absl_set_min_log_level"):
        jaxlib.utils.absl_set_min_log_level(FATAL)

import jax  # noqa: E402
import numpyro  # noqa: E402

jax.__version__, numpyro.__version__  # noqa: B018  # loads them
