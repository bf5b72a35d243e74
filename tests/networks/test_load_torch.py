"""The torch loader against torch itself, in evaluation mode, on random inputs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from certify.errors import BadInput, UnsupportedModel  # noqa: E402
from certify.networks import Affine, load  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def agrees(module, shape, given=True):
    """Load, compare with the module on a batch, return the network."""
    net = load(module, input_shape=shape) if given else load(module)
    kind = next((p.dtype for p in module.parameters()), torch.float32)
    x = torch.randn(4, *shape, generator=torch.Generator().manual_seed(1)).to(kind)
    training = module.training
    with torch.no_grad():
        want = module.eval()(x).reshape(4, -1).double().numpy()
    module.train(training)
    atol = 1e-5 * (1 + np.abs(want).max()) * (1e3 if kind in (torch.bfloat16, torch.float16) else 1)
    np.testing.assert_allclose(net(x.double().numpy()), want, atol=atol, rtol=1e-4)
    assert net.input_shape == tuple(shape)
    return net


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Residual(nn.Module):
    """A small residual network with batch normalisation and max-pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Conv2d(4, 4, 3, padding="same", bias=False)
        self.inner_norm = nn.BatchNorm2d(4, affine=False)
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.drop = nn.Dropout()
        self.head = nn.Linear(4 * 16, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.inner_norm(self.inner(x)))
        return self.head(self.drop(self.pool(x)).flatten(1))


@pytest.fixture(scope="module")
def residual():
    torch.manual_seed(0)
    module = Residual()
    for _ in range(3):
        module(torch.randn(8, 1, 8, 8))  # gives the batch normalisations statistics of their own
    return module


def test_a_residual_network_with_batch_normalisation_and_max_pooling(residual):
    assert residual.training
    net = agrees(residual, (1, 8, 8))
    assert residual.training and residual.norm.training  # its mode is left as it was
    assert {"stem", "norm", "inner", "head"} <= set(net.names)
    assert any("BatchNormalization x2" in line for line in net.notes)


def test_parameters_are_taken_bit_by_bit(residual):
    net = load(residual, input_shape=(1, 8, 8))
    stored = [t.map.tensors()[0] for n in net.nodes if isinstance(n, Affine) for t in n.terms if t.map.tensors()]
    for wanted in (residual.stem.weight, residual.inner.weight, residual.head.weight):
        bits = wanted.detach().numpy()
        assert any(s.dtype == bits.dtype and s.tobytes() == bits.tobytes() for s in stored)


def test_a_leading_linear_knows_its_own_shape():
    net = agrees(nn.Sequential(nn.Dropout(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), (6,), given=False)
    assert len(net.nodes) == 4


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_other_float_types(kind):
    net = agrees(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).to(kind), (5,))
    expected = {torch.float64: "float64", torch.bfloat16: "float32", torch.float16: "float16"}[kind]
    assert f"in {expected}" in " ".join(net.notes)


MODULES = {
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), (4, 9)),
    "conv3d": (nn.Conv3d(2, 3, 2), (2, 4, 3, 3)),
    "linear over a sequence": (nn.Linear(4, 3), (5, 4)),
    "leaky": (nn.LeakyReLU(0.2), (3, 4)),
    "prelu per channel": (nn.PReLU(3, init=0.3), (3, 4)),
    "prelu": (nn.PReLU(), (3, 4)),
    "relu6": (nn.ReLU6(), (4,)),
    "hardtanh": (nn.Hardtanh(-0.5, 0.25), (4,)),
    "average pooling": (nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), (2, 6, 6)),
    "average pooling without padding in the count": (nn.AvgPool1d(2, padding=1, count_include_pad=False), (2, 6)),
    "max-pooling with ceil mode": (nn.MaxPool2d(2, 2, ceil_mode=True), (2, 5, 5)),
    "adaptive pooling": (nn.Sequential(nn.AdaptiveAvgPool2d((2, 3)), nn.AdaptiveMaxPool2d(1)), (2, 4, 6)),
    "batch norm 1d": (nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)), (4,)),
    "flatten and unflatten": (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, -1))), (3, 4)),
    "zero padding": (nn.Sequential(nn.ZeroPad2d((1, 2, 0, 1)), nn.ConstantPad2d(1, 0.5)), (1, 2, 3)),
}
FUNCTIONS = {
    "arithmetic": (lambda x: 2 * x - x / 3 + (1 - x) * 0.5 - (-x), (4,)),
    "scaled sums": (lambda x: torch.add(x, x[:, :1], alpha=3) - torch.sub(x, 1.5, alpha=2), (4,)),
    "extremes": (lambda x: torch.maximum(x, -x) + torch.minimum(x, x * 2), (4,)),
    "reductions": (lambda x: x.mean((1, 2))[:, None] + x.sum(2) + x.amax((1, 2), True)[:, 0], (3, 4)),
    "maximum along an axis": (lambda x: x.max(dim=1).values - x.min(dim=1)[0], (3, 4)),
    "clamps": (lambda x: x.clamp(min=-0.3) + x.clamp(max=0.2) + torch.abs(x).clamp(0.1, 0.5), (4,)),
    "parts": (lambda x: torch.cat([x[:, 1:, ::2], x[:, :2, -2:], x[:, 0:1, :2]], 1), (3, 4)),
    "splits": (lambda x: sum(x.split(1, 1)) + x.chunk(3, 1)[1] + torch.stack(x.unbind(1), 1)[:, :1], (3, 4)),
    "views": (lambda x: x.transpose(1, 2).reshape(x.shape[0], -1).view(-1, 2, 6).permute(0, 2, 1).squeeze(), (3, 4)),
    "expansion": (lambda x: x.unsqueeze(1).expand(-1, 2, -1).repeat(1, 1, 2), (4,)),
    "a matrix in the forward": (lambda x: x @ torch.arange(8.0).reshape(4, 2) + torch.ones(2), (3, 4)),
    "types": (lambda x: F.relu(x.double()).float().contiguous().clone(), (4,)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_a_module_agrees_with_torch(name):
    torch.manual_seed(0)
    module, shape = MODULES[name]
    agrees(module, shape)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_agrees_with_torch(name):
    function, shape = FUNCTIONS[name]
    agrees(Call(function), shape)


def test_a_python_number_is_the_float64_it_is():
    net = load(nn.LeakyReLU(0.1), input_shape=(1,))
    (skip, _) = net.nodes[net.output].terms
    assert (skip.num, skip.den) == (0.1).as_integer_ratio()


def test_the_shape_is_asked_for_when_it_cannot_be_known():
    with pytest.raises(BadInput, match="Residual: pass input_shape"):
        load(Residual())
    with pytest.raises(BadInput, match="expected positive integers"):
        load(Residual(), input_shape=(1, -8, 8))


def test_a_shape_that_does_not_fit_is_one_clear_line():
    with pytest.raises(UnsupportedModel, match=r"torch.export failed for input shape \(1, 3\)") as caught:
        load(nn.Linear(4, 2), input_shape=(3,))
    assert "\n" not in str(caught.value)


def test_an_unsupported_operation_is_named():
    with pytest.raises(UnsupportedModel, match=r"node '1' \(aten.gelu.default\): this operation is not supported"):
        load(nn.Sequential(nn.Linear(3, 3), nn.GELU()))
    with pytest.raises(UnsupportedModel, match=r"node 'mul' \(aten.mul.Tensor\): a product of two values"):
        load(Call(lambda x: x * x), input_shape=(3,))


def test_a_weight_that_is_not_finite_is_named():
    module = nn.Sequential(nn.Linear(3, 3))
    with torch.no_grad():
        module[0].weight[0, 0] = float("nan")
    with pytest.raises(BadInput, match=r"tensor '0\.weight' holds NaN or infinity"):
        load(module)


def test_a_control_flow_that_depends_on_the_input_is_refused():
    with pytest.raises(UnsupportedModel, match=r"torch\.export failed"):
        load(Call(lambda x: x if x.sum() > 0 else -x), input_shape=(3,))
