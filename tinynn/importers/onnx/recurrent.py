"""RNN, LSTM and GRU of ONNX graphs, whose states begin as zeros."""

from __future__ import annotations

from typing import Any, Sequence

from ...checks.words import listed
from ...errors import FormatError
from ...lesson.gru import GRU
from ...lesson.lstm import LSTM
from ...lesson.matrix import Matrix, Vector, transpose
from ...lesson.rnn import RNN
from .. import assembly
from ..recurrent import recurrent
from .chain import Chain
from .model import OnnxNode, OnnxTensor

KINDS = {"RNN": (RNN, "h"), "LSTM": (LSTM, "iofg"), "GRU": (GRU, "zrn")}  # and ONNX's gates
_ACTIVATIONS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


def rows_of_constant(node: OnnxNode, tensor: OnnxTensor, shape: Sequence[int]) -> Matrix:
    """Return a constant as a matrix, if it has this shape; a first side of 1 may be left out."""
    wanted = tuple(shape)
    if tensor.shape not in (wanted, (1, *wanted)) or 0 in wanted:
        raise FormatError(
            f"{node.place} needs a constant of shape {(1, *wanted)}, got {tensor.shape}"
        )
    width = wanted[-1]
    return assembly.matrix(
        node.place, [tensor.values[i : i + width] for i in range(0, len(tensor.values), width)]
    )


def recurrent_layer(node: OnnxNode, chain: Chain, steps: str) -> Any:
    """Return the layer of an RNN, LSTM or GRU whose state begins as zeros."""
    name = node.operator
    kind, order = KINDS[name]
    known = {
        "activations", "hidden_size", "direction", "layout", "linear_before_reset", "clip",
        "input_forget", "output_sequence",
    }  # fmt: skip
    unknown = set(node.attributes) - known
    if unknown:
        raise assembly.refusal(node.place, f"{name} with {listed(sorted(unknown))}")
    wanted = {"direction": "forward", "clip": 0.0, "input_forget": 0}
    assembly.check_settings(node.place, name, node.attributes, wanted)
    options: dict[str, Any] = {"steps": steps}
    activations = [str(a).capitalize() for a in node.attributes.get("activations", [])]
    activations = activations or _ACTIVATIONS[name]
    if kind is RNN and activations == ["Relu"]:
        options["activation"] = "relu"
    elif activations != _ACTIVATIONS[name]:
        raise assembly.refusal(node.place, f"{name} with the activations {listed(activations)}")
    if len(node.inputs) > 7 and node.inputs[7]:
        raise assembly.refusal(node.place, f"{name} with peepholes")
    if kind is GRU:
        options["reset_after"] = bool(node.attributes.get("linear_before_reset", 0))
    W, U, b = (chain.constant(node, i) for i in (1, 2, 3))
    if W is None or U is None or len(W.shape) != 3 or len(U.shape) != 3:
        raise FormatError(f"{node.place}: {name} needs its weights as constants of three sides")
    gates = len(order)
    units = U.shape[2]
    biases: list[Vector] = []
    if b is not None:
        (both,) = rows_of_constant(node, b, (2 * gates * units,))[:1] or [[]]
        biases = [both[: gates * units], both[gates * units :]]
    chain.weight_rows += W.shape[2] + units
    assembly.check_rows(chain.name, chain.weight_rows)
    matrices = (
        transpose(rows_of_constant(node, W, (gates * units, W.shape[2]))),
        transpose(rows_of_constant(node, U, (gates * units, units))),
    )
    return recurrent(node.place, kind, *matrices, biases, order, **options)
