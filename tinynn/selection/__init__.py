"""Choosing between estimators: cross-validation, and the search for the best parameters."""

from __future__ import annotations

from .cross_validation import CrossValidation as CrossValidation, cross_validate as cross_validate
from .search import SearchResult as SearchResult, search as search

__all__ = ["CrossValidation", "SearchResult", "cross_validate", "search"]
