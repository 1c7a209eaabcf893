"""The answers of a model to the rows of a table, a part of the table at a time."""

from __future__ import annotations

import argparse
from typing import Any, Sequence

from ..checks.words import counted
from ..data.files import TableFile
from ..errors import DataError
from .console import Console
from .models import Model
from .tables import Lines, located

MOST_NOTED = 5  # rows without an answer that are listed
_MEND = "--keep-going leaves the answers of such rows empty"


class Answering:
    """Answers rows, and counts what was missing or unknown in them, and what cannot be read."""

    def __init__(
        self, model: Model, table: TableFile, indices: list[int], options: argparse.Namespace
    ) -> None:
        self.model, self.table, self.indices = model, table, indices
        self.proba, self.keep_going = options.proba, options.keep_going
        self.missing: dict[str, int] = {}
        self.unseen: dict[str, dict[str, int]] = {}
        self.bad: list[str] = []  # what is wrong with the first rows without an answer
        self.bad_count = 0

    def of(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        """Return the new cells of rows with these line numbers.

        Raises DataError for a row that cannot be read, unless `keep_going`: it then gets empty
        cells and a note, and as many cells as there are columns.
        """
        if not self.keep_going:
            try:
                self.table.check_widths(numbers, rows)
                return self._answers(numbers, rows)
            except DataError as error:
                raise DataError(f"{error}; {_MEND}") from None
        width = len(self.table.columns)
        if set(map(len, rows)) == {width}:
            return self._tried(numbers, rows)
        fitting = [i for i, row in enumerate(rows) if len(row) == width]
        found = iter(self._tried([numbers[i] for i in fitting], [rows[i] for i in fitting]))
        answers: list[list[Any]] = []
        for number, row in zip(numbers, rows):
            if len(row) == width:
                answers.append(next(found))
            else:
                answers.append(self._unanswered(number, self.table.raggedness(row)))
                row[:] = [*row, *[""] * (width - len(row))][:width]
        return answers

    def _tried(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        """Return the new cells of rows, of which those that cannot be read are found by halving."""
        if not rows:
            return []
        try:
            return [[*answer, ""] for answer in self._answers(numbers, rows)]
        except DataError as error:
            if len(rows) == 1:
                what = str(error)[len(self.table.name) + 2 :].partition("; ")[0]
                return [self._unanswered(numbers[0], what.replace(f" in line {numbers[0]}", ""))]
        half = len(rows) // 2
        return self._tried(numbers[:half], rows[:half]) + self._tried(numbers[half:], rows[half:])

    def _unanswered(self, number: int, what: str) -> list[Any]:
        self.bad_count += 1
        if len(self.bad) < MOST_NOTED:
            self.bad.append(f"line {number}: {what}")
        new = 1 + (len(self.model.classes) if self.proba else 0)
        return [*[""] * new, what]

    def _answers(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        model, lines = self.model, Lines()
        lines.extend(numbers)
        with located(self.table.name, lines):
            cells = [[row[index] for index in self.indices] for row in rows]
            found = model.estimator.encoder_.encode(cells)
            outputs = model.outputs(found.rows)
            answers: list[list[Any]] = [[answer] for answer in model.answers(outputs)]
        if self.proba:
            for answer, probabilities in zip(answers, model.probabilities(outputs)):
                answer += [f"{p:.6g}" for p in probabilities]
        _add_counts(self.missing, found.missing)
        for name, kinds in found.unseen.items():
            _add_counts(self.unseen.setdefault(name, {}), kinds)
        return answers

    def following(self, console: Console) -> list[list[Any]]:
        """Return the new cells of what follows the table, if that can be known."""
        return []

    def note_bad(self, rows: int, console: Console) -> None:
        """Note how many rows have no answer. Raises DataError if none has one."""
        if not self.bad_count:
            return
        name, all_rows = self.table.name, counted(rows, "row")
        some = "; ".join(self.bad) + ("; …" if self.bad_count > len(self.bad) else "")
        if self.bad_count == rows:
            raise DataError(f"{name}: none of {all_rows} can be read: {some}")
        have = "has" if self.bad_count == 1 else "have"
        console.note(f"note: {self.bad_count:,} of {all_rows} of {name} {have} no answer: {some}")


def _add_counts(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
