"""Write recurrent.json: what PyTorch's recurrent layers give, and the derivatives of their numbers.

Run as `python tests/golden/make_recurrent.py`; needs PyTorch. The table in the repository is from
PyTorch 2.13.0. The tests read it without PyTorch, and make it anew where it is installed.
"""

from __future__ import annotations

import json
from math import sin
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("recurrent.json")
INPUTS, UNITS = 2, 3
LENGTHS = [4, 1, 3]

# PyTorch's class and its settings; steps of which derivatives pass on.
CASES: list[tuple[str, dict[str, Any], int | None]] = [
    ("RNN", {}, None),
    ("RNN", {"nonlinearity": "relu"}, None),
    ("RNN", {"bias": False}, 2),
    ("LSTM", {}, None),
    ("LSTM", {"bias": False}, None),
    ("LSTM", {}, 2),
    ("GRU", {}, None),
    ("GRU", {"bias": False}, None),
    ("GRU", {}, 3),
]


def numbers(rows: int, columns: int, seed: int) -> list[list[float]]:
    """Return a matrix of numbers between −1 and 1 without pattern, the same everywhere."""
    return [
        [sin(12.9898 * (i * columns + j + 1) * seed) for j in range(columns)] for i in range(rows)
    ]


def sequences() -> list[list[list[float]]]:
    return [numbers(length, INPUTS, 3 + i) for i, length in enumerate(LENGTHS)]


def derivatives() -> list[list[list[float]]]:
    """Return dY: the derivative of the loss by each output."""
    return [numbers(length, UNITS, 11 + i) for i, length in enumerate(LENGTHS)]


def pieces(length: int, truncate: int | None) -> list[tuple[int, int]]:
    """Return where the pieces begin and end that derivatives do not leave, from the end."""
    ends = range(length, 0, -(truncate or length))
    return [(max(0, end - (truncate or length)), end) for end in ends][::-1]


def run(kind: str, settings: dict[str, Any], truncate: int | None) -> dict[str, Any]:
    """Return outputs, derivatives by inputs and by parameters of one of PyTorch's layers."""
    import torch

    layer = getattr(torch.nn, kind)(INPUTS, UNITS, dtype=torch.float64, **settings)
    for seed, parameter in enumerate(layer.parameters()):
        rows = numbers(parameter.shape[0], parameter[0].numel(), 5 + seed)
        with torch.no_grad():
            parameter.copy_(torch.tensor(rows, dtype=torch.float64).reshape(parameter.shape))
    Y, dX = [], []
    for sequence, dY in zip(sequences(), derivatives()):
        X = torch.tensor(sequence, dtype=torch.float64, requires_grad=True)
        state, found = None, []
        for start, end in pieces(len(sequence), truncate):
            if state is not None:
                state = tuple(s.detach() for s in state) if kind == "LSTM" else state.detach()
            H, state = layer(X[start:end], state)
            found.append(H)
        out = torch.cat(found)
        (out * torch.tensor(dY, dtype=torch.float64)).sum().backward()
        Y += out.tolist()
        dX += X.grad.tolist()
    by_name = {name: p.tolist() for name, p in layer.named_parameters()}
    gradients = {name: p.grad.tolist() for name, p in layer.named_parameters()}
    return {
        "kind": kind, "settings": settings, "truncate": truncate, "parameters": by_name,
        "gradients": gradients, "Y": Y, "dX": dX,
    }  # fmt: skip


def table() -> list[dict[str, Any]]:
    return [run(*case) for case in CASES]


if __name__ == "__main__":
    TABLE.write_text(json.dumps(table(), separators=(",", ":")) + "\n")
