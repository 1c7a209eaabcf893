"""Write pipelines.json: pipelines of scikit-learn with text and missing cells, and their answers.

Run as `python tests/golden/make_pipelines.py`. Needs scikit-learn and pandas; the table in the
repository is from scikit-learn 1.9.1 and pandas 3.1.1. Objects are kept as in make_imports.py. A
missing cell is null, as are answers where scikit-learn refuses the row.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

TABLE = Path(__file__).with_name("pipelines.json")
NAMES = [
    "activation", "out_activation_", "coefs_", "intercepts_", "classes_", "mean_", "scale_",
    "center_", "with_mean", "with_centering", "data_min_", "data_max_", "feature_range", "clip",
    "n_features_in_", "feature_names_in_", "missing_values", "statistics_", "keep_empty_features",
    "add_indicator", "indicator_", "features_", "categories_", "infrequent_categories_",
    "drop_idx_", "handle_unknown", "func", "inverse_func", "steps", "transformers_", "regressor_",
    "transformer_",
]  # fmt: skip


def described(value: Any) -> Any:
    """Return an object of scikit-learn as its class, module and attributes; others as JSON can."""
    if type(value).__module__.startswith("sklearn."):
        kind = type(value)
        attributes = {n: described(getattr(value, n)) for n in NAMES if hasattr(value, n)}
        return {"class": kind.__name__, "module": kind.__module__, "attributes": attributes}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return {"steps": [[name, *map(described, rest)] for name, *rest in value]}
    if isinstance(value, list) and any(hasattr(item, "tolist") for item in value):
        return {"list": list(map(described, value))}
    return {"array": value.tolist()} if hasattr(value, "tolist") else value


def people(n: int) -> Any:
    """Return a table of text and numbers with missing cells."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 9, n).round(1),
            "city": rng.choice(["Rome", "Oslo", "Bern", "Wien"], n, p=[0.5, 0.3, 0.15, 0.05]),
            "smokes": rng.choice(["yes", "no"], n),
            "children": rng.integers(0, 3, n),
            "pay": rng.uniform(1e3, 9e3, n).round(),
        }
    )
    for column in ("age", "city", "smokes"):
        table.loc[rng.random(n) < 0.2, column] = np.nan
    return table


def case(model: Any, table: Any) -> dict[str, Any]:
    """Return a fitted model with rows, and what it says of them; some have what it never saw."""
    rows = [*table.astype(object).values.tolist()[:8]]
    for j, cell in ((1, "Paris"), (1, np.nan), (2, np.nan), (0, np.nan), (0, 1e4), (3, 7),
                    (3, np.nan), (4, np.nan)):  # fmt: skip
        rows.append([cell if i == j else known for i, known in enumerate(rows[0])])
    found: dict[str, Any] = {"model": described(model), "predict": [], "outputs": []}
    found["rows"] = [[None if cell != cell else cell for cell in row] for row in rows]
    for row in rows:
        part = pd.DataFrame([row], columns=table.columns, dtype=object)
        try:
            found["predict"].append(model.predict(part).tolist()[0])
            ask = getattr(model, "predict_proba", model.predict)
            found["outputs"].append(ask(part).tolist()[0])
        except ValueError:
            found["predict"].append(None)
            found["outputs"].append(None)
    return found


def cases() -> list[dict[str, Any]]:
    """Return a classifier of two classes, one of three and a regressor."""
    table = people(120)
    rng = np.random.default_rng(2)
    how: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 60, "random_state": 1}
    how["learning_rate_init"] = 0.03
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    flags = make_pipeline(
        SimpleImputer(strategy="most_frequent", add_indicator=True),
        OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
    )
    known = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=30)
    first = ColumnTransformer(
        [
            ("numbers", numbers, ["age", "pay"]),
            ("words", known, ["city"]),
            ("flags", flags, ["smokes"]),
        ],
        remainder="passthrough",
    )
    inner = ColumnTransformer(
        [("scaled", MinMaxScaler(), [-1]), ("kinds", OneHotEncoder(), [True, False])]
    )
    second = ColumnTransformer(
        [
            ("inner", inner, slice("children", "pay")),
            ("words", OneHotEncoder(handle_unknown="ignore"), slice(1, 3)),
            ("out", "drop", ["age"]),
        ],
        sparse_threshold=0,
    )
    third = ColumnTransformer(
        [
            ("age", make_pipeline(RobustScaler(), SimpleImputer()), ["age"]),
            ("pay", "passthrough", [4]),
        ]
    )
    target = TransformedTargetRegressor(
        make_pipeline(third, StandardScaler(), MLPRegressor(**how)), transformer=StandardScaler()
    )
    three = np.array(["low", "middle", "high"])[rng.integers(0, 3, len(table))]
    return [
        case(make_pipeline(first, MLPClassifier(**how)).fit(table, three), table),
        case(
            make_pipeline(second, StandardScaler(), MLPClassifier(**how)).fit(
                table, three == "low"
            ),
            table,
        ),
        case(target.fit(table, table["pay"] * 1e3 + 5), table),
    ]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    TABLE.write_text(json.dumps(cases(), default=lambda number: number.item()) + "\n")
