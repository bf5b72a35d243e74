"""Gradient descent on smooth convex functions by PEPit, in the peers' Python: `peer_descent.py STEPS`."""

from __future__ import annotations

import json
import sys
import time

from PEPit import PEP
from PEPit.functions import SmoothConvexFunction

STEPS, SMOOTH = int(sys.argv[1]), 10.0

started = time.perf_counter()
problem = PEP()
f = problem.declare_function(SmoothConvexFunction, L=SMOOTH)
best = f.stationary_point()
x = problem.set_initial_point()
problem.set_initial_condition((x - best) ** 2 <= 1)
for _ in range(STEPS):
    x = x - f.gradient(x) / SMOOTH
problem.set_performance_metric(f(x) - f(best))
value = problem.solve(verbose=0)
print(json.dumps({"value": value, "seconds": time.perf_counter() - started}))
