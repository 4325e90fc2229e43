"""Approximations: modes, ensembles, Laplace, variational."""
