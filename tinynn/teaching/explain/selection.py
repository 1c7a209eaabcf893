"""What of an explanation is shown: all, or the layer, row, part or weight asked for."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

from ...checks.words import did_you_mean, excerpt
from ...errors import SettingError
from ...lesson.network import Sequential
from .lines import PARTS
from .naming import weight_name

_FORM = (
    "'layer 0', 'row 1', 'forward', 'loss', 'backward', 'update', or a weight such as '0.W[1][0]'"
)


class Selection(NamedTuple):
    """What is shown: each is None for all. `row` counts from 0."""

    part: str | None = None
    layer: int | None = None
    row: int | None = None
    weight: str | None = None

    def takes(self, part: str, layer: int | None, row: int | None) -> bool:
        """Return whether lines of this part, layer and row are wanted."""
        if self.part not in (None, part) or (self.row is not None and row not in (None, self.row)):
            return False
        if self.layer is None or self.layer == layer:
            return True
        # What a weight's line needs is computed one layer before it, or backward one after it.
        before = {"forward": self.layer - 1, "backward": self.layer + 1}
        return self.weight is not None and (layer is None or layer == before.get(part))

    @property
    def is_all(self) -> bool:
        """Whether nothing particular is asked for."""
        return self == Selection()


def selected(only: object, network: Sequential, rows: int) -> Selection:
    """Return what `only` asks for: None, a word, or several words, as a list or with commas.

    Raises SettingError, saying what there is, for anything else.
    """
    if only is None:
        return Selection()
    words = only.split(",") if isinstance(only, str) else only
    if not isinstance(words, (list, tuple)) or not all(isinstance(w, str) for w in words):
        raise SettingError(f"explain needs only to be {_FORM}, got {excerpt(only)}")
    found: dict[str, object] = {}
    for word in words:
        kind, value = _asked(" ".join(word.split()), network, rows)
        found[kind] = value
        if kind == "weight":
            found["layer"] = int(str(value).partition(".")[0])
    return Selection(**found)  # type: ignore[arg-type]


def _asked(word: str, network: Sequential, rows: int) -> tuple[str, object]:
    if word in PARTS:
        return "part", word
    match = re.fullmatch(r"(layer|row) ?([0-9]{1,9})", word)
    if match:
        number, last = int(match[2]), len(network.layers) - 1
        if match[1] == "layer" and number > last:
            raise SettingError(f"explain needs a layer from 0 to {last}, got layer {number}")
        if match[1] == "row" and not 1 <= number <= rows:
            raise SettingError(f"explain needs a row from 1 to {rows}, got row {number}")
        return match[1], number - (match[1] == "row")
    if re.fullmatch(r"[0-9]+\.\w+(\[[0-9]+\]){1,2}", word):
        _check_weight(word, network)
        return "weight", word
    mend = did_you_mean(word, [*PARTS, "layer 0", "row 1"])
    raise SettingError(f"explain needs only to be {_FORM}, got {excerpt(word)}{mend}")


def _check_weight(word: str, network: Sequential) -> None:
    name, *indices = re.split(r"\]?\[", word.rstrip("]"))
    known = {parameter.name: parameter for parameter in network.parameters()}
    if name not in known:
        raise SettingError(
            f"explain needs a weight of {_listed(list(known))}, got {excerpt(word)}"
            f"{did_you_mean(name, known)}"
        )
    rows = known[name].rows()
    last = weight_name(known[name], len(rows) - 1, len(rows[0]) - 1)
    at = [int(index) for index in indices]
    ends = [len(rows), len(rows[0])] if known[name].is_matrix else [len(rows[0])]
    if len(at) != len(ends) or any(i >= end for i, end in zip(at, ends)):
        first = weight_name(known[name], 0, 0)
        raise SettingError(f"explain needs a weight from {first} to {last}, got {excerpt(word)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) or "a network with parameters"
