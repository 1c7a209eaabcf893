"""The order in which rows are shown: batches of row numbers, or batches that come as a stream."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple

from .errors import DataError
from .rng import epoch_stream

Batch = Sequence[int]


def epoch_batches(
    samples: int, batch_size: Optional[int], shuffle: bool, seed: int, epoch: int
) -> List[Batch]:
    """Return the batches of one epoch: lists of row numbers, each row once, the last may be short.

    Shuffled, the rows are sorted by a random number each, from a stream that only `seed` and
    `epoch` decide. One batch of all rows stays in order: a sum does not depend on it.

    >>> epoch_batches(5, batch_size=2, shuffle=False, seed=0, epoch=0)
    [[0, 1], [2, 3], [4]]
    """
    if batch_size is None or batch_size >= samples:
        return [list(range(samples))]
    order = _shuffled(samples, seed, epoch) if shuffle else list(range(samples))
    return [order[i : i + batch_size] for i in range(0, samples, batch_size)]


def split_rows(samples: int, share: float, seed: int) -> Tuple[List[int], List[int]]:
    """Return the row numbers to train on and those set apart, about `share` of all, both in order.

    Raises DataError if that would leave one of the two without a row.
    """
    apart = round(samples * share)
    if not 0 < apart < samples:
        raise DataError(
            f"validation_split needs to leave rows on both sides, got {share:g} of {samples} rows"
        )
    order = _shuffled(samples, seed, -1)
    return sorted(order[apart:]), sorted(order[:apart])


def _shuffled(samples: int, seed: int, epoch: int) -> List[int]:
    draw = epoch_stream(seed, epoch).random
    keys = [draw() for _ in range(samples)]
    return sorted(range(samples), key=keys.__getitem__)


class Stream:
    """Batches that come one by one, from data that does not fit into memory."""

    def __init__(self, source: Any, epochs: int) -> None:
        self.source = source
        self.open: Callable[[], Iterable[Any]] = source if callable(source) else lambda: source
        once = not callable(source) and iter(source) is source
        if once and epochs > 1:
            raise DataError(
                f"{epochs} epochs need batches that can be read {epochs} times, got an iterator, "
                "which can be read once; give a function that returns a new one, or epochs=1"
            )

    def __iter__(self) -> Iterator[Tuple[Any, Any, Any]]:
        """Yield (inputs, targets, sample weights or None) batch by batch."""
        empty = True
        for number, batch in enumerate(self.open()):
            if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
                raise DataError(
                    "a stream needs batches of (inputs, targets) or (inputs, targets, sample "
                    f"weights), got {type(batch).__name__} as batch {number}; for a table, give "
                    "its targets too"
                )
            empty = False
            yield batch[0], batch[1], batch[2] if len(batch) == 3 else None
        if empty:
            raise DataError("a stream needs at least one batch, got none")
