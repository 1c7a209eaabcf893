"""Conversion of targets to rows of numbers, and of a network's outputs to predictions."""

from __future__ import annotations

from math import isfinite
from typing import Any, Mapping, Sequence

from ..checks.rows import as_list, as_rows, as_weights
from ..checks.settings import number
from ..checks.stored import are_all, is_count
from ..checks.words import excerpt, listed
from ..errors import DataError, FormatError, SettingError, ShapeError
from ..lesson.matrix import Matrix, Vector
from ..preprocessing.cells import MISSING_TYPES

LABELS = (bool, int, float, str)  # that JSON has


class Targets:
    """A conversion between targets and rows of numbers, learned from targets in any chunks."""

    @property
    def outputs(self) -> int:
        """The length of a row."""
        raise NotImplementedError

    def learn(self, items: Sequence[Any]) -> None:
        """Learn from targets, in addition to earlier ones."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise DataError if the targets so far are not enough for training."""

    def rows(self, items: Sequence[Any], first_row: int = 0) -> Matrix:
        """Return the rows of numbers for targets that begin in row `first_row`."""
        raise NotImplementedError

    def answers(self, Y: Matrix) -> list[Any]:
        """Return the predictions for a network's outputs."""
        raise NotImplementedError

    def averaged(self, outputs: Sequence[Matrix]) -> Matrix:
        """Return the outputs of which the predictions are the means of those of several networks.

        Probabilities are outputs themselves, and so are numbers, but for their unit.
        """
        n = len(outputs)
        return [[sum(ys) / n for ys in zip(*rows)] for rows in zip(*outputs)]

    def to_dict(self) -> dict[str, Any]:
        """Return the learned conversion in types that JSON has."""
        raise NotImplementedError


class Labels(Targets):
    """Class labels of any hashable type, or rows of 0 and 1 for several labels at once.

    Two classes share one output, the probability of the second; more have one each.
    """

    def __init__(self, who: str = "Classifier") -> None:
        self.who = who
        self.classes: list[Any] = []
        self.counts: dict[Any, int] = {}
        self.multilabel = False
        self.fixed = False  # whether the classes were given, so others are errors
        self.total = 0

    @property
    def outputs(self) -> int:
        return 1 if len(self.classes) == 2 and not self.multilabel else len(self.classes)

    def fix(self, classes: object, items: Sequence[Any]) -> None:
        """Set the classes, without learning them from targets; the items say what kind these are.

        Raises SettingError for classes other than 0, 1, 2 … for rows of 0 and 1, whose columns
        they are.
        """
        given = [self._label(label, i) for i, label in enumerate(as_list(classes, "classes"))]
        self._count(given)
        self.counts = dict.fromkeys(self.classes, 0)
        self.total = 0
        self.fixed = True
        self.multilabel = bool(items) and is_row(items[0])
        if self.multilabel and self.classes != list(range(len(self.classes))):
            raise SettingError(
                f"{self.who} needs classes to be the numbers of the columns, from 0 on, for rows "
                f"of 0 and 1 as targets, got {listed(list(map(repr, self.classes)))}"
            )

    def learn(self, items: Sequence[Any]) -> None:
        if items and is_row(items[0]):
            self._learn_rows(items)
        elif self.multilabel and self.total:
            raise ShapeError(f"{self.who} needs rows of 0 and 1 as targets, as in earlier rows")
        else:
            self._count([self._label(label, i) for i, label in enumerate(items)])

    def _count(self, labels: list[Any]) -> None:
        for label in labels:
            self.counts[label] = self.counts.get(label, 0) + 1
        self.total += len(labels)
        self.classes = sorted_labels(self.counts)

    def _learn_rows(self, items: Sequence[Any]) -> None:
        rows = self._flags(items)
        if self.total and (not self.multilabel or len(rows[0]) != len(self.classes)):
            raise ShapeError(
                f"{self.who} needs targets like the earlier ones, got rows of {len(rows[0])}"
            )
        self.multilabel = True
        self.classes = list(range(len(rows[0])))
        self.total += len(rows)

    def _flags(self, items: Sequence[Any]) -> Matrix:
        try:
            rows = as_rows(items, "targets")
        except DataError:
            rows = [[2.0]]
        if len(rows[0]) < 2 or any(value not in (0.0, 1.0) for row in rows for value in row):
            raise DataError(
                f"{self.who} needs one label per row, or rows of 0 and 1 for several labels at "
                "once; use a separate Classifier for each target with more classes"
            )
        return rows

    def check(self) -> None:
        if self.multilabel:
            return
        if len(self.classes) < 2:
            raise DataError(
                f"{self.who} needs at least two classes to learn from, got 1 class, "
                f"{excerpt(self.classes[0])}, in all {self.total} rows"
            )
        fractions = any(isinstance(c, float) and not c.is_integer() for c in self.classes)
        if fractions and len(self.classes) > 10 and 2 * len(self.classes) > self.total:
            raise DataError(
                f"Unknown label type: continuous. {self.who} needs classes as targets, got "
                f"{len(self.classes)} different numbers in {self.total} rows; did you mean "
                "Regressor?"
            )

    def rows(self, items: Sequence[Any], first_row: int = 0) -> Matrix:
        if self.multilabel:
            rows = self._flags(items)
            if len(rows[0]) != len(self.classes):
                raise ShapeError(
                    f"{self.who} needs {len(self.classes)} labels in each row, got {len(rows[0])}"
                )
            return rows
        numbers = self.numbers(items, first_row)
        if self.outputs == 1:
            return [[float(number)] for number in numbers]
        width = range(self.outputs)
        one_hot = [[float(i == j) for i in width] for j in width]
        return [list(one_hot[number]) for number in numbers]

    def numbers(self, items: Sequence[Any], first_row: int = 0) -> list[int]:
        """Return the class number of each label. Raises DataError for an unknown label."""
        number_of = {label: i for i, label in enumerate(self.classes)}
        found = []
        for i, item in enumerate(items):
            label = self._label(item, first_row + i)
            if label not in number_of:
                raise DataError(
                    f"{self.who} needs each label to be one of "
                    f"{listed(list(map(repr, self.classes)))}, got {label!r} in row {first_row + i}"
                )
            found.append(number_of[label])
        return found

    def weights(self, class_weight: object) -> Vector | None:
        """Return the weight of each class, or None for equal weights.

        "balanced" gives a class the weight n / (classes · its count). Source: King and Zeng (2001).
        Raises SettingError for anything but None, "balanced", and weights by label.
        """
        if class_weight is None:
            return None
        if self.multilabel:
            raise SettingError(f"{self.who} needs class_weight=None for rows of 0 and 1 as targets")
        if class_weight == "balanced":
            n, k = self.total, len(self.classes)
            for label in self.classes:
                if not self.counts[label]:
                    raise SettingError(
                        f"{self.who} needs rows of each class for class_weight='balanced', got "
                        f"none of {label!r}; give weights by label"
                    )
            return [n / (k * self.counts[label]) for label in self.classes]
        if not isinstance(class_weight, Mapping):
            raise SettingError(
                f"{self.who} needs class_weight to be 'balanced', a dictionary of weights by "
                f"label, or None, got {class_weight!r}"
            )
        # A part of the rows may lack a class, but then all others need to be there: else it is
        # most likely another spelling of one of them.
        unknown = [label for label in class_weight if label not in self.counts]
        if unknown and any(label not in class_weight for label in self.classes):
            raise SettingError(
                f"{self.who} needs each label in class_weight to be one of "
                f"{listed(list(map(repr, self.classes)))}, got {unknown[0]!r}; other "
                "labels are accepted only if all of these have weights"
            )
        for label in unknown:
            number(self.who, f"the weight of {label!r}", class_weight[label], least=0)
        return [
            number(self.who, f"the weight of {label!r}", class_weight.get(label, 1.0), least=0)
            for label in self.classes
        ]

    def probabilities(self, Y: Matrix) -> Matrix:
        """Return the probability of each class, in columns, from the network's outputs."""
        if self.outputs == 1:
            return [[1.0 - p, p] for (p,) in Y]
        return Y

    def answers(self, Y: Matrix) -> list[Any]:
        if self.multilabel:
            return [[int(p > 0.5) for p in row] for row in Y]
        if self.outputs == 1:
            return [self.classes[p > 0.5] for (p,) in Y]
        return [self.classes[row.index(max(row))] for row in Y]

    def to_dict(self) -> dict[str, Any]:
        for label in self.classes:
            if type(label) not in LABELS:
                raise FormatError(
                    "a model file needs labels to be strings, numbers, True or False, "
                    f"got a {type(label).__name__}: {label!r}"
                )
        counts = [self.counts.get(label, 0) for label in self.classes]
        return {"classes": self.classes, "counts": counts, "multilabel": self.multilabel}

    @classmethod
    def from_dict(cls, state: object) -> Labels:
        """Return the object that `to_dict` described. Raises FormatError for anything else."""
        if not isinstance(state, dict) or set(state) != {"classes", "counts", "multilabel"}:
            raise FormatError("a saved Classifier needs classes, counts and multilabel")
        labels = cls()
        classes, counts, labels.multilabel = state["classes"], state["counts"], state["multilabel"]
        whole = are_all(_is_label, classes)
        if not whole or len(set(classes)) != len(classes) or len(classes) < 2:
            raise FormatError(
                f"a saved Classifier needs two classes or more, got {excerpt(classes)}"
            )
        if not are_all(is_count, counts, len(classes)) or not isinstance(labels.multilabel, bool):
            raise FormatError("a saved Classifier needs a count for each class")
        labels.classes = classes
        labels.counts = dict(zip(classes, counts))
        labels.total = sum(counts)
        labels.fixed = True
        return labels

    def _label(self, label: Any, row: int) -> Any:
        label = plain_label(label)
        # pandas' missing value cannot be compared, not even with itself.
        if type(label).__name__ in MISSING_TYPES or label != label:
            raise DataError(
                f"{self.who} needs a label in each row, got {label!r} in row {row}; "
                "drop rows without one first"
            )
        if isinstance(label, float) and not isfinite(label):
            raise DataError(f"{self.who} needs finite labels, got {label!r} in row {row}")
        try:
            hash(label)
        except TypeError:
            raise DataError(
                f"Unknown label type: {self.who} needs labels that can be hashed, "
                f"got a {type(label).__name__} in row {row}"
            ) from None
        return label


def _is_label(value: object) -> bool:
    return type(value) in LABELS and (not isinstance(value, float) or isfinite(value))


def target_list(who: str, y: Any) -> list[Any]:
    """Return targets as a list; a table of one column becomes a flat list.

    Raises ShapeError for anything that is not a sequence, DataError for complex numbers.
    """
    if y is None:
        raise DataError(f"{who} requires y to be passed, but the target y is None")
    items = [plain_label(item) for item in as_list(_opened(y), "targets")]
    for i, item in enumerate(items):
        if isinstance(item, complex):
            raise DataError(f"Complex data not supported: targets have {item} in row {i}")
    if items and all(is_row(item) and len(item) == 1 for item in items):
        return [item[0] for item in items]
    return items


def weight_list(given: Any) -> Vector | None:
    """Return sample weights as a list of floats, or None if none are given.

    Raises DataError for a negative weight, or if all are zero.
    """
    return None if given is None else as_weights(_opened(given))


def _opened(values: Any) -> Any:
    """Return values as an array if they have only `__array__`, else unchanged."""
    if hasattr(values, "tolist") or hasattr(values, "to_numpy"):
        return values
    return values.__array__() if hasattr(values, "__array__") else values


def plain_label(value: Any) -> Any:
    """Return a NumPy scalar as a Python value and a row of an array as a list."""
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return value.tolist()
    return value


def sorted_labels(labels: Any) -> list[Any]:
    """Return labels in sorted order; by type and text if they cannot be compared."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))


def is_row(item: object) -> bool:
    """Return whether a target is a row of several."""
    return isinstance(item, (list, tuple)) and all(not isinstance(x, str) for x in item)
