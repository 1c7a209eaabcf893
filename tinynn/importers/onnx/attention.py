"""Attention in ONNX graphs, however it is spelled: softmax(Q Kᵀ · scale + mask) V.

Q, K and V are views of rows: columns of them, divided among heads. What they are computed from by
weights is the input of the layer, if it is one for all three.
"""

from __future__ import annotations

from math import inf, isnan, sqrt
from typing import Any, NamedTuple, Sequence

from ...checks.words import excerpt
from ...errors import FormatError
from ...lesson.matrix import Matrix, Vector
from .. import assembly
from .axes import (
    COLUMNS,
    KEYS,
    Atom,
    Axes,
    View,
    columns_along,
    parts,
    sizes_of,
    steps_along,
)
from .chain import Chain
from .constants import GraphConstants
from .masks import Filled, Rules, broadcast_sizes
from .model import OnnxInput, OnnxNode
from .operators import take
from .steps import AttentionStep, Budget, Product, ScalingRun

NEVER = -1e4  # added to a score, it leaves a share of 0: exp(−1e4) is less than any float
CLOSE = 1e-6  # of constants that were rounded to float32
HEADS_LIMIT = 512
DEPTH = 8  # nodes between the rows and their queries, keys and values
_AFFINE = ("MatMul", "Gemm", "Add", "Sub", "Mul", "Div", "Neg")


class Scores(NamedTuple):
    """Q Kᵀ · scale, and what is added to it: for earlier steps, for the step itself, and for later.

    queries and keys: the column of the first number of each head
    shares: whether it is the softmax of that
    """

    Q: View
    K: View
    queries: list[int]
    keys: list[int]
    axes: Axes
    scale: float = 1.0
    added: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shares: bool = False


def _heads(axes: Axes) -> tuple[list[Any], list[int]]:
    """Return what the axes are beside columns, and the column of each head's first number."""
    found: list[Any] = []
    starts = [0]
    for axis in axes:
        own = parts(axis)
        found.append([atom for atom in own if atom.kind != COLUMNS])
        for atom in own:
            if atom.kind == COLUMNS:
                if len(starts) * atom.size > HEADS_LIMIT:
                    return [], []
                starts = [s + atom.stride * k for s in starts for k in range(atom.size)]
    return found, starts


def scores_of(Q: View, K: View) -> Scores | None:
    """Return Q Kᵀ if it compares steps of a sequence with each other, or None."""
    n = len(Q.axes)
    if n < 2 or len(K.axes) != n:
        return None
    q, k, steps = columns_along(Q.axes[-1]), columns_along(K.axes[-2]), steps_along(Q.axes[-2])
    if q is None or k is None or q.size != k.size or not steps or steps_along(K.axes[-1]) != steps:
        return None
    batch, queries = _heads(Q.axes[:-2])
    other, keys = _heads(K.axes[:-2])
    if batch != other or len(keys) not in (1, len(queries)) or not queries:
        return None
    d = q.size
    left = len(queries) * d
    lead = []
    for axis in Q.axes[:-2]:  # the columns of the heads, as they will be
        own = []
        for atom in axis:
            if atom.kind == COLUMNS:
                left //= atom.size
                atom = Atom(COLUMNS, atom.size, left)
            own.append(atom)
        lead.append(tuple(own))
    size = sizes_of(Q.axes)[-2]
    axes = (*lead, Q.axes[-2], (Atom(KEYS, size),))
    keys = keys * (len(queries) // len(keys))
    return Scores(Q, K, queries, keys, axes, Q.factor * K.factor)


def _square(scores: Scores) -> bool:
    """Return whether the last two axes are queries and keys."""
    last = scores.axes[-2:]
    return len(last) == 2 and bool(steps_along(last[0])) and any(a.kind == KEYS for a in last[1])


def scored(
    node: OnnxNode, given: Sequence[Any], last_axis: bool, rules: Rules
) -> Scores | Filled | None:
    """Return what an operator makes of scores, None if it is no part of attention.

    last_axis: whether the operator goes along the last axis
    """
    operator = node.operator
    scores = next(value for value in given if isinstance(value, Scores))
    if operator in ("Identity", "Cast", "Dropout"):
        return scores
    if not _square(scores):
        return None
    if operator == "Softmax":
        return scores._replace(shares=True) if last_axis and not scores.shares else None
    if operator == "IsNaN" and scores.shares:  # no row is without a step to take from
        return Filled(tuple(sizes_of(scores.axes)), (False,) * 3)
    sizes = tuple(sizes_of(scores.axes))
    others = [None if value is scores else rules.filled(value) for value in given]
    for value, other in zip(given, others):
        if value is scores:
            continue
        fits = other is not None and broadcast_sizes([other.sizes, sizes]) == sizes
        if other is None or not fits or other.counts is not None:
            return None
        if not other.uniform and other.sizes[-2:] != sizes[-2:]:
            return None
    if operator == "Where" and others[0] is not None:
        return _chosen(scores, others)
    if scores.shares or len(given) != 2:
        return None
    first, (other,) = others[0] is None, [value for value in others if value is not None]
    c = other.values[0]
    if operator in ("Mul", "Div") and other.uniform and c > 0 and (first or operator == "Mul"):
        factor = c if operator == "Mul" else 1.0 / c
        before, at, after = (x * factor for x in scores.added)
        return scores._replace(scale=scores.scale * factor, added=(before, at, after))
    if operator == "Add":
        before, at, after = (x + y for x, y in zip(scores.added, other.values))
        return scores._replace(added=(before, at, after))
    return None


def _chosen(scores: Scores, given: Sequence[Filled | None]) -> Scores | None:
    """Where: the scores, or a number."""
    which, then, otherwise = given
    added = []
    if which is None or (then is None) == (otherwise is None):
        return None
    for i, x in enumerate(scores.added):
        other = then if which.values[i] else otherwise
        if other is not None and (scores.shares or not other.values[i] <= NEVER):
            return None
        added.append(x if other is None else -inf)
    return scores._replace(added=(added[0], added[1], added[2]))


def is_causal(node: OnnxNode, scores: Scores) -> bool:
    """Return whether steps take only from those before them.

    Raises FormatError for any other mask.
    """
    before, at, after = scores.added
    if before == at == after and at > NEVER:
        return False
    if before == at > NEVER and after - at <= NEVER and not isnan(after):
        return True
    raise assembly.refusal(
        node.place,
        f"attention with {excerpt(before)} added for earlier steps, {excerpt(at)} for the step "
        f"itself and {excerpt(after)} for later ones",
    )


class Rows:
    """The nodes of the graph of rows so far, from which the weights of attention are taken."""

    def __init__(self, constants: GraphConstants, opset: int, name: str, budget: Budget) -> None:
        self.constants, self.opset, self.name, self.budget = constants, opset, name, budget
        self.made: dict[str, OnnxNode] = {}
        self.columns: dict[str, Any] = {}
        self.weight_rows = 0  # of all weights so far
        self._folded: dict[tuple[str, str], _Folded] = {}

    def add(self, node: OnnxNode, columns: Any) -> None:
        """Add a node, and how many columns its output has."""
        self.made[node.outputs[0]] = node
        self.columns[node.outputs[0]] = columns

    def before(self, name: str) -> list[str]:
        """Return the tensors from which one is computed by weights, itself first."""
        found = [name]
        while len(found) < DEPTH:
            node = self.made.get(found[-1])
            given = [] if node is None else [
                x for x in node.inputs if x and x not in self.constants.known
            ]  # fmt: skip
            if node is None or node.operator not in _AFFINE or len(given) != 1:
                break
            found.append(given[0])
        return found

    def attention(self, node: OnnxNode, scores: Scores, V: View) -> tuple[str, AttentionStep, View]:
        """Return the input, the layer, and the view of its output.

        Raises FormatError, naming the node, for attention of rows to those of another tensor.
        """
        Q, K = scores.Q, scores.K
        d = sizes_of(Q.axes)[-1]
        batch, values = _heads(V.axes[:-2])
        own, v = _heads(scores.axes[:-2])[0], columns_along(V.axes[-1])
        heads = len(scores.queries)
        fits = v is not None and v.size == d and batch == own and len(values) in (1, heads)
        if not fits or v is None or steps_along(V.axes[-2]) != steps_along(scores.axes[-2]):
            raise assembly.refusal(node.place, "attention whose values are not of the same steps")
        if not isinstance(d, int):
            raise FormatError(f"{node.place}: nothing in the file says how many columns it has")
        causal = is_causal(node, scores)
        width = heads * d
        self.weight_rows += 3 * width
        assembly.check_rows(self.name, self.weight_rows)
        base = self._base(node, [Q.name, K.name, V.name], width)
        scale = scores.scale * sqrt(d)
        scale = 1.0 if abs(scale - 1.0) <= CLOSE else scale
        starts = (scores.queries, scores.keys, values * (heads // len(values)))
        strides = (columns_along(Q.axes[-1]), columns_along(K.axes[-2]), v)
        found = []
        for view, first, atom, factor in zip((Q, K, V), starts, strides, (scale, 1.0, V.factor)):
            stride = 0 if atom is None else atom.stride
            columns = [view.offset + s + stride * j for s in first for j in range(d)]
            found.append(self._part(node, view.name, base, columns, factor))
        axes = (*scores.axes[:-2], scores.axes[-2], (Atom(COLUMNS, d, 1),))
        step = AttentionStep(node.place, heads, causal, found)
        return base, step, View("", axes, width)

    def _base(self, node: OnnxNode, names: Sequence[str], width: int) -> str:
        first, *rest = (self.before(name) for name in names)
        for name in first:
            columns = self.columns.get(name)
            if columns == width and all(name in others for others in rest):
                return name
        raise assembly.refusal(
            node.place, f"attention whose queries, keys and values are not all X W + b of one X of "
            f"{width} columns",
        )  # fmt: skip

    def _part(
        self, node: OnnxNode, name: str, base: str, columns: Sequence[int], factor: float
    ) -> tuple[Matrix, Vector | None]:
        """Return W and b of some columns of x W + b, times a factor."""
        folded = self._folded.get((name, base))
        width = len(columns)
        if folded is None:
            folded = self._folded[name, base] = self._fold(node, name, base)
        folded.left -= width * width
        if folded.left < 0:  # the file does not have so many numbers
            self.budget.spend(node.place, width * width)
        W = [[row[j] * factor for j in columns] for row in folded.rows(width)]
        return W, [folded.b[j] * factor for j in columns] if folded.biased else None

    def _fold(self, node: OnnxNode, name: str, base: str) -> _Folded:
        """Return the weights by which one tensor is computed from another."""
        width: int = self.columns[base]
        chain = Chain(self.constants, OnnxInput(base, 1, [None, width]), self.opset, self.name)
        chain.budget, chain.weight_rows = self.budget, self.weight_rows
        way = self.before(name)
        for output, tensor in reversed(list(zip(way, way[1:]))[: way.index(base)]):
            take(chain, self.made[output], tensor)
        self.weight_rows = chain.weight_rows
        found = _Folded(None, [0.0] * width)
        for step in chain.steps:
            if isinstance(step, Product) and found.W is None and not found.biased:
                found = _Folded(step.W, step.b or [0.0] * len(step.W[0]), step.b is not None)
                found.left = len(step.W) * len(step.W[0])
            elif isinstance(step, ScalingRun):
                if found.W is None:
                    self.budget.spend(node.place, width * width)
                shift, scale, offset = step.spread(len(found.b), self.budget)
                W = [[w * s for w, s in zip(row, scale)] for row in found.rows(width)]
                b = [(x - m) * s + o for x, m, s, o in zip(found.b, shift, scale, offset)]
                left, biased = found.left, found.biased or any(shift) or any(offset)
                found = _Folded(W, b, biased)
                found.left = left
            else:
                raise assembly.refusal(node.place, "attention with several products before it")
        return found


class _Folded:
    """x W + b; W is None where it returns x. `biased` is whether there is a b."""

    def __init__(self, W: Matrix | None, b: Vector, biased: bool = False) -> None:
        self.W, self.b, self.biased = W, b, biased
        self.left = 0  # numbers that the file has paid for

    def rows(self, width: int) -> Matrix:
        """Return W, which has so many rows."""
        if self.W is not None:
            return self.W
        return [[float(i == j) for j in range(width)] for i in range(width)]
