"""The straight-line text of layers: forward, and backward to the derivative of each parameter.

Names in the text (k: the layer's place in the network, i: its input, j: its output):

    x0, x1 ...             a sample's inputs        t0, t1 ...  its targets
    W0_1_2, b0_2           weight from input 1 to output 2 of layer 0, and the bias of output 2
    gamma1_2, beta1_2      scale and shift of a normalization layer's column 2
    z0_2, a1_2             outputs of a Dense layer, and of any other
    d0_2                   derivative of the loss by z0_2

In a text with several samples, all but the parameters end with the sample's number: a1_2s3.
"""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Sequence

from ..formulas import FORMULAS
from ..plans import LayerPlan
from ..source import SourceWriter, braced, product, total, write_guard

ZEROS = ("0.0", "-0.0")
Numbers = Dict[str, float]  # parameters by name, to be written into the text as numbers


class Term(NamedTuple):
    """A sample's part in the derivative by a parameter: factor * derivative."""

    parameter: str
    factor: str
    derivative: str

    def __str__(self) -> str:
        return product(self.factor, self.derivative)


class Group(NamedTuple):
    """Terms that are all 0 unless `condition`, if there is one, is not 0 (after or before ReLU).

    Where they are left out and a factor is infinite, `lists` has 0 times infinity, and diverges at
    once instead of later.
    """

    condition: str
    terms: list[Term]


def parameter_names(layers: Sequence[LayerPlan]) -> list[str]:
    """Return the names of all weights and biases, in the order of `Sequential.parameters`."""
    names: list[str] = []
    for layer in layers:
        for letter in layer.letters():
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
    """Writes the forward pass of one sample, and keeps the names that the way back needs.

    `held[k]` are the names of what goes into layer k, and `held[-1]` of what comes out at the end.
    With `numbers`, the parameters stand in the text as numbers; `careful`, no exp can overflow.
    """

    def __init__(
        self,
        text: SourceWriter,
        layers: Sequence[LayerPlan],
        inputs: list[str],
        training: bool,
        sample: str = "",
        numbers: Numbers | None = None,
        careful: bool = False,
    ) -> None:
        self.text = text
        self.layers = layers
        self.training = training
        self.sample = sample
        self.numbers = numbers
        self.careful = careful
        self.held = [inputs]
        for k, layer in enumerate(layers):
            if len(self.held) > k + 1:
                continue  # written together with the layer before
            if layer.kind == "Dense":
                self._dense(layer, layers[k + 1] if k + 1 < len(layers) else None)
            else:
                writer: dict[str, Callable[[LayerPlan], None]] = {
                    "Softmax": self._softmax, "LogSoftmax": self._softmax,
                    "Dropout": self._dropout, "LayerNorm": self._normalize, "Affine": self._affine,
                }  # fmt: skip
                writer.get(layer.kind, self._elementwise)(layer)

    def _names(self, letter: str, layer: LayerPlan) -> list[str]:
        return [f"{letter}{layer.place}_{j}{self.sample}" for j in range(layer.outputs)]

    def _value(self, name: str, negative: bool = False) -> str:
        """Return the text of a parameter: its name, or its number, with the sign turned or not."""
        if self.numbers is None:
            return name
        return repr(-self.numbers[name] if negative else self.numbers[name])

    def _product(self, x: str, w: str) -> str:
        if self.numbers is None:
            return product(x, w)
        # No product is left out for a weight of 1: an int in the row must become a float.
        return "" if w in ZEROS else f"{x} * {w}"

    def _dense(self, layer: LayerPlan, following: LayerPlan | None) -> None:
        formula = FORMULAS.get(following.kind) if following else None
        together = formula is not None and formula.takes_sums and not self.careful
        # exp(-(x w + b)) is exp(x (-w) + (-b)), to the last bit; numbers can be turned beforehand.
        turned = together and self.numbers is not None and following.kind == "Sigmoid"  # type: ignore[union-attr]
        k, sums = layer.place, []
        for j in range(layer.outputs):
            terms = [
                self._product(x, self._value(f"W{k}_{i}_{j}", turned))
                for i, x in enumerate(self.held[-1])
            ]
            bias = self._value(f"b{k}_{j}", turned) if layer.biased else ""
            sums.append(total([*terms, "" if bias in ZEROS else bias]))
        plus = " + b" if layer.biased else ""
        names = self._names("z", layer)
        self.text.comment(f"forward through {layer}: z = x W{plus}")
        self.held.append(names)
        if not together or formula is None or following is None:
            self.text(*[f"{z} = {z_sum}" for z, z_sum in zip(names, sums)])
            return
        self.text.comment(f"forward through {following}, at once: {formula.in_words}")
        activated = self._names("a", following)
        value = formula.value.replace("-{z}", "{z}") if turned else formula.value
        for a, z_sum in zip(activated, sums):
            if formula.then:
                self.text(f"{a} = {z_sum}", formula.then.format(y=a))
                continue
            bare = turned or following.kind == "Tanh"
            self.text(f"{a} = " + value.format(z=z_sum if bare else f"({z_sum})"))
        self.held.append(activated)

    def _elementwise(self, layer: LayerPlan) -> None:
        formula = FORMULAS[layer.kind]
        self.text.comment(f"forward through {layer}: {formula.in_words}")
        names = self._names("a", layer)
        kept = self._names("p", layer)
        value, p_value = formula.value, formula.kept
        if self.careful and formula.careful:
            value, p_value = (value, formula.careful) if p_value else (formula.careful, "")
        for a, p, z in zip(names, kept, self.held[-1]):
            parts = {"z": f"({z})" if z[0] == "-" else z, "c": repr(layer.number), "p": p}
            if p_value:
                self.text(f"{p} = " + p_value.format(**parts))
            self.text(f"{a} = " + value.format(**parts))
        self.held.append(names)

    def _softmax(self, layer: LayerPlan) -> None:
        names, z = self._names("a", layer), self.held[-1]
        pivot = z[0]
        start = 1  # the pivot's own power is 1
        if self.careful:
            self.text.comment(f"forward through {layer}; the largest input is taken from all")
            self.text(f"top = max({', '.join(z)}, {z[0]})")
            pivot, start = "top", 0
        else:
            formula = "a = e^z / sum e^z" if layer.kind == "Softmax" else "a = z - log sum e^z"
            self.text.comment(f"forward through {layer}: {formula}; {z[0]} is taken from each z")
        e, s = self._names("e", layer), self._names("s", layer)
        for j in range(start, layer.outputs):
            self.text(f"{s[j]} = {z[j]} - {pivot}", f"{e[j]} = exp({s[j]})")
        self.text("e = " + total(["1.0"] * start + e[start:]))
        if start:
            write_guard(self.text, layer.outputs)
        if layer.kind == "Softmax":
            if start:
                self.text(f"{names[0]} = 1.0 / e")
            self.text(*[f"{a} = {e_j} / e" for a, e_j in zip(names[start:], e[start:])])
        else:
            self.text("log_e = log(e)")
            if start:
                self.text(f"{names[0]} = -log_e")
            self.text(*[f"{a} = {s_j} - log_e" for a, s_j in zip(names[start:], s[start:])])
        self.held.append(names)

    def _dropout(self, layer: LayerPlan) -> None:
        if not self.training:
            self.held.append(self.held[-1])
            return
        keep = 1.0 / (1.0 - layer.number)
        self.text.comment(f"forward through {layer}: a = z f, f = 0 with chance {layer.number!r}")
        names = self._names("a", layer)
        for a, f, z in zip(names, self._names("f", layer), self.held[-1]):
            self.text(f"{f} = 0.0 if draw{layer.place}() < {layer.number!r} else {keep!r}")
            self.text(f"{a} = {product(z, f) or '0.0'}")
        self.held.append(names)

    def _normalize(self, layer: LayerPlan) -> None:
        z, h = self.held[-1], self._names("h", layer)
        inverse = f"i{layer.place}{self.sample}"
        self.text.comment(
            f"forward through {layer}: h = (z - mean) / sqrt(variance + eps), a = gamma h + beta"
        )
        self.text(f"mean = ({total(z)}) / {layer.inputs}")
        self.text(*[f"{h_j} = {z_j} - mean" for h_j, z_j in zip(h, z)])
        squares = total([f"{h_j} * {h_j}" for h_j in h])
        self.text(f"{inverse} = 1.0 / sqrt(({squares}) / {layer.inputs} + {layer.number!r})")
        self.text(*[f"{h_j} *= {inverse}" for h_j in h])
        self._scale(layer, h)

    def _affine(self, layer: LayerPlan) -> None:
        self.text.comment("forward through batch normalization: a = gamma z + beta")
        self._scale(layer, self.held[-1])

    def _scale(self, layer: LayerPlan, columns: list[str]) -> None:
        names = self._names("a", layer)
        for j, (a, h) in enumerate(zip(names, columns)):
            gamma, beta = (self._value(f"{n}{layer.place}_{j}") for n in ("gamma", "beta"))
            self.text(f"{a} = {gamma} * {h} + {beta}")
        self.held.append(names)


class Backward:
    """Writes the way back through the layers: from the derivatives by outputs to those by sums.

    The derivative of a hidden unit is carried on unwritten as long as it is used only once, so that
    it is one line: (sum over the next layer's d * W) * slope. `groups` are then the derivatives by
    the parameters, still to be added up or used.
    """

    def __init__(self, forward: Forward, derivatives: list[str], top: int) -> None:
        """Begin with the texts of the derivatives by what comes out of layer number `top`."""
        self.forward, self.text, self.held = forward, forward.text, forward.held
        self.groups: list[Group] = []
        layers = forward.layers
        trained = [k for k, layer in enumerate(layers) if layer.letters()]
        if not trained:
            return
        writers: dict[str, Callable[[int, list[str], bool], list[str]]] = {
            "Dense": self._dense, "Softmax": self._softmax, "LogSoftmax": self._log_softmax,
            "Dropout": self._dropout, "LayerNorm": self._normalize,
        }  # fmt: skip
        for k in range(top, trained[0] - 1, -1):
            write = writers.get(layers[k].kind, self._elementwise)
            above, self.groups = self.groups, []
            derivatives = write(k, derivatives, k > trained[0])
            self.groups += above

    def _comment(self, k: int, words: str) -> None:
        self.text.comment(f"backward through {self.forward.layers[k]}: {words}")

    def _named(self, k: int, letter: str, derivatives: list[str]) -> list[str]:
        """Write the derivatives by the outputs of layer k under names of their own."""
        names = self.forward._names(letter, self.forward.layers[k])
        self.text(*[f"{d} = {derivative}" for d, derivative in zip(names, derivatives)])
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
        below = k > 0 and layers[k - 1].kind == "ReLU"
        above = k + 1 < len(layers) and layers[k + 1].kind == "ReLU"
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

    def _elementwise(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        layer = self.forward.layers[k]
        formula = FORMULAS[layer.kind]
        self._comment(k, f"times the slope {formula.slope_in_words}")
        kept = self.forward._names("p", layer)
        written = []
        for derivative, z, a, p in zip(derivatives, self.held[k], self.held[k + 1], kept):
            slope = formula.slope.format(z=z, y=a, p=p, c=repr(layer.number))
            if slope:
                written.append(f"{braced(derivative)} * {slope}")
            else:
                written.append(f"{braced(derivative)} if {a} else 0.0")
        return written

    def _softmax(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        self._comment(k, "a (q - sum q a), q: derivative by a")
        q, a = self._named(k, "q", derivatives), self.held[k + 1]
        self.text("q = " + total([f"{q_j} * {a_j}" for q_j, a_j in zip(q, a)]))
        return [f"{a_j} * ({q_j} - q)" for q_j, a_j in zip(q, a)]

    def _log_softmax(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        self._comment(k, "q - e^a sum q, q: derivative by a")
        q, a = self._named(k, "q", derivatives), self.held[k + 1]
        self.text("q = " + total(q))
        return [f"{q_j} - exp({a_j}) * q" for q_j, a_j in zip(q, a)]

    def _dropout(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        self._comment(k, "times f")
        factors = self.forward._names("f", self.forward.layers[k])
        return [f"{braced(d)} * {f}" for d, f in zip(derivatives, factors)]

    def _normalize(self, k: int, derivatives: list[str], down: bool) -> list[str]:
        layer = self.forward.layers[k]
        self._comment(k, "dgamma = d h, dbeta = d")
        d, h = self._named(k, "d", derivatives), self.forward._names("h", layer)
        columns = [f"{layer.place}_{j}" for j in range(layer.outputs)]
        gammas = [Term(f"gamma{c}", d_j, h_j) for c, d_j, h_j in zip(columns, d, h)]
        betas = [Term(f"beta{c}", "1.0", d_j) for c, d_j in zip(columns, d)]
        self.groups += [Group("", gammas), Group("", betas)]
        if not down:
            return []
        g = self.forward._names("g", layer)
        inverse = f"i{layer.place}{self.forward.sample}"
        self.text(*[f"{g_j} = {d_j} * gamma{c}" for g_j, d_j, c in zip(g, d, columns)])
        self.text(
            f"mean = ({total(g)}) / {layer.inputs}",
            f"slope = ({total([f'{g_j} * {h_j}' for g_j, h_j in zip(g, h)])}) / {layer.inputs}",
        )
        return [f"({g_j} - mean - {h_j} * slope) * {inverse}" for g_j, h_j in zip(g, h)]
