"""What a fit says of its inputs, per posterior draw: dependence curves, marginal effects, contrasts and relevance."""
