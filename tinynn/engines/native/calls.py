"""What each call of a program's code does: how many epochs and batches, from which row on."""

from __future__ import annotations

from array import array
from itertools import chain, groupby
from typing import NamedTuple, Sequence

from ..contract import Batches


class Call(NamedTuple):
    """What one call of the code does: epochs of `batches` with `length` rows.

    last:   rows of another batch at the end of each epoch, or 0
    steps:  how many rows are a sequence, if all have as many; 0 if they have not: it is one batch
    first:  the number of the first batch; row: where its rows begin among all row numbers
    """

    first: int
    row: int
    epochs: int
    batches: int
    length: int
    last: int = 0
    steps: int = 1

    @property
    def per_epoch(self) -> int:
        """The batches of an epoch."""
        return self.batches + (self.last > 0)

    @property
    def updates(self) -> int:
        """All batches."""
        return self.epochs * self.per_epoch

    @property
    def rows(self) -> int:
        """The rows of all batches."""
        return self.epochs * (self.batches * self.length + self.last)

    def cut(self, most: int) -> tuple[Call, list[Call]]:
        """Return the beginning, with at most so many rows or of one batch, and the rest."""
        epochs, batches, length, last = self[2:6]
        if self.rows <= most or self.updates == 1:
            return self, []
        if epochs > 1:
            rows = self.rows // epochs
            count = min(epochs - 1, max(1, most // rows))
            rest = self._replace(epochs=epochs - count)
            begin, others = self._replace(epochs=count).cut(most)
            return begin, [*others, rest.moved(count * self.per_epoch, count * rows)]
        count = min(batches, max(1, most // length))
        begin = self._replace(batches=count, last=0)
        rest = self._replace(batches=batches - count)
        if count == batches:
            rest = self._replace(batches=1, length=last, last=0)
        return begin, [rest.moved(count, count * length)]

    def moved(self, batches: int, rows: int) -> Call:
        """Return the same call, so many batches and rows later."""
        return self._replace(first=self.first + batches, row=self.row + rows)


def rows_and_runs(batches: Sequence[Sequence[int]]) -> tuple[array[int], list[Call]]:
    """Return the row numbers of all batches, and the runs of batches that a call could make."""
    runs: list[Call] = []
    first = row = 0
    if not isinstance(batches, Batches):
        rows = array("q", [*chain.from_iterable(batches)])
        lengths = [*map(len, batches)]
        if lengths and lengths.count(lengths[0]) == len(lengths):
            return rows, [Call(0, 0, 1, len(lengths), lengths[0])]
        for length, group in groupby(lengths):
            count = len(list(group))
            runs.append(Call(first, row, 1, count, length))
            first, row = first + count, row + count * length
        return rows, runs
    begin, end = batches.span
    rows = (array("q", batches.order) * batches.times)[begin:end]
    size, last = batches.size, batches.samples % batches.size
    if not last:
        return rows, [Call(0, 0, 1, len(batches), size)]
    full, left = batches.per_epoch - 1, len(batches)
    begun = batches.start % batches.per_epoch
    while left:
        # The rest of an epoch, whole epochs, or the beginning of one.
        if begun == full:
            run = Call(first, row, 1, 1, last)
        elif begun or left <= full:
            ends = left > full - begun
            run = Call(first, row, 1, min(full - begun, left), size, last if ends else 0)
        else:
            run = Call(first, row, left // (full + 1), full, size, last)
        runs.append(run)
        first, row, left, begun = first + run.updates, row + run.rows, left - run.updates, 0
    return rows, runs
