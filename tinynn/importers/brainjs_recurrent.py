"""brain.js's recurrent networks: the JSON of `brain.recurrent`'s RNN, LSTM, GRU and …TimeStep.

Source: brain.js 2.0.0-beta.24 and 1.6.1, recurrent/: bindEquation and getEquation of each kind.
"""

from __future__ import annotations

from typing import Any, Mapping

from ..checks.words import excerpt
from ..errors import FormatError
from ..lesson.activation_layers import Softmax
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.lstm import LSTM
from ..lesson.matrix import Matrix, transpose
from ..lesson.recurrent import Recurrent
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding
from ..training.model_files import LAYERS_LIMIT
from . import assembly
from .imported import Imported
from .recurrent import recurrent

TIME_STEP = "TimeStep"
# For each kind: tinynn's layer, its settings, and the names of the matrices and biases of each gate
# (by the input, by the state before, the bias), in tinynn's order of gates.
_GATES: dict[str, tuple[type[Recurrent], dict[str, Any], list[tuple[str, str, str]]]] = {
    "RNN": (RNN, {"activation": "relu"}, [("weight", "transition", "bias")]),
    "LSTM": (
        LSTM,
        {"cell": False},
        [
            (f"{gate}Matrix", f"{gate}Hidden", f"{gate}Bias")
            for gate in ("input", "forget", "cellActivation", "output")
        ],
    ),
    "GRU": (
        GRU,
        {"reset_after": False},
        [
            (f"{gate}InputMatrix", f"{gate}HiddenMatrix", f"{gate}Bias")
            for gate in ("resetGate", "updateGate", "cellWrite")
        ],
    ),
}
KINDS = (*_GATES, *(kind + TIME_STEP for kind in _GATES))


def kind_of(document: object) -> str | None:
    """Return the kind of a recurrent network's JSON, None for another's.

    Old versions of brain.js leave the type out: then the names of the matrices tell.
    """
    if not isinstance(document, Mapping):
        return None
    kind, hidden = document.get("type"), document.get("hiddenLayers")
    if kind is not None or "outputConnector" not in document:
        return kind if kind in KINDS else None
    first = hidden[0] if isinstance(hidden, list) and hidden else None
    for name, (_, _, gates) in _GATES.items():
        if isinstance(first, Mapping) and gates[0][0] in first:
            return name if "input" in document else name + TIME_STEP
    return None


def read(document: Mapping[str, Any], kind: str, where: str) -> Imported:
    """Return the network in a recurrent network's JSON.

    A network of text begins with an `Embedding`, whose kind 0 begins and ends a text, and ends with
    `Softmax`: the probabilities of the next. A network of time steps gives a row for each.
    Raises FormatError, naming the matrix, for anything else.
    """
    of_text = not kind.endswith(TIME_STEP)
    hidden = document.get("hiddenLayers")
    if not isinstance(hidden, list) or not 0 < len(hidden) <= LAYERS_LIMIT:
        raise FormatError(f'{where} needs "hiddenLayers" to be a list of layers')
    layers: list[Layer] = []
    if of_text:
        W = _matrix(document, "input", where)
        layers.append(assembly.built(where, lambda: Embedding(len(W), len(W[0]), weights=W)))
    for i, part in enumerate(hidden):
        layers.append(_layer(part, kind[: None if of_text else -len(TIME_STEP)], where, i))
    W, b = (_matrix(document, name, where) for name in ("outputConnector", "output"))
    layers.append(assembly.dense(where, W, _column(b, f"{where}, output"), transposed=True))
    if of_text:
        names = _characters(document, len(W), where)
        return Imported(assembly.assembled(where, [*layers, Softmax()]), names)
    network = assembly.assembled(where, layers)
    inputs, outputs = (
        _names(document, name, width, where)
        for name, width in (("inputLookup", network.inputs), ("outputLookup", network.outputs))
    )
    return Imported(network, None, inputs, outputs)


def _layer(part: Any, kind: str, where: str, i: int) -> Recurrent:
    place = f"{where}, hidden layer {i}"
    layer, options, gates = _GATES[kind]
    names = {name for gate in gates for name in gate}
    if not isinstance(part, Mapping) or set(part) != names:
        got = excerpt(sorted(map(str, part))) if isinstance(part, Mapping) else type(part).__name__
        raise FormatError(f"{place} needs the matrices {sorted(names)}, got {got}")
    found = [[_matrix(part, name, place) for name in gate] for gate in gates]
    rows = [[row for gate in found for row in gate[k]] for k in range(3)]  # those of all gates
    W, U = (_transposed(place, matrix) for matrix in rows[:2])
    return recurrent(place, layer, W, U, [_column(rows[2], place)], **options)


def _transposed(place: str, rows: Matrix) -> Matrix:
    return assembly.built(place, lambda: transpose(rows))


def _matrix(holder: Mapping[str, Any], name: str, where: str) -> Matrix:
    """Return one of brain.js's matrices: its numbers of rows and columns, and weights by rows.

    Raises FormatError unless there is a number for each.
    """
    place = f"{where}, {name}"
    entry: Any = holder.get(name)
    if not isinstance(entry, Mapping):
        raise FormatError(f'{place} needs "rows", "columns" and "weights"')
    sizes: list[Any] = [entry.get("rows"), entry.get("columns")]
    if any(type(size) is not int or size < 1 for size in sizes):
        raise FormatError(f"{place} needs whole numbers of rows and columns, got {excerpt(sizes)}")
    (rows, columns), weights = sizes, entry.get("weights")
    if isinstance(weights, Mapping):  # a Float32Array, as JSON.stringify writes it
        weights = [weights.get(str(i)) for i in range(len(weights))]
    if not isinstance(weights, list) or len(weights) != rows * columns:
        got = len(weights) if isinstance(weights, list) else type(weights).__name__
        raise FormatError(f"{place} needs {rows} × {columns} weights, got {got}")
    numbers = assembly.vector(place, weights)
    return [numbers[k : k + columns] for k in range(0, len(numbers), columns)]


def _column(rows: Matrix, place: str) -> list[float]:
    if any(len(row) != 1 for row in rows):
        raise FormatError(f"{place} needs biases of one column, got {len(rows[0])}")
    return [row[0] for row in rows]


def _characters(document: Mapping[str, Any], kinds: int, where: str) -> tuple[object, ...] | None:
    """Return what each kind stands for: None for the beginning and end, then characters."""
    options = document.get("options")
    table = options.get("dataFormatter") if isinstance(options, Mapping) else None
    characters = table.get("characters") if isinstance(table, Mapping) else None
    if not characters:
        return None
    if not isinstance(characters, list) or len(characters) != kinds - 1:
        raise FormatError(
            f"{where} needs {kinds - 1} characters, one for each kind but the first, "
            f"got {excerpt(characters)}"
        )
    return (None, *characters)


def _names(
    document: Mapping[str, Any], name: str, width: int | None, where: str
) -> tuple[str, ...] | None:
    """Return the names of columns, if there is one for each.

    brain.js also keeps the names of an object's numbers that are steps, not columns.
    """
    table = document.get(name)
    if not isinstance(table, Mapping) or any(type(k) is not int for k in table.values()):
        return None
    names = sorted(table, key=lambda key: int(table[key]))
    fits = [table[key] for key in names] == list(range(width or 0))
    return tuple(map(str, names)) if fits else None
