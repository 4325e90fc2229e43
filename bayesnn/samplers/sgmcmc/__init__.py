"""Stochastic gradient MCMC: SGLD and SGHMC, which use a minibatch of the rows per step."""
