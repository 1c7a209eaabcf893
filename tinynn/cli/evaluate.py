"""`tinynn evaluate`: how good a model is on a table with known answers."""

from __future__ import annotations

import argparse
from collections import Counter

from ..checks.words import excerpt
from ..data.files import TableFile
from ..errors import DataError, SettingError
from ..estimators import Regressor
from ..estimators.ensemble import Committee
from ..files.atomic import write_text
from ..report.findings import importance_label
from .console import Console, check_writable
from .decimals import adapt_decimal
from .lags import series_of
from .models import Model, load_model
from .parser import column_name
from .tables import Label, Loaded, Target, left_out, load_table, note_total, open_table
from .testing import (
    Trial,
    calibration_text,
    describe_cells,
    findings_of,
    importance_text,
    picked,
    test_text,
    tried,
    with_importance,
    worst_text,
)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    check_writable(options.report)
    model = load_model(options.model, options.decimal, options.missing)
    if options.report and isinstance(model.estimator.network_, Committee):
        raise SettingError(
            f"--report shows one network, and {options.model} holds an ensemble; leave it out"
        )
    file = open_table(options.data, options, model)
    trial = trial_of(model, file, options, console)
    describe_cells(trial, console, file.name)
    found = findings_of(model, trial, file.name)
    console.show(test_text(found, console))
    if found.calibration:
        what = f"of {found.classes[1]}" if len(found.classes) == 2 else "of the answer"
        console.say()
        console.say(f"calibration: the predicted probability {what}, and how often it came true")
        console.show(calibration_text(found, console))
    if not options.no_importance:
        found = with_importance(model, trial, found, options.seed)
        console.say()
        console.say(f"importance: {importance_label(found)} when a column's cells are shuffled")
        console.show(importance_text(found, console))
    if found.worst:
        console.say()
        console.say("the rows that the model got most wrong")
        console.show(worst_text(found, console))
    if options.report:
        from .reporting import model_page

        write_text(options.report, model_page(model, found))
        console.say()
        console.say(f"report written to {options.report}")
    content = found.to_dict()
    for name in ("roc", "pairs"):
        del content[name]
    console.result(content)
    if options.at_least is not None and found.metrics[found.score] < options.at_least:
        console.note(
            f"{found.score} {found.metrics[found.score]:.4f} is below {options.at_least:g}"
        )
        return 1
    return 0


def known_targets(
    model: Model, file: TableFile, options: argparse.Namespace, console: Console
) -> tuple[Loaded, list[Label]]:
    """Return the rows of a table whose target is known, and their targets.

    Raises DataError, with the nearest names, if the table has no such column.
    """
    name = _target_column(model, file, options.target)
    if options.decimal is None:
        model = adapt_decimal(model, file, console)
    index = file.columns.index(name)
    task = "regress" if isinstance(model.estimator, Regressor) else "classify"
    reader, about = model.estimator.encoder_.reader, model.about
    notation = None if about is None else about.notation
    target = Target(
        name, index, task, "", reader.missing,
        notation or reader.notation, model.classes,
    )  # fmt: skip
    table = load_table(file)
    note_total(file, console)
    if model.lags:
        table = series_of(model, table, index)
        target.index = len(model.columns)
    targets: list[Label] = []
    kept: list[int] = []
    absent: Counter[str] = Counter()
    for row, cells in enumerate(table.rows):
        value = target.of(cells, file.name, table.lines.of(row))
        if value is not None:
            kept.append(row)
            targets.append(value)
        else:
            absent[cells[target.index].strip()] += 1
    if not kept:
        raise DataError(f"{file.name}: the target column {excerpt(name)} has no values")
    if absent:
        where = f"{file.name}: column {excerpt(name)}"
        console.note(left_out(absent, len(table.rows), where, mend=False))
        table = picked(table, kept)[0]
    return table, targets


def _target_column(model: Model, file: TableFile, given: str | None) -> str:
    try:
        return column_name(model.target_name(given), file.columns)
    except DataError as error:
        text = str(error)
        if text.startswith("there is no column"):
            text = f"{file.name}: {text}; give its name with --target"
        raise DataError(text) from None


def trial_of(model: Model, file: TableFile, options: argparse.Namespace, console: Console) -> Trial:
    """Return a model's answers to a table with known targets."""
    table, targets = known_targets(model, file, options, console)
    trial = tried(model, table, model.indices(table.file), targets, table.lines)
    if model.about is not None and file.name == model.about.source:
        console.note(
            f"note: {model.path} was trained on rows of a file called {file.name}; if it is this "
            "file, the model will do worse on new rows"
        )
    return trial
