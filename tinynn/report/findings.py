"""Findings: the results of testing a model on rows that it has not seen, in numbers."""

from __future__ import annotations

from math import floor, log10
from typing import Any, Callable, List, NamedTuple, Sequence

from ..checks.stored import are_all, are_named, is_count, is_real, is_text
from ..checks.words import excerpt
from ..errors import FormatError

Pairs = List[List[float]]


class Miss(NamedTuple):
    """A row that the model got wrong: its line in the file, its true target and the answer.

    probability:  what the model gave the true class; None for numbers
    cells:        by column; model files leave them out, as a model may go where its data may not
    """

    line: int
    true: str
    answer: str
    probability: float | None
    cells: dict[str, str]


class Effect(NamedTuple):
    """How the model's answer moves with one column, all else unchanged.

    at:       the column's numbers, rising, or its most frequent kinds
    answers:  the mean answer at each, or by class its mean probability at each
    """

    at: list[float] | list[str]
    answers: dict[str, list[float]]


class Findings(NamedTuple):
    """The test of a model on `rows` rows of the file `source`.

    metrics:      by name; `score` names the one that counts. `baseline_…` is the same metric of a
                  constant answer, the best one by the training rows: the most frequent class or,
                  for probabilities, the shares of the classes; the mean or, for the mean absolute
                  error, the median. `linear_…` is that of a linear model, if there is one
    classes:      as text; `confusion[i][j]` is the number of rows of class i that were predicted
                  to be class j; both are empty for a regressor
    roc:          by class, points (false, true positive rate), if there are two classes or more
    calibration:  for each bin with rows (mean probability of the answer, or of the second of two
                  classes; share of rows for which it was right; number of rows)
    pairs:        (true, predicted) numbers; of many, a part that includes the largest errors; empty
                  for a classifier
    importance:   by column, (mean loss when its cells are shuffled, deviation), by `weighed_by`
    intervals:    by metric, the ends that hold the true value in 95% of tests
    p_values:     by `baseline_…` or `linear_…`, the chance of such a difference from the model
                  if both were equally good
    usual:        the most frequent class in training, as text
    effects:      by column
    worst:        the rows with the largest errors, the largest first
    """

    source: str
    rows: int
    metrics: dict[str, float]
    score: str
    classes: list[str]
    confusion: list[list[int]]
    roc: dict[str, Pairs]
    calibration: Pairs
    pairs: Pairs
    importance: dict[str, list[float]]
    intervals: dict[str, list[float]]
    p_values: dict[str, float]
    usual: str
    effects: dict[str, Effect]
    worst: list[Miss]

    @property
    def baseline(self) -> float:
        """The score of always answering with the most frequent class (or the mean)."""
        return self.metrics[f"baseline_{self.score}"]

    @property
    def weighed_by(self) -> str:
        """The metric by which columns are important: the log loss where accuracy shows nothing."""
        blind = self.score == "accuracy" and self.metrics["accuracy"] <= self.baseline
        # Earlier files, which have no intervals, always measured it by the score.
        return "log_loss" if blind and self.intervals else self.score

    def to_dict(self) -> dict[str, Any]:
        """Return the findings in JSON's types, without the cells of rows."""
        content = self._asdict()
        content["effects"] = {name: effect._asdict() for name, effect in self.effects.items()}
        content["worst"] = [dict(zip(_MISS, miss)) for miss in self.worst]
        return content

    @classmethod
    def from_dict(cls, content: object, where: str) -> Findings:
        """Return the findings that `to_dict` described. Raises FormatError for anything else."""
        content = {**_LATER, **content} if isinstance(content, dict) else {}
        if set(content) != set(cls._fields):
            raise FormatError(f"{where} needs exactly {', '.join(cls._fields)}")
        for key, fits in _FITS.items():
            if not fits(content[key]):
                raise FormatError(f"{where} has an invalid {key}")
        content["effects"] = {name: Effect(**each) for name, each in content["effects"].items()}
        content["worst"] = [Miss(**miss, cells={}) for miss in content["worst"]]
        found = cls(**content)
        n = len(found.classes)
        if len(found.confusion) != n or any(len(row) != n for row in found.confusion):
            raise FormatError(f"{where} needs a confusion matrix of {n} classes")
        lines = {len(effect.answers) for effect in found.effects.values()}
        if lines and (min(lines) < 1 or (n < 3 and max(lines) > 1)):
            raise FormatError(f"{where} needs an answer for each class in effects")
        if found.score != ("accuracy" if n else "r2"):
            raise FormatError(f"{where} has an invalid score")
        missing = sorted(found._needed() - set(found.metrics))
        if missing:
            raise FormatError(f"{where} needs {excerpt(missing[0])[1:-1]} among the metrics")
        return found

    def _needed(self) -> set[str]:
        """Return the metrics that are named elsewhere, or belong to others."""
        own = [self.score, *([] if self.classes else ["mean_absolute_error"]), *self.intervals]
        rivals = [name for name in self.metrics if name.startswith(("baseline_", "linear_"))]
        return {
            *own, *(f"baseline_{name}" for name in own), *self.p_values,
            *(name.partition("_")[2] for name in rivals),
        }  # fmt: skip


def metric_table(found: Findings) -> list[list[str]]:
    """Return the metrics as a table of text, with a header; columns without values are left out."""
    columns = {"model": [], "95% interval": [], "linear model": [], "constant": []}  # type: dict[str, list[str]]
    names = [name for name in found.metrics if not name.startswith(("baseline_", "linear_"))]
    for name in names:
        columns["model"].append(shown(found.metrics[name]))
        columns["95% interval"].append(span(found.intervals.get(name)))
        columns["linear model"].append(shown(found.metrics.get(f"linear_{name}")))
        columns["constant"].append(shown(found.metrics.get(f"baseline_{name}")))
    kept = {head: cells for head, cells in columns.items() if any(cells)}
    return [["", *kept], *map(list, zip([METRICS.get(n, n) for n in names], *kept.values()))]


def worst_table(found: Findings, cells: Sequence[str] = ()) -> list[list[str]]:
    """Return the rows with the largest errors as a table of text, and the cells of some columns."""
    sure = bool(found.classes)
    rows = [["line", "true", "answer", *(["probability of true"] if sure else []), *cells]]
    for miss in found.worst:
        chance = [] if miss.probability is None else [f"{miss.probability:.3f}"]
        texts = [miss.cells.get(name, "") for name in cells]
        rows.append([f"{miss.line}", miss.true, miss.answer, *chance, *texts])
    return rows


METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "F1, mean over the classes",
    "log_loss": "log loss",
    "roc_auc": "area under ROC",
    "calibration_error": "calibration error",
    "r2": "R²",
    "mean_absolute_error": "mean absolute error",
    "root_mean_squared_error": "root mean squared error",
}


def importance_label(found: Findings) -> str:
    """Return what an importance measures: "loss of accuracy"."""
    if found.weighed_by == "log_loss":
        return "rise of log loss"
    return f"loss of {METRICS.get(found.score, found.score)}"


def shown(value: float | None) -> str:
    """Return a metric with about four digits; "" for None.

    >>> shown(0.96666), shown(-1234.5)
    ('0.967', '-1,234')
    """
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0.0 < value < 0.001:
        return f"{value:.2g}"
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 10 else f"{value:.4g}"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Return two metrics with as many digits as tell them apart, eight at most.

    >>> told_apart(0.91, 0.9), told_apart(0.999891, 0.99988)
    (('0.910', '0.900'), ('0.99989', '0.99988'))
    """
    found, digits = (shown(one), shown(other)), 4
    while found[0] == found[1] and one != other and digits <= 8:
        found, digits = (f"{one:.{digits}g}", f"{other:.{digits}g}"), digits + 1
    return found


def span(ends: Sequence[float] | None) -> str:
    """Return an interval with as many digits as its width allows; "" for None.

    >>> span([0.9473, 1.0]), span([-3.21, 46.9]), span([4470.1, 4811.0])
    ('0.95 to 1.00', '-3 to 47', '4,470 to 4,811')
    """
    if ends is None:
        return ""
    low, high = ends
    width, size = high - low, max(abs(low), abs(high))
    digits = -floor(log10(0.5 * width)) if width > 0.0 else 3
    digits = max(digits, 2 if size < 10.0 else 0)
    return f"{low:,.{digits}f} to {high:,.{digits}f}"


def _rows(width: int) -> Callable[[object], bool]:
    return lambda rows: are_all(lambda row: are_all(is_real, row, width), rows)


_pairs = _rows(2)


def _pair(value: object) -> bool:
    return are_all(is_real, value, 2)


def _effect(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != set(Effect._fields):
        return False
    at = value["at"]
    numbers = are_all(lambda x: isinstance(x, float) and is_real(x), at) and len(at) > 1
    known = at and (numbers or are_all(is_text, at))
    return known and are_named(lambda line: are_all(is_real, line, len(at)), value["answers"])


def _miss(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != set(_MISS):
        return False
    chance = value["probability"]
    texts = is_text(value["true"]) and is_text(value["answer"])
    return texts and is_count(value["line"]) and (chance is None or is_real(chance))


_MISS = Miss._fields[:4]  # what files keep
# Fields that files of earlier versions do not have.
_LATER: dict[str, Any] = {
    "intervals": {}, "p_values": {}, "usual": "", "effects": {}, "worst": [],
}  # fmt: skip
_FITS: dict[str, Callable[[Any], bool]] = {
    "source": is_text,
    "rows": is_count,
    "metrics": lambda value: are_named(is_real, value),
    "score": is_text,
    "classes": lambda value: are_all(is_text, value),
    "confusion": lambda value: are_all(lambda row: are_all(is_count, row), value),
    "roc": lambda value: are_named(_pairs, value),
    "calibration": _rows(3),
    "pairs": _pairs,
    "importance": lambda value: are_named(_pair, value),
    "intervals": lambda value: are_named(_pair, value),
    "p_values": lambda value: are_named(is_real, value),
    "usual": is_text,
    "effects": lambda value: are_named(_effect, value),
    "worst": lambda value: are_all(_miss, value),
}
