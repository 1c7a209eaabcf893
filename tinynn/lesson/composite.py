"""Layers made of other layers, whose parameters are those of their parts."""

from __future__ import annotations

from typing import Any, Mapping

from .layer import Layer, Values


class Composite(Layer):
    """The base of layers with `parts`: layers by name, whose numbers are called "query.W"."""

    parts: Mapping[str, Layer] = {}

    def parameters(self) -> dict[str, Values]:
        return self._by_name("parameters")

    def gradients(self) -> dict[str, Values]:
        return self._by_name("gradients")

    def buffers(self) -> dict[str, Values]:
        return self._by_name("buffers")

    def shapes(self) -> dict[str, tuple[int, int]]:
        return self._by_name("shapes")

    def seed_noise(self, seed: int) -> None:
        for i, part in enumerate(self.parts.values()):
            part.seed_noise(seed * len(self.parts) + i)

    def _by_name(self, method: str) -> dict[str, Any]:
        """Return what a method of each part returns, by the name of the part and its own."""
        return {
            f"{name}.{letter}": value
            for name, part in self.parts.items()
            for letter, value in getattr(part, method)().items()
        }
