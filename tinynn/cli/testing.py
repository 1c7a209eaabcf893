"""Testing a model: its answers to rows that it has not seen, and how they are printed."""

from __future__ import annotations

from collections import Counter
from math import comb
from random import Random
from typing import Any, NamedTuple, Sequence

from ..checks.words import counted
from ..engines.prediction import compile
from ..errors import DataError
from ..estimators import Classifier
from ..lesson.matrix import Matrix
from ..metrics import accuracy, r2_score
from ..report.findings import (
    Findings,
    classifier_findings,
    importance,
    metric_rows,
    regressor_findings,
    shown,
)
from .console import Console
from .models import Model
from .tables import Label, Lines, Loaded, located

MOST_SHOWN = 20  # classes in a confusion matrix of text, columns in a list of importance
WORK = 1e8  # multiplications that measuring the importance of columns may take, if asked for
ASIDE = 5e6  # the same, if not asked for
MOST_ROWS, LEAST_ROWS = 2000, 100  # rows to measure importance on
REPEATS = 5


class Trial(NamedTuple):
    """Encoded rows, their true targets, and the network's outputs and the model's answers.

    `missing` counts missing cells by column, `unseen` unknown categories by column and cell.
    """

    encoded: Matrix
    targets: list[Any]
    outputs: Matrix
    answers: list[Any]
    missing: dict[str, int]
    unseen: dict[str, dict[str, int]]


def tried(
    model: Model, table: Loaded, indices: Sequence[int], targets: Sequence[Label], lines: Lines
) -> Trial:
    """Return a model's answers to the rows of a table with known targets.

    Raises DataError, with the line, for cells that the model cannot take, or an unknown class.
    """
    known = {str(label): label for label in model.classes}
    truth: list[Any] = list(targets)
    if isinstance(model.estimator, Classifier):
        for row, target in enumerate(targets):
            if str(target) not in known:
                raise DataError(
                    f"{table.file.name}, line {lines.of(row)}: {target!r} is not a class of "
                    f"{model.path}, which knows {', '.join(list(known)[:8])}"
                    + (" …" if len(known) > 8 else "")
                )
        truth = [known[str(target)] for target in targets]
    with located(table.file.name, lines, trained=True):
        found = model.estimator.encoder_.encode(
            [[cells[index] for index in indices] for cells in table.rows]
        )
    outputs = model.outputs(found.rows)
    answers = model.answers(outputs)
    return Trial(found.rows, truth, outputs, answers, found.missing, found.unseen)


def findings_of(model: Model, trial: Trial, source: str) -> Findings:
    """Return what a trial says about a model.

    The baseline comes from the training rows, or for an imported model, whose training is unknown,
    from the trial's own targets.
    """
    estimator = model.estimator
    imported = estimator.history_.stopped_by == "import"
    if isinstance(estimator, Classifier):
        counts = estimator.targets_.counts
        if imported:
            counts = dict(Counter(trial.targets))
        usual = max(counts, key=lambda label: counts[label])
        return classifier_findings(
            source, trial.targets, trial.answers, model.probabilities(trial.outputs),
            model.classes, usual,
        )  # fmt: skip
    (mean,) = estimator.targets_.answers([[0.0]])
    usual = sum(trial.targets) / len(trial.targets) if imported else mean
    return regressor_findings(source, trial.targets, trial.answers, usual)


def with_importance(
    model: Model, trial: Trial, found: Findings, seed: int, asked: bool = True
) -> Findings:
    """Return the findings with the importance of each column, measured on some of the rows.

    Wide tables get fewer rows and repeats. Unless `asked` for, nothing is measured where it would
    take long.
    """
    columns = [
        (column.name, len(column.feature_names())) for column in model.estimator.encoder_.columns
    ]
    each = model.estimator.network_.count_parameters() * sum(1 for _, width in columns if width)
    work = WORK if asked else ASIDE
    rows = min(len(trial.encoded), MOST_ROWS)
    repeats = max(1, min(REPEATS, int(work / (each * rows))))
    rows = max(min(rows, LEAST_ROWS), min(rows, int(work / (each * repeats))))
    if each * rows * repeats > work and not asked:
        return found
    predict = compile(model.estimator.network_).rows
    rng = Random(seed)
    chosen = sorted(rng.sample(range(len(trial.encoded)), rows))
    targets = [trial.targets[i] for i in chosen]
    measure = accuracy if isinstance(model.estimator, Classifier) else r2_score

    def score(encoded: Matrix) -> float:
        return measure(targets, model.answers(predict(encoded)))

    losses = importance(score, [trial.encoded[i] for i in chosen], columns, rng.shuffle, repeats)
    return found._replace(importance=losses)


def describe_cells(trial: Trial, console: Console, file: str) -> None:
    """Note what was missing in a table, and what was not seen in training."""
    note_missing(trial.missing, trial.unseen, console, file)


def note_missing(
    missing: dict[str, int], unseen: dict[str, dict[str, int]], console: Console, file: str
) -> None:
    """Note missing cells by column, and categories not seen in training."""
    if missing:
        found = ", ".join(f"{count:,} in {name!r}" for name, count in missing.items())
        console.note(f"note: {file} has missing cells, filled as in training: {found}")
    for name, kinds in unseen.items():
        some = ", ".join(f"{kind!r} ({count:,})" for kind, count in list(kinds.items())[:5])
        more = f" and {len(kinds) - 5} more" if len(kinds) > 5 else ""
        console.note(
            f"note: column {name!r} has categories not seen in training, read as none of the known "
            f"ones: {some}{more}"
        )


def test_text(found: Findings, console: Console) -> str:
    """Return the test as text: a verdict, all metrics, and the confusion matrix."""
    from ..view import text_confusion, text_table  # not free to import, and not always needed

    lines = [verdict(found), ""]
    rows = metric_rows(found)
    has_baseline = any(row[2] for row in rows)
    header = ["", "model", "baseline"] if has_baseline else ["", "model"]
    lines.append(
        text_table(
            [row[: len(header)] for row in rows], header, "lrr", ascii_only=console.ascii_only
        )
    )
    if 2 <= len(found.classes) <= MOST_SHOWN:
        table = text_confusion(found.confusion, found.classes, ascii_only=console.ascii_only)
        lines += ["", table]
    return "\n".join(lines)


def verdict(found: Findings) -> str:
    """Return a sentence that says how good a model is, compared with the baseline."""
    rows = counted(found.rows, "row")
    if found.score == "accuracy":
        right = sum(found.confusion[i][i] for i in range(len(found.confusion)))
        text = (
            f"test on {rows}: accuracy {found.metrics['accuracy']:.3f}, {right:,} right; "
            f"baseline, always the most frequent class: {found.baseline:.3f}"
        )
    else:
        text = (
            f"test on {rows}: R² {shown(found.metrics['r2'])}, mean absolute error "
            f"{shown(found.metrics['mean_absolute_error'])}; baseline, always the mean: "
            f"{shown(found.metrics['baseline_mean_absolute_error'])}"
        )
    if found.metrics[found.score] <= found.baseline:
        text += "\nThat is no better than the baseline: the model has learned nothing useful."
    return text


def importance_text(found: Findings, console: Console) -> str:
    """Return the importance of the columns as bars of text."""
    from ..view import text_bars  # not free to import, and not always needed

    names = list(found.importance)[:MOST_SHOWN]
    text = text_bars(
        names, [found.importance[name][0] for name in names], min(console.width, 80),
        ascii_only=console.ascii_only,
    )  # fmt: skip
    left = len(found.importance) - len(names)
    return text + (f"\nand {counted(left, 'less important column')}" if left else "")


def calibration_text(found: Findings, console: Console) -> str:
    """Return the calibration as a table of text."""
    from ..view import text_table  # not free to import, and not always needed

    rows = [[f"{p:.2f}", f"{q:.2f}", f"{int(n):,}"] for p, q, n in found.calibration]
    return text_table(
        rows, ["probability", "came true", "rows"], "rrr", ascii_only=console.ascii_only
    )


def curve_text(values: Sequence[float], name: str, console: Console, width: int = 60) -> str:
    """Return a curve as a line of text between its first and last value."""
    from ..view import sparkline  # not free to import, and not always needed

    line = sparkline(values, width, ascii_only=console.ascii_only)
    return f"{name:<11}{values[0]:.4f} {line} {values[-1]:.4f}"


class Comparison(NamedTuple):
    """Two models on the same rows: how often each alone was better, and the test's p-value.

    Source of the sign test (of McNemar, for classes): Q. McNemar (1947), exact binomial form.
    """

    only_first: int
    only_second: int
    p_value: float


def compared(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Return how two models' errors on the same rows compare.

    >>> compared([0, 1, 1], [0, 0, 1])
    Comparison(only_first=0, only_second=1, p_value=1.0)
    """
    a = sum(x < y for x, y in zip(first, second))
    b = sum(x > y for x, y in zip(first, second))
    n, k = a + b, min(a, b)
    if n > 1000:  # the normal distribution is as good, and the sums would be long
        from math import erfc, sqrt

        p = erfc((abs(a - b) - 1) / sqrt(2 * n))
    else:
        p = min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)
    return Comparison(a, b, p)


def errors_of(trial: Trial) -> list[float]:
    """Return each row's error: 0 or 1 for classes, the size of the difference for numbers."""
    return [
        float(t != y) if isinstance(t, str) or not isinstance(y, float) else abs(t - y)
        for t, y in zip(trial.targets, trial.answers)
    ]


def split_rows(
    targets: Sequence[Label], test_share: float, seed: int, classes: bool
) -> tuple[list[int], list[int]]:
    """Return the indices of the rows to train on and to test on, in order.

    Each class has its share in both; a class with only one row is not tested.
    """
    from ..data import train_test_split

    numbers = list(range(len(targets)))
    if not test_share:
        return numbers, []
    counts: dict[Any, int] = {}
    if classes:
        for target in targets:
            counts[target] = counts.get(target, 0) + 1
    free = [i for i in numbers if not classes or counts[targets[i]] > 1]
    wanted = max(1, min(len(free) - 1, round(len(numbers) * test_share)))
    if len(free) < 2:
        return numbers, []
    _, test, _, _ = train_test_split(
        free, [targets[i] for i in free], wanted / len(free), seed, stratify=classes
    )
    tested = set(test)
    return [i for i in numbers if i not in tested], sorted(tested)


def picked(table: Loaded, numbers: Sequence[int]) -> tuple[Loaded, Lines]:
    """Return a table of these rows, and their lines."""
    lines = Lines()
    for i in numbers:
        lines.add(table.lines.of(i))
    return Loaded(table.file, [table.rows[i] for i in numbers], lines), lines
