"""Keras's layers of sequences, read as keras.py reads the others."""

from __future__ import annotations

from math import sqrt
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence

from ..formulas.names import layers_named
from ..lesson.gru import GRU
from ..lesson.images import Flatten, Reshape
from ..lesson.layer import Layer
from ..lesson.lstm import LSTM
from ..lesson.matrix import Vector
from ..lesson.recurrent import Recurrent
from ..lesson.rms_norm import RMSNorm
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding
from ..lesson.step_summaries import MaxSteps, MeanSteps
from . import assembly
from .images import OnImages, Part, Sum
from .keras_images import READERS as IMAGE_READERS
from .recurrent import recurrent
from .sequence_tensors import Tensor

Config = Mapping[str, Any]
Weights = List[Any]
Reader = Callable[[str, Config, Weights], List[Any]]  # of layers

_NAMES = {kind: name for name, kind in layers_named("Keras layer").items()}
_ORDER = {RNN: "h", LSTM: "ifgo", GRU: "zrn"}  # of gates in Keras
# What Keras's recurrent layers can do beyond going through a sequence from zeros.
_PLAIN = {"go_backwards": False, "stateful": False, "return_state": False, "time_major": False}


def _recurrent(kind: type[Recurrent]) -> Reader:
    def read(place: str, config: Config, weights: Weights) -> list[Layer]:
        what = f"{'an' if kind is LSTM else 'a'} {_NAMES[kind]}"
        assembly.check_settings(place, what, config, _PLAIN)
        options: dict[str, Any] = {"steps": "all" if config["return_sequences"] else "last"}
        if kind is RNN and config["activation"] in ("tanh", "relu"):
            options["activation"] = config["activation"]
        else:
            wanted = {"activation": "tanh", "recurrent_activation": "sigmoid"}
            assembly.check_settings(place, what, config, wanted)
        W, U = (assembly.matrix(place, array) for array in weights[:2])
        biases: list[Vector] = []
        if config["use_bias"]:
            both = isinstance(weights[2][0], (list, tuple))  # one for each product
            biases = [assembly.vector(place, b) for b in (weights[2] if both else [weights[2]])]
        if kind is GRU:
            options["reset_after"] = bool(config.get("reset_after", False))
        return [recurrent(place, kind, W, U, biases, _ORDER[kind], **options)]

    return read


def _embedding(place: str, config: Config, weights: Weights) -> list[Layer]:
    wanted = {"mask_zero": False, "quantization_config": None, "lora_rank": None}
    assembly.check_settings(place, "an Embedding", config, wanted)
    W = assembly.matrix(place, weights[0])
    return [assembly.built(place, lambda: Embedding(len(W), len(W[0]), weights=W))]


class OfRows(NamedTuple):
    """What takes axis 1 for the last one, as it is unless there is an axis of steps."""

    what: str


class WholePool(NamedTuple):
    """Global pooling of one side: over the steps of sequences, or over the pixels of images."""

    steps: Layer
    images: Sequence[Layer | OnImages]


def _pooling(kind: type[Layer]) -> Reader:
    def read(place: str, config: Config, weights: Weights) -> list[WholePool]:
        name = _NAMES[kind]
        return [WholePool(kind(), IMAGE_READERS[name](place, config, weights))]

    return read


def reads_steps(parts: Sequence[Part]) -> bool:
    """Return whether a model is one of sequences: for it has a layer that only these have."""
    return any(
        reads_steps(layer.parts)
        if isinstance(layer, Sum)
        else isinstance(layer, Layer) and layer.reads_steps
        for _, layer in parts
    )


def of_rows(parts: Sequence[Part]) -> list[Part]:
    """Return the parts of a model of rows or images."""
    found: list[Part] = []
    for place, part in parts:
        if isinstance(part, Sum):
            part = Sum(of_rows(part.parts))
        inner = part.images if isinstance(part, WholePool) else [part]
        found += [Part(place, each) for each in inner if not isinstance(each, OfRows)]
    return found


def of_sequences(parts: Sequence[Part], shape: Sequence[object]) -> list[Part]:
    """Return the parts of a model of sequences, whose inputs have the shape given.

    Raises FormatError for what would mix steps and columns.
    """
    if len(shape) > 3:
        raise assembly.refusal("the model", f"sequences of the shape {tuple(shape)}")
    return _of_steps(parts, len(shape) == 3)[0]


def _of_steps(parts: Sequence[Part], steps: bool) -> tuple[list[Part], bool]:
    """Return the parts of a model of sequences, and whether there is an axis of steps at the end.

    steps: whether there is one at the beginning
    """
    found: list[Part] = []
    for place, part in parts:
        if isinstance(part, Sum):
            inner, after = _of_steps(part.parts, steps)
            if after != steps:
                raise assembly.refusal(place, "a sum of steps and of all of them in one")
            part = Sum(inner)
        if isinstance(part, WholePool):
            part = part.steps
        if isinstance(part, OnImages):
            raise assembly.refusal(place, "a layer of images in a network of sequences")
        if isinstance(part, Reshape):
            raise assembly.refusal(place, f"a Reshape to {part.shape} in a network of sequences")
        if isinstance(part, (OfRows, Flatten, Embedding)) and steps:
            what = part.what if isinstance(part, OfRows) else type(part).__name__
            raise assembly.refusal(place, f"{what} where axis 1 is that of steps")
        if isinstance(part, OfRows):
            continue
        steps = steps or isinstance(part, Embedding)
        steps = steps and not getattr(part, "one_row", False)
        found.append(Part(place, part))
    return found, steps


def _rms_norm(place: str, config: Config, weights: Weights) -> list[Layer]:
    axis = config.get("axis", -1)
    if axis not in (-1, 2, [-1], [2], (-1,), (2,)):
        raise assembly.refusal(place, f"an RMSNormalization with axis={axis!r}")
    gamma = assembly.vector(place, weights[0])
    return [assembly.rms_norm(place, gamma, config["epsilon"])]


def _attention(place: str, config: Config, weights: Weights) -> list[Layer]:
    """Heads may have fewer columns than their share of the width: the others are zeros here."""
    what = "a MultiHeadAttention"
    wanted = {"output_shape": None, "use_gate": False, "sliding_window": None}
    assembly.check_settings(place, what, config, wanted)
    if config.get("attention_axes") not in (None, 1, [1], (1,)):
        raise assembly.refusal(place, f"{what} with attention_axes={config['attention_axes']!r}")
    heads, columns = config["num_heads"], (config["key_dim"], config["value_dim"] or 0)
    width = len(weights[0])
    d = width // heads
    if width % heads or max(columns) > d:
        raise assembly.refusal(
            place, f"{what} of {width} columns, whose {heads} heads have {max(columns)}",
            "tinynn's heads divide the columns among them",
        )  # fmt: skip
    biased = bool(config["use_bias"])
    W, b = weights[:: 1 + biased], weights[1::2] if biased else [None] * 4
    scale = sqrt(d / columns[0])  # of the scores: by the root of their columns

    def spread(by_head: Any, factor: float) -> Vector:
        """Return a row, with as many columns for each head as tinynn's have."""
        rows = assembly.matrix(place, by_head)
        return [x * factor for row in rows for x in [*row, *[0.0] * (d - len(row))]]

    inner = [([spread(row, f) for row in w], v and spread(v, f))
             for w, v, f in zip(W, b, (scale, 1.0, 1.0))]  # fmt: skip
    output = [
        row for rows in W[3] for row in [*assembly.matrix(place, rows), *[[0.0] * width] * d][:d]
    ]
    matrices, biases = zip(*inner, (output, b[3] and assembly.vector(place, b[3])))
    causal = bool(config.get("use_causal_mask"))
    return [assembly.attention(place, heads, causal, matrices, biases)]


SEQUENCE_READERS: dict[object, Reader] = {
    RNN: _recurrent(RNN),
    LSTM: _recurrent(LSTM),
    GRU: _recurrent(GRU),
    Embedding: _embedding,
    MeanSteps: _pooling(MeanSteps),
    MaxSteps: _pooling(MaxSteps),
    RMSNorm: _rms_norm,
    "MultiHeadAttention": _attention,
}


def arrays_of_gru(
    where: str, layer: GRU, arrays: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """Return Keras's arrays of a GRU, named W, U and b, as W, U, b and c in tinynn's order.

    Raises FormatError for arrays of other shapes.
    """
    n = layer.units
    columns = 3 * n
    wanted: dict[str, tuple[int, ...]] = {"W": (layer.inputs, columns), "U": (n, columns)}
    if layer.has_bias:
        wanted["b"] = (2, columns) if layer.reset_after else (columns,)
    for letter, shape in wanted.items():
        if arrays[prefix + letter][0] != shape:
            raise assembly.misfit(where, f"{letter} of shape {shape}", arrays[prefix + letter][0])
    found: dict[str, Tensor] = {}
    for letter, shape in wanted.items():
        numbers = arrays[prefix + letter][1]
        rows = [numbers[k : k + columns] for k in range(0, len(numbers), columns)]
        rows = [row[n : 2 * n] + row[:n] + row[2 * n :] for row in rows]  # z, r, n in Keras
        if letter == "b" and layer.reset_after:
            of_x, of_h = rows
            rows = [[x + h for x, h in zip(of_x[: 2 * n], of_h)] + of_x[2 * n :]]
            found[f"{prefix}c"] = ((n,), of_h[2 * n :])
        found[prefix + letter] = (
            (columns,) if letter == "b" else shape,
            [x for row in rows for x in row],
        )
    return found
