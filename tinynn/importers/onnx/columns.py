"""The table in front of an ONNX graph's network, as skl2onnx writes scikit-learn's transformers.

Up to the first operator of the network, each column is a function of one cell of the row, a
`Cell` or a `Lookup` of `features`; here is what operators make of lists of such columns.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from ...checks.words import excerpt, listed
from ...errors import FormatError
from ...lesson.matrix import Vector
from ...preprocessing.cells import key_of
from .. import assembly
from ..features import Cell, Feature, Lookup, keys_of, looked_up, refusal
from .answers import ML
from .constants import ROWS, GraphConstants, axes_of, label_table, slices_of
from .model import FLOATS, STRING, OnnxGraph, OnnxInput, OnnxNode, sound

TEXT, WHOLE, NUMBER, TRUNCATED = "text", "whole", "number", "truncated"
LEAST_LIMIT = 5_000  # columns that any table may have
CATEGORIES_LIMIT = 30_000  # of a node
COLUMNS_LIMIT = 200_000  # of all tensors in front of the network together


class Columns(NamedTuple):
    """The columns of a tensor, and their kind: TRUNCATED are numbers cast to whole ones."""

    features: list[Feature]
    kind: str = NUMBER


class Front(NamedTuple):
    """What is in front of the network: the columns that it takes, and the nodes that make them.

    `names` are those of the table's own columns.
    """

    end: str
    features: list[Feature]
    names: list[str]
    nodes: set[int]


def needs_front(graph: OnnxGraph, behind: set[int]) -> bool:
    """Return whether a graph takes a table of text or several inputs, or has its operators."""
    own = any(
        node.operator in _OPERATORS and node.operator.startswith(ML)
        for i, node in enumerate(graph.nodes)
        if i not in behind
    )
    return own or len(graph.inputs) > 1 or graph.inputs[0].kind not in FLOATS


def front_of(
    graph: OnnxGraph, constants: GraphConstants, behind: set[int], end: str, name: str
) -> Front:
    """Return what is in front of the network of a graph; messages call the file `name`.

    `behind` are the nodes behind the network, and `end` is the tensor before them. Raises
    FormatError, naming the node, for what no column can express.
    """
    columns: dict[str, Columns] = {}
    names: list[str] = []
    # A column of a table takes memory, even if no node takes it.
    left = min(COLUMNS_LIMIT, LEAST_LIMIT + sum(len(t.values) for t in graph.constants.values()))
    for own in graph.inputs:
        count = _count(graph, own, name)
        left -= count
        if left < 0:
            raise FormatError(f"{name} has more columns than its network can need: {count:,}")
        alone = len(graph.inputs) == 1
        names += [own.name] if count == 1 else [
            f"x{j}" if alone else f"{own.name}_{j}" for j in range(count)
        ]  # fmt: skip
        kind = TEXT if own.kind == STRING else NUMBER if own.kind in FLOATS else WHOLE
        columns[own.name] = Columns([Cell(len(names) - count + j) for j in range(count)], kind)
    if len(set(names)) < len(names):
        raise FormatError(f"{name} needs a different name for each column, got {listed(names)}")
    taken: set[int] = set()
    left = COLUMNS_LIMIT
    for i, node in enumerate(graph.nodes):
        if i in constants.done or i in behind:
            continue
        read = _OPERATORS.get(node.operator)
        given = [columns.get(x) for x in node.inputs if x and x not in constants.known]
        if read is None or not given or None in given or not node.outputs:
            continue
        if node.inputs[0] not in columns and node.operator not in _ANY_ORDER:
            continue
        with sound(node):
            found = read(_Place(node, constants), [one for one in given if one is not None])
        if found is None:
            continue
        # A lookup takes as much memory as six cells.
        weight = 6 if node.operator in (f"{ML}OneHotEncoder", f"{ML}LabelEncoder") else 1
        left -= weight * sum(len(one.features) for one in found)
        if left < 0:
            raise FormatError(f"{node.place}: the file makes more than {COLUMNS_LIMIT:,} columns")
        columns.update(zip(node.outputs, found))
        taken.add(i)
    open_ends = dict.fromkeys(
        tensor
        for i, node in enumerate(graph.nodes)
        if i not in taken and i not in behind and i not in constants.done
        for tensor in node.inputs
        if tensor in columns
    )
    if end in columns:
        open_ends[end] = None
    if len(open_ends) != 1:
        users = [n for i, n in enumerate(graph.nodes) if set(n.inputs) & set(open_ends)
                 and i not in taken]  # fmt: skip
        for node in users:
            if node.operator.startswith(ML) and node.operator not in _OPERATORS:
                raise assembly.refusal(node.place, f"the operator {node.operator}")
        raise refusal(
            users[0].place if users else name,
            f"a network that takes {excerpt(list(open_ends) or graph.outputs, 200)}",
            "one network needs to take all columns, put together by one Concat",
        )
    (start,) = open_ends
    last = columns[start]
    if last.kind in (TEXT, TRUNCATED):
        what = "text" if last.kind == TEXT else "a number without its fraction"
        raise refusal(f"{name}, tensor {excerpt(start)}", f"{what} as an input of the network")
    return Front(start, last.features, names, taken)


def _count(graph: OnnxGraph, own: OnnxInput, name: str) -> int:
    """Return how many columns an input has: what it says, or the first operator that knows."""
    if own.shape is not None and len(own.shape) == 2 and own.shape[1] is not None:
        return own.shape[1]
    if own.shape is None or len(own.shape) == 2:
        for node in graph.nodes:
            if own.name in node.inputs:
                lists = [v for v in node.attributes.values() if isinstance(v, list)]
                sizes = [*map(len, lists), *(
                    graph.constants[x].shape[0] for x in node.inputs[1:]
                    if node.operator in ("MatMul", "Gemm") and x in graph.constants
                    and graph.constants[x].shape
                )]  # fmt: skip
                if (
                    node.operator in (f"{ML}Scaler", f"{ML}Imputer", "MatMul")
                    and max(sizes, default=1) > 1
                ):
                    return max(sizes)
    raise FormatError(
        f"{name} does not say how many columns its input {excerpt(own.name)} has; export it with "
        "[None, columns] as the shape of its input"
    )


class _Place(NamedTuple):
    """A node that makes columns, and the constants that it may take."""

    node: OnnxNode
    constants: GraphConstants

    @property
    def where(self) -> str:
        return self.node.place

    def fault(self, what: str, mend: str = "") -> FormatError:
        return refusal(self.node.place, what, mend)

    def check_categories(self, count: int) -> None:
        if count > CATEGORIES_LIMIT:
            raise FormatError(
                f"{self.where} needs at most {CATEGORIES_LIMIT:,} categories, got {count:,}"
            )

    def constant(self, i: int) -> Any:
        if i >= len(self.node.inputs):
            return None
        return self.constants.known.get(self.node.inputs[i])

    def values(self, i: int) -> list[Any] | None:
        tensor = self.constant(i)
        return None if tensor is None else tensor.values

    def indices(self, i: int, count: int) -> list[int]:
        """Return a constant input's indices of columns."""
        values = self.values(i)
        if values is None or any(type(x) is not int or not -count <= x < count for x in values):
            raise self.fault(f"{self.node.operator} of the columns {excerpt(values)} of {count}")
        return [x % count for x in values]

    def spread(self, key: str, values: object, count: int) -> Vector:
        """Return a list of numbers, one for each column or one for all."""
        found = assembly.finite(self.where, assembly.vector(self.where, values))
        if len(found) not in (1, count):
            raise FormatError(f"{self.where} needs {key} for {count} columns, got {len(found)}")
        return found if len(found) == count else found * count


Read = Callable[[_Place, Sequence[Columns]], "list[Columns] | None"]


def _number(place: _Place, columns: Columns) -> list[Feature]:
    """Return columns of numbers. Raises FormatError for text, and for what was truncated."""
    if columns.kind in (TEXT, TRUNCATED):
        what = "text" if columns.kind == TEXT else "numbers without their fractions"
        raise place.fault(f"{place.node.operator} of {what}")
    return columns.features


def _same(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    return [given[0]]


def _cast(place: _Place, given: Sequence[Columns]) -> list[Columns] | None:
    kind, target = given[0].kind, place.node.attributes.get("to")
    if target in FLOATS and kind != TEXT:
        return [given[0] if kind == TRUNCATED else Columns(given[0].features)]
    if target in (6, 7) and kind != TEXT:
        whole = all(isinstance(one, Lookup) for one in given[0].features) or kind == WHOLE
        return [Columns(given[0].features, WHOLE if whole else TRUNCATED)]
    if target == 9 and all(isinstance(one, Lookup) for one in given[0].features):
        flags = [one.mapped(lambda x: float(bool(x))) for one in given[0].features
                 if isinstance(one, Lookup)]  # fmt: skip
        return [Columns([*flags], WHOLE)]
    if target == STRING and kind in (TEXT, WHOLE):
        return [Columns(given[0].features, TEXT)]
    raise place.fault(f"Cast of {kind if kind != NUMBER else 'a number'} to type {excerpt(target)}")


def _joined(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    if place.node.operator == "Concat" and place.node.attributes.get("axis") not in (1, -1):
        raise place.fault(f"Concat with axis={excerpt(place.node.attributes.get('axis'))}")
    if len(given) != len([x for x in place.node.inputs if x]):
        raise place.fault(f"{place.node.operator} with a constant column")
    kinds = {one.kind for one in given}
    if len(kinds - {WHOLE, NUMBER}) and len(kinds) > 1:
        raise place.fault(f"{place.node.operator} of different types")
    kind = kinds.pop() if len(kinds) == 1 else NUMBER
    return [Columns([feature for one in given for feature in one.features], kind)]


def _chosen(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    """Gather and ArrayFeatureExtractor of columns."""
    rank_one = place.node.operator == "Gather"
    if rank_one and place.node.attributes.get("axis", 0) not in (1, -1, 2):
        raise place.fault(f"Gather with axis={excerpt(place.node.attributes.get('axis', 0))}")
    (columns,) = given
    features = columns.features
    return [columns._replace(features=[features[j] for j in place.indices(1, len(features))])]


def _slice(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    tensors = [place.constant(i) for i in range(len(place.node.inputs))]
    parts = slices_of(place.node, tensors)
    if parts is None or len(parts) != 1 or parts[0][0] not in (1, -1):
        raise place.fault("Slice along another axis than the columns")
    _, start, end, step = parts[0]
    return [given[0]._replace(features=given[0].features[start:end:step])]


def _split(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    sizes = place.node.attributes.get("split") or place.values(1)
    features, count = given[0].features, len(place.node.outputs)
    if place.node.attributes.get("axis", 0) not in (1, -1):
        raise place.fault("Split along another axis than the columns")
    if sizes is None:
        size = -(-len(features) // count)
        sizes = [min(size, len(features) - i * size) for i in range(count)]
    if len(sizes) != count or sum(sizes) != len(features) or min(sizes) < 1:
        raise place.fault(f"Split of {len(features)} columns into {excerpt(sizes)}")
    ends = [sum(sizes[: i + 1]) for i in range(count)]
    return [given[0]._replace(features=features[e - s : e]) for s, e in zip(sizes, ends)]


def _reshaped(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    """Reshape to one row of columns for each row."""
    shape = place.values(1) or []
    count = len(given[0].features)
    rows = bool(shape) and (shape[0] is ROWS or shape[0] in (-1, 0)) and shape != [-1, -1]
    fits = rows and shape[1:] in ([count], [-1], [1, count])
    if not fits and (shape != [-1] or count != 1):
        raise place.fault(f"Reshape to {excerpt(shape)} of {count} columns")
    return [given[0]]


def _flat(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    axes = axes_of(place.node, [None, place.constant(1)])
    if axes is not None and 0 in axes:
        raise place.fault(f"{place.node.operator} with axes={excerpt(axes)}")
    if place.node.operator == "Flatten" and place.node.attributes.get("axis", 1) != 1:
        raise place.fault("Flatten along another axis than 1")
    return [given[0]]


def _scaler(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    """(x − offset) · scale."""
    features, attributes = _number(place, given[0]), place.node.attributes
    count = len(features)
    offset = place.spread("offset", attributes.get("offset", [0.0]), count)
    scale = place.spread("scale", attributes.get("scale", [1.0]), count)
    return [_scaled(place, features, offset, scale, [0.0] * count)]


def _scaled(
    place: _Place, features: list[Feature], shift: Vector, factor: Vector, offset: Vector
) -> Columns:
    if 0.0 in factor:
        raise place.fault("a column multiplied by 0")
    scaled: list[Feature] = []
    for feature, s, k, o in zip(features, shift, factor, offset):
        if isinstance(feature, Cell) and not 1e-100 < abs(feature.factor * k) < 1e100:
            raise place.fault(f"a column multiplied by {feature.factor * k:g}")
        scaled.append(feature if (s, k, o) == (0.0, 1.0, 0.0) else feature.scaled(s, k, o))
    return Columns(scaled)


def _arithmetic(place: _Place, given: Sequence[Columns]) -> list[Columns] | None:
    """Add, Sub, Mul and Div of columns by constants."""
    node = place.node
    at = 1 if place.constant(0) is None else 0
    tensor = place.constant(at)
    if tensor is None or len(node.inputs) != 2:
        return None
    if len(tensor.values) not in (1, *(tensor.shape[-1:] or (1,))):
        return None
    features = _number(place, given[0])
    numbers = place.spread("constants", tensor.values, len(features))
    zeros, ones = [0.0] * len(features), [1.0] * len(features)
    if node.operator == "Add":
        return [_scaled(place, features, [-c for c in numbers], ones, zeros)]
    if node.operator == "Sub" and at == 1:
        return [_scaled(place, features, numbers, ones, zeros)]
    if node.operator == "Sub":
        return [_scaled(place, features, numbers, [-1.0] * len(features), zeros)]
    if node.operator == "Div" and (at == 0 or 0.0 in numbers):
        raise place.fault("a division of or by such a constant")
    factor = [1.0 / c for c in numbers] if node.operator == "Div" else numbers
    return [_scaled(place, features, zeros, factor, zeros)]


def _imputer(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    attributes = place.node.attributes
    fills = attributes.get("imputed_value_floats") or attributes.get("imputed_value_int64s")
    marker = attributes.get("replaced_value_float")
    if "replaced_value_int64" in attributes or marker is None or marker == marker:
        marker = attributes.get("replaced_value_int64", marker)
        raise place.fault(
            f"Imputer of the value {excerpt(marker)}",
            "replace those cells with None or NaN first, for training and for prediction",
        )
    features = _number(place, given[0])
    return [Columns([
        _filled(feature, fill)
        for feature, fill in zip(features, place.spread("values", fills or [0.0], len(features)))
    ])]  # fmt: skip


def _filled(feature: Feature, fill: Any) -> Feature:
    if isinstance(feature, Lookup) or feature.fill is not None:
        return feature  # never missing
    if not isinstance(fill, str) and (feature.shift, feature.factor) != (0.0, 1.0):
        fill = feature.shift + fill / feature.factor
    return feature._replace(fill=fill)


def _one_hot(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    attributes = place.node.attributes
    texts, whole = attributes.get("cats_strings"), attributes.get("cats_int64s")
    categories: list[Any] = texts or whole or []
    if not categories:
        raise place.fault("OneHotEncoder without categories")
    if (texts is None) == (given[0].kind == TEXT):
        raise place.fault("OneHotEncoder of another type than its categories")
    place.check_categories(len(categories) * len(given[0].features))
    strict = not attributes.get("zeros", 1)
    found: list[Feature] = []
    for feature in given[0].features:
        keys = keys_of(place.where, feature, categories)
        known = dict.fromkeys(keys)
        found += [looked_up(place.where, feature, known, {key: 1.0}, 0.0, strict) for key in keys]
    return [Columns(found)]


def _labelled(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    """LabelEncoder: a number for each category."""
    table_of = label_table(place.node)
    if table_of is None:
        raise place.fault("LabelEncoder without as many values as keys")
    keys, values, rest = table_of
    if any(isinstance(value, str) for value in values):
        raise place.fault("LabelEncoder from categories to texts")
    place.check_categories(len(keys) * len(given[0].features))
    numbers = place.spread("values", values, len(values))
    other = place.spread("default", [rest], 1)[0]
    found: list[Feature] = []
    for feature in given[0].features:
        if given[0].kind in (NUMBER, TRUNCATED):
            raise place.fault("LabelEncoder of numbers with fractions")
        own = keys_of(place.where, feature, keys)
        table = dict(zip(own, numbers))
        if list(table) == [None]:  # whether the cell is missing: no category
            missing = feature.fill is None if isinstance(feature, Cell) else False
            found.append(Lookup(feature.column, {}, other, numbers[0] if missing else other, {}))
            continue
        found.append(looked_up(place.where, feature, dict.fromkeys(own), table, other, False))
    return [Columns(found, WHOLE)]


def _where(place: _Place, given: Sequence[Columns]) -> list[Columns]:
    """Where a cell is missing, a constant; else the cell: how skl2onnx fills columns of text."""
    fill = place.values(1)
    if len(given) == 2 and fill is not None and len(fill) == 1:
        flags, cells = given[0].features, given[1].features
        if len(flags) == len(cells) and all(
            isinstance(flag, Lookup) and _is_missing_flag(flag) and flag.column == cell.column
            and isinstance(cell, Cell)
            for flag, cell in zip(flags, cells)
        ):  # fmt: skip
            kind = given[1].kind
            value = fill[0] if isinstance(fill[0], str) or kind != TEXT else key_of(fill[0])
            return [Columns([_filled(cell, value) for cell in cells], kind)]
    raise place.fault("Where of anything but a missing cell and its replacement")


def _is_missing_flag(flag: Lookup) -> bool:
    """Return whether a lookup is 1 for a missing cell and 0 for any other."""
    return not flag.values and flag.rest == 0.0 and flag.missing == 1.0


_ANY_ORDER = ("Add", "Mul", "Sub", "Div")  # the others take their columns first
_OPERATORS: dict[str, Read] = {
    "Identity": _same,
    "Cast": _cast,
    "Concat": _joined,
    f"{ML}FeatureVectorizer": _joined,
    "Gather": _chosen,
    f"{ML}ArrayFeatureExtractor": _chosen,
    "Slice": _slice,
    "Split": _split,
    "Reshape": _reshaped,
    "Flatten": _flat,
    "Squeeze": _flat,
    "Unsqueeze": _flat,
    f"{ML}Scaler": _scaler,
    f"{ML}Imputer": _imputer,
    f"{ML}OneHotEncoder": _one_hot,
    f"{ML}LabelEncoder": _labelled,
    "Add": _arithmetic,
    "Sub": _arithmetic,
    "Mul": _arithmetic,
    "Div": _arithmetic,
    "Where": _where,
}


def names() -> set[str]:
    """Return the operators that a table in front of a network may have."""
    return {*_OPERATORS}
