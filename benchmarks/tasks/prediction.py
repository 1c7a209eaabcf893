"""One row in, one row out: the cost for a program that makes single predictions now and then."""

from __future__ import annotations

from .kinds import Prediction

_SIZES = ((4, 10, 3), (64, 32, 10), (784, 30, 10), (784, 128, 10))

TASKS: tuple[Prediction, ...] = tuple(
    Prediction(
        f"predict-{'-'.join(map(str, sizes))}",
        f"predict one row, list in, list out, {'-'.join(map(str, sizes))}",
        unit="call",
        amount=10_000,
        check_amount=4,
        sizes=sizes,
    )
    for sizes in _SIZES
)
