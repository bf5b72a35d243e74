"""Lipschitz constants of networks, global and on a box, and gains of differences: LipSDP with exact certificates.

gains.py is what users call; recursion.py the mathematics; closed_form.py, descent.py, interior.py and cone_program.py
find multipliers; evidence.py makes them exact; witness.py finds the lower end.
"""
