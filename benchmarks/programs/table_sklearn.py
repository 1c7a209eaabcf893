"""A model of scikit-learn on a table, as one would write it: read, prepare, train, test.

Arguments: "linear", "network", "network-long" (without early stopping) or "boosting"; "classify" or
"regress"; the target; the columns to leave out, as JSON; a seed; and one CSV file to split, or two,
to train on and to test on. Prints how many rows of one file have a target, or how many of the
second were tested, the score and the loss.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from typing import Any

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "?"]
np: Any = import_module("numpy")
pandas: Any = import_module("pandas")
compose: Any = import_module("sklearn.compose")
metrics: Any = import_module("sklearn.metrics")
pipeline: Any = import_module("sklearn.pipeline")
preprocessing: Any = import_module("sklearn.preprocessing")

kind, task, target, left_out, seed, *paths = sys.argv[1:]
classes = task == "classify"
warnings.simplefilter("ignore")  # "maximum iterations reached"


def read(path: str) -> tuple[Any, Any]:
    """Return the columns and the target of a table, without rows whose target is missing."""
    names = [name for name in pandas.read_csv(path, nrows=0) if name not in json.loads(left_out)]
    missing = {name: MISSING for name in names if not (classes and name == target)}
    frame = pandas.read_csv(
        path, usecols=names, keep_default_na=False, na_values=missing,
        dtype={target: str} if classes else None,
    )  # fmt: skip
    y = frame.pop(target)
    known = y != "" if classes else y.notna()
    return frame[known], y[known]


def model_for(X: Any) -> Any:
    """Return an untrained model: texts become one-hot, or codes for boosting."""
    numbers = list(X.select_dtypes("number").columns)
    texts = [name for name in X.columns if name not in numbers]
    if kind == "boosting":
        ensemble = import_module("sklearn.ensemble")
        codes = preprocessing.OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250
        )
        parts = [("numbers", "passthrough", numbers), ("texts", codes, texts)]
        of_texts = list(range(len(numbers), len(numbers) + len(texts)))
        name = f"HistGradientBoosting{'Classifier' if classes else 'Regressor'}"
        last = getattr(ensemble, name)(categorical_features=of_texts, random_state=int(seed))
    else:
        fill = import_module("sklearn.impute").SimpleImputer(strategy="median")
        scaled = pipeline.make_pipeline(fill, preprocessing.StandardScaler())
        hot = preprocessing.OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)
        parts = [("numbers", scaled, numbers), ("texts", hot, texts)]
        last = linear() if kind == "linear" else network()
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), last)


def linear() -> Any:
    """Return an untrained linear model."""
    models = import_module("sklearn.linear_model")
    return models.LogisticRegression(max_iter=1000) if classes else models.Ridge()


def network() -> Any:
    """Return an untrained network; one for numbers learns a scaled target."""
    networks = import_module("sklearn.neural_network")
    settings = {
        "hidden_layer_sizes": (32,), "early_stopping": kind == "network", "random_state": int(seed)
    }  # fmt: skip
    if classes:
        return networks.MLPClassifier(**settings)
    return compose.TransformedTargetRegressor(
        networks.MLPRegressor(**settings), transformer=preprocessing.StandardScaler()
    )


X, y = read(paths[0])
if len(paths) == 2:
    (X_train, y_train), (X_test, y_test) = (X, y), read(paths[1])
else:
    X_train, X_test, y_train, y_test = import_module("sklearn.model_selection").train_test_split(
        X, y, test_size=0.2, random_state=int(seed), stratify=y if classes else None
    )
model = model_for(X_train).fit(X_train, y_train)
if classes:
    score = metrics.accuracy_score(y_test, model.predict(X_test))
    loss = metrics.log_loss(y_test, model.predict_proba(X_test), labels=model.classes_)
else:
    answers = model.predict(X_test)
    score, loss = metrics.r2_score(y_test, answers), metrics.mean_absolute_error(y_test, answers)
print(*((len(y_test), score, loss) if len(paths) == 2 else (len(y),)))
