"""Run by the peers' own Python: CROWN and alpha-CROWN of auto_LiRPA on the network x -> f(x) - g(x).

    python peer_crown.py CASE.npz ITERATIONS      prints one JSON object

CASE.npz holds lo, hi and the layers f0_W, f0_b, ...; float64 throughout. CPU seconds of one thread.
"""

import json
import sys
import time

import numpy as np
import torch
from auto_LiRPA import BoundedModule, BoundedTensor
from auto_LiRPA.perturbations import PerturbationLpNorm

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def sequential(case, name):
    parts, k = [], 0
    while f"{name}{k}_W" in case:
        W, b = torch.tensor(case[f"{name}{k}_W"]), torch.tensor(case[f"{name}{k}_b"])
        layer = torch.nn.Linear(W.shape[1], W.shape[0])
        layer.weight.data, layer.bias.data = W, b
        parts += [layer, torch.nn.ReLU()]
        k += 1
    return torch.nn.Sequential(*parts[:-1])


class Difference(torch.nn.Module):
    def __init__(self, case):
        super().__init__()
        self.f, self.g = sequential(case, "f"), sequential(case, "g")

    def forward(self, x):
        return self.f(x) - self.g(x)


case = dict(np.load(sys.argv[1]))
lo, hi = (torch.tensor(case[k])[None] for k in ("lo", "hi"))
out = {}
for method, name in (("CROWN", "CROWN"), ("CROWN-Optimized", "alpha-CROWN")):
    started = time.process_time()
    model = BoundedModule(
        Difference(case),
        (lo + hi) / 2,
        bound_opts={"optimize_bound_args": {"iteration": int(sys.argv[2])}},
        device="cpu",
    )
    x = BoundedTensor((lo + hi) / 2, PerturbationLpNorm(norm=np.inf, x_L=lo, x_U=hi))
    low, high = model.compute_bounds(x=(x,), method=method)
    out[name] = {
        "upper": float(torch.maximum(-low, high).max()),
        "seconds": time.process_time() - started,
    }
print(json.dumps(out))
