"""Parallel tempering: copies of a chain at several temperatures that exchange their states."""
