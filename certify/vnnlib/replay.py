"""Run a witness through onnxruntime: does the float32 network, as others run it, behave as the exact one does?

The exact value decides; this is a cross-check that says when rounding on a device hides what was found. Nothing is
replayed where onnxruntime is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from certify.claims import Claim
from certify.errors import BadInput
from certify.networks.maps import Floats
from certify.provers.falsify import Witness


@dataclass(frozen=True, eq=False)
class Replay:
    """What onnxruntime computed: outputs of f (and g), the claim's quantity there, whether it violates the claim."""

    f: Floats
    g: Floats | None
    value: float
    violates: bool


def replay(claim: Claim, witness: Witness, f: str, g: str | None = None) -> Replay | None:
    """Outputs of the files at the witness, its entries rounded to the type that the files read.

    None when onnxruntime is not installed; raises BadInput when it cannot run a file.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    del onnxruntime
    y = _run(f, witness.x)
    z = None if g is None else _run(g, witness.x)
    value = float(claim.quantity.evaluate(y[None], None if z is None else z[None], witness.part)[0])
    t = float(claim.threshold)
    return Replay(y, z, value, value > t if claim.relation == "at-most" else value >= t)


def _run(path: str, x: Floats) -> Floats:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(Path(path)), options, providers=["CPUExecutionProvider"])
        (port,) = session.get_inputs()
        shape = [n if isinstance(n, int) and n > 0 else 1 for n in port.shape]
        dtype = {"tensor(double)": np.float64, "tensor(float16)": np.float16}.get(port.type, np.float32)
        outputs = session.run(None, {port.name: np.asarray(x, dtype=dtype).reshape(shape)})
    except Exception as e:
        # onnxruntime raises its own types, one for each kind of trouble.
        raise BadInput(f"{path}: onnxruntime does not run it ({str(e)[:200]})") from None
    return np.asarray(outputs[0], dtype=np.float64).ravel()
