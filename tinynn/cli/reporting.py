"""The page about a model: its test, its training, its columns and its weights."""

from __future__ import annotations

from typing import Any, Sequence

from .. import __version__
from ..checks.words import counted
from ..report.charts import (
    Chart,
    importance_chart,
    network_chart,
    test_charts,
    training_charts,
)
from ..report.findings import Findings, metric_table, shown
from ..report.page import Section, page
from .models import Model


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
    return [
        *training_charts(estimator.history_),
        *([] if found is None else test_charts(found, target)),
        *([] if found is None else importance_chart(found)),
        *network_chart(estimator.network_, inputs, outputs),
    ]


def model_page(model: Model, found: Findings | None) -> str:
    """Return the HTML page about a model and a test of it."""
    charts = {chart.name: chart for chart in model_charts(model, found)}
    about = model.about
    target = "a target" if about is None else about.target
    title = f"A model for {target}"
    subtitle = _kind(model)
    if about is not None:
        subtitle += f", trained on {about.rows - about.validation_rows:,} rows of {about.source}"
    sections = []
    if found is not None:
        own = about is not None and found is about.findings
        sections.append(_test_section(found, charts, own))
    sections.append(_training_section(model, charts))
    bars = [charts[name] for name in ("importance",) if name in charts]
    if bars:
        note = "How much the model relies on each column."
        sections.append(Section("What matters", note, charts=bars))
    network = [charts[name] for name in ("network", "weights") if name in charts]
    sections.append(
        Section(
            "The network",
            f"{counted(model.estimator.network_.count_parameters(), 'parameter')}.",
            text=model.estimator.network_.summary(),
            charts=network,
        )
    )
    sections.append(_columns_section(model))
    sections.append(_settings_section(model))
    footer = f"Made by tinynn {__version__}. This page loads nothing."
    return page(title, subtitle, sections, footer)


def _kind(model: Model) -> str:
    if model.classes:
        return f"A classifier of {counted(len(model.classes), 'class', 'classes')}"
    return "A regressor"


def _test_section(found: Findings, charts: Any, own: bool) -> Section:
    name = "accuracy" if found.score == "accuracy" else "R²"
    facts = [
        (name, shown(found.metrics[found.score])),
        ("baseline", shown(found.baseline)),
        ("test rows", f"{found.rows:,}"),
    ]
    apart = ", held out from training" if own else ""
    answer = "most frequent class" if found.classes else "mean"
    table = metric_table(found)
    names = ("confusion", "predictions", "roc", "calibration")
    return Section(
        "The test",
        f"On {counted(found.rows, 'row')} of {found.source}{apart}. The baseline always predicts "
        f"the {answer} of the training rows.",
        facts,
        table,
        charts=[charts[name] for name in names if name in charts],
    )


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
    return Section("The training", note, facts, charts=[charts["loss"]] if "loss" in charts else [])


def _columns_section(model: Model) -> Section:
    rows: list[Sequence[object]] = [["column", "read as"]]
    rows += [[column.name, column.describe()] for column in model.estimator.encoder_.columns]
    return Section("The columns", "How each column was read, and why.", table=rows)


def _settings_section(model: Model) -> Section:
    rows: list[Sequence[object]] = [["setting", "value"]]
    for name, value in model.estimator.get_params().items():
        if name not in ("encoder", "callbacks"):
            rows.append([name, str(value)])
    return Section("The settings", table=rows)
