"""The decimal sign of a table: guessed in training, and compared with a model's afterwards."""

from __future__ import annotations

from statistics import median
from typing import Any, Iterable, NamedTuple, Sequence

from ..data.files import TableFile
from ..errors import DataError
from ..estimators.number_targets import Numbers
from ..preprocessing.columns import NumberColumn
from ..preprocessing.notation import Evidence
from .console import Console
from .models import Model

_WORDS = {".": "points", ",": "commas"}


class Signs(NamedTuple):
    """How many numbers show their decimal sign, a point or a comma, and those that may have one.

    The latter are like 1.234 or 1,234: one number with decimals, or a thousand times as much; here
    they are with decimals.
    """

    points: int
    commas: int
    maybe_points: list[float]
    maybe_commas: list[float]


def signs_of(cells: Iterable[str]) -> Signs:
    """Return what cells show about the decimal sign.

    >>> signs_of(["1.234,5", "0.5", "1,234", "7"])
    Signs(points=1, commas=1, maybe_points=[], maybe_commas=[1.234])
    """
    sure = {".": 0, ",": 0}
    maybe: dict[str, list[float]] = {".": [], ",": []}
    for cell in dict.fromkeys(cells):
        if "." not in cell and "," not in cell:
            continue
        values = Evidence().add(cell.strip(), 0) or {}
        if len(values) == 1:
            sure[next(iter(values))] += 1
        elif values and values["."] != values[","]:
            sign = min(values, key=lambda sign: abs(values[sign]))
            maybe[sign].append(values[sign])
    return Signs(sure["."], sure[","], maybe["."], maybe[","])


def guessed_decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    """Return the decimal sign of a table's numbers: a comma if some have one and none has a point.

    >>> guessed_decimal([["1,5", "x"], ["2,25", "y"]], ";")
    ','
    """
    if delimiter == ",":
        return "."
    signs = signs_of(cell for row in rows for cell in row)
    if signs.points or not (signs.commas or signs.maybe_commas):
        return "."
    return "," if signs.commas or not signs.maybe_points else "."


def adapt_decimal(model: Model, file: TableFile, console: Console) -> Model:
    """Return a model that reads the numbers of a table with the table's decimal sign, and say so.

    The sign is the one from training unless the columns of numbers show the other one. Where they
    may be read either way, the reading counts that is nearer to the numbers of training, in
    standard deviations.
    """
    encoder, about, targets = model.estimator.encoder_, model.about, model.estimator.targets_
    try:
        indices = model.indices(file)
    except DataError:
        return model  # it is raised again where the columns are needed
    columns = [
        (column.notation(encoder.reader).decimal, index, column.shift, column.scale)
        for index, column in zip(indices, encoder.columns)
        if isinstance(column, NumberColumn)
    ]
    plain = isinstance(targets, Numbers) and not targets.link
    if about is not None and about.target in file.columns and plain:
        index, notation = (
            file.columns.index(about.target),
            about.notation or encoder.reader.notation,
        )
        columns.append((notation.decimal, index, targets.scaler.mean[0], targets.scaler.scale[0]))
    _, rows = next(file.parts(ragged=True))
    rows = [row for row in rows if len(row) == len(file.columns)]
    for own, other in ((".", ","), (",", ".")):
        if not _shows_other(own, rows, [rest for sign, *rest in columns if sign == own]):
            continue
        encoder.read_decimal(other, own)
        if about is not None and about.notation is not None and about.notation.decimal == own:
            about = about._replace(notation=about.notation.with_decimal(other))
        console.note(
            f"note: {file.name} has decimal {_WORDS[other]}, and is read so, although {model.path} "
            f"was trained on decimal {_WORDS[own]}; --decimal {own} reads it as in training"
        )
        break
    return model._replace(about=about)


def _shows_other(own: str, rows: Sequence[Sequence[str]], columns: Sequence[Sequence[Any]]) -> bool:
    """Return whether columns, as (index, mean, deviation), have another decimal sign than `own`."""
    shown = {".": 0, ",": 0}
    nearer: list[float] = []  # by how much a reading without thousands is nearer
    for index, mean, scale in columns:
        signs = signs_of(row[index] for row in rows)
        shown["."] += signs.points
        shown[","] += signs.commas
        for x in signs.maybe_points if own == "," else signs.maybe_commas:
            nearer.append((abs(1000.0 * x - mean) - abs(x - mean)) / scale)
    if shown[own]:
        return False
    other = "," if own == "." else "."
    return shown[other] > 0 or (len(nearer) > 0 and median(nearer) > 0.0)
