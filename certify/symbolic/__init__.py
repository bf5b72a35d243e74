"""Inequalities with symbols in them: polynomials, derivations, a library of inequalities."""
