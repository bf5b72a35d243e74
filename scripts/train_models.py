"""Train the small networks that certify ships, on scikit-learn's digits, and write them as ONNX.

    python scripts/train_models.py            needs scikit-learn, torch and onnx; about a minute

Writes certify/models/digits.onnx (64-64-64-10 ReLU), certify/models/digits_cnn.onnx (convolution, residual block with
batch normalisation, max- and average pooling) and certify/models/digits.npz (test images and labels, scaled to [0, 1]).
The files are committed: nothing at run time depends on this script, and other versions train other weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from torch import nn

OUT = Path(__file__).resolve().parent.parent / "certify" / "models"


def data():
    """(train X, train y, test X, test y), images in [0, 1]."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.data))
    x, y = (digits.data[order] / 16.0).astype(np.float32), digits.target[order]
    return x[:1400], y[:1400], x[1400:], y[1400:]


def fit(net: nn.Module, shape: tuple[int, ...], epochs: int) -> None:
    """Adam with cross-entropy; prints the test accuracy."""
    x, y, xt, yt = data()
    xs, ys = torch.tensor(x).reshape(-1, *shape), torch.tensor(y)
    opt = torch.optim.Adam(net.parameters(), 2e-3, weight_decay=1e-4)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(xs)).split(32):
            opt.zero_grad()
            nn.functional.cross_entropy(net(xs[batch]), ys[batch]).backward()
            opt.step()
    net.eval()
    right = (net(torch.tensor(xt).reshape(-1, *shape)).argmax(1).numpy() == yt).mean()
    print(f"{type(net).__name__}: {right:.1%} of test digits right")


class Residual(nn.Module):
    """conv, relu, max-pool, a residual block with batch norm, average pool, dense."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.block = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.max_pool2d(torch.relu(self.stem(x)), 2)
        h = h + torch.relu(self.norm(self.block(h)))
        return self.head(torch.nn.functional.avg_pool2d(h, 2).flatten(1))


def array(t: torch.Tensor) -> np.ndarray:
    return t.detach().numpy().astype(np.float32)


def write(name: str, nodes: list[onnx.NodeProto], shape: tuple[int, ...], weights: dict[str, np.ndarray]) -> None:
    """Save a graph with input x and output logits."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="certify")
    model.ir_version = 9
    onnx.checker.check_model(model)
    onnx.save(model, OUT / f"{name}.onnx")


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    mlp = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    fit(mlp, (64,), 30)
    weights, nodes, at = {}, [], "x"
    for i, layer in enumerate([mlp[0], mlp[2], mlp[4]]):
        weights |= {f"w{i}": array(layer.weight), f"b{i}": array(layer.bias)}
        out = "logits" if i == 2 else f"dense{i}"
        nodes.append(helper.make_node("Gemm", [at, f"w{i}", f"b{i}"], [out], name=f"dense{i}", transB=1))
        if i < 2:
            nodes.append(helper.make_node("Relu", [out], [f"relu{i}"], name=f"relu{i}"))
            at = f"relu{i}"
    write("digits", nodes, (64,), weights)

    cnn = Residual()
    fit(cnn, (1, 8, 8), 30)
    weights = {
        "stem_w": array(cnn.stem.weight),
        "stem_b": array(cnn.stem.bias),
        "block_w": array(cnn.block.weight),
        "gamma": array(cnn.norm.weight),
        "beta": array(cnn.norm.bias),
        "mean": array(cnn.norm.running_mean),
        "var": array(cnn.norm.running_var),
        "head_w": array(cnn.head.weight),
        "head_b": array(cnn.head.bias),
    }
    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["x", "stem_w", "stem_b"], ["stem"], name="stem", **conv),
        helper.make_node("Relu", ["stem"], ["stem_relu"], name="stem_relu"),
        helper.make_node("MaxPool", ["stem_relu"], ["pooled"], name="pool", **pool),
        helper.make_node("Conv", ["pooled", "block_w"], ["block"], name="block", **conv),
        helper.make_node(
            "BatchNormalization", ["block", "gamma", "beta", "mean", "var"], ["normed"], name="norm", epsilon=1e-5
        ),
        helper.make_node("Relu", ["normed"], ["block_relu"], name="block_relu"),
        helper.make_node("Add", ["pooled", "block_relu"], ["sum"], name="residual"),
        helper.make_node("AveragePool", ["sum"], ["averaged"], name="average", **pool),
        helper.make_node("Flatten", ["averaged"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "head_w", "head_b"], ["logits"], name="head", transB=1),
    ]
    write("digits_cnn", nodes, (1, 8, 8), weights)
    _, _, xt, yt = data()
    np.savez_compressed(OUT / "digits.npz", X=xt[:100], y=yt[:100])


if __name__ == "__main__":
    main()
