"""The source of layers and losses as indexed loops over flat lists, for interpreters with a JIT.

Each Dense layer's weights are one flat list of floats, with a neuron's weights adjacent: the weight
from input i to output j is W[j * inputs + i]. PyPy keeps such a list unboxed. The loops compute a
few neurons at a time: their sums do not wait for one another, and share each load of an input. In
the backward pass, one pass over the weights carries the derivatives down and changes the weights,
or adds up their derivatives.

Names in the source, ending with the layer's index in the network, all of them lists:

    x, t                 one sample's inputs and targets
    W0, b0               weights and biases of layer 0       gamma1, beta1    scale and shift
    z0, a1               outputs of a Dense layer, and of any other
    dY, d2               derivatives of the loss by the network's outputs, by the inputs of layer 2
    h_1, p_3             other rows of the layers' programs (see formulas/)
    dW0                  derivative by W0, summed over the batch
"""

from __future__ import annotations

from typing import Collection, Mapping, Sequence

from ...formulas import LAYER_FORMULAS, expressions
from ...formulas.expressions import parsed
from ...formulas.indexed_loops import LoopLanguage, Loops, listed_rows
from ...formulas.losses import loss_formula
from ...formulas.programs import Each, Program, described
from ..plans import LayerPlan, TrainingPlan
from ..source import SourceWriter

PYTHON = LoopLanguage()

# Measured on PyPy 7.3: four neurons at a time are fastest (64-32-10: 8.7 us a sample against 20 us
# one at a time), or two if rows of inputs are long (784-30-10: 81 us against 152 us).
BLOCK = 4
WIDE_BLOCK = 2
WIDE = 512


def parameter_names(layers: Sequence[LayerPlan], trained: bool = False) -> list[str]:
    """Return the names of the flat lists of parameters, in the network's order.

    trained: only of those that are not frozen
    """
    return [
        f"{letter}{layer.place}"
        for layer in layers
        for letter in (layer.trained() if trained else layer.letters())
    ]


def _blocks(layer: LayerPlan) -> list[tuple[int, int, int]]:
    """Return (start, stop, step) of each loop over neurons: blocks, then the rest one by one."""
    block = WIDE_BLOCK if layer.inputs > WIDE else BLOCK
    main = layer.outputs // block * block
    return [part for part in ((0, main, block), (main, layer.outputs, 1)) if part[0] < part[1]]


class LoopForward:
    """Writes the forward pass of one sample; `held[k]` is the list of layer k's inputs."""

    def __init__(self, code: SourceWriter, layers: Sequence[LayerPlan], training: bool) -> None:
        self.code, self.layers, self.training = code, layers, training
        self.held = ["x"]
        for layer in layers:
            if layer.kind == "Dropout" and not training:
                self.held.append(self.held[-1])
                continue
            target = output_name(layer)
            code.comment(f"forward through {layer}")
            if not training:
                code(*[f"{name} = [0.0] * {layer.outputs}" for name in list_names(layer, False)])
            writers = {"Dense": self._dense, "Dropout": self._dropout}
            writers.get(layer.kind, self._by_program)(layer, self.held[-1], target)
            self.held.append(target)

    def _dense(self, layer: LayerPlan, x: str, z: str) -> None:
        code, n, k = self.code, layer.inputs, layer.place
        for low, high, step in _blocks(layer):
            with code.block(f"for j in range({low}, {high}, {step}):"):
                for c in range(step):
                    code(f"q{c} = (j + {c}) * {n}")
                    code(f"s{c} = 0.0")
                with code.block(f"for i in range({n}):"):
                    code(f"v = {x}[i]")
                    code(*[f"s{c} += v * W{k}[q{c} + i]" for c in range(step)])
                bias = f" + b{k}[j + {{c}}]" if layer.biased else ""
                code(*[f"{z}[j + {c}] = s{c}{bias.format(c=c)}" for c in range(step)])

    def _by_program(self, layer: LayerPlan, z: str, a: str) -> None:
        program = LAYER_FORMULAS[layer.kind].forward
        kept = kept_rows(layer, self.training)
        for loops in loops_of(self.code, layer, {"z": z, "y": a}, kept):
            loops.run(program)

    def _dropout(self, layer: LayerPlan, z: str, a: str) -> None:
        keep = 1.0 / (1.0 - layer.number)
        with self.code.block(f"for j in range({layer.outputs}):"):
            self.code(
                f"v = 0.0 if draw{layer.place}() < {layer.number!r} else {keep!r}",
                f"f{layer.place}[j] = v", f"{a}[j] = {z}[j] * v",
            )  # fmt: skip


def loops_of(
    code: SourceWriter,
    layer: LayerPlan,
    lists: dict[str, str],
    kept: Collection[str],
    adds: Mapping[str, tuple[str, str]] | None = None,
) -> list[Loops]:
    """Return the writers of a layer's row program, one for each group of columns.

    Rows that are not in `lists` are the layer's own.
    """
    place = layer.place
    formula = LAYER_FORMULAS[layer.kind]
    made = {s.to for s in [*formula.forward, *formula.backward] if isinstance(s, Each)}
    own = {row: f"{row}_{place}" for row in made}
    own.update((letter, f"{letter}{place}") for letter in layer.letters())
    numbers = layer.written_numbers()

    groups = layer.groups()
    made_by = []
    for begin, end in groups:
        group = f"g{begin}" if len(groups) > 1 else ""

        def scalar(name: str, group: str = group) -> str:
            return numbers.get(name, f"{name}_{place}{group}")

        columns = f"{begin}, {end}" if begin else f"{end}"
        made_by.append(Loops(PYTHON, code, columns, {**own, **lists}, scalar, kept, adds or {}))
    return made_by


def kept_rows(layer: LayerPlan, training: bool) -> set[str]:
    """Return the rows that are needed after a layer's forward program."""
    formula = LAYER_FORMULAS[layer.kind]
    made = {statement.to for statement in formula.forward if isinstance(statement, Each)}
    used = {name for s in formula.backward for name in expressions.names(parsed(s.value))}
    return {"y"} | (made & used if training else set())


def list_names(layer: LayerPlan, training: bool) -> list[str]:
    """Return the names of the lists that a layer's passes use, besides its parameters."""
    names = [output_name(layer)]
    if layer.kind == "Dropout":
        return [*names, f"f{layer.place}"]
    formula = LAYER_FORMULAS.get(layer.kind)
    if formula is None:
        return names
    rows = listed_rows(formula.forward, kept_rows(layer, training))
    if training:
        rows |= listed_rows(formula.backward, ()) - {"d"}
    rows -= {"y", *[f"d{letter}" for letter in layer.letters()]}
    return names + [f"{row}_{layer.place}" for row in sorted(rows)]


def output_name(layer: LayerPlan) -> str:
    """Return the name of the list of a layer's outputs."""
    return f"{'z' if layer.kind == 'Dense' else 'a'}{layer.place}"


def write_loss(code: SourceWriter, plan: TrainingPlan, held: list[str]) -> int:
    """Write a sample's loss `one` and its derivatives dY; return how many last layers they skip."""
    program = _loss_program(plan)
    code.comment(f"loss {plan.loss}: {described(program)}")
    lists = {row: f"{row}Y" for row in loss_rows(plan)}
    numbers = {"c": repr(plan.loss_number), "loss": "one"}

    def scalar(name: str) -> str:
        return numbers.get(name, name)

    lists.update(y=held[-1], t="t", d="dY")
    Loops(PYTHON, code, str(plan.outputs), lists, scalar, ["d"]).run(program)
    return int(plan.fused)


def loss_rows(plan: TrainingPlan) -> set[str]:
    """Return the rows that the loss needs lists for, besides outputs and targets."""
    return listed_rows(_loss_program(plan), ["d"])


def _loss_program(plan: TrainingPlan) -> Program:
    loss, derivative = loss_formula(plan.loss, plan.from_logits).parts(plan.fused)
    return [*loss, *derivative]


class LoopBackward:
    """Writes the backward pass through the layers, and the derivatives by the parameters.

    With `at_once`, the weights change in the same pass: single samples and plain SGD.
    """

    def __init__(self, forward: LoopForward, skipped: int, at_once: bool) -> None:
        self.code, self.held, self.layers = forward.code, forward.held, forward.layers
        self.at_once = at_once
        trained = [k for k, layer in enumerate(self.layers) if layer.trained()]
        if not trained:
            return
        self.g = "dY"  # the list of derivatives by the next layer's outputs
        for k in range(len(self.layers) - 1 - skipped, trained[0] - 1, -1):
            self.code.comment(f"backward through {self.layers[k]}")
            writers = {"Dense": self._dense, "Dropout": self._dropout}
            writers.get(self.layers[k].kind, self._by_program)(k, k > trained[0])

    def _target(self, name: str) -> tuple[str, str]:
        """Return the list that a sample's contribution is added to, and the sign."""
        return (name, "-") if self.at_once else (f"d{name}", "+")

    def _dense(self, k: int, down: bool) -> None:
        code, layer, g = self.code, self.layers[k], self.g
        n, W, below = layer.inputs, f"W{layer.place}", f"d{layer.place}"
        target, sign = self._target(W)
        bias, _ = self._target(f"b{layer.place}")
        weights = "W" in layer.trained()
        if down:
            with code.block(f"for i in range({n}):"):
                code(f"{below}[i] = 0.0")
        for low, high, step in _blocks(layer):
            with code.block(f"for j in range({low}, {high}, {step}):"):
                for c in range(step):
                    code(f"q{c} = (j + {c}) * {n}", f"g{c} = {g}[j + {c}]")
                    if "b" in layer.trained():
                        code(f"{bias}[j + {c}] {sign}= g{c}")
                if not (weights or down):
                    continue
                with code.block(f"for i in range({n}):"):
                    if weights:
                        code(f"v = {self.held[k]}[i]")
                    if down:
                        code(*[f"w{c} = {W}[q{c} + i]" for c in range(step)])
                        code(f"{below}[i] += {' + '.join(f'w{c} * g{c}' for c in range(step))}")
                    if not weights:
                        continue
                    old = "w{c}" if down and self.at_once else f"{target}[q{{c}} + i]"
                    line = f"{target}[q{{c}} + i] = {old} {sign} v * g{{c}}"
                    code(*[line.format(c=c) for c in range(step)])
        self.g = below

    def _by_program(self, k: int, down: bool) -> None:
        layer = self.layers[k]
        lists = {"z": self.held[k], "y": self.held[k + 1], "d": self.g}
        adds = {f"d{letter}": self._target(f"{letter}{layer.place}") for letter in layer.trained()}
        left = {f"d{letter}" for letter in layer.fixed}
        program = LAYER_FORMULAS[layer.kind].backward
        for loops in loops_of(self.code, layer, lists, ["d"], adds):
            loops.run([s for s in program if (down or s.to in adds) and s.to not in left])

    def _dropout(self, k: int, down: bool) -> None:
        layer = self.layers[k]
        with self.code.block(f"for j in range({layer.outputs}):"):
            self.code(f"{self.g}[j] *= f{layer.place}[j]")
