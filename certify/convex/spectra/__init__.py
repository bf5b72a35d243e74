"""Spectra: gaps with certificates on both sides, of symmetric and of reversible operators, and what a gap survives."""
