"""Networks that read sequences as plans: layers inside others stand in one row with the rest.

Their plans say from which rows they take (`LayerPlan.sources`). The kinds, beside those of rows:

Embedding, Positions   a row of W by the step's kind, or its place; their `number` is how many
Attention              takes queries, keys and values; `number` heads, causal if `second` is 1
Add                    the sum of two rows
LastStep, MeanSteps, MaxSteps   one row for a sequence
the names of CELLS     a recurrent layer without its product x W + b, which is a plan of its own
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, Sequence

from ..formulas.cells import CELLS, cell_name
from ..lesson.attention import NAMES, MultiHeadAttention
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.normalization import BatchNorm
from ..lesson.recurrent import Recurrent
from ..lesson.residual import Residual
from ..lesson.sequences import Embedding, Positions
from .contract import Recipe
from .image_plans import image_layer
from .plans import SUMMARIES, LayerPlan, TrainingPlan, layer_plans, no_plan, plan_of


def unknown_sequence_layer(
    layers: Sequence[Layer], unknown: Callable[[Layer], str | None]
) -> str | None:
    """Return why a network of sequences has no plan, as a clause, or None.

    unknown: returns what an engine has against a layer of the library, as "has ...", or None
    """
    return _unknown(layers, unknown, "", False)


def _unknown(
    layers: Sequence[Layer], unknown: Callable[[Layer], str | None], inside: str, ended: bool
) -> str | None:
    for index, layer in enumerate(layers):
        where = f"layer {index}{inside}, {layer!r}"
        if layer.reads_steps and ended:
            return f"{where}, comes after one that makes one row of a sequence"
        if isinstance(layer, Embedding) and (index or inside):
            return f"{where}, is not the first layer"
        if isinstance(layer, Recurrent):
            if cell_name(layer) not in CELLS:
                return f"{where}, is none of the library's own recurrent layers"
            if layer.truncate:
                return f"{where}, goes back {layer.truncate} steps, and its code goes back all"
        elif isinstance(layer, Residual):
            refusal = _unknown(layer.layers, unknown, f" of layer {index}{inside}", ended)
            if refusal:
                return refusal
        elif not layer.reads_steps:
            refusal = no_plan(layer, where)
            if refusal:
                return refusal
            if isinstance(layer, BatchNorm) or image_layer(layer):
                return f"{where}, is known to it only in networks of rows"
        refusal = unknown(layer)
        if refusal:
            return f"{where}, {refusal}"
        ended = ended or getattr(layer, "one_row", False)
    return None


def sequences_plan(recipe: Recipe, lanes: int) -> TrainingPlan:
    """Return the plan of a recipe whose network reads sequences, for vectors of so many lanes."""
    planner = _Planner(lanes)
    columns = inputs = recipe.network.inputs or 1
    for layer in recipe.network.layers:
        columns = planner.add(layer, columns, layer.frozen)
    return plan_of(recipe, inputs, tuple(planner.plans))


class _Planner:
    """The plans of the layers so far."""

    def __init__(self, lanes: int) -> None:
        self.plans: list[LayerPlan] = []
        self.lanes = lanes

    def add(self, layer: Layer, columns: int, fixed: Sequence[str]) -> int:
        """Add the plans of a layer with the names of what is frozen; return its columns."""
        here = len(self.plans)  # the rows that the layer takes
        names = tuple(fixed)
        kind = type(layer).__name__
        if isinstance(layer, Residual):
            given = columns
            for name, part in layer.parts.items():
                columns = self.add(part, columns, _inside(name, fixed))
            self._append("Add", given, given, sources=(here, len(self.plans)))
        elif isinstance(layer, MultiHeadAttention):
            self._attention(layer, columns, fixed)
        elif isinstance(layer, Recurrent):
            size, gates = layer.units, len(CELLS[cell_name(layer)].gates)
            wide, biased = gates * self._whole(size), isinstance(layer, GRU) and layer.has_c
            first, second = (tuple([name for name in names if name in own]) for own in ("Wb", "Uc"))
            together = (0, size)
            self._append("Dense", columns, wide, layer.has_bias, fixed=first, together=together)
            columns, kind = size, cell_name(layer)
            self._append(kind, wide, columns, biased, fixed=second, together=together)
            if layer.one_row:
                self._append("LastStep", columns, columns)
        elif isinstance(layer, (Embedding, Positions)):
            number = float(len(layer.W))
            self._append(kind, columns, layer.width, number=number, fixed=names)
            columns = layer.width
        elif kind in SUMMARIES:
            self._append(kind, columns, columns)
        else:
            for plan in layer_plans([layer], columns):
                self.plans.append(plan._replace(place=here, fixed=names))
                columns = plan.outputs
        return columns

    def _attention(self, layer: MultiHeadAttention, columns: int, fixed: Sequence[str]) -> None:
        here, size = len(self.plans), columns // layer.heads
        wide = layer.heads * self._whole(size)
        for name in NAMES[:3]:
            self.add(layer.parts[name], columns, _inside(name, fixed))
            self.plans[-1] = self.plans[-1]._replace(
                outputs=wide, sources=(here,), together=(0, size)
            )
        self._append(
            "Attention", wide, wide, number=float(layer.heads), second=float(layer.causal),
            sources=(here + 1, here + 2, here + 3), together=(0, size),
        )  # fmt: skip
        self.add(layer.parts[NAMES[3]], columns, _inside(NAMES[3], fixed))
        self.plans[-1] = self.plans[-1]._replace(inputs=wide, together=(size, 0))

    def _whole(self, size: int) -> int:
        """Return how many numbers the vectors have that hold so many."""
        return size + -size % self.lanes

    def _append(
        self, kind: str, inputs: int, outputs: int, biased: bool = False, number: float = 0.0,
        second: float = 0.0, fixed: tuple[str, ...] = (), sources: tuple[int, ...] = (),
        together: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        plan = LayerPlan(
            len(self.plans), kind, inputs, outputs, biased, number, second, fixed, None, sources,
            together,
        )  # fmt: skip
        self.plans.append(plan)


def _inside(part: str, fixed: Sequence[str]) -> list[str]:
    """Return the names of the parameters inside a part."""
    return [name[len(part) + 1 :] for name in fixed if name.startswith(f"{part}.")]


def with_parts(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield layers, those inside others after these."""
    for layer in layers:
        yield layer
        yield from with_parts(getattr(layer, "parts", {}).values())
