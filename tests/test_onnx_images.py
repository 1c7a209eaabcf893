"""ONNX's operators on images, read: our own files, ONNX's node tests, PyTorch's files."""

from __future__ import annotations

import logging
import warnings
from importlib import import_module

import pytest
from hypothesis import given, settings, strategies as st
from random_networks import random_image_network
from test_onnx import THERE_IS, model as file_of, node, refused, tensor, value

import tinynn as nn
from tinynn.export import to_onnx
from tinynn.importers import from_onnx
from tinynn.importers.onnx import loads


def close(wanted, got, tolerance):
    assert len(wanted) == len(got)
    for t, y in zip(wanted, got):
        assert y == pytest.approx(t, rel=tolerance, abs=tolerance)


@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=True))
def test_what_was_written_is_read_again(tmp_path_factory, rng):
    model = random_image_network(rng)
    path = tmp_path_factory.getbasetemp() / "model.onnx"
    to_onnx(model, path, "float64")
    rows = [[rng.gauss(0, 1) for _ in range(model.inputs)] for _ in range(2)]
    close(model.predict(rows), from_onnx(path).network.predict(rows), 1e-9)


# ONNX's own tests that are refused, with the reason.
REFUSED = {
    "3d": "other than images", "dilations": "with dilations", "uint8": "of another type",
    "argmax": "needs outputs that are one", "causal_conv_with_state": "needs outputs that are one",
}  # fmt: skip


def node_cases():
    """Return the cases of five operators; importing their modules makes them."""
    package = "onnx.backend.test.case.node"
    cases = pytest.importorskip(package)
    for name in ("conv", "maxpool", "averagepool", "globalaveragepool", "globalmaxpool"):
        import_module(f"{package}.{name}")
    operators = {"Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
    found = [case for case in cases._NodeTestCases if case.model]
    return [c for c in found if operators & {n.op_type for n in c.model.graph.node}]


@pytest.mark.slow
def test_onnxs_node_tests():
    """All of them, with further inputs as constants; the sums of some are printed to 4 digits."""
    onnx, numpy = pytest.importorskip("onnx"), pytest.importorskip("numpy")
    right = 0
    for case in node_cases():
        inputs, outputs = case.data_sets[0]
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        names = [given.name for given in model.graph.input]
        for name, array in list(zip(names, inputs))[1:]:
            constant = onnx.numpy_helper.from_array(numpy.asarray(array), name)
            model.graph.initializer.append(constant)
        del model.graph.input[1:]
        try:
            network = loads(model.SerializeToString(), case.name).network
        except nn.FormatError as error:
            reasons = [why for word, why in REFUSED.items() if word in case.name]
            assert any(why in str(error) for why in reasons), f"{case.name}: {error}"
            continue
        rows = len(inputs[0])
        got = network.predict(numpy.asarray(inputs[0], float).reshape(rows, -1).tolist())
        close(numpy.asarray(outputs[0], float).reshape(rows, -1).tolist(), got, 1e-4)
        right += 1
    assert right > 30


def pytorchs(torch):
    M, F = torch.nn, torch.nn.functional

    class Mobile(M.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm = M.Conv2d(2, 6, 3, padding="same"), M.BatchNorm2d(6)
            self.depth, self.mix = M.Conv2d(6, 6, 3, stride=2, groups=6), M.Conv2d(6, 8, 1)
            self.last = M.Linear(8, 3)

        def forward(self, x):
            x = F.max_pool2d(F.silu(self.norm(self.first(x))), 2)
            x = F.hardswish(self.mix(F.gelu(self.depth(x))))
            return F.log_softmax(self.last(x.mean([2, 3])), 1)

    class Plain(M.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = M.Conv2d(2, 4, 3, stride=2, padding=1), M.Linear(80, 3)

        def forward(self, x):
            x = F.avg_pool2d(torch.relu(self.first(x)), 3, 1, 1, count_include_pad=False)
            return self.last(torch.clamp(x, 0, 6).view(x.size(0), -1))

    class Signal(M.Module):
        def __init__(self):
            super().__init__()
            self.first, self.slope = M.Conv1d(2, 4, 3, padding=2, dilation=2), M.PReLU()

        def forward(self, x):
            return F.adaptive_avg_pool1d(self.slope(self.first(x)), 1).squeeze(-1)

    return [(Mobile, (2, 10, 8)), (Plain, (2, 10, 8)), (Signal, (2, 12))]


@pytest.mark.slow
@pytest.mark.parametrize("k", range(3))
def test_pytorchs_files_are_read(tmp_path, k):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    kind, shape = pytorchs(torch)[k]
    torch.manual_seed(1)
    module, path = kind().eval(), str(tmp_path / "m.onnx")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.randn(1, *shape),), path, dynamo=False, verbose=False,
            input_names=["x"], dynamic_axes={"x": {0: "rows"}},
        )  # fmt: skip
    X = torch.randn(3, *shape)
    rows = X.reshape(3, -1).tolist()
    close(module(X).reshape(3, -1).tolist(), from_onnx(path).network.predict(rows), 1e-5)


IMAGE = value("x", "n", 1, 4, 4)
KERNEL = tensor("W", [1.0] * 4, 1, 1, 2, 2)
EXACT = f"cannot be imported exactly. {THERE_IS}"


def one(operator, *inputs, **attributes):
    return [node(operator, "x", *inputs, **attributes)]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (file_of(one("Conv", "W"), [KERNEL]),
         f"it, node 'n': Conv of other than images of a known size, one or two sides, {EXACT}"),
        (file_of(one("Conv", "W"), [KERNEL], value("x", "n", 1, "h", 4)),
         f"it, node 'n': Conv of other than images of a known size, one or two sides, {EXACT}"),
        (file_of(one("MaxPool", kernel_shape=[2, 2, 2]), (), value("x", "n", 1, 4, 4, 4)),
         f"it, node 'n': MaxPool of other than images of a known size, one or two sides, {EXACT}"),
        (file_of(one("Conv", "W"), [tensor("W", [1.0] * 2, 1, 1, 2)], IMAGE),
         f"it, node 'n': Conv of (1, 4, 4) by weights of shape [1, 1, 2] {EXACT}"),
        (file_of(one("Conv", "W", strides=[1, 0]), [KERNEL], IMAGE),
         "it, node 'n' needs strides to be 2 whole numbers, got [1, 0]"),
        (file_of(one("Conv", "W", kernel_shape=[3, 3]), [KERNEL], IMAGE),
         "it, node 'n': its kernel_shape is not that of its weights, [2, 2]"),
        (file_of(one("Conv", "W", group=0), [KERNEL], IMAGE),
         "it, node 'n' needs group to be a whole number, got 0"),
        (file_of(one("Conv", "W", auto_pad="SAME"), [KERNEL], IMAGE),
         f"it, node 'n': Conv with auto_pad='SAME' {EXACT}"),
        (file_of(one("Conv", "W"), [KERNEL], value("x", "n", 3, 4, 4)),
         "it, node 'n': it needs images of 1 channel, got (3, 4, 4)"),
        (file_of(one("Conv", "W"), [KERNEL], value("x", "n", 1, 1, 1)),
         "it, node 'n': Conv2D needs images at least as large as its windows, 2 x 2 pixels, got "
         "1 x 1"),
        (file_of(one("MaxPool"), (), IMAGE), "it, node 'n': MaxPool needs a kernel_shape"),
        (file_of(one("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]), (), IMAGE),
         f"it, node 'n': MaxPool with dilations=[2, 2] {EXACT}"),
        (file_of(one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                     ceil_mode=1, count_include_pad=1), (), IMAGE),
         f"it, node 'n': AveragePool with ceil_mode and counted padding {EXACT}"),
        (file_of(one("ReduceMean", axes=[1]), (), IMAGE),
         f"it, node 'n': ReduceMean of images over the axes [1] {EXACT}"),
        (file_of(one("Softmax", axis=1), (), IMAGE),
         f"it, node 'n': Softmax with axis=1 {EXACT}"),
        (file_of(one("MaxPool", kernel_shape=[2**40, 2**40], pads=[2**40 - 1] * 4), (), IMAGE),
         "it, node 'n': MaxPool2D needs at most 4,194,304 pixels in the windows over one channel, "
         f"got {(2**40 + 3) ** 2 * 2**80:,}; choose a larger stride or smaller kernel"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(data, wanted):
    assert refused(data) == wanted
