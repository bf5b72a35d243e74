"""Run by the peers' own Python: one solver on one instance of the difference SDP (see solvers.py).

    python solver_peer.py clarabel|scs|sdpa|csdp INSTANCE.npz SECONDS      prints one JSON object

The program: minimise gamma, S = gamma e0 e0' - sym(o e0') - sum mu_i (e0 e0' - e_i e_i') - sum m_k sym(p_k r_k') >= 0.
"""

import json
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp

name, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
z = np.load(path)
V, p, r, free, o = (z[k] for k in ("vectors", "p", "r", "free", "objective"))
n, K = V.shape[1], len(p)
scale = np.abs(o).sum()
o = o / scale
signed = np.concatenate([[False], np.ones(n - 1, bool), ~free])


def symmetric(k):
    """A_k of y = (gamma, mu, m), S = C + sum y_k A_k."""
    a = np.zeros((n, n))
    if k == 0:
        a[0, 0] = 1
    elif k < n:
        a[k, k], a[0, 0] = 1, -1
    else:
        a = -np.outer(V[p[k - n]], V[r[k - n]])
        a = (a + a.T) / 2
    return a


C = np.zeros((n, n))
C[:, 0] = -o
C = (C + C.T) / 2
m = n + K


def columns(order):
    """The vectorised A as a sparse matrix and C, by the entries and factors of an order."""
    i, j, w = order
    blocks = [sp.csc_matrix((symmetric(k)[i, j] * w)[:, None]) for k in range(m)]
    return sp.hstack(blocks, format="csc"), C[i, j] * w


started = time.process_time()
status, y = "?", None
if name in ("clarabel", "scs"):
    if name == "clarabel":  # upper triangle by columns
        j, i = np.tril_indices(n)
    else:  # lower triangle by columns
        j, i = np.triu_indices(n)
    w = np.where(i == j, 1.0, np.sqrt(2))
    A, c = columns((i, j, w))
    index = np.flatnonzero(signed)
    positive = sp.csc_matrix((-np.ones(len(index)), (np.arange(len(index)), index)), shape=(len(index), m))
    full, b = sp.vstack([positive, -A], format="csc"), np.concatenate([np.zeros(len(index)), c])
    q = np.eye(1, m)[0]
    if name == "clarabel":
        import clarabel

        settings = clarabel.DefaultSettings()
        settings.verbose, settings.time_limit = False, seconds
        cones = [clarabel.NonnegativeConeT(len(index)), clarabel.PSDTriangleConeT(n)]
        found = clarabel.DefaultSolver(sp.csc_matrix((m, m)), q, full, b, cones, settings).solve()
        status, y = str(found.status), np.array(found.x)
    else:
        import scs

        found = scs.SCS(
            {"A": full, "b": b, "c": q}, {"l": len(index), "s": [n]}, verbose=False, time_limit_secs=seconds,
            eps_abs=1e-5, eps_rel=1e-5, max_iters=1000000,
        ).solve()  # fmt: skip
        status, y = found["info"]["status"], np.array(found["x"])
else:
    # SDPA's sparse format: min c.y, sum y_k F_k - F_0 >= 0; free variables as they are, signs as a diagonal block.
    index = np.flatnonzero(signed)
    lines = [str(m), "2", f"{n} -{len(index)}", " ".join("1.0" if k == 0 else "0.0" for k in range(m))]

    def entries(k, a, factor=1.0):
        i, j = np.nonzero(np.triu(a))
        return [f"{k} 1 {u + 1} {v + 1} {factor * a[u, v]:.17g}" for u, v in zip(i, j, strict=True)]

    lines += entries(0, C, -1.0)
    at = {int(k): i + 1 for i, k in enumerate(index)}
    for k in range(m):
        lines += entries(k + 1, symmetric(k))
        if k in at:
            lines.append(f"{k + 1} 2 {at[k]} {at[k]} 1.0")
    with open("problem.dat-s", "w") as f:
        f.write("\n".join(lines) + "\n")
    started = time.process_time()
    if name == "csdp":
        import resource

        try:
            said = subprocess.run(["csdp", "problem.dat-s", "out.sol"], capture_output=True, text=True, timeout=seconds)
            status = f"exit {said.returncode}"
            if said.returncode < 0:
                import signal

                status = signal.Signals(-said.returncode).name
            with open("out.sol") as f:
                y = np.array(f.readline().split(), dtype=float)
        except subprocess.TimeoutExpired:
            status = "time"
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        started -= used.ru_utime + used.ru_stime
    else:
        import sdpap

        A, c = columns((*np.nonzero(np.ones((n, n))), 1.0))
        K_, J = sdpap.SymCone(f=0), sdpap.SymCone(l=len(index), s=(n,))
        positive = sp.csc_matrix((np.ones(len(index)), (np.arange(len(index)), index)), shape=(len(index), m))
        full = sp.vstack([positive, A], format="csc")
        b = np.concatenate([np.zeros(len(index)), -c])
        K_ = sdpap.SymCone(f=m)
        x, _, info, _, _ = sdpap.solve(full, b[:, None], np.eye(m)[:, :1], K_, J, {"print": "no", "numThreads": 1})
        status, y = info["phasevalue"], np.asarray(x.todense()).ravel() if sp.issparse(x) else np.asarray(x).ravel()
spent = time.process_time() - started
ok = y is not None and len(y) == m and np.isfinite(y).all()
print(json.dumps({"status": status, "seconds": spent, "multipliers": (y * scale).tolist() if ok else None}))
