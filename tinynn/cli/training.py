"""From a table and the command line's options to a trained estimator, in memory or as a stream."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any, Mapping, NamedTuple, Sequence

from ..errors import SettingError
from ..estimators import Classifier, Estimator, Regressor
from ..preprocessing import MISSING, TableEncoder
from ..training.callbacks import Callback
from ..training.progress import Progress
from ..training.run import Run
from .column_options import kinds_of
from .console import Console
from .models import Model, fastest_engine
from .rivals import AllRows, keep_reasons, linear_trial, with_logarithms
from .stages import Stages
from .tables import (
    Label,
    Loaded,
    Target,
    located,
)
from .testing import Trial, answered, picked, split_rows, tried

EPOCHS = 200
# The usual alpha and patience of each solver. With Adam, made-up tables lose a point and a half of
# accuracy with a patience of 5, and gain a fifth of one with 15, for a quarter more epochs:
# `benchmarks.defaults patience`.
USUAL = {"adam": (1e-4, 10), "lbfgs": (1.0, 20)}
FEW_ROWS = 1000  # below, L-BFGS is as good or better with these: `benchmarks.defaults solver`
LEARNING_RATE = 0.03  # at first; it falls on a plateau (`benchmarks.defaults rate`)
# A batch has a 100th of the rows within these bounds: as good as 32 of them on made-up tables of
# 6,000 and 24,000 rows, for a third or less of the updates (`benchmarks.defaults rows`).
SMALLEST_BATCH, LARGEST_BATCH, BATCHES = 32, 256, 100


class TimeBudget(Callback):
    """Ends training after the first epoch that ends `seconds` or more after the start."""

    remembers: Mapping[str, str] = {"started": "time"}

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.started = time.monotonic()

    def on_train_begin(self, trainer: Run) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, trainer: Run) -> None:
        if self.over:
            trainer.stop("time budget")

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self.started >= self.seconds


class TrainedModel(NamedTuple):
    """The result of training: the estimator, how many rows it used, and its test if there is one.

    linear: the answers of a linear model to the rows of the test; whole: all rows and their
    targets, unless they were a stream
    """

    estimator: Classifier | Regressor
    train_rows: int
    validation_rows: int
    trial: Trial | None = None
    linear: Trial | None = None
    whole: AllRows | None = None


def new_encoder(columns: Sequence[str], options: argparse.Namespace, decimal: str) -> TableEncoder:
    """Return an encoder for these columns, set up by the options."""
    return TableEncoder(
        names=list(columns),
        kinds=kinds_of(options, columns),
        missing=(*MISSING, *options.missing),
        not_missing=options.not_missing,
        decimal=decimal,
        max_kinds=options.max_kinds,
    )


def new_estimator(
    task: str,
    encoder: TableEncoder,
    options: argparse.Namespace,
    rows: int,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> Classifier | Regressor:
    """Return an untrained estimator for that many rows, set by the options, then by `changes`."""
    epochs = options.epochs or EPOCHS
    solver = solver_of(options, rows)
    alpha, patience = USUAL.get(solver, USUAL["adam"])
    settings: dict[str, Any] = {
        "hidden_layer_sizes": tuple(options.hidden),
        "activation": options.activation,
        "solver": solver,
        "alpha": alpha if options.alpha is None else options.alpha,
        "batch_size": options.batch_size or batch_rows(rows),
        "learning_rate": "plateau",
        "learning_rate_init": options.learning_rate or LEARNING_RATE,
        "max_iter": epochs,
        "random_state": options.seed,
        "tol": 0.0,
        "early_stopping": options.early_stopping and "loss",
        "validation_fraction": options.validation_share or 0.1,
        "n_iter_no_change": (options.patience or patience) if options.early_stopping else epochs,
        "dropout": options.dropout,
        "clip_norm": options.clip_norm,
        "encoder": encoder,
        "callbacks": callbacks,
        "engine": engine_of(options),
        **changes,
    }
    if task == "regress":
        if options.class_weights is not None:
            raise SettingError("--class-weights needs a target of classes, got numbers")
        log = bool(options.log_target)
        return Regressor(loss=options.loss or "squared_error", log_target=log, **settings)
    for option, value in (("--loss", options.loss), ("--log-target", options.log_target)):
        if value:
            raise SettingError(f"{option} needs a target of numbers, got classes")
    return Classifier(class_weight=class_weights(options.class_weights), **settings)


def solver_of(options: argparse.Namespace, rows: int) -> str:
    """Return the solver: for few rows L-BFGS, unless an option asks for what it has not."""
    if options.solver:
        return str(options.solver)
    stepwise = options.learning_rate or options.batch_size or options.dropout or options.clip_norm
    stepwise = stepwise or options.stream
    return "lbfgs" if rows < FEW_ROWS and options.early_stopping and not stepwise else "adam"


def batch_rows(rows: int) -> int:
    """Return how many rows a batch has by default, for a table of so many.

    >>> batch_rows(150), batch_rows(20_000)
    (32, 200)
    """
    return min(LARGEST_BATCH, max(SMALLEST_BATCH, rows // BATCHES))


def engine_of(options: argparse.Namespace) -> str:
    """Return the engine to train with: unless one was asked for, machine code where it can run."""
    return options.engine or fastest_engine()


def make_portable(estimator: Classifier | Regressor, options: argparse.Namespace) -> None:
    """Forget an engine that nobody asked for: the model may be trained on elsewhere."""
    if estimator.engine != (options.engine or "auto"):
        estimator.engine = "auto"
        history = estimator.history_
        history.engine_reason = "machine code for this processor; --engine auto turns it off"


def class_weights(text: str | None) -> str | dict[str, float] | None:
    """Return the weights of classes: "balanced", or "yes=5,no=1".

    >>> class_weights("yes=5,no=1")
    {'yes': 5.0, 'no': 1.0}
    """
    if text is None or text == "balanced":
        return text
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, sign, value = part.rpartition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise SettingError(
                f"--class-weights needs balanced, or weights like yes=5,no=1, got {text!r}"
            )
    return weights


def callbacks_of(options: argparse.Namespace) -> list[Callback]:
    """Return the callbacks for training: the progress and the time budget."""
    found: list[Callback] = [] if options.quiet else [Progress(sys.stderr)]
    if options.time_budget:
        found.append(TimeBudget(options.time_budget))
    return found


def train_table(
    table: Loaded,
    targets: list[Label],
    target: Target,
    encoder: TableEncoder,
    options: argparse.Namespace,
    console: Console,
    stages: Stages,
) -> TrainedModel:
    """Return an estimator trained on a table without its target column."""
    name = table.file.name
    classes = target.task == "classify"
    with located(name, table.lines):
        looked = encoder.fresh().fit(table.rows)  # all of it, in the order of the file
        for line in columns_text(looked):
            console.say(line)
    series = options.lags > 0
    train_numbers, test_numbers = split_rows(
        targets, options.test_share, options.seed, classes, in_order=series
    )
    part, lines = picked(table, train_numbers)
    validation = 0
    if options.early_stopping:
        validation = max(1, round(len(train_numbers) * options.validation_share))
    console.say(
        f"rows: {len(train_numbers) - validation:,} to train on, {validation:,} to decide when to "
        f"stop, {len(test_numbers):,} to test{', in the order of time' if series else ''}"
    )
    kinds = {column.name: column.asked for column in looked.columns}
    known = encoder.fresh(kinds={**kinds, **encoder.kinds}, notations=looked.learned_notations())
    estimator = new_estimator(
        target.task, known, options, len(train_numbers), callbacks_of(options)
    )
    train_targets = [targets[i] for i in train_numbers]
    test, test_targets = picked(table, test_numbers)[0], [targets[i] for i in test_numbers]
    linear: Trial | None = None
    with located(name, lines):
        prepared = estimator.prepare(part.rows, train_targets, in_order=series)
        if test_numbers and options.hidden:
            linear = linear_trial(estimator, prepared, test, test_targets, console)
        estimator.fit_prepared(prepared, stages.file("network"))
        if isinstance(estimator, Regressor) and options.log_target is None:
            numbers = [float(value) for value in train_targets]
            estimator, learned = with_logarithms(estimator, prepared, numbers, console, stages)
            if linear is not None and learned is not prepared:
                linear = linear_trial(estimator, learned, test, test_targets, console, linear)
    keep_reasons(estimator, looked)
    if linear is None:
        trial = tested(estimator, test, test_targets, options)
    else:
        trial = answered(Model("the model", estimator, None, options.engine), linear)
    whole = AllRows(table, targets, looked)
    return TrainedModel(estimator, len(train_numbers), validation, trial, linear, whole)


def tested(
    estimator: Classifier | Regressor,
    test: Loaded,
    targets: Sequence[Label],
    options: argparse.Namespace,
) -> Trial | None:
    """Return the answers of a model to the rows of a test, if there are any."""
    if not test.rows:
        return None
    model = Model(options.out or "the model", estimator, None, options.engine)
    return tried(model, test, range(len(model.columns)), targets, test.lines)


def columns_text(encoder: TableEncoder) -> list[str]:
    """Return lines that say how each column is read and why; many columns are grouped."""
    columns = encoder.columns
    if len(columns) <= 16:
        width = min(max(len(column.name) for column in columns), 30)
        return ["columns:"] + [f"  {c.name:<{width}}  {c.describe()}" for c in columns]
    lines = [f"columns: {len(columns)}"]
    groups: dict[str, list[str]] = {}
    for column in columns:
        key = {
            "number": "numbers", "category": f"categories ({column.reason})", "date": "dates",
            "words": "free texts",
        }.get(column.kind, f"left out ({column.kind})")  # fmt: skip
        groups.setdefault(key, []).append(column.name)
    for key, names in groups.items():
        some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        lines.append(f"  {len(names)} {key}: {some}")
    return lines


def is_interrupted(estimator: Estimator) -> bool:
    """Return whether Ctrl-C ended the training."""
    return estimator.history_.stopped_by == "interrupted"
