"""Fisher's iris data: 150 real flowers, the first data set in many textbooks."""

from __future__ import annotations

from typing import NamedTuple

from ..lesson.matrix import Matrix


class Dataset(NamedTuple):
    """A table with what is known about it."""

    inputs: Matrix
    targets: list[int]
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    source: str


def load_iris() -> Dataset:
    """Return Fisher's iris data: 150 rows of 4 lengths in centimetres, and each flower's species.

    `targets` holds the class numbers 0 (setosa), 1 (versicolor) and 2 (virginica), 50 of each in
    this order; `target_names[number]` is the name. Each call returns new lists.

    The values are those of Fisher's paper, as in R's `datasets::iris` and in scikit-learn. The file
    in the UCI repository differs from the paper in the 35th and the 38th flower.

    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7 (1936), pages 179-188, table I; measured by E. Anderson.

    >>> iris = load_iris()
    >>> iris.inputs[0], iris.target_names[iris.targets[0]]
    ([5.1, 3.5, 1.4, 0.2], 'setosa')
    """
    from .iris_rows import SETOSA, VERSICOLOR, VIRGINICA  # imported only when the data are used

    species = (SETOSA, VERSICOLOR, VIRGINICA)
    return Dataset(
        inputs=[list(flower) for flowers in species for flower in flowers],
        targets=[number for number, flowers in enumerate(species) for _ in flowers],
        feature_names=("sepal length", "sepal width", "petal length", "petal width"),
        target_names=("setosa", "versicolor", "virginica"),
        source='R. A. Fisher, "The use of multiple measurements in taxonomic problems", '
        "Annals of Eugenics 7 (1936), 179-188, table I",
    )
