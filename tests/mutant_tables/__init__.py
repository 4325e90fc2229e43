"""The errors that `tests/mutants.py` plants, by the folders of the package that they are planted in."""

from mutant_tables.base import Mutant
from mutant_tables.data import MUTANTS as DATA
from mutant_tables.evaluation import MUTANTS as EVALUATION
from mutant_tables.fitting import MUTANTS as FITTING
from mutant_tables.layers import MUTANTS as LAYERS
from mutant_tables.models import MUTANTS as MODELS
from mutant_tables.outputs import MUTANTS as OUTPUTS
from mutant_tables.samplers import MUTANTS as SAMPLERS
from mutant_tables.series import MUTANTS as SERIES

MUTANTS: tuple[Mutant, ...] = (*LAYERS, *MODELS, *DATA, *SERIES, *EVALUATION, *FITTING, *OUTPUTS, *SAMPLERS)

__all__ = ["MUTANTS", "Mutant"]
