"""Random streams. Nothing here, or anywhere in tinynn, touches the global `random`."""

from __future__ import annotations

import random
from typing import Union

from ..checks.settings import is_number
from ..errors import SettingError

Seed = Union[int, random.Random, None]


def stream(seed: Seed) -> random.Random:
    """Return a random stream: `seed` itself if it is one, otherwise a new one seeded with it.

    `None` uses the operating system's entropy: a different stream each time.

    Raises SettingError unless the seed is a whole number, a `random.Random` or None.
    """
    if isinstance(seed, random.Random):
        return seed
    if not (seed is None or isinstance(seed, int) or is_number(seed, whole=True)):
        raise SettingError(
            f"a seed needs to be a whole number, a random.Random or None, got {seed!r}"
        )
    return random.Random(seed if seed is None else int(seed))


def epoch_stream(seed: int, epoch: int) -> random.Random:
    """Return the random stream of one epoch, a function of (seed, epoch) alone.

    Because it depends on nothing else, training can stop after any epoch and continue later, even
    in another process, and shuffle exactly as it would have without the pause.
    """
    return random.Random(f"tinynn epoch {seed} {epoch}")


def numpy_legacy_stream(seed: int) -> random.Random:
    """Return a stream whose `random()` equals NumPy's after `numpy.random.seed(seed)`, bit for bit.

    NumPy seeds the Mersenne Twister MT19937 with an integer s by the original `init_genrand`:

        mt₀ = s,   mtᵢ = 1812433253 · (mtᵢ₋₁ ⊕ (mtᵢ₋₁ ≫ 30)) + i   (mod 2³²),   i = 1 … 623

    while Python's own `random.seed` uses `init_by_array`. Both then draw 53-bit floats alike.
    Source: M. Matsumoto and T. Nishimura, mt19937ar.c (2002).

    Raises SettingError unless the seed is a whole number, 0 ≤ seed < 2³², as in NumPy.

    >>> numpy_legacy_stream(1).random()  # numpy.random.seed(1); numpy.random.random()
    0.417022004702574
    """
    if not (isinstance(seed, int) or is_number(seed, whole=True)) or not 0 <= seed < 2**32:
        raise SettingError(f"the seed needs to be a whole number from 0 to 2**32 - 1, got {seed!r}")
    state: list[int] = [int(seed)]
    for i in range(1, 624):
        previous = state[-1]
        state.append((1812433253 * (previous ^ (previous >> 30)) + i) % 2**32)
    generator = random.Random()
    generator.setstate((3, (*state, 624), None))
    return generator
