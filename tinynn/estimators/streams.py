"""Tables that do not fit in memory, read in chunks and shuffled in a buffer."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Tuple

from ..errors import DataError
from ..lesson.matrix import Matrix, Vector
from ..lesson.random_streams import epoch_stream

Rows = Tuple[Matrix, Matrix, Optional[Vector]]


class Chunks:
    """A stream of encoded chunks, and how it is shuffled."""

    def __init__(
        self,
        open_chunks: Callable[[], Iterable[Any]],
        encoded: Callable[[Any, int], Rows],
        shuffle: bool,
        seed: int,
        buffer_rows: int,
    ) -> None:
        self.open_chunks, self.encoded = open_chunks, encoded
        self.shuffle, self.seed, self.buffer_rows = shuffle, seed, buffer_rows


class _Row(NamedTuple):
    x: Vector
    t: Vector
    weight: float | None


def checked_chunks(who: str, open_chunks: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """Yield (rows, targets, sample weights or None) for each chunk of a stream.

    Raises DataError for anything else.
    """
    if not callable(open_chunks):
        raise DataError(
            f"{who} needs a function that returns a new iterator of chunks each time, "
            f"got a {type(open_chunks).__name__}"
        )
    for number, chunk in enumerate(open_chunks()):
        if not isinstance(chunk, (tuple, list)) or len(chunk) not in (2, 3):
            raise DataError(
                f"{who} needs chunks of (rows, targets) or (rows, targets, sample weights), "
                f"got a {type(chunk).__name__} as chunk {number}"
            )
        yield chunk[0], chunk[1], chunk[2] if len(chunk) == 3 else None


def batches_of(source: Chunks, size: int, epoch: int) -> Iterator[Rows]:
    """Yield batches of `size` rows for one epoch, by its number; the last may be shorter.

    The buffer is filled, shuffled and half used before it is refilled. A row moves only by about
    the length of the buffer, so a file should not be sorted by its targets.
    """
    rng = epoch_stream(source.seed, epoch)
    buffer: list[_Row] = []
    for row in _encoded_rows(source):
        buffer.append(row)
        if len(buffer) >= max(source.buffer_rows, 2 * size):
            if source.shuffle:
                rng.shuffle(buffer)
            used = len(buffer) // 2 // size * size if source.shuffle else len(buffer) // size * size
            yield from _cut(buffer[:used], size)
            del buffer[:used]
    if source.shuffle:
        rng.shuffle(buffer)
    yield from _cut(buffer, size)


def _encoded_rows(source: Chunks) -> Iterator[_Row]:
    row = 0
    for chunk in checked_chunks("a stream", source.open_chunks):
        X, T, weights = source.encoded(chunk, row)
        row += len(X)
        for i, (x, t) in enumerate(zip(X, T)):
            yield _Row(x, t, None if weights is None else weights[i])


def _cut(rows: list[_Row], size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        weights = None
        if part[0].weight is not None:
            weights = [1.0 if row.weight is None else row.weight for row in part]
        yield [row.x for row in part], [row.t for row in part], weights
