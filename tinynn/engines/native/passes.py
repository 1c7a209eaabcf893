"""The passes of one batch through a network: each layer forward, the loss, each layer backward."""

from __future__ import annotations

from functools import partial
from typing import Mapping, Union

from ...formulas import LAYER_FORMULAS
from ...formulas.cells import CELLS
from ...formulas.losses import loss_formula
from ...formulas.normalizations import BATCH_NORMALIZATION, BATCH_NORMALIZED
from ...formulas.programs import Each, LayerFormula, Program
from ..plans import SUMMARIES, TABLES, LayerPlan, TrainingPlan
from .attention import AttentionPasses
from .constants import Constants
from .convolution import ConvPasses
from .layout import DRAWS, Layout, stride
from .machine import ARENA, LANES, VECTOR_BYTES, At, Machine, vectors_of
from .pooling import ChannelPasses, PoolPasses
from .products import ArenaRows, Products, Weights, padded_bytes
from .recurrence import RecurrentPasses
from .row_vectors import (
    NUMBER,
    PARAMETER,
    ROW,
    ROW_COUNT,
    Places,
    RowProgram,
    Walk,
    each_row,
    kept_names,
    rows_made,
)
from .sequences import SummaryPasses, TablePasses
from .sparse import SparseProducts

SequencePasses = Union[AttentionPasses, TablePasses, SummaryPasses, RecurrentPasses]
SEQUENCE_KINDS = ("Add", "Attention", *TABLES, *SUMMARIES, *CELLS)
# The quick forms of these cannot go wrong here, where 1 / (1 + inf) is 0.
_QUICK = ("Sigmoid", "SiLU")
BUFFERS = ("running_mean", "running_variance")
_DRAWS_FROM = 4  # the integer register with the address of random numbers


class ParameterPlaces:
    """Where the parameters of a network are, by letter and index of the layer: W0, gamma1."""

    def __init__(self, layers: tuple[LayerPlan, ...], layout: Layout, copies: int = 1) -> None:
        """Place `copies` of all parameters: the weights, then each memory, then running statistics.

        All of it is one piece of `state_size` bytes from `start` on; `size` is that of one copy.
        """
        self.weights: dict[int, Weights] = {}
        self.vectors: dict[str, int] = {}
        self.matrices_size = 0
        size = 0
        for layer in layers:
            if layer.matrix:
                self.weights[layer.place] = Weights(*layer.weight_shape, size)
                size += self.weights[layer.place].size
        self.matrices_size = size
        for layer in layers:
            for letter in layer.letters():
                if letter == "c":  # biases of the last gate's part of the product with U
                    self.vectors[f"c{layer.place}"] = size + 8 * (layer.inputs - layer.outputs)
                    size += padded_bytes(layer.inputs)
                elif letter != layer.matrix:
                    self.vectors[f"{letter}{layer.place}"] = size
                    size += padded_bytes(layer.vector_length)
        self.size = size
        self.running: dict[str, int] = {}
        self.state_size = size * copies
        for layer in layers:
            for name in BUFFERS if layer.kind in ("BatchNorm", "ChannelNorm") else ():
                self.running[f"{name}{layer.place}"] = self.state_size
                self.state_size += padded_bytes(layer.vector_length)
        self.start = start = layout.place(self.state_size, "parameters, memory of the optimizer")
        self.running = {name: start + at for name, at in self.running.items()}
        self.vectors = {name: start + at for name, at in self.vectors.items()}
        for place, W in self.weights.items():
            bias = self.vectors.get(f"b{place}")
            c = self.vectors.get(f"c{place}")
            if c is not None:
                bias = c - 8 * (W.outputs - W.inputs)
            self.weights[place] = W._replace(offset=start + W.offset, bias=bias)


class Passes:
    """Writes the passes of a batch of `rows` rows.

    held:    the rows before the first layer, then those after each layer
    sparse:  whether the rows before the first layer are records of `SparseRows`
    steps:   how many rows are a sequence, in networks that read those
    keeps:   whether derivatives by the parameters are added to what is there
    """

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, parameters: ParameterPlaces,
        layers: tuple[LayerPlan, ...], rows: int, inputs: ArenaRows, sparse: bool = False,
        steps: int = 1, keeps: bool = False,
    ) -> None:  # fmt: skip
        self.machine, self.constants, self.layout = machine, constants, layout
        self.parameters, self.layers, self.rows = parameters, layers, rows
        self.steps, self.keeps = steps, keeps
        self.sparse = SparseProducts(machine, rows, inputs) if sparse else None
        self.held = [inputs]
        self.own_rows: dict[int, dict[str, int]] = {}
        self.own_numbers: dict[int, dict[str, int]] = {}
        self.images: dict[int, ConvPasses | PoolPasses | ChannelPasses] = {}
        self.sequences: dict[int, SequencePasses] = {}

    @property
    def products(self) -> Products:
        return Products(self.machine, self.rows, self.keeps)

    def forward(self, training: bool) -> ArenaRows:
        """Write the forward pass; return the outputs."""
        for k, layer in enumerate(self.layers):
            x = self.held[self._sources(k)[0]]
            if layer.kind in SUMMARIES:
                self.rows //= self.steps
            if layer.kind == "Dropout" and not training:
                self.held.append(x)
                continue
            y = self.layout.table(
                self.rows, layer.outputs, f"outputs of layer {layer.place}, {layer}"
            )
            self.held.append(y)
            if layer.kind == "Dense":
                plus = " + b" if layer.biased else ""
                self.machine.comment(f"forward through {layer}: z = x W{plus}")
                W = self.parameters.weights[layer.place]
                if k == 0 and self.sparse:
                    self.sparse.forward(W, y)
                else:
                    self.products.forward(W, x, y)
            elif layer.kind == "Dropout":
                self._drop(k, layer, x, y)
            elif layer.image:
                passes = self._image_passes(k)
                if isinstance(passes, ChannelPasses):
                    passes.forward(x, y, training)
                else:
                    passes.forward(x, y)
            elif layer.kind in SEQUENCE_KINDS:
                self._sequence_forward(k, y)
            else:
                self.machine.comment(f"forward through {layer}")
                self._layer_program(k, training, x, y)
        return self.held[-1]

    def _sources(self, k: int) -> tuple[int, ...]:
        """Return which of the rows held a layer takes."""
        return self.layers[k].sources or (k,)

    def _sequence_forward(self, k: int, y: ArenaRows) -> None:
        layer, rows = self.layers[k], [self.held[source] for source in self._sources(k)]
        given = self.machine, self.constants
        of_rows = (*given, self.layout, self.rows, self.steps, layer)
        if layer.kind == "Add":
            self._sum(rows[0], rows[1], y)
        elif layer.kind == "Attention":
            attention = self.sequences[k] = AttentionPasses(*of_rows)
            attention.forward(rows[0], rows[1], rows[2], y)
        elif layer.kind in SUMMARIES:
            summary = self.sequences[k] = SummaryPasses(*given, self.rows, self.steps, layer)
            summary.forward(rows[0], y)
        else:
            matrix = self.parameters.weights[layer.place]
            make = TablePasses if layer.kind in TABLES else RecurrentPasses
            passes = self.sequences[k] = make(*of_rows, matrix)
            passes.forward(rows[0], y)

    def _sum(self, a: ArenaRows, b: ArenaRows, to: ArenaRows) -> None:
        """to = a + b, number by number; their rows are alike"""
        self._each("y", "a + b", to, {"a": a.offset, "b": b.offset})

    def _each(self, name: str, value: str, to: ArenaRows, rows: Mapping[str, int]) -> None:
        """Write an expression for all the numbers of a table, of those of others alike."""
        self.machine.comment(f"{name} = {value}")
        places = Places({**rows, name: to.offset}, {}, {}, {}, {name}, {}, {})
        walk = Walk(self.rows * to.stride // VECTOR_BYTES, VECTOR_BYTES, 0, False)
        RowProgram(self.machine, self.constants, walk, places, False).write([Each(name, value)])

    def _image_passes(self, k: int) -> ConvPasses | PoolPasses | ChannelPasses:
        layer, given = self.layers[k], (self.machine, self.constants, self.layout, self.rows)
        if layer.kind == "ChannelNorm" and layer.image:
            channels = layer.image.channels
            of_rows = layer._replace(
                kind="BatchNorm", inputs=channels, outputs=channels, image=None
            )
            self.images[k] = ChannelPasses(*given, layer, partial(self._alone, of_rows))
        elif layer.kind == "Conv":
            W = self.parameters.weights[layer.place]
            self.images[k] = ConvPasses(*given, layer, W)
        else:
            self.images[k] = PoolPasses(*given, layer)
        return self.images[k]

    def _alone(self, layer: LayerPlan, rows: int, inputs: ArenaRows) -> Passes:
        """Return the passes of rows through one layer."""
        return Passes(
            self.machine, self.constants, self.layout, self.parameters, (layer,), rows, inputs
        )

    def _layer_program(self, k: int, training: bool, x: ArenaRows, y: ArenaRows) -> None:
        layer = self.layers[k]
        formula = formula_of(layer)
        if layer.kind == "BatchNorm" and not training:
            formula = LayerFormula(BATCH_NORMALIZED, [])
        later = formula.backward if training else []
        kept, numbers = kept_names(formula.forward, later)
        kept |= {"y"}
        rows = {"z": x.offset, "y": y.offset}
        for name in sorted(rows_made(formula.forward) - {"y"}):
            rows[name] = self.layout.table(
                self.rows, layer.outputs, f"{name} of layer {layer.place}"
            ).offset
        self.own_rows[k] = rows
        vectors = vectors_of(layer.outputs)
        by_columns = layer.kind == "BatchNorm" and training
        each = vectors if by_columns else self.rows
        self.own_numbers[k] = {
            name: self.layout.place(each * VECTOR_BYTES, f"{name} of layer {layer.place}")
            for name in sorted(numbers)
        }
        places = self._places(k, rows, kept, self.own_numbers[k], {}, by_columns)
        self._run(k, formula.forward, places, by_columns, layer.kind in _QUICK)

    def _places(
        self, k: int, rows: Mapping[str, int], kept: set[str], kept_numbers: Mapping[str, int],
        adds: Mapping[str, int], by_columns: bool,
    ) -> Places:  # fmt: skip
        layer = self.layers[k]
        index = PARAMETER if by_columns else NUMBER if self.rows > 1 else None
        numbers = layer.numbers()
        if by_columns:
            numbers.update(n=float(self.rows), momentum=layer.second)
        parameters = {
            letter: self.parameters.vectors[f"{letter}{layer.place}"]
            for letter in layer.letters()
            if letter != "W"
        }
        own = {name: At(ARENA, at, index) for name, at in self.own_numbers[k].items()}
        kept_at = {name: At(ARENA, at, index) for name, at in kept_numbers.items()}
        for name in BUFFERS if layer.kind == "BatchNorm" else ():
            at = self.parameters.running[f"{name}{layer.place}"]
            if by_columns:
                own[name] = kept_at[name] = At(ARENA, at, index)
            else:
                parameters[name] = at
        return Places(rows, parameters, own, numbers, kept, kept_at, adds)

    def _run(
        self, k: int, program: Program, places: Places, by_columns: bool, quick: bool = False
    ) -> None:
        """Write a layer's program along the walk that fits it."""
        m, layer = self.machine, self.layers[k]
        step = stride(layer.outputs)
        vectors, rest = divmod(layer.outputs, LANES)
        vectors += rest > 0
        if by_columns:
            walk = Walk(self.rows, step, 0, True, LANES, False, True)
            m.set(ROW, 0)
            m.set(PARAMETER, 0)
            with m.loop(ROW_COUNT, vectors):
                RowProgram(m, self.constants, walk, places, quick).write(program)
                m.add_constant(ROW, VECTOR_BYTES)
                m.add_constant(PARAMETER, VECTOR_BYTES)
        elif not places.parameters and all(isinstance(s, Each) for s in program):
            count = self.rows * step // VECTOR_BYTES
            walk = Walk(count, VECTOR_BYTES, 0, False)
            RowProgram(m, self.constants, walk, places, quick).write(program)
        else:
            several = self.rows > 1
            walk = Walk(vectors, VECTOR_BYTES, VECTOR_BYTES, several, rest or LANES)
            each_row(m, self.rows, step, lambda: RowProgram(
                m, self.constants, walk, places, quick
            ).write(program))  # fmt: skip

    def _drop(self, k: int, layer: LayerPlan, x: ArenaRows, y: ArenaRows) -> None:
        """Write dropout's forward pass: a factor for each number, from random numbers in order."""
        m = self.machine
        factors = self.layout.table(self.rows, layer.outputs, f"factors f of layer {layer.place}")
        self.own_rows[k] = {"f": factors.offset}
        m.comment(f"forward through {layer}: y = z f, f = 0 with probability {layer.number!r}")
        pointer = At(ARENA, DRAWS + 8 * self._dropouts_before(k))
        vectors, rest = divmod(layer.outputs, LANES)
        m.load(_DRAWS_FROM, pointer)
        draw, f, zero, keep, rate = range(5)
        m.vload(rate, self.constants.at(layer.number))
        m.vload(keep, self.constants.at(1.0 / (1.0 - layer.number)))
        m.vzero(zero)
        index = ROW if self.rows > 1 else None

        def row() -> None:
            for v in range(vectors + (rest > 0)):
                at = v * VECTOR_BYTES
                m.vload(draw, At(_DRAWS_FROM, at))
                m.vless(f, draw, rate)
                m.vselect(f, f, zero, keep)
                if v == vectors:
                    m.vand(f, f, self.constants.mask(rest))
                m.vstore(At(ARENA, factors.offset + at, index), f)
                m.vmul(f, f, At(ARENA, x.offset + at, index))
                m.vstore(At(ARENA, y.offset + at, index), f)
            m.add_constant(_DRAWS_FROM, 8 * layer.outputs)

        each_row(m, self.rows, x.stride, row)
        m.store(pointer, _DRAWS_FROM)

    def _dropouts_before(self, k: int) -> int:
        return sum(layer.kind == "Dropout" for layer in self.layers[:k])

    def loss(
        self, plan: TrainingPlan, targets: ArenaRows, given: Mapping[str, At], total: At,
        weight: At | None, derivatives: bool = True,
    ) -> ArenaRows:  # fmt: skip
        """Write the loss of each row, added up at `total`, and its derivatives; return these.

        given: the addresses of numbers; weight: the address of the row's weight
        derivatives: whether they are wanted; without them the outputs are returned
        """
        m = self.machine
        formula = loss_formula(plan.loss, plan.from_logits)
        first, derivative = formula.parts(plan.fused)
        program = [*first, *derivative] if derivatives else first
        outputs = self.held[-1]
        rows = {"y": outputs.offset, "t": targets.offset}
        for name in sorted(rows_made(program)):
            rows[name] = self.layout.table(self.rows, plan.outputs, f"{name} of the loss").offset
        numbers = {"c": plan.loss_number, "n": float(plan.outputs)}
        places = Places(rows, {}, given, numbers, {"d"}, {}, {})
        vectors, rest = divmod(plan.outputs, LANES)
        walk = Walk(vectors + (rest > 0), VECTOR_BYTES, 0, self.rows > 1, rest or LANES)
        m.comment(f"loss {plan.loss}, and its derivatives")
        m.vzero(0)
        m.vstore(total, 0)

        def row() -> None:
            writer = RowProgram(m, self.constants, walk, places, quick=False)
            loss = writer.write(program)["loss"]
            e = writer.expressions
            if weight:
                mask = e.take()
                m.vzero(mask)
                m.vless(mask, mask, weight)
                m.vmul(loss, loss, weight)
                m.vand(loss, loss, mask)  # even an infinite loss does not count with weight 0
                e.give(mask)
            m.vadd(loss, loss, total)
            m.vstore(total, loss)

        each_row(m, self.rows, outputs.stride, row)
        return ArenaRows(rows["d"], outputs.stride) if derivatives else outputs

    def backward(self, derivatives: ArenaRows, skipped: int, gradients: int, direct: bool) -> None:
        """Write the backward pass from the derivatives by the outputs of the last layer.

        skipped:    how many of the last layers the derivatives include
        gradients:  where the derivatives by the parameters go, in the order of the parameters
        direct:     subtract them from the weights instead
        """
        layers = self.layers
        trained = [k for k, layer in enumerate(layers) if layer.trained()]
        if not trained:
            return
        of_rows = {len(layers) - skipped: derivatives}  # by which of the rows held
        for k in range(len(layers) - 1 - skipped, trained[0] - 1, -1):
            layer, sources = layers[k], self._sources(k)
            d, down = of_rows.pop(k + 1), max(sources) > trained[0]
            if layer.kind in SEQUENCE_KINDS:
                below = self._sequence_backward(k, d, gradients, direct)
                for source, part in zip(sources, below):
                    self._hand_down(of_rows, source, part)
                continue
            if layer.kind == "Dense":
                d = self._dense_backward(k, d, down, gradients, direct)
            elif layer.kind == "Dropout":
                self._times_factors(k, d)
            elif layer.image:
                d = self._image_backward(k, d, down, gradients, direct)
            else:
                self.program_backward(k, d, down, gradients)
            if down:
                self._hand_down(of_rows, sources[0], d)

    def _hand_down(self, of_rows: dict[int, ArenaRows], source: int, d: ArenaRows) -> None:
        """Add derivatives by rows that are held to those that other layers have."""
        if source in of_rows:
            self._sum(of_rows[source], d, of_rows[source])
        else:
            of_rows[source] = d

    def _sequence_backward(
        self, k: int, d: ArenaRows, gradients: int, direct: bool
    ) -> tuple[ArenaRows, ...]:
        """Write the way back through a layer; return the derivatives by what it took."""
        layer, rows = self.layers[k], [self.held[source] for source in self._sources(k)]
        shift = 0 if direct else gradients - self.parameters.start
        if layer.kind == "Add":
            # Each way changes them in place.
            other = self.layout.table(self.rows, layer.outputs, f"d of layer {layer.place}")
            self._each("y", "d", other, {"d": d.offset})
            return d, other
        passes = self.sequences[k]
        if isinstance(passes, AttentionPasses):
            return passes.backward(d, rows[0], rows[1], rows[2])
        if isinstance(passes, SummaryPasses):
            y, rows_before = self.held[k + 1], self.rows * self.steps
            below = self.layout.table(rows_before, layer.inputs, f"d below layer {layer.place}")
            passes.backward(rows[0], y, d, below)
            self.rows = rows_before
            return (below,)
        if isinstance(passes, RecurrentPasses):
            return (passes.backward(d, shift, not direct, self.keeps),)
        if "W" in layer.trained():
            into = self.parameters.weights[layer.place].offset + shift
            passes.backward(rows[0], d, into, not direct, self.keeps)
        return (d,)

    def _dense_backward(
        self, k: int, d: ArenaRows, down: bool, gradients: int, direct: bool
    ) -> ArenaRows:
        m, layer, x = self.machine, self.layers[k], self.held[self._sources(k)[0]]
        W = self.parameters.weights[layer.place]
        below = d
        if down:
            m.comment(f"backward through {layer}: dx = d W^T")
            below = self.layout.table(self.rows, layer.inputs, f"d below layer {layer.place}")
            self.products.backward(W, d, below)
        shift = 0 if direct else gradients - self.parameters.start
        if "W" in layer.trained():
            m.comment(f"{'W = W - x^T d' if direct else 'dW = x^T d'}")
            if k == 0 and self.sparse:
                self.sparse.update(W, d, W.offset + shift, not direct)
            else:
                self.products.update(W, x, d, W.offset + shift, not direct)
        if W.bias is not None and "b" in layer.trained():
            m.comment(f"{'b = b - d' if direct else 'db = d'}, summed over the rows")
            self.products.sum_rows(W.bytes // VECTOR_BYTES, d, W.bias + shift, not direct)
        return below

    def _image_backward(
        self, k: int, d: ArenaRows, down: bool, gradients: int, direct: bool
    ) -> ArenaRows:
        layer, x, passes = self.layers[k], self.held[k], self.images[k]
        below = self.layout.table(self.rows, layer.inputs, f"d below layer {layer.place}")
        if isinstance(passes, ConvPasses):
            shift = 0 if direct else gradients - self.parameters.start
            passes.backward(x, d, below if down else None, shift, direct)
        elif isinstance(passes, ChannelPasses):
            passes.backward(d, below, gradients)
        elif down:
            passes.backward(x, self.held[k + 1], d, below)
        return below

    def program_backward(self, k: int, d: ArenaRows, down: bool, gradients: int) -> None:
        m, layer = self.machine, self.layers[k]
        program = formula_of(layer).backward
        adds = {
            f"d{letter}": self.parameters.vectors[f"{letter}{layer.place}"]
            + gradients
            - self.parameters.start
            for letter in layer.trained()
        }
        program = [s for s in program if s.to not in {f"d{letter}" for letter in layer.fixed}]
        rows = {**self.own_rows[k], "d": d.offset}
        for name in sorted(rows_made(program) - {"d", *adds}):
            rows[name] = self.layout.table(
                self.rows, layer.outputs, f"{name} of layer {layer.place}"
            ).offset
        m.comment(f"backward through {layer}")
        for at in () if self.keeps else adds.values():
            m.vzero(0)
            for v in range(vectors_of(layer.outputs)):
                m.vstore(At(ARENA, at + v * VECTOR_BYTES), 0)
        by_columns = layer.kind == "BatchNorm"
        places = self._places(k, rows, {"d"}, {}, adds, by_columns)
        self._run(k, [s for s in program if down or s.to in adds], places, by_columns)

    def _times_factors(self, k: int, d: ArenaRows) -> None:
        self.machine.comment(f"backward through {self.layers[k]}: times f")
        self._each("d", "d * f", d, self.own_rows[k])


def formula_of(layer: LayerPlan) -> LayerFormula:
    """Return the row programs of a layer that has any."""
    return BATCH_NORMALIZATION if layer.kind == "BatchNorm" else LAYER_FORMULAS[layer.kind]
