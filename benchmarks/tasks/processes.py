"""What a user waits for besides the arithmetic: starting and importing; and bytes to install."""

from __future__ import annotations

from pathlib import Path

from .kinds import Command, Package, Processes, Sizes, Task

_PROGRAMS = Path(__file__).resolve().parent.parent / "programs"


def program(name: str) -> str:
    return (_PROGRAMS / f"{name}.py").read_text(encoding="utf-8")


TASKS: tuple[Task, ...] = (
    Processes(
        "original-process",
        "the original program, the whole process with its imports",
        unit="process",
        commands=(
            Command("tinynn", "tinynn, fit", program("original_fit")),
            Command("tinynn-neuralnet", "tinynn, NeuralNet", program("original_neural_net")),
            Command("numpy", "NumPy", program("original_numpy"), ("numpy",)),
        ),
        printed=(0.98977040,),
    ),
    Processes(
        "import",
        "import all that training needs, over a bare interpreter",
        unit="process",
        over="bare",
        notes=("The bare interpreter's own time is subtracted from the other rows.",),
        commands=(
            Command("bare", "bare interpreter", "pass"),
            Command("tinynn", "tinynn, with all that fit needs", program("import_fit")),
            Command("tinynn-alone", "import tinynn alone, before it is used", "import tinynn"),
            Command("numpy", "NumPy", "import numpy", ("numpy",)),
            Command("sklearn", "scikit-learn's MLP", "import sklearn.neural_network", ("sklearn",)),
            Command("torch", "PyTorch", "import torch", ("torch",)),
            Command("micrograd", "micrograd", "import micrograd.nn", ("micrograd",)),
            Command("onnxruntime", "onnxruntime", "import onnxruntime", ("onnxruntime",)),
        ),
    ),
    Sizes(
        "size",
        "installed size, with everything required",
        unit="installation",
        quantity="size",
        notes=("Files as installed, without compiled bytecode; a required package counts too.",),
        packages=(
            Package("tinynn", "tinynn", ""),
            Package("numpy", "NumPy", "numpy"),
            Package("sklearn", "scikit-learn", "scikit-learn"),
            Package("torch", "PyTorch", "torch"),
            Package("micrograd", "micrograd", "micrograd"),
            Package("onnxruntime", "onnxruntime", "onnxruntime"),
        ),
    ),
)
