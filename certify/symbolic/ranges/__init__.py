"""Closed forms over boxes: forms as programs, a search for the cuts, and the bound of kind *range*."""
