"""What a fit says of its inputs, per posterior draw: dependence curves, marginal effects, contrasts and relevance."""

from bayesnn.effects.dependence import individual_curves, partial_dependence
from bayesnn.effects.marginal import average_marginal_effects, contrast
from bayesnn.effects.relevance import relevance

__all__ = ["average_marginal_effects", "contrast", "individual_curves", "partial_dependence", "relevance"]
