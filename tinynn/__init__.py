"""tinynn: a neural network that runs anywhere Python runs.

Pure Python, no dependency. `import tinynn as nn` is all it takes; each name below is loaded when it
is first used, so that importing the package costs almost nothing. The code is meant to be read, in
this order: neural_net, matrix, activations, losses, layers, network, optimizers, trainer.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers know better; `typing` takes longer to import than all else
if TYPE_CHECKING:
    from .callbacks import (
        Callback as Callback,
        Checkpoint as Checkpoint,
        EarlyStopping as EarlyStopping,
        Progress as Progress,
    )
    from .data import (
        MinMaxScaler as MinMaxScaler,
        StandardScaler as StandardScaler,
        class_numbers as class_numbers,
        load_iris as load_iris,
        one_hot as one_hot,
        train_test_split as train_test_split,
    )
    from .engines.prediction import (
        compile as compile,
        source as source,
    )
    from .errors import (
        DataError as DataError,
        DivergenceError as DivergenceError,
        EngineError as EngineError,
        FormatError as FormatError,
        SettingError as SettingError,
        ShapeError as ShapeError,
        TinynnError as TinynnError,
    )
    from .estimators import (
        Classifier as Classifier,
        ConvergenceWarning as ConvergenceWarning,
        Regressor as Regressor,
        load as load,
    )
    from .gradient_check import (
        GradientReport as GradientReport,
        gradcheck as gradcheck,
    )
    from .history import (
        History as History,
    )
    from .layers import (
        ELU as ELU,
        GELU as GELU,
        SELU as SELU,
        Dense as Dense,
        Dropout as Dropout,
        Layer as Layer,
        LeakyReLU as LeakyReLU,
        Linear as Linear,
        LogSoftmax as LogSoftmax,
        ReLU as ReLU,
        Sigmoid as Sigmoid,
        SiLU as SiLU,
        Softmax as Softmax,
        Softplus as Softplus,
        Tanh as Tanh,
    )
    from .losses import (
        BinaryCrossEntropy as BinaryCrossEntropy,
        CategoricalCrossEntropy as CategoricalCrossEntropy,
        Hinge as Hinge,
        Huber as Huber,
        Loss as Loss,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanSquaredError as MeanSquaredError,
    )
    from .network import (
        Parameter as Parameter,
        Sequential as Sequential,
    )
    from .neural_net import (
        NeuralNet as NeuralNet,
    )
    from .normalization import (
        BatchNorm as BatchNorm,
        LayerNorm as LayerNorm,
    )
    from .optimizers import (
        SGD as SGD,
        Adagrad as Adagrad,
        Adam as Adam,
        AdamW as AdamW,
        Optimizer as Optimizer,
        RMSprop as RMSprop,
    )
    from .trainer import (
        Trainer as Trainer,
        fit as fit,
    )
    from .training_data import (
        UnscaledInputWarning as UnscaledInputWarning,
    )

# The module in which each public name lives.
_HOMES: dict[str, str] = {
    name: module
    for module, names in {
        "neural_net": "NeuralNet",
        "layers": "Layer Dense Linear Sigmoid Tanh ReLU LeakyReLU ELU SELU GELU Softplus SiLU "
        "Softmax LogSoftmax Dropout",
        "normalization": "BatchNorm LayerNorm",
        "losses": "Loss MeanSquaredError MeanAbsoluteError Huber BinaryCrossEntropy "
        "CategoricalCrossEntropy Hinge",
        "network": "Sequential Parameter",
        "estimators": "Classifier Regressor ConvergenceWarning load",
        "optimizers": "Optimizer SGD Adagrad RMSprop Adam AdamW",
        "trainer": "fit Trainer",
        "engines.prediction": "compile source",
        "history": "History",
        "callbacks": "Callback EarlyStopping Checkpoint Progress",
        "training_data": "UnscaledInputWarning",
        "gradient_check": "gradcheck GradientReport",
        "errors": "TinynnError ShapeError DataError SettingError FormatError DivergenceError "
        "EngineError",
        "data": "load_iris train_test_split one_hot class_numbers StandardScaler MinMaxScaler",
    }.items()
    for name in names.split()
}
_MODULES = (
    "activations",
    "callbacks",
    "curves",
    "data",
    "engines",
    "errors",
    "estimators",
    "export",
    "formats",
    "importers",
    "initializers",
    "layers",
    "losses",
    "matrix",
    "metrics",
    "network",
    "normalization",
    "optimizers",
    "preprocessing",
    "rng",
    "schedules",
    "trainer",
    "view",
)

__all__ = sorted([*_HOMES, *_MODULES, "__version__"])


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for (PEP 562)."""
    from importlib import import_module

    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    elif name in _MODULES:
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
