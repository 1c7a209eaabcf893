"""Reports: what the test of a model found, as numbers, as pictures and text, and as one page."""

from __future__ import annotations

from .charts import Chart as Chart, test_charts as test_charts, training_charts as training_charts
from .findings import Findings as Findings, classifier_findings, regressor_findings
from .page import Section as Section, page as page

__all__ = [
    "Chart", "Findings", "Section", "classifier_findings", "page", "regressor_findings",
    "test_charts", "training_charts",
]  # fmt: skip
