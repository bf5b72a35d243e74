"""Exact integer vectors and matrices, twice: ``fast`` (numpy, BLAS) and ``pure`` (Python lists).

Both offer the same names with the same values; nothing else in the kernel touches a number array.
"""
