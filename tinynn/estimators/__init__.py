"""Estimators: preprocessing and network in one object, from a table to predictions."""

from __future__ import annotations

from .base import Estimator as Estimator
from .classifier import Classifier as Classifier
from .convergence import ConvergenceWarning as ConvergenceWarning
from .ensemble import Ensemble as Ensemble
from .parameters import NotFittedError as NotFittedError
from .regressor import Regressor as Regressor
from .storage import load as load

__all__ = [
    "Classifier", "ConvergenceWarning", "Ensemble", "Estimator", "NotFittedError", "Regressor",
    "load",
]  # fmt: skip
