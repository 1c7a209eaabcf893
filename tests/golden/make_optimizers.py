"""Write optimizers.json: the weights that PyTorch reaches in 100 steps with each optimizer.

Run as `python tests/golden/make_optimizers.py`; needs PyTorch. The table in the repository is from
PyTorch 2.13.0, CPU, float64. The tests read it without PyTorch, and make it anew where PyTorch is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("optimizers.json")
STEPS = [1, 2, 3, 10, 100]  # the steps whose weights are kept

START = [0.5, -1.25, 3.0, -0.001, 20.0, 0.0]

# Optimizer, settings. PyTorch's names of settings, but for learning_rate.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.05}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.05}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.7, "dampening": 0.1, "weight_decay": 0.01}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ("Adagrad", {}),
    ("Adagrad", {"learning_rate": 0.5}),
    ("Adagrad", {"learning_rate": 0.5, "lr_decay": 0.01}),
    ("Adagrad", {"learning_rate": 0.5, "weight_decay": 0.05}),
    ("Adagrad", {"learning_rate": 0.5, "initial_accumulator_value": 0.1, "eps": 1e-3}),
    (
        "Adagrad",
        {
            "learning_rate": 0.3,
            "lr_decay": 0.02,
            "weight_decay": 0.01,
            "initial_accumulator_value": 0.5,
        },
    ),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.05, "alpha": 0.9, "eps": 1e-4}),
    ("RMSprop", {"learning_rate": 0.05, "weight_decay": 0.05}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.9}),
    ("RMSprop", {"learning_rate": 0.05, "centered": True}),
    (
        "RMSprop",
        {
            "learning_rate": 0.01,
            "alpha": 0.95,
            "momentum": 0.8,
            "centered": True,
            "weight_decay": 0.05,
        },
    ),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.1}),
    ("Adam", {"learning_rate": 0.1, "betas": [0.5, 0.9], "eps": 1e-3}),
    ("Adam", {"learning_rate": 0.1, "betas": [0.0, 0.99]}),
    ("Adam", {"learning_rate": 0.1, "weight_decay": 0.05}),
    ("Adam", {"learning_rate": 0.1, "betas": [0.9, 0.95], "amsgrad": True}),
    ("Adam", {"learning_rate": 0.1, "amsgrad": True, "weight_decay": 0.05}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.1}),
    ("AdamW", {"learning_rate": 0.1, "weight_decay": 0.5}),
    ("AdamW", {"learning_rate": 0.1, "weight_decay": 0.0, "betas": [0.8, 0.99]}),
    ("AdamW", {"learning_rate": 0.1, "betas": [0.9, 0.95], "amsgrad": True, "eps": 1e-4}),
    ("NAdam", {}),
    ("NAdam", {"learning_rate": 0.1, "betas": [0.8, 0.95], "momentum_decay": 0.05}),
    ("NAdam", {"learning_rate": 0.1, "weight_decay": 0.05, "eps": 1e-4}),
    ("RAdam", {}),
    ("RAdam", {"learning_rate": 0.1, "betas": [0.8, 0.95]}),
    ("RAdam", {"learning_rate": 0.1, "weight_decay": 0.05, "eps": 1e-4}),
    ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 0.5, "rho": 0.8, "eps": 1e-3}),
    ("Adadelta", {"learning_rate": 2.0, "weight_decay": 0.05}),
    ("Rprop", {}),
    ("Rprop", {"learning_rate": 0.1, "etas": [0.3, 1.5], "step_sizes": [1e-3, 0.5]}),
]


def gradient(w: list[float], t: int) -> list[float]:
    """Return the derivative at w of a bumpy bowl that moves with t, so that the whole path matters.

    The third number hardly has a slope, so eps matters; the last has none.
    """
    a, b, c, d, e, _ = w
    wave = math.cos(0.7 * t)
    return [
        2.0 * a + 0.5 * math.sin(3.0 * a) + 0.3 * b + wave,
        0.3 * a + 1.5 * b + 0.2 * math.tanh(d) - 0.5 * wave,
        1e-7 * math.atan(c),
        4.0 * d + 0.2 * b / math.cosh(d) ** 2 + 0.1 * wave,
        10.0 * math.tanh(e) + 0.1 * e,
        0.0,
    ]


def torch_weights(name: str, settings: dict[str, Any]) -> list[list[float]]:
    """Return the weights after each of STEPS steps of PyTorch's optimizer."""
    import torch

    settings = {"lr" if key == "learning_rate" else key: v for key, v in settings.items()}
    w = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    # NAdam keeps its product in the default type, whatever that of the weights.
    torch.set_default_dtype(torch.float64)
    optimizer = getattr(torch.optim, name)([w], **settings)
    kept = []
    for t in range(1, max(STEPS) + 1):
        w.grad = torch.tensor(gradient(w.tolist(), t), dtype=torch.float64)
        optimizer.step()
        if t in STEPS:
            kept.append(w.tolist())
    torch.set_default_dtype(torch.float32)
    return kept


# Rows of gradients and the limit of their norm.
CLIPPED: list[tuple[list[list[float]], float]] = [
    ([[3.0, -4.0], [12.0]], 1.0),
    ([[3.0, -4.0], [12.0]], 13.0),
    ([[3.0, -4.0], [12.0]], 20.0),
    ([[1e-9, 0.0, 2e-9]], 1e-9),
    ([[0.0, 0.0]], 0.5),
]


def torch_clipped(rows: list[list[float]], limit: float) -> list[list[float]]:
    """Return `rows` after torch.nn.utils.clip_grad_norm_."""
    import torch

    parameters = [torch.nn.Parameter(torch.zeros(len(row), dtype=torch.float64)) for row in rows]
    for parameter, row in zip(parameters, rows):
        parameter.grad = torch.tensor(row, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_(parameters, limit)
    gradients: list[Any | None] = [parameter.grad for parameter in parameters]
    return [g.tolist() for g in gradients if g is not None]


def table() -> dict[str, Any]:
    """Return all that optimizers.json holds."""
    import torch

    return {
        "source": f"PyTorch {torch.__version__}, float64, tests/golden/make_optimizers.py",
        "start": START,
        "steps": STEPS,
        "variants": [
            {"optimizer": name, "settings": settings, "weights": torch_weights(name, settings)}
            for name, settings in VARIANTS
        ],
        "clip_by_norm": [
            {"rows": rows, "limit": limit, "clipped": torch_clipped(rows, limit)}
            for rows, limit in CLIPPED
        ],
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(table(), indent=1) + "\n")
