"""Settings that must precede any use of JAX or NumPyro: this is the first import of the package.

ArviZ 1.x registers `jax` and `numpyro` as modules that load on first use. If a submodule is imported first, such a
package stays incomplete (`numpyro.distributions` then has no attribute `distribution`). So both are loaded here, by
reading an attribute of each.

jaxlib 0.9, and some releases of 0.8, log two errors of a thousand characters for every compiled program that they read
from the cache on disk, because they compare tuning hints such as "prefer-no-gather" with the features of the processor.
These messages are false alarms, and silencing them hides nothing: real failures raise an exception. A log level that
the user has set is kept, but for 1 where JAX was imported first, which is what `import jax` itself sets. jaxlib reads
the environment variable when it is loaded; if it is loaded already, its log level is set directly.
"""

import os
import sys
from importlib.metadata import version

NOISY = version("jaxlib").split(".")[:2] in (["0", "8"], ["0", "9"])
LEVEL = "TF_CPP_MIN_LOG_LEVEL"
FATAL = 3
OF_JAX = "1"  # the log level that `import jax` sets if the user has set none

if NOISY:
    loaded = "jaxlib" in sys.modules
    if loaded and os.environ.get(LEVEL) == OF_JAX:
        import jaxlib.utils

        if hasattr(jaxlib.utils, "absl_set_min_log_level"):  # not in every release of 0.8
            jaxlib.utils.absl_set_min_log_level(FATAL)
    elif not loaded:
        os.environ.setdefault(LEVEL, str(FATAL))

import jax  # noqa: E402
import numpyro  # noqa: E402

jax.__version__, numpyro.__version__  # noqa: B018  # this loads both
