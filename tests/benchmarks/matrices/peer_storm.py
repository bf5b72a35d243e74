"""The stationary probability of a set of states by Storm, in the peers' Python: `peer_storm.py SOLVER FILE`.

SOLVER: sound (what Storm takes by itself) or eigen (a sparse LU factorisation). FILE: an npz with chain (n, n) and
states (n), 0 or 1.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import stormpy

with np.load(sys.argv[2]) as file:
    chain, states = file["chain"], file["states"]
with tempfile.TemporaryDirectory() as folder:
    moves, labels = Path(folder) / "chain.tra", Path(folder) / "chain.lab"
    rows = (f"{i} {j} {float(chain[i, j])!r}" for i, j in zip(*np.nonzero(chain), strict=True))
    moves.write_text("\n".join(["dtmc", *rows, ""]))
    seen = (f"{i} seen" for i in np.flatnonzero(states) if i)
    first = "0 init seen" if states[0] else "0 init"
    labels.write_text("\n".join(["#DECLARATION", "init seen", "#END", first, *seen, ""]))
    model = stormpy.build_model_from_explicit(str(moves), str(labels))
asked = stormpy.parse_properties('LRA=? ["seen"]')[0]
environment = stormpy.environments.default(model)
if sys.argv[1] == "eigen":
    environment = stormpy.environments.Environment()
    environment.solver().set_linear_equation_solver_type(stormpy.environments.EquationSolverType.EIGEN)
started = time.perf_counter()
found = stormpy.model_checking(model, asked, environment=environment).get_value(0)
print(json.dumps({"value": found, "seconds": time.perf_counter() - started}))
