"""Write skl2onnx.json: pipelines of scikit-learn as skl2onnx writes them, and what they answer.

Run as `python tests/golden/make_skl2onnx.py`. Needs scikit-learn, pandas, skl2onnx and
onnxruntime; the table in the repository is from scikit-learn 1.9.1, skl2onnx 1.20.0 and
onnxruntime 1.32.0. A file is kept in base64; rows are the inputs of onnxruntime, in float32, with
null for NaN; `labels` and `numbers` are its outputs.
"""

from __future__ import annotations

import base64
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

TABLE = Path(__file__).with_name("skl2onnx.json")
SETTINGS = {
    "hidden_layer_sizes": (4,),
    "max_iter": 50,
    "random_state": 1,
    "learning_rate_init": 0.1,
}
TYPES = [
    ("age", FloatTensorType([None, 1])),
    ("height", FloatTensorType([None, 1])),
    ("city", StringTensorType([None, 1])),
    ("grade", Int64TensorType([None, 1])),
]


def answers(model: Any, feed: dict[str, Any]) -> dict[str, Any]:
    """Return onnxruntime's outputs as lists; ZipMap's dictionaries as their values."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found: dict[str, Any] = {}
    for output, values in zip(session.get_outputs(), session.run(None, feed)):
        if isinstance(values, list) and isinstance(values[0], dict):
            found["numbers"] = [list(row.values()) for row in values]
        else:
            found["labels" if "label" in output.name else "numbers"] = values.tolist()
    return found


def plain(value: Any) -> Any:
    """Return a cell as JSON can hold it: a missing one as null."""
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else float(value)
    return int(value) if isinstance(value, np.integer) else value


def main() -> None:
    """Write the table."""
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    kinds = 1 * (X[:, 0] > -0.5) + (X[:, 1] > 0.0)
    people = pd.DataFrame(
        {
            "age": X[:, 0],
            "height": X[:, 1],
            "city": np.array(["Bonn", "Oslo", "Rome"])[rng.integers(0, 3, 60)],
            "grade": rng.integers(0, 3, 60),
        }
    )
    table = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), ["height", "age"]),
            ("c", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("g", OneHotEncoder(drop="first"), ["grade"]),
        ]
    )
    text = ColumnTransformer(
        [
            (
                "c",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent", missing_values=""),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                ["city"],
            ),
            ("n", "passthrough", ["age"]),
        ]
    )
    names = np.array(["low", "middle", "high"])[kinds]
    grades = rng.integers(0, 3, (60, 2))
    words = np.array([["u", "v", "w"], ["w", "x", "y"]], dtype=object)[[0, 1], grades]
    gaps = X.copy()
    gaps[::4, 1] = np.nan
    odd = people.astype({"city": object}).head(8)
    odd.loc[1, "city"], odd.loc[2, "city"], odd.loc[3, "age"] = "Paris", "", np.nan
    cases: list[Any] = [
        ("classes of text, ZipMap", MLPClassifier(**SETTINGS), X, names, X, {}),
        (
            "two classes, MinMaxScaler, no ZipMap",
            make_pipeline(MinMaxScaler(), MLPClassifier(activation="tanh", **SETTINGS)),
            X, kinds > 0, X, {"zipmap": False},
        ),
        (
            "several labels at once",
            MLPClassifier(activation="logistic", **SETTINGS),
            X, np.stack([kinds > 0, kinds < 2, kinds == 1], 1) * 1, X, {"zipmap": False},
        ),
        (
            "imputed and scaled",
            make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier(**SETTINGS)),
            X, kinds, gaps, {},
        ),
        ("a table", make_pipeline(table, MLPClassifier(**SETTINGS)), people, names, odd, {}),
        (
            "text that is imputed",
            make_pipeline(text, MLPRegressor(**SETTINGS)),
            people, X[:, 2], odd.fillna({"age": 0.5}), {},
        ),
        (
            "numbers",
            make_pipeline(StandardScaler(), MLPRegressor(activation="identity", **SETTINGS)),
            X, X[:, 0] * 3, X, {},
        ),
        ("two numbers", MLPRegressor(**SETTINGS), X, X[:, :2] * 2, X, {}),
        (
            "scaled to a range",
            make_pipeline(MinMaxScaler((-1, 1)), MLPRegressor(**SETTINGS)),
            X, X[:, 1], X, {},
        ),
        (
            "categories of numbers",
            make_pipeline(OneHotEncoder(handle_unknown="ignore"), MLPClassifier(**SETTINGS)),
            grades, kinds, grades + 1, {},
        ),
        (
            "categories of text",
            make_pipeline(OneHotEncoder(handle_unknown="ignore"), MLPRegressor(**SETTINGS)),
            words, X[:, 0], words[:, ::-1], {},
        ),
    ]  # fmt: skip
    found = []
    for name, pipeline, rows, targets, tried, options in cases:
        fitted = pipeline.fit(rows, targets)
        how = {"options": options} if options else {}
        if isinstance(rows, pd.DataFrame):
            model = to_onnx(fitted, initial_types=TYPES, **how)
            needed = {i.name for i in model.graph.input}
            feed = {key: tried[[key]].to_numpy() for key in tried.columns if key in needed}
            cells = tried.to_numpy(dtype=object)
        else:
            model = to_onnx(fitted, rows[:1], **how)
            feed, cells = {"X": tried}, tried
        found.append(
            {
                "name": name,
                "file": base64.b64encode(model.SerializeToString()).decode(),
                "columns": list(tried.columns) if isinstance(rows, pd.DataFrame) else None,
                "rows": [[plain(cell) for cell in row] for row in cells[:8]],
                **{key: values[: 8 * (2 if name == "two numbers" else 1)]
                   for key, values in answers(model, feed).items()},
            }
        )  # fmt: skip
    TABLE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
