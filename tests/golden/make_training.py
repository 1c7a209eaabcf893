"""Write training.json: the weights that PyTorch reaches by whole trainings of small networks.

Run as `python tests/golden/make_training.py`; needs PyTorch. The table in the repository is from
PyTorch 2.13.0, CPU, float64. The tests read it without PyTorch; where PyTorch is, they compare many
more trainings live, with the function `torch_training` below.

A training is described by plain data, `CASES`, so that tinynn can be given the same.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("training.json")
STEPS = 100
ROWS = 7

# Each optimizer in each of its variants, with PyTorch's names but for learning_rate.
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.02}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"learning_rate": 0.03, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adagrad", {"learning_rate": 0.1, "lr_decay": 0.02, "weight_decay": 0.02}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-6}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.002, "alpha": 0.9, "weight_decay": 0.02, "eps": 1e-3}),
    ("RMSprop", {"learning_rate": 0.003, "momentum": 0.8}),
    ("RMSprop", {"learning_rate": 0.003, "centered": True, "momentum": 0.5, "eps": 1e-4}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.02, "betas": [0.8, 0.99], "weight_decay": 0.02}),
    ("Adam", {"learning_rate": 0.02, "amsgrad": True, "eps": 1e-6}),
    ("AdamW", {"learning_rate": 0.02}),
    ("AdamW", {"learning_rate": 0.02, "weight_decay": 0.1, "amsgrad": True}),
]

# Each loss, its settings, and the layers that end a network for it.
LOSSES: list[tuple[str, dict[str, Any], list[list[Any]]]] = [
    ("MeanSquaredError", {}, []),
    ("MeanAbsoluteError", {}, []),
    ("Huber", {"delta": 0.5}, []),
    ("BinaryCrossEntropy", {}, [["Sigmoid"]]),
    ("BinaryCrossEntropy", {"from_logits": True}, []),
    ("CategoricalCrossEntropy", {}, [["Softmax"]]),
    ("CategoricalCrossEntropy", {"from_logits": True}, []),
]

ACTIVATIONS: list[list[Any]] = [
    ["Tanh"],
    ["ReLU"],
    ["LeakyReLU", 0.1],
    ["ELU", 0.7],
    ["GELU"],
    ["SiLU"],
    ["Softplus"],
    ["Sigmoid"],
]


def base(**changes: Any) -> dict[str, Any]:
    """Return the description of a training: a full batch for 100 steps unless changed."""
    case: dict[str, Any] = {
        "layers": [["Dense", 3, 4], ["Tanh"], ["Dense", 4, 2]],
        "loss": ["MeanSquaredError", {}],
        "optimizer": ["SGD", {"learning_rate": 0.1}],
        "schedule": None,
        "epochs": STEPS,
        "batch_size": None,
        "weighted": False,
        "clip_norm": None,
        "clip_value": None,
    }
    assert set(changes) <= set(case)
    return {**case, **changes}


def grid() -> list[dict[str, Any]]:
    """Return each optimizer with each loss; over these, every pair with an activation occurs."""
    cases = []
    for i, (optimizer, settings) in enumerate(OPTIMIZERS):
        for j, (loss, loss_settings, end) in enumerate(LOSSES):
            activation = ACTIVATIONS[(i + 3 * j) % len(ACTIVATIONS)]
            cases.append(
                base(
                    layers=[["Dense", 3, 4], activation, ["Dense", 4, 2], *end],
                    loss=[loss, loss_settings],
                    optimizer=[optimizer, settings],
                )
            )
    return cases


def specials() -> list[dict[str, Any]]:
    """Return what else a training may have: batches, weights, schedules, clipping, more layers."""
    momentum = ["SGD", {"learning_rate": 0.05, "momentum": 0.9}]
    adam = ["Adam", {"learning_rate": 0.02}]
    softmax = [["Dense", 3, 4], ["ReLU"], ["Dense", 4, 2], ["Softmax"]]
    sigmoid = [["Dense", 3, 4], ["SiLU"], ["Dense", 4, 2], ["Sigmoid"]]
    mse = ["MeanSquaredError", {}]
    ce, bce = ["CategoricalCrossEntropy", {}], ["BinaryCrossEntropy", {}]
    logits = ["CategoricalCrossEntropy", {"from_logits": True}]
    cases = []
    # Batches of 3 out of 7 rows: the last has one row. Also a single row, and more than there are.
    for optimizer, size in itertools.product((momentum, adam), (1, 3, 50)):
        epochs = -(-STEPS // (-(-ROWS // size)))
        cases.append(base(optimizer=optimizer, batch_size=size, epochs=epochs))
        cases.append(
            base(optimizer=optimizer, batch_size=size, epochs=epochs, weighted=True,
                 loss=ce, layers=softmax)
        )  # fmt: skip
    for loss, layers in (
        (mse, base()["layers"]), (["Huber", {"delta": 1.0}], base()["layers"]), (bce, sigmoid),
        (["MeanAbsoluteError", {}], base()["layers"]), (logits, softmax[:-1]),
    ):  # fmt: skip
        cases.append(base(loss=loss, layers=layers, optimizer=adam, weighted=True))
    for clip in (
        {"clip_norm": 0.05}, {"clip_norm": 1e6}, {"clip_value": 0.01}, {"clip_value": 10.0},
        {"clip_norm": 0.03, "clip_value": 0.02},
    ):  # fmt: skip
        cases.append(base(optimizer=momentum, batch_size=3, epochs=34, **clip))
    for schedule in (
        ["Step", {"learning_rate": 0.2, "step_size": 7, "gamma": 0.5}],
        ["Exponential", {"learning_rate": 0.2, "gamma": 0.93}],
        ["Exponential", {"learning_rate": 0.2, "gamma": 0.98, "per": "step"}],
        ["Cosine", {"learning_rate": 0.2, "length": 34, "minimum": 0.01}],
        ["Cosine", {"learning_rate": 0.2, "length": 102, "warmup": 10, "per": "step"}],
        ["ReduceOnPlateau", {"learning_rate": 0.2, "patience": 1, "factor": 0.5,
                             "threshold": 0.05, "cooldown": 2}],
    ):  # fmt: skip
        for optimizer in ("SGD", "Adam"):
            settings = {"momentum": 0.5} if optimizer == "SGD" else {}
            cases.append(
                base(optimizer=[optimizer, settings], schedule=schedule, batch_size=3, epochs=34)
            )
    # Every activation as the last layer, and losses on outputs that they do not cancel against.
    for activation in [*ACTIVATIONS, ["Softmax"]]:
        cases.append(base(layers=[["Dense", 3, 4], ["Tanh"], ["Dense", 4, 2], activation]))
    cases += [
        base(layers=[*sigmoid[:-1], ["Softmax"]], loss=bce, optimizer=adam),
        base(layers=[*softmax[:-1], ["Sigmoid"]], loss=ce, optimizer=adam),
        base(layers=[*softmax[:-1], ["LogSoftmax"]], loss=logits, optimizer=adam),
        base(layers=[["Dense", 3, 4, False], ["SELU"], ["Dense", 4, 2, False]]),
        base(layers=[["Dense", 3, 2]], optimizer=["Adagrad", {}]),
        base(layers=[["LayerNorm", 3], ["Dense", 3, 4], ["LayerNorm", 4], ["Tanh"],
                     ["Dense", 4, 2]], optimizer=momentum),
        # No bias before BatchNorm: its derivative is 0 but for rounding, which Adam would enlarge.
        base(layers=[["Dense", 3, 4, False], ["BatchNorm", 4], ["ReLU"], ["Dense", 4, 2]],
             optimizer=adam, batch_size=4, epochs=50),
        base(layers=[["Dense", 3, 4], ["Tanh"], ["Dense", 4, 4], ["GELU"], ["Dense", 4, 4],
                     ["ELU", 1.0], ["Dense", 4, 2]], optimizer=adam, batch_size=2, epochs=25),
    ]  # fmt: skip
    return cases


def data(case: dict[str, Any], seed: int = 0) -> tuple[Any, Any, Any]:
    """Return inputs, targets that the loss can take, and sample weights (one is 0) or None."""
    rng = random.Random(f"data {seed}")
    columns, outputs = widths(case)
    X = [[round(rng.gauss(0, 1), 3) for _ in range(columns)] for _ in range(ROWS)]
    T = [[round(rng.uniform(0.05, 0.95), 3) for _ in range(outputs)] for _ in range(ROWS)]
    if case["loss"][0] == "CategoricalCrossEntropy":
        T = [[float(j == i % outputs) for j in range(outputs)] for i in range(ROWS)]
        if outputs > 1:
            T[1] = [0.25, 0.75] + [0.0] * (outputs - 2)
    elif case["loss"][0] == "BinaryCrossEntropy":
        T = [[float(rng.random() < 0.5) for _ in t] if i % 2 else t for i, t in enumerate(T)]
    weights = [round(rng.uniform(0.2, 3.0), 2) for _ in range(ROWS)]
    weights[2] = 0.0
    return X, T, weights if case["weighted"] else None


def widths(case: dict[str, Any]) -> tuple[int, int]:
    """Return how many columns go in and come out."""
    dense = [layer for layer in case["layers"] if layer[0] == "Dense"]
    return dense[0][1], dense[-1][2]


def start(case: dict[str, Any], seed: int = 0) -> list[Any]:
    """Return, for each Dense layer, its weights (inputs x outputs) and its bias or None."""
    rng = random.Random(f"start {seed}")
    found = []
    for layer in case["layers"]:
        if layer[0] == "Dense":
            W = [[round(rng.uniform(-1, 1), 3) for _ in range(layer[2])] for _ in range(layer[1])]
            b = [round(rng.uniform(-0.5, 0.5), 3) for _ in range(layer[2])]
            found.append([W, None if layer[3:] == [False] else b])
    return found


def torch_layer(layer: list[Any], weights: list[Any]) -> Any:
    """Return PyTorch's layer; a Dense one takes its start from the front of `weights`."""
    import torch

    name, *arguments = layer
    if name == "Dense":
        W, b = weights.pop(0)
        linear = torch.nn.Linear(arguments[0], arguments[1], bias=b is not None).double()
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(W, dtype=torch.float64).T)
            if b is not None:
                linear.bias.copy_(torch.tensor(b, dtype=torch.float64))
        return linear
    name = {"BatchNorm": "BatchNorm1d"}.get(name, name)
    if name in ("Softmax", "LogSoftmax"):
        arguments = [1]
    return getattr(torch.nn, name)(*arguments).double()


def torch_losses(name: str, settings: dict[str, Any], Y: Any, T: Any) -> Any:
    """Return one loss per sample."""
    from torch.nn import functional as F

    if name == "CategoricalCrossEntropy":
        if settings.get("from_logits"):
            return F.cross_entropy(Y, T, reduction="none")
        return -(T * Y.log()).sum(1)
    if name == "BinaryCrossEntropy":
        logits = settings.get("from_logits")
        f = F.binary_cross_entropy_with_logits if logits else F.binary_cross_entropy
    else:
        f = {
            "MeanSquaredError": F.mse_loss, "MeanAbsoluteError": F.l1_loss, "Huber": F.huber_loss
        }[name]  # fmt: skip
    options = {key: value for key, value in settings.items() if key == "delta"}
    return f(Y, T, reduction="none", **options).mean(1)


def torch_schedule(schedule: Any, optimizer: Any) -> Any:
    """Return PyTorch's scheduler, or a chain of them."""
    from torch.optim import lr_scheduler as s

    name, settings = schedule
    if name == "Step":
        return s.StepLR(optimizer, settings["step_size"], settings["gamma"])
    if name == "Exponential":
        return s.ExponentialLR(optimizer, settings["gamma"])
    if name == "ReduceOnPlateau":
        keys = ("patience", "factor", "threshold", "cooldown")
        return s.ReduceLROnPlateau(optimizer, **{key: settings[key] for key in keys})
    warmup = settings.get("warmup", 0)
    cosine = s.CosineAnnealingLR(
        optimizer, settings["length"] - warmup, settings.get("minimum", 0.0)
    )
    if not warmup:
        return cosine
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"]
    rise = s.LinearLR(optimizer, 1 / (warmup + 1), 1.0, warmup)
    return s.SequentialLR(optimizer, [rise, cosine], [warmup])


def torch_training(case: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    """Return the values of all parameters after the training, Dense ones as tinynn has them.

    Together with `last_loss`, the mean loss of the last epoch, each batch before its own update.
    """
    import torch

    X, T, weights = (
        None if values is None else torch.tensor(values, dtype=torch.float64)
        for values in data(case, seed)
    )
    left = start(case, seed)
    model = torch.nn.Sequential(*[torch_layer(layer, left) for layer in case["layers"]])
    name, settings = case["optimizer"]
    settings = {"lr" if key == "learning_rate" else key: v for key, v in settings.items()}
    per = "epoch"
    if case["schedule"]:
        settings["lr"] = case["schedule"][1]["learning_rate"]
        per = case["schedule"][1].get("per", "epoch")
    optimizer = getattr(torch.optim, name)(model.parameters(), **settings)
    scheduler = torch_schedule(case["schedule"], optimizer) if case["schedule"] else None
    size = case["batch_size"] or ROWS
    mean = 0.0
    for _ in range(case["epochs"]):
        total = count = 0.0
        for i in range(0, ROWS, size):
            optimizer.zero_grad()
            Y, t = model(X[i : i + size]), T[i : i + size]
            losses = torch_losses(*case["loss"], Y, t)
            w = torch.ones(len(t)) if weights is None else weights[i : i + size]
            # A batch whose weights are all 0 has the loss 0, and not PyTorch's NaN.
            loss = (losses * w).sum() / (w.sum() if w.sum() else 1.0)
            loss.backward()
            if case["clip_value"]:
                torch.nn.utils.clip_grad_value_(model.parameters(), case["clip_value"])
            if case["clip_norm"]:
                torch.nn.utils.clip_grad_norm_(model.parameters(), case["clip_norm"])
            optimizer.step()
            total, count = total + loss.item() * w.sum().item(), count + w.sum().item()
            if scheduler is not None and per == "step":
                scheduler.step()
        mean = total / count
        if scheduler is not None and per == "epoch":
            scheduler.step(*([mean] if case["schedule"][0] == "ReduceOnPlateau" else []))
    values = {}
    for i, layer in enumerate(model):
        names = {"weight": "W", "bias": "b"}
        if "Norm" in type(layer).__name__:
            names = {"weight": "gamma", "bias": "beta", "running_mean": "running_mean",
                     "running_var": "running_variance"}  # fmt: skip
        for key, value in layer.state_dict().items():
            if key in names:
                found = value.T if value.dim() == 2 else value
                values[f"{i}.{names[key]}"] = found.tolist()
    return {"weights": values, "last_loss": mean}


CASES = grid() + specials()


def shaken(weights: list[Any]) -> list[Any]:
    """Return the start with its first number moved by the 14th digit.

    A training that this moves to elsewhere is chaotic: adaptive optimizers jump about in a minimum,
    and double every difference in a few steps. Then no two programs that sum in different orders
    agree, and there is nothing to compare.
    """
    W, b = weights[0]
    return [[[[W[0][0] * (1.0 + 1e-14), *W[0][1:]], *W[1:]], b], *weights[1:]]


def table() -> dict[str, Any]:
    """Return all that training.json holds."""
    import torch

    return {
        "source": f"PyTorch {torch.__version__}, float64, tests/golden/make_training.py",
        "cases": [
            {**case, "start": start(case), "data": data(case), **torch_training(case)}
            for case in CASES
        ],
    }


if __name__ == "__main__":
    made = table()
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in made["cases"])
    TABLE.write_text(f'{{"source": {json.dumps(made["source"])}, "cases": [\n{lines}\n]}}\n')
