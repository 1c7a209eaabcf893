"""Write schedules.json: the learning rates of PyTorch's and scikit-learn's schedules.

Run as `python tests/golden/make_schedules.py`; needs PyTorch and scikit-learn. The table in the
repository is from PyTorch 2.13.0 and scikit-learn 1.9.1. The tests read it without either, and make
it anew where both are.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("schedules.json")
EPOCHS = 40

# tinynn's schedule and its settings.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("ConstantRate", {"learning_rate": 0.3}),
    ("Step", {"learning_rate": 0.3, "step_size": 1}),
    ("Step", {"learning_rate": 0.3, "step_size": 7, "gamma": 0.5}),
    ("Exponential", {"learning_rate": 0.3, "gamma": 0.9}),
    ("Cosine", {"learning_rate": 0.3, "length": EPOCHS}),
    ("Cosine", {"learning_rate": 0.3, "length": EPOCHS, "minimum": 0.01}),
    ("Cosine", {"learning_rate": 0.3, "length": EPOCHS, "minimum": 0.01, "warmup": 1}),
    ("Cosine", {"learning_rate": 0.3, "length": EPOCHS, "minimum": 0.01, "warmup": 10}),
    ("InverseScaling", {"learning_rate": 0.3, "samples": 150}),
    ("InverseScaling", {"learning_rate": 0.3, "power": 0.25}),
    ("ReduceOnPlateau", {"learning_rate": 0.3}),
    ("ReduceOnPlateau", {"learning_rate": 0.3, "patience": 0, "factor": 0.5}),
    ("ReduceOnPlateau", {"learning_rate": 0.3, "patience": 2, "factor": 0.5, "cooldown": 3}),
    ("ReduceOnPlateau", {"learning_rate": 0.3, "patience": 1, "threshold": 0.2, "minimum": 0.01}),
    ("ReduceOnPlateau", {"learning_rate": 0.3, "patience": 0, "threshold": 0.5, "eps": 0.02}),
]

# A loss that falls, stays, rises and falls again, with an epoch that was lost.
LOSSES = [
    math.nan if epoch == 5 else 1.0 / (1 + epoch % 13) + 0.05 * math.sin(epoch)
    for epoch in range(EPOCHS)
]


def reference(name: str, settings: dict[str, Any]) -> list[float]:
    """Return the learning rate of each epoch, from PyTorch or scikit-learn."""
    import torch
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    settings = dict(settings)
    rate = settings.pop("learning_rate")
    if name == "InverseScaling":
        samples = settings.pop("samples", 1)
        power = settings.pop("power", 0.5)
        sklearn_sgd = SGDOptimizer([], rate, lr_schedule="invscaling", power_t=power)
        rates = []
        for epoch in range(EPOCHS):
            rates.append(float(sklearn_sgd.learning_rate))
            sklearn_sgd.iteration_ends((epoch + 1) * samples)
        return rates

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    schedulers = torch.optim.lr_scheduler
    scheduler: Any
    if name == "ConstantRate":
        scheduler = schedulers.ConstantLR(optimizer, factor=1.0)
    elif name == "Step":
        scheduler = schedulers.StepLR(optimizer, **settings)
    elif name == "Exponential":
        scheduler = schedulers.ExponentialLR(optimizer, **settings)
    elif name == "Cosine":
        warmup = settings.get("warmup", 0)
        fall = schedulers.CosineAnnealingLR(
            optimizer, settings["length"] - warmup, settings.get("minimum", 0.0)
        )
        scheduler = fall
        if warmup:
            rise = schedulers.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)
            scheduler = schedulers.SequentialLR(optimizer, [rise, fall], milestones=[warmup])
    else:
        settings["min_lr"] = settings.pop("minimum", 0.0)
        scheduler = schedulers.ReduceLROnPlateau(optimizer, **settings)
    rates = []
    for loss in LOSSES:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([loss] if name == "ReduceOnPlateau" else []))
    return rates


def table() -> dict[str, Any]:
    """Return all that schedules.json holds."""
    import sklearn
    import torch

    return {
        "source": f"PyTorch {torch.__version__}, scikit-learn {sklearn.__version__}, "
        "tests/golden/make_schedules.py",
        "losses": [None if math.isnan(loss) else loss for loss in LOSSES],
        "variants": [
            {"schedule": name, "settings": settings, "rates": reference(name, settings)}
            for name, settings in VARIANTS
        ],
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(table(), indent=1) + "\n")
