"""What the outputs of an ONNX graph stand for: labels, probabilities, or the network's own numbers.

A classifier's file has its classes behind the network: ArgMax and a table of labels, a ZipMap that
makes a dictionary of each row of probabilities, the two columns 1 − p and p of two classes. All of
this is read backwards, from the outputs, up to the tensor that the network itself makes.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ...checks.words import excerpt, listed
from ...errors import FormatError
from .. import assembly
from .constants import GraphConstants, slices_of
from .model import OnnxGraph, OnnxNode, sound

ML = "ai.onnx.ml."
# They only change the type or the shape of labels.
_PLAIN = ("Identity", "Cast", "Reshape", "Squeeze", "Flatten")


class Answers(NamedTuple):
    """The tensor that the network makes, and what its columns are.

    `labels` are the classes in the order of the columns, None if the file has none; `pair`: the
    file's probabilities are 1 − p and p, and the network makes p alone; `numbers`: an output is the
    network's own numbers, not labels. `nodes` are the indices of the nodes behind the tensor.
    """

    end: str
    labels: list[Any] | None
    multilabel: bool
    pair: bool
    numbers: bool
    nodes: set[int]


def answers_of(graph: OnnxGraph, constants: GraphConstants, name: str) -> Answers:
    """Return what the outputs of a graph stand for; messages call the file `name`.

    Of two labels that may both be on, skl2onnx writes 1 − p and p for each: that is p, too.

    Raises FormatError if they are not one network's.
    """
    return _Reader(graph, constants, name).answers()


class _Reader:
    def __init__(self, graph: OnnxGraph, constants: GraphConstants, name: str) -> None:
        self.graph = graph
        self.known = constants.known
        self.name = name
        self.makers = {
            output: i
            for i, node in enumerate(graph.nodes)
            if i not in constants.done
            for output in node.outputs[:1]
        }
        self.used: set[int] = set()
        self.left = 10 * len(graph.nodes) + 100  # steps from the outputs backwards
        self.labels: list[Any] | None = None
        self.multilabel = False
        self.labelled = 0  # outputs that are labels

    def answers(self) -> Answers:
        outputs = [name for name in self.graph.outputs if name not in self.known]
        sources = list(dict.fromkeys(map(self.checked_source, outputs)))
        pairs = [self.pair(source) for source in sources]
        ends = dict.fromkeys(pair or source for source, pair in zip(sources, pairs))
        if len(ends) != 1:
            raise FormatError(
                f"{self.name} needs outputs that are one network's: its numbers, or its labels and "
                f"probabilities; got {excerpt(self.graph.outputs, 200)}"
            )
        (end,) = ends
        pair = any(pairs) and not self.multilabel
        if self.labels is None and not self.multilabel and not pair and len(outputs) == 1:
            return Answers(outputs[0], None, False, False, True, set())  # nothing but a network
        numbers = self.labelled < len(outputs)
        return Answers(end, self.labels, self.multilabel, pair, numbers, self.used)

    def maker(self, tensor: str) -> OnnxNode | None:
        number = self.makers.get(tensor)
        return None if number is None else self.graph.nodes[number]

    def take(self, tensor: str) -> str:
        """Leave the node that makes a tensor behind; return its first input."""
        number = self.makers[tensor]
        self.used.add(number)
        self.left -= 1
        if self.left < 0:
            raise FormatError(f"{self.name}: its outputs come from a circle of nodes, or too many")
        return (self.graph.nodes[number].inputs or [""])[0]

    def plain(self, tensor: str, operators: Sequence[str] = ("Identity", "Cast")) -> str:
        """Return the tensor that a tensor is another name or type of."""
        while True:
            node = self.maker(tensor)
            if node is None or node.operator not in operators:
                return tensor
            tensor = self.take(tensor)

    def checked_source(self, output: str) -> str:
        """Return `source`; the node at fault is the output's, or one before it."""
        node = self.maker(output)
        if node is None:
            return output
        with sound(node):
            return self.source(output)

    def source(self, output: str) -> str:
        """Return the tensor of probabilities, or of numbers, that an output is made of."""
        kept = set(self.used)
        tensor = self.plain(output, _PLAIN)
        node = self.maker(tensor)
        if node is not None and node.operator == f"{ML}ArrayFeatureExtractor":
            table, index = ([*node.inputs, "", ""])[:2]
            chosen = self.maker(self.plain(index, _PLAIN))
            if table in self.known and chosen is not None and chosen.operator == "ArgMax":
                self.learn(node, self.known[table].values)
                self.take(tensor)
                return self.chosen(self.plain(index, _PLAIN))
        if node is not None and node.operator == "ArgMax":
            return self.chosen(tensor)
        binary = node is not None and node.operator == f"{ML}Binarizer"
        if node is not None and binary and node.attributes.get("threshold", 0.0) == 0.5:
            self.multilabel = True
            self.labelled += 1
            return self.plain(self.take(tensor))
        if node is not None and node.operator == f"{ML}ZipMap":
            attributes = node.attributes
            texts, whole = (attributes.get(f"classlabels_{k}") for k in ("strings", "int64s"))
            if not (texts or whole):
                raise FormatError(f"{node.place}: ZipMap needs the labels of its classes")
            self.learn(node, texts or whole or [])
            return self.plain(self.take(tensor))
        if node is not None and node.operator == "Slice" and len(self.graph.outputs) > 1:
            given = [self.known.get(name) for name in node.inputs]
            parts = slices_of(node, given) or []
            if [
                part[0] in (1, -1) and part[3] == 1 and part[2] == part[1] + 1 for part in parts
            ] == [True]:
                return self.plain(self.take(tensor))
        self.used = kept
        return self.plain(output)

    def chosen(self, tensor: str) -> str:
        """Return the scores of which ArgMax takes the largest."""
        node = self.maker(tensor)
        assert node is not None
        if node.attributes.get("axis", 0) not in (1, -1) or node.attributes.get(
            "select_last_index"
        ):
            raise assembly.refusal(node.place, "ArgMax along another axis than the columns")
        self.labelled += 1
        if self.labels is None:
            self.labels = []  # numbers from 0 on, unless a table says more
        return self.plain(self.take(tensor))

    def learn(self, node: OnnxNode, labels: list[Any]) -> None:
        if self.labels and self.labels != labels:
            raise FormatError(
                f"{node.place} has the classes {listed(list(map(repr, labels)))}, and another node "
                f"{listed(list(map(repr, self.labels)))}"
            )
        self.labels = list(labels)

    def pair(self, tensor: str) -> str | None:
        """Return p if a tensor has the columns 1 − p and p, or None."""
        node = self.maker(tensor)
        if node is None or node.operator != "Concat" or len(node.inputs) != 2:
            return None
        kept = set(self.used)
        first, second = node.inputs
        self.take(tensor)
        found = self.plain(second)
        rest = self.maker(self.plain(first))
        if node.attributes.get("axis") in (1, -1) and rest is not None and rest.operator == "Sub":
            one = self.known.get(rest.inputs[0])
            if one is not None and set(one.values) == {1.0} and len(rest.inputs) == 2:
                self.take(self.plain(first))
                if self.plain(rest.inputs[1]) == found:
                    return found
        self.used = kept
        return None
