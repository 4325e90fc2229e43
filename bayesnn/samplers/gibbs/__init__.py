"""Gibbs sampling: a collapsed sweep for shallow networks, and exact hyperparameter updates for all other models."""
