"""How good predictions are, by well-known metrics; arguments are always (targets, predictions)."""

from __future__ import annotations

from .classes import (
    AverageScores,
    ClassScores,
    accuracy,
    class_labels,
    classification_report,
    confusion_matrix,
    log_loss,
    precision_recall_f1,
    roc_auc,
    top_k_accuracy,
)
from .curves import calibration_curve, roc_curve
from .numbers import mean_absolute_error, mean_squared_error, r2_score

__all__ = [
    "AverageScores",
    "ClassScores",
    "accuracy",
    "calibration_curve",
    "class_labels",
    "classification_report",
    "confusion_matrix",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "precision_recall_f1",
    "r2_score",
    "roc_auc",
    "roc_curve",
    "top_k_accuracy",
]
