"""Conversion of numbers to predict to what a network learns, and back."""

from __future__ import annotations

from math import exp, expm1, inf, log, log1p
from random import Random
from sys import float_info
from typing import Any, Callable, Sequence

from ..checks.rows import as_rows
from ..data import StandardScaler
from ..errors import DataError, FormatError
from ..lesson.matrix import Matrix, Vector
from ..preprocessing.summary import SAMPLE, Sample
from .targets import Targets, is_row

LARGEST = 709.782712893384  # the logarithm of the largest float, about


class Numbers(Targets):
    """Numbers to predict, one or more per row, in standard units for the network.

    With `log`, the network learns their logarithms; if any number is 0, those of 1 + the numbers.
    """

    def __init__(self, who: str = "Regressor", log: bool = False) -> None:
        self.who = who
        # By link, of which the first that is possible counts.
        links = ("log", "log1p") if log else ("",)
        self._scalers = {link: StandardScaler() for link in links}
        self._plain = StandardScaler() if log else self.scaler
        self.flat = True
        self._samples: list[Sample] = []
        self._constants: dict[str, Vector] = {}  # of a saved model, which does not keep the samples

    @property
    def link(self) -> str:
        """What is scaled: "" for the numbers y, "log" for log(y), "log1p" for log(1 + y)."""
        return next(iter(self._scalers))

    @property
    def scaler(self) -> StandardScaler:
        """The scaling of y, or of what the link makes of it."""
        return self._scalers[self.link]

    @property
    def outputs(self) -> int:
        return len(self.scaler.mean)

    def learn(self, items: Sequence[Any]) -> None:
        self.flat = not is_row(items[0]) or len(items[0]) == 1
        rows = self._read(items)
        if self.link == "log" and min(map(min, rows)) == 0.0:
            del self._scalers["log"]
        for link, scaler in self._scalers.items():
            scaler.partial_fit(self._linked(rows, link, 0))
        if self.link:
            self._plain.partial_fit(rows)
        self._samples = self._samples or [Sample(SAMPLE, Random(j)) for j in range(self.outputs)]
        for sample, column in zip(self._samples, zip(*rows)):
            sample.extend(column)

    @property
    def constants(self) -> tuple[Vector, Vector | None]:
        """The means and the medians of the targets, in their units; files may lack the medians.

        They are the best answers, of those that are always the same, by squared and by absolute
        error. Medians are exact up to 50,000 targets, and come from a uniform sample beyond.
        """
        if self._samples:
            medians = [sample.median() for sample in self._samples]
            self._constants = {"means": self._plain.mean, "medians": medians}
        return self._constants.get("means", self.scaler.mean), self._constants.get("medians")

    def _read(self, items: Sequence[Any]) -> Matrix:
        rows = items if is_row(items[0]) else [[item] for item in items]
        columns = self.outputs or None
        try:
            return as_rows(rows, "targets", columns)
        except DataError as error:
            mend = ""
            if any(isinstance(value, str) for row in rows for value in row):
                mend = ", or use Classifier"
            raise DataError(f"{self.who}: {error}{mend}") from None

    def _linked(self, rows: Matrix, link: str, first_row: int) -> Matrix:
        """Return what the link makes of rows. Raises DataError for a number that it cannot take."""
        if not link:
            return rows
        least = min(map(min, rows))
        if least < 0.0 or (link == "log" and least == 0.0):
            row = next(i for i, row in enumerate(rows) if least in row)
            wanted = "of at least 0"
            if least == 0.0:
                wanted = "above 0, as those it has learned its scale from,"
            raise DataError(
                f"{self.who} needs targets {wanted} for log_target=True, got {least:g} in row "
                f"{first_row + row}"
            )
        function = log if link == "log" else log1p
        return [list(map(function, row)) for row in rows]

    def rows(self, items: Sequence[Any], first_row: int = 0) -> Matrix:
        return self.scaler.transform(self._linked(self._read(items), self.link, first_row))

    def answers(self, Y: Matrix) -> list[Any]:
        rows = self.scaler.inverse_transform(Y)
        if self.link:
            inverse = UNLINKED[self.link]
            rows = [list(map(inverse, row)) for row in rows]
        return [value for (value,) in rows] if self.flat else rows

    def to_dict(self) -> dict[str, Any]:
        means, medians = self.constants
        return {
            "scaler": self.scaler.to_dict(), "flat": self.flat, "link": self.link,
            "constants": {} if medians is None else {"means": means, "medians": medians},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: object) -> Numbers:
        """Return the object that `to_dict` described. Raises FormatError for anything else."""
        known = {"scaler", "flat", "link", "constants"}  # the first files lack the last two
        if not isinstance(state, dict) or not {"scaler", "flat"} <= set(state) <= known:
            raise FormatError("a saved Regressor needs the scaler of its targets and flat")
        link, constants, numbers = state.get("link", ""), state.get("constants", {}), cls()
        if link not in ("", *UNLINKED):
            raise FormatError(
                f"a saved Regressor needs link to be {' or '.join(map(repr, UNLINKED))}, "
                f"got {link!r}"
            )
        numbers._scalers = {link: StandardScaler.from_dict(state["scaler"])}
        numbers.flat = state["flat"]
        if not isinstance(numbers.flat, bool) or (numbers.flat and numbers.outputs != 1):
            raise FormatError("a saved Regressor needs flat to be true for one output, else false")
        if constants != {}:
            fits = isinstance(constants, dict) and set(constants) == {"means", "medians"}
            if not fits or not all(_are_finite(v, numbers.outputs) for v in constants.values()):
                raise FormatError(
                    "a saved Regressor needs finite means and medians, one for each output"
                )
        numbers._constants = constants
        return numbers


def _are_finite(values: Any, count: int) -> bool:
    plain = isinstance(values, list) and all(type(x) in (float, int) for x in values)
    return plain and len(values) == count and all(abs(x) <= float_info.max for x in values)


def _exp(x: float) -> float:
    return exp(x) if x < LARGEST else inf


def _expm1(x: float) -> float:
    return expm1(x) if x < LARGEST else inf


# The inverse of each link.
UNLINKED: dict[str, Callable[[float], float]] = {"log": _exp, "log1p": _expm1}
