"""What a network of kinds writes: one kind after another, each drawn by what the network expects.

A network of kinds begins with an `Embedding` and has one output for each kind: characters, notes,
moves. Its outputs after a step say how likely each kind is to follow.
"""

from __future__ import annotations

import random
from math import exp, inf, log
from typing import Sequence

from ...checks.settings import integer, is_number, number
from ...checks.words import counted, excerpt
from ...errors import DataError, SettingError
from ...lesson.activation_layers import LogSoftmax, Softmax
from ...lesson.composite import Composite
from ...lesson.layer import Layer
from ...lesson.matrix import Vector
from ...lesson.network import Sequential
from ...lesson.random_streams import Seed, stream
from ...lesson.sequences import Embedding, Positions


def generate(
    network: Sequential,
    begin: int | Sequence[int],
    steps: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: Seed = 0,
    end: int | None = None,
) -> list[int]:
    """Return the kinds with which the network continues a sequence, one for each of so many steps.

    begin:        the kind, or the kinds, with which the sequence begins; they are not returned
    temperature:  each kind is drawn with the probability softmax(scores / temperature); 0 always
                  takes the most likely one, of equal ones that with the lowest number
    top_k:        draw among so many of the most likely kinds only
    seed:         a whole number or a random.Random; None for different results each time
    end:          stop after this kind, which is not returned

    A network with `Positions` sees at most as many steps as it has. When they are used up, the
    sequence begins anew with its latest half of them; what was before is forgotten.

    Raises SettingError for a network that is not one of kinds, or that attends to later steps, and
    DataError for a kind that it does not have.
    """
    kinds = kinds_of(network)
    known = _checked_kinds([begin] if is_number(begin) else begin, kinds, "begin")
    if end is not None:
        _checked_kinds([end], kinds, "end")
    steps = integer("generate", "steps", steps, least=0)
    draw = Draw(network, temperature, top_k, stream(seed))
    return continued(network, known, steps, draw, end)


class Draw:
    """Draws a kind from the outputs of a network; `never` is a kind that it does not draw."""

    def __init__(
        self,
        network: Sequential,
        temperature: float,
        top_k: int | None,
        rng: random.Random,
        never: int | None = None,
    ) -> None:
        self.temperature = number("generate", "temperature", temperature, least=0)
        self.top_k = None if top_k is None else integer("generate", "top_k", top_k, least=1)
        self.rng, self.never = rng, never
        self.are_shares = isinstance(network.layers[-1], Softmax)

    def __call__(self, outputs: Vector) -> int:
        """Return a kind."""
        shares = self.probabilities(outputs)
        left = self.rng.random() * sum(shares)
        last = 0
        for kind, share in enumerate(shares):
            if share > 0.0:
                last = kind
                left -= share
                if left < 0.0:
                    break
        return last  # of the likely ones the last, if rounding leaves a rest

    def probabilities(self, outputs: Vector) -> Vector:
        """Return how likely each kind is to be drawn.

        With z = log y for a network that ends with Softmax, else z = y, that is softmax(z / T)
        of the kinds that are not left out. LogSoftmax's outputs differ from scores by what softmax
        does not see.
        """
        z = [log(y) if y > 0.0 else -inf for y in outputs] if self.are_shares else list(outputs)
        allowed = [kind for kind in range(len(z)) if kind != self.never]
        order = sorted(allowed, key=lambda kind: -z[kind])  # of equal ones the first is first
        kept = order[: 1 if self.temperature == 0.0 else self.top_k]
        highest = z[order[0]]
        powers = [0.0] * len(z)
        for kind in kept:
            # The difference is divided, not the scores, which might leave the floats.
            equal = z[kind] == highest
            powers[kind] = 1.0 if equal else exp((z[kind] - highest) / self.temperature)
        total = sum(powers)
        return [power / total for power in powers]


def continued(
    network: Sequential,
    begin: Sequence[int],
    steps: int,
    draw: Draw,
    end: int | None = None,
    head: Sequence[int] = (),
) -> list[int]:
    """Return at most so many kinds after those at the beginning, without the `end`.

    `head` are the kinds that come first whenever the sequence begins anew.
    """
    most = most_steps_of(network.layers)
    step = network.stepper()
    kinds, seen = list(begin), 0
    found: list[int] = []
    while len(found) < steps:
        if len(kinds) > most:
            kinds, seen = _recent(kinds, int(most), head), 0
            step.begin()
        for kind in kinds[seen:]:
            outputs = step(kind)
        seen = len(kinds)
        kind = draw(outputs)
        if kind == end:
            break
        found.append(kind)
        kinds.append(kind)
    return found


def _recent(kinds: Sequence[int], most: int, head: Sequence[int]) -> list[int]:
    """Return the head and the latest kinds, half as many as there can be steps."""
    room = max(1, most // 2)
    first = list(head) if len(head) < room else []
    return [*first, *kinds[len(first) - room :]]


def kinds_of(network: Sequential) -> int:
    """Return how many kinds a network continues sequences of.

    Raises SettingError for a network whose outputs are not the scores or probabilities of the kinds
    that it takes.
    """
    if not isinstance(network, Sequential):
        raise SettingError(f"generate needs a Sequential network, got {excerpt(network)}")
    first, last = network.layers[0], network.layers[-1]
    if not isinstance(first, Embedding):
        raise SettingError(
            f"generate needs a network of kinds, which begins with an Embedding, got {first!r}"
        )
    if network.outputs != first.kinds:
        raise SettingError(
            "generate needs a network with an output for each of its "
            f"{counted(first.kinds, 'kind')}, got {counted(network.outputs or 0, 'output')}"
        )
    bounded = last.low > -inf or last.high < inf
    if bounded and not isinstance(last, (Softmax, LogSoftmax)):
        raise SettingError(
            "generate needs a network that ends with scores of the kinds, with Softmax or with "
            f"LogSoftmax, got {last!r}"
        )
    return first.kinds


def most_steps_of(layers: Sequence[Layer]) -> float:
    """Return how many steps the layers can take at most; infinity if there is no limit."""
    most = inf
    for layer in layers:
        if isinstance(layer, Positions):
            most = min(most, layer.most)
        elif isinstance(layer, Composite):
            most = min(most, most_steps_of(list(layer.parts.values())))
    return most


def _checked_kinds(values: object, kinds: int, name: str) -> list[int]:
    """Return the kinds as a list. Raises DataError for what is no kind, and for none at all."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not len(values):
        raise DataError(f"generate needs {name} to be at least one kind, got {excerpt(values)}")
    for i, value in enumerate(values):
        if not is_number(value, whole=True) or not 0 <= value < kinds:
            raise DataError(
                f"generate needs {name} to be whole numbers from 0 to {kinds - 1}, got "
                f"{excerpt(value)} at index {i}"
            )
    return [int(value) for value in values]
