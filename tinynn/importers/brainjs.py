"""brain.js: the JSON that `toJSON()` returns in brain.js 2, brain.js 1 and brain.

Recurrent networks are in brainjs_recurrent.py.

Source: brain.js 2.0.0-beta.24 and 1.6.1, neural-network.js: toJSON, fromJSON and runInput.
"""

from __future__ import annotations

import re
from typing import Any, Mapping, Optional, Tuple

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..files import json_text
from ..files.atomic import Path
from ..files.foreign import described
from ..formulas.names import layers_named
from ..lesson.activation_layers import LeakyReLU, ReLU
from ..lesson.layer import Layer
from ..training.model_files import LAYERS_LIMIT
from . import assembly, brainjs_recurrent
from .imported import Imported

_ACTIVATIONS = layers_named("brain.js")
_ALPHA = 0.01  # brain.js's own default
_NUMBER = re.compile("0|[1-9][0-9]{0,8}")
_KINDS = ("NeuralNetwork", "NeuralNetworkGPU")


def from_brainjs(source: Path | Mapping[str, Any]) -> Imported:
    """Return the network in a brain.js JSON file, or in the dictionary that such a file holds.

    Both of brain.js's formats are supported. In the newer (brain.js 2), each layer has "weights"
    and "biases"; in the older (brain.js 1, brain), it has an object for each node, with the node's
    weights by the names of the nodes before it. All layers share one activation, by default
    "sigmoid".

    "leaky-relu" means what the program that wrote the file computes: LeakyReLU in the newer format,
    alpha · max(0, z) in the older. alpha is 0.01 unless the file says otherwise.

    `inputs` and `outputs` of the result name the columns if the network was trained with objects;
    brain.js takes 0 for a name that a row lacks. It rounds the values between layers to 32 bits, so
    its predictions and tinynn's agree to 1e-6.

    Training on gives other numbers than brain.js would, whose optimizers are not the
    textbook's: its momentum moves weights but not biases, and its "adam" moves biases by the means
    that it had before the step.

    So are those of `brain.recurrent`, whose networks read sequences: `RNN`, `LSTM` and `GRU`, and
    the same of time steps. brain.js's RNN has ReLU, its LSTM no cell of its own (`cell=False`), and
    its GRU resets before the product. `run` of time steps returns the row of the last step. A
    network of text gives the probabilities of the next kind: kind 0 begins and ends a text, and
    `classes` has None for it, then the characters.

    Raises FormatError for anything else, and OSError if the file cannot be read.
    """
    if isinstance(source, Mapping):
        return _read(source, "the network")
    with open(source, "rb") as file:
        data = file.read()
    name = str(source)
    try:
        document = json_text.parse(data)
    except RecursionError:
        raise FormatError(f"{name} is not brain.js's JSON: it is nested too deeply") from None
    except ValueError as error:
        message = f"{name} is not brain.js's JSON: {error}"
        raise FormatError(described(data, name) or message) from None
    return _read(document, name)


def _read(document: Any, where: str) -> Imported:
    recurrent = brainjs_recurrent.kind_of(document)
    if recurrent:
        return brainjs_recurrent.read(document, recurrent, where)
    _refuse_other_kinds(document, where)
    layers = document.get("layers") if isinstance(document, Mapping) else None
    if not isinstance(layers, list) or len(layers) < 2:
        raise FormatError(f'{where} needs "layers", a list of at least two')
    if len(layers) > LAYERS_LIMIT:
        raise FormatError(f"{where} needs at most {LAYERS_LIMIT:,} layers, got {len(layers):,}")
    newer = isinstance(layers[-1], Mapping) and isinstance(layers[-1].get("biases"), list)
    if newer:
        parts = [_newer(layer, f"{where}, layer {i}") for i, layer in enumerate(layers) if i]
        tables = [_lookup(document, name, where) for name in ("inputLookup", "outputLookup")]
    else:
        parts, tables = _older(layers, where)
        for i, name in enumerate(("inputLookup", "outputLookup")):
            # Without a lookup table, nodes called 0, 1, … are positions, not names.
            names = tables[i] or ()
            if not document.get(name) and names == tuple(map(str, range(len(names)))):
                tables[i] = None
    widths = [weights[0] for weights, _ in parts if isinstance(weights, list) and weights]
    assembly.check_rows(where, sum(len(row) for row in widths if isinstance(row, list)))
    activation, alpha = _activation(document)
    network: list[Layer] = []
    for i, (weights, biases) in enumerate(parts):
        place = f"{where}, layer {i + 1}"
        W, b = assembly.matrix(place, weights), assembly.vector(place, biases)
        last: Layer
        if activation not in _ACTIVATIONS:
            raise assembly.refusal(where, f"the activation {excerpt(activation)}")
        if _ACTIVATIONS[activation] is not LeakyReLU:
            last = _ACTIVATIONS[activation]()
        elif newer:
            last = assembly.simple(place, LeakyReLU, negative_slope=alpha)
        else:  # α max(0, z) = max(0, α z)
            W, b, last = [[alpha * w for w in row] for row in W], [alpha * x for x in b], ReLU()
        network += [assembly.dense(place, W, b, transposed=True), last]
    result = Imported(assembly.assembled(where, network), None, *tables)
    _check_sizes(document, result, where)
    return result


def _refuse_other_kinds(document: Any, where: str) -> None:
    """Raise FormatError, by their names, for brain.js's networks that are not feed-forward."""
    if not isinstance(document, Mapping):
        return
    kind = document.get("type")
    if kind == "Recurrent":
        raise assembly.refusal(where, "a brain.js network of type 'Recurrent'")
    if kind is None and ("hiddenLayers" in document or "outputConnector" in document):
        raise assembly.refusal(where, "a recurrent brain.js network of an unknown type")
    if kind == "CrossValidate" or ("sets" in document and "avgs" in document):
        what, mend = "brain.js's CrossValidate", "write one of its sets' networks"
        raise assembly.refusal(where, what, mend)
    if kind is not None and kind not in _KINDS:
        raise assembly.refusal(where, f"a brain.js network of type {excerpt(kind)}")


def _check_sizes(document: Mapping[str, Any], result: Imported, where: str) -> None:
    widths = [result.network.inputs, *(layer.outputs for layer in result.network.layers[::2])]  # type: ignore[attr-defined]
    sizes = document.get("sizes")
    if sizes is not None and sizes != widths:
        raise FormatError(
            f"{where} says its sizes are {excerpt(sizes)}, and its layers have {excerpt(widths)}"
        )
    for names, width in ((result.inputs, widths[0]), (result.outputs, widths[-1])):
        if names is not None and len(names) != width:
            raise FormatError(f"{where} has {len(names)} names for {width} columns")


def _activation(document: Mapping[str, Any]) -> tuple[str, float]:
    """Return the name of the activation and the alpha of leaky-relu."""
    options = [document.get("trainOpts"), document.get("options"), document]
    found: dict[str, Any] = {"activation": "sigmoid", "leakyReluAlpha": _ALPHA}
    for name in found:
        for table in options:
            if isinstance(table, Mapping) and name in table:
                found[name] = table[name]
                break
    alpha = assembly.real("leaky-relu", "alpha", found["leakyReluAlpha"], least=0)
    return str(found["activation"]), alpha


def _newer(layer: Any, place: str) -> tuple[object, object]:
    if not isinstance(layer, Mapping) or "weights" not in layer or "biases" not in layer:
        raise FormatError(f'{place} needs "weights" and "biases"')
    return layer["weights"], layer["biases"]


def _lookup(document: Mapping[str, Any], name: str, where: str) -> tuple[str, ...] | None:
    """Return the columns' names in order, from a table of names and indices."""
    table = document.get(name)
    if not table:
        return None
    if not isinstance(table, Mapping) or any(type(v) is not int for v in table.values()):
        raise FormatError(f"{where} needs {name} to be a table of names and columns")
    names = sorted(table, key=lambda key: int(table[key]))
    if [table[key] for key in names] != list(range(len(names))):
        raise FormatError(
            f"{where} needs a name for each column in {name}, got {excerpt(dict(table))}"
        )
    return tuple(map(str, names))


_Part = Tuple[object, object]
_Names = Optional[Tuple[str, ...]]


def _older(layers: list[Any], where: str) -> tuple[list[_Part], list[_Names]]:
    """Return weights and biases of all layers but the first, and the input and output names."""
    nodes = [_named(layer, f"{where}, layer {i}") for i, layer in enumerate(layers)]
    parts: list[_Part] = []
    for i in range(1, len(nodes)):
        weights, biases = [], []
        for key, node in nodes[i].items():
            place = f"{where}, layer {i}, node {excerpt(key)}"
            if not isinstance(node, Mapping) or "bias" not in node or "weights" not in node:
                raise FormatError(f'{place} needs "bias" and "weights"')
            by_name = _named(node["weights"], place)
            if set(by_name) != set(nodes[i - 1]):
                raise FormatError(
                    f"{place} needs weights for the nodes {listed(list(nodes[i - 1]))}, "
                    f"got {listed(list(by_name)) or 'none'}"
                )
            weights.append([by_name[name] for name in nodes[i - 1]])
            biases.append(node["bias"])
        parts.append((weights, biases))
    return parts, [tuple(nodes[0]), tuple(nodes[-1])]


def _named(table: Any, place: str) -> dict[str, Any]:
    """Return an object of nodes, or a list as the object it is in JavaScript."""
    if isinstance(table, list):
        return {str(i): item for i, item in enumerate(table)}
    if not isinstance(table, Mapping) or not table or set(map(type, table)) != {str}:
        raise FormatError(f"{place} needs to be an object of nodes, got {type(table).__name__}")
    # JavaScript puts whole numbers first, in order, then the other keys as they were added.
    keys = sorted(table, key=lambda key: (0, int(key)) if _NUMBER.fullmatch(key) else (1, 0))
    return {key: table[key] for key in keys}
