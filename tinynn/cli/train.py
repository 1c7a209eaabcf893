"""`tinynn train`: a table in a file becomes a model in a file."""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from typing import Any

from ..checks.words import counted, excerpt, listed
from ..data.files import TableFile
from ..errors import DataError, SettingError
from ..files.atomic import write_text
from ..preprocessing import TableEncoder
from .console import Console, check_writable
from .decimals import guessed_decimal
from .lag_names import MOST_LAGS
from .lags import repeated, training_series
from .models import About, Model, save_model
from .parser import column_name
from .rivals import refitted
from .stages import Stages, say_end
from .tables import (
    Label,
    Lines,
    Loaded,
    Target,
    cell_reader,
    check_class_counts,
    check_range,
    check_rows,
    first_rows,
    guessed_target,
    left_out,
    load_table,
    located,
    note_total,
    open_table,
    refuse_dates,
)
from .testing import findings_of, test_text, with_importance
from .training import TrainedModel, is_interrupted, make_portable, new_encoder, train_table

STREAM_FROM = 20_000_000  # bytes above which a file is read as a stream by default


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    check_writable(options.out)
    check_writable(options.report)
    if not options.validation_share:
        options.early_stopping = False
    stages = Stages(options.resume, console)
    file = open_table(options.data, options)
    if options.jobs > 1 and not options.search:
        raise SettingError("--jobs is for --search; add that, or leave out --jobs")
    streamed = options.stream
    if options.lags:
        _check_lags(options)
        streamed = False
    if streamed is None:
        streamed = (file.size or 0) * (4 if file.compressed else 1) > STREAM_FROM
    options.stream = streamed
    table = None if streamed else load_table(file)
    start, lines = (table.rows, table.lines) if table else first_rows(file)
    target, encoder = _understood(file, start, lines, options)
    if table is not None:
        console.say(
            f"{file.name}: {counted(len(table.rows), 'row')}, {file.describe(encoder.decimal)}"
        )
        note_total(file, console)
        if options.lags:
            table, encoder = training_series(table, target, encoder, options.lags, console)
        table, targets = _without_target(table, target, options, console)
        console.say(f"target {excerpt(target.name)}: {_target_text(target, targets)}; {target.why}")
        if options.search:
            from .search import searched

            choose = partial(searched, table, targets, target, encoder, options, console)
            stages.chosen("search", vars(options), choose)
        trained = train_table(table, targets, target, encoder, options, console, stages)
    else:
        if options.search:
            raise SettingError(
                "--search needs the table in memory; give --no-stream, or leave out --search"
            )
        console.say(f"{file.name}: {file.describe(encoder.decimal)}")
        kind = "classes" if target.task == "classify" else "numbers"
        console.say(f"target {excerpt(target.name)}: {kind}; {target.why}")
        from .streaming import train_stream

        trained = train_stream(file, target, encoder, start, options, console, stages)
    return _finish(file, target, trained, options, console, stages)


def _understood(
    file: TableFile, rows: list[list[str]], lines: Lines, options: argparse.Namespace
) -> tuple[Target, TableEncoder]:
    """Return the target, and an encoder of the other columns."""
    try:
        name = column_name(options.target, file.columns)
    except DataError as error:
        raise DataError(f"{file.name}: {error}") from None
    index = file.columns.index(name)
    columns = [column for column in file.columns if column != name or options.lags]
    if not columns:
        raise DataError(f"{file.name} has no columns besides the target {name!r} to learn from")
    decimal = options.decimal or guessed_decimal(rows[:1000], file.dialect.delimiter)
    reader = cell_reader(options.missing, decimal, options.not_missing)
    cells = [row[index] for row in rows]
    with located(file.name, lines):
        target = guessed_target(name, index, cells, reader, options.task, options.missing)
    if options.task is None and target.task == "classify":
        refuse_dates(cells, reader, f"{file.name}: column {excerpt(name)}")
    return target, new_encoder(columns, options, decimal)


def _check_lags(options: argparse.Namespace) -> None:
    """Raise SettingError for what a series cannot be trained with."""
    if options.lags > MOST_LAGS:
        raise SettingError(f"--lags needs a number up to {MOST_LAGS:,}, got {options.lags:,}")
    if options.stream:
        raise SettingError(
            "--lags needs the table in memory, as it tests the model on the last rows; leave out "
            "--stream"
        )


def _without_target(
    table: Loaded, target: Target, options: argparse.Namespace, console: Console
) -> tuple[Loaded, list[Label]]:
    """Return the table without the target's column and rows without a target, and the targets."""
    targets: list[Label] = []
    kept: list[int] = []
    absent: Counter[str] = Counter()
    for row, cells in enumerate(table.rows):
        value = target.of(cells, table.file.name, table.lines.of(row))
        if value is not None:
            targets.append(value)
            kept.append(row)
        else:
            absent[cells[target.index].strip()] += 1
        del cells[target.index]
    where = f"{table.file.name}: column {excerpt(target.name)}"
    if not targets:
        raise DataError(
            f"{table.file.name}: the target column {excerpt(target.name)} has no values"
        )
    if absent:
        console.note(left_out(absent, len(table.rows), where, target.task == "classify"))
    check_rows(len(targets), table.file.name, options)
    if target.task == "classify":
        check_class_counts(_counts(targets), where, options.task is not None)
    else:
        numbers = [float(value) for value in targets]
        check_range(min(numbers), max(numbers), len(numbers), where)
    if absent:
        from .testing import picked

        table = picked(table, kept)[0]
    return table, targets


def _counts(targets: list[Label]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for target in targets:
        counts[target] = counts.get(target, 0) + 1
    return counts


def _target_text(target: Target, targets: list[Any]) -> str:
    if target.task == "regress":
        return f"numbers from {min(targets):g} to {max(targets):g}"
    counts = _counts(targets)
    words = [f"{name} {counts[name]:,}" for name in sorted(counts, key=lambda k: -counts[k])]
    return f"{counted(len(counts), 'class', 'classes')} ({listed(words)})"


def _finish(
    file: TableFile,
    target: Target,
    trained: TrainedModel,
    options: argparse.Namespace,
    console: Console,
    stages: Stages,
) -> int:
    """Test the model, write it, and print the results."""
    estimator, history = trained.estimator, trained.estimator.history_
    make_portable(estimator, options)
    interrupted = is_interrupted(estimator)
    _say_training(trained, console, stages)
    model = Model(options.out or "the model", estimator, None, options.engine)
    found = None
    trial = trained.trial
    if trial is not None:
        found = findings_of(model, trial, file.name, trained.linear)
        console.show(test_text(found, console))
    else:
        console.say("no rows were held out to test the model")
    if found is not None and trial is not None and (options.report or options.out):
        found = with_importance(model, trial, found, options.seed, asked=bool(options.report))
    last = None
    if options.lags and trial is not None:
        last = repeated(trial, model.columns, target)
        if last is not None:
            console.say(last.text)
    all_rows = 0
    if trained.whole is not None and not interrupted:
        estimator = refitted(trained.estimator, trained.whole, options.refit, console, stages)
        all_rows = 0 if estimator is trained.estimator else len(trained.whole.targets)
    notation = target.notation if target.task == "regress" else None
    about = About(
        target.name, file.name, trained.train_rows, trained.validation_rows, found, file.reading,
        notation, all_rows, options.lags,
    )  # fmt: skip
    model = model._replace(estimator=estimator, about=about)
    if options.out:
        save_model(options.out, estimator, about)
        console.say()
        console.say(f"model written to {options.out}")
    if options.report:
        from .reporting import model_page

        write_text(options.report, model_page(model, found))
        console.say(f"report written to {options.report}")
    if not options.out:
        console.note("note: the model was not saved; --out FILE saves it")
    console.result(
        {
            "data": file.name,
            "task": target.task,
            "target": target.name,
            "rows": {
                "train": trained.train_rows - trained.validation_rows,
                "validation": trained.validation_rows,
                "test": 0 if found is None else found.rows,
            },
            "columns": [
                {"name": column.name, "kind": column.kind, "reason": column.reason}
                for column in estimator.encoder_.columns
            ],
            "network": repr(estimator.network_),
            "parameters": estimator.network_.count_parameters(),
            "engine": history.engine,
            "epochs": history.epochs,
            "best_epoch": best_epoch(estimator),
            "seconds": history.seconds[-1] if history.seconds else 0.0,
            "stopped_by": history.stopped_by,
            "test": None if found is None else found.metrics,
            "intervals": None if found is None else found.intervals,
            "p_values": None if found is None else found.p_values,
            "lags": options.lags,
            "last_value": None if last is None else last._asdict(),
            "model": options.out,
            "report": options.report,
        }
    )
    return 130 if interrupted else 0


def best_epoch(estimator: Any) -> int:
    """Return the epoch that the model's weights come from."""
    history = estimator.history_
    return int(history.best_epoch)


def _say_training(trained: TrainedModel, console: Console, stages: Stages) -> None:
    history, estimator = trained.estimator.history_, trained.estimator
    console.say(
        f"network {'-'.join(map(str, _widths(estimator)))}, "
        f"{counted(estimator.network_.count_parameters(), 'parameter')}, solver "
        f"{estimator.solver}, engine {history.engine} "
        f"({history.engine_reason})"
    )
    say_end(history, console, stages)
    if not is_interrupted(estimator):
        console.say()


def _widths(estimator: Any) -> list[int]:
    return [len(estimator.coefs_[0]), *(len(W[0]) for W in estimator.coefs_)]
