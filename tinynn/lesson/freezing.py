"""Frozen parameters: numbers that training leaves as they are."""

from __future__ import annotations

from typing import Any, Collection, Iterable, Mapping, Union

from ..checks.words import did_you_mean, excerpt
from ..errors import SettingError

Which = Union[bool, str, Collection[str]]


class Freezable:
    """The base of `Layer`: which of its parameters are frozen.

    No update changes them, neither by a gradient nor by weight decay, and gradients are clipped as
    if there were no others. Derivatives still pass through the layer, and running statistics, which
    are no parameters, still move.
    """

    _frozen: bool | tuple[str, ...] = False

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the parameters that training leaves as they are.

        Set it to True for all of them, to False for none, or to names: layer.frozen = "b".

        Raises SettingError for a name that no parameter of the layer has.
        """
        layer: Any = self
        if self._frozen is True:
            return tuple(layer.parameters())
        inner = frozen_names(getattr(layer, "parts", {}))
        return (*(self._frozen or ()), *sorted(inner.difference(self._frozen or ())))

    @frozen.setter
    def frozen(self, which: Which) -> None:
        layer: Any = self
        if isinstance(which, bool):
            self._frozen = which
            return
        known = {**layer.shapes(), **layer.parameters()}
        for name in layer.buffers():
            known.pop(name, None)
        names = (which,) if isinstance(which, str) else which
        if not isinstance(names, (tuple, list, set, frozenset)) or any(
            name not in list(known) for name in names
        ):
            near = did_you_mean(which, known) if isinstance(which, str) else ""
            listed = ", ".join(map(repr, known)) or "none, for it has no parameters"
            raise SettingError(
                f"{layer!r} needs frozen to be True, False or names of its parameters, {listed}; "
                f"got {excerpt(which)}{near}"
            )
        self._frozen = tuple(name for name in known if name in names)


def frozen_names(layers: Iterable[Any] | Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters that are frozen, as a network has them: "0.b"."""
    named = layers.items() if isinstance(layers, Mapping) else enumerate(layers)
    return {f"{name}.{letter}" for name, layer in named for letter in layer.frozen}
