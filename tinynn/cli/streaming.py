"""Training on a file that is read again for each epoch, with little memory for any size."""

from __future__ import annotations

import argparse
from collections import Counter
from math import inf
from random import Random
from typing import Iterator, Sequence

from ..checks.words import excerpt
from ..data.files import CHUNK, TableFile
from ..errors import DataError
from ..preprocessing import TableEncoder
from ..preprocessing.notation import Notation
from .console import Console, Meter
from .stages import Stages
from .tables import (
    GUESSED_FROM,
    MOST_CLASSES,
    Cells,
    Label,
    Lines,
    Loaded,
    Target,
    check_class_counts,
    check_range,
    check_rows,
    left_out,
    located,
    note_total,
)
from .training import (
    FEW_ROWS,
    TimeBudget,
    TrainedModel,
    callbacks_of,
    columns_text,
    new_estimator,
    tested,
)

# With many rows, larger batches learn as well and are faster.
EPOCHS, PATIENCE, LEARNING_RATE = 10, 3, 0.01
HELD_OUT = 10_000  # rows that are kept to decide when to stop, and as many to test


class RowStream:
    """The rows of a file, read once for each pass, some of them held out for validation and test.

    A call starts a pass, which yields (rows, targets) in pieces. The seed chooses the rows to hold
    out, the same in each pass; the first pass stores them.
    """

    def __init__(
        self,
        file: TableFile,
        target: Target,
        options: argparse.Namespace,
        console: Console,
        budget: TimeBudget | None,
    ) -> None:
        self.file, self.target, self.console, self.budget = file, target, console, budget
        self.seed = options.seed
        self.estimate = estimated_rows(file)
        held_out = HELD_OUT / max(self.estimate, 1)
        self.test_share = min(options.test_share, held_out)
        self.validation_share = 0.0
        if options.early_stopping:
            rest = 1.0 - options.test_share
            self.validation_share = min(options.validation_share * rest, held_out)
        self.options = options
        self.lines, self.test_lines = Lines(), Lines()
        self.validation: tuple[list[Cells], list[Label]] = ([], [])
        self.test: tuple[list[Cells], list[Label]] = ([], [])
        self.passes = self.rows = 0
        self.absent: Counter[str] = Counter()  # words in place of a target
        self.counts: dict[Label, int] = {}  # of each class, in all rows
        self.known: set[Label] = set()  # the classes in the training rows
        self.range = (inf, -inf)  # of the numbers

    def __call__(self) -> Iterator[tuple[list[Cells], list[Label]]]:
        first = self.passes == 0
        self.passes += 1
        what = "reading" if first else f"epoch {self.passes - 1}"
        meter = Meter(self.console, what)
        rng, seen = Random(self.seed), 0
        for lines, rows in self.file.parts():
            kept, targets = self._kept(lines, rows, rng, first)
            seen += len(rows)
            size = self.file.size
            meter.show(seen, min(self.file.position / size, 1.0) if size else None)
            if kept:
                yield kept, targets
            if not first and self.budget is not None and self.budget.over:
                break
        meter.clear()
        if first:
            self._check()

    def _kept(
        self, lines: Sequence[int], rows: list[Cells], rng: Random, first: bool
    ) -> tuple[list[Cells], list[Label]]:
        """Return the rows to train on, without targets, and their targets; store held-out rows."""
        target, name, index = self.target, self.file.name, self.target.index
        below = self.test_share + self.validation_share
        kept: list[Cells] = []
        targets: list[Label] = []
        for line, cells in zip(lines, rows):
            value = target.of(cells, name, line)
            draw = rng.random()
            if value is None:
                self.absent[cells[index].strip()] += first
                continue
            if first:
                self._count(value)
            del cells[index]
            if draw >= below:
                kept.append(cells)
                targets.append(value)
                if first:
                    self.lines.add(line)
            elif first and draw < self.test_share:
                self.test[0].append(cells)
                self.test[1].append(value)
                self.test_lines.add(line)
            elif first:
                self.validation[0].append(cells)
                self.validation[1].append(value)
        if first:
            self.rows += len(kept)
            self.known.update(targets if target.task == "classify" else ())
        return kept, targets

    def _count(self, value: Label) -> None:
        """Count a target of the first pass."""
        if isinstance(value, str):
            self.counts[value] = self.counts.get(value, 0) + 1
            if len(self.counts) > MOST_CLASSES:
                self._check()
        else:
            self.range = (min(self.range[0], value), max(self.range[1], value))

    def _check(self) -> None:
        """Raise DataError, after the first pass, for targets that cannot be learned."""
        where = f"{self.file.name}: column {excerpt(self.target.name)}"
        rows = self.rows + len(self.test[0]) + len(self.validation[0])
        if not rows:
            raise DataError(
                f"{self.file.name}: the target column {excerpt(self.target.name)} has no values"
            )
        if self.absent:
            total = rows + sum(self.absent.values())
            mend = self.target.task == "classify"
            self.console.note(left_out(self.absent, total, where, mend))
        check_rows(rows, self.file.name, self.options)
        if self.target.task == "classify":
            check_class_counts(self.counts, where, self.options.task is not None)
            for held in (self.validation, self.test):
                # A class without training rows cannot be learned.
                fine = [label in self.known for label in held[1]]
                held[0][:] = [row for row, kept in zip(held[0], fine) if kept]
                held[1][:] = [label for label, kept in zip(held[1], fine) if kept]
        else:
            check_range(*self.range, rows, where)


def estimated_rows(file: TableFile) -> float:
    """Estimate how many rows a file has from its size and its first rows."""
    size = file.size
    lengths = [
        sum(map(len, cells)) + len(cells)
        for _, (_, cells) in zip(range(GUESSED_FROM // 10), file.rows())
    ]
    if size is None or not lengths:
        return float(len(lengths))
    return (4.0 if file.compressed else 1.0) * size * len(lengths) / sum(lengths)


def train_stream(
    file: TableFile,
    target: Target,
    encoder: TableEncoder,
    start: list[Cells],
    options: argparse.Namespace,
    console: Console,
    stages: Stages,
) -> TrainedModel:
    """Return an estimator trained on a file that is read again for each epoch, in bounded memory.

    `start` holds the first rows of the file with their targets.
    """
    callbacks = callbacks_of(options)
    budget = next((each for each in callbacks if isinstance(each, TimeBudget)), None)
    stream = RowStream(file, target, options, console, budget)
    epochs = options.epochs or EPOCHS
    patience = (options.patience or PATIENCE) if options.early_stopping else epochs
    encoder = _without_counters(encoder, start, target, console)
    estimator = new_estimator(
        target.task, encoder, options, max(int(stream.estimate), FEW_ROWS), callbacks,
        max_iter=epochs,  # with at least so many rows, no solver that needs them all at once
        n_iter_no_change=patience, learning_rate="constant",
        learning_rate_init=options.learning_rate or LEARNING_RATE,
    )  # fmt: skip
    # The first pass fills these lists; they are not used before its end.
    validation = stream.validation if options.early_stopping else None
    console.say(
        f"the file is read as a stream, {CHUNK:,} rows at a time: once for statistics, then once "
        f"for each of at most {epochs} epochs"
    )
    with located(file.name, stream.lines):
        estimator.fit_stream(stream, validation, options.buffer, resume=stages.file("network"))
    note_total(file, console)
    for line in columns_text(estimator.encoder_):
        console.say(line)
    console.say(
        f"rows: {stream.rows:,} to train on, {len(stream.validation[0]):,} to decide when to stop, "
        f"{len(stream.test[0]):,} to test"
    )
    first_targets = {cells[target.index] for cells in start}
    if len(first_targets) == 1 and len(stream.counts) > 1:
        console.note(
            f"note: the first {len(start):,} rows are all of class {excerpt(first_targets.pop())}, "
            "and rows are shuffled only within a buffer; shuffle the file, or raise --buffer"
        )
    test = Loaded(file, stream.test[0], stream.test_lines)
    return TrainedModel(
        estimator, stream.rows + len(stream.validation[0]), len(stream.validation[0]),
        tested(estimator, test, stream.test[1], options),
    )  # fmt: skip


def _without_counters(
    encoder: TableEncoder, start: list[Cells], target: Target, console: Console
) -> TableEncoder:
    """Return the encoder without columns that number the rows, knowing how numbers are written.

    Such columns cannot be recognized once rows are held out.
    """
    rows = [cells[: target.index] + cells[target.index + 1 :] for cells in start]
    try:
        looked = encoder.fresh().fit(rows)
    except DataError:  # the pass over the whole file decides
        return encoder
    kinds = dict(encoder.kinds)
    plain = Notation(encoder.decimal)
    # Cells that show how a column is written may be among the held-out rows only.
    notations = {
        name: notation for name, notation in looked.learned_notations().items() if notation != plain
    }
    for column in looked.columns:
        if column.kind == "identifier" and column.name not in kinds:
            kinds[column.name] = "drop"
            console.say(f"column {excerpt(column.name)} is {column.describe()} (in the first rows)")
    return encoder.fresh(kinds=kinds, notations={**notations, **encoder.notations})
