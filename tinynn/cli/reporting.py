"""The page about a model: its test, its training, its columns and its weights."""

from __future__ import annotations

from typing import Any, Sequence

from .. import __version__
from ..checks.words import counted
from ..report.charts import (
    Chart,
    effect_charts,
    importance_chart,
    network_chart,
    test_charts,
    training_charts,
)
from ..report.findings import METRICS, Findings, metric_table, shown, span, worst_table
from ..report.page import Section, page
from ..report.verdicts import advice
from .models import Model

MOST_CELLS = 8  # columns of the rows that the model got most wrong


def model_charts(model: Model, found: Findings | None) -> list[Chart]:
    """Return all charts of a model and its test."""
    estimator = model.estimator
    outputs: Sequence[str] | None = None
    target = "the target" if model.about is None else model.about.target
    if len(model.classes) > 2:
        outputs = [str(label) for label in model.classes]
    elif model.classes:
        outputs = [f"{target} = {model.classes[1]}"]
    elif estimator.network_.outputs == 1:
        outputs = [target]
    inputs = estimator.encoder_.feature_names_out()
    charts = training_charts(estimator.history_)
    if found is not None:
        charts += [
            *test_charts(found, target), *importance_chart(found), *effect_charts(found, target)
        ]  # fmt: skip
    return charts + network_chart(estimator.network_, inputs, outputs)


def model_page(model: Model, found: Findings | None) -> str:
    """Return the HTML page about a model and a test of it."""
    charts = {chart.name: chart for chart in model_charts(model, found)}
    about = model.about
    target = "a target" if about is None else about.target
    title = f"A model that predicts {target}"
    subtitle = _kind(model)
    if about is not None:
        subtitle += f", {about.training}"
    sections = []
    if found is not None:
        own = about is not None and found is about.findings
        sections.append(_test_section(found, charts, own))
        sections += _column_sections(charts)
        sections += _worst_section(found)
    sections.append(_training_section(model, charts))
    network = [charts[name] for name in ("network", "weights") if name in charts]
    sections.append(
        Section(
            "Inside the network",
            f"{counted(model.estimator.network_.count_parameters(), 'parameter')}.",
            text=model.estimator.network_.summary(),
            charts=network,
        )
    )
    sections += _encoding_sections(model)
    sections.append(_settings_section(model))
    footer = f"Made by tinynn {__version__}. This page loads nothing."
    return page(title, subtitle, sections, footer)


def _kind(model: Model) -> str:
    if model.classes:
        return f"A classifier of {counted(len(model.classes), 'class', 'classes')}"
    return "A regressor"


def _test_section(found: Findings, charts: Any, own: bool) -> Section:
    score = METRICS[found.score]
    facts = [(score, shown(found.metrics[found.score]))]
    if found.score in found.intervals:
        facts.append(("95% interval", span(found.intervals[found.score])))
    if f"linear_{found.score}" in found.metrics:
        facts.append(("linear model", shown(found.metrics[f"linear_{found.score}"])))
    facts += [("constant", shown(found.baseline)), ("test rows", f"{found.rows:,}")]
    apart = ", held out from training" if own else ""
    answer = "the most frequent class of the training rows, or as probabilities their shares"
    if not found.classes:
        answer = "the mean of the training rows, or for the mean absolute error their median"
    names = ("confusion", "predictions", "roc", "calibration")
    note = [
        f"On {counted(found.rows, 'row')} of {found.source}{apart}. The constant is {answer}.",
        *advice(found),
    ]
    return Section(
        "How good it is",
        "\n".join(note),
        facts,
        metric_table(found),
        charts=[charts[name] for name in names if name in charts],
    )


def _column_sections(charts: dict[str, Chart]) -> list[Section]:
    names = [name for name in charts if name == "importance" or name.startswith("effect_")]
    if not names:
        return []
    note = "How much the model relies on each column, and how its answer moves with one of them."
    return [
        Section(
            "Which columns matter, and how", note, charts=[charts[n] for n in names], columns=3
        )
    ]  # fmt: skip


def _worst_section(found: Findings) -> list[Section]:
    if not found.worst:
        return []
    columns = [name for name in found.importance if name in found.worst[0].cells]
    columns = (columns or list(found.worst[0].cells))[:MOST_CELLS]
    note = f"The rows of {found.source} with the largest errors, by their line in the file."
    if found.classes:
        note = (
            f"The rows of {found.source} whose true class the model thought least likely, by their "
            "line in the file."
        )
    return [Section("What it got most wrong", note, table=worst_table(found, columns))]


def _training_section(model: Model, charts: Any) -> Section:
    history = model.estimator.history_
    facts = [("epochs", f"{history.epochs:,}")]
    if history.validation_loss:
        facts.append(("best epoch", f"{history.best_epoch:,}"))
    if history.seconds:
        facts.append(("seconds", f"{history.seconds[-1]:.1f}"))
    facts.append(("ended by", history.stopped_by or "unknown"))
    note = ""
    if history.engine:
        note = f"Engine {history.engine}: {history.engine_reason}."
    loss = [charts["loss"]] if "loss" in charts else []
    return Section("How it was trained", note, facts, charts=loss)


def _encoding_sections(model: Model) -> list[Section]:
    rows: list[Sequence[object]] = [["column", "read as"]]
    left: list[Sequence[object]] = [["column", "why"]]
    for column in model.estimator.encoder_.columns:
        if column.width:
            rows.append([column.name, column.describe()])
        else:
            left.append([column.name, column.reason])
    sections = [Section("How each column was read, and why", table=rows)]
    if left[1:]:
        note = f"{counted(len(left) - 1, 'column')} of the table, which the model does not use."
        sections.insert(0, Section("Columns left out", note, table=left))
    return sections


def _settings_section(model: Model) -> Section:
    rows: list[Sequence[object]] = [["setting", "value"]]
    for name, value in model.estimator.get_params().items():
        if name not in ("encoder", "callbacks"):
            rows.append([name, str(value)])
    return Section("The settings", table=rows, columns=3, split=9)
