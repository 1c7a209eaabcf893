"""Series: tables in the order of time, each row of which learns from the rows before it.

With `train --lags L` the columns of a row are the cells of the L rows before it, "sales (3 before)"
and so on, and its target is its own. Other commands make the same columns of another table.
"""

from __future__ import annotations

from copy import copy
from typing import Any, List, NamedTuple, Sequence, Tuple

from ..checks.words import counted, excerpt
from ..data.files import TableFile
from ..errors import DataError
from ..metrics import accuracy, r2_score
from ..preprocessing import LeftOut, TableEncoder
from ..preprocessing.date_column import DateColumn
from ..report.findings import told_apart
from .console import Console
from .lag_names import lagged_name, parts_of
from .models import Model
from .parser import suggestion
from .tables import Lines, Loaded, Target, located
from .testing import Trial

Places = List[Tuple[int, int]]  # of the cells of a row: the column, and how many rows before


def places_of(model: Model, file: TableFile) -> Places:
    """Return where the cells of a model's columns are in a table.

    Raises DataError, with the nearest names, for a column that the table does not have.
    """
    index = {name: j for j, name in enumerate(file.columns)}
    places = []
    for name in model.columns:
        column, lag = parts_of(name)
        if not 1 <= lag <= model.lags:
            raise DataError(
                f"{model.path} is of a series of {counted(model.lags, 'lag')}, and needs a column "
                f"{excerpt(name)}, which is of none of the rows before"
            )
        if column not in index:
            raise DataError(
                f"{model.path} needs a column {excerpt(column)}, which {file.name} does not have"
                f"{suggestion(column, file.columns)}"
            )
        places.append((index[column], lag))
    return places


def check_cells(
    model: Model, file: TableFile, places: Places, rows: Sequence[list[str]], lines: Lines
) -> None:
    """Raise DataError, with the line and the column of the table, for a cell that cannot be read.

    The same cell is in several rows of lags, whose columns have names that are not the table's.
    """
    encoder = model.estimator.encoder_
    seen: set[int] = set()
    with located(file.name, lines):
        for (j, _), column in zip(places, encoder.columns):
            if j not in seen:
                seen.add(j)
                label = f"column {excerpt(file.columns[j])}"
                column.encode([row[j] for row in rows], 0, label, encoder.reader)


def with_lags(table: Loaded, names: list[str], places: Places, lags: int) -> Loaded:
    """Return a table of the cells at these places of each row that has so many rows before it.

    Raises DataError if there is no such row.
    """
    rows = table.rows
    if len(rows) <= lags:
        raise DataError(
            f"{table.file.name} has {counted(len(rows), 'row')}, and each needs the {lags} rows "
            "before it: there is none that has them"
        )
    file, lines = copy(table.file), Lines()
    file.columns = names
    for t in range(lags, len(rows)):
        lines.add(table.lines.of(t))
    return Loaded(
        file, [[rows[t - lag][j] for j, lag in places] for t in range(lags, len(rows))], lines
    )


def series_of(model: Model, table: Loaded, target: int) -> Loaded:
    """Return a table as a model of a series takes it, with its target as the last column."""
    places = places_of(model, table.file)
    check_cells(model, table.file, places, table.rows, table.lines)
    names = [*model.columns, table.file.columns[target]]
    return with_lags(table, names, [*places, (target, 0)], model.lags)


def training_series(
    table: Loaded, target: Target, encoder: TableEncoder, lags: int, console: Console
) -> tuple[Loaded, TableEncoder]:
    """Return the table to train on, with its target as the last column, and its encoder.

    `encoder` is one of all columns of the table, the target's among them. Dates of the row before
    say those of all others, so there is only one lag of them.
    Raises DataError, with the line, for dates that are not in the order of time.
    """
    name = table.file.name
    with located(name, table.lines):
        looked = encoder.fresh().fit(table.rows)
    notations = looked.learned_notations()
    names: list[str] = []
    places: Places = []
    kinds: dict[str | int, str] = {}
    said: dict[str | int, Any] = {}
    for j, column in enumerate(looked.columns):
        own = j == target.index
        if isinstance(column, DateColumn):
            _check_order(column, looked, table, j)
        if isinstance(column, LeftOut) and not own:
            continue
        kind = column.asked
        if own:
            kind = "category" if target.task == "classify" else "number"
        for lag in range(1, 2 if isinstance(column, DateColumn) else lags + 1):
            names.append(lagged_name(column.name, lag))
            places.append((j, lag))
            kinds[names[-1]] = kind
            if column.name in notations:
                said[names[-1]] = notations[column.name]
    found = with_lags(table, [*names, target.name], [*places, (target.index, 0)], lags)
    used = list(dict.fromkeys(excerpt(table.file.columns[j]) for j, _ in places))
    console.say(
        f"series: each row learns from {', '.join(used[:6])}{', …' if len(used) > 6 else ''} of "
        f"{'the row' if lags == 1 else f'the {lags} rows'} before it, in the order of the table; "
        f"{counted(len(found.rows), 'row')} have as many before them"
    )
    target.index = len(names)
    return found, encoder.fresh(names=names, kinds=kinds, notations=said or None)


def _check_order(column: DateColumn, looked: TableEncoder, table: Loaded, j: int) -> None:
    """Raise DataError for a row that is dated before the one above it."""
    missing = looked.reader.missing
    numbers = [i for i, row in enumerate(table.rows) if row[j].strip() not in missing]
    cells = [table.rows[i][j] for i in numbers]
    with located(table.file.name, table.lines):
        times = column.encode(cells, 0, f"column {column.name!r}", looked.reader).columns[0]
    for k in range(1, len(times)):
        if times[k] < times[k - 1]:
            first = "the newest row is the first: " if times[0] > times[-1] else ""
            raise DataError(
                f"{table.file.name}, line {table.lines.of(numbers[k])}, column {j + 1} "
                f"({excerpt(column.name)}): {excerpt(cells[k])} follows {excerpt(cells[k - 1])}; "
                f"{first}--lags needs the rows in the order of time; sort them, or, if this column "
                f"is not their time, give --ignore {excerpt(column.name)}"
            )


class Repeated(NamedTuple):
    """How good it is to repeat the last value, beside a model, on the rows where there is one.

    rows:         how many they are
    score:        what the two numbers are: "R²" or "accuracy"; more is better
    last, model:  of repeating the last value, and of the model
    """

    rows: int
    score: str
    last: float
    model: float

    @property
    def text(self) -> str:
        """The comparison in words."""
        last, own = told_apart(self.last, self.model)
        words = f"repeating the last value: {self.score} {last} on the rows to test"
        if self.model > self.last:
            return f"{words}; the model, {own}, is better"
        return (
            f"{words}; the model, {own}, is no better: it has learned nothing that "
            "the last value does not say"
        )


def repeated(trial: Trial, columns: Sequence[str], target: Target) -> Repeated | None:
    """Return how good it is to repeat the last value; None if no row of the test has one."""
    index = list(columns).index(lagged_name(target.name, 1))
    truth, answers, last = [], [], []
    for row, cell in enumerate(trial.cells(range(len(trial.targets)), index)):
        value: Any = cell.strip()
        if value in target.missing:
            continue
        if target.task == "regress":
            value = target.notation.number(value)
        if value is not None:
            truth.append(trial.targets[row])
            answers.append(trial.answers[row])
            last.append(value)
    if not truth:
        return None
    if target.task == "regress":
        return Repeated(len(truth), "R²", r2_score(truth, last), r2_score(truth, answers))
    labels = [list(map(str, values)) for values in (truth, last, answers)]
    return Repeated(
        len(truth), "accuracy", accuracy(labels[0], labels[1]), accuracy(labels[0], labels[2])
    )
