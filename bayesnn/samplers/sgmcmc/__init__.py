"""Langevin and Hamiltonian steps on minibatches."""
