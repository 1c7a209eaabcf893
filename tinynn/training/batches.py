"""The order in which rows are shown: batches of row indices, or batches from a stream."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, Callable, Iterable, Iterator, Sequence

from ..engines.contract import Batches
from ..errors import DataError
from ..lesson.random_streams import epoch_stream

Batch = Sequence[int]

# Seeding a random stream costs as much as a dozen steps of a small network, so epochs with few rows
# share one: as many epochs as have this many rows together.
ROWS_OF_A_STREAM = 64


def epoch_batches(
    samples: int, batch_size: int | None, shuffle: bool, seed: int, epoch: int
) -> list[Batch]:
    """Return the batches of one epoch: lists of row indices, each row once; the last may be short.

    To shuffle, each row is given a random number, which depends only on `seed`, `epoch` and
    `samples`, and the rows are sorted by it. One batch of all rows stays in order, since sums do
    not depend on it.

    >>> epoch_batches(5, batch_size=2, shuffle=False, seed=0, epoch=0)
    [[0, 1], [2, 3], [4]]
    """
    size = batch_size or samples
    shuffled = shuffle and size < samples
    order = next(shuffled_orders(samples, seed, epoch)) if shuffled else list(range(samples))
    return [order[i : i + size] for i in range(0, samples, size)]


def shuffled_orders(samples: int, seed: int, epoch: int) -> Iterator[list[int]]:
    """Yield the order of the rows in an epoch, then in each following one."""
    shared = max(1, ROWS_OF_A_STREAM // samples)
    skipped = epoch % shared
    while True:
        draw = epoch_stream(seed, epoch - skipped).random
        for _ in range(skipped * samples):
            draw()
        for _ in range(shared - skipped):
            keys = [draw() for _ in range(samples)]
            yield sorted(range(samples), key=keys.__getitem__)
        epoch += shared - skipped
        skipped = 0


class TableBatches:
    """The batches of a table's rows, epoch by epoch.

    per_epoch: how many batches each epoch has; `smallest`: how many rows the last one has;
    `alike`: whether all have the same number
    """

    def __init__(self, samples: int, batch_size: int | None, shuffle: bool, seed: int) -> None:
        size = min(batch_size or samples, samples)
        self.per_epoch = -(-samples // size)
        self.smallest = samples % size or size
        self.alike = self.smallest == size
        self._samples, self._size, self._seed = samples, size, seed
        self._shuffled = shuffle and self.per_epoch > 1
        self._order = [] if self._shuffled else list(range(samples))

    def batches(self, first: int, count: int) -> Batches:
        """Return the batches of `count` epochs, starting with epoch `first` of the whole training.

        >>> list(TableBatches(3, batch_size=2, shuffle=False, seed=0).batches(first=0, count=2))
        [[0, 1], [2], [0, 1], [2]]
        """
        if not self._shuffled:  # all epochs are the same, and there may be thousands
            return Batches(self._order, self._samples, self._size, count)
        orders = islice(shuffled_orders(self._samples, self._seed, first), count)
        return Batches([*chain.from_iterable(orders)], self._samples, self._size)


class BatchStream:
    """Batches that arrive one by one, from data that do not fit into memory.

    `source` is a collection of batches, a function that returns a new iterator of them for each
    epoch, or, for one epoch, an iterator. Nothing is read from it before training begins.
    """

    def __init__(self, source: Any, epochs: int) -> None:
        if not callable(source) and not hasattr(source, "__iter__"):
            raise DataError(
                "fit needs inputs with targets, or a stream of batches, "
                f"got {type(source).__name__} without targets"
            )
        self.source = source
        self.open: Callable[[], Iterable[Any]] = source if callable(source) else lambda: source
        once = not callable(source) and hasattr(source, "__next__")
        self.repeats = not once
        if once and epochs > 1:
            raise DataError(
                f"{epochs} epochs need batches that can be read {epochs} times, got an iterator, "
                "which can be read only once; give a function that returns a new one, or epochs=1"
            )

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield (inputs, targets, sample weights or None) batch by batch.

        Raises DataError for anything else, with the batch's number, counted from 0, and for a
        stream without batches.
        """
        batches = self.open()
        if not hasattr(batches, "__iter__"):
            raise DataError(
                "a stream's function needs to return an iterator of batches, "
                f"got {type(batches).__name__}"
            )
        number = -1
        for number, batch in enumerate(batches):
            if (
                not isinstance(batch, (tuple, list))
                or len(batch) not in (2, 3)
                or isinstance(batch[0], (float, int))
            ):
                size = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
                raise DataError(
                    "a stream needs batches of (inputs, targets) or (inputs, targets, sample "
                    f"weights), got {type(batch).__name__}{size} as batch {number}; for a table, "
                    "give its targets too"
                )
            yield batch[0], batch[1], batch[2] if len(batch) == 3 else None
        if number < 0:
            again = "; the function needs to return a new iterator each time"
            raise DataError(
                "a stream needs at least one batch in each epoch, got none"
                f"{again if callable(self.source) else ''}"
            )
