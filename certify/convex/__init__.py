"""Statements about matrices, found by solvers and proved by exact checks: gains, reduced models, spectra, chains."""
