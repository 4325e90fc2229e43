"""Microcanonical Langevin Monte Carlo."""
