"""The charts of a report: of the training, the test, and the network."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..training.history import History
from ..view import (
    Series,
    bar_chart,
    confusion_chart,
    heat_map,
    line_chart,
    network_diagram,
    prediction_chart,
    reliability_chart,
    roc_chart,
)
from .findings import Effect, Findings, importance_label, shown

MOST_BARS = 30
MOST_CLASSES = 40  # in a confusion matrix
NARROW, SHORT = 400, 260  # pixels of charts that stand side by side


class Chart(NamedTuple):
    """A chart: its name (for a file, say), its SVG, and a sentence on how to read it."""

    name: str
    svg: str
    note: str


def training_charts(history: History) -> list[Chart]:
    """Return a chart of the losses by epoch, or none without any."""
    if not history.loss:
        return []
    # One epoch is a point, which a line would not show.
    few = len(history.loss) < 3
    lines = [Series("training", history.loss, markers=few)]
    if history.validation_loss:
        lines.append(Series("validation", history.validation_loss, markers=few))
    positive = all(loss > 0.0 for line in lines for loss in line.y if loss is not None)
    spread = positive and max(map(_largest, lines)) > 20.0 * min(map(_least, lines))
    best = f"best: epoch {history.best_epoch}"
    note = "The loss falls as the network learns."
    if history.validation_loss:
        note = (
            "The network does not learn from validation rows: where their loss rises while the "
            "training loss falls, it is overfitting."
        )
    charts = [
        Chart(
            "loss",
            line_chart(
                lines,
                title="Loss by epoch",
                x_label="epoch",
                y_label="loss",
                y_scale="log" if spread else "linear",
                marks=[(history.best_epoch, best)] if history.validation_loss else (),
            ),
            note + (" The loss axis is logarithmic." if spread else ""),
        )
    ]
    return charts


def network_weights(network: Sequential) -> tuple[list[Matrix], list[Vector | None]]:
    """Return the weights and the biases (or None) of the dense layers."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    return [layer.W for layer in dense], [layer.b or None for layer in dense]


def network_chart(
    network: Sequential, inputs: Sequence[str], outputs: Sequence[str] | None
) -> list[Chart]:
    """Return charts of the dense layers, or none for a network without any."""
    weights, biases = network_weights(network)
    if not weights:
        return []
    names = None
    if outputs is not None and len(outputs) == len(weights[-1][0]):
        names = list(outputs)
    fits = len(inputs) == len(weights[0])
    charts = [
        Chart(
            "network",
            network_diagram(
                weights,
                title="The network",
                biases=biases,
                input_names=list(inputs) if fits else None,
                output_names=names,
            ),
            "The thicker a line, the larger the weight. Inputs are scaled, so that weights can be "
            "compared.",
        )
    ]
    W = weights[0]
    if len(W) * len(W[0]) >= 64:
        charts.append(
            Chart(
                "weights",
                heat_map(
                    W,
                    title="Weights of the first layer",
                    row_names=list(inputs) if fits else None,
                    x_label="neuron",
                    y_label="input",
                    value_label="weight",
                    palette="diverging",
                ),
                "Each row is one input, each column one neuron.",
            )
        )
    return charts


def test_charts(found: Findings, target: str = "") -> list[Chart]:
    """Return the charts of a test: the confusion matrix, ROC and calibration, or predictions."""
    charts: list[Chart] = []
    if 2 <= len(found.classes) <= MOST_CLASSES:
        charts.append(
            Chart(
                "confusion",
                confusion_chart(
                    found.confusion, found.classes, width=520 if len(found.classes) <= 6 else 700
                ),
                "Each row is a true class, each column a predicted one; the diagonal is right.",
            )
        )
    if found.roc:
        several = ", each class against the rest" if len(found.classes) > 2 else ""
        curves: dict[str, tuple[Sequence[float], Sequence[float]]] = {
            name: ([x for x, _ in points], [y for _, y in points])
            for name, points in found.roc.items()
        }
        charts.append(
            Chart(
                "roc",
                roc_chart(curves, title=f"ROC{several}"),
                "How much of the class is found, at the cost of how many false alarms.",
            )
        )
    if found.calibration:
        if len(found.classes) == 2:
            x = f"predicted probability of {found.classes[1]}"
            y = f"share of {found.classes[1]}"
        else:
            x, y = "predicted probability of the answer", "share of right answers"
        means, shares, _ = zip(*found.calibration)
        charts.append(
            Chart(
                "calibration",
                reliability_chart(
                    {"model": (means, shares)}, title="Calibration", x_label=x, y_label=y
                ),
                "On the dashed line, what is predicted with 70% comes true in 70% of the rows. A "
                "point from a few rows says little.",
            )
        )
    if found.pairs:
        true, predicted = zip(*found.pairs)
        charts.append(
            Chart(
                "predictions",
                prediction_chart(predicted, true, unit=target),
                f"The points of a perfect model lie on the dashed line.{_drawn(found)}",
            )
        )
    return charts


def _drawn(found: Findings) -> str:
    if len(found.pairs) == found.rows:
        return f" All {found.rows:,} rows are drawn."
    return f" {len(found.pairs):,} of {found.rows:,} rows are drawn, the largest errors among them."


def importance_chart(found: Findings) -> list[Chart]:
    """Return bars of how much each column matters, or none if that was not measured."""
    names = list(found.importance)[:MOST_BARS]
    if not names:
        return []
    left = len(found.importance) - len(names)
    more = f" The {left} least important columns are left out." if left else ""
    return [
        Chart(
            "importance",
            bar_chart(
                names,
                [found.importance[name][0] for name in names],
                [found.importance[name][1] for name in names],
                title="Importance of the columns",
                x_label=importance_label(found),
                width=NARROW,
            ),
            "What the model would lose without the column: its cells are shuffled, all else stays. "
            f"Columns that say the same thing share their importance.{more}",
        )
    ]


def effect_charts(found: Findings, target: str = "") -> list[Chart]:
    """Return a chart for each column whose effect was measured: the mean answer along it."""
    return [
        _effect_chart(f"effect_{number}", name, found.effects[name], found, target)
        for number, name in enumerate(found.effects, 1)
    ]


def _effect_chart(name: str, column: str, effect: Effect, found: Findings, target: str) -> Chart:
    at, answers = effect
    classes = len(found.classes)
    label = f"probability of {next(iter(answers))}" if classes == 2 else f"mean {target}".strip()
    title = f"Effect of {column}"
    numbers = [x for x in at if isinstance(x, float)]
    if numbers:
        lines = [Series(line, values, numbers, markers=True) for line, values in answers.items()]
        svg = line_chart(
            lines if classes > 2 else [line._replace(name=label) for line in lines],
            title=title,
            x_label=column,
            y_label="probability" if classes > 2 else label,
            width=NARROW,
            height=SHORT,
        )
    elif classes > 2:
        svg = heat_map(
            list(zip(*answers.values())),
            title=title,
            row_names=list(map(str, at)),
            column_names=list(answers),
            value_label="probability",
            cell_text=".2f",
            width=NARROW,
        )
    else:
        (values,) = answers.values()
        svg = bar_chart(list(map(str, at)), values, title=title, x_label=label, width=NARROW)
    note = ""
    if classes <= 2:
        (values,) = answers.values()
        note = f"{_way(column, list(map(_plain, at)), values, bool(numbers))}"
    return Chart(name, svg, note)


def _way(column: str, at: Sequence[str], values: Sequence[float], ordered: bool) -> str:
    """Return in words how an answer moves along a column."""
    low, high = min(values), max(values)
    if not ordered:
        i, j = values.index(low), values.index(high)
        return f"Lowest for {at[i]} ({shown(low)}), highest for {at[j]} ({shown(high)})."
    room = 0.1 * (high - low)
    steps = [b - a for a, b in zip(values, values[1:])]
    way = "rises" if values[-1] > values[0] else "falls"
    turned = min(steps) < -room and max(steps) > room
    ends = f"from {shown(values[0])} at {at[0]} to {shown(values[-1])} at {at[-1]}"
    if turned:
        return f"The answer goes up and down as {column} goes up: {ends}."
    return f"The answer {way} as {column} goes up: {ends}."


def _plain(at: float | str) -> str:
    return shown(at) if isinstance(at, float) else at


def _largest(line: Series) -> float:
    return max([y for y in line.y if y is not None])


def _least(line: Series) -> float:
    return min([y for y in line.y if y is not None])
