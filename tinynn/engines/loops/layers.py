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
    dW0                  derivative by W0, summed over the batch
"""

from __future__ import annotations

from typing import Callable, Sequence

from ...lesson.losses import SMALLEST_VARIANCE
from ..formulas import FORMULAS
from ..plans import LayerPlan, TrainingPlan
from ..source import SourceWriter
from ..unrolled.losses import LARGEST_BCE_LOSS, LARGEST_CE_LOSS, LEAST_BCE, LEAST_CE

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
        writers: dict[str, Callable[[LayerPlan, str, str], None]] = {
            "Dense": self._dense, "Softmax": self._softmax, "LogSoftmax": self._softmax,
            "Dropout": self._dropout, "LayerNorm": self._normalize, "Affine": self._affine,
        }  # fmt: skip
        for layer in layers:
            if layer.kind == "Dropout" and not training:
                self.held.append(self.held[-1])
                continue
            target = output_name(layer)
            text.comment(f"forward through {layer}")
            if not training:
                text(f"{target} = [0.0] * {layer.outputs}")
            writers.get(layer.kind, self._elementwise)(layer, self.held[-1], target)
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

    def _elementwise(self, layer: LayerPlan, z: str, a: str) -> None:
        formula = FORMULAS[layer.kind]
        parts = {"z": "v", "p": "p", "c": repr(layer.number)}
        with self.text.block(f"for j in range({layer.outputs}):"):
            self.text(f"v = {z}[j]")
            if formula.kept:
                self.text("p = " + (formula.careful or formula.kept).format(**parts))
            careful = formula.careful if not formula.kept else ""
            self.text(f"{a}[j] = " + (careful or formula.value).format(**parts))

    def _softmax(self, layer: LayerPlan, z: str, a: str) -> None:
        text = self.text
        text(f"top = max({z})", "e = 0.0")
        with text.block(f"for j in range({layer.outputs}):"):
            text(f"v = exp({z}[j] - top)", "e += v", f"{a}[j] = v")
        if layer.kind == "LogSoftmax":
            text("log_e = log(e)")
        with text.block(f"for j in range({layer.outputs}):"):
            text(f"{a}[j] /= e" if layer.kind == "Softmax" else f"{a}[j] = {z}[j] - top - log_e")

    def _dropout(self, layer: LayerPlan, z: str, a: str) -> None:
        keep = 1.0 / (1.0 - layer.number)
        with self.text.block(f"for j in range({layer.outputs}):"):
            self.text(
                f"v = 0.0 if draw{layer.place}() < {layer.number!r} else {keep!r}",
                f"f{layer.place}[j] = v", f"{a}[j] = {z}[j] * v",
            )  # fmt: skip

    def _normalize(self, layer: LayerPlan, z: str, a: str) -> None:
        text, k, n = self.text, layer.place, layer.inputs
        text("mean = 0.0")
        with text.block(f"for j in range({n}):"):
            text(f"mean += {z}[j]")
        text(f"mean /= {n}", "spread = 0.0")
        with text.block(f"for j in range({n}):"):
            text(f"v = {z}[j] - mean", "spread += v * v")
        text(f"i{k} = 1.0 / sqrt(spread / {n} + {layer.number!r})")
        with text.block(f"for j in range({n}):"):
            text(f"v = ({z}[j] - mean) * i{k}")
            if self.training:
                text(f"h{k}[j] = v")
            text(f"{a}[j] = gamma{k}[j] * v + beta{k}[j]")

    def _affine(self, layer: LayerPlan, z: str, a: str) -> None:
        k = layer.place
        with self.text.block(f"for j in range({layer.outputs}):"):
            self.text(f"{a}[j] = gamma{k}[j] * {z}[j] + beta{k}[j]")


def output_name(layer: LayerPlan) -> str:
    """Return the name of the list of a layer's outputs."""
    return f"{'z' if layer.kind == 'Dense' else 'a'}{layer.place}"


def write_loss(text: SourceWriter, plan: TrainingPlan, held: list[str]) -> int:
    """Write the loss `one` and its derivatives dY; return how many last layers those skip."""
    m, Y = plan.outputs, held[-1]
    text.comment(f"loss {plan.loss}")
    text("one = 0.0")
    if plan.loss == "ce":
        text("right = 0.0")
        with text.block(f"for j in range({m}):"):
            text("right += t[j]")
        if plan.from_logits:
            _write_ce_of_logits(text, Y, m)
            return 0
    with text.block(f"for j in range({m}):"):
        text(f"y = {Y}[j]", "u = t[j]")
        if plan.loss in ("mse", "mae", "huber"):
            _write_distance(text, plan)
        elif plan.loss == "hinge":
            text("h = 1.0 - u * y", "one += 0.0 if h <= 0.0 else h")
            text("dY[j] = -k * u if h > 0.0 else 0.0")
        elif plan.loss == "ce":
            text(f"one -= u * (-{LARGEST_CE_LOSS} if y < {LEAST_CE} else log(y))")
            joint = "dY[j] = k * (y * right - u)"
            text(joint if plan.fused else f"dY[j] = -k * u / max(y, {LEAST_CE})")
        elif plan.from_logits:
            text("one += (y if y > 0.0 else 0.0) - y * u + log1p(exp(-abs(y)))")
            text(f"p = {FORMULAS['Sigmoid'].careful.format(z='y')}", "dY[j] = k * (p - u)")
        else:
            for name, value in (("l", "y"), ("h", "1.0 - y")):
                text(f"{name} = {value}")
                text(f"{name} = -{LARGEST_BCE_LOSS} if {name} < {LEAST_BCE} else log({name})")
            text("one += (u - 1.0) * h - u * l")
            apart = f"dY[j] = k * (y - u) / max(y * (1.0 - y), {SMALLEST_VARIANCE!r})"
            text("dY[j] = k * (y - u)" if plan.fused else apart)
    return int(plan.fused)


def _write_distance(text: SourceWriter, plan: TrainingPlan) -> None:
    text("r = y - u")
    if plan.loss == "mse":
        text("one += r * r", "dY[j] = k * r")
    elif plan.loss == "mae":
        text("one += abs(r)", "dY[j] = k if r > 0.0 else -k if r < 0.0 else 0.0")
    else:
        delta = repr(plan.delta)
        text(f"h = r if -{delta} <= r <= {delta} else {delta} if r > 0.0 else -{delta}")
        text("one += h * (r - 0.5 * h)", "dY[j] = k * h")


def _write_ce_of_logits(text: SourceWriter, z: str, m: int) -> None:
    text(f"top = max({z})", "e = 0.0")
    with text.block(f"for j in range({m}):"):
        text(f"v = exp({z}[j] - top)", "e += v", "dY[j] = v")
    text("log_e = log(e)")
    with text.block(f"for j in range({m}):"):
        text(f"one -= t[j] * ({z}[j] - top - log_e)", "dY[j] = k * (dY[j] / e * right - t[j])")


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
        writers: dict[str, Callable[[int, bool], None]] = {
            "Dense": self._dense, "Softmax": self._softmax, "LogSoftmax": self._log_softmax,
            "Dropout": self._dropout, "LayerNorm": self._normalize,
        }  # fmt: skip
        for k in range(len(self.layers) - 1 - skipped, trained[0] - 1, -1):
            self.text.comment(f"backward through {self.layers[k]}")
            writers.get(self.layers[k].kind, self._elementwise)(k, k > trained[0])

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

    def _elementwise(self, k: int, down: bool) -> None:
        text, layer, g = self.text, self.layers[k], self.g
        formula = FORMULAS[layer.kind]
        parts = {"z": "v", "y": "y", "p": "p", "c": repr(layer.number)}
        with text.block(f"for j in range({layer.outputs}):"):
            text(f"y = {self.held[k + 1]}[j]", f"v = {self.held[k]}[j]")
            if formula.kept:
                text("p = " + (formula.careful or formula.kept).format(**parts))
            if formula.slope:
                text(f"{g}[j] *= {formula.slope.format(**parts)}")
            else:
                text(f"if not y: {g}[j] = 0.0")

    def _softmax(self, k: int, down: bool) -> None:
        text, a, g, m = self.text, self.held[k + 1], self.g, self.layers[k].outputs
        text("q = 0.0")
        with text.block(f"for j in range({m}):"):
            text(f"q += {g}[j] * {a}[j]")
        with text.block(f"for j in range({m}):"):
            text(f"{g}[j] = {a}[j] * ({g}[j] - q)")

    def _log_softmax(self, k: int, down: bool) -> None:
        text, a, g, m = self.text, self.held[k + 1], self.g, self.layers[k].outputs
        text("q = 0.0")
        with text.block(f"for j in range({m}):"):
            text(f"q += {g}[j]")
        with text.block(f"for j in range({m}):"):
            text(f"{g}[j] -= exp({a}[j]) * q")

    def _dropout(self, k: int, down: bool) -> None:
        layer = self.layers[k]
        with self.text.block(f"for j in range({layer.outputs}):"):
            self.text(f"{self.g}[j] *= f{layer.place}[j]")

    def _normalize(self, k: int, down: bool) -> None:
        text, layer, g = self.text, self.layers[k], self.g
        place, n = layer.place, layer.inputs
        gamma, sign = self._target(f"gamma{place}")
        beta, _ = self._target(f"beta{place}")
        text("mean = 0.0", "slope = 0.0")
        with text.block(f"for j in range({n}):"):
            text(f"v = {g}[j]", f"h = h{place}[j]", f"w = v * gamma{place}[j]")
            text("mean += w", "slope += w * h", f"d{place}[j] = w")
            text(f"{gamma}[j] {sign}= v * h", f"{beta}[j] {sign}= v")
        if down:
            text(f"mean /= {n}", f"slope /= {n}")
            with text.block(f"for j in range({n}):"):
                text(f"d{place}[j] = (d{place}[j] - mean - h{place}[j] * slope) * i{place}")
        self.g = f"d{place}"
