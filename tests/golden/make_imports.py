"""Write imports.json: models of other frameworks, rows, and what the frameworks make of the rows.

Run as `python tests/golden/make_imports.py BRAINJS1 BRAINJS2`, with the outputs of make_imports.js
(brain.js 1.6.1 and 2.0.0-beta.24). Needs PyTorch with onnx and onnxscript, scikit-learn, and Keras
(KERAS_BACKEND=torch). The table in the repository is from PyTorch 2.13.0, scikit-learn 1.9.1 and
Keras 3.15.1. A live object is kept as the names of its class and module, and the attributes that
the importers read; the tests make an object of the same names from it.
"""

from __future__ import annotations

import base64
import io
import json
import random
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("imports.json")
RNG = random.Random(1)


def rows(columns: int) -> list[list[float]]:
    """Return rows of numbers of all sizes that leave float32 finite."""
    usual = [[round(RNG.gauss(0, 1), 3) for _ in range(columns)] for _ in range(4)]
    return [*usual, [0.0] * columns, [1e3] * columns, [-40.0] * columns]


def plain(value: Any) -> Any:
    """Return an array as {"array": lists}, and anything else as it is."""
    return {"array": value.tolist()} if hasattr(value, "tolist") else value


def described(thing: Any, names: list[str], **more: Any) -> dict[str, Any]:
    """Return an object's class, module and attributes."""
    kind = type(thing)
    attributes = {name: plain(getattr(thing, name)) for name in names if hasattr(thing, name)}
    return {"class": kind.__name__, "module": kind.__module__, "attributes": {**attributes, **more}}


TORCH_NAMES = [
    "weight", "bias", "running_mean", "running_var", "eps", "momentum", "normalized_shape",
    "negative_slope", "alpha", "approximate", "beta", "threshold", "dim", "p", "start_dim",
    "end_dim",
]  # fmt: skip


def torch_module(module: Any) -> dict[str, Any]:
    """Return a description of a module of PyTorch."""
    children = [[name, torch_module(child)] for name, child in module._modules.items()]
    return described(module, TORCH_NAMES, _modules={"modules": children})


def torch_network(torch: Any) -> Any:
    """Return a network with every module that can be imported, none of its numbers a default."""
    nn = torch.nn
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(3, 4), nn.SiLU(), nn.LayerNorm(4),
        nn.Sequential(nn.Linear(4, 4, bias=False), nn.GELU(), nn.Identity()),
        nn.BatchNorm1d(4), nn.ELU(0.7), nn.Linear(4, 4), nn.SELU(), nn.Softplus(),
        nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.PReLU(),
        nn.Linear(4, 3), nn.LogSoftmax(1), nn.Sigmoid(), nn.ReLU(), nn.Softmax(-1),
    )  # fmt: skip
    for value in [*network.parameters(), *network.buffers()]:
        if value.dtype.is_floating_point:
            value.data.normal_().abs_() if value.dim() == 1 else value.data.normal_()
    return network.eval()


def torch_cases() -> list[dict[str, Any]]:
    """Return networks of PyTorch, float64."""
    import torch

    torch.manual_seed(1)
    network = torch_network(torch).double()
    X = rows(3)
    outputs = network(torch.tensor(X, dtype=torch.float64)).tolist()
    return [{"model": torch_module(network), "rows": X, "outputs": outputs}]


def onnx_cases() -> list[dict[str, Any]]:
    """Return ONNX files by both of PyTorch's exporters, float32."""
    import onnx
    import torch

    cases = []
    for opset, dynamo in ((11, False), (17, False), (18, True), (20, True)):
        torch.manual_seed(opset)
        network = torch_network(torch)[1:17].eval()
        X, buffer = rows(3), io.BytesIO()
        how: dict[str, Any] = {"dynamic_axes": {"x": {0: "n"}}, "dynamo": False}
        if dynamo:
            shapes = ({0: torch.export.Dim("n")},)
            how = {"dynamic_shapes": shapes, "dynamo": True, "external_data": False}
        torch.onnx.export(
            network, (torch.zeros(2, 3),), buffer, opset_version=opset, input_names=["x"], **how
        )
        model = onnx.load_from_string(buffer.getvalue())
        for node in model.graph.node:  # where in the program it comes from: long, and not read
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
        model.ClearField("metadata_props")
        model.graph.ClearField("metadata_props")
        model.graph.ClearField("value_info")
        data = base64.b64encode(model.SerializeToString()).decode()
        outputs = network(torch.tensor(X)).tolist()
        made_by = f"torch.onnx.export, opset {opset}, dynamo={dynamo}"
        cases.append({"made_by": made_by, "file": data, "rows": X, "outputs": outputs})
    return cases


SKLEARN_NAMES = [
    "activation", "out_activation_", "coefs_", "intercepts_", "classes_", "mean_", "scale_",
    "with_mean", "with_std", "data_min_", "data_max_", "feature_range", "clip", "n_features_in_",
]  # fmt: skip


def sklearn_object(thing: Any) -> dict[str, Any]:
    """Return a description of an estimator of scikit-learn."""
    if hasattr(thing, "steps"):
        steps = [[name, sklearn_object(step)] for name, step in thing.steps]
        return described(thing, [], steps={"steps": steps})
    found = described(thing, SKLEARN_NAMES)
    for name in ("coefs_", "intercepts_"):
        if name in found["attributes"]:
            found["attributes"][name] = {"list": list(map(plain, found["attributes"][name]))}
    return found


def sklearn_cases() -> list[dict[str, Any]]:
    """Return networks of scikit-learn, with what predict and predict_proba return."""
    import warnings

    import numpy as np
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    warnings.simplefilter("ignore")
    numbers = np.random.default_rng(1)
    X = numbers.normal(size=(40, 3)) * [1, 10, 100] + [0, 1000, -5]
    several = np.array(["a", "b", "c"])[numbers.integers(0, 3, 40)]
    labels = (numbers.random((40, 3)) > 0.5).astype(int)
    how: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 30, "random_state": 1}
    models = [
        make_pipeline(StandardScaler(), MLPClassifier(activation="tanh", **how)).fit(X, several),
        make_pipeline(MinMaxScaler((-1, 2)), MLPClassifier(**how)).fit(X, several != "a"),
        MLPClassifier(activation="logistic", **how).fit(X, labels),
        make_pipeline(MinMaxScaler(), StandardScaler(), MLPRegressor(**how)).fit(X, X[:, :2]),
    ]
    cases = []
    for model in models:
        case = {"model": sklearn_object(model), "rows": X[:6].tolist()}
        case["predict"] = model.predict(X[:6]).tolist()
        if hasattr(model, "predict_proba"):
            case["outputs"] = model.predict_proba(X[:6]).tolist()
        cases.append(case)
    return cases


def keras_object(thing: Any) -> dict[str, Any]:
    """Return a description of a model of Keras, or of one of its layers."""
    if type(thing).__name__ in ("Sequential", "Functional"):
        layers = [keras_object(layer) for layer in thing.layers]
        config = thing.get_config()
        names = ("name", "class_name", "module", "inbound_nodes")
        config["layers"] = [{k: entry.get(k) for k in names} for entry in config["layers"]]
        content = {"config": config} if type(thing).__name__ == "Functional" else {}
        return described(thing, ["name"], layers={"list": layers}, **content)
    config = {k: v for k, v in thing.get_config().items() if not k.endswith("izer")}
    weights = list(map(plain, thing.get_weights()))
    return described(thing, ["name"], config=config, weights={"list": weights})


def keras_cases() -> list[dict[str, Any]]:
    """Return networks of Keras, float32: it multiplies matrices in no other type."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(1)
    layers = keras.layers
    normalization = layers.Normalization()
    normalization.adapt(np.array([[1.0, 2000.0, -3.0], [2.0, 2010.0, 5.0], [4.0, 1990.0, 5.0]]))
    parts = [
        [normalization, layers.Flatten(), layers.Dense(4, "silu"), layers.BatchNormalization()],
        [layers.Dense(4, use_bias=False), layers.LayerNormalization(), layers.Dropout(0.2)],
        [keras.Sequential([layers.Dense(4), layers.LeakyReLU(0.3)]), layers.Dense(4, "gelu")],
        [layers.Dense(4), layers.Activation("leaky_relu"), layers.Dense(4), layers.ELU(0.5)],
        [layers.Dense(4, "selu"), layers.Dense(4), layers.ReLU(), layers.Dense(4, "elu")],
        [layers.Dense(4, "softplus"), layers.Dense(4), layers.ReLU(negative_slope=0.1)],
        [layers.BatchNormalization(center=False, scale=False), layers.Dense(4, "log_softmax")],
        [layers.Dense(4, "tanh"), layers.Dense(2, "sigmoid"), layers.Softmax()],
    ]
    cases = []
    for part in parts:
        network = keras.Sequential([keras.Input((3,)), *part])
        for layer in network.layers:
            if "normalization" in layer.name and layer is not normalization:
                shapes = [array.shape for array in layer.get_weights()]
                layer.set_weights([np.arange(*shape) * 0.3 + 0.5 for shape in shapes])
        X = rows(3)[:5]
        outputs = network.predict(np.array(X), verbose=0).tolist()
        cases.append({"model": keras_object(network), "rows": X, "outputs": outputs})
    return cases


def brainjs_cases(path: str) -> list[dict[str, Any]]:
    """Return what make_imports.js wrote."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


if __name__ == "__main__":
    table = {
        "torch": torch_cases(),
        "onnx": onnx_cases(),
        "sklearn": sklearn_cases(),
        "keras": keras_cases(),
        "brainjs": [case for path in sys.argv[1:] for case in brainjs_cases(path)],
    }
    TABLE.write_text(json.dumps(table) + "\n")
