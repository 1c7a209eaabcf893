"""scikit-learn: live `MLPClassifier` and `MLPRegressor`, also at the end of a `Pipeline`.

scikit-learn itself is never imported: objects are recognized by their class names.
"""

from __future__ import annotations

import os
from typing import Any, Sequence

from ..checks.words import excerpt
from ..errors import FormatError, TinynnError
from ..estimators import Classifier, Regressor
from ..estimators.targets import plain_label
from ..formulas.names import layers_named
from ..lesson.activation_layers import Linear, Sigmoid, Softmax
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.network import Sequential
from . import assembly
from .estimators import estimator_of
from .features import refusal
from .imported import Imported
from .sklearn_table import encoded, kind_of, names_of, scaling_of, steps_of

_ACTIVATIONS = layers_named("scikit-learn")
_LAST = (Linear, Sigmoid, Softmax)
_NETWORKS = ("MLPClassifier", "MLPRegressor")


def from_sklearn(
    model: object, missing: Sequence[str | float] = (), as_estimator: bool = False
) -> Imported | Classifier | Regressor:
    """Return the network of a fitted MLPClassifier or MLPRegressor, or an estimator for raw rows.

    A model alone, or in a Pipeline that has only scalers before it (StandardScaler, MinMaxScaler,
    MaxAbsScaler, RobustScaler), gives an `Imported`: the network and its classes. The scalers
    become the first layers, so the network takes the pipeline's inputs. A classifier's outputs are
    probabilities, one column for each class, in the order of `classes_`; but of two classes there
    is ONE column, the probability of classes_[1] (predict_proba has two: 1 − p and p). A multilabel
    classifier has a column for each label. `Imported.labels` returns what `predict` returns; for
    multilabel, a list of the labels that are on instead of a row of 0 and 1.

    A Pipeline with a ColumnTransformer, OneHotEncoder or SimpleImputer, and any model with
    `as_estimator=True`, gives a `Classifier` or `Regressor`. It takes the pipeline's own rows of
    text and numbers, predicts as the pipeline does (multilabel: rows of 0 and 1), and can be saved
    and exported. Its parameters are tinynn's defaults, except hidden_layer_sizes and activation. A
    cell that the pipeline would refuse raises DataError: a missing cell that is not imputed, or a
    category unknown to a OneHotEncoder with handle_unknown="error". White space around text is
    ignored, and a number used as a category is written in short: 3, not 3.0. Missing cells are
    None, NaN, an empty text and the words in `missing`, and nothing else.

    Either may be in a TransformedTargetRegressor that only scales the targets.

    Raises FormatError, naming the step, for anything else, also for an object that lacks what
    newer or older versions of scikit-learn keep.
    """
    if isinstance(model, (str, bytes, os.PathLike)):
        shown = excerpt(os.fspath(model))
        raise FormatError(
            f"from_sklearn needs a fitted model, got the path {shown}; load it with the program "
            f"that wrote it first, if you trust the file: from_sklearn(joblib.load({shown}))"
        )
    try:
        return _imported(model, missing, as_estimator)
    except TinynnError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Fitted objects are private data: other versions of scikit-learn keep other attributes.
        version = getattr(model, "_sklearn_version", None)
        if version is None and callable(getattr(model, "__getstate__", None)):
            state = model.__getstate__()  # type: ignore[attr-defined]
            version = state.get("_sklearn_version") if isinstance(state, dict) else None
        by = f" (scikit-learn {excerpt(version)[1:-1]})" if version else ""
        raise FormatError(
            f"the model{by} lacks something that its kind has in scikit-learn 0.24 and newer: "
            f"{excerpt(str(error), 120)[1:-1]}; fit it again, or load and save it with the version "
            "that fitted it"
        ) from None


def _imported(
    model: object, missing: Sequence[str | float], as_estimator: bool
) -> Imported | Classifier | Regressor:
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
    classes = [plain_label(label) for label in plain_label(getattr(network, "classes_", []))]
    names = names_of(steps[0][1])

    def whole(first: Sequence[Layer]) -> Sequential:
        pairs = [layer for pair in zip(dense, activations) for layer in pair]
        return assembly.assembled("the model", [*first, *pairs])

    scalings = [(place, scaling_of(place, step)) for place, step in before]
    scalers = [assembly.scaling(place, *scaling) for place, scaling in scalings if scaling]
    if len(scalers) == len(before) and not as_estimator:
        known = tuple(classes) if kinds[at] == "MLPClassifier" else None
        return Imported(whole(scalers), known, names or None)
    encoder, dense[0] = encoded(before, names, missing, dense[0])
    several = dense[-1].outputs > 1 and network.out_activation_ == "logistic"
    labels = classes if kinds[at] == "MLPClassifier" else None
    return estimator_of(encoder, whole([]), labels, several, "the model")


def _network(place: str, step: Any) -> tuple[list[Dense], list[Layer]]:
    if not hasattr(step, "coefs_"):
        raise FormatError(f"{place}: the network was not fitted; call its fit first")
    last = len(step.coefs_) - 1
    dense, activations = [], []
    for i, (W, b) in enumerate(zip(step.coefs_, step.intercepts_)):
        here = f"{place}, coefs_[{i}]"
        numbers = assembly.matrix(here, W.tolist()), assembly.vector(here, b.tolist())
        activation = step.activation if i < last else step.out_activation_
        kind = _ACTIVATIONS.get(activation)
        if kind is None or (kind is Softmax if i < last else kind not in _LAST):
            raise assembly.refusal(place, f"the activation {activation!r}")
        dense.append(assembly.dense(here, *numbers))
        activations.append(kind())
    return dense, activations


def _undone(place: str, step: Any, last: Dense) -> Dense:
    """Return the last layer with a scaler of the targets undone, so that it gives their own units.

    From y = (t − shift) · factor + offset follows t = (y − offset) / factor + shift.
    """
    scaling = scaling_of(place, step)
    if scaling is None:
        raise refusal(place, f"the step {kind_of(place, step)}", "targets can only be scaled")
    W = [[w / k for w, k in zip(row, scaling.factor)] for row in last.W]
    numbers = zip(last.b, scaling.shift, scaling.factor, scaling.offset)
    return assembly.dense(place, W, [(b - o) / k + s for b, s, k, o in numbers])
