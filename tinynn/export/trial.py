"""Exports tried on rows: how far their answers are from the model's, and how good they are."""

from __future__ import annotations

from typing import Any, Sequence

from ..checks.rows import as_list, same_length
from ..engines.plans import Frozen
from ..errors import SettingError
from ..estimators import Classifier
from ..estimators.text.model import TextModel
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..lesson.samples import as_sequences
from ..metrics import r2_score
from ..preprocessing.cells import as_table
from ..preprocessing.columns import NumberColumn
from .arithmetic import NumberType, outputs, unlinked
from .float32 import shifted
from .formats import Exported
from .sequence_arithmetic import sequence_outputs
from .steps import Description
from .wiring import Wiring


def table_of(model: object, rows: object, targets: object) -> list[Any]:
    """Return rows to try an export on, as lists; for a network of sequences, sequences.

    Raises SettingError for targets of a bare network, whose answers have no score.
    """
    if targets is not None and isinstance(model, Sequential):
        raise SettingError("an export takes targets for a Classifier or Regressor, not a network")
    if isinstance(model, Sequential) and model.reads_steps:
        return as_sequences(model.layers, model.inputs, rows, "rows")
    return as_table(rows).rows


def network_of(model: Any, rows: object) -> tuple[Any, object]:
    """Return the model and the rows; of a TextModel, its network, and texts as sequences of kinds.

    Of a text, it is as much as the network sees at once.
    """
    if not isinstance(model, TextModel):
        return model, rows
    known = model.vocabulary_
    texts = [
        [known.end, *known.encode(text, "the rows", i + 1)]
        for i, text in enumerate(as_list(rows, "rows"))
    ]
    return model.network_, [kinds[: model.most_steps_] for kinds in texts]


def compared(
    model: Any, table: list[Any], answers: list[Any], numbers: list[Any], targets: Any = None
) -> Exported:
    """Return an `Exported` without a size, of what a file answers to the rows of a table.

    numbers: the probabilities of a classifier; else the answers again
    """
    changed = score = model_score = None
    if isinstance(model, Classifier):
        changed = sum([a != b for a, b in zip(model.predict(table), answers)]) / len(table)
        expected = model.predict_proba(table)
    else:
        expected = model.predict(table)
    if targets is not None:
        truth = list(targets)
        same_length(rows=table, targets=truth)
        model_score = model.score(table, truth)
        if isinstance(model, Classifier):
            score = sum([a == b for a, b in zip(answers, truth)]) / len(truth)
        else:
            score = r2_score(truth, answers)
    if isinstance(numbers[0], list) and isinstance(numbers[0][0], list):  # a row for each step
        expected, numbers = ([y for rows in found for y in rows] for found in (expected, numbers))
    if not isinstance(numbers[0], list):
        expected, numbers = [expected], [numbers]
    difference = max([abs(a - b) for x, y in zip(expected, numbers) for a, b in zip(x, y)])
    return Exported(0, difference, changed, score, model_score)


def tried(
    model: Any,
    d: Description,
    rows: object,
    targets: object = None,
    single: bool = False,
    runtime: bool = False,
    raw: bool = False,
) -> Exported:
    """Return an `Exported` without a size, of a file that computes what `d` says.

    d:       the description that the file was written from, of the model or of its network alone
    single:  whether it computes in float32
    runtime: whether another program runs its layers, and scales an estimator's outputs in double
    raw:     whether the file takes the numbers of a table as they are
    """
    model, rows = network_of(model, rows)
    table = table_of(model, rows, targets)
    of_network = isinstance(model, Sequential)
    if d.wiring:
        return _of_sequences(model, d, d.wiring, table, single, not runtime)
    X: Matrix = table if of_network else model.encoder_.encode(table).rows
    shift: Vector = []
    if raw:
        scaling = [(c.shift, c.scale) for c in d.columns if isinstance(c, NumberColumn)]
        X = [[x * s + m for x, (m, s) in zip(row, scaling)] for row in X]
    number = NumberType(single)
    if single and (of_network or raw):
        d, shift = shifted(d)
        X = [[number(x) - m for x, m in zip(row, shift)] for row in X] if shift else X
    layers: Sequence[Frozen] = d.layers
    Y = outputs(layers, X, single, mixed=not runtime)
    if d.kind == "network":
        return compared(model, table, Y, Y)
    if d.kind == "classifier":
        if d.outputs == 1 and not d.multilabel:
            Y = [[number(1.0 - p), p] for (p,) in Y]
        return compared(model, table, [_answer(d, p) for p in Y], Y, targets)
    last = NumberType(single and not runtime)
    pairs = [(last(s), last(m)) for s, m in zip(d.scales, d.means)]
    Y = [[last(last(y * s) + m) for y, (s, m) in zip(row, pairs)] for row in Y]
    Y = [[last(unlinked(d.unlinked, y)) for y in row] for row in Y]
    answers: list[Any] = [y for (y,) in Y] if d.flat else Y
    return compared(model, table, answers, answers, targets)


def _of_sequences(
    model: Any, d: Description, wiring: Wiring, table: list[Any], single: bool, mixed: bool
) -> Exported:
    """Return an `Exported` of a network of sequences, tried on these."""
    d, shift = shifted(d) if single else (d, [])
    number = NumberType(single)
    sequences = [
        [[number(x) - m for x, m in zip(row, shift)] if shift else row for row in steps]
        for steps in table
    ]
    Y = sequence_outputs(d.layers, wiring, sequences, single, mixed)
    return compared(model, table, Y, Y)


def _answer(d: Description, p: Vector) -> Any:
    """Return what follows from probabilities: a label, or 1 or 0 for each."""
    if d.multilabel:
        return [int(x > 0.5) for x in p]
    if d.outputs == 1:
        return d.classes[int(p[1] > 0.5)]
    return d.classes[p.index(max(p))]
