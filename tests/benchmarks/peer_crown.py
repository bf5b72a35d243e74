"""Run by the peers' own Python: CROWN and alpha-CROWN of auto_LiRPA on the network x -> f(x) - g(x).

    python peer_crown.py CASE.npz ITERATIONS [ITERATIONS ...]      prints one JSON object

CASE.npz holds lo, hi and the layers f0_W, f0_b, ...; float64 throughout. CPU seconds of one thread,
without what it takes to trace the network. alpha-CROWN is run anew for each number of iterations; what one method fails
at says nothing of the others: {"failed": the reason}.
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
# Version 0.3 fails on its sparse shortcuts where a layer has no unstable neuron, or has nothing but such.
SPARSE = ("sparse_features_alpha", "sparse_spec_alpha", "sparse_intermediate_bounds")


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


def bound(case, method, iterations):
    lo, hi = (torch.tensor(case[k])[None] for k in ("lo", "hi"))
    opts = dict.fromkeys(SPARSE, False) | {"optimize_bound_args": {"iteration": iterations}}
    model = BoundedModule(Difference(case), (lo + hi) / 2, bound_opts=opts, device="cpu")
    started = time.process_time()
    x = BoundedTensor((lo + hi) / 2, PerturbationLpNorm(norm=np.inf, x_L=lo, x_U=hi))
    low, high = model.compute_bounds(x=(x,), method=method)
    return {"upper": float(torch.maximum(-low, high).max()), "seconds": time.process_time() - started}


def main():
    case = dict(np.load(sys.argv[1]))
    out = {}
    for name, method, iterations in [
        ("CROWN", "CROWN", 1),
        *((f"alpha-CROWN {k}", "CROWN-Optimized", int(k)) for k in sys.argv[2:]),
    ]:
        try:
            out[name] = bound(case, method, iterations)
        except Exception as e:
            out[name] = {"failed": f"{type(e).__name__}: {e}".splitlines()[0]}
    print(json.dumps(out))


main()
