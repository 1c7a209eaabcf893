"""A network of sequences as operations on rows: what each step computes, and what is kept of it.

An operation is a frozen layer with the row that it takes and the row that it gives. Recurrent
layers become two products and the program of their cell (see formulas/cells.py), attention a
product and what mixes the steps; so all exports write the same few kinds:

Dense, and each layer of rows, as in networks of rows
the kinds of CELLS, and their "reset": the new state of rows a and v, or w, and the old one
Embedding, Positions     a row of W by the step's kind, or its number
MeanSteps, MaxSteps      of all rows so far
Attention                of the row q k v, side by side, with the keys and values so far
Copy, Add, Zeros         give = take, give += take, give = 0
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..checks.words import listed
from ..engines.plans import Frozen, LayerPlan, frozen_layers, no_plan
from ..errors import SettingError
from ..formulas.cells import CELLS, cell_name
from ..lesson.attention import NAMES, MultiHeadAttention
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.lstm import LSTM
from ..lesson.matrix import Matrix
from ..lesson.network import Sequential
from ..lesson.recurrent import Recurrent
from ..lesson.residual import Residual
from ..lesson.rnn import RNN
from ..lesson.samples import one_row_each
from ..lesson.sequences import Embedding, Positions
from ..lesson.step_summaries import LastStep, MaxSteps, MeanSteps

KNOWN: tuple[type[Layer], ...] = (
    RNN, LSTM, GRU, Embedding, Positions, LastStep, MeanSteps, MaxSteps, Residual,
    MultiHeadAttention,
)  # fmt: skip
RESET = ", reset"  # after the name of a cell: the program of its row m
SUMMARY = {"MeanSteps": "sum", "MaxSteps": "top"}  # the row that each keeps
KEPT = ("Positions", "MeanSteps", "MaxSteps", "Attention")  # depend on the step's number


class Wiring(NamedTuple):
    """How the operations of a step are connected.

    takes, gives: the names of the rows that each operation takes and gives. Names of the state end
              with the operation's `place`, those of other rows have no digits; the step is row a
    rows:     the rows of a step, and how many numbers each holds
    state:    the rows that are kept from step to step, all 0 before the first, and their numbers
    growing:  those of them that become longer by so many numbers with each step
    counts:   whether it has to be known how many steps there were before
    most:     how many steps a sequence has at most; 0: any number
    kinds:    how many kinds of steps there are; 0: a step is a row of numbers
    one_row:  whether only the outputs after the last step count: those of the whole sequence
    result:   the row of the outputs
    layers:   the network's own layers, for people
    """

    takes: Sequence[str]
    gives: Sequence[str]
    rows: dict[str, int]
    state: dict[str, int]
    growing: Sequence[str]
    counts: bool
    most: int
    kinds: int
    one_row: bool
    result: str
    layers: Sequence[str]


def wired(network: Sequential) -> tuple[list[Frozen], Wiring]:
    """Return the operations of a network of sequences, and how they are connected.

    Raises SettingError for a layer that cannot be exported, and one whose outputs depend on later
    steps.
    """
    layers = network.layers
    writer = _Writer({} if isinstance(layers[0], Embedding) else {"a": network.inputs or 1})
    writer.add(layers, "", network.inputs or 1, False)
    operations = writer.operations
    places = [len(op.values["W"]) for op in operations if op.plan.kind == "Positions"]
    kinds = len(operations[0].values["W"]) if isinstance(layers[0], Embedding) else 0
    counts = not writer.state or any(op.plan.kind in KEPT for op in operations)
    growing = [name for name in writer.state if name.startswith(("keys", "values"))]
    return operations, Wiring(
        writer.takes, writer.gives, writer.rows, writer.state, growing, counts,
        min(places, default=0), kinds, one_row_each(layers), writer.here, list(map(repr, layers)),
    )  # fmt: skip


class _Writer:
    """Collects operations; `here` is the row with what the layers so far have made."""

    def __init__(self, rows: dict[str, int]) -> None:
        self.operations: list[Frozen] = []
        self.takes: list[str] = []
        self.gives: list[str] = []
        self.rows = rows
        self.state: dict[str, int] = {}
        self.here, self.depth = "a", 0

    @property
    def place(self) -> int:
        """The index of the next operation."""
        return len(self.operations)

    def add(self, layers: Sequence[Layer], inside: str, columns: int, fresh: bool) -> int:
        """Add layers that take so many columns; return how many they give.

        inside: where the layers are, for messages
        fresh:  whether each step is a sequence of its own to them, as after LastStep
        """
        plain: list[Layer] = []
        for i, layer in enumerate(layers):
            where = f"layer {i}{inside}, {layer!r}"
            if not (layer.reads_steps or hasattr(layer, "parts")):
                refusal = no_plan(layer, where, images=True)
                _check(not refusal, refusal or "")
                plain.append(layer)
                continue
            known = [kind.__name__ for kind in KNOWN]
            _check(
                type(layer) in KNOWN,
                f"{where}, is none of the layers of sequences that an export knows: "
                f"{listed(known, len(known))}",
            )
            columns, plain = self._plain(plain, columns), []
            columns = self._one(layer, i, inside, columns, fresh)
            fresh = fresh or one_row_each([layer])
        return self._plain(plain, columns)

    def _one(self, layer: Layer, i: int, inside: str, columns: int, fresh: bool) -> int:
        where = f"layer {i}{inside}, {layer!r}"
        if isinstance(layer, Recurrent):
            self._recurrent(layer, fresh)
            return layer.units
        if isinstance(layer, Embedding):
            _check(not self.operations and not inside, f"{where}, is not the first layer")
            self._operation("Embedding", {"W": layer.W}, 1, layer.width, self._other())
            return layer.width
        if isinstance(layer, Residual):
            self.depth += 1
            kept = "kept" + "_" * (self.depth - 1)
            self._operation("Copy", {}, columns, columns, kept)
            self.add(layer.layers, f" of layer {i}{inside}", columns, fresh)
            self._own(columns)
            self._operation("Add", {}, columns, columns, self.here, takes=kept)
            self.depth -= 1
        elif isinstance(layer, MultiHeadAttention):
            self._attention(layer, where, fresh)
        elif isinstance(layer, Positions):
            self._own(columns)
            W = layer.W
            if fresh:
                values = {"gamma": [[1.0] * columns], "beta": W[:1]}
                self._operation("Affine", values, columns, columns, self.here)
            else:
                self._operation("Positions", {"W": W}, columns, columns, self.here)
        elif not isinstance(layer, LastStep) and not fresh:  # the mean, or the largest numbers
            kind = type(layer).__name__
            self._own(columns)
            self.state[f"{SUMMARY[kind]}{self.place}"] = columns
            self._operation(kind, {}, columns, columns, self.here)
        return columns

    def _recurrent(self, layer: Recurrent, fresh: bool) -> None:
        """Add x W + b, h U, and the cell."""
        kind, n, place = cell_name(layer), layer.units, self.place
        formula = CELLS[kind]
        columns = len(formula.gates) * n
        shared = columns - n * formula.apart
        state = [f"{letter}{place}" for letter in formula.state]
        self.state.update(dict.fromkeys(state, n))
        for row in state if fresh else []:
            self._operation("Zeros", {}, n, n, row, moves=False)
        W = {"W": layer.W, **({"b": [layer.b]} if layer.has_bias else {})}
        self._operation("Dense", W, layer.inputs, columns, self._other())
        U: Matrix = [row[:shared] for row in layer.U]
        self._operation("Dense", {"W": U}, n, shared, "v", state[0], False)
        if formula.reset:
            self._operation(kind + RESET, {}, n, n, "m", moves=False, place=place)
        if formula.apart:
            last: dict[str, Matrix] = {"W": [row[shared:] for row in layer.U]}
            last.update({"b": [layer.c]} if isinstance(layer, GRU) and layer.has_c else {})
            self._operation("Dense", last, n, n, "w", "m" if formula.reset else state[0], False)
        self._operation(kind, {}, n, n, state[0], place=place)

    def _attention(self, layer: MultiHeadAttention, where: str, fresh: bool) -> None:
        """Add the products of query, key and value, side by side, and what mixes the steps."""
        if not layer.causal:
            try:
                layer.stepper()
            except SettingError as error:
                _check(False, f"{where.split(',')[0]}: {error}")
        n, parts = layer.width, [layer.parts[name] for name in NAMES]
        if fresh:  # one step takes its own value, whole
            self._plain(parts[2:], n)
            return
        W: Matrix = [[w for row in rows for w in row] for rows in zip(*(p.W for p in parts[:3]))]
        biases = {"b": [[b for part in parts[:3] for b in part.b]]} if layer.bias else {}
        self._operation("Dense", {"W": W, **biases}, n, 3 * n, self._other())
        for name in ("keys", "values"):
            self.state[f"{name}{self.place}"] = n
        self._operation("Attention", {}, 3 * n, n, self._other(), number=float(layer.heads))
        self._plain(parts[3:], n)

    def _plain(self, layers: Sequence[Layer], columns: int) -> int:
        """Add layers that take each row by itself."""
        for layer in frozen_layers(layers, columns):
            columns = layer.plan.outputs
            in_place = layer.plan.kind != "Dense" and not layer.plan.image
            if in_place:
                self._own(layer.plan.inputs)
            plan = layer.plan._replace(place=self.place)
            gives = self.here if in_place else self._other()
            self._append(Frozen(plan, layer.values), self.here, gives)
        return columns

    def _operation(
        self,
        kind: str,
        values: dict[str, Matrix],
        inputs: int,
        outputs: int,
        gives: str,
        takes: str = "",
        moves: bool = True,
        place: int | None = None,
        number: float = 0.0,
    ) -> None:
        """Add an operation on the row here, or another that it `takes`.

        moves: whether the row that it gives is what the next layer takes
        """
        place = self.place if place is None else place
        plan = LayerPlan(place, kind, inputs, outputs, "b" in values, number)
        here = self.here
        self._append(Frozen(plan, values), takes or here, gives)
        if not moves or kind == "Copy":
            self.here = here

    def _append(self, layer: Frozen, takes: str, gives: str) -> None:
        self.operations.append(layer)
        self.takes.append(takes)
        self.gives.append(gives)
        if gives not in self.state:
            self.rows[gives] = max(self.rows.get(gives, 0), layer.plan.outputs)
        self.here = gives

    def _other(self) -> str:
        """Return the row for what is made of the row here."""
        return "b" if self.here == "a" else "a"

    def _own(self, columns: int) -> None:
        """Copy the row here, if it is a state, so that it can be changed in place."""
        if self.here in self.state:
            self._operation("Copy", {}, columns, columns, "a")
            self.here = "a"


def _check(holds: bool, refusal: str) -> None:
    if not holds:
        raise SettingError(f"this network cannot be exported: {refusal}")
