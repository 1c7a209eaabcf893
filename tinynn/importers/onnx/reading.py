"""ONNX: files with feed-forward graphs, one operator after another, and those of skl2onnx."""

from __future__ import annotations

from typing import Any, Sequence, Union

from ...checks.words import excerpt, listed
from ...errors import FormatError
from ...estimators import Classifier, Regressor
from ...files.atomic import Path
from ...lesson.activation_layers import Linear, Sigmoid, Softmax
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...preprocessing import TableEncoder
from .. import assembly
from ..estimators import encoder_of_numbers, estimator_of
from ..features import Cell, encoded_features
from ..imported import Imported
from .answers import Answers, answers_of
from .chain import Chain
from .columns import Front, front_of, needs_front
from .constants import GraphConstants
from .model import OnnxGraph, OnnxInput, parse
from .patterns import users_of
from .sequences import reads_sequences, sequence_layers
from .steps import layers_of
from .walk import GraphWalk

Read = Union[Imported, Classifier, Regressor]
SQUARE_LIMIT = 1_000_000  # weights of a layer that only puts columns into another order


def from_onnx(path: Path, missing: Sequence[str | float] = (), as_estimator: bool = False) -> Read:
    """Return the network in an ONNX file (operator set 7 or later, weights inside the file).

    A graph with one input, which is a table or is flattened to one, and one output gives an
    `Imported`. These operators are supported:

    - Gemm and MatMul by constants;
    - Add, Sub, Mul, Div, Sum and Neg with constants, one for each column or one for all: they
      become the bias of a Dense layer, or a layer that scales; Max, Min and Clip with constants;
    - tinynn's activations, also spelled out in smaller operators, however they are written;
    - Softmax, LogSoftmax, LayerNormalization and RMSNormalization along the rows, and
      BatchNormalization;
    - Conv, MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool, and ReduceMean of images, of one
      or two sides whose size the file says; rows are images as ONNX flattens them;
    - GroupNormalization; InstanceNormalization, and normalization along the last side, of columns
      that a Reshape has put into groups;
    - Dropout, Identity, Cast between floats, and Flatten, Reshape, Squeeze and Unsqueeze that leave
      rows unchanged;
    - whatever is computed from constants and shapes alone.

    A graph with RNN, LSTM or GRU, with attention, or with a Gather of a table's rows by kinds,
    reads sequences: its first two axes are the batch and the steps in either order. Beside what
    treats each row by itself it may have sums with a row for each step, residual sums, Transpose,
    Squeeze, a Gather of the last step, and ReduceMean and ReduceMax over the steps. States need to
    begin as zeros. Attention is that of MultiHeadAttention, however it is spelled.

    What skl2onnx writes of an MLPClassifier or MLPRegressor, alone or at the end of a pipeline, is
    read as `from_sklearn` reads the pipeline: an `Imported` where columns are only scaled, with the
    labels as `classes` if the file has them (ArgMax and ArrayFeatureExtractor, ZipMap, or Binarizer
    with the threshold ½). A table that needs more than scaling gives a `Classifier` or `Regressor`:
    categories (OneHotEncoder, LabelEncoder), missing cells (Imputer), columns that are chosen or
    put in another order; so does a file with labels alone. The labels are those of the file: 0 and
    1 for False and True. A number as a category is the whole number that it equals; ONNX drops its
    fraction. Missing cells are None, NaN, an empty text and the words in `missing`. skl2onnx puts
    the outputs of an MLPRegressor with several targets into one column; here each has a column, as
    in scikit-learn.

    With `as_estimator=True` any file gives an estimator: a `Classifier` where there are labels,
    else a `Regressor`.

    Raises FormatError, naming the operator and its node, for anything else, and for an incomplete
    file; OSError if the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read()
    return loads(data, str(path), missing, as_estimator)


def loads(
    data: bytes, name: str, missing: Sequence[str | float] = (), as_estimator: bool = False
) -> Read:
    """Return the model in the bytes of an ONNX file, as `from_onnx`; messages call it `name`."""
    graph = parse(data, name)
    users = users_of(graph)
    constants = GraphConstants(graph, users)
    if reads_sequences(graph, constants):
        ends = [output for output in graph.outputs if output not in constants.known]
        if len(ends) != 1 or as_estimator:
            what = "an estimator" if as_estimator else f"the outputs {listed(ends)}"
            raise assembly.refusal(name, f"a graph of sequences as {what}")
        found = sequence_layers(graph, constants, ends[0], name)
        return Imported(assembly.assembled(name, found))
    answers = answers_of(graph, constants, name)
    if needs_front(graph, answers.nodes):
        front = front_of(graph, constants, answers.nodes, answers.end, name)
        source = OnnxInput(front.end, 1, [None, len(front.features)])
    else:
        source = graph.inputs[0]
        front = Front(source.name, [], [], set())
    layers, columns = _layers(graph, constants, source, answers, front, name)
    layers = _with_pair(layers) if answers.pair and answers.labels is None else layers
    yes_or_no = answers.pair or answers.multilabel
    if not (answers.numbers or yes_or_no or (layers and isinstance(layers[-1], Softmax))):
        layers = [*layers, Softmax()]  # the largest stays the largest
    plain = (not front.names or _only_scaled(front)) and answers.numbers
    if as_estimator or not plain:
        return _estimator(layers, columns, front, answers, missing, name)
    first = [_scaling(name, front)] if front.names else []
    names = tuple(front.names) if len(graph.inputs) > 1 else None
    network = assembly.assembled(name, [*first, *layers])
    if answers.labels is None and not answers.multilabel:
        return Imported(network, None, names)
    return Imported(
        network, tuple(_classes(layers, network.outputs or columns, answers, name)), names
    )


def _layers(
    graph: OnnxGraph,
    constants: GraphConstants,
    source: OnnxInput,
    answers: Answers,
    front: Front,
    name: str,
) -> tuple[list[Layer], int | None]:
    """Return the layers from the end of the front to the tensor that the answers are made of.

    And how many columns they take, if that is known.
    """
    walk = GraphWalk(graph, constants, answers.end, name)
    chain = Chain(constants, source, graph.opset, name)
    chain.aside = answers.nodes | front.nodes
    walk.go(chain, source.name, answers.end)
    if answers.nodes and chain.sides is not None and len(chain.sides) != 1:
        node = graph.nodes[min(answers.nodes)]
        raise assembly.refusal(node.place, f"{node.operator} of something other than a table")
    if len(chain.aside) + walk.visited + len(constants.done) != len(graph.nodes):
        _refuse_strays(graph, constants, name)
    return layers_of(chain.steps, chain.inputs, chain.budget), chain.inputs


def _refuse_strays(graph: OnnxGraph, constants: GraphConstants, name: str) -> None:
    """Raise FormatError for nodes that are not on the way from the input to the output."""
    reached = {own.name for own in graph.inputs}
    for i, node in enumerate(graph.nodes):
        if i in constants.done:
            continue
        if not reached & set(node.inputs):
            raise assembly.refusal(
                node.place, f"{node.operator}, which does not depend on the input,"
            )
        reached.update(node.outputs)
    outputs = excerpt(graph.outputs if len(graph.outputs) > 1 else graph.outputs[0])
    raise FormatError(f"{name}: every node needs to lead to its output, {outputs}")


def _with_pair(layers: list[Layer]) -> list[Layer]:
    """Return layers that give 1 − p and p instead of p.

    p = σ(z) and 1 − p are the softmax of 0 and z.
    """
    *rest, last, sigmoid = layers if len(layers) > 1 else [Linear(), Linear()]
    if not isinstance(last, Dense) or not isinstance(sigmoid, Sigmoid) or last.outputs != 1:
        raise FormatError("1 − p and p need p to be the only output of a Sigmoid")
    W = [[0.0, w] for (w,) in last.W]
    b = [0.0, *last.b] if last.b else None
    return [*rest, assembly.dense("the last layer", W, b), Softmax()]


def _without_pair(layers: list[Layer]) -> list[Layer]:
    """Return layers that give p instead of 1 − p and p, the inverse of `_with_pair`."""
    if len(layers) > 1 and isinstance(layers[-1], Softmax) and isinstance(layers[-2], Dense):
        last = layers[-2]
        W = [[w1 - w0] for w0, w1 in last.W]
        b = [last.b[1] - last.b[0]] if last.b else None
        return [*layers[:-2], assembly.dense("the last layer", W, b), Sigmoid()]
    return layers


def _only_scaled(front: Front) -> bool:
    """Return whether a front only scales the columns, each a number that cannot be missing."""
    return len(front.features) == len(front.names) and all(
        isinstance(feature, Cell) and feature.column == j and feature.fill is None
        for j, feature in enumerate(front.features)
    )


def _scaling(name: str, front: Front) -> Layer:
    cells = [feature for feature in front.features if isinstance(feature, Cell)]
    if all((cell.shift, cell.factor) == (0.0, 1.0) for cell in cells):
        return Linear()
    zeros = [0.0] * len(cells)
    return assembly.scaling(name, [c.shift for c in cells], [c.factor for c in cells], zeros)


def _classes(layers: list[Layer], outputs: int | None, answers: Answers, name: str) -> list[Any]:
    """Return the labels of a network's outputs.

    Raises FormatError where the outputs are not the probabilities of so many labels.
    """
    count = 2 if answers.pair else outputs or 0
    labels = answers.labels or list(range(count))
    if answers.multilabel and labels != list(range(count)):
        raise FormatError(f"{name} needs labels 0, 1, 2 … for several at once, got {labels}")
    if count != len(labels) or count < 2:
        raise FormatError(
            f"{name} needs a label for each of its {count} outputs, got {len(labels)}"
        )
    wanted = Sigmoid if answers.multilabel or answers.pair else Softmax
    if not isinstance(layers[-1] if layers else None, wanted):
        raise assembly.refusal(name, "a label of outputs that are not probabilities")
    return labels


def _estimator(
    layers: list[Layer],
    columns: int | None,
    front: Front,
    answers: Answers,
    missing: Sequence[Any],
    name: str,
) -> Classifier | Regressor:
    network = assembly.assembled(name, layers)
    inputs = network.inputs or columns
    if inputs is None:
        raise FormatError(f"{name} does not say how many columns it needs")
    if network.inputs is None:  # no layer has weights: this one returns its inputs
        layers = [_ordered(inputs, name), *layers]
        network = assembly.assembled(name, layers)
    classes: list[Any] | None = None
    if answers.labels is not None or answers.multilabel:
        classes = _classes(layers, network.outputs, answers, name)
        if len(classes) == 2 and not answers.pair and not answers.multilabel:
            layers = _without_pair(layers)
    if front.names:
        encoder, layers = _encoded(front, missing, layers, name)
    else:
        encoder = encoder_of_numbers([f"x{j}" for j in range(inputs)], missing)
    network = assembly.assembled(name, layers)
    return estimator_of(encoder, network, classes, answers.multilabel, name)


def _encoded(
    front: Front, missing: Sequence[Any], layers: list[Layer], name: str
) -> tuple[TableEncoder, list[Layer]]:
    """Return the encoder of the table, and the layers that take what it gives."""
    features, names = front.features, front.names
    n = len(features)
    if len(names) == n and all(
        isinstance(f, Cell) and f.column == j for j, f in enumerate(features)
    ):
        # The encoder gives these features, whatever takes them.
        nothing = assembly.dense(name, [[0.0]] * n, [0.0])
        return encoded_features(features, names, missing, nothing)[0], layers
    if not layers or not isinstance(layers[0], Dense):
        layers = [_ordered(n, name), *layers]
    first = layers[0]
    assert isinstance(first, Dense)
    encoder, dense = encoded_features(features, names, missing, first)
    return encoder, [dense, *layers[1:]]


def _ordered(n: int, name: str) -> Dense:
    """Return a layer that returns its inputs, to which those of a table in any order can be put."""
    if n * n > SQUARE_LIMIT:
        raise FormatError(f"{name} needs a Dense layer first for {n:,} columns of a table")
    return assembly.dense(name, [[float(i == j) for j in range(n)] for i in range(n)], None)
