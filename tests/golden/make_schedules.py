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
    ("LinearRate", {"learning_rate": 0.3, "end": 0.03, "steps": 25, "per": "epoch"}),
    ("LinearRate", {"learning_rate": 0.1, "end": 0.3, "steps": 10, "per": "epoch"}),
    ("Polynomial", {"learning_rate": 0.3, "length": 30}),
    ("Polynomial", {"learning_rate": 0.3, "length": 35, "power": 2.5}),
    ("OneCycle", {"learning_rate": 0.3, "length": EPOCHS, "per": "epoch"}),
    (
        "OneCycle",
        {"learning_rate": 0.3, "length": EPOCHS, "rise": 0.1, "linear": True, "per": "epoch"},
    ),
    (
        "OneCycle",
        {
            "learning_rate": 0.3, "length": EPOCHS, "rise": 0.55, "div_factor": 10.0,
            "final_div_factor": 100.0, "per": "epoch",
        },
    ),
    ("WarmRestarts", {"learning_rate": 0.3, "length": 7}),
    ("WarmRestarts", {"learning_rate": 0.3, "length": 3, "factor": 2, "minimum": 0.01}),
    ("MultiStep", {"learning_rate": 0.3, "milestones": [5, 6, 30]}),
    ("MultiStep", {"learning_rate": 0.3, "milestones": [1], "gamma": 0.5}),
    (
        "Chained",
        {"schedules": [
            {"type": "linear", "learning_rate": 0.3, "end": 0.15, "steps": 20, "per": "epoch"},
            {"type": "exponential", "learning_rate": 0.3, "gamma": 0.9},
        ]},
    ),
    (
        "Successive",
        {"schedules": [
            {"type": "linear", "learning_rate": 0.03, "end": 0.3, "steps": 5, "per": "epoch"},
            {"type": "exponential", "learning_rate": 0.3, "gamma": 0.9},
            {"type": "constant", "learning_rate": 0.03},
        ], "milestones": [5, 20]},
    ),
]  # fmt: skip

# A loss that falls, stays, rises and falls again, with an epoch that was lost.
LOSSES = [
    math.nan if epoch == 5 else 1.0 / (1 + epoch % 13) + 0.05 * math.sin(epoch)
    for epoch in range(EPOCHS)
]


def reference(name: str, settings: dict[str, Any]) -> list[float]:
    """Return the learning rate of each epoch, from PyTorch or scikit-learn."""
    import torch
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    if name in ("Chained", "Successive"):
        return several(name, settings)
    settings = {key: value for key, value in settings.items() if key != "per"}
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
    elif name == "LinearRate":
        optimizer.param_groups[0]["lr"] = optimizer.defaults["lr"] = top = max(
            rate, settings["end"]
        )
        factors = rate / top, settings["end"] / top  # of which PyTorch takes none above 1
        scheduler = schedulers.LinearLR(optimizer, *factors, settings["steps"])
    elif name == "Polynomial":
        scheduler = schedulers.PolynomialLR(
            optimizer, settings["length"], settings.get("power", 1.0)
        )
    elif name == "OneCycle":
        scheduler = schedulers.OneCycleLR(
            optimizer,
            rate,
            settings["length"],
            pct_start=settings.get("rise", 0.3),
            anneal_strategy="linear" if settings.get("linear") else "cos",
            div_factor=settings.get("div_factor", 25.0),
            final_div_factor=settings.get("final_div_factor", 1e4),
            cycle_momentum=False,
        )
    elif name == "WarmRestarts":
        scheduler = schedulers.CosineAnnealingWarmRestarts(
            optimizer, settings["length"], settings.get("factor", 1), settings.get("minimum", 0.0)
        )
    elif name == "MultiStep":
        scheduler = schedulers.MultiStepLR(optimizer, **settings)
    else:
        settings["min_lr"] = settings.pop("minimum", 0.0)
        scheduler = schedulers.ReduceLROnPlateau(optimizer, **settings)
    rates = []
    for epoch, loss in enumerate(LOSSES):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if name == "OneCycle" and epoch == EPOCHS - 1:
            break  # PyTorch's has an end
        scheduler.step(*([loss] if name == "ReduceOnPlateau" else []))
    return rates


def several(name: str, settings: dict[str, Any]) -> list[float]:
    """Return the rates of the two variants that are made of others."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    schedulers = torch.optim.lr_scheduler
    scheduler: Any
    falls = schedulers.ExponentialLR(optimizer, 0.9)
    if name == "Chained":
        scheduler = schedulers.ChainedScheduler(
            [schedulers.LinearLR(optimizer, 1.0, 0.5, 20), falls], optimizer
        )
    else:
        parts: list[Any] = [
            schedulers.LinearLR(optimizer, 0.1, 1.0, 5), falls,
            schedulers.ConstantLR(optimizer, 0.1, 1000),
        ]  # fmt: skip
        scheduler = schedulers.SequentialLR(optimizer, parts, settings["milestones"])
    rates = []
    for _ in LOSSES:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
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
