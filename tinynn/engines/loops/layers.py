"""The text of layers and losses as indexed loops over flat lists, for interpreters with a JIT.

Each Dense layer's weights are one flat list of floats, a neuron's weights side by side: the weight
from input i to output j is W[j * inputs + i]. PyPy keeps such a list unboxed. A few neurons are
worked on at a time: their sums do not wait for one another, and share each load of the input. On
the way back one pass over the weights carries the derivatives down and changes the weights, or adds
up their derivatives.

Names in the text (k: the layer's place in the network), all of them lists:

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

# Measured on PyPy 7.3: four neurons at a time are fastest (64-32-10: 8.7 us a sample for 20 us one
# at a time), two where the row of inputs is long (784-30-10: 81 us for 152 us).
BLOCK = 4
WIDE_BLOCK = 2
WIDE = 512


def parameter_names(layers: Sequence[LayerPlan]) -> list[str]:
    """Return the names of the flat lists of parameters, in the order of the network's."""
    return [f"{letter}{layer.place}" for layer in layers for letter in layer.letters()]


def _blocks(layer: LayerPlan) -> list[tuple[int, int, int]]:
    """Return (from, to, step) of the loops over the neurons: blocks, then the rest one by one."""
    block = WIDE_BLOCK if layer.inputs > WIDE else BLOCK
    main = layer.outputs // block * block
    return [part for part in ((0, main, block), (main, layer.outputs, 1)) if part[0] < part[1]]


class LoopForward:
    """Writes the forward pass of one sample; `held[k]` is the list that goes into layer k."""

    def __init__(self, text: SourceWriter, layers: Sequence[LayerPlan], training: bool) -> None:
        self.text, self.layers, self.training = text, layers, training
        self.held = ["x"]
        for layer in layers:
            if layer.kind == "Dropout" and not training:
                self.held.append(self.held[-1])
                continue
            target = output_name(layer)
            text.comment(f"forward through {layer}")
            if not training:
                text(*[f"{name} = [0.0] * {layer.outputs}" for name in list_names(layer, False)])
            writers = {"Dense": self._dense, "Dropout": self._dropout}
            writers.get(layer.kind, self._by_program)(layer, self.held[-1], target)
            self.held.append(target)

    def _dense(self, layer: LayerPlan, x: str, z: str) -> None:
        text, n, k = self.text, layer.inputs, layer.place
        for low, high, step in _blocks(layer):
            with text.block(f"for j in range({low}, {high}, {step}):"):
                for c in range(step):
                    text(f"q{c} = (j + {c}) * {n}")
                    text(f"s{c} = 0.0")
                with text.block(f"for i in range({n}):"):
                    text(f"v = {x}[i]")
                    text(*[f"s{c} += v * W{k}[q{c} + i]" for c in range(step)])
                bias = f" + b{k}[j + {{c}}]" if layer.biased else ""
                text(*[f"{z}[j + {c}] = s{c}{bias.format(c=c)}" for c in range(step)])

    def _by_program(self, layer: LayerPlan, z: str, a: str) -> None:
        program = LAYER_FORMULAS[layer.kind].forward
        kept = kept_rows(layer, self.training)
        loops_of(self.text, layer, {"z": z, "y": a}, kept).run(program)

    def _dropout(self, layer: LayerPlan, z: str, a: str) -> None:
        keep = 1.0 / (1.0 - layer.number)
        with self.text.block(f"for j in range({layer.outputs}):"):
            self.text(
                f"v = 0.0 if draw{layer.place}() < {layer.number!r} else {keep!r}",
                f"f{layer.place}[j] = v", f"{a}[j] = {z}[j] * v",
            )  # fmt: skip


def loops_of(
    text: SourceWriter,
    layer: LayerPlan,
    lists: dict[str, str],
    kept: Collection[str],
    adds: Mapping[str, tuple[str, str]] | None = None,
) -> Loops:
    """Return what writes a layer's row program; rows and numbers not in `lists` are the layer's."""
    place = layer.place
    formula = LAYER_FORMULAS[layer.kind]
    made = {s.to for s in [*formula.forward, *formula.backward] if isinstance(s, Each)}
    own = {row: f"{row}_{place}" for row in made}
    own.update((letter, f"{letter}{place}") for letter in layer.letters())
    numbers = {"c": repr(layer.number), "n": f"{layer.inputs}.0"}

    def scalar(name: str) -> str:
        return numbers.get(name, f"{name}_{place}")

    return Loops(PYTHON, text, str(layer.outputs), {**own, **lists}, scalar, kept, adds or {})


def kept_rows(layer: LayerPlan, training: bool) -> set[str]:
    """Return the rows of a layer's forward program that are needed after it."""
    formula = LAYER_FORMULAS[layer.kind]
    made = {statement.to for statement in formula.forward if isinstance(statement, Each)}
    used = {name for s in formula.backward for name in expressions.names(parsed(s.value))}
    return {"y"} | (made & used if training else set())


def list_names(layer: LayerPlan, training: bool) -> list[str]:
    """Return the names of the lists that a layer's passes work on, beside its parameters."""
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


def write_loss(text: SourceWriter, plan: TrainingPlan, held: list[str]) -> int:
    """Write the loss `one` and its derivatives dY; return how many last layers those skip."""
    program = _loss_program(plan)
    text.comment(f"loss {plan.loss}: {described(program)}")
    lists = {row: f"{row}Y" for row in loss_rows(plan)}
    numbers = {"c": repr(plan.loss_number), "loss": "one"}

    def scalar(name: str) -> str:
        return numbers.get(name, name)

    lists.update(y=held[-1], t="t", d="dY")
    Loops(PYTHON, text, str(plan.outputs), lists, scalar, ["d"]).run(program)
    return int(plan.fused)


def loss_rows(plan: TrainingPlan) -> set[str]:
    """Return the rows that the loss needs lists for, beside outputs and targets."""
    return listed_rows(_loss_program(plan), ["d"])


def _loss_program(plan: TrainingPlan) -> Program:
    loss, derivative = loss_formula(plan.loss, plan.from_logits).parts(plan.fused)
    return [*loss, *derivative]


class LoopBackward:
    """Writes the way back through the layers, and what each parameter gets of it.

    `at_once`, the weights change in the same pass: after single samples, by plain SGD.
    """

    def __init__(self, forward: LoopForward, skipped: int, at_once: bool) -> None:
        self.text, self.held, self.layers = forward.text, forward.held, forward.layers
        self.at_once = at_once
        trained = [k for k, layer in enumerate(self.layers) if layer.letters()]
        if not trained:
            return
        self.g = "dY"  # the list of derivatives by the outputs of the layer that is next
        for k in range(len(self.layers) - 1 - skipped, trained[0] - 1, -1):
            self.text.comment(f"backward through {self.layers[k]}")
            writers = {"Dense": self._dense, "Dropout": self._dropout}
            writers.get(self.layers[k].kind, self._by_program)(k, k > trained[0])

    def _target(self, name: str) -> tuple[str, str]:
        """Return where a sample's part goes, and with which sign."""
        return (name, "-") if self.at_once else (f"d{name}", "+")

    def _dense(self, k: int, down: bool) -> None:
        text, layer, g = self.text, self.layers[k], self.g
        n, W, below = layer.inputs, f"W{layer.place}", f"d{layer.place}"
        target, sign = self._target(W)
        bias, _ = self._target(f"b{layer.place}")
        if down:
            with text.block(f"for i in range({n}):"):
                text(f"{below}[i] = 0.0")
        for low, high, step in _blocks(layer):
            with text.block(f"for j in range({low}, {high}, {step}):"):
                for c in range(step):
                    text(f"q{c} = (j + {c}) * {n}", f"g{c} = {g}[j + {c}]")
                    if layer.biased:
                        text(f"{bias}[j + {c}] {sign}= g{c}")
                with text.block(f"for i in range({n}):"):
                    text(f"v = {self.held[k]}[i]")
                    if down:
                        text(*[f"w{c} = {W}[q{c} + i]" for c in range(step)])
                        text(f"{below}[i] += {' + '.join(f'w{c} * g{c}' for c in range(step))}")
                    old = "w{c}" if down and self.at_once else f"{target}[q{{c}} + i]"
                    line = f"{target}[q{{c}} + i] = {old} {sign} v * g{{c}}"
                    text(*[line.format(c=c) for c in range(step)])
        self.g = below

    def _by_program(self, k: int, down: bool) -> None:
        layer = self.layers[k]
        lists = {"z": self.held[k], "y": self.held[k + 1], "d": self.g}
        adds = {f"d{letter}": self._target(f"{letter}{layer.place}") for letter in layer.letters()}
        program = LAYER_FORMULAS[layer.kind].backward
        loops = loops_of(self.text, layer, lists, ["d"], adds)
        loops.run([statement for statement in program if down or statement.to in adds])

    def _dropout(self, k: int, down: bool) -> None:
        layer = self.layers[k]
        with self.text.block(f"for j in range({layer.outputs}):"):
            self.text(f"{self.g}[j] *= f{layer.place}[j]")
