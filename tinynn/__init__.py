"""tinynn: a neural network that runs anywhere Python runs.

Pure Python, no dependencies. `import tinynn as nn` is all you need; each name below is loaded when
it is first used, so importing the package costs almost nothing. The code is meant to be read: begin
with the folder `lesson`, in this order: neural_net, matrix, activations, losses, layers, network,
optimizers, training.
"""

from __future__ import annotations

__version__ = "0.1.0"

# Type checkers take it for True; importing it from `typing` would take longer than all else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .data import (
        MinMaxScaler as MinMaxScaler,
        StandardScaler as StandardScaler,
        class_numbers as class_numbers,
        load_iris as load_iris,
        one_hot as one_hot,
        train_test_split as train_test_split,
    )
    from .engines.neural_net import (
        NeuralNet as NeuralNet,
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
        Ensemble as Ensemble,
        Regressor as Regressor,
        load as load,
    )
    from .formulas.registering import register as register
    from .lesson.activation_layers import (
        ELU as ELU,
        GELU as GELU,
        SELU as SELU,
        Activation as Activation,
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
    from .lesson.adam import Adam as Adam, AdamW as AdamW
    from .lesson.attention import MultiHeadAttention as MultiHeadAttention
    from .lesson.class_losses import (
        BinaryFocal as BinaryFocal,
        CrossEntropy as CrossEntropy,
        Focal as Focal,
    )
    from .lesson.convolution import (
        Conv1D as Conv1D,
        Conv2D as Conv2D,
        DepthwiseConv2D as DepthwiseConv2D,
    )
    from .lesson.gru import GRU as GRU
    from .lesson.images import (
        BatchNorm1D as BatchNorm1D,
        BatchNorm2D as BatchNorm2D,
        Flatten as Flatten,
        Reshape as Reshape,
    )
    from .lesson.layer import Layer as Layer
    from .lesson.layers import Dense as Dense, Dropout as Dropout
    from .lesson.loss import Loss as Loss
    from .lesson.losses import (
        BinaryCrossEntropy as BinaryCrossEntropy,
        CategoricalCrossEntropy as CategoricalCrossEntropy,
        Hinge as Hinge,
        Huber as Huber,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanSquaredError as MeanSquaredError,
    )
    from .lesson.lstm import LSTM as LSTM
    from .lesson.more_activations import (
        CELU as CELU,
        Clip as Clip,
        Hardsigmoid as Hardsigmoid,
        Hardswish as Hardswish,
        LogSigmoid as LogSigmoid,
        Mish as Mish,
        ReLU6 as ReLU6,
        Softsign as Softsign,
        TanhGELU as TanhGELU,
    )
    from .lesson.more_losses import (
        LogCosh as LogCosh,
        Poisson as Poisson,
        Quantile as Quantile,
    )
    from .lesson.more_optimizers import (
        Adadelta as Adadelta,
        NAdam as NAdam,
        RAdam as RAdam,
    )
    from .lesson.network import Sequential as Sequential
    from .lesson.normalization import (
        BatchNorm as BatchNorm,
        GroupNorm as GroupNorm,
        LayerNorm as LayerNorm,
    )
    from .lesson.optimizer import Optimizer as Optimizer
    from .lesson.optimizers import SGD as SGD, Adagrad as Adagrad, RMSprop as RMSprop
    from .lesson.parameters import Parameter as Parameter
    from .lesson.pooling import (
        AveragePool1D as AveragePool1D,
        AveragePool2D as AveragePool2D,
        MaxPool1D as MaxPool1D,
        MaxPool2D as MaxPool2D,
    )
    from .lesson.prelu import PReLU as PReLU
    from .lesson.residual import Residual as Residual
    from .lesson.rms_norm import RMSNorm as RMSNorm
    from .lesson.rnn import RNN as RNN
    from .lesson.sequences import Embedding as Embedding, Positions as Positions
    from .lesson.sign_optimizers import Lion as Lion, Rprop as Rprop
    from .lesson.step_summaries import (
        LastStep as LastStep,
        MaxSteps as MaxSteps,
        MeanSteps as MeanSteps,
    )
    from .selection import cross_validate as cross_validate, search as search
    from .teaching.explain import explain as explain
    from .training.callbacks import (
        Callback as Callback,
        Checkpoint as Checkpoint,
        EarlyStopping as EarlyStopping,
    )
    from .training.gradient_check import (
        GradientReport as GradientReport,
        gradcheck as gradcheck,
    )
    from .training.history import (
        History as History,
    )
    from .training.lbfgs import LBFGS as LBFGS
    from .training.more_callbacks import CSVLog as CSVLog, LambdaCallback as LambdaCallback
    from .training.parts import fit_parts as fit_parts
    from .training.progress import Progress as Progress
    from .training.snapshots import Snapshots as Snapshots
    from .training.tasks import WorkerError as WorkerError
    from .training.trainer import (
        Trainer as Trainer,
        fit as fit,
    )
    from .training.training_data import (
        ConstantLayerWarning as ConstantLayerWarning,
        UnscaledInputWarning as UnscaledInputWarning,
    )

# The module that defines each public name.
_HOMES: dict[str, str] = {
    name: module
    for module, names in {
        "engines.neural_net": "NeuralNet",
        "lesson.layer": "Layer",
        "lesson.layers": "Dense Dropout",
        "lesson.activation_layers": "Activation Linear Sigmoid Tanh ReLU LeakyReLU ELU SELU GELU "
        "Softplus SiLU Softmax LogSoftmax",
        "lesson.more_activations": "Mish Hardsigmoid Hardswish ReLU6 Clip Softsign CELU LogSigmoid "
        "TanhGELU",
        "lesson.prelu": "PReLU",
        "lesson.residual": "Residual",
        "lesson.rms_norm": "RMSNorm",
        "lesson.sequences": "Embedding Positions",
        "lesson.step_summaries": "LastStep MeanSteps MaxSteps",
        "lesson.attention": "MultiHeadAttention",
        "lesson.rnn": "RNN",
        "lesson.lstm": "LSTM",
        "lesson.gru": "GRU",
        "lesson.normalization": "BatchNorm LayerNorm GroupNorm",
        "lesson.convolution": "Conv2D Conv1D DepthwiseConv2D",
        "lesson.pooling": "MaxPool2D MaxPool1D AveragePool2D AveragePool1D",
        "lesson.images": "BatchNorm2D BatchNorm1D Reshape Flatten",
        "lesson.loss": "Loss",
        "lesson.losses": "MeanSquaredError MeanAbsoluteError Huber BinaryCrossEntropy "
        "CategoricalCrossEntropy Hinge",
        "lesson.more_losses": "Quantile LogCosh Poisson",
        "lesson.class_losses": "BinaryFocal Focal CrossEntropy",
        "lesson.network": "Sequential",
        "lesson.parameters": "Parameter",
        "lesson.optimizer": "Optimizer",
        "lesson.optimizers": "SGD Adagrad RMSprop",
        "lesson.adam": "Adam AdamW",
        "lesson.more_optimizers": "NAdam RAdam Adadelta",
        "lesson.sign_optimizers": "Rprop Lion",
        "engines.prediction": "compile source",
        "formulas.registering": "register",
        "selection": "cross_validate search",
        "teaching.explain": "explain",
        "training.tasks": "WorkerError",
        "training.parts": "fit_parts",
        "training.trainer": "fit Trainer",
        "training.training_data": "ConstantLayerWarning UnscaledInputWarning",
        "training.callbacks": "Callback EarlyStopping Checkpoint",
        "training.more_callbacks": "CSVLog LambdaCallback",
        "training.snapshots": "Snapshots",
        "training.lbfgs": "LBFGS",
        "training.progress": "Progress",
        "training.history": "History",
        "training.gradient_check": "gradcheck GradientReport",
        "estimators": "Classifier Regressor Ensemble ConvergenceWarning load",
        "errors": "TinynnError ShapeError DataError SettingError FormatError DivergenceError "
        "EngineError",
        "data": "load_iris train_test_split one_hot class_numbers StandardScaler MinMaxScaler",
    }.items()
    for name in names.split()
}
# The modules that are attributes of the package, and where each one is.
_MODULES: dict[str, str] = {
    name.rpartition(".")[2]: name
    for name in (
        "lesson.activations", "lesson.initializers", "lesson.layers", "lesson.losses",
        "lesson.matrix", "lesson.network", "lesson.normalization", "lesson.optimizers",
        "lesson.schedules", "training.callbacks", "training.trainer", "metrics.curves",
        "estimators.text",
        "data", "engines", "errors", "estimators", "export", "files", "formulas", "importers",
        "lesson", "metrics", "preprocessing", "selection", "training", "view",
    )
}  # fmt: skip
_MODULES["formats"] = "files"
_MODULES["rng"] = "lesson.random_streams"

__all__ = sorted([*_HOMES, *_MODULES, "__version__"])


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    home = _HOMES.get(name) or _MODULES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # As importlib.import_module does it; importlib itself takes time to import.
    module = __import__(home, globals(), None, ["__name__"], 1)
    value = getattr(module, name) if name in _HOMES else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
