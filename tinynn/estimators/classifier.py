"""`Classifier`: predicts labels from tables."""

from __future__ import annotations

import sys
from math import inf, log
from typing import Any, Mapping, Sequence, TypeVar

from ..checks.rows import same_length
from ..data.encoding import likeliest_classes
from ..errors import SettingError
from ..lesson.activation_layers import Sigmoid, Softmax
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.losses import BinaryCrossEntropy, CategoricalCrossEntropy
from ..lesson.matrix import Matrix, Vector
from ..lesson.optimizer import Optimizer
from ..preprocessing import TableEncoder
from ..training.callbacks import Callback
from .arrays import in_kind
from .base import Estimator
from .targets import Labels, Targets, target_list, weight_list

C = TypeVar("C", bound="Classifier")


class Classifier(Estimator):
    """A neural network that predicts labels, and their probabilities, for the rows of a table.

    X is a table: rows of numbers and text, some of them missing, a NumPy array or a data frame. Its
    text is encoded and its numbers are scaled (see TableEncoder). y has one label per row: text, a
    number or any other hashable object; or, if several labels can be true at once, a row of 0 and
    1. Predictions are lists, or arrays if X is one. See `Parameters` for the other parameters.

    class_weight:  weights by label, "balanced" for weights inversely proportional to class sizes,
                   or None for equal weights; may have labels that a part of the rows lacks

    Two classes share one sigmoid output, more have a softmax; the loss is the cross-entropy.

    >>> X, y = [[5.1, "north"], [4.9, None], [6.3, "south"], [6.5, "south"]], ["a", "a", "b", "b"]
    >>> Classifier((8,), learning_rate_init=0.05, random_state=0).fit(X, y).predict([[5.0, "east"]])
    ['a']
    """

    kind = "classifier"
    _estimator_type = "classifier"  # for scikit-learn before 1.6
    class_weight: str | Mapping[Any, float] | None
    classes_: Any
    _targets: Labels

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: object = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        clip_norm: float | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        encoder: TableEncoder | None = None,
        callbacks: Sequence[Callback] = (),
        engine: str = "auto",
    ) -> None:
        self._take(locals())

    def partial_fit(
        self: C, X: Any, y: Any, classes: object = None, sample_weight: object = None
    ) -> C:
        """Train for one epoch on these rows; the first call needs all `classes` unless y has them.

        The first call fits the encoder to its rows alone. If they are not typical, give an
        `encoder` with `kinds`, or use `fit_stream`, which reads all rows first.
        """
        if self.class_weight == "balanced":
            raise SettingError(
                "Classifier needs class_weight as weights by label for partial_fit, which cannot "
                "know the final class sizes, got 'balanced'"
            )
        targets = None
        if classes is not None:
            targets = self._new_targets()
            targets.fix(classes, target_list("Classifier", y))
            if self.__sklearn_is_fitted__() and targets.classes != self._targets.classes:
                raise SettingError(
                    f"Classifier needs the classes of its first partial_fit, "
                    f"{self._targets.classes!r}, got {targets.classes!r}"
                )
        return self._partial_fit(X, y, sample_weight, targets)

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of the classes, in the order of `classes_`, for each row."""
        return in_kind(self._targets_probabilities(X), X)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of the probabilities, −∞ for those that round to 0."""
        rows = self._targets_probabilities(X)
        return in_kind([[log(p) if p > 0.0 else -inf for p in row] for row in rows], X)

    def predict(self, X: Any) -> Any:
        """Return the most probable label for each row, or a row of 0 and 1 if y had such rows."""
        outputs = self._outputs(X)
        return in_kind(self._targets.answers(outputs), X)

    def score(self, X: Any, y: Any, sample_weight: object = None) -> float:
        """Return the accuracy: the fraction of rows whose label (or all labels) is right."""
        answers = self._targets_answers(X)
        items = target_list("Classifier", y)
        same_length(inputs=answers, targets=items)
        if self._targets.multilabel:
            items = self._targets.rows(items)
        right = [float(a == t) for a, t in zip(answers, items)]
        return _weighted_mean(right, sample_weight)

    def _targets_answers(self, X: Any) -> Any:
        outputs = self._outputs(X)
        return self._targets.answers(outputs)

    def _targets_probabilities(self, X: Any) -> Matrix:
        outputs = self._outputs(X)
        return self._targets.probabilities(outputs)

    def _new_targets(self) -> Labels:
        return Labels()

    def _head(self, targets: Targets) -> tuple[Layer | None, Loss, float]:
        # tinynn's binary cross-entropy is the mean over the outputs, scikit-learn's the sum.
        if self._single(targets):
            return Sigmoid(), BinaryCrossEntropy(), 1.0 / targets.outputs
        return Softmax(), CategoricalCrossEntropy(), 1.0

    def _single(self, targets: Targets) -> bool:
        """Whether each output is an independent probability."""
        return targets.outputs == 1 or (isinstance(targets, Labels) and targets.multilabel)

    def _weights(self, targets: Targets, items: Sequence[Any], given: object) -> Vector | None:
        weights = weight_list(given)
        if not isinstance(targets, Labels):
            return weights
        by_class = targets.weights(self.class_weight)
        if by_class is None:
            return weights
        factors = [by_class[number] for number in targets.numbers(items)]
        if weights is None:
            return factors
        same_length(**{"targets": factors, "sample weights": weights})
        return [weight * factor for weight, factor in zip(weights, factors)]

    def _score_rows(self, T: Matrix, Y: Matrix, weights: Vector | None) -> float:
        if self._targets.multilabel:
            right = [float([p > 0.5 for p in y] == [t_j == 1.0 for t_j in t]) for y, t in zip(Y, T)]
        else:
            pairs = zip(likeliest_classes(Y), likeliest_classes(T))
            right = [float(answer == target) for answer, target in pairs]
        return _weighted_mean(right, weights)

    def _stratified(self, targets: Targets) -> bool:
        return isinstance(targets, Labels) and not targets.multilabel

    def _after_targets(self) -> None:
        self.classes_ = self._as_fitted(list(self._targets.classes))

    def __sklearn_tags__(self) -> Any:
        utils: Any = sys.modules["sklearn.utils"]
        tags = utils.ClassifierTags(multi_class=True, multi_label=True)
        return self._tags("classifier", classifier_tags=tags)


def _weighted_mean(values: Sequence[float], weights: object) -> float:
    w = weight_list(weights)
    if w is None:
        return sum(values) / len(values)
    same_length(**{"targets": values, "sample weights": w})
    return sum([a * b for a, b in zip(values, w)]) / sum(w)
