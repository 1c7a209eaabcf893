"""From a table and the command line's options to a trained estimator, in memory or as a stream."""

from __future__ import annotations

import argparse
import sys
import time
from random import Random
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..callbacks import Callback, Progress
from ..data.files import TableFile
from ..errors import DataError, SettingError
from ..estimators import Classifier, Estimator, Regressor
from ..preprocessing import MISSING, LeftOut, TableEncoder
from ..trainer import Trainer
from .console import Console, Meter
from .models import counted
from .parser import column_list
from .tables import (
    CHUNK,
    GUESSED_FROM,
    MOST_CLASSES,
    Cells,
    Label,
    Lines,
    Loaded,
    Target,
    check_classes,
    chunks_of,
    located,
)
from .testing import picked, split_rows

EPOCHS, PATIENCE = 200, 10
BATCH = 32
# With so many rows, larger batches learn as well, and more of the time goes into rows.
STREAM_EPOCHS, STREAM_PATIENCE, STREAM_BATCH = 10, 3, 256
HELD_OUT = 10_000  # rows of a stream that are kept to see when to stop, and as many to test


class TimeBudget(Callback):
    """Ends the training after the first epoch that is over so many seconds after its start."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.started = time.monotonic()

    def on_train_begin(self, trainer: Trainer) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, trainer: Trainer) -> None:
        if self.over:
            trainer.stop("time budget")

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() - self.started >= self.seconds


class Trained(NamedTuple):
    """What training a table came to: the estimator, the rows by their use, and those to test."""

    estimator: Union[Classifier, Regressor]
    train_rows: int
    validation_rows: int
    test: Optional[Loaded]
    test_targets: List[Label]


def new_encoder(columns: Sequence[str], options: argparse.Namespace, decimal: str) -> TableEncoder:
    """Return an encoder for these columns, by the options."""
    kinds: Dict[Union[str, int], str] = {}
    for option, kind in (("numbers", "number"), ("categories", "category"), ("ignore", "drop")):
        for name in column_list(getattr(options, option), columns):
            if kinds.get(name, kind) != kind:
                raise SettingError(
                    f"column {name!r} can be only one of --numbers, --categories and --ignore"
                )
            kinds[name] = kind
    return TableEncoder(
        names=list(columns),
        kinds=kinds,
        missing=(*MISSING, *options.missing),
        decimal=decimal,
        max_kinds=options.max_kinds,
    )


def new_estimator(
    task: str,
    encoder: TableEncoder,
    options: argparse.Namespace,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> Union[Classifier, Regressor]:
    """Return an estimator that is not trained yet, by the options and `changes` of them."""
    epochs = options.epochs or EPOCHS
    settings: Dict[str, Any] = {
        "hidden_layer_sizes": tuple(options.hidden),
        "activation": options.activation,
        "solver": options.solver,
        "alpha": options.alpha,
        "batch_size": options.batch_size or BATCH,
        "learning_rate_init": options.learning_rate,
        "max_iter": epochs,
        "random_state": options.seed,
        "tol": 0.0,
        "early_stopping": options.early_stopping and "loss",
        "validation_fraction": options.validation_share or 0.1,
        "n_iter_no_change": (options.patience or PATIENCE) if options.early_stopping else epochs,
        "dropout": options.dropout,
        "clip_norm": options.clip_norm,
        "encoder": encoder,
        "callbacks": callbacks,
        "engine": options.engine,
        **changes,
    }
    if task == "regress":
        return Regressor(loss=options.loss, **settings)
    return Classifier(class_weight=class_weights(options.class_weights), **settings)


def class_weights(text: Optional[str]) -> Union[str, Dict[str, float], None]:
    """Return the weights of classes: "balanced", or "yes=5,no=1".

    >>> class_weights("yes=5,no=1")
    {'yes': 5.0, 'no': 1.0}
    """
    if text is None or text == "balanced":
        return text
    weights: Dict[str, float] = {}
    for part in text.split(","):
        name, sign, value = part.rpartition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise SettingError(
                f"--class-weights needs to be balanced, or like yes=5,no=1, got {text!r}"
            )
    return weights


def callbacks_of(options: argparse.Namespace) -> List[Callback]:
    """Return what looks on while a model trains."""
    found: List[Callback] = [] if options.quiet else [Progress(sys.stderr)]
    if options.time_budget:
        found.append(TimeBudget(options.time_budget))
    return found


def train_table(
    table: Loaded,
    targets: List[Label],
    target: Target,
    encoder: TableEncoder,
    options: argparse.Namespace,
    console: Console,
) -> Trained:
    """Return an estimator trained on a table of the columns to learn from, as far as it got."""
    name = table.file.name
    classes = target.task == "classify"
    least = 10 if options.test_share or options.early_stopping else 2
    if len(targets) < least:
        raise DataError(
            f"{name} has {counted(len(targets), 'row')} to learn from; at least {least} are needed"
            + (" to set some of them apart for validation and test" if least > 2 else "")
        )
    with located(name, table.lines):
        looked = encoder.fresh().fit(table.rows)  # all of it, in the order of the file
        for line in columns_text(looked):
            console.say(line)
    train_numbers, test_numbers = split_rows(targets, options.test_share, options.seed, classes)
    part, lines = picked(table, train_numbers)
    validation = 0
    if options.early_stopping:
        validation = max(1, round(len(train_numbers) * options.validation_share))
    console.say(
        f"rows: {len(train_numbers) - validation:,} to train on, {validation:,} to see when to "
        f"stop, {len(test_numbers):,} to test"
    )
    kinds = {
        column.name: column.kind if column.kind in ("number", "category") else "drop"
        for column in looked.columns
    }
    estimator = new_estimator(
        target.task, encoder.fresh(kinds={**kinds, **encoder.kinds}), options,
        callbacks_of(options),
    )  # fmt: skip
    with located(name, lines):
        estimator.fit(part.rows, [targets[i] for i in train_numbers])
    for j, column in enumerate(looked.columns):
        # Why a column is what it is was found in all rows, and asked of the training then.
        encoded = estimator.encoder_.columns[j]
        estimator.encoder_.columns[j] = (
            column if isinstance(column, LeftOut) else encoded._replace(reason=column.reason)
        )
    test = picked(table, test_numbers)[0] if test_numbers else None
    return Trained(
        estimator, len(train_numbers), validation, test, [targets[i] for i in test_numbers]
    )


def columns_text(encoder: TableEncoder) -> List[str]:
    """Return, in lines, what the columns were taken for and why; of many, in groups."""
    columns = encoder.columns
    if len(columns) <= 16:
        width = min(max(len(column.name) for column in columns), 30)
        return ["columns:"] + [f"  {c.name:<{width}}  {c.describe()}" for c in columns]
    lines = [f"columns: {len(columns)}"]
    groups: Dict[str, List[str]] = {}
    for column in columns:
        word = column.kind if column.kind in ("number", "category") else "left out"
        reason = column.reason if word == "category" else column.kind
        key = {"number": "numbers", "category": f"categories ({reason})"}.get(
            word, f"left out ({reason})"
        )
        groups.setdefault(key, []).append(column.name)
    for key, names in groups.items():
        some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        lines.append(f"  {len(names)} {key}: {some}")
    return lines


class Stream:
    """The rows of a file, read once for each pass, some of them held out for validation and test.

    A call starts a pass, which yields (rows, targets) in pieces. The rows held out are chosen by
    the seed, the same in each pass, and kept by the first.
    """

    def __init__(
        self,
        file: TableFile,
        target: Target,
        options: argparse.Namespace,
        console: Console,
        budget: Optional[TimeBudget],
    ) -> None:
        self.file, self.target, self.console, self.budget = file, target, console, budget
        self.seed = options.seed
        held_out = HELD_OUT / max(estimated_rows(file), 1)
        self.test_share = min(options.test_share, held_out)
        self.validation_share = 0.0
        if options.early_stopping:
            rest = 1.0 - options.test_share
            self.validation_share = min(options.validation_share * rest, held_out)
        self.asked = options.task is not None
        self.lines, self.test_lines = Lines(), Lines()
        self.validation: Tuple[List[Cells], List[Label]] = ([], [])
        self.test: Tuple[List[Cells], List[Label]] = ([], [])
        self.passes = self.rows = self.without_target = 0
        self.counts: Dict[Label, int] = {}

    def __call__(self) -> Iterator[Tuple[List[Cells], List[Label]]]:
        first = self.passes == 0
        self.passes += 1
        what = "reading" if first else f"epoch {self.passes - 1}"
        meter = Meter(self.console, what)
        rng, seen = Random(self.seed), 0
        for lines, rows in chunks_of(self.file):
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
        self, lines: List[int], rows: List[Cells], rng: Random, first: bool
    ) -> Tuple[List[Cells], List[Label]]:
        """Return the rows to train on, without their targets, and these; keep what is held out."""
        target, name, index = self.target, self.file.name, self.target.index
        below = self.test_share + self.validation_share
        kept: List[Cells] = []
        targets: List[Label] = []
        for line, cells in zip(lines, rows):
            value = target.of(cells, name, line)
            draw = rng.random()
            if value is None:
                self.without_target += first
                continue
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
            if target.task == "classify":
                self._count(targets)
        return kept, targets

    def _count(self, targets: List[Label]) -> None:
        for label in targets:
            self.counts[label] = self.counts.get(label, 0) + 1
        if len(self.counts) > MOST_CLASSES:
            self._check()

    def _check(self) -> None:
        if self.target.task == "classify" and self.counts:
            where = f"{self.file.name}: column {self.target.name!r}"
            check_classes(self.counts, where, self.asked)
            known = [label in self.counts for label in self.validation[1]]
            for part in self.validation:  # a class that is nowhere else cannot be learned
                part[:] = [item for item, fine in zip(part, known) if fine]  # type: ignore


def estimated_rows(file: TableFile) -> float:
    """Return about how many rows a file has, by its size and its first rows."""
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
    start: List[Cells],
    options: argparse.Namespace,
    console: Console,
) -> Trained:
    """Return an estimator trained on a file that is read again and again, in bounded memory.

    `start` are the first rows of it, target and all.
    """
    callbacks = callbacks_of(options)
    budget = next((each for each in callbacks if isinstance(each, TimeBudget)), None)
    stream = Stream(file, target, options, console, budget)
    epochs = options.epochs or STREAM_EPOCHS
    patience = (options.patience or STREAM_PATIENCE) if options.early_stopping else epochs
    encoder = _without_counters(encoder, start, target, console)
    estimator = new_estimator(
        target.task, encoder, options, callbacks, max_iter=epochs, n_iter_no_change=patience,
        batch_size=options.batch_size or STREAM_BATCH,
    )  # fmt: skip
    # Its lists are filled by the first pass, and looked at after it.
    validation = stream.validation if options.early_stopping else None
    console.say(
        f"the file is read as a stream, in pieces of {CHUNK:,} rows: once for its statistics, then "
        f"once for each of {epochs} epochs at the most"
    )
    with located(file.name, stream.lines):
        estimator.fit_stream(stream, validation=validation, buffer_rows=options.buffer)
    for line in columns_text(estimator.encoder_):
        console.say(line)
    console.say(
        f"rows: {stream.rows:,} to train on, {len(stream.validation[0]):,} to see when to stop, "
        f"{len(stream.test[0]):,} to test"
    )
    if stream.without_target:
        console.note(f"note: {counted(stream.without_target, 'row')} without a target left out")
    test = Loaded(file, stream.test[0], stream.test_lines) if stream.test[0] else None
    return Trained(
        estimator, stream.rows + len(stream.validation[0]), len(stream.validation[0]), test,
        stream.test[1],
    )  # fmt: skip


def _without_counters(
    encoder: TableEncoder, start: List[Cells], target: Target, console: Console
) -> TableEncoder:
    """Return the encoder, without columns that number the rows.

    That a column does so is not to be seen any more once rows are held out.
    """
    rows = [cells[: target.index] + cells[target.index + 1 :] for cells in start]
    try:
        columns = encoder.fresh().fit(rows).columns
    except DataError:  # the whole file will tell
        return encoder
    kinds = dict(encoder.kinds)
    for column in columns:
        if column.kind == "identifier" and column.name not in kinds:
            kinds[column.name] = "drop"
            console.say(f"column {column.name!r} is {column.describe()} of the first rows")
    return encoder.fresh(kinds=kinds)


def is_interrupted(estimator: Estimator) -> bool:
    """Return whether Ctrl-C ended the training."""
    return estimator.history_.stopped_by == "interrupted"
