"""Figures of the matrix family: exact checks, gains, squares, derivations, chains, spectra; peers beside."""
