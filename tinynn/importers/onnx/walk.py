"""The way through an ONNX graph, node by node, as the steps of a chain."""

from __future__ import annotations

from ...checks.words import excerpt
from ...errors import FormatError
from ...lesson.file_checks import DEPTH_LIMIT
from ...lesson.residual import Residual
from .. import assembly
from .chain import Chain
from .constants import GraphConstants
from .model import OnnxGraph
from .operators import is_known, take
from .patterns import fork, residual_sum, spelled
from .steps import layers_of


class GraphWalk:
    """The way through a graph, node by node, from the front to the answers."""

    def __init__(
        self,
        graph: OnnxGraph,
        constants: GraphConstants,
        end: str,
        name: str,
    ) -> None:
        self.graph, self.constants, self.name = graph, constants, name
        self.visited = 0
        self.end = end
        self.depth = 0

    def go(self, chain: Chain, tensor: str, end: str) -> None:
        """Take the nodes from one tensor to another; the chain gets their steps."""
        graph, constants = self.graph, self.constants
        before: list[str] = []  # the tensors of the last nodes, each a step of its own
        while tensor != end:
            shape = None if chain.sides is None else [None, *chain.sides]
            constants.shape_of(tensor, shape)
            numbers = chain.users(tensor)
            if not numbers:
                raise FormatError(
                    f"{self.name}: no node takes {excerpt(tensor)}, and it is not the output"
                )
            node = graph.nodes[numbers[0]]
            formula = None
            if len(numbers) > 1:
                add = residual_sum(graph, constants, tensor, numbers)
                formula = fork(graph, tensor, chain, refuses=add is None)
                if formula is None and add is not None:
                    tensor = self._residual(chain, tensor, add)
                    before.clear()
                    continue
            elif not is_known(node.operator):
                formula = spelled(graph, tensor, chain)
                while formula is None and before:  # perhaps a node before it belongs to it
                    tensor = before.pop()
                    chain.back()
                    self.visited -= 1
                    formula = spelled(graph, tensor, chain)
                if formula is None:
                    raise assembly.refusal(node.place, f"the operator {node.operator}")
            if formula is not None:
                if chain.scalar:
                    chain.refuse_shape(node)
                chain.add_spelled(*formula[:4], formula.nodes[-1])
                before.clear()
                self.visited += len(formula.nodes)
                tensor = formula.nodes[-1].outputs[0]
                continue
            if (
                node.operator == "Reshape"
                and graph.producer == "skl2onnx"
                and node.outputs == [self.end]
                and getattr(constants.known.get(node.inputs[-1]), "values", None) == [-1, 1]
            ):
                pass  # of several targets, too: see `from_onnx`
            else:
                steps = len(chain.steps)
                chain.mark()
                take(chain, node, tensor)
                before = [*before[-3:], tensor] if len(chain.steps) == steps + 1 else []
            self.visited += 1
            for extra in node.outputs[1:]:
                if constants.users(extra) or extra in graph.outputs:
                    what = f"the further output {excerpt(extra)} of a node"
                    raise assembly.refusal(node.place, what)
            tensor = node.outputs[0] if node.outputs else ""
        constants.shape_of(tensor, None)

    def _residual(self, chain: Chain, tensor: str, number: int) -> str:
        """Add x + f(x), whose sum is the node of this number; return its output."""
        node = self.graph.nodes[number]
        end = node.inputs[node.inputs[0] == tensor]
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise assembly.refusal(node.place, f"more than {DEPTH_LIMIT} sums inside each other")
        inner = chain.branch()
        inner.aside = chain.aside | {number}
        self.go(inner, tensor, end)
        self.depth -= 1
        if inner.sides != chain.sides:
            raise assembly.refusal(node.place, f"{node.operator} of different shapes")
        chain.add(Residual(*layers_of(inner.steps, inner.inputs, inner.budget)))
        self.visited += 1
        return node.outputs[0]
