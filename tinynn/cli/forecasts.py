"""Forecasts of a series: each row answered from those before it, and several steps ahead.

A forecast of more than one step is fed back: it stands in place of the target in the rows before
the next one. Nothing else is forecast, so all other columns that the model learns from have to be
in the table, in rows without a target, as far as they are known ahead.
"""

from __future__ import annotations

import argparse
from typing import Any, Sequence

from ..checks.words import counted, excerpt, listed
from ..data.files import TableFile
from ..errors import DataError
from .answering import Answering
from .console import Console
from .lags import check_cells, places_of
from .models import Model
from .tables import Lines


class AnsweringSeries(Answering):
    """Answers each row of a series from those before it; the first ones have too few of them.

    With `steps`, it is given the whole table at once; the rows at its end that have no target, and
    what follows them, are so many forecasts, each fed back for the next one.
    """

    def __init__(
        self, model: Model, table: TableFile, indices: list[int], options: argparse.Namespace
    ) -> None:
        self.places = places_of(model, table)
        super().__init__(model, table, list(range(len(self.places))), options)
        self.steps: int | None = options.steps
        self.before: list[list[Any]] = []  # as many rows as there are lags, once there are so many
        self.last = 0  # line
        self.open = 0  # rows without a target at the end
        self.name = model.target_name(None)
        self.target = table.columns.index(self.name) if self.name in table.columns else None
        reader = model.estimator.encoder_.reader
        self.absent = (reader.of_texts() if model.classes else reader).missing

    def of(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        self.table.check_widths(numbers, rows)
        lines = Lines()
        lines.extend(numbers)
        check_cells(self.model, self.table, self.places, rows, lines)
        end = 0
        while end < len(rows) and self._is_open(rows[-1 - end]):
            end += 1
        self.open = end + (self.open if end == len(rows) else 0)
        self.last = numbers[-1]
        if self.steps is None:
            return self._from_known(numbers, rows)
        self._check_steps(self.steps, end)
        first = len(rows) - end
        answers = self._from_known(numbers[:first], rows[:first])
        return answers + [self._forecast(numbers[t], rows[t]) for t in range(first, len(rows))]

    def _is_open(self, row: list[str]) -> bool:
        return self.target is not None and row[self.target].strip() in self.absent

    def _from_known(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        """Return the new cells of rows, each from the cells of those before it."""
        lags = self.model.lags
        known = self.before + rows
        first = max(lags, len(self.before))
        lagged = [[known[t - lag][j] for j, lag in self.places] for t in range(first, len(known))]
        new = 1 + (len(self.model.classes) if self.proba else 0)
        answers: list[list[Any]] = [[""] * new] * (len(rows) - len(lagged))
        if lagged:
            answers += self._answers(numbers[len(rows) - len(lagged) :], lagged)
        self.before = known[-lags:]
        return answers

    def _check_steps(self, steps: int, end: int) -> None:
        """Raise DataError for forecasts that would need what is not known."""
        name, target = self.table.name, excerpt(self.name)
        if end > steps:
            raise DataError(
                f"{name} ends with {counted(end, 'row')} without {target}, more than --steps "
                f"{steps}; give --steps {end}"
            )
        columns = self.model.estimator.encoder_.columns
        others = {j for (j, _), column in zip(self.places, columns) if column.width}
        names = [excerpt(self.table.columns[j]) for j in sorted(others - {self.target})]
        if names and steps - end > 1:
            these = listed(names)
            raise DataError(
                f"{name}, line {self.last}: {self.model.path} also learns from {these} of the rows "
                f"before, which no forecast gives; for --steps {steps}, add "
                f"{counted(steps - 1 - end, 'row')} after this line, with {these} and without "
                f"{target}, or train without {these}, by --ignore"
            )

    def _forecast(self, number: int, row: list[Any]) -> list[Any]:
        """Return the new cells of a row without a target, which from now on has this forecast."""
        self._check_enough()
        lags = self.model.lags
        cells = [self.before[lags - lag][j] for j, lag in self.places]
        (answer,) = self._answers([number], [cells])
        known = list(row)
        if self.target is not None:
            known[self.target] = answer[0]
        self.before = [*self.before[1:], known]
        return answer

    def following(self, console: Console) -> list[list[Any]]:
        self._check_enough()
        target = excerpt(self.name)
        if self.steps is None and self.open:  # what follows was asked for by a row
            if self.open > 1:
                console.note(
                    f"note: the last {self.open} rows have no {target}, and take it as missing in "
                    f"the rows before them; --steps {self.open} feeds each forecast to the next"
                )
            return []
        steps = (self.steps or 1) - self.open
        blank = [""] * len(self.table.columns)
        found = [self._forecast(self.last + 1 + k, blank) for k in range(steps)]
        if self.open + steps > 1:
            console.note(
                f"note: the last {self.open + steps} rows are forecasts, each made from those "
                "before it"
            )
        elif steps:
            console.note("note: the last row is the forecast of what follows the table")
        return found

    def _check_enough(self) -> None:
        if len(self.before) < self.model.lags:
            raise DataError(
                f"{self.table.name} has {counted(len(self.before), 'row')}, and "
                f"{self.model.path} needs {self.model.lags} before the one that it predicts"
            )
