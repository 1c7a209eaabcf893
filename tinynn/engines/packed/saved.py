"""The state of the packed engine in a file, checked before it is used."""

from __future__ import annotations

from typing import Any, Sequence

from ...checks.rows import as_rows
from ...checks.stored import is_count, is_real
from ...checks.words import excerpt
from ...errors import FormatError, TinynnError
from ...lesson.matrix import Matrix, shape
from .layer import LaneOverflow, PackedDense

MOST = 2.0**60  # beyond any number that a layout can have
COUNTS = ("since", "measured", "laid_out")


def checked_state(state: dict[str, Any], dense: Sequence[PackedDense]) -> dict[str, Any]:
    """Return a state of the program with these layers. Raises FormatError for anything else."""
    inputs = _part(state, "inputs", dict)
    scales, layouts = _part(state, "scales", list), _part(state, "layouts", list)
    limits = _part(state, "limits", list)
    if (len(layouts), len(scales), len(limits)) != (len(dense), len(dense) - 1, len(dense)):
        raise FormatError(f"the state of packed needs {len(dense)} layouts")
    for key in ("scale", "top"):
        _count(inputs, key, least=1)
    _number(inputs, "norm")
    for k, scale in enumerate(scales):
        _count({f"scale {k}": scale}, f"scale {k}", least=1)
    for k, limit in enumerate(limits):
        _number({f"limit {k}": limit}, f"limit {k}", above=0.0)
    if state.get("rate") is not None:
        _number(state, "rate", above=0.0, most=float("inf"))
    _count(state, "troubles")
    if not isinstance(state.get("stale"), bool):
        raise _wrong("stale", "true or false", state.get("stale"))
    for layer, layout in zip(dense, layouts):
        _check_layout(layer, layout)
    inputs = {key: inputs[key] for key in ("scale", "norm", "top")}
    return {"rate": None, **state, "limits": list(limits), "inputs": inputs}


def layouts_of(dense: Sequence[PackedDense]) -> dict[str, Any]:
    """Return the layouts of a program's layers, for `take_layouts`."""
    first = dense[0]
    return {
        "inputs": {"scale": first.scale, "norm": first.norm_in, "top": first.top_in},
        "scales": [layer.scale for layer in dense[1:]],
        "layouts": [layer.layout() for layer in dense],
    }


def take_layouts(
    dense: Sequence[PackedDense],
    state: dict[str, Any],
    limits: Sequence[float],
    C: Sequence[Matrix],
) -> bool:
    """Lay out all layers as in a checked state, with weights C; return whether these fit.

    In a stale state the lanes are filled before they are used.
    """
    try:
        dense[0].take_inputs(*state["inputs"].values())
        for layer, scale, limit in zip(dense[1:], state["scales"], limits):
            layer.take_hidden_inputs(scale, limit)
        for layer, layout, weights in zip(dense, state["layouts"], C):
            layer.take_layout(layout, None if state["stale"] else weights)
    except LaneOverflow:
        return False
    return True


def _check_layout(layer: PackedDense, layout: Any) -> None:
    if not isinstance(layout, dict):
        raise _wrong("layouts", "objects", layout)
    _number(layout, "reach", above=0.0)
    _number(layout, "room", above=0.0)
    for key in ("norm", "grow"):
        _number(layout, key)
    for key in COUNTS:
        _count(layout, key)
    if "velocity" in layout:
        velocity = _part(layout, "velocity", dict)
        for key in ("norm", "top"):
            _number(velocity, key)
        velocity["rows"] = _rows(velocity.get("rows"), (layer.n + 1, layer.m))


def _rows(rows: Any, wanted: tuple[int, int]) -> Matrix:
    try:
        checked = as_rows(rows, "velocities")
    except TinynnError as error:
        raise FormatError(f"the state of packed: {error}") from None
    if shape(checked) != wanted:
        raise FormatError(f"the state of packed needs velocities {wanted}, got {shape(checked)}")
    return checked


def _part(state: dict[str, Any], key: str, kind: type) -> Any:
    if not isinstance(state.get(key), kind):
        raise _wrong(key, f"a {kind.__name__}", state.get(key))
    return state[key]


def _number(state: dict[str, Any], key: str, above: float = -1.0, most: float = MOST) -> None:
    value: Any = state.get(key)
    if not is_real(value) or not 0.0 <= value <= most or value == above:
        raise _wrong(key, "a number in its range", value)


def _count(state: dict[str, Any], key: str, least: int = 0) -> None:
    value: Any = state.get(key)
    if not is_count(value) or value < least:
        raise _wrong(key, f"a whole number of at least {least}", value)


def _wrong(key: str, wanted: str, got: object) -> FormatError:
    return FormatError(f"the state of packed needs {key} to be {wanted}, got {excerpt(got)}")
