"""The decimal sign of a table: guessed in training, and compared with a model's afterwards."""

from __future__ import annotations

import re
from statistics import median
from typing import Iterable, NamedTuple, Sequence

from ..data.files import TableFile
from ..errors import DataError
from ..estimators.number_targets import Numbers
from ..preprocessing.columns import NumberColumn
from .console import Console
from .models import Model

# A number, perhaps with a sign of money or percent; its digits and signs are the group.
_NUMBER = re.compile(
    r"\(?[-+]?(?:[A-Z]{3}|[^\w\s.,])?\s?[-+]?(\d[\d.,]*|[.,]\d+)(?:[eE][-+]?\d+)?"
    r"\s?(?:[A-Z]{3}|[^\w\s.,])?\)?"
)
_THOUSANDS = re.compile(r"(?<=\d)[ '\u00a0\u202f](?=\d{3}\b)")
_GROUPS = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
_WORDS = {".": "points", ",": "commas"}


class Signs(NamedTuple):
    """How many numbers show their decimal sign, a point or a comma, and those that may have one.

    The latter are like 1.234 or 1,234: one number with decimals, or a thousand times as much.
    """

    points: int
    commas: int
    maybe_points: list[str]
    maybe_commas: list[str]


def signs_of(cells: Iterable[str]) -> Signs:
    """Return what cells show about the decimal sign.

    >>> signs_of(["1.234,5", "0.5", "1,234", "7"])
    Signs(points=1, commas=1, maybe_points=[], maybe_commas=['1,234'])
    """
    sure = {".": 0, ",": 0}
    maybe: dict[str, list[str]] = {".": [], ",": []}
    for cell in dict.fromkeys(cells):
        if "." not in cell and "," not in cell:
            continue
        match = _NUMBER.fullmatch(_THOUSANDS.sub("", cell.strip()))
        if match is None:
            continue
        digits = match.group(1)
        last = max(".,", key=digits.rfind)
        other = "," if last == "." else "."
        if _GROUPS.fullmatch(digits) and other not in digits:
            if digits.count(last) > 1:
                sure[other] += 1
            else:
                maybe[last].append(digits)
        elif digits.count(last) == 1:
            sure[last] += 1
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


def adapt_decimal(model: Model, file: TableFile, console: Console) -> None:
    """Let a model read the numbers of a table with the table's decimal sign, and say so.

    The sign is the one from training unless the columns of numbers show the other one. Where they
    may be read either way, the reading counts that is nearer to the numbers of training, in
    standard deviations.
    """
    encoder = model.estimator.encoder_
    own = encoder.reader.decimal
    other = "," if own == "." else "."
    try:
        indices = model.indices(file)
    except DataError:
        return  # it is raised again where the columns are needed
    numbers = [
        (index, column.shift, column.scale)
        for index, column in zip(indices, encoder.columns)
        if isinstance(column, NumberColumn)
    ]
    about, targets = model.about, model.estimator.targets_
    plain = isinstance(targets, Numbers) and not targets.link
    if about is not None and about.target in file.columns and plain:
        index = file.columns.index(about.target)
        numbers.append((index, targets.scaler.mean[0], targets.scaler.scale[0]))
    _, rows = next(file.parts(ragged=True))
    points = commas = 0
    nearer: list[float] = []  # by how much a reading without thousands is nearer
    for index, mean, scale in numbers:
        signs = signs_of(row[index] for row in rows if len(row) == len(file.columns))
        points, commas = points + signs.points, commas + signs.commas
        for text in signs.maybe_points if own == "," else signs.maybe_commas:
            x = float(text.replace(",", "."))
            nearer.append((abs(1000.0 * x - mean) - abs(x - mean)) / scale)
    shown = points if own == "." else commas
    other_shown = commas if own == "." else points
    if shown or not (other_shown or (nearer and median(nearer) > 0.0)):
        return
    encoder.reader = encoder.reader._replace(decimal=other)
    console.note(
        f"note: {file.name} has decimal {_WORDS[other]}, and is read so, although {model.path} was "
        f"trained on decimal {_WORDS[own]}; --decimal {own} reads it as in training"
    )
