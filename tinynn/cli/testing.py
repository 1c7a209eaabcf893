"""Testing a model: its answers to rows that it has not seen, and how they are printed."""

from __future__ import annotations

from collections import Counter
from heapq import nlargest, nsmallest
from random import Random
from statistics import median
from typing import Any, Callable, Iterable, NamedTuple, Sequence

from ..checks.words import counted, excerpt, listed
from ..errors import DataError
from ..estimators import Classifier
from ..lesson.matrix import Matrix
from ..metrics import accuracy, log_loss, r2_score
from ..preprocessing.cells import Reader
from ..preprocessing.columns import Column, NumberColumn
from ..preprocessing.date_column import DateColumn, written
from ..preprocessing.words_column import WordsColumn
from ..report.findings import Effect, Findings, Miss, metric_table, shown, worst_table
from ..report.measures import (
    ClassAnswers,
    classifier_findings,
    effect,
    importance,
    regressor_findings,
)
from ..report.verdicts import verdict
from .console import Console
from .models import Model
from .tables import Label, Lines, Loaded, located

MOST_SHOWN = 20  # classes in a confusion matrix of text, columns in a list of importance
MOST_MISSES = 10
SECONDS = 0.2  # about how long measuring the importance of columns may take, if asked for
ASIDE = 0.1  # the same, if not asked for
# Seconds for a multiplication by machine code and by Python, and for all else about a row.
NATIVE, PYTHON, PER_ROW = 1e-9, 2e-8, 3e-6
MOST_ROWS, LEAST_ROWS = 2000, 100  # rows to measure importance on
REPEATS, FEWEST_REPEATS = 5, 2
MOST_EFFECTS = 12  # columns of which the effect is measured
EFFECT_ROWS = 200  # rows that it is the mean of
MOST_LINES = 6  # classes with a line of their own in an effect
MOST_KINDS, LONGEST_KIND = 8, 30  # kinds of a column whose effect is shown, and their characters


class Trial(NamedTuple):
    """A model's answers to the rows of a table with known targets.

    encoded, targets:  the rows for the network, and the true classes or numbers
    outputs, answers:  of the network and of the model
    missing, unseen:   the numbers of missing cells by column, of unknown categories by column and
                       cell
    table, indices:    the rows as they were read, and the index of each of the model's columns
    """

    encoded: Matrix
    targets: list[Any]
    outputs: Matrix
    answers: list[Any]
    missing: dict[str, int]
    unseen: dict[str, dict[str, int]]
    table: Loaded
    indices: Sequence[int]

    def cells(self, rows: Iterable[int], column: int) -> list[str]:
        """Return the cells of a column of the model in these rows."""
        index, table = self.indices[column], self.table.rows
        return [table[row][index] for row in rows]


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
                    f"{table.file.name}, line {lines.of(row)}: {excerpt(target)} is not a class of "
                    f"{model.path}, which knows {listed(list(known))}"
                )
        truth = [known[str(target)] for target in targets]
    with located(table.file.name, lines):
        found = model.estimator.encoder_.encode(
            [[cells[index] for index in indices] for cells in table.rows]
        )
    trial = Trial(found.rows, truth, [], [], found.missing, found.unseen, table, indices)
    return answered(model, trial)


def answered(model: Model, trial: Trial) -> Trial:
    """Return the trial with the answers of another model, which encodes rows in the same way."""
    outputs = model.outputs(trial.encoded)
    return trial._replace(outputs=outputs, answers=model.answers(outputs))


def last_rows(trial: Trial, count: int) -> Trial:
    """Return a trial of so many of its last rows."""
    start = len(trial.targets) - count
    if not start:
        return trial
    table = picked(trial.table, range(start, len(trial.targets)))[0]
    return trial._replace(
        encoded=trial.encoded[start:], targets=trial.targets[start:],
        outputs=trial.outputs[start:], answers=trial.answers[start:], table=table,
    )  # fmt: skip


def findings_of(model: Model, trial: Trial, source: str, linear: Trial | None = None) -> Findings:
    """Return what a trial says about a model; `linear` is that of a linear model on the same rows.

    The constant answers that it is compared with come from the training rows, or for an imported
    model, whose training is unknown, from the trial's own targets.
    """
    estimator, targets = model.estimator, trial.targets
    imported = estimator.history_.stopped_by == "import"
    if isinstance(estimator, Classifier):
        counts = Counter(targets) if imported else Counter(estimator.targets_.counts)
        found = classifier_findings(
            source, targets, _class_answers(model, trial), model.classes,
            [counts[label] for label in model.classes],
            None if linear is None else _class_answers(model, linear),
        )  # fmt: skip
    else:
        means, medians = estimator.targets_.constants
        if imported or medians is None:
            means, medians = [sum(targets) / len(targets)], [median(targets)]
        found = regressor_findings(
            source, targets, trial.answers, means[0], medians[0],
            None if linear is None else linear.answers,
        )  # fmt: skip
    return found._replace(worst=worst_rows(model, trial))


def _class_answers(model: Model, trial: Trial) -> ClassAnswers:
    return ClassAnswers(trial.answers, model.probabilities(trial.outputs))


def worst_rows(model: Model, trial: Trial) -> list[Miss]:
    """Return the rows that a model got most wrong: by the probability of the true class, or by the
    size of the error. Rows of which the class was right are none of them.
    """
    chances: list[float] = []
    if isinstance(model.estimator, Classifier):
        number = {label: j for j, label in enumerate(model.classes)}
        rows = model.probabilities(trial.outputs)
        chances = [row[number[target]] for row, target in zip(rows, trial.targets)]
        wrong = [i for i, (t, y) in enumerate(zip(trial.targets, trial.answers)) if t != y]
        worst = nsmallest(MOST_MISSES, wrong, key=chances.__getitem__)
    else:
        sizes = [abs(t - y) for t, y in zip(trial.targets, trial.answers)]
        worst = nlargest(MOST_MISSES, range(len(sizes)), key=sizes.__getitem__)
    text = str if chances else shown
    return [
        Miss(
            trial.table.lines.of(i),
            text(trial.targets[i]),
            text(trial.answers[i]),
            chances[i] if chances else None,
            {name: trial.cells([i], j)[0] for j, name in enumerate(model.columns)},
        )
        for i in worst
    ]


def with_importance(
    model: Model, trial: Trial, found: Findings, seed: int, asked: bool = True
) -> Findings:
    """Return the findings with the importance of each column and the effects of the first ones.

    They are measured on some of the rows. Wide tables get fewer rows and repeats. Unless `asked`
    for, nothing is measured where it would take long.
    """
    encoder, network = model.estimator.encoder_, model.estimator.network_
    columns = [(column.name, column.width) for column in encoder.columns]
    predictor = model.predictor()
    each = (NATIVE if predictor.engine == "native" else PYTHON) * network.count_parameters()
    each = (each + PER_ROW) * sum(1 for _, width in columns if width)
    seconds = SECONDS if asked else ASIDE
    repeats = max(FEWEST_REPEATS, min(REPEATS, int(seconds / (each * MOST_ROWS))))
    if each * repeats * LEAST_ROWS > seconds:
        repeats = 1
    rows = max(LEAST_ROWS, min(MOST_ROWS, int(seconds / (each * repeats))))
    rows = min(rows, len(trial.encoded))
    if each * rows * repeats > seconds and not asked:
        return found
    rng = Random(seed)
    chosen = sorted(rng.sample(range(len(trial.encoded)), rows))
    targets = [trial.targets[i] for i in chosen]
    encoded = [trial.encoded[i] for i in chosen]

    def score(moved: Matrix) -> float:
        outputs = predictor.rows(moved)
        if found.weighed_by == "log_loss":
            return -log_loss(targets, model.probabilities(outputs), model.classes)
        measure = accuracy if model.classes else r2_score
        return measure(targets, model.answers(outputs))

    losses = importance(score, encoded, columns, rng.shuffle, repeats)
    found = found._replace(importance=losses)
    return found._replace(effects=effects_of(model, predictor.rows, trial, found, chosen))


def effects_of(
    model: Model,
    predict: Callable[[Matrix], Matrix],
    trial: Trial,
    found: Findings,
    chosen: Sequence[int],
) -> dict[str, Effect]:
    """Return the effects of the most important columns, measured on some of the chosen rows."""
    encoder, probable = model.estimator.encoder_, bool(model.classes)
    names, first = found.classes or [""], 0
    if len(names) == 2:
        names, first = names[1:], 1
    elif len(names) > MOST_LINES:
        return {}

    def answers(moved: Matrix) -> Matrix:
        outputs = predict(moved)
        if probable:
            return [row[first:] for row in model.probabilities(outputs)]
        return [[answer] for answer in model.answers(outputs)]

    step = max(1, len(chosen) // EFFECT_ROWS)
    rows = [trial.encoded[i] for i in chosen[::step]]
    effects: dict[str, Effect] = {}
    wanted = list(found.importance)[:MOST_EFFECTS]
    start = 0
    for j, column in enumerate(encoder.columns):
        if column.name in wanted:
            at, cells = _shown_cells(column, trial.cells(chosen, j), encoder.reader)
            if len(at) > 1:
                encoded = zip(*column.encode(cells, 0, column.name, encoder.reader).columns)
                effects[column.name] = effect(
                    answers, rows, start, at, [list(cell) for cell in encoded], names
                )
        start += column.width
    return {name: effects[name] for name in wanted if name in effects}


def _shown_cells(
    column: Column, cells: list[str], reader: Reader
) -> tuple[list[float] | list[str], list[str]]:
    """Return the numbers, kinds, dates or words at which to show an effect, and their cells."""
    if isinstance(column, NumberColumn):
        notation = column.notation(reader)
        cell_of: dict[float, str] = {}
        for cell in cells:
            text = reader.read(cell)
            value = notation.number(text) if isinstance(text, str) else None
            if value is not None:
                cell_of[value] = cell
        at = _spread(list(cell_of))
        return at, [cell_of[value] for value in at]
    if isinstance(column, DateColumn):
        present = [cell for cell in cells if reader.read(cell) is not None]
        times = column.encode(present, 0, column.name, reader).columns[0] if present else []
        cell_of = dict(zip(times, present))
        at = _spread(list(cell_of))
        dates = [written(x * column.scale + column.shift) for x in at]
        return dates, [cell_of[x] for x in at]
    if isinstance(column, WordsColumn):  # each word alone
        words = column.often()[:MOST_KINDS]
        return words, words
    kinds = [kind for kind, _ in Counter(cells).most_common(MOST_KINDS)]
    if max(map(len, kinds)) > LONGEST_KIND:
        return [], []
    return [kind.strip() or "(missing)" for kind in kinds], kinds


def _spread(values: list[float]) -> list[float]:
    """Return nine of the values in order, without the extremes, which few rows tell about."""
    numbers, last = sorted(values), len(values) - 1
    return (
        sorted({numbers[round(last * (0.02 + 0.96 * k / 8))] for k in range(9)}) if numbers else []
    )


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
        some = ", ".join(f"{excerpt(kind)} ({n:,})" for kind, n in list(kinds.items())[:5])
        more = f" and {len(kinds) - 5} more" if len(kinds) > 5 else ""
        console.note(
            f"note: column {excerpt(name)} has categories not seen in training, read as none of "
            f"the known ones: {some}{more}"
        )


def test_text(found: Findings, console: Console) -> str:
    """Return the test as text: a verdict, all metrics, and the confusion matrix."""
    from ..view import text_confusion, text_table  # not free to import, and not always needed

    header, *rows = metric_table(found)
    lines = [
        verdict(found),
        "",
        text_table(rows, header, "l" + "r" * len(header[1:]), ascii_only=console.ascii_only),
    ]
    if 2 <= len(found.classes) <= MOST_SHOWN:
        table = text_confusion(found.confusion, found.classes, ascii_only=console.ascii_only)
        lines += ["", table]
    return "\n".join(lines)


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


def worst_text(found: Findings, console: Console) -> str:
    """Return the rows with the largest errors as a table of text."""
    from ..view import text_table  # not free to import, and not always needed

    header, *rows = worst_table(found)
    return text_table(rows, header, "r" * len(header), ascii_only=console.ascii_only)


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


def errors_of(trial: Trial) -> list[float]:
    """Return each row's error: 0 or 1 for classes, the size of the difference for numbers."""
    return [
        float(t != y) if isinstance(t, str) or not isinstance(y, float) else abs(t - y)
        for t, y in zip(trial.targets, trial.answers)
    ]


def split_rows(
    targets: Sequence[Label], test_share: float, seed: int, classes: bool, in_order: bool = False
) -> tuple[list[int], list[int]]:
    """Return the indices of the rows to train on and to test on, in order.

    Each class has its share in both; a class with only one row is not tested. `in_order`, the rows
    to test on are the last.
    """
    from ..data import train_test_split

    numbers = list(range(len(targets)))
    if not test_share:
        return numbers, []
    if in_order:
        cut = len(numbers) - max(1, round(len(numbers) * test_share))
        return numbers[:cut], numbers[cut:]
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
