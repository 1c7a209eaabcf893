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
from .image_plans import image_layer
from .plans import SUMMARIES, LayerPlan, layer_plans, no_plan


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


def sequence_plans(layers: Sequence[Layer], inputs: int) -> tuple[LayerPlan, ...]:
    """Return the plans of a network of sequences, or of one with layers inside others."""
    plans: list[LayerPlan] = []
    columns = inputs
    for layer in layers:
        columns = _add(plans, layer, columns, layer.frozen)
    return tuple(plans)


def _add(plans: list[LayerPlan], layer: Layer, columns: int, fixed: Sequence[str]) -> int:
    """Add the plans of a layer with the names of what is frozen; return its columns."""
    here = len(plans)  # the rows that the layer takes
    names = tuple(fixed)
    kind = type(layer).__name__
    if isinstance(layer, Residual):
        given = columns
        for name, part in layer.parts.items():
            columns = _add(plans, part, columns, _inside(name, fixed))
        _append(plans, "Add", given, given, sources=(here, len(plans)))
    elif isinstance(layer, MultiHeadAttention):
        for name in NAMES[:3]:
            _add(plans, layer.parts[name], columns, _inside(name, fixed))
            plans[-1] = plans[-1]._replace(sources=(here,))
        _append(
            plans, "Attention", columns, columns, number=float(layer.heads),
            second=float(layer.causal), sources=(here + 1, here + 2, here + 3),
        )  # fmt: skip
        _add(plans, layer.parts[NAMES[3]], columns, _inside(NAMES[3], fixed))
    elif isinstance(layer, Recurrent):
        wide, biased = len(layer.W[0]), isinstance(layer, GRU) and layer.has_c
        _append(plans, "Dense", columns, wide, biased=layer.has_bias, fixed=names)
        columns = layer.units
        _append(plans, cell_name(layer), wide, columns, biased=biased, fixed=names)
        if layer.one_row:
            _append(plans, "LastStep", columns, columns)
    elif isinstance(layer, (Embedding, Positions)):
        _append(plans, kind, columns, layer.width, number=float(len(layer.W)), fixed=names)
        columns = layer.width
    elif kind in SUMMARIES:
        _append(plans, kind, columns, columns)
    else:
        for plan in layer_plans([layer], columns):
            plans.append(plan._replace(place=here, fixed=names))
            columns = plan.outputs
    return columns


def _inside(part: str, fixed: Sequence[str]) -> list[str]:
    """Return the names of the parameters inside a part."""
    return [name[len(part) + 1 :] for name in fixed if name.startswith(f"{part}.")]


def _append(
    plans: list[LayerPlan], kind: str, inputs: int, outputs: int, biased: bool = False,
    number: float = 0.0, second: float = 0.0, fixed: tuple[str, ...] = (),
    sources: tuple[int, ...] = (),
) -> None:  # fmt: skip
    plans.append(
        LayerPlan(len(plans), kind, inputs, outputs, biased, number, second, fixed, sources=sources)
    )


def with_parts(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Yield layers, those inside others after these."""
    for layer in layers:
        yield layer
        yield from with_parts(getattr(layer, "parts", {}).values())
