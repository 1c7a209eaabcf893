"""Write functions.json: PyTorch's activations, losses and normalizations, with their derivatives.

Run as `python tests/golden/make_functions.py`; needs PyTorch. The table in the repository is from
PyTorch 2.13.0, CPU, float64. The tests read it without PyTorch, and make it anew where PyTorch is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("functions.json")

Z = [
    -1000.0, -100.0, -40.0, -10.0, -5.0, -3.0, -2.0, -1.5, -1.0, -0.5, -0.1, -1e-5, -1e-10,
    1e-10, 1e-5, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 25.0, 100.0, 1000.0,
]  # fmt: skip

# Layer of tinynn, its settings, the name in torch.nn, its settings.
ACTIVATIONS: list[Any] = [
    ["Sigmoid", {}, "Sigmoid", {}],
    ["Tanh", {}, "Tanh", {}],
    ["ReLU", {}, "ReLU", {}],
    ["LeakyReLU", {}, "LeakyReLU", {}],
    ["LeakyReLU", {"negative_slope": 0.3}, "LeakyReLU", {"negative_slope": 0.3}],
    ["ELU", {}, "ELU", {}],
    ["ELU", {"alpha": 2.5}, "ELU", {"alpha": 2.5}],
    ["SELU", {}, "SELU", {}],
    ["GELU", {}, "GELU", {}],
    ["Softplus", {}, "Softplus", {"threshold": 50}],  # where y = z begins
    ["SiLU", {}, "SiLU", {}],
    ["Mish", {}, "Mish", {}],
    ["Hardswish", {}, "Hardswish", {}],
    ["Hardsigmoid", {}, "Hardsigmoid", {}],
    ["ReLU6", {}, "ReLU6", {}],
    ["Clip", {}, "Hardtanh", {}],
    ["Clip", {"least": -0.75, "most": 2.5}, "Hardtanh", {"min_val": -0.75, "max_val": 2.5}],
    ["Softsign", {}, "Softsign", {}],
    ["CELU", {}, "CELU", {}],
    ["CELU", {"alpha": 0.5}, "CELU", {"alpha": 0.5}],
    ["LogSigmoid", {}, "LogSigmoid", {}],
    ["TanhGELU", {}, "GELU", {"approximate": "tanh"}],
]

ROWS = [
    [0.0, 1.0, 2.0, 3.0], [-1.0, 0.5, -0.25, 4.0], [10000.0, 10001.0, 10002.0, 10003.0],
    [-10000.0, 10000.0, 0.0, 1.0], [1e-8, 0.0, -1e-8, 1.0], [700.0, -700.0, 745.0, -745.0],
]  # fmt: skip
DOWN = [0.5, -1.0, 2.0, 0.25]  # the derivative that comes down to a row-wise function

# Outputs, targets and sample weights for the losses.
Y = [[0.3, -1.2, 2.5], [0.0, 4.0, -0.75], [1.5, 1.0, -3.0], [-0.2, 0.1, 0.9]]
P = [[0.3, 0.5, 0.9], [0.001, 0.999, 0.25], [0.5, 0.125, 0.0625], [1e-6, 0.75, 0.6]]
T = [[0.1, -1.0, 2.5], [2.0, 4.0, 0.5], [1.0, 1.25, -0.5], [-0.2, 3.0, -2.0]]
T01 = [[0.0, 1.0, 1.0], [0.0, 1.0, 0.25], [1.0, 0.0, 0.5], [0.0, 0.0, 1.0]]
T_CLASS = [[0.0, 1.0, 0.0], [0.25, 0.5, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
T_COUNTS = [[0.0, 1.0, 4.0], [2.0, 7.0, 0.0], [1.0, 1.0, 0.5], [0.0, 3.0, 2.0]]
LARGE = [
    [10000.0, -10000.0, 0.0],
    [-10000.0, 10000.0, 5.0],
    [1e4, 9999.0, -1e4],
    [0.0, 50.0, -50.0],
]
WEIGHTS = [1.0, 0.5, 0.0, 2.5]

# Loss of tinynn, its settings, outputs, targets. PyTorch's formulas are in `loss_of` below.
LOSSES: list[Any] = [
    ["mse", {}, "Y", "T"],
    ["mae", {}, "Y", "T"],
    ["huber", {}, "Y", "T"],
    ["huber", {"delta": 0.5}, "Y", "T"],
    ["bce", {}, "P", "T01"],
    ["bce", {"from_logits": True}, "Y", "T01"],
    ["bce", {"from_logits": True}, "LARGE", "T01"],
    ["ce", {}, "P", "T_CLASS"],
    ["ce", {"from_logits": True}, "Y", "T_CLASS"],
    ["ce", {"from_logits": True}, "LARGE", "T_CLASS"],
    ["quantile", {"q": 0.9}, "Y", "T"],
    ["log_cosh", {}, "Y", "T"],
    ["poisson", {}, "Y", "T_COUNTS"],
    ["binary_focal", {"gamma": 2.0}, "P", "T01"],
    ["binary_focal", {"gamma": 0.5}, "P", "T01"],
    ["binary_focal", {"gamma": 2.0, "from_logits": True}, "Y", "T01"],
    ["focal", {"gamma": 2.0}, "P", "T_CLASS"],
    ["focal", {"gamma": 2.0, "from_logits": True}, "Y", "T_CLASS"],
    ["cross_entropy", {"label_smoothing": 0.1}, "P", "T_CLASS"],
    ["cross_entropy", {"label_smoothing": 0.1, "from_logits": True}, "Y", "T_CLASS"],
    ["cross_entropy", {"label_smoothing": 0.3, "from_logits": True}, "LARGE", "T_CLASS"],
]

BATCH = [[0.5, -1.25, 3.0], [2.0, 0.75, -0.5], [-1.0, 4.0, 0.25], [0.125, -2.0, 1.5]]
GAMMA, BETA = [1.5, -0.5, 2.0], [0.1, 0.2, -0.3]
DY = [[0.2, -0.4, 1.0], [-0.6, 0.3, 0.5], [1.25, 0.0, -0.75], [0.1, -1.5, 0.4]]


def rows_named(name: str) -> list[list[float]]:
    """Return the outputs or targets of that name."""
    return {
        "Y": Y, "P": P, "T": T, "T01": T01, "T_CLASS": T_CLASS, "LARGE": LARGE,
        "T_COUNTS": T_COUNTS,
    }[name]  # fmt: skip


def activation_case(torch: Any, case: Any) -> dict[str, Any]:
    """Return the values and derivatives of one activation at all of Z."""
    layer, settings, name, torchs = case
    z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
    if name == "Hardsigmoid":  # whose own derivative is 1/6 in float32
        y = torch.nn.functional.relu6(z + 3) / 6
    else:
        y = getattr(torch.nn, name)(**torchs)(z)
    y.sum().backward()
    return {"layer": layer, "settings": settings, "y": y.tolist(), "dy": z.grad.tolist()}


def row_case(torch: Any, layer: str) -> dict[str, Any]:
    """Return the values of a row-wise activation on ROWS, and what DOWN becomes through it."""
    z = torch.tensor(ROWS, dtype=torch.float64, requires_grad=True)
    y = getattr(torch.nn, layer)(dim=1)(z)
    y.backward(torch.tensor([DOWN] * len(ROWS), dtype=torch.float64))
    return {"layer": layer, "y": y.tolist(), "dz": z.grad.tolist()}


def loss_of(torch: Any, name: str, settings: dict[str, Any], y: Any, t: Any) -> Any:
    """Return PyTorch's loss of each sample: a vector."""
    F = torch.nn.functional
    logits = settings.get("from_logits", False)
    if name == "cross_entropy":
        smoothing = settings["label_smoothing"]
        if logits:
            return F.cross_entropy(y, t, reduction="none", label_smoothing=smoothing)
        return -(
            (t * (1 - smoothing) + t.sum(dim=1, keepdim=True) * smoothing / t.shape[1]) * y.log()
        ).sum(dim=1)
    if name == "focal":
        p = y.softmax(dim=1) if logits else y
        return -(t * (1 - p) ** settings["gamma"] * p.log()).sum(dim=1)
    if name == "binary_focal":
        p = y.sigmoid() if logits else y
        yes, no = t * (1 - p) ** settings["gamma"], (1 - t) * p ** settings["gamma"]
        return -(yes * p.log() + no * (1 - p).log()).mean(dim=1)
    if name == "quantile":
        q = settings["q"]
        return ((1 - q) * (y - t).relu() + q * (t - y).relu()).mean(dim=1)
    if name == "log_cosh":
        return (y - t).cosh().log().mean(dim=1)
    if name == "poisson":  # with full=True, PyTorch approximates what does not depend on y
        rest = torch.where(t > 0, t * t.clamp(min=1e-300).log() - t, 0.0)
        nll = F.poisson_nll_loss(y, t, log_input=True, full=False, reduction="none")
        return (nll + rest).mean(dim=1)
    if name == "ce":
        if logits:
            return F.cross_entropy(y, t, reduction="none")
        return -(t * y.log()).sum(dim=1)
    function = {
        "mse": F.mse_loss,
        "mae": F.l1_loss,
        "huber": F.huber_loss,
        "bce": F.binary_cross_entropy_with_logits if logits else F.binary_cross_entropy,
    }[name]
    torchs = {"delta": settings["delta"]} if "delta" in settings else {}
    return function(y, t, reduction="none", **torchs).mean(dim=1)


def loss_case(torch: Any, case: Any) -> dict[str, Any]:
    """Return a loss and its derivative by the outputs, without and with sample weights."""
    name, settings, outputs, targets = case
    found: dict[str, Any] = {
        "loss": name, "settings": settings, "outputs": outputs, "targets": targets,
    }  # fmt: skip
    for key, weights in (("plain", [1.0] * len(Y)), ("weighted", WEIGHTS)):
        y = torch.tensor(rows_named(outputs), dtype=torch.float64, requires_grad=True)
        t = torch.tensor(rows_named(targets), dtype=torch.float64)
        w = torch.tensor(weights, dtype=torch.float64)
        value = (w * loss_of(torch, name, settings, y, t)).sum() / w.sum()
        value.backward()
        found[key] = {"value": value.item(), "gradient": y.grad.tolist()}
    return found


def normalization_case(torch: Any, layer: str, training: bool) -> dict[str, Any]:
    """Return what two forward passes and one backward pass of a normalization give."""
    module = {"BatchNorm": torch.nn.BatchNorm1d, "LayerNorm": torch.nn.LayerNorm}[layer](3).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor(GAMMA, dtype=torch.float64))
        module.bias.copy_(torch.tensor(BETA, dtype=torch.float64))
    module.train()
    x = torch.tensor(BATCH, dtype=torch.float64, requires_grad=True)
    module(x)  # BatchNorm's running averages move
    module.train(training)
    y = module(x)
    y.backward(torch.tensor(DY, dtype=torch.float64))
    found = {
        "layer": layer, "training": training, "y": y.tolist(), "dx": x.grad.tolist(),
        "dgamma": module.weight.grad.tolist(), "dbeta": module.bias.grad.tolist(),
    }  # fmt: skip
    if layer == "BatchNorm":
        found["running_mean"] = module.running_mean.tolist()
        found["running_variance"] = module.running_var.tolist()
    return found


GROUPS = [[0.5, -1.25, 3.0, 2.0], [2.0, 0.75, -0.5, -0.5], [-1.0, 4.0, 0.25, 7.5]]
GROUPS_DY = [[0.2, -0.4, 1.0, 0.5], [-0.6, 0.3, 0.5, -2.0], [1.25, 0.0, -0.75, 0.1]]
SLOPES = [0.25, -0.5, 0.0, 1.5]


def trained_case(torch: Any, layer: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return one pass forward and one backward of a layer whose parameters are SLOPES."""
    if layer == "PReLU":
        module = torch.nn.PReLU(1 if settings["shared"] else 4).double()
    else:
        module = torch.nn.GroupNorm(settings["groups"], 4).double()
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(torch.tensor(SLOPES[: value.numel()], dtype=torch.float64))
    x = torch.tensor(GROUPS, dtype=torch.float64, requires_grad=True)
    y = module(x)
    y.backward(torch.tensor(GROUPS_DY, dtype=torch.float64))
    gradients = [value.grad.tolist() for value in module.parameters()]
    return {
        "layer": layer, "settings": settings, "y": y.tolist(), "dx": x.grad.tolist(),
        "gradients": gradients,
    }  # fmt: skip


def make() -> dict[str, Any]:
    """Return the table."""
    import torch

    return {
        "activations": [activation_case(torch, case) for case in ACTIVATIONS],
        "rows": [row_case(torch, layer) for layer in ("Softmax", "LogSoftmax")],
        "losses": [loss_case(torch, case) for case in LOSSES],
        "normalizations": [
            normalization_case(torch, layer, training)
            for layer in ("BatchNorm", "LayerNorm")
            for training in (True, False)
        ],
        "trained": [
            trained_case(torch, layer, settings)
            for layer, settings in (
                ("PReLU", {"shared": False}),
                ("PReLU", {"shared": True}),
                ("GroupNorm", {"groups": 1}),
                ("GroupNorm", {"groups": 2}),
            )
        ],
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(make(), indent=1) + "\n")
