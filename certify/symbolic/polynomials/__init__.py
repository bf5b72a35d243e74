"""Polynomial inequalities with exact certificates: parse, search for sums of squares, make them exact."""
