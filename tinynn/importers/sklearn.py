"""scikit-learn: live `MLPClassifier` and `MLPRegressor`, also at the end of a `Pipeline`.

scikit-learn itself is never imported: objects are known by the names of their classes.
"""

from __future__ import annotations

from typing import Any, Sequence

from ..errors import FormatError
from ..estimators import Classifier, Regressor
from ..estimators.storage import assembled
from ..estimators.targets import Labels, Numbers, plain
from ..formulas.names import layers_named
from ..lesson.activation_layers import Linear, Sigmoid, Softmax
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.network import Sequential
from . import assembly as building
from .imported import Imported
from .sklearn_table import encoded, kind_of, refusal, scaling_of, steps_of

_ACTIVATIONS = layers_named("scikit-learn")
_LAST = (Linear, Sigmoid, Softmax)
_NETWORKS = ("MLPClassifier", "MLPRegressor")


def from_sklearn(
    model: object, missing: Sequence[str | float] = (), as_estimator: bool = False
) -> Imported | Classifier | Regressor:
    """Return a fitted MLPClassifier or MLPRegressor: its network, or an estimator of raw rows.

    Alone, or in a Pipeline after nothing but scalers (StandardScaler, MinMaxScaler, MaxAbsScaler,
    RobustScaler), it is an `Imported`: the network, and the classes it knows. The scalers become
    first layers that scale (see `building.scaling`), so that the network takes the pipeline's own
    inputs. A classifier's outputs are its probabilities, and the last layer follows its
    `out_activation_`: "softmax" for several classes, one column for each, in the order of
    `classes_`; "logistic" for two, ONE column, the probability of classes_[1] (predict_proba has
    two: 1 − p and p); "logistic" too for several labels at once, one column each.
    `Imported.labels` gives what `predict` gives, for several labels at once the list of those that
    are on, instead of a row of 0 and 1.

    In a Pipeline with a ColumnTransformer, OneHotEncoder or SimpleImputer, and always with
    `as_estimator`, it is a `Classifier` or `Regressor` that takes the pipeline's own rows of text
    and numbers, answers as the pipeline does (rows of 0 and 1 for several labels), and can be saved
    and exported; the parameters of its training, but for the layers', are tinynn's defaults. A cell
    that the pipeline would not take is a DataError: a missing one that nothing fills in, or a kind
    unknown to a OneHotEncoder with handle_unknown="error". In texts the space around them does not
    count, and a number that is a kind is written in short: 3, not 3.0. None, NaN, an empty text and
    the words in `missing` are missing cells, and nothing else is.

    In both, a TransformedTargetRegressor may stand around network or pipeline, if all it does to
    targets is scale them.

    Raises FormatError, naming the step, for anything else.
    """
    steps = steps_of("the model", model)
    kinds = [kind_of(*step) for step in steps]
    at = next((i for i, kind in enumerate(kinds) if kind in _NETWORKS), None)
    if at is None:
        place = steps[-1][0] if steps else "the model"
        what = f"the step {kinds[-1]}" if steps else "a pipeline without a network at its end"
        raise refusal(place, what, f"a network is a {' or a '.join(_NETWORKS)}")
    before, network = steps[:at], steps[at][1]
    dense, activations = _network(*steps[at])
    for step in steps[at + 1 :]:
        dense[-1] = _undone(*step, dense[-1])
    classes = [plain(label) for label in plain(getattr(network, "classes_", []))]
    names = tuple(map(str, getattr(steps[0][1], "feature_names_in_", ())))

    def whole(first: Sequence[Layer]) -> Sequential:
        pairs = [layer for pair in zip(dense, activations) for layer in pair]
        return building.assembled("the model", [*first, *pairs])

    scalings = [(place, scaling_of(place, step)) for place, step in before]
    scalers = [building.scaling(place, *scaling) for place, scaling in scalings if scaling]
    if len(scalers) == len(before) and not as_estimator:
        known = tuple(classes) if kinds[at] == "MLPClassifier" else None
        return Imported(whole(scalers), known, names or None)
    encoder, dense[0] = encoded(before, names, missing, dense[0])
    outputs = dense[-1].outputs
    shape = tuple(layer.outputs for layer in dense[:-1]), network.activation
    if kinds[at] == "MLPRegressor":
        scaler = {"mean": [0.0] * outputs, "variance": [1.0] * outputs, "count": 1}
        state = {"scaler": {"kind": "StandardScaler", **scaler}, "flat": outputs == 1}
        numbers = Numbers.from_dict(state)
        return assembled(Regressor(*shape), encoder, numbers, whole([]), "the model")
    several = outputs > 1 and network.out_activation_ == "logistic"
    counts = [0] * len(classes)
    labels = Labels.from_dict({"classes": classes, "counts": counts, "multilabel": several})
    return assembled(Classifier(*shape), encoder, labels, whole([]), "the model")


def _network(place: str, step: Any) -> tuple[list[Dense], list[Layer]]:
    if not hasattr(step, "coefs_"):
        raise FormatError(f"{place}: the network was not fitted; call its fit first")
    last = len(step.coefs_) - 1
    dense, activations = [], []
    for i, (W, b) in enumerate(zip(step.coefs_, step.intercepts_)):
        here = f"{place}, coefs_[{i}]"
        numbers = building.matrix(here, W.tolist()), building.vector(here, b.tolist())
        activation = step.activation if i < last else step.out_activation_
        kind = _ACTIVATIONS.get(activation)
        if kind is None or (kind is Softmax if i < last else kind not in _LAST):
            raise building.refusal(place, f"the activation {activation!r}")
        dense.append(building.dense(here, *numbers))
        activations.append(kind())
    return dense, activations


def _undone(place: str, step: Any, last: Dense) -> Dense:
    """Return the last layer, which answers in what a scaler makes of targets, in their own units.

    Of y = (t − shift) · factor + offset, t is (y − offset) / factor + shift.
    """
    scaling = scaling_of(place, step)
    if scaling is None:
        raise refusal(place, f"the step {kind_of(place, step)}", "targets can only be scaled")
    W = [[w / k for w, k in zip(row, scaling.factor)] for row in last.W]
    numbers = zip(last.b, scaling.shift, scaling.factor, scaling.offset)
    return building.dense(place, W, [(b - o) / k + s for b, s, k, o in numbers])
