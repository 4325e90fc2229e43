"""How far a fit can be trusted, and which of several is better."""
