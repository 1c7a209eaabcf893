"""Tables: checking, loading, generating, splitting, encoding and scaling them."""

from __future__ import annotations

from ..checks.rows import as_list, as_rows, as_vector, same_length
from .encoding import MinMaxScaler, StandardScaler, class_numbers, one_hot
from .generators import blobs, circles, moons, spirals, xor
from .iris import Dataset, load_iris
from .splits import forward_folds, k_fold, stratified_k_fold, take, train_test_split

__all__ = [
    "Dataset",
    "MinMaxScaler",
    "StandardScaler",
    "as_list",
    "as_rows",
    "as_vector",
    "blobs",
    "circles",
    "class_numbers",
    "forward_folds",
    "k_fold",
    "load_iris",
    "moons",
    "one_hot",
    "same_length",
    "spirals",
    "stratified_k_fold",
    "take",
    "train_test_split",
    "xor",
]
