"""Gaussian marginals: Schur complements by simpler precisions, and how fast couplings decay."""
