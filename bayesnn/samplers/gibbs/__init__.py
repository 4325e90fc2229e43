"""Gibbs sampling: the collapsed sweep of shallow networks, and exact hyperparameters for every other model."""
