"""Small series and tables that ship with the package, for examples and tests.

Series, indexed by time: `lynx`, `sunspots`, `air_passengers`. Tables, with one row per case: `mcycle`, `iris`,
`ripley_synth`. Each function reads a CSV file of this folder and returns a new pandas object, which may be changed
freely.
"""

from .series import air_passengers, lynx, sunspots
from .tables import TrainTest, iris, mcycle, ripley_synth

__all__ = ["TrainTest", "air_passengers", "iris", "lynx", "mcycle", "ripley_synth", "sunspots"]
