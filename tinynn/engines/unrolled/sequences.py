"""Networks that read sequences: the lesson's layers, with products of Dense layers written out.

Rows of a sequence meet in attention or recurrent layers, so the whole step cannot be one function
of a row. But most of its time goes into products: here each Dense layer, also inside another layer,
has two functions of all rows, with every weight a local variable and every sum written out.
"""

from __future__ import annotations

import copy
from typing import Any, Callable, NamedTuple

from ...formulas.caches import cached
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.matrix import Matrix, column_sums
from ...lesson.network import Sequential
from ..contract import Memory, Recipe
from ..lists import ListsProgram
from ..sequence_plans import with_parts
from ..source import SourceWriter, compile_source

# The most weights of Dense layers to write out. The smallest GPT has 3,504, which take 0.2 s to
# write and compile; a step of it then takes three quarters of what `lists` takes on CPython 3.11.
MOST_WEIGHTS = 6000


class WrittenProducts(NamedTuple):
    """The functions of a Dense layer's rows and weights."""

    forward: Callable[[Matrix, Matrix, Any], Matrix]
    backward: Callable[[Matrix, Matrix, Matrix], tuple[Matrix, Matrix]]


class WrittenDense(Dense):
    """A Dense layer that shares all with another one, but computes with `WrittenProducts`."""

    def __init__(self, dense: Dense) -> None:
        self.__dict__ = dense.__dict__

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.X = X
        products = products_of(self.inputs, self.outputs, bool(self.b))
        return products.forward(X, self.W, self.b)

    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        products = products_of(self.inputs, self.outputs, bool(self.b))
        dX, self.dW = products.backward(self.X, dZ, self.W)
        if self.b:
            self.db = column_sums(dZ)
        return dX


class SequencesProgram(ListsProgram):
    """Runs the lesson's layers as `lists` does, but for the Dense ones."""

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.original = recipe.network
        super().__init__(recipe, memory)

    def reload(self) -> None:
        network = copy.copy(self.original)
        network.layers = [written(layer) for layer in self.original.layers]
        self.recipe = self.recipe._replace(network=network)
        super().reload()


def written(layer: Layer) -> Layer:
    """Return a layer that computes the same with the same numbers, its products written out."""
    if type(layer) is Dense:
        return WrittenDense(layer)
    parts = getattr(layer, "parts", None)
    if parts is None:
        return layer
    twin: Any = copy.copy(layer)
    twin.parts = {name: written(part) for name, part in parts.items()}
    if hasattr(layer, "layers"):
        twin.layers = tuple(twin.parts.values())
    return twin  # type: ignore[no-any-return]


def refuses_sequences(network: Sequential) -> str | None:
    """Return why the products of a network are not written out, as a clause, or None."""
    dense = [layer for layer in with_parts(network.layers) if type(layer) is Dense]
    count = sum(layer.inputs * layer.outputs for layer in dense)
    if not count:
        return "the network has no Dense layer, whose products it could write out"
    if count > MOST_WEIGHTS:
        return (
            f"the Dense layers have {count:,} weights, and it writes out at most {MOST_WEIGHTS:,}"
        )
    return None


@cached(64)
def products_of(inputs: int, outputs: int, biased: bool) -> WrittenProducts:
    """Return the functions for Dense layers of this shape."""
    name = f"Dense {inputs} -> {outputs}"
    return WrittenProducts(
        compile_source(_forward(inputs, outputs, biased), f"{name}, forward"),
        compile_source(_backward(inputs, outputs), f"{name}, backward"),
    )


def _names(letter: str, count: int) -> list[str]:
    return [f"{letter}{k}" for k in range(count)]


def _listed(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


def _weights(inputs: int, outputs: int) -> list[list[str]]:
    return [[f"w{i}_{j}" for j in range(outputs)] for i in range(inputs)]


def _sum(left: list[str], right: list[str]) -> str:
    return " + ".join(f"{a} * {b}" for a, b in zip(left, right))


def _forward(inputs: int, outputs: int, biased: bool) -> str:
    """Return the source of Z = X W + b."""
    x, w, b = _names("x", inputs), _weights(inputs, outputs), _names("b", outputs)
    code = SourceWriter()
    with code.block("def forward(X, W, b):"):
        code(f"[{', '.join(map(_listed, w))}] = W")
        if biased:
            code(f"{_listed(b)} = b")
        code("Z = []", "add = Z.append")
        with code.block(f"for {_listed(x)} in X:"):
            sums = [_sum(x, list(column)) for column in zip(*w)]
            sums = [f"{s} + {b_j}" for s, b_j in zip(sums, b)] if biased else sums
            code(f"add({_listed(sums)})")
        code("return Z")
    return str(code)


def _backward(inputs: int, outputs: int) -> str:
    """Return the source of dX = dZ Wᵀ and dW = Xᵀ dZ."""
    x, w, d = _names("x", inputs), _weights(inputs, outputs), _names("d", outputs)
    g = [[f"g{i}_{j}" for j in range(outputs)] for i in range(inputs)]
    code = SourceWriter()
    with code.block("def backward(X, dZ, W):"):
        code(f"[{', '.join(map(_listed, w))}] = W")
        code(*[f"{' = '.join(row)} = 0.0" for row in g])
        code("dX = []", "add = dX.append")
        with code.block(f"for {_listed(x)}, {_listed(d)} in zip(X, dZ):"):
            code(*[f"{g[i][j]} += {x[i]} * {d[j]}" for i in range(inputs) for j in range(outputs)])
            code(f"add({_listed([_sum(d, row) for row in w])})")
        code(f"return dX, [{', '.join(map(_listed, g))}]")
    return str(code)
