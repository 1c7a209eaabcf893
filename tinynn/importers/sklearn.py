"""scikit-learn: live `MLPClassifier` and `MLPRegressor`, also at the end of a `Pipeline`.

scikit-learn itself is never imported: objects are known by the names of their classes.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from ..layers import Layer, Linear, ReLU, Sigmoid, Softmax, Tanh
from . import building
from .imported import Imported

_HIDDEN = {"identity": Linear, "logistic": Sigmoid, "tanh": Tanh, "relu": ReLU}
_OUT = {"identity": Linear, "logistic": Sigmoid, "softmax": Softmax}
_NETWORKS = ("MLPClassifier", "MLPRegressor")


def from_sklearn(model: object) -> Imported:
    """Return the network of a fitted MLPClassifier or MLPRegressor, and the classes it knows.

    In a Pipeline, StandardScaler and MinMaxScaler before it become a first layer that scales (see
    `building.scaling`), so that the network takes the pipeline's own inputs.

    A classifier's outputs are its probabilities, and the last layer follows its `out_activation_`:
    "softmax" for several classes, one column for each, in the order of `classes_`; "logistic" for
    two, ONE column, the probability of classes_[1] (predict_proba has two: 1 − p and p); "logistic"
    too for several labels at once, one column each. `Imported.labels` gives what `predict` gives,
    for several labels at once the list of those that are on, instead of a row of 0 and 1.

    Raises FormatError, naming the step, for anything else.
    """
    layers: List[Layer] = []
    names: Optional[Tuple[str, ...]] = None
    steps = _steps(model)
    for i, (place, step) in enumerate(steps):
        name = _kind(place, step)
        if i == 0 and hasattr(step, "feature_names_in_"):
            names = tuple(map(str, step.feature_names_in_))
        if name in _NETWORKS and i == len(steps) - 1:
            layers += _network(place, step)
            classes = tuple(_plain(step.classes_)) if name == "MLPClassifier" else None
            return Imported(building.assembled("the model", layers), classes, names)
        if name not in _SCALERS:
            raise building.refusal(place, f"the step {name}", f"a network is a {_NETWORKS[0]}")
        layers.append(_SCALERS[name](place, step))
    raise building.refusal("the model", "a pipeline without a network at its end")


def _steps(model: Any) -> List[Tuple[str, Any]]:
    """Return what a model consists of, in order, each with its name in messages."""
    if _kind("the model", model) != "Pipeline":
        return [("the model", model)]
    steps = []
    for name, step in model.steps:
        if step is None or isinstance(step, str):  # "passthrough"
            continue
        steps += [(f"step {name!r}", step)] if type(step).__name__ != "Pipeline" else _steps(step)
    return steps


def _kind(place: str, step: object) -> str:
    kind = type(step)
    if not kind.__module__.startswith("sklearn."):
        raise building.refusal(place, f"an object of {kind.__module__}.{kind.__name__}")
    return kind.__name__


def _network(place: str, step: Any) -> List[Layer]:
    if not hasattr(step, "coefs_"):
        raise building.refusal(place, "a network that was not fitted", "call its fit first")
    last = len(step.coefs_) - 1
    layers: List[Layer] = []
    for i, (W, b) in enumerate(zip(step.coefs_, step.intercepts_)):
        here = f"{place}, coefs_[{i}]"
        numbers = building.matrix(here, W.tolist()), building.vector(here, b.tolist())
        activation = step.activation if i < last else step.out_activation_
        table = _HIDDEN if i < last else _OUT
        if activation not in table:
            raise building.refusal(place, f"the activation {activation!r}")
        layers += [building.dense(here, *numbers), table[activation]()]
    return layers


def _plain(classes: Any) -> List[object]:
    listed: List[object] = classes.tolist() if hasattr(classes, "tolist") else list(classes)
    return listed


def _standard(place: str, step: Any) -> Layer:
    """(x − mean_) / scale_"""
    columns = step.n_features_in_
    mean = [0.0] * columns if step.mean_ is None or not step.with_mean else step.mean_
    scale = [1.0] * columns if step.scale_ is None else step.scale_
    scales = building.vector(place, scale)
    return building.scaling(
        place, building.vector(place, mean), [1.0 / s for s in scales], [0.0] * columns
    )


def _min_max(place: str, step: Any) -> Layer:
    """x · scale_ + min_"""
    if step.clip:
        raise building.refusal(place, "MinMaxScaler with clip=True")
    low, high = building.vector(place, step.data_min_), building.vector(place, step.data_max_)
    scale = building.vector(place, step.scale_)
    start, end = building.vector(place, step.feature_range)
    middle = [0.5 * a + 0.5 * b for a, b in zip(low, high)]
    offset = [start + (m - a) * s for m, a, s in zip(middle, low, scale)]
    # The spread of a column that is even between the ends of the range: (end − start) / √12.
    return building.scaling(place, middle, scale, offset, (end - start) / 12**0.5)


_SCALERS: Dict[str, Callable[[str, Any], Layer]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
}
