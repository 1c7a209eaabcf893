"""Conversion of numbers to predict to what a network learns, and back."""

from __future__ import annotations

from math import exp, expm1, inf, log, log1p
from random import Random
from typing import Any, Sequence

from ..checks.finite import finite_outputs
from ..checks.rows import as_rows
from ..checks.stored import are_all, is_real
from ..checks.words import excerpt
from ..data import StandardScaler
from ..errors import DataError, FormatError
from ..lesson.matrix import Matrix, Vector
from ..preprocessing.moments import SAMPLE, Sample
from .targets import Targets, is_row

LARGEST = 709.782712893384  # the logarithm of the largest float, about


class Numbers(Targets):
    """Numbers to predict, one or more per row, in standard units for the network.

    asked: "" for that; "log" to learn their logarithms, or if any is 0, those of 1 + the numbers;
           "poisson" to learn them in units of their mean, by outputs that are logarithms
    """

    def __init__(self, who: str = "Regressor", asked: str = "") -> None:
        self.who = who
        # By link, of which the first that is possible counts.
        links = ("log", "log1p") if asked == "log" else (asked,)
        self._scalers = {link: StandardScaler() for link in links}
        self._plain = StandardScaler() if asked == "log" else self.scaler
        self.flat = True
        self._samples: list[Sample] = []
        self._constants: dict[str, Vector] = {}  # of a saved model, which does not keep the samples

    @property
    def link(self) -> str:
        """What was asked, and "log1p" instead of "log" if any number is 0."""
        return next(iter(self._scalers))

    @property
    def scaler(self) -> StandardScaler:
        """The statistics of y, or of its logarithms."""
        return self._scalers[self.link]

    @property
    def outputs(self) -> int:
        return len(self.scaler.mean)

    @property
    def scaling(self) -> tuple[Vector, Vector, str]:
        """Means and scales: output · scale + mean, or a function of it, "exp" or "expm1"."""
        mean = self.scaler.mean
        if self.link == "poisson":
            return list(map(log, mean)), [1.0] * len(mean), "exp"
        return mean, self.scaler.scale, {"log": "exp", "log1p": "expm1"}.get(self.link, "")

    def check(self) -> None:
        if self.link == "poisson" and min(self.scaler.mean) == 0.0:
            raise DataError(f"{self.who} needs a target above 0 for loss='poisson', got none")

    def learn(self, items: Sequence[Any]) -> None:
        self.flat = not is_row(items[0]) or len(items[0]) == 1
        rows = self._read(items)
        if self.link == "log" and min(map(min, rows)) == 0.0:
            del self._scalers["log"]
        for link, scaler in self._scalers.items():
            scaler.partial_fit(self._linked(rows, link, 0))
        if self._plain is not self.scaler:
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
        asked = "loss='poisson'" if link == "poisson" else "log_target=True"
        if least < 0.0 or (link == "log" and least == 0.0):
            row = next(i for i, row in enumerate(rows) if least in row)
            wanted = "of at least 0"
            if least == 0.0:
                wanted = "above 0, as those it has learned its scale from,"
            raise DataError(
                f"{self.who} needs targets {wanted} for {asked}, got {least:g} in row "
                f"{first_row + row}"
            )
        if link == "poisson":
            return rows
        function = log if link == "log" else log1p
        return [list(map(function, row)) for row in rows]

    def rows(self, items: Sequence[Any], first_row: int = 0) -> Matrix:
        rows = self._linked(self._read(items), self.link, first_row)
        if self.link == "poisson":
            return [[y / m for y, m in zip(row, self.scaler.mean)] for row in rows]
        return self.scaler.transform(rows)

    def answers(self, Y: Matrix) -> list[Any]:
        means, scales, name = self.scaling
        rows = [[y * s + m for y, m, s in zip(row, means, scales)] for row in as_rows(Y)]
        if name:
            function = _exp if name == "exp" else _expm1
            rows = [list(map(function, row)) for row in rows]
        return [value for (value,) in rows] if self.flat else rows

    def originals(self, T: Matrix) -> list[Any]:
        """Return the targets for the rows that the network learned."""
        if self.link != "poisson":
            return self.answers(T)
        rows = [[y * m for y, m in zip(row, self.scaler.mean)] for row in T]
        return [value for (value,) in rows] if self.flat else rows

    def averaged(self, outputs: Sequence[Matrix]) -> Matrix:
        # Of logarithms z = s y + m, that of the mean is ln Σ exp(s yᵢ) / n + m.
        _, scales, name = self.scaling
        if not name:
            return super().averaged(outputs)
        n = len(outputs)

        def one(s: float, ys: Sequence[float]) -> float:
            top = max(ys)
            return top + log(sum([exp(s * (y - top)) for y in ys]) / n) / s

        return [[*map(one, scales, zip(*rows))] for rows in zip(*outputs)]

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
        if link not in ("", "log", "log1p", "poisson"):
            raise FormatError(
                "a saved Regressor needs link to be 'log', 'log1p' or 'poisson', "
                f"got {excerpt(link)}"
            )
        numbers._scalers = {link: StandardScaler.from_dict(state["scaler"])}
        numbers.flat = state["flat"]
        if not isinstance(numbers.flat, bool) or (numbers.flat and numbers.outputs != 1):
            raise FormatError("a saved Regressor needs flat to be true for one output, else false")
        if link == "poisson" and not all(mean > 0.0 for mean in numbers.scaler.mean):
            raise FormatError("a saved Regressor needs means above 0 for link 'poisson'")
        if constants != {}:
            fits = isinstance(constants, dict) and set(constants) == {"means", "medians"}
            if not fits or not all(
                are_all(is_real, v, numbers.outputs) for v in constants.values()
            ):
                raise FormatError(
                    "a saved Regressor needs finite means and medians, one for each output"
                )
        numbers._constants = constants
        return numbers


def finite_answers(answers: list[Any]) -> list[Any]:
    """Return answers, numbers or rows of them; raise DataError for one that is not finite."""
    for row, answer in enumerate(answers):
        finite_outputs(answer if is_row(answer) else [answer], False, row)
    return answers


def _exp(x: float) -> float:
    return exp(x) if x < LARGEST else inf


def _expm1(x: float) -> float:
    return expm1(x) if x < LARGEST else inf
