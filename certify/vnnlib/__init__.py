"""Properties in VNN-LIB files, as claims.

syntax.py   text to lists      formulas.py   linear atoms, normal forms      reading.py   files to properties
property.py   properties to claims      decide.py   prove or refute all of them
"""

from __future__ import annotations

from certify.vnnlib.property import Case, Constraint, Property
from certify.vnnlib.reading import parse_vnnlib, read_vnnlib

__all__ = ["Case", "Constraint", "Property", "parse_vnnlib", "read_vnnlib"]
