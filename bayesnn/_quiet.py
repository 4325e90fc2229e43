"""What jaxlib may log: set before it is loaded, so this is the first import of the package.

jaxlib 0.9, and 0.8 from some release on, logs two errors of a thousand characters for every compiled program that it
takes from the cache on disk: hints for tuning such as "prefer-no-gather" are compared with the abilities of the
processor. Nothing is wrong, and nothing is lost by the silence: what fails raises an exception. A level that the user
has set stays.
"""

import os
from importlib.metadata import version

if version("jaxlib").split(".")[:2] in (["0", "8"], ["0", "9"]):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
