"""The straight-line source of layers: forward, and backward to the derivative of each parameter.

Names in the source, with the layer's index in the network first, then its input and its output:

    x0, x1 ...             a sample's inputs        t0, t1 ...  its targets
    W0_1_2, b0_2           weight from input 1 to output 2 of layer 0, and the bias of output 2
    gamma1_2, beta1_2      scale and shift of a normalization layer's column 2
    z0_2, a1_2             outputs of a Dense layer, and of any other
    d0_2                   derivative of the loss by z0_2

In source with several samples, all names but the parameters' end with the sample's number: a1_2s3.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence

from ...formulas import LAYER_FORMULAS, expressions
from ...formulas.activations import ACTIVATIONS, is_gate
from ...formulas.programs import Program, described, value_of
from ...formulas.straight_line import StraightLine, turned_program
from ..plans import LayerPlan
from ..source import ZEROS, SourceWriter, braced, product, total

Numbers = Dict[str, float]  # parameters by name, to be written into the source as numbers


class Term(NamedTuple):
    """A sample's contribution to the derivative by a parameter: factor * derivative."""

    parameter: str
    factor: str
    derivative: str

    def __str__(self) -> str:
        # In parentheses, if need be, so that it can be a term of a longer sum.
        return product(self.factor, braced(self.derivative))


class Group(NamedTuple):
    """Terms that are all 0 if `condition`, when there is one, is 0 (before or after ReLU).

    If they are left out and a factor is infinite, `lists` computes 0 times infinity and diverges at
    once; this engine diverges later.
    """

    condition: str
    terms: list[Term]


def parameter_names(layers: Sequence[LayerPlan], trained: bool = False) -> list[str]:
    """Return the names of all weights and biases, in the order of `Sequential.parameters`.

    trained: only of those that are not frozen
    """
    names: list[str] = []
    for layer in layers:
        for letter in layer.trained() if trained else layer.letters():
            if letter == "W":
                names += [
                    f"W{layer.place}_{i}_{j}"
                    for i in range(layer.inputs)
                    for j in range(layer.outputs)
                ]
            else:
                names += [f"{letter}{layer.place}_{j}" for j in range(layer.outputs)]
    return names


class Forward:
    """Writes the forward pass of one sample, and keeps the names that the backward pass needs.

    `held[k]` are the names of the inputs of layer k, and `held[-1]` those of the network's outputs.
    With `numbers`, the parameters are written as numbers; with `careful`, no exp can overflow.
    """

    def __init__(
        self,
        code: SourceWriter,
        layers: Sequence[LayerPlan],
        inputs: list[str],
        training: bool,
        sample: str = "",
        numbers: Numbers | None = None,
        careful: bool = False,
    ) -> None:
        self.code = code
        self.layers = layers
        self.training = training
        self.sample = sample
        self.numbers = numbers
        self.careful = careful
        self.held = [inputs]
        # for the backward pass, by layer; several if the layer has groups of columns
        self.programs: dict[int, list[StraightLine]] = {}
        for k, layer in enumerate(layers):
            if len(self.held) > k + 1:
                continue  # written together with the layer before it
            if layer.kind == "Dense":
                self._dense(k)
            elif layer.kind == "Dropout":
                self._dropout(layer)
            else:
                self._by_program(k, self.held[-1])

    def _names(self, letter: str, layer: LayerPlan) -> list[str]:
        return [f"{letter}{layer.place}_{j}{self.sample}" for j in range(layer.outputs)]

    def _value(self, name: str, negative: bool = False) -> str:
        """Return the source of a parameter: its name, or its number, negated or not."""
        if self.numbers is None:
            return name
        return repr(-self.numbers[name] if negative else self.numbers[name])

    def _product(self, x: str, w: str) -> str:
        if self.numbers is None:
            return product(x, w)
        # A weight of 1 stays a factor, so that an int in the row becomes a float.
        return "0.0" if w in ZEROS else f"{x} * {w}"

    def _dense(self, k: int) -> None:
        layer = self.layers[k]
        following = self.layers[k + 1] if k + 1 < len(self.layers) else None
        together = following is not None and takes_sums(following.kind) and not self.careful
        program = LAYER_FORMULAS[following.kind].forward if together and following else ()
        turn = turned_program(program, "z") if together and self.numbers is not None else None
        sums = []
        for j in range(layer.outputs):
            terms = [
                self._product(x, self._value(f"W{layer.place}_{i}_{j}", turn is not None))
                for i, x in enumerate(self.held[-1])
            ]
            bias = self._value(f"b{layer.place}_{j}", turn is not None) if layer.biased else ""
            sums.append(total([*terms, bias]))
        plus = " + b" if layer.biased else ""
        names = self._names("z", layer)
        self.code.comment(f"forward through {layer}: z = x W{plus}")
        self.held.append(names)
        if together:
            self._by_program(k + 1, sums, turn or program)
        else:
            self.code(*[f"{z} = {z_sum}" for z, z_sum in zip(names, sums)])

    def _by_program(self, k: int, z: list[str], program: Program | None = None) -> None:
        """Write layer k from its row program."""
        layer, formula = self.layers[k], LAYER_FORMULAS[self.layers[k].kind]
        self.code.comment(f"forward through {layer}: {described(formula.forward)}")

        groups = layer.groups()
        self.programs[k] = []
        self.held.append([])
        for begin, end in groups:
            straight = self._straight(layer, begin, end, len(groups) > 1)
            straight.rows["z"] = z[begin:end]
            straight.run(program or formula.forward)
            self.programs[k].append(straight)
            self.held[-1] += straight.rows["y"]

    def _straight(self, layer: LayerPlan, begin: int, end: int, part: bool) -> StraightLine:
        """Return the writer of a layer's row program for the columns from `begin` to `end`."""
        group = f"g{begin}" if part else ""

        def name(to: str, column: int | None) -> str:
            letter, place = "a" if to == "y" else to, f"{layer.place}"
            which = group if column is None else f"_{begin + column}"
            return f"{letter}{place}{which}{self.sample}"

        kept = () if self.numbers is None else layer.letters()
        straight = StraightLine(self.code, name, not self.careful, kept)
        straight.scalars.update(layer.written_numbers())
        for letter in layer.letters():
            names = [f"{letter}{layer.place}_{j}" for j in range(begin, end)]
            straight.rows[letter] = [self._value(name) for name in names]
        return straight

    def _dropout(self, layer: LayerPlan) -> None:
        if not self.training:
            self.held.append(self.held[-1])
            return
        keep = 1.0 / (1.0 - layer.number)
        self.code.comment(
            f"forward through {layer}: a = z f, f = 0 with probability {layer.number!r}"
        )
        names = self._names("a", layer)
        for a, f, z in zip(names, self._names("f", layer), self.held[-1]):
            self.code(f"{f} = 0.0 if draw{layer.place}() < {layer.number!r} else {keep!r}")
            self.code(f"{a} = {product(z, f)}")
        self.held.append(names)


class Backward:
    """Writes the backward pass: from the derivatives by the outputs to those by the parameters.

    The derivative of a hidden unit stays unwritten while it is used only once, so that it becomes
    one line: (sum over the next layer's d * W) * slope. `groups` are the resulting derivatives by
    the parameters, still to be added up or used.
    """

    def __init__(self, forward: Forward, derivatives: list[str], top: int) -> None:
        """Begin with the sources of the derivatives by the outputs of layer `top`."""
        self.forward, self.code, self.held = forward, forward.code, forward.held
        self.groups: list[Group] = []
        layers = forward.layers
        trained = [k for k, layer in enumerate(layers) if layer.trained()]
        if not trained:
            return
        for k in range(top, trained[0] - 1, -1):
            writers = {"Dense": self._dense, "Dropout": self._dropout}
            write = writers.get(layers[k].kind, self._by_program)
            above, self.groups = self.groups, []
            derivatives = write(k, derivatives, k > trained[0])
            self.groups += above
        if any(layer.fixed for layer in layers):
            names = {*parameter_names(layers, trained=True)}
            self.groups = [
                Group(condition, [term for term in terms if term.parameter in names])
                for condition, terms in self.groups
            ]

    def _comment(self, k: int, words: str) -> None:
        self.code.comment(f"backward through {self.forward.layers[k]}: {words}")

    def _named(self, k: int, letter: str, derivatives: list[str]) -> list[str]:
        """Write assignments of the derivatives by the outputs of layer k; return the names."""
        names = self.forward._names(letter, self.forward.layers[k])
        self.code(*[f"{d} = {derivative}" for d, derivative in zip(names, derivatives)])
        return names

    def _dense(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        layers = self.forward.layers
        layer = layers[k]
        self._comment(k, "dW = x^T d" + (", db = d" if layer.biased else ""))
        d = self._named(k, "d", derivatives)
        biases = [Term(f"b{layer.place}_{j}", "1.0", d_j) for j, d_j in enumerate(d)]
        biases = biases if layer.biased else []
        weights = [
            [Term(f"W{layer.place}_{i}_{j}", x, d_j) for j, d_j in enumerate(d)]
            for i, x in enumerate(self.held[k])
        ]
        below = k > 0 and is_gate(layers[k - 1].kind)
        above = k + 1 < len(layers) and is_gate(layers[k + 1].kind)
        if above and not below:
            for j, column in enumerate(zip(*weights)):
                self.groups.append(Group(d[j], [*column, *biases[j : j + 1]]))
        else:
            for x, row in zip(self.held[k], weights):
                self.groups.append(Group(x if below else "", row))
            self.groups.append(Group("", biases))
        if not down:
            return []
        return [
            total([f"{d_j} * W{layer.place}_{i}_{j}" for j, d_j in enumerate(d)])
            for i in range(layer.inputs)
        ]

    def _by_program(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        layer = self.forward.layers[k]
        program = LAYER_FORMULAS[layer.kind].backward
        self._comment(k, described(program))
        own = [f"d{letter}" for letter in layer.letters()]
        below: list[str] = []
        for (begin, end), straight in zip(layer.groups(), self.forward.programs[k]):
            straight.rows["d"] = derivatives[begin:end]
            straight.run([s for s in program if down or s.to in own], ["d", *own])
            for letter in layer.letters():
                terms = [
                    Term(f"{letter}{layer.place}_{j}", "1.0", derivative)
                    for j, derivative in enumerate(straight.rows[f"d{letter}"], begin)
                ]
                self.groups.append(Group("", terms))
            below += straight.rows["d"]
        return below

    def _dropout(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        self._comment(k, "times f")
        factors = self.forward._names("f", self.forward.layers[k])
        return [f"{braced(d)} * {f}" for d, f in zip(derivatives, factors)]


def takes_sums(kind: str) -> bool:
    """Return whether the sum z can be written inline because the layer uses z only once."""
    formula = ACTIVATIONS.get(kind)
    if formula is None or len(formula.forward) > 1 or not formula.elementwise:
        return False
    tree = expressions.parsed(value_of(formula.forward[0], quick=True))
    chosen = tree[0] == "if" and tree[3] == ("name", "z")  # y = sum; if ...: y = ...
    in_backward = any(
        "z" in expressions.names(expressions.parsed(statement.value))
        for statement in formula.backward
    )
    return (chosen or expressions.most_uses(tree, "z") == 1) and not in_backward
